//! Effects and records as text: the lines that a client reads, or that the log has.

use wachat::model::Seq;
use wachat::protocol::Reply;
use wachat::state_machine::{ConnectionId, Effect, Record};

/// Returns the lines of a reply; of a refusal the code alone, since its text is for people.
fn lines(reply: &Reply) -> String {
    let mut lines = Vec::new();
    match reply {
        Reply::Ko(ko) => lines.extend_from_slice(format!("KO;{}\n", ko.code).as_bytes()),
        reply => reply.write(&mut lines),
    }
    String::from_utf8(lines).expect("text")
}

pub fn effect(effect: Effect, last: u64) -> (u64, String) {
    match effect {
        Effect::Reply(ConnectionId(to), reply) => (to, lines(&reply)),
        Effect::Events { to: ConnectionId(to), delivery, depends_on } => {
            assert!(delivery.filed.is_empty() && depends_on.get() <= last, "{delivery:?}");
            assert!(delivery.events.iter().all(|event| event.seq() <= depends_on), "{delivery:?}");
            (to, lines(&Reply::Events(delivery.events)))
        }
        Effect::Close(ConnectionId(to), code) => (to, format!("closed: {code}")),
        Effect::Password { name, password_hash, by: ConnectionId(by), address, .. } => {
            let asked = address.map_or(String::new(), |address| format!(" at {address}"));
            (by, format!("password of {name}: {password_hash}{asked}"))
        }
        Effect::Excerpt(ConnectionId(to), excerpt) => {
            let number = excerpt.rows.last().map_or(0, |row| row.seq.get());
            let statuses = excerpt.statuses.iter().map(|status| format!("{};{}\n", status.user, status.state));
            (to, format!("{number} of {}\n{}", excerpt.me, statuses.collect::<String>()))
        }
        other => panic!("{other:?}"),
    }
}

pub fn record(last: Seq, record: &Record) -> String {
    if let Record::Acknowledged { users, at } = record {
        let number = |user| format!("{user:?}").replace("AccountNumber(", "").replace(')', "");
        let users: Vec<_> = users.iter().map(|one| format!("{}:{}", one.upto, number(one.user))).collect();
        return format!("{last};ACK;{at};{}", users.join(";"));
    }
    let mut line = Vec::new();
    record.write(last, &mut line);
    String::from_utf8(line).expect("text").trim_end().to_owned()
}
