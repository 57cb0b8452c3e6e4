//! What must hold of any match, on a small town of streets 100 m apart.

use proptest::prelude::*;

use super::*;
use crate::coord::{Geodetic, LocalPlane};
use crate::record::{Modes, Restriction, RoadGraphBuilder, RoadLine, Via};
use crate::time::Timestamp;

/// Streets to the east and to the north in each direction.
const STREETS: i64 = 6;
const APART_M: f64 = 100.0;

fn degrees(x: f64, y: f64) -> (f64, f64) {
    LocalPlane::at(127.1, 37.4).to_deg(x, y)
}

/// The node where street `i` to the north crosses street `j` to the east.
fn node(i: i64, j: i64) -> i64 {
    100 + i * 10 + j
}

fn line(id: i64, nodes: Vec<i64>, points: Vec<(f64, f64)>, access: [Modes; 2]) -> RoadLine {
    let points = points.into_iter().map(|(x, y)| degrees(x, y)).collect();
    RoadLine { id, class: "residential".to_string(), nodes, points, access, ..RoadLine::default() }
}

/// Ways `10 + j` run east, ways `20 + i` north; `cuts` more nodes lie between two crossings.
fn town(cuts: i64, one_way: bool) -> RoadGraphBuilder {
    let mut builder = RoadGraphBuilder::default();
    let access = [Modes::ALL, if one_way { Modes::NONE } else { Modes::ALL }];
    for k in 0..STREETS {
        for east in [true, false] {
            let id = if east { 10 + k } else { 20 + k };
            let (mut nodes, mut points) = (Vec::new(), Vec::new());
            for l in 0..STREETS {
                let (i, j) = if east { (l, k) } else { (k, l) };
                nodes.push(node(i, j));
                points.push((i as f64 * APART_M, j as f64 * APART_M));
                for c in (1..=cuts).filter(|_| l + 1 < STREETS) {
                    let step = c as f64 / (cuts + 1) as f64 * APART_M;
                    nodes.push(10_000 + id * 1000 + l * 10 + c);
                    points.push(if east {
                        (i as f64 * APART_M + step, j as f64 * APART_M)
                    } else {
                        (i as f64 * APART_M, j as f64 * APART_M + step)
                    });
                }
            }
            builder.lines.push(line(id, nodes, points, access));
        }
    }
    builder
}

fn fix(t_s: f64, (lon, lat): (f64, f64)) -> GnssFix {
    GnssFix::at(Timestamp::from_seconds(1.7e9 + t_s), Geodetic::new(lon, lat, 0.0), 0)
}

