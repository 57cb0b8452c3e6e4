//! `worldloom explain`.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

use crate::dataset::Dataset;
use crate::dataset::lineage::{FrameLineage, Lineage};
use crate::error::Result;

use super::context::{Context, Outcome, write_json, write_line};
use super::text::{Column, terminal_width, write_table};

/// Tell where a sample comes from: recording, source files, config, frames, poses, map, privacy, split.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: worldloom explain town 06db25\nWith --json: all there is, e.g. | jq '.sources[].license'"
)]
pub struct ExplainArgs {
    /// The data set.
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
    /// Its id, the beginning of one, or its number from 0.
    #[arg(value_name = "SAMPLE")]
    sample: String,
}

/// Source files that are listed of one source; `--json` lists all.
const LISTED: usize = 12;

/// Runs the subcommand.
///
/// # Errors
///
/// Those of [`Dataset::open`], [`Dataset::find_like`] and [`Lineage::of`].
pub fn run(ctx: &Context, args: &ExplainArgs, out: &mut dyn Write) -> Result<Outcome> {
    let dataset = Dataset::open(&args.dir)?;
    let lineage = Lineage::of(&dataset, dataset.find_like(&args.sample)?)?;
    if ctx.json {
        write_json(out, &lineage)?;
    } else {
        print(&lineage, out)?;
    }
    Ok(Outcome::Done)
}

