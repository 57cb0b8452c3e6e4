//! The plan of the town: its streets as a person would list them. Everything else is worked out from it.

use crate::synth::planar::V2;

/// What a street is, as OSM's `highway` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoadClass {
    /// 대로: the arterial.
    Primary,
    /// 로: wide collectors.
    Secondary,
    /// 로: collectors of two lanes.
    Tertiary,
    /// 길: where people live.
    Residential,
    /// Ways on private ground.
    Service,
}

impl RoadClass {
    /// The value of OSM's `highway`.
    pub fn tag(self) -> &'static str {
        match self {
            RoadClass::Primary => "primary",
            RoadClass::Secondary => "secondary",
            RoadClass::Tertiary => "tertiary",
            RoadClass::Residential => "residential",
            RoadClass::Service => "service",
        }
    }
}

/// One street of the plan.
#[derive(Debug, Clone, Copy)]
pub struct StreetPlan {
    /// Name on the spot; empty for ways without one.
    pub name: &'static str,
    /// The name in English.
    pub name_en: &'static str,
    /// What it is.
    pub class: RoadClass,
    /// Lanes along the line.
    pub forward: u8,
    /// Lanes against it; 0 on a one-way street.
    pub backward: u8,
    /// Speed limit, km/h.
    pub maxspeed_kmh: u32,
    /// Width of one lane, metres.
    pub lane_m: f64,
    /// Width of the pavement on both sides, metres; 0 for none.
    pub sidewalk_m: f64,
    /// Its line, metres east and north of the town's origin; a point that two streets share is a junction.
    pub knots: &'static [(f64, f64)],
}

use RoadClass::{Primary, Residential, Secondary, Service, Tertiary};

/// All streets. Junction points are repeated to the last digit.
pub const STREETS: &[StreetPlan] = &[
    StreetPlan {
        name: "판교역로",
        name_en: "Pangyoyeok-ro",
        class: Primary,
        forward: 3,
        backward: 3,
        maxspeed_kmh: 50,
        lane_m: 3.3,
        sidewalk_m: 4.0,
        knots: &[(-300.0, -22.0), (-148.0, -4.0), (4.0, 2.0), (152.0, 6.0), (300.0, 24.0)],
    },
    StreetPlan {
        name: "대왕판교로",
        name_en: "Daewangpangyo-ro",
        class: Secondary,
        forward: 2,
        backward: 2,
        maxspeed_kmh: 50,
        lane_m: 3.2,
        sidewalk_m: 3.5,
        knots: &[(-300.0, 158.0), (-140.0, 148.0), (10.0, 140.0), (158.0, 146.0), (300.0, 164.0)],
    },
    StreetPlan {
        name: "운중로",
        name_en: "Unjung-ro",
        class: Secondary,
        forward: 2,
        backward: 2,
        maxspeed_kmh: 50,
        lane_m: 3.2,
        sidewalk_m: 3.0,
        knots: &[
            (-300.0, -143.0),
            (-156.0, -150.0),
            (-112.0, -150.0),
            (46.0, -150.0),
            (88.0, -150.0),
            (150.0, -149.0),
            (228.0, -145.0),
            (300.0, -138.0),
        ],
    },
    StreetPlan {
        name: "동판교로",
        name_en: "Dongpangyo-ro",
        class: Secondary,
        forward: 2,
        backward: 2,
        maxspeed_kmh: 50,
        lane_m: 3.2,
        sidewalk_m: 3.0,
        knots: &[
            (-122.0, 250.0),
            (-140.0, 148.0),
            (-145.0, 70.0),
            (-148.0, -4.0),
            (-152.0, -72.0),
            (-156.0, -150.0),
            (-168.0, -250.0),
        ],
    },
    StreetPlan {
        name: "백현로",
        name_en: "Baekhyeon-ro",
        class: Tertiary,
        forward: 1,
        backward: 1,
        maxspeed_kmh: 40,
        lane_m: 3.4,
        sidewalk_m: 3.0,
        knots: &[
            (148.0, 250.0),
            (158.0, 146.0),
            (157.0, 78.0),
            (152.0, 6.0),
            (150.0, -70.0),
            (150.0, -149.0),
            (158.0, -250.0),
        ],
    },
    StreetPlan {
        name: "판교역로25번길",
        name_en: "Pangyoyeok-ro 25beon-gil",
        class: Residential,
        forward: 1,
        backward: 1,
        maxspeed_kmh: 30,
        lane_m: 3.0,
        sidewalk_m: 1.8,
        knots: &[(4.0, 2.0), (3.0, 40.0), (10.0, 74.0), (16.0, 108.0), (10.0, 140.0)],
    },
    StreetPlan {
        name: "동판교로33번길",
        name_en: "Dongpangyo-ro 33beon-gil",
        class: Residential,
        forward: 1,
        backward: 1,
        maxspeed_kmh: 30,
        lane_m: 3.0,
        sidewalk_m: 1.8,
        knots: &[
            (-145.0, 70.0),
            (-100.0, 68.0),
            (-40.0, 82.0),
            (10.0, 74.0),
            (60.0, 66.0),
            (110.0, 84.0),
            (157.0, 78.0),
        ],
    },
    StreetPlan {
        name: "동판교로17번길",
        name_en: "Dongpangyo-ro 17beon-gil",
        class: Residential,
        forward: 1,
        backward: 1,
        maxspeed_kmh: 30,
        lane_m: 3.0,
        sidewalk_m: 1.8,
        knots: &[(-152.0, -72.0), (-60.0, -64.0), (34.0, -74.0), (100.0, -64.0), (150.0, -70.0)],
    },
    StreetPlan {
        name: "운중로12번길",
        name_en: "Unjung-ro 12beon-gil",
        class: Residential,
        forward: 1,
        backward: 0,
        maxspeed_kmh: 30,
        lane_m: 4.5,
        sidewalk_m: 1.5,
        knots: &[(4.0, 2.0), (10.0, -36.0), (34.0, -74.0), (66.0, -106.0), (88.0, -150.0)],
    },
    StreetPlan {
        name: "",
        name_en: "",
        class: Service,
        forward: 1,
        backward: 1,
        maxspeed_kmh: 20,
        lane_m: 2.9,
        sidewalk_m: 0.0,
        knots: &[(150.0, -70.0), (180.0, -69.0), (214.0, -67.0)],
    },
    StreetPlan {
        name: "",
        name_en: "",
        class: Service,
        forward: 1,
        backward: 1,
        maxspeed_kmh: 20,
        lane_m: 2.9,
        sidewalk_m: 0.0,
        knots: &[(228.0, -145.0), (229.0, -122.0)],
    },
];

