//! A server under test.

use std::net::SocketAddr;
use std::time::Duration;

use super::pattern::{PASSWORD, unique};
use crate::course::wire::{Came, Wire};

/// Longest wait for the answer that tells TLS. Another server need not answer.
const TLS_ANSWER: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct Server {
    pub send: SocketAddr,
    pub recv: SocketAddr,
    /// Longest wait for a line that has to come.
    pub patience: Duration,
    /// Number of tests that are played side by side. Most of their time is waiting.
    pub players: usize,
    /// A test that has failed beside others counts so, and is not played again alone.
    pub once: bool,
    /// The command that kills the server and starts it again.
    pub restart: Option<String>,
}

impl Server {
    /// Checks that the server takes connections, in clear text: a server under TLS fails every test, whatever it does.
    pub fn check(&self) -> Result<(), String> {
        for (address, port) in [(self.send, "SEND"), (self.recv, "RECV")] {
            let wire = Wire::open(address, self.patience).map_err(|error| {
                format!("there is no server at {address}, the {port} port: {error}; start it first")
            })?;
            if has_refused_clear_text(wire) {
                return Err(format!(
                    "the server at {address} speaks TLS, and the judge speaks clear text alone; start it without --tls"
                ));
            }
        }
        Ok(())
    }

    /// Returns whether the server has devices (protocol, section 3): one without them answers DEVICE with SYNTAX. One that
    /// does not answer is judged as if it had them, so that its tests tell.
    pub fn has_devices(&self) -> bool {
        let Ok(mut wire) = Wire::open(self.recv, self.patience) else { return true };
        wire.send(format!("DEVICE:judge:{}:{PASSWORD}\n", unique("nobody")).as_bytes());
        !matches!(wire.read(), Came::Line(line) if line.starts_with("KO;SYNTAX"))
    }

    /// Returns whether the server has permits (protocol, section 5), in the same way.
    pub fn has_permits(&self) -> bool {
        self.knows("PERMIT")
    }

    /// Returns whether the server has rooms with owners (protocol, section 5), in the same way.
    pub fn has_owners(&self) -> bool {
        self.knows("TOPIC;#judge;")
    }

    /// Returns whether the server takes messages back (protocol, section 5), in the same way.
    pub fn has_erase(&self) -> bool {
        self.knows("ERASE;judge;1")
    }

    /// Returns whether the server keeps some names from new accounts (protocol, section 3). A password that is too short makes
    /// no account: a server without such names has nothing else to say about it.
    pub fn reserves_names(&self) -> bool {
        let Ok(mut wire) = Wire::open(self.send, self.patience) else { return true };
        wire.send(b"REGISTER:wachat:-\n");
        !matches!(wire.read(), Came::Line(line) if line.starts_with("KO;PASSWORD"))
    }

    fn knows(&self, request: &str) -> bool {
        let Ok(mut wire) = Wire::open(self.send, self.patience) else { return true };
        wire.send(format!("REGISTER:{}:{PASSWORD}\n{request}\n", unique("judge")).as_bytes());
        wire.read();
        !matches!(wire.read(), Came::Line(line) if line.starts_with("KO;SYNTAX"))
    }
}

/// Returns whether the answer to a line in clear text is that of a server under TLS (protocol, section 1).
fn has_refused_clear_text(mut wire: Wire) -> bool {
    wire.send(b"QUIT\n");
    matches!(wire.read_within(TLS_ANSWER), Came::Line(line) if line.starts_with("KO;TLS;"))
}