/// A drive of 10 m/s through corners, with a fixed pattern of small errors.
fn drive(corners: &[(f64, f64)]) -> Vec<GnssFix> {
    let mut fixes = Vec::new();
    for pair in corners.windows(2) {
        let length = libm::hypot(pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        for k in 0..(length / 10.0) as u32 {
            let w = f64::from(k) * 10.0 / length;
            let n = fixes.len() as u32;
            let error = |salt: u32| f64::from((n.wrapping_mul(2_654_435_761).wrapping_add(salt) >> 20) % 9) - 4.0;
            let (x, y) = (pair[0].0 + (pair[1].0 - pair[0].0) * w, pair[0].1 + (pair[1].1 - pair[0].1) * w);
            fixes.push(fix(f64::from(n), degrees(x + error(1), y + error(77_777))));
        }
    }
    fixes
}

fn matched(builder: &RoadGraphBuilder, fixes: &[GnssFix]) -> (RoadGraph, Matched) {
    let (graph, _) = builder.clone().build();
    let matched = Matcher::new(&graph, Mode::Car).run(fixes);
    (graph, matched)
}

/// Ways with the nodes between which they were driven.
fn legs(graph: &RoadGraph, matched: &Matched) -> Vec<(i64, i64, i64)> {
    matched.path.iter().map(|p| (graph.ways()[p.way as usize].id, p.nodes[0], p.nodes[1])).collect()
}

const ROUND: [(f64, f64); 4] = [(20.0, 100.0), (300.0, 100.0), (300.0, 400.0), (480.0, 400.0)];

#[test]
fn a_drive_is_on_the_streets_it_took() {
    let (graph, all) = matched(&town(0, false), &drive(&ROUND));
    let mut want = vec![(11, node(0, 1), node(1, 1)), (11, node(1, 1), node(2, 1)), (11, node(2, 1), node(3, 1))];
    want.extend((1..4).map(|j| (23, node(3, j), node(3, j + 1))));
    want.extend([(14, node(3, 4), node(4, 4)), (14, node(4, 4), node(5, 4))]);
    assert_eq!(legs(&graph, &all), want);
    assert!(all.breaks.is_empty());
    assert!(all.path.iter().all(|p| p.probability > 0.9), "{:?}", all.path);
    // Every fix has a place, within its error, and offsets are metres along the way.
    assert!(all.points.iter().all(|p| p.distance_m < 8.0 && p.probability > 0.5));
    let first = all.points[0];
    assert_eq!(graph.ways()[first.way.expect("matched") as usize].id, 11);
    assert!((first.offset_m - 20.0).abs() < 6.0, "{first:?}");
}

#[test]
fn on_a_way_that_goes_on_over_a_crossing_the_way_is_known() {
    let (graph, all) = matched(&town(0, false), &drive(&[(20.0, 100.0), (480.0, 100.0)]));
    let edges: std::collections::BTreeSet<_> = all.points.iter().map(|p| p.edge).collect();
    assert!(edges.len() > 3, "it drives over crossings: {edges:?}");
    for point in &all.points {
        assert_eq!(point.way.map(|w| graph.ways()[w as usize].id), Some(11));
        assert!(point.probability > 0.97, "{point:?}");
    }
}

/// A street of 6 km with side streets; above its middle third, exactly, an expressway with a ramp at each end.
fn stacked() -> RoadGraphBuilder {
    let mut builder = RoadGraphBuilder::default();
    let both = [Modes::ALL; 2];
    let street: Vec<i64> = (0..=12).collect();
    builder.lines.push(line(1, street.clone(), street.iter().map(|k| (*k as f64 * 500.0, 0.0)).collect(), both));
    for k in 0..=12 {
        builder.lines.push(line(
            100 + k,
            vec![k, 50 + k],
            vec![(k as f64 * 500.0, 0.0), (k as f64 * 500.0, 200.0)],
            both,
        ));
    }
    let up = |id, nodes: Vec<i64>, points| RoadLine { level: 1, bridge: true, ..line(id, nodes, points, both) };
    builder.lines.push(up(2, vec![4, 30, 31], vec![(2000.0, 0.0), (2150.0, -7.0), (2300.0, 0.0)]));
    builder.lines.push(up(3, vec![31, 32], vec![(2300.0, 0.0), (3700.0, 0.0)]));
    builder.lines.push(up(4, vec![32, 33, 8], vec![(3700.0, 0.0), (3850.0, -7.0), (4000.0, 0.0)]));
    builder
}

/// A drive along it at 15 m/s with errors of 4 m, heights off by `noise_m`; `climbs_m` above the street in the middle third.
fn along_the_stack(climbs_m: f64, noise_m: f64, backward: bool) -> Vec<GnssFix> {
    let mut state = 12_345_u64;
    let mut normal = || {
        let mut sum = -6.0;
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sum += (state >> 11) as f64 / (1_u64 << 53) as f64;
        }
        sum
    };
    let at = |k: i32| {
        let s = 200.0 + 15.0 * f64::from(k);
        if backward { 6000.0 - s } else { s }
    };
    let fix_at = |k: i32| {
        let x = at(k);
        let ramp = |from: f64| ((x - from) / 250.0).clamp(0.0, 1.0);
        let up = ramp(2000.0) - ramp(3750.0);
        // The ground rises by 1 %.
        let height = 40.0 + 0.01 * x + climbs_m * up + noise_m * normal();
        let (lon, lat) = degrees(x + 4.0 * normal(), 4.0 * normal());
        GnssFix { place: Geodetic::new(lon, lat, height), ..fix(f64::from(k), (lon, lat)) }
    };
    (0..370).map(fix_at).collect()
}

/// Metres of its path on the street and on the expressway and its ramps.
fn storeys(fixes: &[GnssFix]) -> [f64; 2] {
    let (graph, all) = matched(&stacked(), fixes);
    assert!(all.breaks.is_empty(), "{:?}", all.breaks);
    let mut metres = [0.0; 2];
    for piece in &all.path {
        metres[usize::from(graph.ways()[piece.way as usize].id != 1)] += piece.edge_m[1] - piece.edge_m[0];
    }
    metres
}