/// Places of `[x, y]` where a junction has traffic signals: all others give way by rule.
pub const SIGNALS: &[(f64, f64)] = &[
    (-148.0, -4.0),
    (4.0, 2.0),
    (152.0, 6.0),
    (-140.0, 148.0),
    (10.0, 140.0),
    (158.0, 146.0),
    (-156.0, -150.0),
    (150.0, -149.0),
];

/// The street of the tunnel (index into [`STREETS`]); from and to where, metres east: its line is straight there.
pub const TUNNEL: (usize, f64, f64) = (2, -104.0, 38.0);

/// Clear height of the tunnel, metres.
pub const TUNNEL_HEIGHT_M: f64 = 5.4;

/// What a patch of ground is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// A park, with grass and trees.
    Park,
    /// A pond.
    Pond,
    /// A car park with painted bays.
    Parking,
    /// A lot of gravel that cars cross.
    Gravel,
    /// The wooded hill over the tunnel.
    Hill,
}

/// A patch of ground: kind, name, English name, outline (counter-clockwise, metres).
pub type Patch = (Ground, &'static str, &'static str, &'static [(f64, f64)]);

/// Patches of ground that no building stands on.
pub const PATCHES: &[Patch] = &[
    (
        Ground::Park,
        "운중공원",
        "Unjung Park",
        &[(-140.0, -128.0), (20.0, -128.0), (20.0, -86.0), (-60.0, -78.0), (-140.0, -84.0)],
    ),
    (
        Ground::Pond,
        "운중지",
        "Unjung Pond",
        &[
            (-92.0, -104.0),
            (-84.0, -113.0),
            (-70.0, -115.0),
            (-58.0, -108.0),
            (-56.0, -98.0),
            (-66.0, -91.0),
            (-82.0, -92.0),
        ],
    ),
    (Ground::Hill, "", "", &[(-104.0, -186.0), (38.0, -186.0), (38.0, -122.0), (-104.0, -122.0)]),
    (
        Ground::Parking,
        "판교 공영주차장",
        "Pangyo public car park",
        &[(164.0, -62.0), (214.0, -59.0), (214.0, -42.0), (164.0, -45.0)],
    ),
    (
        Ground::Gravel,
        "",
        "",
        &[(206.0, -127.0), (250.0, -124.0), (250.0, -70.0), (222.0, -58.0), (211.0, -62.0), (206.0, -76.0)],
    ),
    (
        Ground::Park,
        "판교역 광장",
        "Pangyo Station Plaza",
        &[(-126.0, 18.0), (-76.0, 20.0), (-76.0, 52.0), (-126.0, 50.0)],
    ),
];

/// A point of the plan.
pub fn v2(p: (f64, f64)) -> V2 {
    V2::new(p.0, p.1)
}
