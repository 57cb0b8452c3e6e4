//! CSV by column names: ours, the user's mapping, or the usual other spellings.

use std::borrow::Cow;
use std::io::BufRead;

use csv::ByteRecord;

use crate::error::ErrorKind;
use crate::source::CsvColumns;
use crate::time::{ClockScale, Timestamp};

use super::civil;

/// Columns that hold a count of time, with their unit in nanoseconds.
pub(super) const COUNTS: [(&str, i64); 4] = [("t_ns", 1), ("t_us", 1_000), ("t_ms", 1_000_000), ("t_s", 1_000_000_000)];

/// Other spellings (in lower case) of our names, taken where neither our name nor a mapping is there. Units must be
/// certain from the name alone, so `speed` and `altitude` are not here.
const SPELLINGS: [(&str, &[&str]); 4] = [
    ("lon", &["longitude", "lng", "long", "lon_deg"]),
    ("lat", &["latitude", "lat_deg"]),
    ("time", &["timestamp", "datetime", "date_time", "utc"]),
    ("track", &["trackid", "track_id", "trajectory_id", "trip_id"]),
];

/// Why a number in a column of dates is refused.
pub(super) const NUMBER_FOR_DATE: &str =
    "its time is a number where a date is read: numbers belong in `t_s`, `t_ms` or `t_ns`";

/// Why a row cannot be used.
pub(super) type Reason = Cow<'static, str>;

/// How programs write a number that is not there: C, numpy, pandas, SQL, R, spreadsheets.
const ABSENT: [&str; 7] = ["nan", "null", "none", "na", "n/a", "<na>", "\\n"];

/// How times without a zone or on another clock become UTC.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TimeRule {
    /// Seconds east of UTC of times that do not say it.
    pub zone_s: i32,
    /// The clock that they are on.
    pub scale: ClockScale,
}

/// A CSV with a header line, read a row at a time into one reused buffer.
pub(super) struct Table<R> {
    reader: csv::Reader<R>,
    row: ByteRecord,
    header: Vec<String>,
    mapping: CsvColumns,
    time: Option<(usize, Option<i64>)>,
    number: u64,
}

