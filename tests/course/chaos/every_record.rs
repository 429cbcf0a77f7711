//! Which records a rule applies to: each rule that is drawn from the grammar, over a conversation that has records of
//! every kind, user, port and direction, beside a model that knows the page alone.

use std::net::{Ipv4Addr, SocketAddr};

use crossbeam_channel::unbounded;
use wachat::course::chaos::{Config, Notice, Proxy, Random, Source, parse};

use crate::course::judging::small_server::SmallServer;
use crate::support::Connection;

/// A record of the conversation, as rules see it.
#[derive(Clone, Debug)]
struct Record {
    user: &'static str,
    port: &'static str,
    connection: u64,
    to: &'static str,
    line: u64,
    kind: &'static str,
    words: Vec<&'static str>,
}

/// Requests, each with the first line of its reply and the records after it: kind and words of each.
type Exchange = (&'static str, &'static str, &'static [(&'static str, &'static [&'static str])]);

const SEND: &[Exchange] = &[
    ("PING", "OK", &[("reply", &["OK", "PING"])]),
    ("SEND;m-1;luis;hola", "OK;m-1;RECEIVED;2026-11-20T23:55:00.123Z;1", &[("reply", &["OK", "SEND"])]),
    ("SEND;m-2;luis;hola", "KO;QUOTA;too much", &[("reply", &["KO", "QUOTA", "SEND"])]),
    (
        "HISTORY;luis",
        "OK;2\n1;m-1;ana;luis;at;READ;hola\n3;MSG;x",
        &[("reply", &["OK", "HISTORY"]), ("row", &["HISTORY"]), ("row", &["HISTORY"])],
    ),
    ("send;m-3;luis;hola", "OK;m-3;RECEIVED;2026-11-20T23:55:00.123Z;2", &[("reply", &["OK", "SEND"])]),
];

const RECV: &[Exchange] = &[
    (
        "POLL;0",
        "OK;3\n1;MSG;m-1;ana;luis;at;hola\n2;STATE;ana;READ;1;at\n3;MSG;m-2;eva;luis;at;OK",
        &[
            ("reply", &["OK", "POLL"]),
            ("event", &["MSG", "POLL"]),
            ("event", &["STATE", "POLL"]),
            ("event", &["MSG", "POLL"]),
        ],
    ),
    ("PING", "OK", &[("reply", &["OK", "PING"])]),
    ("POLL;3", "OK;0", &[("reply", &["OK", "POLL"])]),
    ("POLL;9", "KO;SEQ;no", &[("reply", &["KO", "SEQ", "POLL"])]),
];

const CONNECTIONS: [(&str, &str, u64, &[Exchange]); 5] = [
    ("ana", "SEND", 1, SEND),
    ("luis", "RECV", 1, RECV),
    ("luis", "SEND", 1, SEND),
    ("ana", "SEND", 2, SEND),
    ("ana", "RECV", 1, RECV),
];

/// Returns the records of the conversation, in order.
fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for (user, port, connection, exchanges) in CONNECTIONS {
        let mut replies = 0;
        let login: Exchange = ("LOGIN", "", &[("reply", &["OK", "LOGIN"])]);
        for (line, (request, _, answers)) in (1..).zip([&[login], exchanges].concat()) {
            let verb = ["PING", "SEND", "HISTORY", "POLL", "LOGIN"].into_iter();
            let words = verb.filter(|verb| request.to_uppercase().starts_with(verb)).collect();
            records.push(Record { user, port, connection, to: "server", line, kind: "request", words });
            for (kind, words) in answers {
                replies += 1;
                records.push(Record {
                    user,
                    port,
                    connection,
                    to: "client",
                    line: replies,
                    kind,
                    words: words.to_vec(),
                });
            }
        }
    }
    records
}

/// Plays the conversation through a proxy with a rule; returns the records that it applied to.
fn play(server: &SmallServer, rule: &str) -> Vec<String> {
    let (notices, noticed) = unbounded();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let rules = vec![parse(rule).unwrap_or_else(|error| panic!("{error}"))];
    let source = Source::Rules { rules, seed: 1 };
    let config = Config { listen: [any; 2], server: server.addresses, source, log: None, trace: None, notices };
    let proxy = Proxy::start(config).expect("a proxy");
    for (user, port, _, exchanges) in CONNECTIONS {
        let address = proxy.addresses()[usize::from(port == "RECV")];
        let (_, mut connection) = Connection::open_with(address, &format!("LOGIN:{user}:x"));
        for (request, reply, _) in exchanges {
            connection.send(format!("{request}\n"));
            reply.lines().for_each(|line| assert_eq!(connection.read_line(), line, "{rule}"));
        }
    }
    assert_eq!(proxy.summary().connections, 5);
    drop(proxy);
    let shown = |notice| match notice {
        Notice::Decided(decision) => {
            let connection = &decision.connection;
            let user = connection.user.as_ref().map_or("-", |user| user.shown());
            let port = connection.port;
            let number = connection.number;
            let way = decision.way;
            let line = decision.line;
            format!("{user} {port}{number} {way} {line} {}", decision.record)
        }
        Notice::Trouble(trouble) => panic!("{trouble}"),
    };
    noticed.try_iter().map(shown).collect()
}

