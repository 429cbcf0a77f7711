//! Requests (protocol, sections 5 and 6). Each port has one table of its commands, from which the parser, the reply to
//! HELP and the tests are made.

mod command;
mod cost;
mod fields;
mod list;
mod recv;
mod send;

pub use command::{Command, ReplyForm, RequestError};
pub use cost::INVALID_COST;
pub use fields::{Page, RequestedTarget};
pub use list::ListRequest;
pub use recv::{After, RECV_COMMANDS, RecvRequest};
pub use send::{LogOut, SEND_COMMANDS, SendRequest};
