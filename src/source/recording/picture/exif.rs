//! EXIF: place, time, orientation and focal length; and the JSON that Mapillary's app leaves in `ImageDescription`.
//!
//! Source: CIPA DC-008 (EXIF 2.32); Mapillary's image description keys (`MAPCompassHeading`, `MAPGPSAccuracyMeters`).

use exif::{Exif, In, Tag, Value};

use crate::coord::wrap_degrees;
use crate::record::{CameraIntrinsics, CameraModelKind, GeoTag, Tilt};
use crate::time::Timestamp;

use super::super::civil;
use super::super::trace::{SIGMA_PER_HDOP_M, place};
use super::Remark;

/// `GPSHPositioningError`, metres (EXIF 2.31).
const POSITIONING_ERROR: Tag = Tag(exif::Context::Gps, 0x1f);
/// `CameraElevationAngle`, degrees of the optical axis above the horizon (EXIF 2.31).
const ELEVATION_ANGLE: Tag = Tag(exif::Context::Exif, 0x9405);
/// Zones run from UTC−12 to UTC+14: a local time differs from UTC by no more.
const ZONES_NS: std::ops::RangeInclusive<i64> = -12 * HOUR_NS..=14 * HOUR_NS;
const HOUR_NS: i64 = 3_600_000_000_000;
/// A GPS date may be wrong by a day or two around midnight; farther off, somebody changed one of the two clocks.
const DATE_SLIP_NS: i64 = 2 * civil::DAY_NS;

/// What EXIF says of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metadata {
    /// Orientation 1…8.
    pub orientation: u8,
    /// Where and which way.
    pub geotag: Option<GeoTag>,
    /// When.
    pub t: Option<Timestamp>,
    /// Focal length for a 36 × 24 mm picture, millimetres.
    pub focal_35mm: Option<f64>,
}

impl Default for Metadata {
    fn default() -> Metadata {
        Metadata { orientation: 1, geotag: None, t: None, focal_35mm: None }
    }
}

/// Reads a TIFF block. Whatever is broken in it is left out and said in `remarks`.
pub(super) fn read(tiff: Vec<u8>, zone_s: Option<i32>, remarks: &mut Vec<Remark>) -> Metadata {
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    let parsed = reader.read_raw(tiff).or_else(|error| {
        error.distill_partial_result(|_| remarks.push(Remark::note("its EXIF is broken and was read in part")))
    });
    let Ok(exif) = parsed else {
        remarks.push(Remark::refused("its EXIF cannot be read"));
        return Metadata::default();
    };
    let fields = Fields(&exif);
    let orientation = fields.uint(Tag::Orientation).filter(|o| (1..=8).contains(o)).unwrap_or(1);
    Metadata {
        orientation: orientation as u8,
        geotag: geotag(&fields, remarks),
        t: time(&fields, zone_s, remarks),
        focal_35mm: fields.uint(Tag::FocalLengthIn35mmFilm).filter(|f| *f > 0).map(f64::from),
    }
}

/// A pinhole from the 35 mm equivalent of a focal length, principal point in the middle.
///
/// The long side is taken for 36 mm, as OpenSfM and COLMAP do; lens distortion is not known.
pub(super) fn pinhole(focal_35mm: f64, width: u32, height: u32) -> CameraIntrinsics {
    let f = focal_35mm / 36.0 * f64::from(width.max(height));
    let centre = |size: u32| (f64::from(size) - 1.0) / 2.0;
    CameraIntrinsics {
        model: CameraModelKind::Pinhole,
        width,
        height,
        intrinsics: vec![f, f, centre(width), centre(height)],
        distortion: Vec::new(),
    }
}

/// Fields of the main picture, never those of its thumbnail.
struct Fields<'a>(&'a Exif);

impl Fields<'_> {
    fn value(&self, tag: Tag) -> Option<&Value> {
        self.0.get_field(tag, In::PRIMARY).map(|field| &field.value)
    }

    fn uint(&self, tag: Tag) -> Option<u32> {
        self.value(tag)?.get_uint(0)
    }

    /// A text without padding; `None` where it is blank.
    fn text(&self, tag: Tag) -> Option<String> {
        let Value::Ascii(parts) = self.value(tag)? else { return None };
        let text = String::from_utf8_lossy(parts.first()?);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_string())
    }

    /// Rationals, finite or not: a denominator of 0 gives NaN or infinity.
    fn numbers(&self, tag: Tag) -> Option<Vec<f64>> {
        match self.value(tag)? {
            Value::Rational(values) if !values.is_empty() => Some(values.iter().map(exif::Rational::to_f64).collect()),
            Value::SRational(values) if !values.is_empty() => {
                Some(values.iter().map(exif::SRational::to_f64).collect())
            }
            _ => None,
        }
    }

    fn number(&self, tag: Tag) -> Option<f64> {
        self.numbers(tag)?.first().copied().filter(|v| v.is_finite())
    }
}

