//! Image entities of Mapillary's API v4, as its JSON has them, and what their numbers mean.

use nalgebra::UnitQuaternion;
use serde_json::{Map, Value};

use crate::coord::{Geodetic, Pose};
use crate::source::recording::{civil, order};
use crate::time::Timestamp;

/// Times from 2100 on are a mistake, not a plan.
const LAST_PLAUSIBLE: Timestamp = Timestamp::from_ns(4_102_444_800_000_000_000);
/// Nanoseconds in a millisecond.
const MS_NS: i64 = 1_000_000;

/// A picture as the API describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Entity {
    /// Its id: the name of its picture.
    pub id: String,
    /// The sequence that it is part of.
    pub sequence: Option<String>,
    /// `captured_at`.
    pub t: Option<Timestamp>,
    /// `geometry`: what the receiver said; height `altitude`, NaN where unknown.
    pub raw: Option<Geodetic>,
    /// `computed_geometry`: where structure from motion put it; height `computed_altitude`, else `altitude`.
    pub computed: Option<Geodetic>,
    /// `compass_angle`: what the compass said, degrees clockwise from north.
    pub compass_deg: Option<f64>,
    /// `computed_compass_angle`.
    pub computed_compass_deg: Option<f64>,
    /// `computed_rotation`: angle-axis from ENU to the camera of the pixels as the sensor gave them.
    pub rotation: Option<UnitQuaternion<f64>>,
    /// `camera_type`, in lower case; `spherical` where only `is_pano` says so.
    pub camera_type: Option<String>,
    /// `camera_parameters`: focal length over the longer side, k1, k2.
    pub parameters: Vec<f64>,
    /// `make` and `model`.
    pub maker: String,
    /// Size of the picture as the sensor gave it, pixels.
    pub size: Option<[u32; 2]>,
    /// `exif_orientation`, 1 to 8.
    pub orientation: u8,
    /// What is in it but cannot be used.
    pub problems: Vec<String>,
}

impl Entity {
    /// Reads an entity; fields that are there but make no sense are told in `problems`.
    ///
    /// # Errors
    ///
    /// Why it is none: it is no object, or has no id.
    pub(super) fn parse(value: &Value) -> Result<Entity, String> {
        let Some(object) = value.as_object() else { return Err("it is no object".to_string()) };
        let Some(id) = object.get("id").and_then(text) else { return Err("it has no `id`".to_string()) };
        let mut fields = Fields { object, problems: Vec::new() };
        let altitude = fields.number("altitude");
        let computed_altitude = fields.number("computed_altitude").or(altitude);
        let is_pano = object.get("is_pano").and_then(Value::as_bool).unwrap_or(false);
        let camera_type = object.get("camera_type").and_then(text).map(|t| t.to_ascii_lowercase());
        let maker = ["make", "model"].iter().filter_map(|key| object.get(*key).and_then(text));
        let orientation = fields.number("exif_orientation").unwrap_or(1.0);
        let side = |value: f64| (value >= 1.0 && value <= f64::from(u32::MAX)).then_some(value as u32);
        let size = fields.number("width").and_then(side).zip(fields.number("height").and_then(side));
        Ok(Entity {
            id,
            sequence: object.get("sequence").and_then(|s| text(s).or_else(|| s.get("id").and_then(text))),
            t: fields.time("captured_at"),
            raw: fields.place("geometry", altitude),
            computed: fields.place("computed_geometry", computed_altitude),
            compass_deg: fields.angle("compass_angle"),
            computed_compass_deg: fields.angle("computed_compass_angle"),
            rotation: fields.rotation("computed_rotation"),
            camera_type: camera_type.or_else(|| is_pano.then(|| "spherical".to_string())),
            parameters: fields.numbers("camera_parameters").unwrap_or_default(),
            maker: maker.collect::<Vec<_>>().join(" "),
            size: size.map(|(w, h)| [w, h]),
            orientation: if (1.0..=8.0).contains(&orientation) { orientation as u8 } else { 1 },
            problems: fields.problems,
        })
    }

