//! A line of the client, and what it asks for.

use crate::protocol::{Login, LoginKind, Port, exchange};
use crate::record::{Fields, Writer};

/// The request in a line.
#[derive(Clone, Debug)]
pub enum Asked {
    Login,
    Request(exchange::Request),
    /// It is no request of this port, and why.
    Nothing(String),
}

#[derive(Clone, Debug)]
pub struct Request {
    pub asked: Asked,
    /// The verb in capital letters: LOGIN, SEND, POLL. A REGISTER counts as LOGIN, and a KEY that logs in as DEVICE.
    ///
    /// No step is about DEVICE: a client that tries it first finds out that the small server has no devices.
    pub verb: String,
    /// The line with quotes and escapes where they are needed, and nowhere else, so that steps can be compared with it. A
    /// POLL has only its number.
    pub plain: String,
    pub line: Vec<u8>,
}

impl Request {
    /// Reads a line. `first`: the first of its connection.
    pub fn parse(port: Port, first: bool, line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line).into_owned();
        if first {
            let names_device = Login::parse(line).is_some_and(|login| login.kind.names_device());
            let verb = if names_device { LoginKind::Device.verb() } else { LoginKind::Login.verb() };
            return Self { asked: Asked::Login, verb: verb.to_owned(), plain: text, line: line.to_vec() };
        }
        let asked = exchange::Request::parse(port, line);
        let fields = Fields::parse(line);
        let verb = fields.as_ref().ok().and_then(|fields| fields.get(0)).or_else(|| text.split(';').next());
        let verb = verb.unwrap_or_default().to_uppercase();
        let plain = fields.map_or(text, |fields| plain(&verb, &fields));
        Self {
            asked: asked.map_or_else(|why| Asked::Nothing(why.to_string()), Asked::Request),
            verb,
            plain,
            line: line.to_vec(),
        }
    }
}

fn plain(verb: &str, fields: &Fields) -> String {
    let mut out = Vec::new();
    let mut record = Writer::new(&mut out);
    let length = if verb == "POLL" { 2 } else { fields.len() };
    record.text(verb);
    fields.iter().take(length).skip(1).for_each(|field| _ = record.text(field));
    String::from_utf8_lossy(&out).into_owned()
}
