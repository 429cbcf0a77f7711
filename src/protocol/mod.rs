//! The codec of the wire: bytes to values and back. No socket, no file and no rule of chatting is in here.
//!
//! | module | lines |
//! |---|---|
//! | [`port`] | the two ports (section 1) |
//! | [`login`] | the login line (section 3) |
//! | [`reply`] | replies, and the records of lists (sections 4 and 5) |
//! | [`request`] | the commands of both ports, as two tables (sections 5 and 6) |
//! | [`event`] | the records of a POLL reply (section 7) |
//! | [`exchange`] | which line answers which request, and what it says to an observer (section 1) |
//! | [`direct`] | the lines between two clients (section 8) |
//! | [`control`] | the administrator's requests to a running server, which are no part of the protocol |
//!
//! The rest of this page is the protocol itself, `src/protocol/protocol.md`.
//!
#![doc = include_str!("protocol.md")]

pub mod codec;
pub mod control;
pub mod direct;
pub mod event;
pub mod exchange;
pub mod login;
pub mod port;
pub mod reply;
pub mod request;

pub use codec::{Codec, ReadError};
pub use direct::{DirectLine, Hello};
pub use event::Event;
pub use login::{Login, LoginKind, VERSION};
pub use port::Port;
pub use reply::{
    Accepted, Chat, Code, CommandHelp, Device, DeviceState, Done, HistoryRecord, Ko, ListHead, LoggedIn, Member,
    NewKey, Peer, Reply, Room, SessionOpened, Status, User, parse_reply, write_list_head,
};
pub use request::{After, RecvRequest, SendRequest};
