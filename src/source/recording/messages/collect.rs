//! [`Collector`]: takes the messages of a log in any order and makes a [`Recording`] of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Location, Quarantine};
use crate::record::{
    BlockRef, CameraIntrinsics, Clock, FrameFormat, FrameRecord, GnssFix, HeightDatum, ImuReading, MediaRef,
    MessageLayout, MessageRef, Modality, Recording, Sensor, SourceRef, WheelReading,
};
use crate::source::Limits;
use crate::time::{ClockScale, Timestamp};

use super::super::folder::{self, Remarks};
use super::super::{order, picture};
use super::frames::Frames;
use super::proto::Descriptors;
use super::ros::{Definition, Wire, short_name};
use super::value::Value;
use super::{json, media, sensors};

/// How the bytes of messages of a topic are encoded, as its container says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source::recording) enum Encoding {
    /// ROS 1.
    Ros1,
    /// ROS 2.
    Cdr,
    /// JSON.
    Json,
    /// Protocol Buffers.
    Proto,
}

/// What a container says of a topic's messages.
pub(in crate::source::recording) struct Schema<'a> {
    /// Full name of the type.
    pub name: &'a str,
    /// How they are encoded; `None` for an encoding that is not read.
    pub encoding: Option<Encoding>,
    /// The definition: `.msg` texts or a `FileDescriptorSet`.
    pub definition: &'a [u8],
}

/// Where a message lies.
pub(in crate::source::recording) struct Place<'a> {
    /// The file.
    pub path: &'a Path,
    /// The file, relative to the source.
    pub relative: &'a Arc<str>,
    /// The block.
    pub block: &'a Arc<BlockRef>,
    /// First byte of the message in the unpacked block.
    pub start: u64,
    /// Its number in the file.
    pub record: u64,
}

enum Decoder {
    Ros(Definition, Wire),
    Json,
    Proto(Descriptors),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Fix,
    Imu,
    Odometry,
    Transforms,
    Calibration,
    Picture,
    RawPicture,
    Points,
}

impl Role {
    fn of(name: &str) -> Option<Role> {
        Some(match name {
            "sensor_msgs/NavSatFix" | "foxglove.LocationFix" => Role::Fix,
            "sensor_msgs/Imu" => Role::Imu,
            "nav_msgs/Odometry" => Role::Odometry,
            "tf2_msgs/TFMessage" | "tf/tfMessage" | "foxglove.FrameTransform" | "foxglove.FrameTransforms" => {
                Role::Transforms
            }
            "sensor_msgs/CameraInfo" | "foxglove.CameraCalibration" => Role::Calibration,
            "sensor_msgs/CompressedImage" | "foxglove.CompressedImage" => Role::Picture,
            "sensor_msgs/Image" | "foxglove.RawImage" => Role::RawPicture,
            "sensor_msgs/PointCloud2" | "foxglove.PointCloud" => Role::Points,
            _ => return None,
        })
    }
}

/// A topic and what its messages have become.
struct Topic {
    name: String,
    kind: String,
    /// What its messages are and how they are decoded, or why they are not read.
    reads: Result<(Role, Decoder), String>,
    messages: u64,
    /// The frame of its first message.
    frame: String,
    fixes: Vec<(u64, GnssFix)>,
    imu: Vec<(u64, ImuReading)>,
    wheel: Vec<(u64, WheelReading)>,
    observations: Vec<(u64, FrameRecord)>,
    calibration: Option<Value>,
    before_1980: bool,
}

/// What all messages of a recording share.
struct Context<'a> {
    limits: &'a Limits,
    license: Arc<str>,
}

/// Takes messages.
pub(in crate::source::recording) struct Collector<'a> {
    context: Context<'a>,
    topics: Vec<Topic>,
    index: BTreeMap<(String, String), usize>,
    frames: Frames,
}

