//! The `worldloom` program: everything is in `worldloom::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(worldloom::cli::main(std::env::args_os()))
}
