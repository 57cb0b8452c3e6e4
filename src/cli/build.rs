//! `worldloom build`.

use std::io::Write;
use std::path::PathBuf;

use crate::build::{BuildOptions, Built, Plan, build, load};
use crate::error::Result;

use super::context::{Context, Outcome, write_json, write_line};

/// Build a data set from a config; the same command goes on after an interruption.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom build build.toml --out town --set sample.rate_hz=10")]
pub struct BuildArgs {
    /// The build.toml.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    config: PathBuf,
    /// Folder of the data set to be; work is staged in its sibling DIR.staging.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// Override a key of the config, e.g. --set sample.rate_hz=10 or --set recording.0.channel=front.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Threads to use (0: all); the bytes do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Replace the data set in DIR, in one step, when the new one is whole.
    #[arg(long)]
    overwrite: bool,
    /// Do the I-th of N parts (from 0) and do not commit: for several workers on one folder.
    #[arg(long, value_name = "I/N", value_parser = parse_units, conflicts_with = "dry_run")]
    units: Option<(usize, usize)>,
    /// Say what would be built, and build nothing.
    #[arg(long)]
    dry_run: bool,
}

fn parse_units(text: &str) -> std::result::Result<(usize, usize), String> {
    let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    parsed.filter(|(i, n)| i < n).ok_or_else(|| "expected I/N with 0 <= I < N, e.g. 0/4".to_string())
}

/// Runs the subcommand.
///
/// # Errors
///
/// Those of [`load`], [`Plan::make`] and [`build`].
pub fn run(ctx: &Context, args: &BuildArgs, out: &mut dyn Write) -> Result<Outcome> {
    let loaded = load(&args.config, &args.set)?;
    if args.dry_run {
        let plan = Plan::make(&loaded, &ctx.stop)?;
        let summary = plan.summary();
        if ctx.json {
            write_json(out, &summary)?;
        } else {
            write_line(out, format_args!("maps        {}", summary.maps.join(", ")))?;
            write_line(out, format_args!("recordings  {}", summary.recordings.len()))?;
            for id in &summary.recordings {
                write_line(out, format_args!("  {id}"))?;
            }
            write_line(out, format_args!("frames      {}", summary.frames))?;
            write_line(out, format_args!("media       {:.1} MB", summary.media_bytes as f64 / 1e6))?;
            write_line(out, format_args!("units       {}", summary.units))?;
            for line in plan.quarantine.lines() {
                write_line(out, format_args!("left out    {}: {} ({} times)", line.place, line.reason, line.count))?;
            }
        }
        return Ok(Outcome::found_if(!plan.quarantine.is_empty()));
    }
    let options =
        BuildOptions { out: args.out.clone(), threads: args.threads, overwrite: args.overwrite, units: args.units };
    ctx.stop_on_ctrl_c();
    let progress = ctx.progress();
    let built = build(&loaded, &options, &progress, &ctx.stop)?;
    drop(progress);
    if ctx.json {
        write_json(out, &built)?;
    } else {
        print(&built, &options, out)?;
    }
    Ok(Outcome::found_if(built.left_out > 0 || built.units_waiting > 0 || built.is_without_samples()))
}

fn print(built: &Built, options: &BuildOptions, out: &mut dyn Write) -> Result<()> {
    if !built.committed {
        let (done, waiting) = (built.units_done, built.units_waiting);
        write_line(out, format_args!("{done} units done by this worker, {waiting} wait for an earlier phase"))?;
        return write_line(out, "a plain `build` of the same config finishes and commits");
    }
    let counts: Vec<String> = built.counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
    write_line(out, format_args!("{}: {}", options.out.display(), counts.join(", ")))?;
    if built.left_out > 0 {
        write_line(out, format_args!("{} records were left out:", built.left_out))?;
        for line in built.quarantine.iter().take(10) {
            write_line(out, format_args!("  {line}"))?;
        }
        if built.quarantine.len() > 10 {
            write_line(out, format_args!("  and {} reasons more: `--json` lists all", built.quarantine.len() - 10))?;
        }
    }
    if built.is_without_samples() {
        write_line(out, format_args!("there are no samples: {}", built.why_none()))?;
    }
    Ok(())
}
