//! [`PictureIndex`]: street-view pictures by place.

use rstar::{AABB, RTree, RTreeObject};

use crate::coord::{BBox, LocalPlane, nearest_on_segment};

/// A picture that may become a reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picture {
    /// A number of its recording, one for all its pictures.
    pub recording: u32,
    /// Capture time, nanoseconds UTC; `None` where nobody knows.
    pub t_ns: Option<i64>,
    /// Longitude, degrees.
    pub lon: f64,
    /// Latitude, degrees.
    pub lat: f64,
    /// A hash of its bytes: two names of one picture share it.
    pub content: u64,
}

/// Pictures in an R-tree; they are known by their numbers, from 0 in the order that they were given.
#[derive(Debug)]
pub struct PictureIndex {
    pictures: Vec<Picture>,
    tree: RTree<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    number: u32,
    at: [f64; 2],
}

impl RTreeObject for Entry {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_point(self.at)
    }
}

impl PictureIndex {
    /// An index over at most 2³² pictures; those without a finite place are never found.
    pub fn new(pictures: Vec<Picture>) -> PictureIndex {
        let placed = pictures.iter().enumerate().filter(|(_, p)| p.lon.is_finite() && p.lat.is_finite());
        let entries = placed.map(|(number, p)| Entry { number: number as u32, at: [p.lon, p.lat] }).collect();
        PictureIndex { pictures, tree: RTree::bulk_load(entries) }
    }

    /// A picture by its number.
    pub fn picture(&self, number: usize) -> &Picture {
        &self.pictures[number]
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// The pictures within `max_m` of a path of `(lon, lat)`, nearest first, with their distances on the ground in
    /// metres; the lower number wins a tie.
    pub fn near_path(&self, path: &[(f64, f64)], max_m: f64) -> Vec<(usize, f64)> {
        let Some(bounds) = BBox::of_points(path.iter().copied()) else { return Vec::new() };
        let plane = LocalPlane::at(path[0].0, path[0].1);
        let flat: Vec<(f64, f64)> = path.iter().map(|&(lon, lat)| plane.to_m(lon, lat)).collect();
        let area = bounds.grown_m(max_m * 1.01 + 1.0);
        let area = AABB::from_corners([area.xmin, area.ymin], [area.xmax, area.ymax]);
        let mut found: Vec<(usize, f64)> = self
            .tree
            .locate_in_envelope(&area)
            .filter_map(|entry| {
                let at = plane.to_m(entry.at[0], entry.at[1]);
                let to = |w: &[(f64, f64)]| nearest_on_segment(at, w[0], w[1]).2;
                let alone = || nearest_on_segment(at, flat[0], flat[0]).2;
                let distance = flat.windows(2).map(to).reduce(f64::min).unwrap_or_else(alone);
                (distance <= max_m).then_some((entry.number as usize, distance))
            })
            .collect();
        found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        found
    }
}