fn geotag(fields: &Fields, remarks: &mut Vec<Remark>) -> Option<GeoTag> {
    let mapillary = fields
        .text(Tag::ImageDescription)
        .filter(|text| text.starts_with('{'))
        .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
        .unwrap_or_default();
    // The app writes some of its numbers as texts.
    let number = |value: &serde_json::Value| {
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|v: &f64| v.is_finite())
    };
    let (lon, lat) = match (fields.value(Tag::GPSLongitude), fields.value(Tag::GPSLatitude)) {
        (None, None) => (number(&mapillary["MAPLongitude"])?, number(&mapillary["MAPLatitude"])?),
        _ => {
            let side =
                |tag, negative: char| fields.text(tag).is_some_and(|t| t.to_ascii_uppercase().starts_with(negative));
            let angle = |tag, reference, negative| {
                let parts = fields.numbers(tag)?;
                let degrees = parts.iter().zip([1.0, 60.0, 3600.0]).map(|(part, unit)| part / unit).sum::<f64>();
                Some(if side(reference, negative) { -degrees } else { degrees })
            };
            let lon = angle(Tag::GPSLongitude, Tag::GPSLongitudeRef, 'W');
            let lat = angle(Tag::GPSLatitude, Tag::GPSLatitudeRef, 'S');
            // One of the two missing is as good as none.
            (lon.unwrap_or(f64::NAN), lat.unwrap_or(f64::NAN))
        }
    };
    let height = fields.number(Tag::GPSAltitude).map(|h| match fields.uint(Tag::GPSAltitudeRef) {
        Some(1) => -h,
        _ => h,
    });
    let height = height.or_else(|| number(&mapillary["MAPAltitude"]));
    let place = match place(lon, lat, height.unwrap_or(0.0)) {
        Ok(place) => place,
        Err(reason) => {
            remarks.push(Remark::refused(format!("EXIF: {reason}")));
            return None;
        }
    };
    let heading = fields.number(Tag::GPSImgDirection).filter(|h| (0.0..=360.0).contains(h)).inspect(|_| {
        if fields.text(Tag::GPSImgDirectionRef).as_deref() == Some("M") {
            remarks.push(Remark::note("EXIF heading is magnetic, taken as true: off by the local declination"));
        }
    });
    let heading = heading.or_else(|| number(&mapillary["MAPCompassHeading"]["TrueHeading"])).map(wrap_degrees);
    let sigma = fields
        .number(POSITIONING_ERROR)
        .or_else(|| number(&mapillary["MAPGPSAccuracyMeters"]))
        .or_else(|| fields.number(Tag::GPSDOP).map(|dop| dop * SIGMA_PER_HDOP_M))
        .filter(|sigma| *sigma > 0.0);
    let pitch = fields.number(ELEVATION_ANGLE).filter(|pitch| (-90.0..=90.0).contains(pitch));
    Some(GeoTag {
        place,
        has_height: height.is_some(),
        heading_deg: heading,
        heading_sigma_deg: None,
        tilt: pitch.map(|pitch_deg| Tilt { pitch_deg, roll_deg: 0.0 }),
        sigma_xy_m: sigma,
    })
}

