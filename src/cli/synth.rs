//! `worldloom synth`.

use std::io::Write;
use std::path::PathBuf;

use crate::error::Result;
use crate::synth::world::{Detail, Watch, WorldOptions, generate};

use super::context::{Context, Outcome, write_json, write_line};

/// Generate a small Korean town: its map, drives with every sensor, street-view surveys, and what was true.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom synth --out world --drives 2 --seed 7 && \
                        worldloom build world/build.toml --out town")]
pub struct SynthArgs {
    /// Folder to write; it must not exist yet.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// How many drives.
    #[arg(long, value_name = "N", default_value_t = 2)]
    drives: usize,
    /// Seed of everything that is left to chance.
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// How much the sensors record.
    #[arg(long, value_enum, default_value_t = Detail::Small)]
    detail: Detail,
    /// About how far each drive goes, round and round the town; without it a few hundred metres.
    #[arg(long, value_name = "METRES", value_parser = clap::value_parser!(u32).range(100..=100_000))]
    length: Option<u32>,
}

/// Runs the subcommand.
///
/// # Errors
///
/// Those of [`generate`].
pub fn run(ctx: &Context, args: &SynthArgs, out: &mut dyn Write) -> Result<Outcome> {
    let options = WorldOptions { drives: args.drives, seed: args.seed, detail: args.detail, length_m: args.length };
    ctx.stop_on_ctrl_c();
    let begins = |what: &str| drop(writeln!(std::io::stderr(), "{what}"));
    let summary = generate(&args.out, &options, &Watch { begins: &begins, stop: &ctx.stop })?;
    if ctx.json {
        write_json(out, &summary)?;
    } else {
        let (recordings, bytes) = (summary.recordings.len(), summary.bytes as f64 / 1e6);
        write_line(
            out,
            format_args!(
                "{}: {recordings} recordings, {} pictures, {} sweeps, {bytes:.1} MB",
                args.out.display(),
                summary.pictures,
                summary.sweeps
            ),
        )?;
        write_line(out, format_args!("next: worldloom build {} --out DIR", args.out.join("build.toml").display()))?;
    }
    Ok(Outcome::Done)
}