#[test]
fn heights_tell_an_expressway_from_the_street_under_it() {
    for backward in [false, true] {
        for noise_m in [0.5, 2.0] {
            let [_, above] = storeys(&along_the_stack(9.0, noise_m, backward));
            assert!(above > 1900.0, "up, {noise_m} m, {backward}: {above}");
            let [street, above] = storeys(&along_the_stack(0.0, noise_m, backward));
            assert!(above < 1.0 && street > 5400.0, "down, {noise_m} m, {backward}: {above}");
        }
    }
}

#[test]
fn poor_heights_change_nothing() {
    for backward in [false, true] {
        let (_, without) = matched(&stacked(), &flat(along_the_stack(0.0, 0.0, backward)));
        for climbs_m in [0.0, 9.0] {
            let (_, with) = matched(&stacked(), &along_the_stack(climbs_m, 40.0, backward));
            let ways = |all: &Matched| -> Vec<_> { all.path.iter().map(|p| (p.way, p.nodes)).collect() };
            assert_eq!(ways(&with), ways(&without));
            // A receiver that says how poor it is.
            let mut told = along_the_stack(climbs_m, 2.0, backward);
            told.iter_mut().for_each(|f| f.sigma_z_m = Some(60.0));
            let (_, told) = matched(&stacked(), &told);
            assert_eq!(ways(&told), ways(&without));
        }
    }
}

/// Without heights.
fn flat(mut fixes: Vec<GnssFix>) -> Vec<GnssFix> {
    fixes.iter_mut().for_each(|f| f.place.height_m = 0.0);
    fixes
}

#[test]
fn back_is_the_same_streets_backward() {
    let fixes = drive(&ROUND);
    let (graph, forth) = matched(&town(0, false), &fixes);
    let end = fixes.len() as f64;
    let place = |f: &GnssFix| (f.place.lon_deg, f.place.lat_deg);
    let reversed: Vec<GnssFix> = fixes.iter().rev().enumerate().map(|(i, f)| fix(end + i as f64, place(f))).collect();
    let (_, back) = matched(&town(0, false), &reversed);
    let turned: Vec<_> = legs(&graph, &back).into_iter().rev().map(|(w, a, b)| (w, b, a)).collect();
    assert_eq!(turned, legs(&graph, &forth));
}

#[test]
fn how_a_trace_or_map_is_cut_changes_nothing() {
    let fixes = drive(&ROUND);
    let (graph, plain) = matched(&town(0, false), &fixes);
    let twice: Vec<GnssFix> = fixes.iter().flat_map(|f| [*f, *f]).collect();
    let (_, doubled) = matched(&town(0, false), &twice);
    assert_eq!(doubled.path, plain.path);
    assert!(doubled.points.chunks(2).zip(&plain.points).all(|(two, one)| two[0] == *one && two[1] == *one));
    // New nodes on the ways: the same places on the same ways.
    let (cut_graph, cut) = matched(&town(4, false), &fixes);
    assert_eq!(legs(&cut_graph, &cut), legs(&graph, &plain));
    for (a, b) in cut.points.iter().zip(&plain.points) {
        assert!((a.offset_m - b.offset_m).abs() < 0.1 && (a.probability - b.probability).abs() < 0.02, "{a:?} {b:?}");
    }
    // Points in between.
    let mut dense = Vec::new();
    for pair in fixes.windows(2) {
        let t = |f: &GnssFix| f.t.expect("timed").ns() as f64 / 1e9 - 1.7e9;
        let (a, b) = (pair[0].place, pair[1].place);
        dense.push(pair[0]);
        let middle = ((a.lon_deg + b.lon_deg) / 2.0, (a.lat_deg + b.lat_deg) / 2.0);
        dense.push(fix((t(&pair[0]) + t(&pair[1])) / 2.0, middle));
    }
    dense.push(fixes[fixes.len() - 1]);
    let (_, dense) = matched(&town(0, false), &dense);
    assert_eq!(legs(&graph, &dense), legs(&graph, &plain));
}

#[test]
fn one_way_streets_are_not_driven_backward() {
    // Sparse positions of a drive to the west, which no street allows: it must not be matched the wrong way.
    let fixes: Vec<GnssFix> =
        [400.0, 250.0, 100.0].iter().enumerate().map(|(i, x)| fix(i as f64 * 20.0, degrees(*x, 200.0))).collect();
    let (graph, all) = matched(&town(0, true), &fixes);
    assert!(all.path.iter().all(|p| p.edge % 2 == 0 || graph.allows(p.edge, Mode::Car)), "{:?}", all.path);
}

