//! Durability: power cuts, kills, faults and damage, on the simulated disk and on real ones; check, backup and
//! restore; and the checker that judges what users have seen.

mod backup;
mod capacities;
mod check;
pub mod checker;
mod copies;
mod crashes;
mod cross_check;
mod damage;
mod disk;
mod erasing;
mod faults;
mod history_count;
mod kill;
mod life;
mod log_bounds;
mod long_tables;
mod many_conversations;
mod names;
mod numbering;
mod power_cut;
mod read_only;
mod real_disk;
mod report;
mod retention;
mod rooms;
mod rotation;
mod table_fields;
mod tables;
mod trusted_places;
mod upgrade;
