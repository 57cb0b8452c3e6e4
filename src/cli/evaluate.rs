//! `worldloom evaluate`.

use std::io::Write;
use std::path::PathBuf;

use crate::dataset::Dataset;
use crate::dataset::evaluate::{Evaluation, TrajectoryEvaluation, evaluate, evaluate_files};
use crate::error::Result;
use crate::fuse::metrics::ErrorStats;

use super::context::{Context, Outcome, write_json, write_line};
use super::text::{Column, terminal_width, write_table};

/// Compare what was estimated with known truth.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom evaluate fusion town --truth samples/town/truth")]
pub struct EvaluateArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Fusion(FusionArgs),
}

/// Trajectories, clocks and matched ways: ATE, RPE, heading, NEES, clock error, precision and recall by length.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: worldloom evaluate fusion town --truth samples/town/truth --json\n\
                        Two files of TUM, KITTI or EuRoC poses are compared as evo does.")]
struct FusionArgs {
    /// The data set, or a file of poses.
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::AnyPath)]
    dir: PathBuf,
    /// The truth: a folder of `DRIVE/poses.csv`, `clock.csv` and `matched.csv`; of one drive its folder, `poses.csv` or a
    /// trace (NMEA, GPX, CSV); for a file of poses another.
    #[arg(long, value_name = "F", value_hint = clap::ValueHint::AnyPath)]
    truth: PathBuf,
}

/// Runs the subcommand.
///
/// # Errors
///
/// Those of [`Dataset::open`], [`evaluate`] and [`evaluate_files`].
pub fn run(ctx: &Context, args: &EvaluateArgs, out: &mut dyn Write) -> Result<Outcome> {
    let What::Fusion(args) = &args.what;
    if args.dir.is_file() {
        let found = evaluate_files(&args.dir, &args.truth)?;
        match ctx.json {
            true => write_json(out, &found)?,
            false => print_files(&found, out)?,
        }
        return Ok(Outcome::Done);
    }
    let found = evaluate(&Dataset::open(&args.dir)?, &args.truth)?;
    match ctx.json {
        true => write_json(out, &found)?,
        false => print(&found, out)?,
    }
    Ok(Outcome::Done)
}

fn print_files(of: &TrajectoryEvaluation, out: &mut dyn Write) -> Result<()> {
    write_line(out, format_args!("{} poses compared; metres", of.poses))?;
    let rows = [
        ("ATE", Some(of.ate_m)),
        ("ATE, aligned", of.ate_aligned_m),
        ("ATE, aligned and scaled", of.ate_scaled_m),
        ("RPE over 100 m", of.rpe_100m_m),
    ];
    let known: Vec<(&str, ErrorStats)> = rows.into_iter().filter_map(|(name, stats)| Some((name, stats?))).collect();
    let column = |title, value: fn(&ErrorStats) -> f64| {
        Column::number(title, known.iter().map(|(_, stats)| format!("{:.6}", value(stats))).collect())
    };
    let table = vec![
        Column::text("", known.iter().map(|(name, _)| name.to_string()).collect()),
        column("rmse", |s| s.rmse),
        column("mean", |s| s.mean),
        column("median", |s| s.median),
        column("95 %", |s| s.p95),
        column("max", |s| s.max),
    ];
    write_table(table, terminal_width(), out)
}

fn print(of: &Evaluation, out: &mut dyn Write) -> Result<()> {
    let rmse = |stats: &Option<ErrorStats>| stats.map_or("-".to_string(), |s| format!("{:.2}", s.rmse));
    let each =
        |cell: &dyn Fn(&crate::dataset::evaluate::DriveEvaluation) -> String| of.drives.iter().map(cell).collect();
    let share = |value: Option<f64>| value.map_or("-".to_string(), |v| format!("{:.1} %", 100.0 * v));
    let table = vec![
        Column::text("drive", each(&|d| d.drive.clone())),
        Column::number("metres", each(&|d| format!("{:.0}", d.length_m))),
        Column::number("xy rmse, m", each(&|d| format!("{:.2}", d.horizontal_m.rmse))),
        Column::number("95 %", each(&|d| format!("{:.2}", d.horizontal_m.p95))),
        Column::number("z rmse, m", each(&|d| format!("{:.2}", d.vertical_m.rmse))),
        Column::number("heading, °", each(&|d| rmse(&d.heading_deg))),
        Column::number("aligned, m", each(&|d| rmse(&d.ate_aligned_m))),
        Column::number("rpe 1 s, m", each(&|d| rmse(&d.rpe_1s_m))),
        Column::number("rpe 100 m, m", each(&|d| rmse(&d.rpe_100m_m))),
        Column::number("nees", each(&|d| d.nees_xy.map_or("-".to_string(), |n| format!("{n:.2}")))),
        Column::number("precision", each(&|d| share(d.ways.and_then(|w| w.precision)))),
        Column::number("recall", each(&|d| share(d.ways.and_then(|w| w.recall)))),
    ];
    write_table(table, terminal_width(), out)?;
    let clocks: Vec<_> = of.drives.iter().flat_map(|d| d.clock.iter().map(move |c| (&d.drive, c))).collect();
    if !clocks.is_empty() {
        let ms = |value: Option<f64>| value.map_or("unknown".to_string(), |v| format!("{v:+.2}"));
        write_line(out, "")?;
        let table = vec![
            Column::text("drive", clocks.iter().map(|(drive, _)| drive.to_string()).collect()),
            Column::text("clock", clocks.iter().map(|(_, c)| c.sensor.clone()).collect()),
            Column::number("true, ms", clocks.iter().map(|(_, c)| format!("{:+.2}", c.true_ms)).collect()),
            Column::number("found, ms", clocks.iter().map(|(_, c)| ms(c.found_ms)).collect()),
            Column::number("error, ms", clocks.iter().map(|(_, c)| ms(c.error_ms)).collect()),
            Column::number("sigma, ms", clocks.iter().map(|(_, c)| ms(c.sigma_ms)).collect()),
        ];
        write_table(table, terminal_width(), out)?;
    }
    if let Some(off) = of.calibration_error {
        write_line(out, format_args!("\nmatches by stated probability, calibration error {off:.3}"))?;
        let bins = || of.reliability.iter();
        let table = vec![
            Column::text("probability", bins().map(|b| format!("{:.1} – {:.1}", b.from, b.to)).collect()),
            Column::number("metres", bins().map(|b| format!("{:.0}", b.length_m)).collect()),
            Column::number("stated", bins().map(|b| format!("{:.3}", b.stated)).collect()),
            Column::number("right", bins().map(|b| format!("{:.3}", b.right)).collect()),
        ];
        write_table(table, terminal_width(), out)?;
    }
    Ok(())
}
