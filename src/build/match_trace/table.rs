//! Positions as rows: CSV, and GeoParquet.

use std::io::{self, Write};

use crate::dataset::geoparquet;
use crate::dataset::matched::{MatchedRow, matched_table};

use super::MatchedTrack;
use super::decimal::degrees;
use super::writer::Answer;

/// An answer as CSV.
#[derive(Default)]
pub(super) struct Csv {
    begun: bool,
}

impl Csv {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        writeln!(out, "index,t_ns,lon,lat,way_id,offset_m,matched_lon,matched_lat,distance_m,probability")
    }
}

impl Answer for Csv {
    fn track(&mut self, track: &MatchedTrack<'_>, out: &mut dyn Write) -> io::Result<()> {
        let text = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
        let whole = |v: Option<i64>| v.map(|v| v.to_string()).unwrap_or_default();
        self.begin(out)?;
        for (row, (_, fix, _)) in track.rows().zip(track.points()) {
            let on = |v: f64| row.way_id.map(|_| degrees(v));
            writeln!(
                out,
                "{},{},{},{},{},{},{},{},{},{}",
                row.index,
                whole(row.t_ns),
                fix.place.lon_deg,
                fix.place.lat_deg,
                whole(row.way_id),
                text(row.offset_m),
                text(on(row.lon)),
                text(on(row.lat)),
                text(row.distance_m),
                text(row.probability),
            )?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.begin(out)
    }
}

/// An answer as GeoParquet.
#[derive(Default)]
pub(super) struct Parquet {
    rows: Vec<MatchedRow>,
}

impl Answer for Parquet {
    fn track(&mut self, track: &MatchedTrack<'_>, _: &mut dyn Write) -> io::Result<()> {
        self.rows.extend(track.rows());
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let table = matched_table(&self.rows).and_then(|table| geoparquet::encode(&table));
        out.write_all(&table.map_err(io::Error::other)?)
    }
}
