//! Captions and questions in Korean and English, made of map facts; every text names the features that make it true.

mod english;
mod facts;
mod josa;
mod korean;

use crate::coord::BBox;
use crate::record::{MapFeature, MapLayer};

pub use josa::Josa;

use self::facts::{CrossingAhead, Facts, REACH_M, facts};
use super::{Caption, SampleRow, TextConfig};

/// Languages that there are words for.
pub const LANGUAGES: [&str; 2] = ["ko", "en"];
/// Tasks of `sample.text.tasks`. `route` needs a matched route: without map matching no text of it is written.
pub const TASKS: [&str; 3] = ["caption", "route", "spatial_qa"];

/// Slower than this, m/s, is standing.
const STANDING_MPS: f64 = 0.5;

/// One text before it is said in a language.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Subject {
    /// Where, which way, how fast, what comes.
    Scene,
    /// Which street is this?
    Street,
    /// How far is the next crossing?
    Crossing,
    /// What is the speed limit?
    SpeedLimit,
}

/// How the ego moves.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Motion {
    /// Forwards, km/h.
    Moving(i64),
    /// Backwards, km/h.
    Reversing(i64),
    Standing,
    /// No clock, no speed.
    Unknown,
}

impl Facts<'_> {
    fn motion(&self) -> Motion {
        let kmh = |mps: f64| libm::round(mps.abs() * 3.6) as i64;
        match self.speed_mps.filter(|v| v.is_finite()) {
            None => Motion::Unknown,
            Some(v) if v.abs() < STANDING_MPS => Motion::Standing,
            Some(v) if v < 0.0 => Motion::Reversing(kmh(v)),
            Some(v) => Motion::Moving(kmh(v)),
        }
    }

    /// Which of eight compass words, from north clockwise.
    fn compass(&self) -> usize {
        (libm::round(self.heading_deg / 45.0) as usize) % 8
    }

    /// The features that a text on `subject` rests on.
    fn evidence(&self, subject: Subject) -> Vec<String> {
        let road = self.road.map(|r| r.id.clone());
        let crossing = match self.crossing {
            CrossingAhead::Here(feature) | CrossingAhead::At(feature, _) => Some(feature.id.clone()),
            CrossingAhead::Nowhere | CrossingAhead::Unclear => None,
        };
        match subject {
            Subject::Scene => road.into_iter().chain(crossing).collect(),
            Subject::Street | Subject::SpeedLimit => road.into_iter().collect(),
            Subject::Crossing => crossing.into_iter().collect(),
        }
    }
}

/// Metres as they are said: to 10 m, at least 10.
fn spoken_m(metres: f64) -> i64 {
    (libm::round(metres / 10.0) as i64 * 10).max(10)
}

/// A name in a language: its own, else as on the spot, else in the other.
fn name_of<'a>(feature: &'a MapFeature, language: &str) -> Option<&'a str> {
    let order = match language {
        "ko" => [&feature.name_ko, &feature.name, &feature.name_en],
        _ => [&feature.name_en, &feature.name, &feature.name_ko],
    };
    order.into_iter().filter_map(|n| n.as_deref()).map(str::trim).find(|n| !n.is_empty())
}

/// Texts about a window, each in every language of the config, in the order of its tasks.
///
/// `features` gives the features of a layer whose bounds touch a box (a map index does). Facts are those at the anchor:
/// the road that runs the ego's way within 15 m, heading, speed, the next crossing straight ahead within 80 m. What the
/// map does not say is not made up: a question may be answered with the map's silence. `None` where the config asks for
/// no text that there is; a data set without a map has no texts, so do not call this then.
pub fn captions<'a>(
    row: &SampleRow,
    features: impl Fn(BBox, MapLayer) -> Vec<&'a MapFeature>,
    config: &TextConfig,
) -> Option<Vec<Caption>> {
    let area = BBox { xmin: row.lon, ymin: row.lat, xmax: row.lon, ymax: row.lat }.grown_m(REACH_M);
    let (roads, crossings) = (features(area, MapLayer::Road), features(area, MapLayer::Crossing));
    let speed = row.actions.get(row.anchor_tick()).map(|a| f64::from(a[0]));
    let facts = facts((row.lon, row.lat), row.heading_deg, speed, &roads, &crossings);
    let mut captions = Vec::new();
    // Where the map has neither, its silence says nothing: perhaps it ends before.
    let mapped = !(roads.is_empty() && crossings.is_empty());
    for task in &config.tasks {
        let subjects: &[Subject] = match task.as_str() {
            "caption" => &[Subject::Scene],
            "spatial_qa" if mapped => &[Subject::Street, Subject::Crossing, Subject::SpeedLimit],
            _ => &[],
        };
        for subject in subjects {
            for lang in &config.languages {
                let said = match lang.as_str() {
                    "ko" => korean::say(&facts, *subject),
                    "en" => english::say(&facts, *subject),
                    _ => None,
                };
                let Some((question, text)) = said else { continue };
                let evidence = facts.evidence(*subject);
                captions.push(Caption { lang: lang.clone(), task: task.clone(), question, text, evidence });
            }
        }
    }
    (!captions.is_empty()).then_some(captions)
}

