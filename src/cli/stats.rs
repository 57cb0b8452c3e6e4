//! `worldloom stats`.

use std::io::Write;
use std::path::PathBuf;

use crate::dataset::histogram::Histogram;
use crate::dataset::manifest::Manifest;
use crate::dataset::stats::Stats;
use crate::dataset::survey::Survey;
use crate::error::Result;

use super::context::{Context, Outcome, write_json, write_line};
use super::text::{Column, bar, terminal_width, write_table};

/// Count what a data set holds: rows, bytes, splits, channels, kilometres, and how its samples are distributed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom stats town --json | jq .splits")]
pub struct StatsArgs {
    /// The data set.
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
}

/// Recordings that are listed; `--json` lists all.
const LISTED: usize = 20;

/// Runs the subcommand.
///
/// # Errors
///
/// Those of [`Manifest::read`], [`Survey::read`] and [`Stats::of`].
pub fn run(ctx: &Context, args: &StatsArgs, out: &mut dyn Write) -> Result<Outcome> {
    let manifest = Manifest::read(&args.dir)?;
    let stats = Stats::of(&args.dir, &manifest, &Survey::read(&args.dir)?)?;
    if ctx.json {
        write_json(out, &stats)?;
    } else {
        print(&stats, out)?;
    }
    Ok(Outcome::Done)
}

fn print(stats: &Stats, out: &mut dyn Write) -> Result<()> {
    write_line(out, format_args!("{}  ({})", stats.name, stats.code_version))?;
    let (km, hours) = (stats.km, stats.hours);
    write_line(out, format_args!("  {:12} {}, {km:.1} km, {hours:.2} h", "recordings", stats.recordings.len()))?;
    if let Some([first, last]) = &stats.times {
        write_line(out, format_args!("  {:12} {first} to {last}", "times"))?;
    }
    if let Some(e) = stats.extent {
        let (w, s, e, n) = (e.xmin, e.ymin, e.xmax, e.ymax);
        write_line(out, format_args!("  {:12} {w:.6} {s:.6} to {e:.6} {n:.6}", "extent"))?;
    }

    let width = terminal_width();
    let whole: u64 = stats.bytes.values().sum();
    write_line(out, format_args!("\n{} on disk", size(whole)))?;
    let (paths, sizes) = stats.bytes.iter().map(|(path, bytes)| (path.clone(), size(*bytes))).unzip();
    write_table(vec![Column::text("file or folder", paths), Column::number("size", sizes)], width, out)?;
    section(out, "table", "rows", stats.rows.iter().map(|(table, rows)| (table.clone(), *rows)))?;
    section(out, "split", "samples", stats.splits.iter().map(|(split, samples)| (split.clone(), *samples)))?;
    section(out, "licence", "samples", stats.licenses.iter().map(|(license, n)| (license.clone(), *n)))?;
    for who in &stats.attributions {
        write_line(out, format_args!("to be named: {who}"))?;
    }

    write_line(out, "")?;
    let cells = |cell: &dyn Fn(&crate::dataset::stats::ChannelStats) -> String| -> Vec<String> {
        stats.channels.iter().map(cell).collect()
    };
    let channels = vec![
        Column::text("channel", cells(&|c| c.channel.clone())),
        Column::text("modality", cells(&|c| c.modality.clone())),
        Column::text("format", cells(&|c| c.format.clone())),
        Column::number("frames", cells(&|c| c.frames.to_string())),
        Column::number("size", cells(&|c| size(c.bytes))),
    ];
    write_table(channels, width, out)?;
    for histogram in &stats.histograms {
        print_histogram(histogram, out)?;
    }

    write_line(out, "")?;
    let listed = &stats.recordings[..stats.recordings.len().min(LISTED)];
    let cells = |cell: &dyn Fn(&crate::dataset::stats::RecordingStats) -> Option<String>| -> Vec<String> {
        listed.iter().map(|r| cell(r).unwrap_or_else(|| "-".to_string())).collect()
    };
    let recordings = vec![
        Column::text("recording", cells(&|r| Some(r.recording_id.clone()))),
        Column::text("kind", cells(&|r| Some(r.kind.clone()))).expendable(2),
        Column::text("start (UTC)", cells(&|r| r.start.clone())).expendable(1),
        Column::number("seconds", cells(&|r| r.duration_s.map(|s| format!("{s:.1}")))),
        Column::number("metres", cells(&|r| Some(format!("{:.0}", r.length_m)))),
        Column::number("frames", cells(&|r| Some(r.frames.to_string()))),
        Column::number("samples", cells(&|r| Some(r.samples.to_string()))),
        Column::text("licence", cells(&|r| Some(r.license.clone()))),
    ];
    write_table(recordings, width, out)?;
    if stats.recordings.len() > LISTED {
        write_line(out, format_args!("and {} more: --json lists all", stats.recordings.len() - LISTED))?;
    }
    Ok(())
}

/// A table of names and counts, after an empty line.
fn section(
    out: &mut dyn Write,
    name: &'static str,
    what: &'static str,
    rows: impl Iterator<Item = (String, u64)>,
) -> Result<()> {
    let (names, counts) = rows.map(|(name, count)| (name, count.to_string())).unzip();
    write_line(out, "")?;
    write_table(vec![Column::text(name, names), Column::number(what, counts)], terminal_width(), out)
}

fn print_histogram(histogram: &Histogram, out: &mut dyn Write) -> Result<()> {
    let Histogram { name, unit, bins, missing, .. } = histogram;
    let name = if unit.is_empty() { name.clone() } else { format!("{name}, {unit}") };
    let unknown = if *missing > 0 { format!(", unknown for {missing} samples") } else { String::new() };
    match (histogram.min, histogram.median, histogram.max) {
        (Some(min), Some(median), Some(max)) => {
            write_line(out, format_args!("\n{name}: {min:.1} to {max:.1}, median {median:.1}{unknown}"))?
        }
        _ => write_line(out, format_args!("\n{name}{unknown}"))?,
    }
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or_default();
    let widest = bins.iter().map(|bin| bin.label.chars().count()).max().unwrap_or_default();
    for bin in bins {
        write_line(out, format_args!("  {:>widest$}  {} {}", bin.label, bar(bin.count, most), bin.count))?;
    }
    Ok(())
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
