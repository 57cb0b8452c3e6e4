//! The town: a plan of streets, and from it both the map and the 3-D scene, so that the two agree.

pub mod furniture;
pub mod lots;
pub mod map;
pub mod network;
pub mod pbf;
pub mod plan;

use crate::coord::{EnuFrame, Geodetic};

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
        Town {
            seed,
            crossings: furniture::crossings(&network),
            trees: furniture::trees(&network, &buildings, seed),
            poles: furniture::poles(&network),
            signs: furniture::signs(&network),
            bays: furniture::bays(&network),
            buildings,
            network,
            frame: EnuFrame::new(ORIGIN),
        }
    }
}
