//! Values that are valid once built: code that holds one need not check it again.

mod account;
mod ban;
pub mod cell;
mod device;
pub mod digest;
mod fingerprint;
mod id;
pub mod look;
mod message;
mod name;
mod room;
pub mod safe;
mod secret;
mod server_address;
mod time;

pub use account::NewAccount;
pub use ban::{Banned, Network, ShortText};
pub use device::{DeviceKey, DeviceName, KeyDigest};
pub use fingerprint::{Fingerprint, Proof};
pub use id::{MessageId, Seq};
pub use message::{Message, State, Text};
pub use name::{NameError, NoSuchTarget, RoomName, Target, UserName};
pub use room::{RoomKind, Topic};
pub use secret::{Email, Password, PasswordError, Token};
pub use server_address::ServerAddress;
pub use time::{LocalTime, Timestamp};