#[test]
fn restrictions_are_kept_over_nodes_and_ways() {
    // From way 11 at (2, 1), not left into way 22; over (3, 1), not left into way 23 after coming from way 21.
    let mut builder = town(0, false);
    let sparse = |points: &[(f64, f64)]| -> Vec<GnssFix> {
        points.iter().enumerate().map(|(i, p)| fix(i as f64 * 30.0, degrees(p.0, p.1))).collect()
    };
    let fixes = sparse(&[(120.0, 100.0), (200.0, 180.0)]);
    let (graph, free) = matched(&builder, &fixes);
    assert_eq!(legs(&graph, &free).len(), 2);
    let node_rule = Restriction { from: 11, via: Via::Node(node(2, 1)), to: 22, only: false, modes: Modes::ALL };
    builder.restrictions.push(node_rule);
    let (graph, kept) = matched(&builder, &fixes);
    let ways: Vec<i64> = legs(&graph, &kept).iter().map(|l| l.0).collect();
    assert!(!ways.windows(2).any(|w| w == [11, 22]), "{ways:?}");
}

#[test]
fn a_restriction_over_a_way_depends_on_where_one_came_from() {
    // A and C are the two sides of a street, B joins them; D, E, F lead round the block.
    let two_way = [Modes::ALL; 2];
    let at = |p: [(f64, f64); 2]| p.to_vec();
    let mut builder = RoadGraphBuilder {
        lines: vec![
            line(1, vec![1, 2], at([(0.0, 0.0), (100.0, 0.0)]), two_way),
            line(2, vec![2, 3], at([(100.0, 0.0), (100.0, 40.0)]), two_way),
            line(3, vec![3, 4], at([(100.0, 40.0), (0.0, 40.0)]), two_way),
            line(4, vec![2, 5], at([(100.0, 0.0), (160.0, 0.0)]), two_way),
            line(5, vec![5, 6], at([(160.0, 0.0), (160.0, 40.0)]), two_way),
            line(6, vec![6, 3], at([(160.0, 40.0), (100.0, 40.0)]), two_way),
        ],
        ..RoadGraphBuilder::default()
    };
    let way = |ways: Vec<i64>, to: i64, only: bool| Restriction {
        from: 1,
        via: Via::Ways(ways),
        to,
        only,
        modes: Modes::ALL,
    };
    let drive =
        |from: (f64, f64)| -> Vec<GnssFix> { vec![fix(0.0, degrees(from.0, from.1)), fix(30.0, degrees(50.0, 40.0))] };
    let ways = |builder: &RoadGraphBuilder, from| -> Vec<i64> {
        let (graph, all) = matched(builder, &drive(from));
        legs(&graph, &all).iter().map(|l| l.0).collect()
    };
    assert_eq!(ways(&builder, (50.0, 0.0)), [1, 2, 3]);
    for rule in [way(vec![2], 3, false), way(vec![2], 6, true)] {
        builder.restrictions = vec![rule];
        assert!(!ways(&builder, (50.0, 0.0)).windows(3).any(|w| w == [1, 2, 3]));
        // Who comes from D may turn there.
        assert_eq!(ways(&builder, (130.0, 0.0)), [4, 2, 3]);
    }
}

#[test]
fn one_leg_of_a_hairpin_is_not_the_other() {
    // Up and back, 6 m apart, then away.
    let mut builder = RoadGraphBuilder::default();
    let corners = [(0.0, 0.0), (0.0, 150.0), (6.0, 150.0), (6.0, 0.0), (300.0, 0.0)];
    builder.lines = vec![line(1, vec![1, 2, 3, 4, 5], corners.to_vec(), [Modes::ALL; 2])];
    let (_, all) = matched(&builder, &drive(&corners));
    assert_eq!(all.path.len(), 1, "{:?}", all.path);
    assert!(all.points.windows(2).all(|w| w[1].edge_m > w[0].edge_m - 15.0), "no leap between the legs");
}

#[test]
fn a_stream_tells_nearly_what_the_whole_trace_does() {
    let fixes = drive(&ROUND);
    let (graph, whole) = matched(&town(0, false), &fixes);
    let mut stream = MatchStream::new(&graph, Mode::Car, 10);
    let mut told = Vec::new();
    for (i, fix) in fixes.iter().enumerate() {
        told.extend(stream.push(*fix));
        assert!(told.len() + 15 > i, "the lag is bounded");
    }
    told.extend(stream.finish());
    assert_eq!(told.iter().map(|t| t.0).collect::<Vec<_>>(), (0..fixes.len()).collect::<Vec<_>>());
    let same = told.iter().zip(&whole.points).filter(|(a, b)| a.1.edge == b.edge).count();
    assert!(same * 20 >= fixes.len() * 19, "{same} of {}", fixes.len());
}

