//! In the place of `src/disk/simulated`: the disk that loses power, and breaks its rules if told to.

#[path = "../../src/disk/simulated/mod.rs"]
mod real;

use super::{Disk, File};
use crate::planted::disk::Planted;

pub use real::Fault;

pub type SimulatedDisk = Planted<real::SimulatedDisk>;

impl SimulatedDisk {
    pub fn after_power_cut(&self, keep: impl FnMut() -> bool) -> Self {
        Self::new(real::SimulatedDisk::after_power_cut(self, keep))
    }
}
