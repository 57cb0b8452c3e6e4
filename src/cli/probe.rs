//! `worldloom probe`.

use std::io::Write;
use std::path::PathBuf;

use crate::error::Result;
use crate::source::{Probe, probe};

use super::context::{Context, Outcome, write_json, write_line};

/// Say what files or folders are: kind, counts, extent, times, sensors, problems.
///
/// Reads each source but writes nothing. Times are UTC.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom probe drives/* map/town.osm.pbf")]
pub struct ProbeArgs {
    /// Files or folders; their kind is recognised by content.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Runs the subcommand.
///
/// # Errors
///
/// Where the last path cannot be probed; earlier failures are reported and the rest is still probed.
pub fn run(ctx: &Context, args: &ProbeArgs, out: &mut dyn Write) -> Result<Outcome> {
    let mut probes = Vec::new();
    let mut failure = None;
    for path in &args.paths {
        match probe(path) {
            Ok(probe) => probes.push(probe),
            Err(error) => {
                if let Some(earlier) = failure.replace(error) {
                    super::report(&earlier);
                }
            }
        }
    }
    if ctx.json {
        write_json(out, &probes)?;
    } else {
        for probe in &probes {
            print(probe, out)?;
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(Outcome::found_if(probes.iter().any(|p| !p.problems.is_empty()))),
    }
}

fn print(probe: &Probe, out: &mut dyn Write) -> Result<()> {
    write_line(out, format_args!("{}  ({})", probe.path, probe.kind))?;
    for (what, count) in &probe.counts {
        write_line(out, format_args!("  {what:24} {count}"))?;
    }
    if let Some([w, s, e, n]) = probe.extent {
        write_line(out, format_args!("  {:24} {w:.6} {s:.6} to {e:.6} {n:.6}", "extent"))?;
    }
    if let Some([first, last]) = &probe.times {
        write_line(out, format_args!("  {:24} {first} to {last}", "times"))?;
    }
    let lists = [("sensor", &probe.sensors), ("note", &probe.notes), ("problem", &probe.problems)];
    for (what, lines) in lists {
        for line in lines {
            write_line(out, format_args!("  {what:24} {line}"))?;
        }
    }
    Ok(())
}
