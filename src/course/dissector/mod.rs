//! `wachat dissector`: a dissector of the protocol for Wireshark, in Lua. Its tables are made of those that the parser
//! uses: requests, events and codes.

use crate::limits;
use crate::protocol::event::EVENTS;
use crate::protocol::request::{RECV_COMMANDS, SEND_COMMANDS};
use crate::protocol::{Code, LoginKind};

/// The program, with `@NAME@` instead of each table.
const PROGRAM: &str = include_str!("wachat.lua");

/// Returns the dissector for servers on these ports.
pub fn program(send_port: u16, recv_port: u16) -> String {
    let send = SEND_COMMANDS.iter().map(|command| command.form);
    let mut requests: Vec<_> = send.chain(RECV_COMMANDS.iter().map(|command| command.form)).map(names).collect();
    requests.sort_unstable();
    requests.dedup();
    let events = EVENTS.iter().map(|event| names(event.form.split_once(';').map_or("", |(_, form)| form))).collect();
    let codes = Code::all().map(|code| format!("  {code} = \"{}\",", code.text())).collect();
    let logins = LoginKind::ALL.map(|kind| format!("  {} = {},", kind.verb(), kind.fields())).to_vec();
    let replaced = [("@REQUESTS@", requests), ("@EVENTS@", events), ("@CODES@", codes), ("@LOGINS@", logins)];
    let program = replaced
        .into_iter()
        .fold(PROGRAM.to_owned(), |program, (place, rows): (_, Vec<String>)| program.replace(place, &rows.join("\n")));
    let program = program.replace("@KEY_CHARACTERS@", &limits::DEVICE_KEY_BYTES.to_string());
    program.replace("@SEND_PORT@", &send_port.to_string()).replace("@RECV_PORT@", &recv_port.to_string())
}

/// Returns the row of a form: `  READ = { "user or #room", "seq" },` for `READ;<user or #room>;<seq>`.
fn names(form: &str) -> String {
    let mut parts = form.split([';', '[', ']']).filter(|part| !part.is_empty());
    let word = parts.next().unwrap_or_default();
    let names: Vec<_> = parts.map(|part| format!("\"{}\"", part.trim_matches(['<', '>']))).collect();
    format!("  {word} = {{ {} }},", names.join(", "))
}
