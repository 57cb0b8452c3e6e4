//! A clip in words, structured as Cosmos 3 takes captions: what the map says, and what the trajectory says of motion.

use serde_json::{Value, json};

use super::Shot;
use super::clip::Clip;

/// Less than this over a whole clip is standing, metres.
const STANDING_M: f64 = 0.5;
/// Less than this is no turn, degrees.
const TURN_DEG: f64 = 10.0;

/// The dense text of a clip: what the map made of the place, in English, and how the camera moves.
pub fn dense(shot: &Shot<'_>, clip: &Clip) -> String {
    match scene(shot) {
        Some(scene) => format!("{scene} {}", motion(clip)),
        None => motion(clip),
    }
}

/// The structured caption of a clip. Nothing is said that neither map nor trajectory tells: so subjects are empty.
pub fn structured(shot: &Shot<'_>, clip: &Clip) -> Value {
    let seconds = clip.duration_s();
    let [width, height] = clip.size();
    let time = format!("0:00-{}:{:02}", (seconds / 60.0) as u64, (seconds % 60.0) as u64);
    json!({
        "subjects": [],
        "background_setting": scene(shot).unwrap_or_default(),
        "cinematography": {
            "camera_motion": camera_motion(clip),
            "framing": "wide shot",
            "camera_angle": format!("eye level, mounted on the vehicle, facing {}", facing(clip)),
        },
        "actions": [{ "time": time, "description": motion(clip) }],
        "temporal_caption": dense(shot, clip),
        "resolution": { "H": height, "W": width },
        "aspect_ratio": aspect(width, height),
        "duration": format!("{}s", seconds as u64),
        "fps": whole(clip.fps),
    })
}

/// A rate as a whole number where it is one.
pub fn whole(rate: f64) -> Value {
    let near = rate.round();
    if (rate - near).abs() < 1e-6 && near > 0.0 { json!(near as u64) } else { json!(rate) }
}

/// The bucket of aspects that Cosmos sorts videos into: `16,9`, `4,3`, `1,1`, `3,4`, `9,16`.
pub fn aspect(width: u32, height: u32) -> &'static str {
    match f64::from(width) / f64::from(height.max(1)) {
        r if r < 0.65 => "9,16",
        r if r < 0.88 => "3,4",
        r if r < 1.16 => "1,1",
        r if r < 1.55 => "4,3",
        _ => "16,9",
    }
}

/// What the map says of the place, in English.
fn scene(shot: &Shot<'_>) -> Option<String> {
    let captions = shot.sample.captions.as_ref()?;
    captions.iter().find(|c| c.lang == "en" && c.task == "caption").map(|c| c.text.clone())
}

fn motion(clip: &Clip) -> String {
    let seconds = clip.duration_s().round().max(1.0);
    let over = format!("Over {seconds} second{}", if seconds == 1.0 { "" } else { "s" });
    let length = clip.length_m();
    if length < STANDING_M {
        return format!("{over} the camera stands still.");
    }
    let way = if backwards(clip) { "backwards" } else { "forward" };
    let turn = clip.turn_deg();
    let side = if turn > 0.0 { "left" } else { "right" };
    let turns = match turn.abs() {
        t if t < TURN_DEG => String::new(),
        t => format!(" and turns about {} degrees to the {side}", (t / 5.0).round() * 5.0),
    };
    format!("{over} the vehicle moves {} metres {way}{turns}.", length.round().max(1.0))
}

fn camera_motion(clip: &Clip) -> String {
    if clip.length_m() < STANDING_M {
        return "static".to_string();
    }
    let way = if backwards(clip) { "moving backwards" } else { "moving forward" };
    match clip.turn_deg() {
        t if t > TURN_DEG => format!("{way}, turning left"),
        t if t < -TURN_DEG => format!("{way}, turning right"),
        _ => way.to_string(),
    }
}

fn backwards(clip: &Clip) -> bool {
    let steps = super::actions::xy_yaw(&clip.places(), super::actions::Relative::Previous);
    steps.iter().map(|s| s[0]).sum::<f64>() < 0.0
}

fn facing(clip: &Clip) -> &'static str {
    match clip.looks_left_deg() {
        a if a.abs() <= 45.0 => "forward",
        a if a.abs() >= 135.0 => "backward",
        a if a > 0.0 => "left",
        _ => "right",
    }
}
