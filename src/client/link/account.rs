//! The user of a client, and its server.

use crate::model::UserName;

/// A user at a server.
#[derive(Clone)]
pub struct Account {
    pub user: UserName,
    pub password: String,
    pub server: String,
    pub send_port: u16,
    pub recv_port: u16,
    /// A login that is refused may make the account.
    pub register: bool,
}

impl Account {
    /// Returns the server's name for messages to people, and for the name of the files' directory.
    pub fn server_name(&self) -> String {
        format!("{}:{}", self.server, self.send_port)
    }
}
