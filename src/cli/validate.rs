//! `worldloom validate`.

use std::io::Write;
use std::path::PathBuf;

use crate::build::Progress;
use crate::dataset::manifest::Manifest;
use crate::dataset::validate::{Finding, Watch, validate};
use crate::error::Result;

use super::context::{Context, Outcome, write_json, write_line};

/// Look whether a data set keeps the rules of its format; a line for each thing that does not hold.
///
/// Exit code 3 where something does not hold. docs/validate.md lists the rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom validate town --deep")]
pub struct ValidateArgs {
    /// The data set.
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
    /// Also read every byte: hashes of files and frames, pictures decoded, sweeps parsed.
    #[arg(long)]
    deep: bool,
}

/// Runs the subcommand.
///
/// # Errors
///
/// Those of [`validate`].
pub fn run(ctx: &Context, args: &ValidateArgs, out: &mut dyn Write) -> Result<Outcome> {
    ctx.stop_on_ctrl_c();
    let progress = ctx.progress();
    if args.deep {
        // Each file is hashed; of shards, the frames are read too.
        let files = Manifest::read(&args.dir)?.files;
        let bytes = files.iter().map(|f| if f.path.starts_with("shards/") { 2 * f.size } else { f.size });
        progress.phase("reading bytes", bytes.sum());
    }
    let watch = Watch { stop: &ctx.stop, advance: &|bytes| progress.advance(bytes) };
    let found = validate(&args.dir, args.deep, &watch)?;
    drop(progress);
    if ctx.json {
        write_json(out, &found)?;
        return Ok(Outcome::found_if(found.total() > 0));
    }
    for finding in &found.findings {
        let Finding { rule, file, row, what } = finding;
        let row = row.map_or(String::new(), |row| format!(", row {row}"));
        write_line(out, format_args!("{file}{row}: {what} [{}]", rule.name()))?;
    }
    if found.more > 0 {
        write_line(out, format_args!("and {} more of the same rules and files", found.more))?;
    }
    let (looks, rules) = (found.looked_at.values().sum::<u64>(), found.looked_at.len());
    let result = match found.total() {
        0 => "nothing is wrong".to_string(),
        1 => "1 finding".to_string(),
        n => format!("{n} findings"),
    };
    write_line(out, format_args!("{}: {result} in {looks} looks under {rules} rules", args.dir.display()))?;
    Ok(Outcome::found_if(found.total() > 0))
}