impl<R: BufRead> Table<R> {
    /// Reads the header; the delimiter is the one of `,`, `;` and tab that it has most of.
    ///
    /// # Errors
    ///
    /// An empty file, or a column of `mapping` that is not there.
    pub(super) fn open(mut reader: R, mapping: &CsvColumns) -> Result<Table<R>, ErrorKind> {
        let start = reader.fill_buf().map_err(|e| ErrorKind::io("read", e))?;
        let line = start.split(|&c| c == b'\n').next().unwrap_or_default();
        let count = |d: u8| line.iter().filter(|&&c| c == d).count();
        let mut delimiter = b',';
        for d in [b';', b'\t'] {
            if count(d) > count(delimiter) {
                delimiter = d;
            }
        }
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(reader);
        let header = reader.byte_headers().map_err(|e| malformed(&e))?;
        let header: Vec<String> = header
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().trim_start_matches('\u{feff}').to_string())
            .collect();
        if header.iter().all(String::is_empty) {
            return Err(ErrorKind::malformed("CSV", "there is no header line"));
        }
        for (ours, theirs) in mapping {
            if !theirs.is_empty() && !header.contains(theirs) {
                return Err(ErrorKind::malformed(
                    "CSV",
                    format!("`columns` maps {ours} to `{theirs}`, but the columns are: {}", header.join(", ")),
                ));
            }
        }
        let mut table =
            Table { reader, row: ByteRecord::new(), header, mapping: mapping.clone(), time: None, number: 0 };
        let counted = COUNTS.iter().find_map(|(name, unit)| Some((table.column(name)?, Some(*unit))));
        table.time = counted.or_else(|| Some((table.column("time").or_else(|| table.column("t"))?, None)));
        Ok(table)
    }

    /// The index of one of our columns; an empty name in the mapping hides it.
    pub(super) fn column(&self, ours: &str) -> Option<usize> {
        if let Some(theirs) = self.mapping.get(ours) {
            return self.header.iter().position(|h| h == theirs && !theirs.is_empty());
        }
        let spellings = SPELLINGS.iter().find(|(name, _)| *name == ours).map_or(&[][..], |(_, s)| s);
        self.header.iter().position(|h| h == ours).or_else(|| {
            let lower = |h: &String| h.to_ascii_lowercase();
            self.header.iter().position(|h| lower(h) == ours || spellings.contains(&lower(h).as_str()))
        })
    }

    /// The index of a column that must be there.
    ///
    /// # Errors
    ///
    /// Where it is not; the message lists the columns.
    pub(super) fn required(&self, ours: &str) -> Result<usize, ErrorKind> {
        self.column(ours).ok_or_else(|| {
            let columns = self.header.join(", ");
            if self.header.iter().any(|name| name.parse::<f64>().is_ok()) {
                let reason = format!("no header: the first line, which names the columns, has no `{ours}`: {columns}");
                return ErrorKind::malformed("CSV", reason);
            }
            ErrorKind::malformed("CSV", format!("no column `{ours}`; map it with `columns`. There are: {columns}"))
        })
    }

    /// The name in the file of the column of times that are counts, and the nanoseconds of its unit.
    pub(super) fn counted(&self) -> Option<(&str, i64)> {
        let (column, unit) = self.time?;
        Some((&self.header[column], unit?))
    }

    /// The name in the file of the column of times, whatever they are.
    pub(super) fn time_name(&self) -> &str {
        self.time.map_or("", |(column, _)| &self.header[column])
    }

    /// Whether there is a column of times.
    pub(super) fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// Moves to the next row; `false` at the end.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read on.
    pub(super) fn advance(&mut self) -> Result<bool, ErrorKind> {
        let more = self.reader.read_byte_record(&mut self.row).map_err(|e| malformed(&e))?;
        self.number += u64::from(more);
        Ok(more)
    }

    /// The row's number, from 0.
    pub(super) fn record(&self) -> u64 {
        self.number.saturating_sub(1)
    }

    /// The row's line in the file, from 1.
    pub(super) fn line(&self) -> u64 {
        self.row.position().map_or(0, csv::Position::line)
    }

    /// A field of the row without blanks around it; `None` where it is empty or missing.
    pub(super) fn text(&self, column: Option<usize>) -> Option<&[u8]> {
        let field = self.row.get(column?)?.trim_ascii();
        (!field.is_empty()).then_some(field)
    }

    /// A field as a finite number; `Ok(None)` where it is empty, NaN or a word for nothing, such as `NULL`.
    ///
    /// # Errors
    ///
    /// The reason, with the column's name, where it is anything else.
    pub(super) fn number(&self, column: Option<usize>) -> Result<Option<f64>, Reason> {
        let Some((column, text)) = column.and_then(|c| Some((c, self.text(Some(c))?))) else { return Ok(None) };
        if let Some(value) = plain_decimal(text) {
            return Ok(Some(value));
        }
        match std::str::from_utf8(text).ok().and_then(|t| t.parse::<f64>().ok()) {
            Some(value) if value.is_finite() => Ok(Some(value)),
            _ if is_absent(text) => Ok(None),
            Some(_) => Err(format!("`{}` is infinite", self.header[column]).into()),
            None => Err(format!("`{}` is not a number", self.header[column]).into()),
        }
    }

    /// A field that must hold a finite number.
    ///
    /// # Errors
    ///
    /// The reason, with the column's name, where it does not.
    pub(super) fn needed(&self, column: usize) -> Result<f64, Reason> {
        let name = || self.header[column].as_str();
        self.number(Some(column))?.ok_or_else(|| match self.text(Some(column)) {
            Some(_) => format!("`{}` is NaN or a word for no number", name()).into(),
            None => format!("`{}` is missing", name()).into(),
        })
    }

    /// The row's time in UTC; `Ok(None)` where it is empty or there is no such column.
    ///
    /// # Errors
    ///
    /// The reason, where it is not a time.
    pub(super) fn time(&self, rule: TimeRule) -> Result<Option<Timestamp>, Reason> {
        let Some((column, unit)) = self.time else { return Ok(None) };
        let Some(text) = self.text(Some(column)) else { return Ok(None) };
        let time = match unit {
            Some(unit) => civil::count_ns(text, unit).and_then(|ns| civil::utc_of_count(ns, rule.scale)),
            None => civil::parse(text)
                .and_then(|civil| civil.instant(rule.zone_s))
                .and_then(|t| civil::utc_of_civil(t, rule.scale)),
        };
        let reason = || match civil::count_ns(text, 1) {
            Some(_) if unit.is_none() => NUMBER_FOR_DATE.into(),
            Some(_) => {
                "the time lies beyond the year 2261: its values have another unit than the name of their column".into()
            }
            None => format!("the time in `{}` is not a time", self.header[column]).into(),
        };
        time.map(Some).ok_or_else(reason)
    }
}

/// Whether a field says that there is no number: `nan` in whatever way the C library of a system writes it, or a word.
fn is_absent(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let nan = |t: &[u8]| t.eq_ignore_ascii_case(b"nan");
    ABSENT.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
        || (text.ends_with(b")") && text.get(3) == Some(&b'(') && text.get(..3).is_some_and(nan))
}

/// A number of up to fifteen digits, with or without sign and point; `None` where it is written in another way.
///
/// Its digits and the power of ten are exact as floats, so one division rounds it as it should be (Clinger 1990, *How to read
/// floating point numbers accurately*): the usual case, in a fourth of the time.
fn plain_decimal(text: &[u8]) -> Option<f64> {
    const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, body) = match text.first()? {
        b'-' => (true, &text[1..]),
        _ => (false, text),
    };
    let (mut whole, mut digits, mut point) = (0_u64, 0, None);
    if body.len() > 16 {
        return None;
    }
    for &c in body {
        match c {
            b'0'..=b'9' => {
                whole = whole * 10 + u64::from(c - b'0');
                digits += 1;
            }
            b'.' if point.is_none() => point = Some(digits),
            _ => return None,
        }
    }
    if digits == 0 || digits > 15 {
        return None;
    }
    let value = whole as f64 / POWERS[point.map_or(0, |at| digits - at)];
    Some(if negative { -value } else { value })
}

