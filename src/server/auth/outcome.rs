//! The outcome of a login, which an auth thread reports to the router.

use std::sync::Arc;

use super::names::Account;
use crate::model::{DeviceName, KeyDigest, Password, UserName};
use crate::protocol::Ko;

/// Handles the refusal of a registration that was started by a LOGIN: the name was taken meanwhile (by the client's
/// other port perhaps), and the password is compared instead. An error closes the connection.
pub(crate) type Retry = Box<dyn FnOnce(Ko) -> Result<(), Ko> + Send>;

/// The device that a login line names.
pub(crate) struct LoginDevice {
    pub name: DeviceName,
    /// The digest of the key that was right; `None`: the password was.
    pub key: Option<KeyDigest>,
}

/// An account that is to be created.
pub(crate) struct PendingAccount {
    pub user: UserName,
    pub password: Password,
    pub password_hash: Arc<str>,
    /// The device that the login line names.
    pub device: Option<DeviceName>,
    /// Position of the login line among all.
    pub order: u64,
    pub retry: Retry,
}

/// Outcome of an attempt, for the router.
pub(crate) enum Outcome {
    /// The password, or the key, is right.
    LoggedIn { account: Arc<Account>, order: u64, device: Option<LoginDevice> },
    /// The account may be created.
    Register(Box<PendingAccount>),
    /// A last KO, and the connection is closed.
    Refused(Ko),
}
