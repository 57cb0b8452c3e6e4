//! Ways to travel, and sets of them.

use serde::{Deserialize, Serialize};

/// How someone travels.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By car.
    #[default]
    Car,
    /// By bicycle.
    Bicycle,
    /// On foot.
    Foot,
}

impl Mode {
    /// All of them.
    pub const ALL: [Mode; 3] = [Mode::Car, Mode::Bicycle, Mode::Foot];

    /// The name on the command line: `car`, `bicycle`, `foot`.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Car => "car",
            Mode::Bicycle => "bicycle",
            Mode::Foot => "foot",
        }
    }

    /// The mode of a name.
    pub fn from_name(name: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|m| m.name() == name)
    }
}

/// A set of modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct Modes(u8);

impl Modes {
    /// Nobody.
    pub const NONE: Modes = Modes(0);
    /// Everybody.
    pub const ALL: Modes = Modes(0b111);

    /// One mode alone.
    pub const fn only(mode: Mode) -> Modes {
        Modes(1 << mode as u8)
    }

    /// The modes for which `test` holds.
    pub fn where_(test: impl Fn(Mode) -> bool) -> Modes {
        Mode::ALL.into_iter().filter(|m| test(*m)).fold(Modes::NONE, |all, m| all.with(Modes::only(m)))
    }

    /// Whether a mode is in it.
    pub const fn has(self, mode: Mode) -> bool {
        self.0 & (1 << mode as u8) != 0
    }

    /// Whether nobody is.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Those of both.
    #[must_use]
    pub const fn with(self, other: Modes) -> Modes {
        Modes(self.0 | other.0)
    }

    /// Those of this one that are not in the other.
    #[must_use]
    pub const fn without(self, other: Modes) -> Modes {
        Modes(self.0 & !other.0)
    }

    /// Those in both.
    #[must_use]
    pub const fn and(self, other: Modes) -> Modes {
        Modes(self.0 & other.0)
    }
}
