//! The `build.toml` and the note that lie in a generated world.

use super::{Detail, WorldOptions};

/// The config that makes a data set of the world.
pub(super) fn build_toml(options: &WorldOptions) -> String {
    let mut text = String::from(
        r#"# Makes a data set of this world: worldloom build build.toml --out DIR
[dataset]
name = "town"
license = "CC-BY-4.0"
seed = 3

[[map]]
kind = "osm"
path = "map/town.osm.pbf"
license = "CC-BY-4.0"
attribution = "worldloom synth"

[[recording]]
kind = "folder"
path = "drives/*"
license = "CC-BY-4.0"
"#,
    );
    let rate_hz = match options.detail {
        Detail::Traces => 5.0,
        Detail::Small => 4.0,
        Detail::Full => 10.0,
    };
    if options.detail != Detail::Traces {
        text.push_str(
            r#"
# Street view of the same streets on other dates.
[[recording]]
kind = "folder"
path = "surveys/*"
license = "CC-BY-4.0"
use = "reference"
"#,
        );
    }
    let references = match options.detail {
        Detail::Traces => "",
        Detail::Small | Detail::Full => REFERENCES,
    };
    text.push_str(&format!(
        r#"
[sample]
past_s = 1.0
future_s = 3.0
rate_hz = {rate_hz:?}
stride_s = 1.0
[sample.bev]
size_m = [80.0, 60.0]
resolution_m = 0.25
{references}
# The town is small: cells of 65 m (H3 resolution 10) and a narrow border between the splits.
[split]
cell = 10
buffer_m = 10.0
"#
    ));
    text
}

/// Grounded samples, where there are surveys.
const REFERENCES: &str = r#"# For each window, pictures of the surveys that see the same place, at least a month before or after.
[sample.references]
count = 3
min_days = 30
max_distance_m = 20.0
"#;

/// What lies in the world.
pub(super) fn readme(options: &WorldOptions) -> String {
    let detail = match options.detail {
        Detail::Traces => "traces",
        Detail::Small => "small",
        Detail::Full => "full",
    };
    let (drives, seed) = (options.drives, options.seed);
    let length = options.length_m.map(|metres| format!(" --length {metres}")).unwrap_or_default();
    let mut text = format!(
        r#"# A generated town

Made by `worldloom synth --drives {drives} --seed {seed} --detail {detail}{length}`; the same command gives the same bytes.
Licence: CC-BY-4.0.

| folder | holds |
|---|---|
| `map/town.osm.pbf` | streets, lanes, crossings, buildings, signs, trees and water, as a mapper would draw them |
| `drives/*` | recording folders: GNSS, IMU and wheels with their errors, an offset on each sensor's clock |
"#
    );
    if options.detail != Detail::Traces {
        text.push_str(
            "|  | and the pictures of a front camera, panoramas, LiDAR sweeps and the sound in the cabin |\n",
        );
        text.push_str("| `surveys/*` | panoramas of the same streets on two other dates, each with its depth |\n");
        text.push_str("|  | and a mask of the parked vehicles, which another day shows elsewhere |\n");
    }
    text.push_str(
        "| `truth/DRIVE` | what was true, never read by a build: `poses.csv` at 100 Hz, `clock.csv` (what must be added \
         to a sensor's times), `matched.csv` (the way driven on) |\n",
    );
    if options.detail != Detail::Traces {
        text.push_str("|  | `depth/CHANNEL`: 16-bit PNG, centimetres along z (range for panoramas); 0 is the sky |\n");
    }
    text
}
