//! Multipolygons out of unordered member ways.
//!
//! Ways are joined at their end nodes and cut apart where a ring touches itself; which ring is a hole follows from
//! where it lies, since roles are often wrong (as libosmium's area assembler does).

use std::collections::BTreeMap;

use geo::coordinate_position::{CoordPos, CoordinatePosition};
use geo::{Area, Coord, Geometry, LineString, MultiPolygon, Polygon};

use crate::source::map::shape;

/// The polygons of a multipolygon and what was left over.
pub struct Assembled {
    /// A valid polygon or multipolygon; `None` where no ring closes.
    pub geometry: Option<Geometry<f64>>,
    /// Node ids at which a ring did not close.
    pub open_at: Vec<i64>,
}

/// Assembles ways, each a list of nodes with positions.
pub fn assemble(ways: &[Vec<(i64, Coord<f64>)>]) -> Assembled {
    let (closed, open_at) = join(ways);
    let rings: Vec<LineString<f64>> = closed
        .into_iter()
        .flat_map(split_at_touching_nodes)
        .map(|ring| LineString::new(ring.into_iter().map(|(_, c)| c).collect()))
        .filter(|ring: &LineString<f64>| ring.0.len() >= 4)
        .collect();
    Assembled { geometry: nest(rings).and_then(shape::valid_area), open_at }
}

type Ring = Vec<(i64, Coord<f64>)>;

/// Joins ways at their ends into closed rings; answers the ends of those that do not close.
fn join(ways: &[Vec<(i64, Coord<f64>)>]) -> (Vec<Ring>, Vec<i64>) {
    let mut at_node: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    let mut used = vec![false; ways.len()];
    let mut closed = Vec::new();
    for (i, way) in ways.iter().enumerate() {
        match (way.first(), way.last()) {
            (Some(first), Some(last)) if way.len() >= 2 => {
                if first.0 == last.0 {
                    used[i] = true;
                    closed.push(way.clone());
                } else {
                    at_node.entry(first.0).or_default().push(i);
                    at_node.entry(last.0).or_default().push(i);
                }
            }
            _ => used[i] = true,
        }
    }
    let mut open_at = Vec::new();
    for start in 0..ways.len() {
        if used[start] {
            continue;
        }
        used[start] = true;
        let mut ring = ways[start].clone();
        loop {
            let (first, last) = (ring[0].0, ring[ring.len() - 1].0);
            if first == last {
                closed.push(ring);
                break;
            }
            let next = at_node.get(&last).and_then(|all| all.iter().copied().find(|&i| !used[i]));
            let Some(next) = next else {
                open_at.push(last);
                break;
            };
            used[next] = true;
            let way = &ways[next];
            if way[0].0 == last {
                ring.extend_from_slice(&way[1..]);
            } else {
                ring.extend(way.iter().rev().skip(1).copied());
            }
        }
    }
    (closed, open_at)
}

/// Cuts a closed ring at nodes that it passes twice into rings that touch there.
fn split_at_touching_nodes(ring: Ring) -> Vec<Ring> {
    let mut out = Vec::new();
    let mut path: Ring = Vec::with_capacity(ring.len());
    let mut at: BTreeMap<i64, usize> = BTreeMap::new();
    for point in ring {
        if let Some(&from) = at.get(&point.0) {
            let mut loop_ring: Ring = path[from..].to_vec();
            loop_ring.push(point);
            for passed in path.drain(from + 1..) {
                at.remove(&passed.0);
            }
            if loop_ring.len() >= 4 {
                out.push(loop_ring);
            }
        } else {
            at.insert(point.0, path.len());
            path.push(point);
        }
    }
    out
}

