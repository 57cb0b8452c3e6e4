//! Tables for people: columns that line up, also in Korean, and fit the terminal.

use std::io::{IsTerminal, Write};

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use crate::error::Result;

use super::context::write_line;

/// A column of a table; each has as many cells.
pub struct Column {
    title: &'static str,
    cells: Vec<String>,
    alignment: Alignment,
    /// The higher, the sooner it is left out where the terminal is narrow; 0 stays.
    expendable: u8,
}

/// Between columns.
const GAP: &str = "  ";

/// A last column narrower than this says too little.
const LEAST: usize = 12;

impl Column {
    /// Text, flush left.
    pub fn text(title: &'static str, cells: Vec<String>) -> Column {
        Column { title, cells, alignment: Alignment::Left, expendable: 0 }
    }

    /// Numbers, flush right.
    pub fn number(title: &'static str, cells: Vec<String>) -> Column {
        Column { title, cells, alignment: Alignment::Right, expendable: 0 }
    }

    /// One that may be left out where the terminal is narrow, the one of the highest `rank` first.
    pub fn expendable(mut self, rank: u8) -> Column {
        self.expendable = rank;
        self
    }

    fn width(&self) -> usize {
        self.cells.iter().map(|c| measure_text_width(c)).chain([measure_text_width(self.title)]).max().unwrap_or(0)
    }
}

/// The width of the terminal that stdout is; `None` where it is a file or a pipe.
pub fn terminal_width() -> Option<usize> {
    let terminal = std::io::stdout().is_terminal();
    terminal.then(|| console::Term::stdout().size_checked().map_or(80, |(_, columns)| usize::from(columns)))
}

/// Prints columns within `width`: expendable ones are left out, then the last is cut short.
///
/// # Errors
///
/// Where `out` cannot be written.
pub fn write_table(mut columns: Vec<Column>, width: Option<usize>, out: &mut dyn Write) -> Result<()> {
    let mut widths: Vec<usize> = columns.iter().map(Column::width).collect();
    if let Some(width) = width {
        let mut last = widths.pop().unwrap_or_default();
        let fixed = |widths: &[usize]| widths.iter().map(|w| w + GAP.len()).sum::<usize>();
        while fixed(&widths) + last.min(LEAST) > width {
            let worst = (0..widths.len()).max_by_key(|&i| columns[i].expendable);
            let Some(i) = worst.filter(|&i| columns[i].expendable > 0) else { break };
            columns.remove(i);
            widths.remove(i);
        }
        last = last.min(width.saturating_sub(fixed(&widths)).max(1));
        widths.push(last);
    }
    let line = |cell: &dyn Fn(&Column) -> String| {
        let padded = columns.iter().zip(&widths).map(|(column, &width)| {
            pad_str(&truncate_str(&cell(column), width, "…"), width, column.alignment, None).into_owned()
        });
        padded.collect::<Vec<String>>().join(GAP).trim_end().to_string()
    };
    write_line(out, line(&|column| column.title.to_string()))?;
    for row in 0..columns.first().map_or(0, |c| c.cells.len()) {
        write_line(out, line(&|column| column.cells[row].clone()))?;
    }
    Ok(())
}

/// A bar of up to 40 letters for `count` of at most `most`; at least a sliver where there is one.
pub fn bar(count: u64, most: u64) -> String {
    let eighths = if most == 0 { 0 } else { (count as f64 / most as f64 * 320.0).round() as usize };
    let eighths = eighths.max(usize::from(count > 0));
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{rest}", "█".repeat(eighths / 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<usize>) -> Vec<String> {
        let texts = |cells: [&str; 2]| cells.map(str::to_string).to_vec();
        let columns = vec![
            Column::text("id", texts(["a1", "b2"])),
            Column::number("speed", texts(["9.5", "12.0"])).expendable(1),
            Column::number("frames", texts(["20", "5"])).expendable(2),
            Column::text("street", texts(["판교역로 12번길", "Straße des 17. Juni"])),
        ];
        let mut out = Vec::new();
        write_table(columns, width, &mut out).expect("written");
        String::from_utf8(out).expect("UTF-8").lines().map(str::to_string).collect()
    }

    #[test]
    fn columns_line_up_and_wide_letters_count_twice() {
        assert_eq!(
            table(None),
            [
                "id  speed  frames  street",
                "a1    9.5      20  판교역로 12번길",
                "b2   12.0       5  Straße des 17. Juni"
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out_then_cut() {
        assert_eq!(table(Some(31))[2], "b2   12.0       5  Straße des …");
        assert_eq!(table(Some(24))[1], "a1    9.5  판교역로 12…");
        assert!(table(Some(16)).iter().all(|line| measure_text_width(line) <= 16));
        assert!(table(Some(1)).len() == 3);
    }

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_empty_for_something() {
        assert_eq!((bar(0, 9), bar(9, 9), bar(0, 0)), (String::new(), "█".repeat(40), String::new()));
        assert_eq!((bar(1, 1_000_000), bar(3, 16)), ("▏".to_string(), format!("{}▌", "█".repeat(7))));
    }
}
