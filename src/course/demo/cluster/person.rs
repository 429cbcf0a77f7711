//! A person whose client looks for the server that leads, as clients of several servers do (protocol, section 1).

use std::time::{Duration, Instant};

use super::super::client::Client;
use super::super::stage::Stage;
use super::servers::{Answer, Servers};
use crate::protocol::Port;

/// Longest search for a server that leads.
const SEARCH: Duration = Duration::from_secs(60);

/// Pause before the next server is tried.
const PAUSE: Duration = Duration::from_millis(50);

const AWAY: &str = "✗ no connection";

pub struct Person {
    user: &'static str,
    port: Port,
    /// The server that was the last to lead.
    at: usize,
    client: Option<Client>,
}

impl Person {
    pub fn new(user: &'static str, port: Port) -> Self {
        Self { user, port, at: 0, client: None }
    }

    /// Returns the server that the person is, or was, connected to.
    pub fn server(&self) -> usize {
        self.at
    }

    /// Sends a request, under the same id, until it has a reply, and shows what happens.
    pub fn request(&mut self, stage: &mut Stage, servers: &Servers, request: &str) -> Result<String, String> {
        self.repeat(stage, servers, |client, stage| client.ask(stage, request))
    }

    /// The same with a request whose reply is a list. Returns the records.
    pub fn request_list(&mut self, stage: &mut Stage, servers: &Servers, request: &str) -> Result<Vec<String>, String> {
        self.repeat(stage, servers, |client, stage| client.request_list(stage, request))
    }

    /// Does something on a connection, and on another one if that has ended.
    fn repeat<T>(
        &mut self,
        stage: &mut Stage,
        servers: &Servers,
        action: impl Fn(&mut Client, &mut Stage) -> Result<T, String>,
    ) -> Result<T, String> {
        loop {
            let mut client = match self.client.take() {
                Some(client) => client,
                None => self.connect(stage, servers)?,
            };
            if let Ok(done) = action(&mut client, stage) {
                self.client = Some(client);
                return Ok(done);
            }
            stage.event(&format!("{:5}✗ no answer: the connection is closed", self.user));
        }
    }

    /// Tries the servers until one leads. An answer is shown when it is another one than before.
    fn connect(&mut self, stage: &mut Stage, servers: &Servers) -> Result<Client, String> {
        let mut shown = vec![String::new(); servers.len()];
        let deadline = Instant::now() + SEARCH;
        while Instant::now() < deadline {
            let answer = servers.log_in(self.at, self.user, self.port);
            let row = row(servers, &answer);
            if shown[self.at] != row {
                stage.event(&format!("{:5}→ {}: {row}", self.user, servers.name(self.at)));
                shown[self.at] = row;
            }
            self.at = match answer {
                Answer::Leads(client) => return Ok(client),
                // A server that is away is not tried again because another one still names it.
                Answer::StandsBy(Some(leader)) if shown[leader] != AWAY => leader,
                _ => (self.at + 1) % servers.len(),
            };
            stage.wait(PAUSE)?;
        }
        Err(format!("no server leads after {} s", SEARCH.as_secs()))
    }
}

fn row(servers: &Servers, answer: &Answer) -> String {
    match answer {
        Answer::Leads(_) => "OK".to_owned(),
        Answer::StandsBy(Some(leader)) => format!("KO SHUTDOWN … {} leads", servers.name(*leader)),
        Answer::StandsBy(None) => "KO SHUTDOWN … nobody leads yet".to_owned(),
        Answer::Away => AWAY.to_owned(),
    }
}
