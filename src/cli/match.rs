//! `worldloom match`.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueHint::{AnyPath, FilePath};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::build::{MatchFormat, MatchSummary, MatchWriter, match_file, read_roads};
use crate::dataset::Whole;
use crate::error::{ErrorKind, Quarantine, Result};
use crate::record::Mode;

use super::context::{Context, Outcome};

/// Find the roads that a trace was driven on: a line a part, a point a fix, each with its probability.
///
/// One setting serves every interval and noise. What lies off the road stays unmatched, and every break says why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom match drive.gpx --map town.osm.pbf --out drive.geojson
Formats, and what the numbers mean: docs/matching.md")]
pub struct MatchArgs {
    /// The trace: GPX, NMEA, CSV or GeoJSON, or a recording folder.
    #[arg(value_name = "TRACE", value_hint = AnyPath)]
    trace: PathBuf,
    /// The map whose roads are matched to, e.g. an OSM extract.
    #[arg(long, value_name = "MAP", value_hint = FilePath)]
    map: PathBuf,
    /// Names of a CSV's columns by ours, e.g. `--columns lon=longitude,lat=latitude,time=stamp`.
    #[arg(long, value_name = "OURS=THEIRS", value_delimiter = ',', value_parser = column)]
    columns: Vec<(String, String)>,
    /// How one travelled.
    #[arg(long, default_value = "car", value_parser = PossibleValuesParser::new(MODES).try_map(|name| Mode::from_name(&name).ok_or("no mode")))]
    mode: Mode,
    /// Write into a file instead of stdout; its ending tells the format.
    #[arg(long, value_name = "FILE", value_hint = FilePath)]
    out: Option<PathBuf>,
    /// How to answer (--json prints points, path and breaks as one object).
    #[arg(long, value_enum)]
    format: Option<Format>,
}

const MODES: [&str; 3] = ["car", "bicycle", "foot"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line for each part of the path, a point for each fix
    Geojson,
    /// A row for each fix
    Csv,
    /// A row for each fix, as GeoParquet
    Parquet,
}

impl From<Format> for MatchFormat {
    fn from(format: Format) -> MatchFormat {
        match format {
            Format::Geojson => MatchFormat::Geojson,
            Format::Csv => MatchFormat::Csv,
            Format::Parquet => MatchFormat::Parquet,
        }
    }
}

/// Runs the subcommand.
///
/// # Errors
///
/// Those of [`match_file`]; [`ErrorKind::Config`] for binary output to a terminal, or a file whose ending is no format's.
pub fn run(ctx: &Context, args: &MatchArgs, stdout: &mut dyn Write) -> Result<Outcome> {
    let format = match (args.format, &args.out) {
        _ if ctx.json => MatchFormat::Json,
        (Some(format), _) => format.into(),
        (None, Some(out)) => by_ending(out)?.into(),
        (None, None) => MatchFormat::Geojson,
    };
    if format == MatchFormat::Parquet && args.out.is_none() && std::io::stdout().is_terminal() {
        let what = "Parquet is binary, which does not belong on a terminal".to_string();
        return Err(ErrorKind::Config(what).bare().with_hint("pass `--out FILE`, or pipe it"));
    }
    let summary = match &args.out {
        None => answer(args, format, &mut BufWriter::new(stdout))?,
        Some(path) => {
            let file = Whole::create(path)?;
            let summary = answer(args, format, &mut BufWriter::new(file.file()))?;
            file.keep()?;
            summary
        }
    };
    // Diagnostics: a closed stderr is no reason to fail.
    for (file, reason, refused) in summary.quarantine.iter() {
        let _ = writeln!(std::io::stderr(), "{file}: {} x {reason} (first: {})", refused.count, refused.examples[0]);
    }
    let MatchSummary { fixes, unmatched, breaks, .. } = &summary;
    if *unmatched > 0 || *breaks > 0 {
        let _ =
            writeln!(std::io::stderr(), "{unmatched} of {fixes} fixes are on no road; the path breaks {breaks} times");
    }
    if let Some(boxes) = summary.apart() {
        let [trace, map] = boxes.map(|b| format!("[{:.4}, {:.4}, {:.4}, {:.4}]", b.xmin, b.ymin, b.xmax, b.ymax));
        let _ = writeln!(
            std::io::stderr(),
            "trace and map do not overlap: the trace lies in {trace}, the roads of the map in {map} \
            (west, south, east, north)"
        );
    }
    if summary.dated == Some(false) {
        let _ = writeln!(std::io::stderr(), "the times of the trace are no dates: they count from an unknown epoch");
    }
    Ok(Outcome::found_if(summary.is_partial()))
}

/// Matches and writes track by track.
fn answer(args: &MatchArgs, format: MatchFormat, out: &mut dyn Write) -> Result<MatchSummary> {
    let mut writer = MatchWriter::new(format, out);
    let columns = args.columns.iter().cloned().collect();
    let roads = |refused: &mut Quarantine| read_roads(&args.map, refused).map(Arc::new);
    let summary = match_file(&args.trace, &columns, args.mode, roads, &mut |track| writer.track(track))?;
    writer.finish()?;
    Ok(summary)
}

/// One of our columns, and its name in the file.
fn column(text: &str) -> std::result::Result<(String, String), String> {
    let (ours, theirs) = text.split_once('=').ok_or("it is not like `lon=longitude`")?;
    Ok((ours.trim().to_string(), theirs.trim().to_string()))
}

/// The format that a file's ending tells.
fn by_ending(out: &Path) -> Result<Format> {
    match out.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).as_deref() {
        Some("geojson" | "json") => Ok(Format::Geojson),
        Some("csv") => Ok(Format::Csv),
        Some("parquet") => Ok(Format::Parquet),
        _ => {
            let what = format!("`--out {}`: its ending is none of .geojson, .json, .csv and .parquet", out.display());
            Err(ErrorKind::Config(what).bare().with_hint("name one of these, or say `--format`"))
        }
    }
}
