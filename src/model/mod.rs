//! Values that cannot be wrong once built: whoever holds one need not check it again.

mod id;
mod message;
mod name;
mod secret;
mod text;
mod time;

pub use id::{MessageId, Seq};
pub use message::{Message, State};
pub use name::{NameError, NoSuchPlace, Place, RoomName, UserName};
pub use secret::{Email, Password, PasswordError, Token};
pub use text::{Text, is_printable_ascii, length_in_record};
pub use time::Timestamp;