/// The restrictions of a rule.
#[derive(Debug, Default)]
struct Drawn {
    words: Vec<&'static str>,
    kind: Option<&'static str>,
    user: Option<&'static str>,
    port: Option<&'static str>,
    to: Option<&'static str>,
    count: Option<(&'static str, u64)>,
}

impl Drawn {
    fn draw(random: &mut Random) -> Self {
        let mut pick = |of: &[&'static str], chance| {
            random.chance(chance).then(|| of[usize::try_from(random.below(of.len() as u64)).unwrap()])
        };
        let words = [
            pick(&["SEND", "PING", "POLL", "HISTORY", "LOGIN"], 40),
            pick(&["OK", "KO", "QUOTA", "SEQ"], 25),
            pick(&["MSG", "STATE"], 15),
        ];
        let kind = pick(&["request", "reply", "event", "row"], 35);
        let user = pick(&["ana", "luis", "eva"], 30);
        let port = pick(&["SEND", "RECV"], 25);
        let to = pick(&["server", "client"], 25);
        let count = pick(&["only", "first", "every"], 60).map(|how| (how, 1 + random.below(4)));
        Self { words: words.into_iter().flatten().collect(), kind, user, port, to, count }
    }

    fn rule(&self) -> String {
        let mut rule = "delay".to_owned();
        match self.count {
            Some(("only", number)) => rule += &format!(" the {number}."),
            Some((how, number)) => rule += &format!(" {how} {number}"),
            None => {}
        }
        let rule = rule.replace('.', "");
        let kind = self.kind.map(|kind| format!(" {kind}")).unwrap_or_default();
        let port = self.port.map(|port| format!(" on {port}")).unwrap_or_default();
        let user = self.user.map(|user| format!(" of user {user}")).unwrap_or_default();
        let to = self.to.map(|to| format!(" to the {to}")).unwrap_or_default();
        let words: String = self.words.iter().map(|word| format!(" {word}")).collect();
        format!("{rule}{words}{kind}{user}{port}{to} by 0 ms")
    }

    /// A word alone means replies if it is OK, KO or a code, events if it is one, and requests if it is a verb.
    fn kind(&self) -> Option<&'static str> {
        let has = |words: &[&str]| self.words.iter().any(|word| words.contains(word));
        let usual = match () {
            () if has(&["OK", "KO", "QUOTA", "SEQ"]) => Some("reply"),
            () if has(&["MSG", "STATE"]) => Some("event"),
            () if !self.words.is_empty() => Some("request"),
            () => None,
        };
        self.kind.or(usual)
    }

    fn fits(&self, record: &Record) -> bool {
        self.kind().is_none_or(|kind| kind == record.kind)
            && self.user.is_none_or(|user| user == record.user)
            && self.port.is_none_or(|port| port == record.port)
            && self.to.is_none_or(|to| to == record.to)
            && self.words.iter().all(|word| record.words.contains(word))
    }

    /// Returns the records that the rule applies to.
    fn expected(&self) -> Vec<String> {
        let all = records();
        let fitting = all.iter().filter(|record| self.fits(record)).zip(1..);
        let counted = fitting.filter(|(_, number)| match self.count {
            None => true,
            Some(("only", wanted)) => *number == wanted,
            Some(("first", most)) => *number <= most,
            Some((_, step)) => number % step == 0,
        });
        let shown = |record: &Record| {
            let Record { user, port, connection, to, line, kind, words } = record;
            format!("{user} {port}{connection} to the {to} {line} {} {kind}", words.join(" "))
        };
        counted.map(|(record, _)| shown(record)).collect()
    }
}

/// A server that answers as the conversation has it.
fn server() -> SmallServer {
    SmallServer::but(|asked, answer| {
        answer.ends = false;
        if asked.text.starts_with("LOGIN") {
            return answer.say(&format!("OK;{};wachat/1", asked.text.split(':').nth(1).unwrap_or_default()));
        }
        let exchange = SEND.iter().chain(RECV).find(|(request, ..)| *request == asked.text).expect("a request");
        answer.say(exchange.1);
    })
}

#[test]
fn a_rule_applies_to_the_records_that_it_names_and_to_no_others() {
    let server = server();
    let random = &mut Random::of(7, std::iter::empty());
    let mut applied = 0;
    for _ in 0..150 {
        let drawn = Drawn::draw(random);
        let rule = drawn.rule();
        let expected = drawn.expected();
        assert_eq!(play(&server, &rule), expected, "{rule}");
        applied += usize::from(!expected.is_empty());
    }
    assert!(applied > 60, "{applied}");
}

#[test]
fn a_chance_of_all_or_nothing_is_one() {
    let server = server();
    let all = Drawn { words: vec!["SEND"], ..Drawn::default() };
    assert_eq!(play(&server, "delay 100% of the SEND requests by 0 ms"), all.expected());
    assert_eq!(play(&server, "delay 0% of the SEND requests by 0 ms"), [] as [String; 0]);
    let some = play(&server, "delay 50% of the records by 0 ms");
    assert_eq!(play(&server, "delay 50% of the records by 0 ms"), some, "the same with the same seed");
    let every = Drawn::default().expected();
    assert!(some.len() > every.len() / 4 && some.len() < 3 * every.len() / 4, "{} of {}", some.len(), every.len());
}
