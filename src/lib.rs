pub mod core;
pub mod disk;
pub mod limits;
pub mod model;
pub mod protocol;
