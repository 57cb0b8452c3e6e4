//! The town: a plan of streets, and from it both the map and the 3-D scene, so that the two agree.

pub mod day;
pub mod furniture;
mod ground;
pub mod lots;
pub mod map;
mod mesh;
pub mod network;
mod objects;
pub mod pbf;
pub mod plan;
mod vehicles;

use nalgebra::UnitQuaternion;

use crate::coord::{EnuFrame, Geodetic, Pose};
use crate::synth::planar::{V2, near};
use crate::synth::scene::Scene;
use crate::time::Timestamp;

use self::furniture::{Bay, Crossing, Pole, Sign, Tree};
use self::lots::Building;
use self::network::Network;

/// Where the town lies: Pangyo; ellipsoidal height in metres.
pub const ORIGIN: Geodetic = Geodetic::new(127.1112, 37.3947, 62.0);

/// Everything that stands in the town and does not change from day to day. ENU metres at [`ORIGIN`].
pub struct Town {
    /// Seed of what is left to chance.
    pub seed: u64,
    /// Streets.
    pub network: Network,
    /// Buildings.
    pub buildings: Vec<Building>,
    /// Crossings on foot.
    pub crossings: Vec<Crossing>,
    /// Trees.
    pub trees: Vec<Tree>,
    /// Poles.
    pub poles: Vec<Pole>,
    /// Signs.
    pub signs: Vec<Sign>,
    /// Room for parked vehicles.
    pub bays: Vec<Bay>,
    /// The frame of all coordinates.
    pub frame: EnuFrame,
}

impl Town {
    /// The town of a seed: streets are the same in all, buildings and trees differ.
    pub fn new(seed: u64) -> Town {
        let network = Network::new();
        let buildings = lots::build(&network, seed);
        let (poles, signs) = (furniture::poles(&network), furniture::signs(&network));
        Town {
            seed,
            crossings: furniture::crossings(&network),
            trees: furniture::trees(&network, &buildings, seed),
            bays: furniture::bays(&network, &poles, &signs),
            poles,
            signs,
            buildings,
            network,
            frame: EnuFrame::new(ORIGIN),
        }
    }

    /// The town as it looks at a moment: parked vehicles, light and leaves are those of that day.
    pub fn scene(&self, t: Timestamp) -> Scene {
        let mut mesh = mesh::Mesh::default();
        ground::build(self, &mut mesh);
        objects::build(self, &mut mesh);
        vehicles::park(self, t, &mut mesh);
        Scene { triangles: mesh.triangles, boards: mesh.boards, shades: ground::shades(self), light: day::light(t) }
    }

    /// Whether a place on the road lies in the tunnel.
    pub fn in_tunnel(&self, p: V2) -> bool {
        self.network.segments.iter().any(|segment| {
            let street = &self.network.streets[segment.street];
            segment.tunnel.is_some_and(|(from, to)| {
                let (s, distance) = street.path.nearest(p);
                distance < street.half_m() && s > from && s < to
            })
        })
    }

    /// How many buildings of more than six storeys come within `reach_m` of a place.
    pub fn high_buildings_near(&self, p: V2, reach_m: f64) -> usize {
        let close = |outline: &[V2]| (outline[0] - p).norm() < reach_m + 60.0 && near(outline, &[p], reach_m);
        self.buildings.iter().filter(|b| b.levels > 6 && close(&b.outline)).count()
    }

    /// A pose of the town's frame as place and rotation in the ENU axes at that place.
    pub fn at(&self, world_se3_ego: &Pose) -> (Geodetic, UnitQuaternion<f64>) {
        let place = self.frame.to_geodetic(world_se3_ego.translation);
        let here = EnuFrame::new(place).rotation_from(&self.frame);
        let turn = Pose::from_rotation_matrix(&here, nalgebra::Vector3::zeros());
        (place, (turn * Pose::new(nalgebra::Vector3::zeros(), world_se3_ego.rotation)).rotation)
    }
}
