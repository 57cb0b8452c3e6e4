//! `worldloom schema`.

use std::io::Write;

use crate::build::schemas;
use crate::error::{ErrorKind, Result};

use super::context::{Outcome, write_line};

/// Print a JSON Schema: of the config, of a recording's files.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom schema build > build.schema.json")]
pub struct SchemaArgs {
    /// Which one; without a name, the names there are.
    name: Option<String>,
}

/// Runs the subcommand.
///
/// # Errors
///
/// [`ErrorKind::Config`] for a name that there is not.
pub fn run(args: &SchemaArgs, out: &mut dyn Write) -> Result<Outcome> {
    let all = schemas::all();
    let Some(name) = &args.name else {
        for (name, _) in all {
            write_line(out, name)?;
        }
        return Ok(Outcome::Done);
    };
    let found = all.iter().find(|(known, _)| known == name);
    let Some((_, text)) = found else {
        let names: Vec<_> = all.iter().map(|(n, _)| *n).collect();
        return Err(ErrorKind::Config(format!("no schema `{name}`")).bare().with_hint(names.join(", ")));
    };
    write!(out, "{text}").map_err(|e| ErrorKind::io("write to the terminal", e).bare())?;
    Ok(Outcome::Done)
}