impl<'a> Collector<'a> {
    /// One without messages.
    pub(in crate::source::recording) fn new(limits: &'a Limits, license: &str) -> Collector<'a> {
        let (topics, index) = (Vec::new(), BTreeMap::new());
        Collector { context: Context { limits, license: license.into() }, topics, index, frames: Frames::default() }
    }

    /// The number of a topic, which is new or was seen before.
    pub(in crate::source::recording) fn topic(&mut self, name: &str, schema: &Schema) -> usize {
        let kind = short_name(schema.name);
        if let Some(&known) = self.index.get(&(name.to_string(), kind.clone())) {
            return known;
        }
        let reads = match (Role::of(&kind), schema.encoding) {
            (None, _) => Err("its type is not read".to_string()),
            (Some(_), None) => Err("its encoding is not supported".to_string()),
            (Some(role), Some(encoding)) => decoder(schema, encoding).map(|decoder| (role, decoder)),
        };
        self.index.insert((name.to_string(), kind.clone()), self.topics.len());
        self.topics.push(Topic {
            name: name.to_string(),
            kind,
            reads,
            messages: 0,
            frame: String::new(),
            fixes: Vec::new(),
            imu: Vec::new(),
            wheel: Vec::new(),
            observations: Vec::new(),
            calibration: None,
            before_1980: false,
        });
        self.topics.len() - 1
    }

    /// Takes a message of a topic, logged at `log_ns`; one that cannot be used goes to `quarantine`.
    pub(in crate::source::recording) fn message(
        &mut self,
        topic: usize,
        log_ns: i64,
        bytes: &[u8],
        place: &Place,
        quarantine: &mut Quarantine,
    ) {
        let Some(topic) = self.topics.get_mut(topic) else { return };
        topic.messages += 1;
        let Ok((role, decoder)) = &topic.reads else { return };
        let decoded = match decoder {
            Decoder::Ros(definition, wire) => definition.decode(bytes, *wire),
            Decoder::Json => json::decode(bytes),
            Decoder::Proto(descriptors) => descriptors.decode(bytes),
        };
        let role = *role;
        let taken = decoded.map_err(str::to_string).and_then(|value| match role {
            Role::Transforms => transforms(&value, &mut self.frames),
            _ => topic.take(role, &value, log_ns, (bytes, place), &self.context),
        });
        if let Err(reason) = taken {
            quarantine.refuse(&Location::record(place.path, place.record), format!("{}: {reason}", topic.name));
        }
    }

    /// Everything that was taken, as a recording; `path` is what the quarantine calls it.
    pub(in crate::source::recording) fn finish(
        mut self,
        recording: &mut Recording,
        path: &Path,
        quarantine: &mut Quarantine,
        remarks: &mut Remarks,
    ) {
        let mut note = |text: String, n: u64| *remarks.notes.entry(text).or_default() += n;
        for topic in self.topics.iter().filter(|t| t.messages > 0) {
            if let Err(reason) = &topic.reads {
                note(format!("{} ({}): {reason}", topic.name, topic.kind), topic.messages);
            }
        }
        let ego = self.frames.ego();
        let mount = |frame: &str| ego.and_then(|ego| self.frames.mount(ego, frame));
        recording.height_datum = HeightDatum::Ellipsoidal;
        // One receiver, one IMU, one odometer: the one that says most.
        macro_rules! best {
            ($records:ident, $of:ident, $sensor:literal, $time:expr) => {
                let count = |t: &Topic| t.$records.len();
                let best = (0..self.topics.len()).rev().max_by_key(|&i| count(&self.topics[i]));
                for i in (0..self.topics.len()).filter(|&i| Some(i) != best && count(&self.topics[i]) > 0) {
                    note(
                        format!(
                            "{}: another {} has more messages, so this one is left out",
                            self.topics[i].name, $sensor
                        ),
                        1,
                    );
                }
                if let Some(topic) = best.map(|i| &mut self.topics[i]).filter(|t| !t.$records.is_empty()) {
                    recording.$of = order::rising(std::mem::take(&mut topic.$records), $time, path, quarantine);
                    let scale = topic.scale();
                    recording.clocks.push(Clock { sensor: $sensor.to_string(), scale });
                    let ego_se3_sensor = mount(&topic.frame);
                    recording.sensors.push(Sensor {
                        channel: $sensor.to_string(),
                        modality: None,
                        camera: None,
                        ego_se3_sensor,
                    });
                }
            };
        }
        best!(fixes, gnss, "gnss", |f: &GnssFix| f.t.unwrap_or_default());
        best!(imu, imu, "imu", |r: &ImuReading| r.t);
        best!(wheel, wheel, "wheel", |r: &WheelReading| r.t);

        let names = channels(&self.topics);
        for (i, channel) in names.iter().enumerate() {
            let Some(channel) = channel else { continue };
            let Ok((role, _)) = &self.topics[i].reads else { continue };
            let camera = match role {
                Role::Points => None,
                _ => calibration(&self.topics, i).and_then(|(value, rectified)| {
                    sensors::camera(value, rectified)
                        .map_err(|reason| note(format!("{}: {reason}", self.topics[i].name), 1))
                        .ok()
                }),
            };
            let modality = if *role == Role::Points { Modality::Lidar } else { Modality::Camera };
            let topic = &mut self.topics[i];
            let records = std::mem::take(&mut topic.observations);
            let mut observations = order::rising(records, |f: &FrameRecord| f.t.unwrap_or_default(), path, quarantine);
            observations.iter_mut().for_each(|frame| frame.channel.clone_from(channel));
            refuse_other_sizes(&mut observations, camera.as_ref(), path, quarantine);
            recording.clocks.push(Clock { sensor: channel.clone(), scale: topic.scale() });
            let ego_se3_sensor = mount(&topic.frame);
            recording.sensors.push(Sensor {
                channel: channel.clone(),
                modality: Some(modality),
                camera,
                ego_se3_sensor,
            });
            recording.frames.extend(observations);
        }
        recording.frames.sort_by(|a, b| (&a.channel, a.modality, a.t).cmp(&(&b.channel, b.modality, b.t)));
        recording.sensors.sort_by(|a, b| a.channel.cmp(&b.channel));
        folder::complete_sensors(recording);
    }
}

fn decoder(schema: &Schema, encoding: Encoding) -> Result<Decoder, String> {
    let text = || std::str::from_utf8(schema.definition).map_err(|_| "its definition is not text".to_string());
    Ok(match encoding {
        Encoding::Ros1 => Decoder::Ros(Definition::parse(schema.name, text()?)?, Wire::Ros1),
        Encoding::Cdr => Decoder::Ros(Definition::parse(schema.name, text()?)?, Wire::Cdr),
        Encoding::Json => Decoder::Json,
        Encoding::Proto => Decoder::Proto(Descriptors::parse(schema.name, schema.definition)?),
    })
}

/// Takes the transforms of a message.
///
/// # Errors
///
/// Names the frame whose transform is none; the others are taken.
fn transforms(value: &Value, frames: &mut Frames) -> Result<(), String> {
    let mut wrong: Option<String> = None;
    let mut take = |one: &Value| {
        let (parent, pose) = match one.at("transform") {
            Some(_) => (one.text("header.frame_id"), one.pose("transform.translation", "transform.rotation")),
            None => (one.text("parent_frame_id"), one.pose("translation", "rotation")),
        };
        let child = one.text("child_frame_id");
        match pose {
            Some(pose) => frames.insert(parent, child, pose),
            None => {
                let named = || format!("the transform of `{child}` has no unit quaternion or a number that is none");
                wrong.get_or_insert_with(named);
            }
        }
    };
    match value.at("transforms") {
        Some(_) => value.list("transforms").iter().for_each(&mut take),
        None => take(value),
    }
    wrong.map_or(Ok(()), Err)
}

impl Topic {
    fn scale(&self) -> ClockScale {
        if self.before_1980 { ClockScale::Unknown } else { ClockScale::Utc }
    }

