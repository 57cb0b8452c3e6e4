//! `worldloom export`.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueHint::DirPath;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::build::Progress;
use crate::dataset::Dataset;
use crate::error::{ErrorKind, Result};
use crate::export::{ExportOptions, Exported, Target, export};

use super::context::{Context, Outcome, write_json, write_line};
use super::query::Selection;

/// Write samples as other tools read them.
///
/// What cannot be written, and what the tool's own reader would drop without a word, is left out and counted; then the
/// exit code is 3. The folder has a card (CONVENTIONS.md, export.json) that states every axis, unit and order.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom export town --to colmap --out town-colmap --where \"split = 'train'\"
What each tool reads, and what is written for it: docs/consumers.md")]
pub struct ExportArgs {
    /// The data set.
    #[arg(value_name = "DIR", value_hint = DirPath)]
    dir: PathBuf,
    /// For whom.
    #[arg(long, value_name = "TOOL", value_parser = targets())]
    to: Target,
    /// The folder to be made.
    #[arg(long, value_name = "DIR", value_hint = DirPath)]
    out: PathBuf,
    /// Only pictures of this camera; may be repeated. Without it all that are no panoramas.
    #[arg(long, value_name = "CHANNEL")]
    camera: Vec<String>,
    /// Cut pictures to this aspect around their middle, and resize them; as stored without.
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    size: Option<[u32; 2]>,
    /// Replace an export that lies there.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    selection: Selection,
}

fn targets() -> impl TypedValueParser<Value = Target> {
    let names = Target::ALL.map(|t| PossibleValue::new(t.name()).help(t.about()));
    PossibleValuesParser::new(names).try_map(|name| Target::from_name(&name).ok_or("no such tool"))
}

fn parse_size(text: &str) -> std::result::Result<[u32; 2], String> {
    let sides = text.split_once('x').map(|(w, h)| (w.parse().ok(), h.parse().ok()));
    match sides {
        Some((Some(width), Some(height))) => Ok([width, height]),
        _ => Err("expected width and height, e.g. 576x320".to_string()),
    }
}

/// Runs the subcommand.
///
/// # Errors
///
/// Those of [`Dataset::open`], [`Selection::rows`] and [`export`]; [`ErrorKind::Config`] where no sample is asked for.
pub fn run(ctx: &Context, args: &ExportArgs, out: &mut dyn Write) -> Result<Outcome> {
    ctx.stop_on_ctrl_c();
    let dataset = Dataset::open(&args.dir)?;
    let rows = args.selection.rows(&dataset)?;
    if rows.is_empty() {
        return Err(ErrorKind::Config("no sample is asked for".to_string()).in_file(&args.dir));
    }
    let progress = ctx.progress();
    progress.phase("exporting", rows.len() as u64);
    let options = ExportOptions {
        target: args.to,
        out: args.out.clone(),
        rows,
        cameras: args.camera.clone(),
        size: args.size,
        overwrite: args.overwrite,
    };
    let exported = export(&dataset, &options, &|n| progress.advance(n), &ctx.stop)?;
    drop(progress);
    if ctx.json {
        write_json(out, &exported)?;
    } else {
        told(&exported, out)?;
    }
    Ok(Outcome::found_if(!exported.left_out.is_empty()))
}

fn told(exported: &Exported, out: &mut dyn Write) -> Result<()> {
    let Exported { clips, samples, files, out: folder, .. } = exported;
    write_line(out, format!("{clips} clips of {samples} samples in {files} files: {}", folder.display()))?;
    for (title, counts) in [("left out", &exported.left_out), ("changed", &exported.notes)] {
        for (what, count) in counts {
            write_line(out, format!("  {title}: {count} × {what}"))?;
        }
    }
    Ok(())
}