/// Sorts rings into shells and holes by how many others each lies in.
fn nest(rings: Vec<LineString<f64>>) -> Option<MultiPolygon<f64>> {
    let mut solid: Vec<(f64, Polygon<f64>)> = rings
        .into_iter()
        .map(|ring| Polygon::new(ring, Vec::new()))
        .map(|polygon| (polygon.unsigned_area(), polygon))
        .filter(|(area, _)| *area > 0.0)
        .collect();
    // Larger first; a stable sort keeps the order of the file between equals.
    solid.sort_by(|a, b| b.0.total_cmp(&a.0));
    // For each shell: its rings. For each ring: its depth and the shell it belongs to.
    let mut shells: Vec<(LineString<f64>, Vec<LineString<f64>>)> = Vec::new();
    let mut placed: Vec<(usize, usize)> = Vec::new();
    for i in 0..solid.len() {
        let around: Vec<usize> = (0..i).filter(|&j| lies_in(&solid[i].1, &solid[j].1)).collect();
        let depth = around.len();
        let ring = solid[i].1.exterior().clone();
        if depth.is_multiple_of(2) {
            placed.push((depth, shells.len()));
            shells.push((ring, Vec::new()));
        } else {
            // The innermost ring around it is one less deep, and a shell.
            let parent = around.iter().rev().find(|&&j| placed[j].0 + 1 == depth).map(|&j| placed[j].1);
            placed.push((depth, parent.unwrap_or(0)));
            if let Some(parent) = parent {
                shells[parent].1.push(ring);
            }
        }
    }
    let polygons: Vec<Polygon<f64>> = shells.into_iter().map(|(shell, holes)| Polygon::new(shell, holes)).collect();
    (!polygons.is_empty()).then(|| MultiPolygon::new(polygons))
}

/// Whether a ring lies in another, by the first corner or middle of an edge that is not on the other's boundary.
fn lies_in(inner: &Polygon<f64>, outer: &Polygon<f64>) -> bool {
    let corners = &inner.exterior().0;
    let middles = corners.windows(2).map(|w| Coord { x: (w[0].x + w[1].x) / 2.0, y: (w[0].y + w[1].y) / 2.0 });
    for point in corners.iter().copied().chain(middles) {
        match outer.coordinate_position(&point) {
            CoordPos::Inside => return true,
            CoordPos::Outside => return false,
            CoordPos::OnBoundary => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(nodes: &[(i64, f64, f64)]) -> Ring {
        nodes.iter().map(|&(id, x, y)| (id, Coord { x, y })).collect()
    }

    #[test]
    fn unordered_ways_make_a_shell_with_a_hole() {
        let ways = [
            way(&[(1, 0., 0.), (2, 4., 0.), (3, 4., 4.)]),
            way(&[(9, 1., 1.), (8, 2., 1.), (7, 2., 2.), (9, 1., 1.)]),
            way(&[(1, 0., 0.), (4, 0., 4.), (3, 4., 4.)]),
        ];
        let done = assemble(&ways);
        let Some(Geometry::Polygon(polygon)) = done.geometry else { panic!("one polygon") };
        assert_eq!((polygon.interiors().len(), polygon.unsigned_area()), (1, 15.5));
        assert!(done.open_at.is_empty());
    }

    #[test]
    fn a_ring_that_touches_itself_is_two_polygons() {
        let eight =
            way(&[(1, 0., 0.), (2, 1., 0.), (3, 1., 1.), (1, 0., 0.), (4, -1., 0.), (5, -1., -1.), (1, 0., 0.)]);
        let Some(Geometry::MultiPolygon(parts)) = assemble(&[eight]).geometry else { panic!("two polygons") };
        assert_eq!(parts.0.len(), 2);
    }

    #[test]
    fn an_open_ring_names_its_node() {
        let done = assemble(&[way(&[(1, 0., 0.), (2, 4., 0.), (3, 4., 4.)])]);
        assert!(done.geometry.is_none());
        assert_eq!(done.open_at, [3]);
    }

    #[test]
    fn an_island_in_a_lake_in_a_wood_is_a_shell_again() {
        let square =
            |id: i64, r: f64| way(&[(id, -r, -r), (id + 1, r, -r), (id + 2, r, r), (id + 3, -r, r), (id, -r, -r)]);
        let done = assemble(&[square(10, 1.), square(20, 3.), square(30, 2.)]);
        let Some(Geometry::MultiPolygon(parts)) = done.geometry else { panic!("two polygons") };
        assert_eq!(parts.unsigned_area(), 36. - 16. + 4.);
    }
}
