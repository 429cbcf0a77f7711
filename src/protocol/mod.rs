//! The codec of the wire: bytes to values and back. No socket, no file and no rule of chatting is in here.
//!
//! | module | lines |
//! |---|---|
//! | [`login`] | the login line (section 3) |
//! | [`reply`] | replies, and the records of lists (sections 4 and 5) |
//! | [`request`] | the commands of both ports, as two tables (sections 5 and 6) |
//! | [`event`] | the records of a POLL reply (section 7) |
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

/// The version of the protocol, as the reply to a login names it (protocol, section 3).
pub const VERSION: &str = "wachat/1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Send,
    Recv,
}

impl From<Port> for crate::trace::Port {
    fn from(port: Port) -> Self {
        match port {
            Port::Send => Self::Send,
            Port::Recv => Self::Recv,
        }
    }
}
