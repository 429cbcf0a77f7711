//! Bytes to values and back, and nothing else: no socket, no file, no rule of chatting.
//!
//! What follows is the protocol itself; the modules below are its sections in code.
//!
#![doc = include_str!("protocol.md")]

pub mod codec;
pub mod direct;
pub mod event;
pub mod login;
pub mod reply;
pub mod request;

pub use codec::{Codec, ReadError};
pub use direct::{DirectLine, Hello};
pub use event::Event;
pub use login::{Login, LoginKind};
pub use reply::{
    Accepted, Chat, Code, CommandHelp, Done, HistoryRecord, Ko, ListHead, LoggedIn, Member, Peer, Reply, Room,
    SessionOpened, Status, User, parse_reply, write_list_head,
};
pub use request::{After, RecvRequest, SendRequest};

/// What the server calls this version of the protocol in a login's reply (protocol, section 3).
pub const VERSION: &str = "wachat/1";
