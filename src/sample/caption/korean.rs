//! Texts in Korean: 합니다 style, digits kept, particles by [`Josa`].

use super::facts::{AHEAD_M, CrossingAhead, Facts};
use super::{Josa, Motion, Subject, name_of, spoken_m};

const COMPASS: [&str; 8] = ["북쪽", "북동쪽", "동쪽", "남동쪽", "남쪽", "남서쪽", "서쪽", "북서쪽"];

/// Question (for questions) and text on a subject; `None` where there is nothing true to say.
pub(super) fn say(facts: &Facts<'_>, subject: Subject) -> Option<(Option<String>, String)> {
    let asked = |question: &str, answer: String| Some((Some(question.to_string()), answer));
    match subject {
        Subject::Scene => Some((None, scene(facts))),
        Subject::Street => {
            let answer = match facts.road.and_then(|r| name_of(r, "ko")) {
                Some(name) => format!("{name}입니다."),
                None => "지도 자료에 이 길의 이름이 없어 알 수 없습니다.".to_string(),
            };
            asked("지금 있는 길의 이름은 무엇입니까?", answer)
        }
        Subject::Crossing => {
            let answer = match facts.crossing {
                CrossingAhead::Here(_) => "횡단보도 위에 있습니다.".to_string(),
                CrossingAhead::At(_, metres) => format!("약 {}미터입니다.", spoken_m(metres)),
                CrossingAhead::Nowhere => format!("앞쪽 {AHEAD_M}미터 안에는 지도에 횡단보도가 없습니다."),
                CrossingAhead::Unclear => return None,
            };
            asked("앞에 있는 가장 가까운 횡단보도까지의 거리는 얼마입니까?", answer)
        }
        Subject::SpeedLimit => {
            let answer = match facts.road?.attributes.maxspeed_kmh {
                Some(limit) => format!("시속 {limit}킬로미터입니다."),
                None => "지도 자료에 제한 속도가 없어 알 수 없습니다.".to_string(),
            };
            asked("이 길의 제한 속도는 얼마입니까?", answer)
        }
    }
}

fn scene(facts: &Facts<'_>) -> String {
    let compass = COMPASS[facts.compass()];
    let street = facts.road.and_then(|road| {
        let name = name_of(road, "ko")?;
        let lanes = road.attributes.lanes.filter(|n| *n > 0);
        Some(match (lanes, road.attributes.oneway.as_deref()) {
            (Some(n), Some("no")) => format!("왕복 {n}차로인 {name}"),
            (Some(n), Some("yes" | "reverse")) => format!("일방통행 {n}차로인 {name}"),
            (Some(n), _) => format!("{n}차로인 {name}"),
            (None, _) => name.to_string(),
        })
    });
    let along = street.as_deref().map_or(String::new(), |s| format!("{} 따라 ", Josa::EulReul.attach(s)));
    let at = street.as_deref().map_or(String::new(), |s| format!("{s}에서 "));
    let to = Josa::EuroRo.attach(compass);
    let mut text = match facts.motion() {
        Motion::Moving(kmh) => format!("{along}{to} 시속 {kmh}킬로미터로 이동합니다."),
        Motion::Reversing(kmh) => {
            format!("{at}{} 향한 채 시속 {kmh}킬로미터로 후진합니다.", Josa::EulReul.attach(compass))
        }
        Motion::Standing => format!("{at}{} 향해 정차 중입니다.", Josa::EulReul.attach(compass)),
        Motion::Unknown => format!("{at}{} 향합니다.", Josa::EulReul.attach(compass)),
    };
    match facts.crossing {
        CrossingAhead::Here(_) => text.push_str(" 횡단보도 위에 있습니다."),
        CrossingAhead::At(_, metres) => {
            text.push_str(&format!(" 약 {}미터 앞에 횡단보도가 있습니다.", spoken_m(metres)))
        }
        CrossingAhead::Nowhere | CrossingAhead::Unclear => {}
    }
    text
}
