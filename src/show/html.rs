//! Bits of HTML: escaped text, tables, pictures as `data:` URIs. Nothing here loads anything from anywhere.

use base64::Engine;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::thumbnail;
use image::{ImageFormat, RgbImage};

/// Rows that a long table prints.
const MOST_ROWS: usize = 60;

/// Text for elements and attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Not allowed in HTML, whatever a source has in its names.
            c if c.is_control() && c != '\n' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A count with commas between thousands.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text
}

/// Bytes in the unit that gives them one to three digits.
pub(super) fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if value < 999.5 {
            return if unit == "bytes" { format!("{n} bytes") } else { format!("{} {unit}", digits(value)) };
        }
        value /= 1000.0;
    }
    format!("{} TB", digits(value))
}

fn digits(value: f64) -> String {
    if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// A cell of a table, its text escaped.
pub(super) enum Cell {
    /// To the left.
    Text(String),
    /// To the right.
    Number(String),
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    /// A number, or a dash where it is not known.
    pub(super) fn number(value: Option<f64>) -> Cell {
        Cell::Number(value.filter(|v| v.is_finite()).map_or("–".to_string(), short))
    }

    pub(super) fn count(n: u64) -> Cell {
        Cell::Number(count(n))
    }
}

/// A table under a row of names; scrolls where the page is narrow.
pub(super) fn table(names: &[&str], rows: &[Vec<Cell>]) -> String {
    let mut html = String::from("<div class=\"wide\"><table><thead><tr>");
    for (column, name) in names.iter().enumerate() {
        let number = rows.first().and_then(|r| r.get(column)).is_some_and(|c| matches!(c, Cell::Number(_)));
        html.push_str(if number { "<th class=\"n\">" } else { "<th>" });
        html.push_str(&escape(name));
        html.push_str("</th>");
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            match cell {
                Cell::Text(text) => html.push_str(&format!("<td>{}</td>", escape(text))),
                Cell::Number(text) => html.push_str(&format!("<td class=\"n\">{}</td>", escape(text))),
            }
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>");
    html
}

/// A photograph no larger than so many pixels, as JPEG.
pub(super) fn photo(picture: &RgbImage, width: u32, height: u32, alt: &str) -> String {
    let (w, h) = picture.dimensions();
    let scale = (f64::from(width) / f64::from(w.max(1))).min(f64::from(height) / f64::from(h.max(1))).min(1.0);
    let side = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
    let small = thumbnail(picture, side(w), side(h));
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 82).encode_image(&small).expect("a small picture fits into memory");
    img(&small, "jpeg", &jpeg, alt)
}

/// A drawing, as PNG.
pub(super) fn drawing(picture: &RgbImage, alt: &str) -> String {
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).expect("a small picture fits into memory");
    img(picture, "png", png.get_ref(), alt)
}

fn img(picture: &RgbImage, kind: &str, data: &[u8], alt: &str) -> String {
    let data = base64::engine::general_purpose::STANDARD.encode(data);
    let (w, h) = picture.dimensions();
    let alt = escape(alt);
    format!("<img src=\"data:image/{kind};base64,{data}\" width=\"{w}\" height=\"{h}\" alt=\"{alt}\" title=\"{alt}\"/>")
}

/// A table of which only the first rows are printed.
pub(super) fn capped(names: &[&str], mut rows: Vec<Vec<Cell>>) -> String {
    let all = rows.len();
    rows.truncate(MOST_ROWS);
    let more = match all - rows.len() {
        0 => String::new(),
        more => format!("<p class=\"muted\">and {} more rows</p>", count(more as u64)),
    };
    format!("{}{more}", table(names, &rows))
}

/// A number of few digits.
pub(super) fn short(value: f64) -> String {
    let text = match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    if zero { "0".to_string() } else { text.replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sources_cannot_write_html() {
        assert_eq!(escape("<b a='\"'>&\u{1}"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;\u{fffd}");
    }

    #[test]
    fn counts_and_bytes_are_readable() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [12, 1_499, 999_400, 999_600, 23_400_000_000].map(bytes),
            ["12 bytes", "1.5 kB", "999 kB", "1.0 MB", "23 GB"]
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, -0.001, 12.34, 123.4, -0.5, 2.0].map(short), ["0", "0", "12.3", "123", "−0.5", "2"]);
    }
}