#[cfg(test)]
mod tests {

    use geo::{Geometry, line_string, polygon};

    use super::*;
    use crate::record::MapAttributes;
    use crate::sample::{PrivacyState, Split};

    /// At Pangyo, eastwards or as told.
    fn row(heading_deg: f64, speed_mps: f32) -> SampleRow {
        SampleRow {
            sample_id: String::new(),
            recording_id: "r".to_string(),
            t0_ns: Some(0),
            s0_m: 0.0,
            split: Split::None,
            path: vec![(127.0, 37.0); 2],
            lon: 127.0,
            lat: 37.0,
            height_m: 0.0,
            heading_deg,
            h3: String::new(),
            poses: vec![[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]],
            pose_t_ns: Some(vec![0]),
            pose_s_m: vec![0.0],
            actions: vec![[speed_mps, 0.0, 0.0, 0.0]],
            steering_rad: None,
            frames: Vec::new(),
            pose_sigma_m: None,
            pose_source: "estimated".to_string(),
            sync_residual_ms: None,
            interpolation_gap_ms: None,
            match_way_ids: None,
            match_probability: None,
            register_residual_m: None,
            register_inliers: None,
            register_covariance_m2: None,
            captions: None,
            privacy: PrivacyState { state: "metadata_stripped".to_string(), detector: None, regions: 0 },
            licenses: Vec::new(),
            attributions: Vec::new(),
            sources: Vec::new(),
        }
    }

    fn feature(id: &str, layer: MapLayer, class: &str, geometry: Geometry<f64>) -> MapFeature {
        MapFeature::example(id, layer, class, geometry)
    }

    /// Metres east and north of the anchor, as lon, lat.
    fn at(east: f64, north: f64) -> (f64, f64) {
        (127.0 + east / 88_996.0, 37.0 + north / 110_985.0)
    }

    fn town() -> Vec<MapFeature> {
        let line = |a: (f64, f64), b: (f64, f64)| Geometry::from(line_string![a.into(), b.into()]);
        let street = MapFeature {
            name: Some("불정로".to_string()),
            name_en: Some("Buljeong-ro".to_string()),
            attributes: MapAttributes {
                lanes: Some(4),
                oneway: Some("no".to_string()),
                maxspeed_kmh: Some(50.0),
                ..MapAttributes::default()
            },
            ..feature("way/1", MapLayer::Road, "secondary", line(at(-200.0, 3.0), at(200.0, 3.0)))
        };
        let across = MapFeature {
            name: Some("정자로".to_string()),
            ..feature("way/2", MapLayer::Road, "residential", line(at(1.0, -200.0), at(1.0, 200.0)))
        };
        let sidewalk = feature("way/3", MapLayer::Road, "footway", line(at(-200.0, -1.0), at(200.0, -1.0)));
        let box_at = |e: f64, n: f64| {
            Geometry::from(polygon![
                at(e, n).into(),
                at(e + 4.0, n).into(),
                at(e + 4.0, n + 20.0).into(),
                at(e, n + 20.0).into(),
            ])
        };
        let near = feature("node/7", MapLayer::Crossing, "zebra", box_at(32.0, -10.0));
        let far = feature("node/8", MapLayer::Crossing, "zebra", box_at(60.0, -10.0));
        let behind = feature("node/9", MapLayer::Crossing, "zebra", box_at(-20.0, -10.0));
        vec![street, across, sidewalk, far, near, behind]
    }

    fn said(row: &SampleRow, map: &[MapFeature], tasks: &[&str]) -> Vec<Caption> {
        let config = TextConfig {
            languages: vec!["ko".to_string(), "en".to_string()],
            tasks: tasks.iter().map(|t| t.to_string()).collect(),
        };
        captions(row, |_, layer| map.iter().filter(|f| f.layer == layer).collect(), &config).unwrap_or_default()
    }

    #[test]
    fn a_caption_tells_street_heading_speed_and_crossing_with_their_evidence() {
        let texts = said(&row(88.0, 10.0), &town(), &["caption"]);
        assert_eq!(
            texts[0].text,
            "왕복 4차로인 불정로를 따라 동쪽으로 시속 36킬로미터로 이동합니다. 약 30미터 앞에 횡단보도가 있습니다."
        );
        assert_eq!(
            texts[1].text,
            "Moving east along Buljeong-ro, a 4-lane two-way road, at 36 km/h. There is a crossing about 30 m ahead."
        );
        assert!(texts.iter().all(|t| t.evidence == ["way/1", "node/7"] && t.question.is_none()));
    }

