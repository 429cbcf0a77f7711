//! Administration: the socket for the commands (`control`), the command of the state machine that each becomes (`plan`),
//! a store without a server (`offline`), and the level of the log (`log_level`).

pub(crate) mod control;
pub(crate) mod log_level;
pub(crate) mod offline;
pub(crate) mod plan;