fn malformed(error: &csv::Error) -> ErrorKind {
    ErrorKind::malformed("CSV", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn delimiter_spelling_and_unit_come_from_the_header() {
        let text = b"X;Latitude;t_ms\n1.5;2;1000.5\n" as &[u8];
        let mapping = CsvColumns::from([("lon".to_string(), "X".to_string())]);
        let mut table = Table::open(text, &mapping).expect("opens");
        assert!(table.advance().expect("a row"));
        assert_eq!(table.needed(table.required("lon").expect("mapped")), Ok(1.5));
        assert_eq!(table.needed(table.required("lat").expect("spelt out")), Ok(2.0));
        assert_eq!(table.time(TimeRule::default()), Ok(Some(Timestamp::from_ns(1_000_500_000))));
        assert_eq!((table.line(), table.record()), (2, 0));
        assert!(!table.advance().expect("the end"));
    }

    #[test]
    fn a_mapping_to_nothing_hides_a_column_and_a_wrong_one_is_an_error() {
        let hide = CsvColumns::from([("lat".to_string(), String::new())]);
        assert_eq!(Table::open(b"lat,lon\n" as &[u8], &hide).expect("opens").column("lat"), None);
        let wrong = CsvColumns::from([("lat".to_string(), "breite".to_string())]);
        let error = Table::open(b"lat,lon\n" as &[u8], &wrong).err().expect("refused").to_string();
        assert!(error.contains("breite") && error.contains("lat, lon"), "{error}");
    }

    #[test]
    fn a_number_for_a_date_and_a_count_of_another_unit_are_told_from_what_is_no_time() {
        let reason = |text: &str| {
            let mut table = Table::open(text.as_bytes(), &CsvColumns::new()).expect("opens");
            assert!(table.advance().expect("a row"));
            table.time(TimeRule::default()).expect_err("refused")
        };
        assert_eq!(reason("time,a\n1714521600.5,1\n"), NUMBER_FOR_DATE);
        assert_eq!(reason("time,a\nnoon,1\n"), "the time in `time` is not a time");
        assert!(reason("t_s,a\n1714521600000,1\n").contains("another unit"));
    }

    #[test]
    fn what_is_no_number_is_not_there_or_names_its_column() {
        let field = |text: &str| {
            let table = format!("Lon,a\n{text},1\n");
            let mut table = Table::open(table.as_bytes(), &CsvColumns::new()).expect("opens");
            assert!(table.advance().expect("a row"));
            (table.number(Some(0)), table.needed(0))
        };
        for word in ["nan", "NaN", "-nan", "-nan(ind)", "NAN(0x1)", "NULL", "null", "None", "NA", "N/A", "<NA>", "\\N"]
        {
            let (optional, needed) = field(word);
            assert!(optional == Ok(None) && needed.expect_err("refused").starts_with("`Lon` is NaN"), "{word}");
        }
        assert_eq!(field("").1, Err("`Lon` is missing".into()));
        for word in ["inf", "-Infinity", "1e999"] {
            assert_eq!(field(word).0, Err("`Lon` is infinite".into()), "{word}");
        }
        for word in ["nans", "nan(", "noon", "-", "N"] {
            assert_eq!(field(word).0, Err("`Lon` is not a number".into()), "{word}");
        }
    }

    #[test]
    fn plain_decimals_are_read_as_the_library_reads_them() {
        for text in ["0", "-0", "1.5", "-127.12345678", ".5", "5.", "999999999999999", "0.00000000000001", "00012.50"] {
            let want: f64 = text.parse().expect("a number");
            assert_eq!(plain_decimal(text.as_bytes()).map(f64::to_bits), Some(want.to_bits()), "{text}");
        }
        for text in ["", "-", ".", "1e5", "+1", "1.2.3", "nan", "1234567890123456", "12345678901234567890"] {
            assert_eq!(plain_decimal(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn plain_decimals_are_rounded_right(value in -999_999_999_999_999_i64..=999_999_999_999_999, places in 0..16_usize) {
            let digits = format!("{:0width$}", value.unsigned_abs(), width = places.max(1));
            let (before, after) = digits.split_at(digits.len() - places);
            let text = format!("{}{before}.{after}", if value < 0 { "-" } else { "" });
            let want: f64 = text.parse().expect("a number");
            prop_assert_eq!(plain_decimal(text.as_bytes()).map(f64::to_bits), Some(want.to_bits()));
        }

        #[test]
        fn any_bytes_end_in_rows_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(mut table) = Table::open(bytes.as_slice(), &CsvColumns::new()) {
                while matches!(table.advance(), Ok(true)) {
                    let _ = (table.number(Some(0)), table.time(TimeRule::default()));
                }
            }
        }
    }
}
