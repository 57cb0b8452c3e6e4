//! Layer 9: the command line. One file a subcommand with its arguments and one `run`; [`main`] alone turns an outcome
//! into an exit code: 0 done, 1 failed, 2 usage or config, 3 done but something was left out or found, 130 interrupted.
//!
//! Results go to stdout, diagnostics and progress to stderr.

mod build;
mod completions;
mod context;
mod evaluate;
mod explain;
mod export;
mod r#match;
mod probe;
mod query;
mod schema;
mod show;
mod stats;
mod synth;
mod text;
mod validate;

use std::ffi::OsString;
use std::io::Write;

use clap::{Parser, Subcommand};

pub use context::{Context, Outcome};

use crate::error::{Error, ErrorKind, Result};

/// Turns maps, street-view imagery and sensor traces into training data for world models.
#[derive(Debug, Parser)]
#[command(name = "worldloom", version, max_term_width = 100)]
struct Cli {
    /// Print machine-readable JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::BuildArgs),
    Probe(probe::ProbeArgs),
    Match(r#match::MatchArgs),
    Synth(synth::SynthArgs),
    Query(query::QueryArgs),
    Stats(stats::StatsArgs),
    Show(show::ShowArgs),
    Export(export::ExportArgs),
    Validate(validate::ValidateArgs),
    Explain(explain::ExplainArgs),
    Evaluate(evaluate::EvaluateArgs),
    Schema(schema::SchemaArgs),
    Completions(completions::CompletionsArgs),
}

/// Runs a command line (its first word is the program) and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return code;
        }
    };
    let ctx = Context::new(cli.json);
    let mut out = std::io::stdout().lock();
    let done = run(&ctx, cli.command, &mut out).and_then(|outcome| {
        out.flush().map_err(|e| ErrorKind::io("write to the terminal", e).bare())?;
        Ok(outcome)
    });
    match done {
        Ok(outcome) => outcome.code(),
        Err(error) if is_closed_pipe(&error) => 0,
        Err(error) => {
            report(&error);
            match error.kind() {
                ErrorKind::Config(_) | ErrorKind::Exists(_) => 2,
                ErrorKind::Interrupted => 130,
                _ => 1,
            }
        }
    }
}

fn run(ctx: &Context, command: Command, out: &mut dyn Write) -> Result<Outcome> {
    match command {
        Command::Build(args) => build::run(ctx, &args, out),
        Command::Probe(args) => probe::run(ctx, &args, out),
        Command::Match(args) => r#match::run(ctx, &args, out),
        Command::Synth(args) => synth::run(ctx, &args, out),
        Command::Query(args) => query::run(ctx, &args, out),
        Command::Stats(args) => stats::run(ctx, &args, out),
        Command::Show(args) => show::run(ctx, &args, out),
        Command::Export(args) => export::run(ctx, &args, out),
        Command::Validate(args) => validate::run(ctx, &args, out),
        Command::Explain(args) => explain::run(ctx, &args, out),
        Command::Evaluate(args) => evaluate::run(ctx, &args, out),
        Command::Schema(args) => schema::run(&args, out),
        Command::Completions(args) => completions::run(&args, out),
    }
}

/// `worldloom … | head` is not a failure.
fn is_closed_pipe(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The chain of causes and the hint, on stderr.
fn report(error: &Error) {
    let mut message = format!("error: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        message.push_str(&format!("\n  because: {inner}"));
        cause = inner.source();
    }
    if let Some(hint) = error.hint() {
        message.push_str(&format!("\n  hint: {hint}"));
    }
    let _ = writeln!(std::io::stderr(), "{message}");
}