    /// Where it was taken: the computed place, else the receiver's.
    pub(super) fn place(&self) -> Option<Geodetic> {
        self.computed.or(self.raw)
    }
}

/// Ids are strings, but some tools write them as numbers.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// The fields of an entity; what is wrong with them is kept.
struct Fields<'a> {
    object: &'a Map<String, Value>,
    problems: Vec<String>,
}

impl Fields<'_> {
    /// The value of a key; `null` is none.
    fn get(&self, key: &str) -> Option<&Value> {
        self.object.get(key).filter(|v| !v.is_null())
    }

    fn wrong<T>(&mut self, key: &str, what: &str) -> Option<T> {
        self.problems.push(format!("`{key}` is {what}"));
        None
    }

    fn number(&mut self, key: &str) -> Option<f64> {
        let value = self.get(key)?;
        match value.as_f64().filter(|v| v.is_finite()) {
            Some(number) => Some(number),
            None => self.wrong(key, "no number"),
        }
    }

    /// An angle-axis.
    fn rotation(&mut self, key: &str) -> Option<UnitQuaternion<f64>> {
        let numbers = self.numbers(key)?;
        match <[f64; 3]>::try_from(numbers).ok().and_then(|r| Pose::from_rotation_vector([0.0; 3], r)) {
            Some(pose) => Some(pose.rotation),
            None => self.wrong(key, "no rotation in radians"),
        }
    }

    /// A list of finite numbers; an empty one is none.
    fn numbers(&mut self, key: &str) -> Option<Vec<f64>> {
        let list: Option<Vec<f64>> = self.get(key)?.as_array().map(|list| list.iter().filter_map(number_of).collect());
        let whole = |list: &Vec<f64>| Some(list.len()) == self.get(key).and_then(Value::as_array).map(Vec::len);
        match list.filter(whole) {
            Some(list) => Some(list).filter(|list| !list.is_empty()),
            None => self.wrong(key, "no list of numbers"),
        }
    }

    /// Degrees in [0, 360); beyond a turn either way it is no angle.
    fn angle(&mut self, key: &str) -> Option<f64> {
        let degrees = self.number(key)?;
        if (-360.0..=360.0).contains(&degrees) {
            Some(degrees.rem_euclid(360.0))
        } else {
            self.wrong(key, "beyond a turn")
        }
    }

    /// A GeoJSON point.
    fn place(&mut self, key: &str, height_m: Option<f64>) -> Option<Geodetic> {
        let coordinates = self.get(key)?.get("coordinates").and_then(Value::as_array).cloned().unwrap_or_default();
        let numbers: Vec<f64> = coordinates.iter().filter_map(number_of).collect();
        match numbers.as_slice() {
            &[lon, lat, ..] if Geodetic::new(lon, lat, 0.0).is_valid() && (lon, lat) != (0.0, 0.0) => {
                Some(Geodetic::new(lon, lat, height_m.unwrap_or(f64::NAN)))
            }
            _ => self.wrong(key, "no place on Earth"),
        }
    }

    /// Milliseconds since 1970, or a date in ISO 8601 as older exports have it.
    fn time(&mut self, key: &str) -> Option<Timestamp> {
        let value = self.get(key)?;
        let t = match value {
            Value::String(text) => civil::parse(text.as_bytes()).and_then(|c| c.instant(0)),
            Value::Number(ms) => civil::count_ns(ms.to_string().as_bytes(), MS_NS).map(Timestamp::from_ns),
            _ => None,
        };
        match t {
            Some(t) if t >= order::FIRST_PLAUSIBLE && t < LAST_PLAUSIBLE => Some(t),
            Some(_) => self.wrong(key, "no date from 1980 to 2099 in milliseconds"),
            None => self.wrong(key, "no time"),
        }
    }
}

fn number_of(value: &Value) -> Option<f64> {
    value.as_f64().filter(|v| v.is_finite())
}