/// When it was taken, by the first of: `DateTimeOriginal` with its own zone; GPS date and time (UTC);
/// `DateTimeOriginal` with the zone that the user gave. A local time of an unknown zone is no time.
fn time(fields: &Fields, zone_s: Option<i32>, remarks: &mut Vec<Remark>) -> Option<Timestamp> {
    let local = fields.text(Tag::DateTimeOriginal).and_then(|text| civil::parse(text.as_bytes()));
    let local = local.map(|mut civil| {
        if let Some(digits) = fields.text(Tag::SubSecTimeOriginal).filter(|t| t.bytes().all(|c| c.is_ascii_digit())) {
            // Some writers put the fraction into both fields.
            civil.ns += if civil.ns % 1_000_000_000 == 0 { civil::fraction_ns(digits.as_bytes()) } else { 0 };
        }
        civil
    });
    if let (Some(civil), Some(offset)) = (local, fields.text(Tag::OffsetTimeOriginal))
        && let Ok(offset) = civil::zone(&offset)
    {
        return civil.instant(offset);
    }
    if let Some(gps) = gps_time(fields) {
        let Some(civil) = local else { return Some(gps) };
        let ahead = civil.ns - gps.ns();
        if ZONES_NS.contains(&ahead) {
            return Some(gps);
        }
        // Some cameras give the date of another day with the right time of day: the day that fits any zone is meant.
        let shift = [-civil::DAY_NS, civil::DAY_NS].into_iter().find(|day| ZONES_NS.contains(&(ahead - day)));
        if let (Some(day), true) = (shift, ahead.abs() < DATE_SLIP_NS) {
            remarks
                .push(Remark::refused("its GPS date contradicts DateTimeOriginal by a day: the latter's day is used"));
            return gps.checked_add_ns(day);
        }
        remarks.push(Remark::note("its GPS time and DateTimeOriginal lie days apart: the GPS time is used"));
        return Some(gps);
    }
    let civil = local?;
    match zone_s {
        Some(zone) => civil.instant(zone),
        None => {
            remarks.push(Remark::refused(
                "EXIF: its time has no zone, so it is read without time (give `timezone` in the config)",
            ));
            None
        }
    }
}

