pub mod core;
pub mod disk;
pub mod journal;
pub mod limits;
pub mod model;
pub mod net;
pub mod protocol;
pub mod store;
