//! The tree of coordinate frames that transforms of a log build, as far as they stand still.

use std::collections::BTreeMap;

use crate::coord::Pose;

/// Names that the frame of a vehicle has, the best first.
const EGO: [&str; 6] = ["base_link", "base_footprint", "ego_vehicle", "vehicle", "body", "base"];
/// Chains longer than this are circles.
const LINKS: usize = 64;

struct Link {
    parent: String,
    parent_se3_child: Pose,
    /// It was given differently at different times: no mount.
    moves: bool,
}

/// Links by child frame.
#[derive(Default)]
pub(super) struct Frames {
    links: BTreeMap<String, Link>,
}

/// A frame's name without the slash that ROS 1 put before it.
fn bare(name: &str) -> &str {
    name.trim_start_matches('/')
}

impl Frames {
    /// Takes a transform.
    pub(super) fn insert(&mut self, parent: &str, child: &str, parent_se3_child: Pose) {
        let (parent, child) = (bare(parent).to_string(), bare(child).to_string());
        if let Some(link) = self.links.get_mut(&child) {
            let apart = (link.parent_se3_child.translation - parent_se3_child.translation).norm();
            link.moves |=
                link.parent != parent || apart > 1e-6 || link.parent_se3_child.angle_to(&parent_se3_child) > 1e-6;
            return;
        }
        self.links.insert(child, Link { parent, parent_se3_child, moves: false });
    }

    /// The frame of the ego, where one of the usual names is there.
    pub(super) fn ego(&self) -> Option<&'static str> {
        let known = |name: &&str| self.links.iter().any(|(child, link)| child == name || link.parent == **name);
        EGO.into_iter().find(known)
    }

    /// `ego_se3_frame`, where links that stand still lead from one to the other.
    pub(super) fn mount(&self, ego: &str, frame: &str) -> Option<Pose> {
        let (to_ego, to_frame) = (self.ancestors(ego), self.ancestors(bare(frame)));
        to_ego.iter().find_map(|(name, ancestor_se3_ego)| {
            let (_, ancestor_se3_frame) = to_frame.iter().find(|(other, _)| other == name)?;
            Some(ancestor_se3_ego.inverse() * *ancestor_se3_frame)
        })
    }

    /// A frame and those above it, with `ancestor_se3_frame`.
    fn ancestors<'a>(&'a self, frame: &'a str) -> Vec<(&'a str, Pose)> {
        let mut all = vec![(frame, Pose::identity())];
        while let Some((name, pose)) = all.last().copied()
            && let Some(link) = self.links.get(name).filter(|link| !link.moves && all.len() < LINKS)
        {
            all.push((&link.parent, link.parent_se3_child * pose));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector3;

    #[test]
    fn mounts_are_found_over_links_that_stand_still() {
        let at = |x: f64| Pose::level(Vector3::new(x, 0.0, 0.0), 90.0);
        let mut frames = Frames::default();
        frames.insert("odom", "base_link", at(5.0));
        frames.insert("/base_link", "roof", at(1.0));
        frames.insert("roof", "/lidar", at(0.5));
        frames.insert("odom", "base_link", at(6.0));
        assert_eq!(frames.ego(), Some("base_link"));
        assert!((frames.mount("base_link", "lidar").expect("linked").translation.x - 1.5).abs() < 1e-12);
        assert!((frames.mount("lidar", "roof").expect("linked").translation.x + 0.5).abs() < 1e-12);
        assert!(frames.mount("base_link", "odom").is_none(), "the vehicle moves");
        frames.insert("a", "b", at(1.0));
        frames.insert("b", "a", at(1.0));
        assert!(frames.mount("a", "lidar").is_none(), "a circle ends");
    }
}