/// `GPSDateStamp` and `GPSTimeStamp`, UTC.
fn gps_time(fields: &Fields) -> Option<Timestamp> {
    let date = fields.text(Tag::GPSDateStamp)?;
    let day = civil::parse(date.get(..10)?.as_bytes())?;
    let [hour, minute, second] = fields.numbers(Tag::GPSTimeStamp)?[..] else { return None };
    let seconds = hour * 3600.0 + minute * 60.0 + second;
    if !(0.0..86_401.0).contains(&seconds) {
        return None;
    }
    day.instant(0)?.checked_add_ns((seconds * 1e9).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use exif::Field;
    use exif::experimental::Writer;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn tiff(fields: &[(Tag, Value)]) -> Vec<u8> {
        let fields: Vec<Field> =
            fields.iter().map(|(tag, value)| Field { tag: *tag, ifd_num: In::PRIMARY, value: value.clone() }).collect();
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut bytes = Cursor::new(Vec::new());
        writer.write(&mut bytes, false).expect("writes");
        bytes.into_inner()
    }

    fn ascii(text: &str) -> Value {
        Value::Ascii(vec![text.as_bytes().to_vec()])
    }

    fn rational(values: &[(u32, u32)]) -> Value {
        Value::Rational(values.iter().map(|&(num, denom)| exif::Rational { num, denom }).collect())
    }

    fn at(lat: &[(u32, u32)], lon: &[(u32, u32)]) -> Vec<(Tag, Value)> {
        vec![
            (Tag::GPSLatitude, rational(lat)),
            (Tag::GPSLatitudeRef, ascii("S")),
            (Tag::GPSLongitude, rational(lon)),
            (Tag::GPSLongitudeRef, ascii("W")),
        ]
    }

    fn read_all(fields: &[(Tag, Value)], zone_s: Option<i32>) -> (Metadata, Vec<Remark>) {
        let mut remarks = Vec::new();
        let metadata = read(tiff(fields), zone_s, &mut remarks);
        (metadata, remarks)
    }

    #[test]
    fn place_height_direction_and_error_are_read() {
        let mut fields = at(&[(33, 1), (30, 1), (36, 10)], &[(70, 1), (30, 1), (0, 1)]);
        fields.extend([
            (Tag::GPSAltitude, rational(&[(125, 10)])),
            (Tag::GPSAltitudeRef, Value::Byte(vec![1])),
            (Tag::GPSImgDirection, rational(&[(360, 1)])),
            (Tag::GPSImgDirectionRef, ascii("M")),
            (Tag::GPSDOP, rational(&[(2, 1)])),
            (Tag::Orientation, Value::Short(vec![6])),
            (Tag::FocalLengthIn35mmFilm, Value::Short(vec![18])),
        ]);
        let (metadata, remarks) = read_all(&fields, None);
        let tag = metadata.geotag.expect("a place");
        assert!((tag.place.lat_deg + 33.501).abs() < 1e-9 && (tag.place.lon_deg + 70.5).abs() < 1e-9);
        assert_eq!((tag.place.height_m, tag.heading_deg, tag.sigma_xy_m), (-12.5, Some(0.0), Some(6.0)));
        assert_eq!((metadata.orientation, metadata.focal_35mm, remarks.len()), (6, Some(18.0), 1));
    }

    #[test]
    fn a_zero_denominator_or_a_place_at_zero_is_refused() {
        for fields in [
            at(&[(33, 0), (0, 1), (0, 1)], &[(70, 1), (0, 1), (0, 1)]),
            at(&[(0, 0), (0, 0), (0, 0)], &[(70, 1), (0, 1), (0, 1)]),
            at(&[(0, 1), (0, 1), (0, 1)], &[(0, 1), (0, 1), (0, 1)]),
            at(&[(91, 1), (0, 1), (0, 1)], &[(0, 1), (0, 1), (0, 1)])[..2].to_vec(),
        ] {
            let (metadata, remarks) = read_all(&fields, None);
            assert_eq!(metadata.geotag, None);
            assert!(remarks.iter().any(|r| r.refused), "{remarks:?}");
        }
    }

    #[test]
    fn time_comes_from_the_surest_clock() {
        let taken = (Tag::DateTimeOriginal, ascii("2018:06:08 13:24:10"));
        let fraction = (Tag::SubSecTimeOriginal, ascii("25"));
        let zone = (Tag::OffsetTimeOriginal, ascii("-07:00"));
        let gps =
            [(Tag::GPSDateStamp, ascii("2018:06:08")), (Tag::GPSTimeStamp, rational(&[(20, 1), (24, 1), (11, 1)]))];
        let text = |fields: &[(Tag, Value)], zone| read_all(fields, zone).0.t.map(|t| t.to_string());
        let own = text(&[taken.clone(), fraction.clone(), zone, gps[0].clone(), gps[1].clone()], Some(0));
        assert_eq!(own.as_deref(), Some("2018-06-08T20:24:10.25Z"));
        assert_eq!(text(&gps, None).as_deref(), Some("2018-06-08T20:24:11Z"));
        assert_eq!(text(&[taken.clone(), fraction], Some(9 * 3600)).as_deref(), Some("2018-06-08T04:24:10.25Z"));
        let (metadata, remarks) = read_all(&[taken], None);
        assert_eq!((metadata.t, remarks.len()), (None, 1));
    }

    #[test]
    fn a_gps_date_off_by_a_day_is_corrected_and_said() {
        // The Nikon P6000 of the arezzo set: 16:28:39 in UTC+2, GPS date a day late.
        let fields = [
            (Tag::DateTimeOriginal, ascii("2008:10:22 16:28:39")),
            (Tag::GPSDateStamp, ascii("2008:10:23")),
            (Tag::GPSTimeStamp, rational(&[(14, 1), (27, 1), (724, 100)])),
        ];
        let (metadata, remarks) = read_all(&fields, None);
        assert_eq!(metadata.t.map(|t| t.to_string()).as_deref(), Some("2008-10-22T14:27:07.24Z"));
        assert_eq!(remarks.len(), 1);
    }

    #[test]
    fn the_json_of_mapillarys_app_fills_what_exif_lacks() {
        let json = r#"{"MAPCompassHeading":{"TrueHeading":54.5},"MAPGPSAccuracyMeters":"5.0","MAPLatitude":"52.5","MAPLongitude":"13.4"}"#;
        let tag = read_all(&[(Tag::ImageDescription, ascii(json))], None).0.geotag.expect("a place");
        assert_eq!((tag.heading_deg, tag.sigma_xy_m, tag.has_height), (Some(54.5), Some(5.0), false));
        assert_eq!((tag.place.lon_deg, tag.place.lat_deg), (13.4, 52.5));
    }

    proptest! {
        #[test]
        fn broken_exif_is_read_in_part_or_not(
            flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = tiff(&at(&[(33, 1), (30, 1), (36, 10)], &[(70, 1), (30, 1), (0, 1)]));
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = read(bytes, Some(0), &mut Vec::new());
        }
    }
}
