//! Durability: power cuts, kills, faults and damage, on the simulated disk and on real ones; check, backup and
//! restore; and the checker that judges what users have seen.

#[path = "../support/mod.rs"]
mod support;

mod backup;
mod capacities;
mod check;
mod checker;
mod copies;
mod crashes;
mod damage;
mod disk;
mod faults;
mod kill;
mod log_bounds;
mod names;
mod power_cut;
mod read_only;
mod retention;
mod rooms;
mod rotation;
mod tables;
mod upgrade;