    #[test]
    fn the_street_is_the_one_that_runs_the_egos_way_in_either_direction() {
        let north = said(&row(2.0, 5.0), &town(), &["caption"]);
        assert_eq!(north[0].text, "정자로를 따라 북쪽으로 시속 18킬로미터로 이동합니다.");
        assert_eq!(north[1].text, "Moving north along 정자로 at 18 km/h.");
        let west = said(&row(268.0, 5.0), &town(), &["caption"]);
        assert!(west[0].text.starts_with("왕복 4차로인 불정로를 따라 서쪽으로"), "{}", west[0].text);
        assert_eq!(west[0].evidence, ["way/1", "node/9"]);
    }

    #[test]
    fn standing_reversing_and_no_clock_are_said_as_they_are() {
        let texts = |speed| said(&row(225.0, speed), &[], &["caption"]).into_iter().map(|c| c.text).collect::<Vec<_>>();
        assert_eq!(texts(0.1), ["남서쪽을 향해 정차 중입니다.", "Standing facing southwest."]);
        assert_eq!(
            texts(-2.0),
            ["남서쪽을 향한 채 시속 7킬로미터로 후진합니다.", "Reversing at 7 km/h, facing southwest."]
        );
        assert_eq!(texts(f32::NAN), ["남서쪽을 향합니다.", "Facing southwest."]);
        let on_street = said(&row(90.0, f32::NAN), &town()[..1], &["caption"]);
        assert_eq!(on_street[0].text, "왕복 4차로인 불정로에서 동쪽을 향합니다.");
        assert_eq!(on_street[1].text, "On Buljeong-ro, a 4-lane two-way road, facing east.");
    }

    #[test]
    fn questions_are_answered_from_the_map_or_with_its_silence() {
        let qa = |map: &[MapFeature]| {
            let all = said(&row(90.0, 10.0), map, &["spatial_qa", "route"]);
            all.into_iter().map(|c| (c.lang, c.text, c.evidence.join(" "))).collect::<Vec<_>>()
        };
        let row = |lang: &str, text: &str, evidence: &str| (lang.to_string(), text.to_string(), evidence.to_string());
        assert_eq!(
            qa(&town()),
            [
                row("ko", "불정로입니다.", "way/1"),
                row("en", "It is Buljeong-ro.", "way/1"),
                row("ko", "약 30미터입니다.", "node/7"),
                row("en", "About 30 metres.", "node/7"),
                row("ko", "시속 50킬로미터입니다.", "way/1"),
                row("en", "It is 50 km/h.", "way/1"),
            ]
        );
        // A road 70 m to the north shows that the map goes on here.
        let at = super::tests::row(90.0, 10.0);
        let line =
            geo::line_string![(x: at.lon - 0.0003, y: at.lat + 0.00063), (x: at.lon + 0.0003, y: at.lat + 0.00063)];
        let afar = MapFeature::example("way/9", MapLayer::Road, "residential", Geometry::LineString(line));
        assert_eq!(
            qa(&[afar]),
            [
                row("ko", "지도 자료에 이 길의 이름이 없어 알 수 없습니다.", ""),
                row("en", "The map has no name for this street, so it cannot be told.", ""),
                row("ko", "앞쪽 80미터 안에는 지도에 횡단보도가 없습니다.", ""),
                row("en", "The map has no crossing within 80 metres ahead.", ""),
            ]
        );
        // Where it has nothing at all, perhaps it ends before.
        assert!(qa(&[]).is_empty());
    }

    #[test]
    fn a_crossing_in_front_that_is_not_straight_ahead_is_not_spoken_of() {
        let aside = &town()[3..4]; // 60 m east
        let texts = said(&row(45.0, 10.0), aside, &["caption", "spatial_qa"]);
        assert!(texts.iter().all(|t| !t.text.contains("횡단보도") && !t.text.contains("crossing")), "{texts:?}");
    }

    #[test]
    fn an_ego_on_a_crossing_is_told_so() {
        let mut town = town();
        town[4].geometry = Geometry::from(polygon![
            at(-2.0, -10.0).into(),
            at(2.0, -10.0).into(),
            at(2.0, 10.0).into(),
            at(-2.0, 10.0).into(),
        ]);
        let texts = said(&row(90.0, 10.0), &town, &["caption"]);
        assert!(
            texts[0].text.ends_with("횡단보도 위에 있습니다.") && texts[0].evidence.contains(&"node/7".to_string())
        );
    }
}