fn print(of: &Lineage, out: &mut dyn Write) -> Result<()> {
    let line = |out: &mut dyn Write, what: &str, text: std::fmt::Arguments<'_>| {
        write_line(out, format_args!("{what:11} {text}"))
    };
    line(
        out,
        "sample",
        format_args!("{}, row {} of {}, built by {}", of.sample_id, of.row, of.dataset, of.code_version),
    )?;
    line(out, "t0", format_args!("{}, {:.1} m along", of.t0.as_deref().unwrap_or("without a clock"), of.s0_m))?;
    line(out, "place", format_args!("{:.6} {:.6}, heading {:.1}°", of.lon, of.lat, of.heading_deg))?;
    let recording = &of.recording;
    let (id, kind, entry) = (&recording.recording_id, &recording.kind, recording.entry);
    line(out, "recording", format_args!("{id} ({kind}, [[recording]] {entry}), {:.0} m", recording.length_m))?;
    if let (Some(start), Some(end)) = (&recording.start, &recording.end) {
        line(out, "", format_args!("{start} to {end}"))?;
    }
    for clock in &recording.clock {
        let offset = clock.offset_ms.map_or("offset unknown".to_string(), |ms| format!("{ms:+.1} ms"));
        let sigma = clock.sigma_ms.map_or(String::new(), |ms| format!(" ± {ms:.1}"));
        let applied = if clock.applied { "" } else { ", not applied" };
        let method = clock.method.as_deref().unwrap_or("unknown");
        line(out, "", format_args!("clock of {}: {offset}{sigma} ({method}{applied})", clock.sensor))?;
    }

    for source in &of.sources {
        let entry = &source.source;
        line(out, "source", format_args!("{} ({}, {})", entry.path, entry.kind, entry.entry))?;
        line(out, "", format_args!("{}, {} bytes, blake3 {}", entry.license, entry.size, entry.blake3))?;
        if let Some(who) = &entry.attribution {
            line(out, "", format_args!("to be named: {who}"))?;
        }
        // Those of its frames are listed with them.
        let of_a_frame = |hash: &str| of.frames.iter().any(|frame| frame.source_blake3.as_deref() == Some(hash));
        let inner = source.files.iter().filter(|file| file.path != entry.path && !of_a_frame(&file.blake3));
        let files: Vec<_> = inner.collect();
        for file in files.iter().take(LISTED) {
            line(out, "", format_args!("{}  {}", file.blake3.get(..16).unwrap_or(&file.blake3), file.path))?;
        }
        if files.len() > LISTED {
            line(out, "", format_args!("and {} files more: --json lists all", files.len() - LISTED))?;
        }
    }

    let mut what = "config";
    for (section, values) in &of.config {
        line(out, what, format_args!("{section}: {}", settings(values)))?;
        what = "";
    }

    let poses = &of.poses;
    let or = |value: Option<f64>, unit: &str| value.map_or("unknown".to_string(), |v| format!("{v:.1} {unit}"));
    let sigma = poses.pose_sigma_m.map_or("sigma unknown".to_string(), |sigma| format!("sigma up to {sigma:.1} m"));
    line(out, "poses", format_args!("{}, {sigma}", poses.pose_source))?;
    line(out, "", format_args!("interpolated over gaps up to {}", or(poses.interpolation_gap_ms, "ms")))?;
    if let Some(residual_ms) = poses.sync_residual_ms {
        line(out, "", format_args!("frames up to {residual_ms:.1} ms from their ticks"))?;
    }
    match &poses.match_way_ids {
        Some(ways) => {
            let probability = poses.match_probability.map_or("unknown".to_string(), |p| format!("{p:.3}"));
            line(out, "", format_args!("matched to {}, least probability {probability}", ways.join(", ")))?;
        }
        None => line(out, "", format_args!("not matched to roads"))?,
    }
    match (&poses.register, &poses.register_stretch) {
        (Some(_), Some(here)) => {
            let [east_m, north_m] = here.shift_m;
            line(out, "", format_args!("moved onto the map by {east_m:.2} m east, {north_m:.2} m north"))?;
            let [east_m, north_m] = [here.covariance_m2[0], here.covariance_m2[2]].map(f64::sqrt);
            let sigmas = format_args!("sigma {east_m:.2} m east, {north_m:.2} m north");
            let fit = here.inliers.map_or(String::new(), |share| format!(", {:.0} % inliers", 100.0 * share));
            line(out, "", format_args!("{sigmas}, residual {}{fit} then", or(here.residual_m, "m")))?;
        }
        (Some(all), None) if all.covariance.is_some() => {
            line(out, "", format_args!("off the roads: moved as the drive is before and after"))?;
        }
        (Some(all), None) => {
            line(out, "", format_args!("left where it is beside the map, residual {:.2} m", all.residual_m))?;
        }
        (None, _) => line(out, "", format_args!("not registered to the map"))?,
    }
    if let Some((register, sigma)) = poses.register.and_then(|register| Some((register, register.scale_sigma?))) {
        line(out, "", format_args!("scale of the drive {:.4} ± {sigma:.4}", register.scale))?;
    }

    for road in &of.evidence {
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_string());
        let name = road.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
        line(out, "map", format_args!("{} ({} {}{name})", road.feature_id, or(&road.layer), or(&road.class)))?;
        line(out, "", format_args!("{} in {}, {}", or(&road.source_id), or(&road.source), or(&road.license)))?;
        line(out, "", format_args!("for {}", road.texts.iter().cloned().collect::<Vec<_>>().join(", ")))?;
    }
    for reference in &of.references {
        let days = reference.dt_days.map_or(String::new(), |days| format!(", {days:.1} days apart"));
        let (id, role) = (&reference.frame_id, &reference.role);
        line(out, "reference", format_args!("{id} ({role}), {:.1} m away{days}", reference.distance_m))?;
    }

    let detector = of.privacy.detector.as_deref().map_or(String::new(), |by| format!(" by {by}"));
    line(out, "privacy", format_args!("{}, {} regions hidden{detector}", of.privacy.state, of.privacy.regions))?;
    line(out, "licences", format_args!("{}", of.licenses.join(", ")))?;
    if !of.attributions.is_empty() {
        line(out, "", format_args!("to be named: {}", of.attributions.join(", ")))?;
    }
    line(out, "split", format_args!("{}: {}", of.split.split, of.split.why))?;
    for (cell, split) in &of.split.cells {
        line(out, "", format_args!("{cell} {split}"))?;
    }
    if !of.frames.is_empty() {
        write_line(out, "")?;
        write_table(frames(&of.frames), terminal_width(), out)?;
    }
    Ok(())
}

/// The keys of a section that hold one value or a short list.
fn settings(values: &Value) -> String {
    match values {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_object() && !value.is_null());
            kept.map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn frames(frames: &[FrameLineage]) -> Vec<Column> {
    let cells = |cell: &dyn Fn(&FrameLineage) -> String| frames.iter().map(cell).collect::<Vec<_>>();
    let ms = |value: Option<f64>| value.map_or("-".to_string(), |ms| format!("{ms:+.1}"));
    let record =
        |frame: &FrameLineage| frame.source_record.map_or(String::new(), |record| format!(", record {record}"));
    vec![
        Column::number("tick", cells(&|f| f.tick.to_string())),
        Column::text("frame", cells(&|f| f.frame_id.clone())),
        Column::number("off, ms", cells(&|f| ms(f.after_tick_ms))).expendable(2),
        Column::number("clock, ms", cells(&|f| ms(f.clock_ms))).expendable(3),
        Column::text("bytes", cells(&|f| format!("{} at {} of {}", f.length, f.offset, f.shard))).expendable(1),
        Column::text("source file", cells(&|f| format!("{}{}", f.source_path, record(f)))),
    ]
}
