//! The user of a client, and its server.

use std::fmt;

use crate::model::UserName;

/// One of the server's two ports (protocol, section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    Send,
    Recv,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Send { "SEND" } else { "RECV" })
    }
}

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
    /// Returns the server's name and port.
    pub fn address(&self, port: Port) -> (&str, u16) {
        (self.server.as_str(), if port == Port::Send { self.send_port } else { self.recv_port })
    }

    /// Returns the server's name for messages to people, and for the name of the files' directory.
    pub fn server_name(&self) -> String {
        format!("{}:{}", self.server, self.send_port)
    }
}