#[test]
fn what_a_matcher_has_learned_changes_nothing() {
    let (graph, _) = town(1, false).build();
    let there = drive(&[(50.0, 0.0), (300.0, 0.0), (300.0, 400.0)]);
    let across = drive(&[(500.0, 350.0), (500.0, 100.0), (100.0, 100.0), (100.0, 480.0)]);
    let mut matcher = Matcher::new(&graph, Mode::Car);
    for fixes in [&there, &across].into_iter().cycle().take(12) {
        assert_eq!(matcher.run(fixes), Matcher::new(&graph, Mode::Car).run(fixes));
    }
}

#[test]
fn off_the_road_is_unmatched_and_said() {
    // 400 m of open field in the north.
    let mut corners = vec![(300.0, 100.0), (300.0, 480.0), (300.0, 900.0), (310.0, 900.0)];
    corners.extend([(310.0, 480.0), (300.0, 100.0)]);
    let (_, all) = matched(&town(0, false), &drive(&corners));
    let unmatched = all.points.iter().filter(|p| p.way.is_none()).count();
    assert!(unmatched > 40, "{unmatched}");
    assert!(all.points[5].way.is_some() && all.points[all.points.len() - 5].way.is_some());
    assert!(!all.breaks.is_empty() && all.breaks.iter().all(|b| !b.reason.is_empty()));
    assert_eq!(all.path.last().map(|p| p.part), Some(1));
}

#[test]
fn a_pause_begins_a_part() {
    let mut fixes = drive(&[(20.0, 100.0), (300.0, 100.0)]);
    fixes.extend(drive(&[(20.0, 300.0), (300.0, 300.0)]).into_iter().map(|mut f| {
        f.t = f.t.and_then(|t| t.checked_add_ns(3_600_000_000_000));
        f
    }));
    let (_, all) = matched(&town(0, false), &fixes);
    assert_eq!(all.breaks.len(), 1);
    assert_eq!((all.breaks[0].index, all.breaks[0].reason.as_str()), (28, "a pause of 3573 s"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_trace_makes_it_panic(
        points in proptest::collection::vec(
            (proptest::option::of(-1e3f64..1e3), -700.0f64..700.0, -700.0f64..700.0, 0u8..20), 0..40),
    ) {
        let fixes: Vec<GnssFix> = points
            .into_iter()
            .map(|(t, x, y, odd)| {
                let (lon, lat) = degrees(x, y);
                let mut one = fix(t.unwrap_or(0.0), (lon, lat));
                one.t = t.and(one.t);
                match odd {
                    0 => one.place.lon_deg = f64::NAN,
                    1 => one.place = Geodetic::new(0.0, 0.0, 0.0),
                    2 => one.place.lat_deg = 91.0,
                    3 => one.place.lon_deg += 1.0,
                    4 => (one.speed_mps, one.course_deg) = (Some(f64::INFINITY), Some(90.0)),
                    5 => one.sigma_xy_m = Some(-1.0),
                    _ => {}
                }
                one
            })
            .collect();
        let (graph, all) = matched(&town(1, false), &fixes);
        prop_assert_eq!(all.points.len(), fixes.len());
        for point in all.points.iter().filter(|p| p.way.is_some()) {
            prop_assert!(point.offset_m.is_finite() && point.distance_m.is_finite());
            prop_assert!((0.0..=1.0 + 1e-9).contains(&point.probability), "{point:?}");
        }
        for edge in &all.path {
            prop_assert!(edge.edge_m[0] <= edge.edge_m[1] && edge.edge_m[1] <= graph.length_m(edge.edge) + 1e-6);
            prop_assert!((0.0..=1.0).contains(&edge.probability));
        }
        for pair in all.path.windows(2).filter(|w| w[0].part == w[1].part && w[0].edge != w[1].edge) {
            let [a, b] = [graph.ends(pair[0].edge)[1], graph.ends(pair[1].edge)[0]];
            prop_assert!(a == b || pair[0].edge == pair[1].edge ^ 1, "{pair:?}");
        }
    }
}
