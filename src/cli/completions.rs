//! `worldloom completions`.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::error::{ErrorKind, Result};

use super::Cli;
use super::context::Outcome;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom completions bash > ~/.local/share/bash-completion/completions/worldloom")]
pub struct CompletionsArgs {
    /// bash, elvish, fish, powershell or zsh.
    shell: Shell,
}

/// Runs the subcommand.
///
/// # Errors
///
/// Where stdout cannot be written.
pub fn run(args: &CompletionsArgs, out: &mut dyn Write) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "worldloom", &mut script);
    out.write_all(&script).map_err(|e| ErrorKind::io("write to the terminal", e).bare())?;
    Ok(Outcome::Done)
}
