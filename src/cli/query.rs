//! `worldloom query`.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use clap::ValueHint::{DirPath, FilePath};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use h3o::CellIndex;

use crate::coord::BBox;
use crate::dataset::query::{self, Along, Near, Span};
use crate::dataset::where_expr::{Filter, WhereError};
use crate::dataset::{Dataset, Query, Whole, answer, geoparquet};
use crate::error::{Error, ErrorKind, Result};
use crate::sample::{SampleRow, Split};
use crate::time::Timestamp;

use super::context::{Context, Outcome, write_line};
use super::text::{Column, terminal_width, write_table};

/// Find samples by place, time and attributes; all that is asked for must hold.
///
/// A place counts where any part of the ego's path over the window lies in it, --h3 and --time by the anchor t0.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom query town --near 127.111,37.394,200 --where \"sync_residual_ms < 20\"
The grammar of --where, and more examples: docs/query.md")]
pub struct QueryArgs {
    /// The data set.
    #[arg(value_name = "DIR", value_hint = DirPath)]
    dir: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// How to answer (--json is short for json).
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Write into a file instead of stdout.
    #[arg(long, value_name = "FILE", value_hint = FilePath)]
    out: Option<PathBuf>,
}

/// Which samples: all that is asked for must hold.
#[derive(Debug, clap::Args)]
pub struct Selection {
    /// The path crosses this box, degrees.
    #[arg(long, value_name = "W,S,E,N", value_parser = query::parse_bbox, allow_hyphen_values = true)]
    bbox: Option<BBox>,
    /// The path comes this near to a point: degrees, degrees, metres.
    #[arg(long, value_name = "LON,LAT,M", allow_hyphen_values = true)]
    near: Option<Near>,
    /// The path crosses a polygon of this GeoJSON file.
    #[arg(long, value_name = "FILE", value_hint = FilePath)]
    within: Option<PathBuf>,
    /// The path comes within --buffer of a line of this GeoJSON file.
    #[arg(long, value_name = "FILE", value_hint = FilePath, requires = "buffer")]
    along: Option<PathBuf>,
    /// Metres around --along.
    #[arg(long, value_name = "M", value_parser = parse_metres, requires = "along")]
    buffer: Option<f64>,
    /// t0 lies in this H3 cell, of any resolution.
    #[arg(long, value_name = "CELL", value_parser = query::parse_h3)]
    h3: Option<CellIndex>,
    /// t0 lies from A until before B, RFC 3339 or a date, UTC; either may be left out.
    #[arg(long, value_name = "A/B")]
    time: Option<Span>,
    /// An expression over the columns of `samples` holds, e.g. "split = 'train' and pose_sigma_m < 0.5".
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// The sample is of this split.
    #[arg(long, value_parser = PossibleValuesParser::new(SPLITS).try_map(|name| Split::from_name(&name).ok_or("no split")))]
    split: Option<Split>,
    /// At most so many, the first in the data set's order.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

const SPLITS: [&str; 5] = ["train", "val", "test", "buffer", "none"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for people
    Table,
    /// A sample id a line
    Ids,
    /// Paths as LineStrings, with the scalar columns as properties
    Geojson,
    /// The rows of `samples` as GeoParquet
    Parquet,
    /// The rows of `samples` as an array of objects
    Json,
}

fn parse_metres(text: &str) -> std::result::Result<f64, String> {
    let metres = text.parse::<f64>().ok().filter(|m| m.is_finite() && *m >= 0.0);
    metres.ok_or_else(|| "expected metres, 0 or more".to_string())
}

/// Runs the subcommand.
///
/// # Errors
///
/// Those of [`Dataset::open`] and [`Dataset::query`]; [`ErrorKind::Config`] for an expression that does not fit the
/// columns, or binary output to a terminal.
pub fn run(ctx: &Context, args: &QueryArgs, stdout: &mut dyn Write) -> Result<Outcome> {
    let format = if ctx.json { Format::Json } else { args.format };
    if format == Format::Parquet && args.out.is_none() && std::io::stdout().is_terminal() {
        let what = "Parquet is binary, which does not belong on a terminal".to_string();
        return Err(ErrorKind::Config(what).bare().with_hint("pass `--out FILE`, or pipe it"));
    }
    let dataset = Dataset::open(&args.dir)?;
    let rows = args.selection.rows(&dataset)?;
    match &args.out {
        None => answer(&dataset, &rows, format, terminal_width(), &mut BufWriter::new(stdout))?,
        Some(path) => {
            let file = Whole::create(path)?;
            answer(&dataset, &rows, format, None, &mut BufWriter::new(file.file()))?;
            file.keep()?;
        }
    }
    Ok(Outcome::Done)
}

impl Selection {
    /// The rows of `samples` that are asked for, in the data set's order.
    ///
    /// # Errors
    ///
    /// Those of [`Dataset::query`]; [`ErrorKind::Config`] for an expression that does not fit the columns.
    pub fn rows(&self, dataset: &Dataset) -> Result<Vec<usize>> {
        let filter = match &self.filter {
            Some(text) => {
                let filter = Filter::parse(text).and_then(|f| f.check(dataset.samples()).map(|()| f));
                Some(filter.map_err(|e| pointing(text, &e))?)
            }
            None => None,
        };
        let along = match (&self.along, self.buffer) {
            (Some(path), Some(buffer_m)) => Some(Along { lines: query::read_lines(path)?, buffer_m }),
            _ => None,
        };
        dataset.query(&Query {
            bbox: self.bbox,
            near: self.near,
            within: self.within.as_deref().map(query::read_polygons).transpose()?,
            along,
            h3: self.h3,
            time: self.time,
            filter,
            split: self.split,
            limit: self.limit,
        })
    }
}

/// The error with the expression below it, and a mark below the character that it is about.
fn pointing(text: &str, error: &WhereError) -> Error {
    // Line ends and tabs would move the mark.
    let line: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let before: String = line.chars().take(error.at - 1).collect();
    let indent = " ".repeat(console::measure_text_width(&before));
    ErrorKind::Config(format!("--where, {error}\n  {line}\n  {indent}^")).bare()
}

fn answer(dataset: &Dataset, rows: &[usize], format: Format, width: Option<usize>, out: &mut dyn Write) -> Result<()> {
    let io = |e| ErrorKind::io("write the answer", e).bare();
    match format {
        Format::Table => table(dataset, rows, width, out)?,
        Format::Ids => {
            let table = dataset.select(rows)?;
            let ids = table.column("sample_id").and_then(|c| c.str()).expect("the schema was checked on reading");
            for id in ids.iter().flatten() {
                write_line(out, id)?;
            }
        }
        Format::Geojson => {
            write!(out, "{{\"type\":\"FeatureCollection\",\"features\":").map_err(io)?;
            list(rows, out, |row| dataset.feature(row).to_string())?;
            writeln!(out, "}}").map_err(io)?;
        }
        Format::Parquet => {
            let bytes = geoparquet::encode(&dataset.select(rows)?)
                .map_err(|e| ErrorKind::io("encode the answer", std::io::Error::other(e)).bare())?;
            out.write_all(&bytes).map_err(io)?;
        }
        Format::Json => {
            let row = |row| serde_json::Value::Object(answer::json_row(dataset.samples(), row)).to_string();
            list(rows, out, row)?;
            writeln!(out).map_err(io)?;
        }
    }
    out.flush().map_err(io)
}

/// A JSON array with an item a line, written one by one.
fn list(rows: &[usize], out: &mut dyn Write, item: impl Fn(usize) -> String) -> Result<()> {
    let io = |e| ErrorKind::io("write the answer", e).bare();
    let mut before = "[";
    for &row in rows {
        write!(out, "{before}\n{}", item(row)).map_err(io)?;
        before = ",";
    }
    write!(out, "{}]", if rows.is_empty() { "[" } else { "\n" }).map_err(io)
}

fn table(dataset: &Dataset, rows: &[usize], width: Option<usize>, out: &mut dyn Write) -> Result<()> {
    let samples = rows.iter().map(|&row| dataset.sample(row)).collect::<Result<Vec<_>>>()?;
    let cells = |cell: &dyn Fn(&SampleRow) -> Option<String>| -> Vec<String> {
        samples.iter().map(|s| cell(s).unwrap_or_else(|| "-".to_string())).collect()
    };
    let speed = |s: &SampleRow| {
        let speed = s.actions.get(s.anchor_tick()).map(|action| action[0]);
        speed.filter(|v| v.is_finite()).map(|v| format!("{v:.1}"))
    };
    let streets = dataset.streets(rows)?.into_iter().map(|name| name.unwrap_or_else(|| "-".to_string()));
    let columns = vec![
        Column::text("sample", cells(&|s| Some(s.sample_id.clone()))),
        Column::text("split", cells(&|s| Some(s.split.name().to_string()))),
        Column::text("t0 (UTC)", cells(&|s| s.t0_ns.map(|t| Timestamp::from_ns(t).said()))),
        Column::number("lon", cells(&|s| Some(format!("{:.5}", s.lon)))).expendable(2),
        Column::number("lat", cells(&|s| Some(format!("{:.5}", s.lat)))).expendable(1),
        Column::number("heading", cells(&|s| Some(format!("{:.0}°", s.heading_deg.round() % 360.0)))).expendable(4),
        Column::number("m/s", cells(&speed)).expendable(3),
        Column::number("frames", cells(&|s| Some(s.frames.len().to_string()))).expendable(5),
        Column::text("street", streets.collect()),
    ];
    write_table(columns, width, out)?;
    write_line(out, format_args!("{} of {} samples", rows.len(), dataset.len()))
}