    #[allow(clippy::too_many_arguments)] // each is of another kind, and all are of one message
    fn take(
        &mut self,
        role: Role,
        value: &Value,
        log_ns: i64,
        raw: (&[u8], &Place),
        context: &Context,
    ) -> Result<(), String> {
        let place = raw.1;
        let stamp = value.time_ns("header.stamp").or_else(|| value.time_ns("timestamp")).filter(|ns| *ns != 0);
        let t = Timestamp::from_ns(stamp.unwrap_or(log_ns));
        self.before_1980 |= t < order::FIRST_PLAUSIBLE;
        if self.frame.is_empty() {
            let frame = value.text("header.frame_id");
            self.frame = if frame.is_empty() { value.text("frame_id").to_string() } else { frame.to_string() };
        }
        match role {
            Role::Fix => self.fixes.push((place.record, sensors::fix(value, t, place.record)?)),
            Role::Imu => self.imu.push((place.record, sensors::imu(value, t)?)),
            Role::Odometry => self.wheel.push((place.record, sensors::wheel(value, t)?)),
            Role::Calibration => _ = self.calibration.get_or_insert_with(|| value.clone()),
            Role::Picture | Role::RawPicture | Role::Points => {
                let frame = observation(role, value, t, raw, context)?;
                self.observations.push((place.record, frame));
            }
            Role::Transforms => {}
        }
        Ok(())
    }
}

/// Where a message's `data` lie in it, and whether they are in base64.
fn payload(value: &Value, bytes: &[u8]) -> Result<(std::ops::Range<usize>, bool), String> {
    match value.at("data") {
        Some(Value::Bytes(range)) => Ok((range.clone(), false)),
        Some(Value::Text(text)) => {
            // The text stands somewhere behind its key, unescaped: base64 needs no escapes.
            let key = b"\"data\"";
            let starts = bytes.windows(key.len()).enumerate().filter(|(_, w)| w == key).map(|(i, _)| i + key.len());
            let found = starts.into_iter().find_map(|at| {
                let quote = bytes[at..].iter().position(|c| !matches!(c, b' ' | b':' | b'\n' | b'\t' | b'\r'))? + at;
                let start = quote + 1;
                (bytes.get(quote) == Some(&b'"') && bytes[start..].starts_with(text.as_bytes())).then_some(start)
            });
            let start = found.ok_or("its data are not plain base64")?;
            Ok((start..start + text.len(), true))
        }
        _ => Err("it has no data".to_string()),
    }
}

/// A picture or sweep as a frame, its headers read.
fn observation(
    role: Role,
    value: &Value,
    t: Timestamp,
    (bytes, place): (&[u8], &Place),
    context: &Context,
) -> Result<FrameRecord, String> {
    let limits = context.limits;
    let (range, base64) = payload(value, bytes)?;
    let stored = &bytes[range.clone()];
    let decoded = if base64 { Some(media::decode_base64(stored).map_err(|kind| kind.to_string())?) } else { None };
    let data = decoded.as_deref().unwrap_or(stored);
    let available = data.len() as u64;
    let (mut width, mut height, mut count) = (None, None, None);
    let (layout, format, size) = match role {
        Role::Picture => {
            let picture = picture::of_bytes(data, limits).map_err(|kind| kind.to_string())?;
            (width, height) = (Some(picture.0), Some(picture.1));
            (MessageLayout::File, picture.2, available)
        }
        Role::RawPicture => {
            let layout = media::pixels(value, available, limits.pixels)?;
            if let MessageLayout::Pixels { width: w, height: h, .. } = layout {
                (width, height) = (Some(w), Some(h));
            }
            (layout, FrameFormat::Png, available)
        }
        _ => {
            let foxglove = value.at("point_stride").is_some();
            let (layout, points) = media::points(value, available, foxglove, limits.points)?;
            count = Some(points);
            (layout, FrameFormat::Pcd, available)
        }
    };
    let message = MessageRef {
        block: place.block.clone(),
        start: place.start + range.start as u64,
        length: range.len() as u64,
        base64,
        layout,
    };
    let source =
        SourceRef { path: place.relative.clone(), record: Some(place.record), license: context.license.clone() };
    Ok(FrameRecord {
        modality: if role == Role::Points { Modality::Lidar } else { Modality::Camera },
        t: Some(t),
        stem: t.ns().to_string(),
        width,
        height,
        points: count,
        ..FrameRecord::of_bytes(MediaRef::Message(Arc::new(message)), size, format, source)
    })
}

/// Channels of the topics with observations: the topic without what says only how its pictures are stored.
fn channels(topics: &[Topic]) -> Vec<Option<String>> {
    let plain = |name: &str| -> String {
        let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
        name.trim_matches('/').chars().map(fits).collect()
    };
    let short = |topic: &Topic| {
        const STORAGE: [&str; 7] =
            ["compressed", "image_raw", "image_color", "image_rect_color", "image_rect", "image", "points"];
        let mut name = topic.name.trim_matches('/');
        while let Some((rest, last)) = name.rsplit_once('/')
            && STORAGE.contains(&last)
        {
            name = rest;
        }
        plain(name)
    };
    let of = |topic: &Topic| (!topic.observations.is_empty()).then(|| short(topic));
    let shorts: Vec<Option<String>> = topics.iter().map(of).collect();
    let unique = |name: &String| shorts.iter().flatten().filter(|other| *other == name).count() == 1;
    topics
        .iter()
        .zip(&shorts)
        .map(|(t, s)| s.as_ref().map(|s| if unique(s) { s.clone() } else { plain(&t.name) }))
        .collect()
}

/// The calibration of a picture topic: that of the nearest namespace above it, else that of its frame; and whether the
/// pictures are rectified.
fn calibration(topics: &[Topic], picture: usize) -> Option<(&Value, bool)> {
    let of = &topics[picture];
    let parent = |name: &str| name.rsplit_once('/').map_or("", |(parent, _)| parent).to_string();
    let mut above = parent(&of.name);
    let known = || topics.iter().filter(|t| t.calibration.is_some());
    let rectified = of.name.split('/').any(|part| part.contains("rect"));
    loop {
        if let Some(topic) = known().find(|t| parent(&t.name) == above) {
            return topic.calibration.as_ref().map(|value| (value, rectified));
        }
        if above.is_empty() {
            break;
        }
        above = parent(&above);
    }
    let same = known().find(|t| !of.frame.is_empty() && t.frame == of.frame)?;
    same.calibration.as_ref().map(|value| (value, rectified))
}

fn refuse_other_sizes(
    frames: &mut Vec<FrameRecord>,
    camera: Option<&CameraIntrinsics>,
    path: &Path,
    quarantine: &mut Quarantine,
) {
    let Some(camera) = camera else { return };
    frames.retain(|frame| {
        let fits = (frame.width, frame.height) == (Some(camera.width), Some(camera.height));
        if !fits {
            let reason = format!("its size is not the {} x {} of its calibration", camera.width, camera.height);
            quarantine.refuse(&Location::record(path, frame.source.record.unwrap_or(0)), reason);
        }
        fits
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_that_is_none_is_named_and_the_others_are_taken() {
        let one = |child: &str, w: f64| {
            format!(
                r#"{{"header": {{"frame_id": "base_link"}}, "child_frame_id": "{child}", "transform": {{
                    "translation": {{"x": 1, "y": 0, "z": 2}}, "rotation": {{"x": 0, "y": 0, "z": 0, "w": {w}}}}}}}"#
            )
        };
        let message =
            format!(r#"{{"transforms": [{}, {}, {}]}}"#, one("top", 1.0), one("left", 0.0), one("right", 1.3));
        let mut frames = Frames::default();
        let error =
            transforms(&json::decode(message.as_bytes()).expect("JSON"), &mut frames).expect_err("two are none");
        assert!(error.contains("`left`"), "{error}");
        let mounted = |frame: &str| frames.mount("base_link", frame).map(|p| p.translation.z);
        assert_eq!((mounted("top"), mounted("left"), mounted("right")), (Some(2.0), None, None));
    }
}
