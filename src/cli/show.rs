//! `worldloom show`.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Result};
use crate::show::sheet;

use super::context::{Context, Outcome, write_json, write_line};

/// Draw one sample as a contact sheet: frames, map, path, LiDAR, motion, sound, texts, provenance.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom show town 06db25 --out sample.png")]
pub struct ShowArgs {
    /// The data set.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
    /// Its id, the beginning of one, or its number from 0.
    sample: String,
    /// Where the picture goes; SAMPLE.png in the working folder when left out.
    #[arg(long, value_name = "PNG", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,
}

/// Runs the subcommand.
///
/// # Errors
///
/// Those of [`Dataset::open`], [`Dataset::find_like`] and [`sheet`]; where the picture cannot be written.
pub fn run(ctx: &Context, args: &ShowArgs, out: &mut dyn Write) -> Result<Outcome> {
    let dataset = Dataset::open(&args.dir)?;
    let sample = dataset.sample(dataset.find_like(&args.sample)?)?;
    let drawn = sheet(&dataset, &sample)?;
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.png", sample.sample_id)));
    drawn.picture.save_with_format(&path, image::ImageFormat::Png).map_err(|e| {
        let io = match e {
            image::ImageError::IoError(io) => io,
            other => std::io::Error::other(other),
        };
        ErrorKind::io("write the picture", io).in_file(&path)
    })?;
    if ctx.json {
        let (width, height) = drawn.picture.dimensions();
        let answer = json!({ "sample_id": sample.sample_id, "out": path, "width": width, "height": height,
                             "parts": drawn.parts, "problems": drawn.problems });
        write_json(out, &answer)?;
    } else {
        write_line(out, path.display())?;
        for problem in &drawn.problems {
            write_line(out, format_args!("not drawn: {problem}"))?;
        }
    }
    Ok(Outcome::found_if(!drawn.problems.is_empty()))
}
