//! The account that the client logs in with.

use std::sync::Arc;

use super::device::Device;
use super::protection::Protection;
use super::servers::Servers;
use crate::client::exit::note;
use crate::model::UserName;
use crate::trace::Trace;

/// A user at a server.
#[derive(Clone)]
pub struct Account {
    pub user: UserName,
    /// Not used while the device has a key.
    pub password: String,
    /// Shared by all connections.
    pub servers: Arc<Servers>,
    /// A login that is refused may make the account.
    pub register: bool,
    /// Records every line, if there is one.
    pub trace: Option<Trace>,
    pub protection: Protection,
    /// The device that logs in; `None`: a tool, which has no name.
    pub device: Option<Arc<Device>>,
}

impl Account {
    /// Returns the server's name for messages to people, and for the name of the files' directory.
    pub fn server_name(&self) -> String {
        self.servers.name()
    }

    /// Writes to standard error, once, that the server's certificate was seen for the first time.
    pub fn note_news(&self) {
        if let Some(news) = self.protection.take_news() {
            note(&news);
        }
    }
}
