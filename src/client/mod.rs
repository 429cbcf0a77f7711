//! The client: `wachat connect`, and what the tools and the bridge share with it.

pub mod app;
pub mod exit;
pub mod link;
pub mod options;
pub(crate) mod owner;
pub mod p2p;
pub mod state;
pub mod terminal;
pub mod texts;

pub use exit::{Exit, Failure};
pub use options::{AccountArgs, ConnectArgs, HomeArgs, new_password};
pub use terminal::run;
