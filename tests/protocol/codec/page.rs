//! The protocol page says what the program does: its grammar, its limits, its codes and its examples are those of the
//! codec.

use std::collections::BTreeSet;
use std::path::Path;

use super::abnf::Grammar;
use super::*;
use wachat::limits;
use wachat::protocol::Port;
use wachat::protocol::event::EVENTS;
use wachat::protocol::request::{INVALID_COST, RECV_COMMANDS, SEND_COMMANDS};

const PAGE: &str = include_str!("../../../src/protocol/protocol.md");

/// Rules that no other rule refers to: whole lines, and the inputs of the two ports.
const ROOTS: &[&str] = &["send-input", "recv-input", "record", "hello", "direct-line", "event"];

/// A rule for a line, and the code that reads such a line and writes it again.
type LineRule = (&'static str, fn(&str) -> Option<String>);

const LINES: &[LineRule] = &[
    ("ok", again::<Done>),
    ("ko", again::<Ko>),
    ("session-opened", again::<SessionOpened>),
    ("logged-in", again::<LoggedIn>),
    ("accepted", again::<Accepted>),
    ("peer-reply", again::<Peer>),
    ("list-head", again::<ListHead>),
    ("status-record", again::<Status>),
    ("history-record", again::<HistoryRecord>),
    ("chats-record", again::<Chat>),
    ("users-record", again::<User>),
    ("rooms-record", again::<Room>),
    ("members-record", again::<Member>),
    ("sessions-record", again::<OpenSession>),
    ("devices-record", again::<Device>),
    ("permit-record", again::<Permit>),
    ("servers-record", again::<ServerAddress>),
    ("key-reply", again::<NewKey>),
    ("event", again::<Event>),
    ("login", |line| {
        let login = Login::parse(line.as_bytes())?;
        written(|out| login.write(out))
    }),
    ("send-request", |line| {
        let request = SendRequest::parse(line.as_bytes()).ok()?;
        written(|out| request.write(out))
    }),
    ("recv-request", |line| {
        let request = RecvRequest::parse(line.as_bytes()).ok()?;
        written(|out| request.write(out))
    }),
    ("hello", |line| {
        let hello = Hello::parse(line.as_bytes())?;
        written(|out| hello.write(out))
    }),
    ("direct-line", |line| {
        let direct = DirectLine::parse(line.as_bytes()).ok()?;
        written(|out| direct.write(out))
    }),
];

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Option<String> {
    String::from_utf8(line(write)).ok()
}

/// Returns the line as the codec writes it after it has read it.
fn again<T: Codec>(text: &str) -> Option<String> {
    let value = T::parse(text.as_bytes()).ok()?;
    written(|out| value.write(out))
}

/// Returns the code blocks of a kind.
fn blocks(kind: &str) -> Vec<&'static str> {
    let fence = format!("```{kind}\n");
    PAGE.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

fn grammar() -> Grammar {
    Grammar::parse(&blocks("abnf").concat())
}

/// Returns a number as the page writes it: `10,000`.
fn number(n: u64) -> String {
    if n < 10_000 { n.to_string() } else { format!("{},{:03}", n / 1_000, n % 1_000) }
}

/// Returns the lines that a block shows: transcripts (`C: `, `S: `) and arrows of sequence diagrams.
fn examples(block: &'static str) -> Vec<&'static str> {
    let shown = |cell: &'static str| {
        let cell = cell.trim();
        let transcript = cell.strip_prefix("C: ").or(cell.strip_prefix("S: "));
        let arrow = cell.strip_prefix("-- ").or(cell.strip_prefix("<- "));
        transcript.or(arrow.map(|text| text.trim_end_matches(['-', '>']).trim_end()))
    };
    block.lines().flat_map(|line| line.split('|')).filter_map(shown).collect()
}

#[test]
fn its_lines_have_at_most_110_characters() {
    // A row of a table is one line.
    for (n, line) in (1..).zip(PAGE.lines()).filter(|(_, line)| !line.starts_with("| ")) {
        assert!(line.chars().count() <= 110, "line {n} has {}", line.chars().count());
    }
}

#[test]
fn every_rule_is_defined_and_used() {
    let grammar = grammar();
    let defined: BTreeSet<_> = grammar.rules.keys().cloned().collect();
    let used = grammar.references();
    assert_eq!(used.difference(&defined).collect::<Vec<_>>(), [""; 0], "not defined");
    let core = ["ALPHA", "DIGIT", "HEXDIG", "DQUOTE", "HTAB", "CR", "LF"];
    let lines: BTreeSet<_> = LINES.iter().map(|(rule, _)| rule.to_string()).collect();
    let unused = defined.difference(&used).filter(|rule| !core.contains(&rule.as_str()) && !lines.contains(*rule));
    let unused: Vec<_> = unused.filter(|rule| !ROOTS.contains(&rule.as_str())).collect();
    assert_eq!(unused, ["help-record"], "not used");
}

#[test]
fn its_commands_and_codes_are_those_of_the_tables() {
    let grammar = grammar();
    let send: BTreeSet<_> = SEND_COMMANDS.iter().map(|command| command.verb().to_owned()).collect();
    let recv: BTreeSet<_> = RECV_COMMANDS.iter().map(|command| command.verb().to_owned()).collect();
    let codes: BTreeSet<_> = Code::all().map(|code| code.to_string()).collect();
    assert_eq!(grammar.first_literals("send-request"), send);
    assert_eq!(grammar.first_literals("recv-request"), recv);
    assert_eq!(grammar.first_literals("code"), codes);
    let section_4 = PAGE.split("\n## ").find(|section| section.starts_with("4. ")).expect("section 4");
    let rows: Vec<_> = section_4.lines().filter(|line| line.starts_with("| ")).collect();
    for code in Code::all() {
        let row = rows.iter().find(|row| row.split([' ', ',']).any(|word| word == code.to_string()));
        let row = row.unwrap_or_else(|| panic!("{code} is in no row of the table"));
        let to_login = matches!(code, Code::Closed | Code::Exists | Code::Tls);
        assert_eq!(row.ends_with("| closed |"), code.closes() || to_login, "{row}");
    }
}

#[test]
fn its_tables_of_requests_and_events_are_those_of_the_parser() {
    let table = |head: &str, rows: Vec<(&str, &str)>| {
        let rows: String = rows.iter().map(|(form, help)| format!("| `{form}` | {help} |\n")).collect();
        format!("| {head} |\n|---|---|\n{rows}\n")
    };
    let send = SEND_COMMANDS.iter().map(|command| (command.form, command.help)).collect();
    let recv = RECV_COMMANDS.iter().map(|command| (command.form, command.help)).collect();
    let events = EVENTS.iter().map(|event| (event.form, event.help)).collect();
    for (section, wanted) in [
        ("5. The SEND port", table("request | purpose", send)),
        ("6. The RECV port", table("request | purpose", recv)),
        ("7. Events, states and rooms", table("event | meaning", events)),
    ] {
        let begin = format!("## {section}\n\n{wanted}");
        assert!(PAGE.contains(&begin), "section {section} should begin with\n{wanted}");
    }
}

#[test]
fn its_numbers_are_the_limits_of_the_program() {
    let page = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    let timeout = limits::TIMEOUT.as_secs();
    let least = limits::TIMEOUT_SECONDS.start();
    let most = limits::TIMEOUT_SECONDS.end();
    let first = limits::DIRECT_PORTS.start();
    let last = limits::DIRECT_PORTS.end();
    for phrase in [
        format!("The time-out is {timeout} seconds (`serve --timeout`, {least} to {most})"),
        format!("{} in all, {} from one address", number(limits::CONNECTIONS as u64), limits::CONNECTIONS_PER_ADDRESS),
        format!("a quarter of all and {} from one address that have not", limits::STRANGERS_PER_ADDRESS),
        format!(
            "at most {} passwords that wait, and {} that wait after failures",
            limits::AUTH_QUEUE_PER_ADDRESS,
            limits::AUTH_ASIDE_PER_ADDRESS
        ),
        format!("A login line has at most {} bytes, LF included", number(limits::LOGIN_BYTES as u64)),
        format!(
            "After {} logins with a wrong password for a name, an address waits before the next password of it for that \
             name is verified, after {} before that for any name: {} second, and twice as long after each further \
             failure, up to {} seconds",
            limits::FAILURES_PER_NAME,
            limits::FAILURES_PER_ADDRESS,
            limits::FAILURE_WAIT.as_secs(),
            limits::MAX_FAILURE_WAIT.as_secs(),
        ),
        format!("at most {} bytes, LF included", number(limits::LINE_BYTES as u64)),
        format!("has 0 to {} bytes", number(limits::TEXT_BYTES as u64)),
        format!("fewer than {} characters", limits::PASSWORD_CHARS),
        format!("of 1 to {} code points", limits::NAME_CHARS),
        format!("under about {} KiB", limits::REPLY_BYTES >> 10),
        format!("1 to {}, default {} before", limits::MAX_HISTORY_RECORDS, limits::HISTORY_RECORDS),
        format!("1 to {}, default {} port-command", limits::MAX_POLL_EVENTS, limits::POLL_EVENTS),
        format!("id = 1*{}(", limits::ID_BYTES),
        format!("newest {} ids", limits::REMEMBERED_IDS),
        format!("One gets {} tokens a second (`serve --rate`, at least {};", limits::RATE, limits::MIN_RATE),
        format!("the other {} bytes (`serve --rate-bytes`, at least {};", limits::RATE_BYTES, limits::MIN_RATE_BYTES),
        format!("what comes in {} seconds, and is full", limits::RATE_BURST.as_secs()),
        format!("the RECV port | a token for each whole {} KiB |", limits::POLL_TOKEN_BYTES >> 10),
        format!("a token for each whole {} events", limits::POLL_TOKEN_EVENTS),
        format!("for each whole {} rooms of the user", limits::TOKEN_ROOMS),
        format!("one for each whole {} whom the server looks at", limits::TOKEN_ROOMS),
        format!("each whole {} KiB; a read counts", limits::READ_TOKEN_BYTES >> 10),
        format!("a read counts as {} KiB at least", limits::MIN_READ_BYTES >> 10),
        format!("that is let in | {} tokens", limits::SESSION_TOKENS),
        format!("debt, of at most {} seconds", limits::RATE_DEBT.as_secs()),
        format!("the server waits for {} milliseconds", limits::RATE_PAUSE.as_millis()),
        format!("at {} rooms of one user or {} of the server", limits::ROOMS_PER_USER, limits::ROOMS),
        format!("and {} exist that the user has created", limits::ROOMS_PER_CREATOR),
        format!("at most {} bytes; an empty field removes it", limits::EMAIL_BYTES),
        format!("seconds, 0 to {0}, default {0}", timeout - limits::POLL_MARGIN.as_secs()),
        format!("at most {}, each with its host, its two ports", limits::SERVERS),
        format!("durable within {} milliseconds", limits::COMMIT_DELAY.as_millis()),
        format!("At most {} are permitted or refused", limits::PERMITS),
        format!("of at most {} callers an hour", limits::TOLD_CALLS_PER_CALLEE),
        format!("at most {} an hour are told", number(limits::TOLD_CALLS as u64)),
        format!("most the newest {} of a user's direct conversations", number(limits::ERASED_EVENTS as u64)),
        format!("while {} messages of a conversation", number(limits::UNFILED_ERASURES as u64)),
        format!("or {} of the server", number(limits::ALL_UNFILED_ERASURES as u64)),
        format!("At most {} wait in a session", limits::TRANSIENT_EVENTS),
        format!("a room of at most {} members", limits::ROOM_PRESENCE),
        format!("At most {} direct messages wait for a user, and at most {}", limits::QUEUE, limits::QUEUE_PER_SENDER),
        format!(
            "at most {} MiB, those from one sender at most {} MiB",
            limits::QUEUE_MIB,
            limits::QUEUE_MIB_PER_SENDER
        ),
        format!(
            "at most {} MiB a day, and all users together in one room at most {} times as many",
            limits::MIB_PER_DAY,
            limits::ROOM_DAY_FACTOR,
        ),
        format!("the last {} messages of a room", limits::ROOM_BACKLOG),
        format!("At most {} connections of one user", limits::CONNECTIONS_PER_USER),
        format!("less than {} bytes a second", limits::REPLY_RATE),
        format!("1 to {0}, default {0} accepted", limits::PAGE_RECORDS),
        format!("port of {first} to {last}"),
        format!("valid for {} seconds", limits::TOKEN_LIFE.as_secs()),
    ] {
        let without_commas = page.replace(',', "");
        assert!(without_commas.contains(&phrase.replace(',', "")), "the page does not say: {phrase}");
    }
    assert_eq!(limits::SEQ_END, 1 << 53);
}

/// Returns the tokens that the table of section 4 has for a verb.
fn tokens(verb: &str) -> u32 {
    let (_, rest) = PAGE.split_once("\n| tokens | requests |\n").expect("the table");
    let rows = rest.lines().skip(1).take_while(|line| line.starts_with("| "));
    let cells = rows.filter_map(|line| line.trim_matches(['|', ' ']).split_once(" | "));
    let words = |requests: &'static str| requests.split([' ', ',', ';']);
    let found: Vec<_> = cells.filter(|(_, requests)| words(requests).any(|word| word == verb)).collect();
    assert_eq!(found.len(), 1, "{verb} is in {found:?}");
    found[0].0.parse().expect("a number")
}

#[test]
fn its_costs_are_those_of_the_requests() {
    let name = |verb| match verb {
        "STATUS" | "READ" | "ERASE" => "STATUS;ana;1".replace("STATUS", verb),
        "SEND" => "SEND;m-1;ana;hola".to_owned(),
        "HISTORY" | "PEER" => format!("{verb};ana"),
        "JOIN" | "LEAVE" | "MEMBERS" => format!("{verb};#sala"),
        "PASSWD" => "PASSWD;palabra larga;otra palabra".to_owned(),
        "LOGOUT" => "LOGOUT;others".to_owned(),
        "POLL" | "PORT" => format!("{verb};0"),
        "EMAIL" => "EMAIL;".to_owned(),
        "ROOM" | "TOPIC" => format!("{verb};#sala;open"),
        "INVITE" | "KICK" | "OWNER" => format!("{verb};#sala;ana"),
        verb => verb.to_owned(),
    };
    for verb in SEND_COMMANDS.iter().map(|command| command.verb()) {
        assert_eq!(SendRequest::parse(name(verb).as_bytes()).expect(verb).cost(), tokens(verb), "{verb}");
    }
    for verb in RECV_COMMANDS.iter().map(|command| command.verb()) {
        assert_eq!(RecvRequest::parse(name(verb).as_bytes()).expect(verb).cost(), tokens(verb), "{verb}");
    }
    assert_eq!(INVALID_COST, tokens("line"));
}

#[test]
fn every_example_is_a_line_of_its_grammar_and_of_the_codec() {
    let grammar = grammar();
    let lines: Vec<_> = blocks("text").into_iter().flat_map(examples).collect();
    assert!(lines.len() > 40, "only {} examples were found", lines.len());
    for line in lines {
        let known = |(rule, again): &LineRule| grammar.matches(rule, line) && again(line).as_deref() == Some(line);
        assert!(LINES.iter().any(known), "{line}");
    }
}

#[test]
fn a_list_in_an_example_has_as_many_records_as_it_says() {
    for block in blocks("text").into_iter().filter(|block| block.starts_with("C: ")) {
        let mut lines = block.lines();
        while let Some(line) = lines.next() {
            if let Ok(ListHead { count }) = ListHead::parse(line.trim_start_matches("S: ").as_bytes()) {
                assert!(
                    lines.by_ref().take(count).filter(|record| record.starts_with("S: ")).count() == count,
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn the_sections_that_the_source_refers_to_exist() {
    let mut found = 0;
    for file in sources(Path::new("src")) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        // A report of the judge has the number in its place.
        for reference in text.split("protocol, section ").skip(1).filter(|reference| !reference.starts_with('{')) {
            let section: String = reference.chars().take_while(char::is_ascii_digit).collect();
            assert!(PAGE.contains(&format!("\n## {section}. ")), "{}: section {section}", file.display());
            found += 1;
        }
    }
    assert!(found > 50, "only {found} references were found");
}

pub fn sources(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let found = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// No server tells a sender that a message is RECEIVED: the reply to SEND has said so.
fn event_of_a_server() -> impl Strategy<Value = Event> {
    event().prop_filter("RECEIVED", |event| !matches!(event, Event::State { state: State::Received, .. }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_that_the_codec_writes_is_of_the_grammar(
        (send, recv, event, ko) in (send_request(), recv_request(), event_of_a_server(), ko()),
        (message, state, target, room) in (message(), state(), target(), room()),
        (last, read, online, at) in (seq(), seq(), any::<bool>(), prop::option::of(time())),
        (address, port, token, fingerprint) in (any::<std::net::IpAddr>(), any::<u16>(), token(), fingerprint()),
        (device, room_kind, topic, server) in (prop::option::of(device()), room_kind(), topic(), server_address()),
    ) {
        let grammar = grammar();
        let user = message.from.clone();
        let id = message.id.clone();
        let text = message.text.clone();
        let message_at = message.at;
        let accepted = Accepted { id: id.clone(), at: message.at, seq: last };
        let device_state = device.as_ref().map(|_| if online { DeviceState::New } else { DeviceState::Known });
        for (rule, line) in [
            ("send-request", line(|out| send.write(out))),
            ("recv-request", line(|out| recv.write(out))),
            ("event", line(|out| event.write(out))),
            ("ko", line(|out| ko.write(out))),
            ("accepted", line(|out| accepted.write(out))),
            ("logged-in", line(|out| LoggedIn { user: user.clone() }.write(out))),
            ("session-opened", line(|out| {
                SessionOpened { user: user.clone(), acknowledged: last, store: "9f86d081884c7d65".into(), device: device_state }.write(out);
            })),
            ("peer-reply", line(|out| Peer { address, port, token: token.clone(), fingerprint }.write(out))),
            ("status-record", line(|out| Status { user: user.clone(), state }.write(out))),
            ("history-record", line(|out| HistoryRecord::Message { message, state }.write(out))),
            ("history-record", line(|out| HistoryRecord::Damaged { first: read, last }.write(out))),
            ("chats-record", line(|out| Chat { target, last, read, count: 4, erased: 1 }.write(out))),
            ("users-record", line(|out| User { name: user.clone(), online, last_seen: at }.write(out))),
            ("rooms-record", line(|out| Room { name: room, members: 7, member: online, kind: room_kind, owner: Some(user.clone()).filter(|_| online), topic }.write(out))),
            ("members-record", line(|out| Member { name: user.clone(), online }.write(out))),
            ("sessions-record", line(|out| {
                let row = OpenSession { number: 7, port: if online { Port::Recv } else { Port::Send }, address, since: message_at, this: !online, device: device.clone().filter(|_| online) };
                row.write(out);
            })),
            ("devices-record", line(|out| {
                let name = device.clone().unwrap_or_else(|| DeviceName::new("lab").unwrap());
                Device { name, last_used: message_at, online, has_key: !online }.write(out);
            })),
            ("permit-record", line(|out| Permit { user: user.clone(), permitted: online }.write(out))),
            ("servers-record", line(|out| server.write(out))),
            ("key-reply", line(|out| NewKey { key: DeviceKey::random().unwrap() }.write(out))),
            ("hello", line(|out| Hello { caller: user, token }.write(out))),
            ("direct-line", line(|out| DirectLine::Send { id: id.clone(), text }.write(out))),
            ("direct-line", line(|out| DirectLine::Acknowledged(id).write(out))),
        ] {
            let line = String::from_utf8(line).expect("UTF-8");
            prop_assert!(grammar.matches(rule, &line), "{}: {}", rule, line);
            let hello = rule == "hello";
            prop_assert!(hello || grammar.matches("record", &line), "record: {}", line);
        }
    }

    #[test]
    fn a_text_is_a_record_of_the_grammar_exactly_if_the_codec_reads_it(text in "[a;\"\\\\nrx\u{7f}\t\u{85}ñ]{0,10}") {
        prop_assert_eq!(grammar().matches("record", &text), Fields::parse(text.as_bytes()).is_ok(), "{:?}", text);
    }
}
