//! Texts in English.

use super::facts::{AHEAD_M, CrossingAhead, Facts};
use super::{Motion, Subject, name_of, spoken_m};

const COMPASS: [&str; 8] = ["north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"];

/// Question (for questions) and text on a subject; `None` where there is nothing true to say.
pub(super) fn say(facts: &Facts<'_>, subject: Subject) -> Option<(Option<String>, String)> {
    let asked = |question: &str, answer: String| Some((Some(question.to_string()), answer));
    match subject {
        Subject::Scene => Some((None, scene(facts))),
        Subject::Street => {
            let answer = match facts.road.and_then(|r| name_of(r, "en")) {
                Some(name) => format!("It is {name}."),
                None => "The map has no name for this street, so it cannot be told.".to_string(),
            };
            asked("What is the name of this street?", answer)
        }
        Subject::Crossing => {
            let answer = match facts.crossing {
                CrossingAhead::Here(_) => "The viewpoint is on a crossing.".to_string(),
                CrossingAhead::At(_, metres) => format!("About {} metres.", spoken_m(metres)),
                CrossingAhead::Nowhere => format!("The map has no crossing within {AHEAD_M} metres ahead."),
                CrossingAhead::Unclear => return None,
            };
            asked("How far is the nearest crossing ahead?", answer)
        }
        Subject::SpeedLimit => {
            let answer = match facts.road?.attributes.maxspeed_kmh {
                Some(limit) => format!("It is {limit} km/h."),
                None => "The map has no speed limit here, so it cannot be told.".to_string(),
            };
            asked("What is the speed limit of this street?", answer)
        }
    }
}

fn scene(facts: &Facts<'_>) -> String {
    let compass = COMPASS[facts.compass()];
    let street = facts.road.and_then(|road| {
        let name = name_of(road, "en")?;
        let Some(n) = road.attributes.lanes.filter(|n| *n > 0) else { return Some(name.to_string()) };
        let kind = match road.attributes.oneway.as_deref() {
            Some("no") => "two-way road",
            Some("yes" | "reverse") => "one-way road",
            _ => "road",
        };
        Some(format!("{name}, {} {n}-lane {kind},", article(n)))
    });
    let join = |word: &str| street.as_deref().map_or(String::new(), |s| format!(" {word} {s}"));
    let (along, on) = (join("along"), join("on"));
    let mut text = match facts.motion() {
        Motion::Moving(kmh) => format!("Moving {compass}{along} at {kmh} km/h."),
        Motion::Reversing(kmh) => format!("Reversing{on} at {kmh} km/h, facing {compass}."),
        Motion::Standing => format!("Standing{on} facing {compass}."),
        Motion::Unknown if street.is_some() => format!("{} facing {compass}.", on.trim_start().replacen("on", "On", 1)),
        Motion::Unknown => format!("Facing {compass}."),
    };
    match facts.crossing {
        CrossingAhead::Here(_) => text.push_str(" The viewpoint is on a crossing."),
        CrossingAhead::At(_, metres) => {
            text.push_str(&format!(" There is a crossing about {} m ahead.", spoken_m(metres)))
        }
        CrossingAhead::Nowhere | CrossingAhead::Unclear => {}
    }
    text
}

/// The article before a number in digits: eight, eleven and eighteen begin with a vowel.
fn article(n: i32) -> &'static str {
    let digits = n.to_string();
    if digits.starts_with('8') || n == 11 || n == 18 { "an" } else { "a" }
}
