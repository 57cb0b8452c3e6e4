//! The street-view network in Touchdown's layout, as it, V-IRL and map2seq read it: `nodes.txt` and `links.txt`.
//!
//! Source: `lil-lab/touchdown`, `graph_loader.py`: lines without a header, split at commas; whole degrees.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};

use super::{Card, Job};
use crate::dataset::network::{LINK_M, Network, PLACE_M, Place};
use crate::error::Result;
use crate::sample::references::{Picture, PictureIndex};
use crate::time::Timestamp;

/// Of a part of the samples, the places within this distance of their ways, metres.
const REACH_M: f64 = 50.0;

/// Writes the network; how many places it has, and the card.
///
/// # Errors
///
/// Where the data set cannot be read or the folder not be written.
pub(super) fn write(job: &Job<'_>, rows: &[usize], cameras: &[String]) -> Result<(u64, Card)> {
    let whole = job.dataset.network((!cameras.is_empty()).then_some(cameras))?;
    let network = match rows.len() < job.dataset.len() {
        true => near(job, whole, rows)?,
        false => whole,
    };
    if network.places.is_empty() {
        job.leave_out("no picture has a place and a heading", 1);
    }
    for id in network.places.iter().flat_map(|p| &p.stack).map(|s| s.recording_id.as_str()).collect::<BTreeSet<_>>() {
        job.owe_license(&job.dataset.recording(id)?.license);
    }
    job.write("nodes.txt", nodes(&network).as_bytes())?;
    job.write("links.txt", links(&network).as_bytes())?;
    job.write_json("places.json", &places(&network))?;
    let card = Card::new("Street view as a graph, as Touchdown's `graph_loader.py` reads it.")
        .file("nodes.txt", "panoid,pano_yaw,lat,lon: a place, by its newest picture")
        .file("links.txt", "start panoid,heading,end panoid: to the next place along the road; both ways have a line")
        .file("places.json", "the stack of each place, newest first: frame_id, date, lon, lat, heading_deg, sigma")
        .convention("panoid", "the `frame_id` of the picture in the data set's `frames`; no comma is in it")
        .convention(
            "pano_yaw, heading",
            "whole degrees clockwise from true north; a panorama's is that of its centre column",
        )
        .convention("lat, lon", "WGS84 degrees, latitude first")
        .convention("places", format!("pictures within {PLACE_M} m of each other are one place"))
        .convention(
            "links",
            format!("places that follow each other along the roads within {LINK_M} m, over junctions too"),
        )
        .reader(
            "it keys neighbours by their whole degree and keeps the last of two: such headings are parted by a degree",
        )
        .fact("places", network.places.len())
        .fact("links", network.links.len());
    Ok((network.places.len() as u64, card))
}

/// The part of a network that lies along some samples.
fn near(job: &Job<'_>, whole: Network, rows: &[usize]) -> Result<Network> {
    let picture = |place: &Place| {
        let sight = place.newest();
        Picture { recording: 0, t_ns: sight.t_ns, lon: sight.lon, lat: sight.lat, content: 0 }
    };
    let index = PictureIndex::new(whole.places.iter().map(picture).collect());
    let mut kept = BTreeSet::new();
    for &row in rows {
        job.check_stop()?;
        let sample = job.dataset.sample(row)?;
        kept.extend(index.near_path(&sample.path, REACH_M).into_iter().map(|(number, _)| number));
    }
    let number: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    let links = whole.links.into_iter().filter_map(|mut link| {
        (link.from, link.to) = (*number.get(&link.from)?, *number.get(&link.to)?);
        Some(link)
    });
    let links = links.collect();
    let places = whole.places.into_iter().enumerate().filter(|(old, _)| kept.contains(old)).map(|(_, place)| place);
    Ok(Network { places: places.collect(), links })
}

fn whole_degrees(degrees: f64) -> i64 {
    (libm::round(degrees) as i64).rem_euclid(360)
}

fn nodes(network: &Network) -> String {
    let mut text = String::new();
    for sight in network.places.iter().map(Place::newest) {
        let yaw = whole_degrees(sight.heading_deg);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{},{yaw},{:.8},{:.8}", sight.frame_id, sight.lat, sight.lon);
    }
    text
}

fn links(network: &Network) -> String {
    let mut text = String::new();
    let mut taken: BTreeSet<(usize, i64)> = BTreeSet::new();
    let id = |place: usize| &network.places[place].newest().frame_id;
    for link in &network.links {
        let exact = whole_degrees(link.heading_deg);
        // The reader knows a neighbour by its heading alone.
        let free = (0..360).map(|step| if step % 2 == 0 { step / 2 } else { -(step + 1) / 2 });
        let heading = free.map(|step| (exact + step).rem_euclid(360)).find(|h| taken.insert((link.from, *h)));
        let _ = writeln!(text, "{},{},{}", id(link.from), heading.unwrap_or(exact), id(link.to));
    }
    text
}

fn places(network: &Network) -> Value {
    let place = |place: &Place| {
        let stack: Vec<Value> = place
            .stack
            .iter()
            .map(|s| {
                let date = s.t_ns.map(Timestamp::from_ns).filter(|t| t.is_date()).map(|t| t.to_string());
                json!({
                    "frame_id": s.frame_id, "recording_id": s.recording_id, "captured_at": date, "t_ns": s.t_ns,
                    "lon": s.lon, "lat": s.lat, "heading_deg": s.heading_deg,
                    "heading_sigma_deg": s.heading_sigma_deg, "also": s.also,
                })
            })
            .collect();
        json!({"panoid": place.newest().frame_id, "stack": stack})
    };
    Value::Array(network.places.iter().map(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::network::{Link, Sight};

    fn place(id: &str, lon: f64, heading_deg: f64) -> Place {
        let sight = Sight {
            frame_id: id.to_string(),
            recording_id: "a".to_string(),
            t_ns: Some(1_700_000_000_000_000_000),
            lon,
            lat: 37.4,
            heading_deg,
            heading_sigma_deg: Some(1.0),
            also: Vec::new(),
        };
        Place { stack: vec![sight] }
    }

    #[test]
    fn lines_are_as_touchdown_splits_them_and_no_neighbour_hides_another() {
        let places =
            vec![place("a/pano/0", 127.0, 359.7), place("a/pano/1", 127.1, 89.6), place("a/pano/2", 127.2, 0.0)];
        let link = |from, to, heading_deg| Link { from, to, heading_deg, length_m: 10.0 };
        let links = vec![link(0, 1, 90.2), link(0, 2, 89.8), link(1, 0, 270.0)];
        let network = Network { places, links };
        assert_eq!(nodes(&network).lines().next(), Some("a/pano/0,0,37.40000000,127.00000000"));
        let text = super::links(&network);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            ["a/pano/0,90,a/pano/1", "a/pano/0,89,a/pano/2", "a/pano/1,270,a/pano/0",]
        );
        for line in nodes(&network).lines().chain(text.lines()) {
            assert!(matches!(line.split(',').count(), 3 | 4));
        }
        let stacks = super::places(&network);
        assert_eq!(stacks[1]["stack"][0]["captured_at"], "2023-11-14T22:13:20Z");
    }
}
