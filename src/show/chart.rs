//! Histograms as SVG. Colours are attributes, so that a chart stands alone; a page's style sheet wins over them.

use std::fmt::Write;

use super::html::{count, escape, short};
use super::palette::{MUTED, PAST, RULE, hex};
use crate::dataset::histogram::Histogram;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 150.0;
/// Room under the bars for numbers, and above them.
const FOOT: f64 = 20.0;
const HEAD: f64 = 14.0;

/// A histogram with its name, its range and its median; says so where no value is known.
pub(super) fn histogram(histogram: &Histogram) -> String {
    let Histogram { name, unit, bins, missing, .. } = histogram;
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let unknown = if *missing > 0 { format!(" · unknown for {}", count(*missing)) } else { String::new() };
    let range = match (histogram.min, histogram.median, histogram.max) {
        (Some(min), Some(median), Some(max)) => {
            format!("{} to {}{unit} · median {}{unknown}", short(min), short(max), short(median))
        }
        _ if !bins.is_empty() => format!("eight directions{unknown}"),
        _ => "no value is known".to_string(),
    };
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = draw(&mut svg, histogram);
    let chart = if bins.is_empty() { String::new() } else { svg };
    let name = escape(name);
    format!("<figure class=\"chart\"><figcaption><b>{name}</b><br/><span>{range}</span></figcaption>{chart}</figure>")
}

fn draw(svg: &mut String, histogram: &Histogram) -> std::fmt::Result {
    let bins = &histogram.bins;
    let most = bins.iter().map(|b| b.count).max().unwrap_or(0).max(1) as f64;
    let step = WIDTH / bins.len().max(1) as f64;
    let (muted, bar, rule) = (hex(MUTED), hex(PAST), hex(RULE));
    let label = escape(&histogram.name);
    write!(svg, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">")?;
    let floor = HEIGHT - FOOT;
    for (i, bin) in bins.iter().enumerate() {
        let height = (floor - HEAD) * bin.count as f64 / most;
        let (x, y) = (i as f64 * step + 1.0, floor - height);
        write!(
            svg,
            "<rect class=\"bar\" fill=\"{bar}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{}: {}</title></rect>",
            (step - 2.0).max(0.5),
            escape(&bin.label),
            count(bin.count)
        )?;
    }
    write!(svg, "<path class=\"rule\" stroke=\"{rule}\" d=\"M0 {floor:.1}H{WIDTH}\"/>")?;
    let text = |svg: &mut String, x: f64, y: f64, anchor: &str, text: &str| {
        write!(
            svg,
            "<text class=\"note\" fill=\"{muted}\" font-size=\"11\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            escape(text)
        )
    };
    if histogram.unit == "°" {
        for (i, bin) in bins.iter().enumerate() {
            text(svg, (i as f64 + 0.5) * step, HEIGHT - 6.0, "middle", &bin.label)?;
        }
    } else {
        // Edges, each under the line that it is, as many as do not run into each other.
        let last = short(bins.last().map_or(0.0, |bin| bin.to));
        let (mut free, end) = (f64::NEG_INFINITY, WIDTH - width(&last));
        for (i, bin) in bins.iter().enumerate() {
            let label = short(bin.from);
            let x = (i as f64 * step).max(width(&label) / 2.0);
            if x - width(&label) / 2.0 >= free && x + width(&label) / 2.0 <= end {
                text(svg, x, HEIGHT - 6.0, "middle", &label)?;
                free = x + width(&label) / 2.0;
            }
        }
        text(svg, WIDTH, HEIGHT - 6.0, "end", &last)?;
    }
    text(svg, WIDTH, HEAD - 4.0, "end", &format!("most {}", count(most as u64)))?;
    write!(svg, "</svg>")
}

/// Room that a label takes, in any font.
fn width(label: &str) -> f64 {
    7.5 * label.chars().count() as f64 + 8.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_bar_a_bin_and_says_what_is_unknown() {
        let chart = histogram(&Histogram::even("speed", "m/s", vec![Some(0.0), Some(9.0), Some(9.5), None]));
        assert_eq!(chart.matches("<rect").count(), 10);
        assert!(chart.contains("unknown for 1") && chart.contains("0 to 9.5 m/s"));
        let none = histogram(&Histogram::even("speed", "m/s", vec![None]));
        assert!(!none.contains("<svg") && none.contains("no value is known"));
    }
}
