//! The requests of the administrator to a running server, through the socket `control.sock` in its data directory.
//!
//! They are not part of the wire protocol: both sides are the same program, and the socket is open to the user who runs
//! the server alone. A connection carries one request and its reply, in lines as those of the protocol (section 2):
//!
//! | request | reply |
//! |---|---|
//! | `ADD;<lobby or none>;<count>`, then as many lines `<user>;<password hash>;<email>` | `OK`: all of them exist |
//! | `PASSWD;<user>;<password hash>` | `OK`; the connections of the user are closed |
//! | `REMOVE;<user>` | `OK`; the same |
//! | `ACCOUNTS;<from>` | a list of [`Account`], from this number of the registrations on |
//! | `ROOM_REMOVE;<#room>` | `OK` |
//! | `ROOMS;<after #room or empty>` | a list of [`Room`] |
//! | `SESSIONS;<after>` | a list of [`Session`], above this number |
//! | `CLOSE;<number>` or `CLOSE;@<user>` | `OK` |
//! | `BAN;<address, network or @user>;<seconds or empty>;<reason>` | `OK`; what the ban concerns is closed |
//! | `UNBAN;<address, network or @user>` | `OK` |
//! | `BANS` | a list of [`Ban`] |
//! | `ANNOUNCE;<text>` | `OK` |
//! | `STATUS` | a list of [`Figure`] |
//! | `LOG_LEVEL;<level>` | `OK` |
//!
//! `OK` comes when the change is durable. A list has at most [`crate::limits::PAGE_RECORDS`] records (those of `BANS` and
//! `STATUS` are short): a client asks for more until a reply has fewer. A refusal is a `KO` with a code of the protocol.
//! Passwords are hashed by the command: the server never sees them.

mod request;
mod rows;

pub use request::{ControlRequest, SessionChoice};
pub use rows::{Account, Ban, Figure, Room, Session};
