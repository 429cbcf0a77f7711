//! The codec of the page (`record.js`) beside this one: it reads what this one writes, and writes the same bytes.

use std::net::IpAddr;

use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::json;
use wachat::protocol::reply::{OpenSession, Permit};
use wachat::protocol::{Port, write_list_head};

use super::*;
use crate::support::node;
use crate::support::random::Random;

/// Values of each form.
const VALUES: usize = 200;

struct Corpus {
    runner: TestRunner,
    lines: Vec<(String, String)>,
}

impl Corpus {
    fn value<T: std::fmt::Debug>(&mut self, strategy: impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.runner).expect("a value").current()
    }

    fn add(&mut self, form: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.lines.push((form.to_owned(), String::from_utf8(line(write)).expect("UTF-8")));
    }

    fn add_value(&mut self, form: &str, value: &impl Codec) {
        self.add(form, |out| value.write(out));
    }

    fn add_each_form(&mut self) {
        // No event says RECEIVED (protocol, section 7), though this codec reads it.
        let is_told = |event: &Event| !matches!(event, Event::State { state: State::Received, .. });
        let event = self.value(event().prop_filter("never told", is_told));
        self.add_value("event", &event);
        let send = self.value(send_request());
        self.add_value("send", &send);
        let recv = self.value(recv_request());
        self.add_value("recv", &recv);
        let ko = self.value(ko());
        self.add_value("ko", &ko);
        let fields = self.value(prop::collection::vec(text(), 1..8));
        self.add("record", |out| {
            let mut writer = Writer::new(out);
            fields.iter().for_each(|field| _ = writer.text(field));
            writer.end();
        });
        self.add_lists();
        self.add_replies();
    }

    fn add_lists(&mut self) {
        let (message, state, online) = self.value((message(), state(), any::<bool>()));
        let (user, room, target) = self.value((name(), room(), target()));
        let (first, last, at) = self.value((seq(), seq(), time()));
        let (kind, owner, topic) = self.value((room_kind(), prop::option::of(name()), topic()));
        let (device, help, address) = self.value((device(), text(), any::<IpAddr>()));
        self.add_value("list:HISTORY", &HistoryRecord::Message { message, state });
        self.add_value("list:HISTORY", &HistoryRecord::Damaged { first, last });
        self.add_value("list:STATUS", &Status { user: user.clone(), state });
        self.add_value("list:CHATS", &Chat { target, last, read: first, count: 3, erased: 2 });
        self.add_value("list:MEMBERS", &Member { name: user.clone(), online });
        self.add_value("list:USERS", &User { name: user.clone(), online, last_seen: online.then_some(at) });
        self.add_value("list:ROOMS", &Room { name: room, members: 3, member: online, kind, owner, topic });
        let port = if online { Port::Send } else { Port::Recv };
        let of_device = online.then(|| device.clone());
        self.add_value(
            "list:SESSIONS",
            &OpenSession { number: 7, port, address, since: at, this: online, device: of_device },
        );
        self.add_value("list:DEVICES", &Device { name: device, last_used: at, online, has_key: !online });
        let server = self.value(server_address());
        self.add_value("list:SERVERS", &server);
        self.add_value("list:PERMIT", &Permit { user, permitted: online });
        self.add_value("list:HELP", &CommandHelp { form: help.clone().into(), help: help.into() });
    }

    fn add_replies(&mut self) {
        let (user, id, at, seq) = self.value((name(), id(), time(), seq()));
        let (address, port, token, fingerprint) = self.value((any::<IpAddr>(), any::<u16>(), token(), fingerprint()));
        let state = self.value(prop::sample::select(vec![None, Some(DeviceState::New), Some(DeviceState::Known)]));
        self.add_value("reply:done", &Done);
        self.add_value("reply:loggedIn", &LoggedIn { user: user.clone() });
        let opened = SessionOpened { user, acknowledged: seq, store: "9f86d081884c7d65".into(), device: state };
        self.add_value("reply:opened", &opened);
        self.add_value("reply:accepted", &Accepted { id, at, seq });
        self.add_value("reply:peer", &Peer { address, port, token, fingerprint });
        self.add_value("reply:key", &NewKey { key: DeviceKey::random().expect("a key") });
        self.add("reply:list", |out| write_list_head(out, port.into()));
    }

    /// Adds lines with a few other characters in them, of which many are no record.
    fn add_mutated(&mut self) {
        const HARD: [char; 12] = [';', '"', '\\', 'n', 'r', '\t', '\u{1}', '\u{7f}', '\u{85}', 'ñ', '\u{2028}', 'a'];
        let mut random = Random::new(7);
        let lines: Vec<_> = self.lines.iter().map(|(_, line)| line.clone()).collect();
        for line in lines {
            let mut chars: Vec<_> = line.chars().collect();
            for _ in 0..=random.below(3) {
                let at = random.below(chars.len() as u64 + 1) as usize;
                let hard = HARD[random.below(HARD.len() as u64) as usize];
                if at < chars.len() && random.below(3) == 0 {
                    chars.remove(at);
                } else {
                    chars.insert(at, hard);
                }
            }
            self.lines.push(("any".to_owned(), chars.into_iter().collect()));
        }
    }
}

#[test]
fn the_page_reads_and_writes_the_same_lines() {
    let mut corpus = Corpus { runner: TestRunner::deterministic(), lines: Vec::new() };
    for _ in 0..VALUES {
        corpus.add_each_form();
    }
    for verb in ["SESSIONS", "DEVICES", "SERVERS", "PERMIT", "PING", "HELP", "QUIT"] {
        corpus.lines.push(("send".to_owned(), verb.to_owned()));
    }
    for line in ["EMAIL;ana@example.org", "EMAIL;"] {
        corpus.lines.push(("send".to_owned(), line.to_owned()));
    }
    for line in ["POLL;*", "KEY", "PING", "QUIT", "PORT;0"] {
        corpus.lines.push(("recv".to_owned(), line.to_owned()));
    }
    corpus.add_mutated();
    for line in ["LOGIN:ana:con:dos", "DEVICE:page:ana:x;\"\\", "REGISTER:María:palabra larga"] {
        corpus.lines.push(("login".to_owned(), line.to_owned()));
    }
    let described = corpus.lines.iter().map(|(form, line)| {
        let fields = Fields::parse(line.as_bytes()).ok();
        let fields: Option<Vec<_>> = fields.map(|fields| fields.iter().map(str::to_owned).collect());
        json!({ "form": form, "line": line, "fields": fields }).to_string()
    });
    node::run("codec.js", &[], &described.collect::<Vec<_>>());
}
