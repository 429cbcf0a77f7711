//! Properties of the codec: a written line is read back as the same value, however TCP cuts it, and no input makes the
//! reader panic. `page` compares the codec with the protocol page.

#[path = "codec/abnf.rs"]
mod abnf;
#[path = "codec/browser.rs"]
mod browser;
#[path = "codec/control.rs"]
mod control;
#[path = "codec/fields.rs"]
mod fields;
#[path = "codec/log_records.rs"]
mod log_records;
#[path = "codec/page.rs"]
pub mod page;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use wachat::model::{
    DeviceKey, DeviceName, Fingerprint, Message, MessageId, Proof, RoomKind, RoomName, Seq, ServerAddress, State,
    Target, Text, Timestamp, Token, Topic, UserName,
};
use wachat::net::LineReader;
use wachat::protocol::reply::{OpenSession, Permit};
use wachat::protocol::request::{LogOut, Page};
use wachat::protocol::{
    Accepted, After, Chat, Code, Codec, CommandHelp, Device, DeviceState, DirectLine, Done, Event, Hello,
    HistoryRecord, Ko, ListHead, LoggedIn, Login, LoginKind, Member, NewKey, Peer, ReadError, RecvRequest, Reply, Room,
    SendRequest, SessionOpened, Status, User, parse_reply, write_list_head,
};
use wachat::record::{Fields, Writer, length_in_record};
use wachat::state_machine::Record;

/// Generates texts, many of them with characters that a record quotes or escapes.
fn text() -> impl Strategy<Value = String> {
    let hard = prop::sample::select(vec![";", "\"", "\\", "\n", "\r", "\t", "\\n", "\";\"", "ñ", "🙂", "a"]);
    prop_oneof![prop::collection::vec(hard, 0..12).prop_map(|parts| parts.concat()), "[^\\p{Cc}]{0,40}"]
}

fn name() -> impl Strategy<Value = UserName> {
    prop::sample::select(vec!["ana", "María", "ZOË", "пётр", "七海", "x.y-z_0"]).prop_map(|n| UserName::new(n).unwrap())
}

fn room() -> impl Strategy<Value = RoomName> {
    prop::sample::select(vec!["#sala", "#Café"]).prop_map(|n| RoomName::new(n).unwrap())
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![name().prop_map(Target::User), room().prop_map(Target::Room)]
}

fn id() -> impl Strategy<Value = MessageId> {
    "[A-Za-z0-9_-]{1,64}".prop_map(|text| MessageId::new(&text).unwrap())
}

fn seq() -> impl Strategy<Value = Seq> {
    (0..1u64 << 53).prop_map(|n| Seq::new(n).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp::from_millis)
}

fn room_kind() -> impl Strategy<Value = RoomKind> {
    prop::sample::select(vec![RoomKind::Open, RoomKind::Invite])
}

fn topic() -> impl Strategy<Value = Topic> {
    prop::sample::select(vec!["", "la entrega", "a;b", "\"quoted\"; \\"]).prop_map(|text| Topic::new(text).unwrap())
}

fn state() -> impl Strategy<Value = State> {
    prop::sample::select(vec![State::Received, State::Delivered, State::Read])
}

fn message() -> impl Strategy<Value = Arc<Message>> {
    let text = prop_oneof![text().prop_map(|text| Text::new(&text).unwrap()), Just(Text::erased())];
    (seq(), id(), name(), target(), time(), text)
        .prop_map(|(seq, id, from, to, at, text)| Arc::new(Message { seq, id, from, to, at, text }))
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        message().prop_map(Event::Message),
        (seq(), target(), state(), seq(), time()).prop_map(|(seq, target, state, upto, at)| Event::State {
            seq,
            target,
            state,
            upto,
            at
        }),
        (name(), time()).prop_map(|(user, at)| Event::Online { user, at }),
        (name(), time()).prop_map(|(user, at)| Event::Offline { user, at }),
        (room(), seq(), seq()).prop_map(|(room, first, last)| Event::Gap { room, first, last }),
        (target(), seq()).prop_map(|(target, seq)| Event::Damaged { target, seq }),
        (seq(), target(), seq(), seq(), name()).prop_map(|(seq, target, one, other, from)| Event::Erased {
            seq,
            target,
            first: one.min(other).max(Seq::new(1).unwrap()),
            last: one.max(other).max(Seq::new(1).unwrap()),
            from
        }),
        (room(), name(), time()).prop_map(|(room, user, at)| Event::Join { room, user, at }),
        (room(), name(), time()).prop_map(|(room, user, at)| Event::Part { room, user, at }),
        (room(), room_kind(), prop::option::of(name()), topic()).prop_map(|(room, kind, owner, topic)| Event::Room {
            room,
            kind,
            owner,
            topic
        }),
        (room(), name()).prop_map(|(room, from)| Event::Invite { room, from }),
        (target(), seq()).prop_map(|(target, upto)| Event::Read { target, upto }),
        (name(), token(), fingerprint())
            .prop_map(|(user, token, fingerprint)| Event::Peer { user, proof: Proof { token, fingerprint } }),
        (name(), time()).prop_map(|(user, at)| Event::Call { user, at }),
        (time(), text()).prop_map(|(at, text)| Event::Notice { at, text: Text::new(&text).unwrap() }),
    ]
}

fn fingerprint() -> impl Strategy<Value = Option<Fingerprint>> {
    prop::option::of(any::<[u8; 8]>().prop_map(|certificate| Fingerprint::of(&certificate)))
}

fn page<Place: std::fmt::Debug>(place: impl Strategy<Value = Place>) -> impl Strategy<Value = Page<Place>> {
    (1..=1_000usize, prop::option::of(place)).prop_map(|(limit, after)| Page { limit, after })
}

fn device() -> impl Strategy<Value = DeviceName> {
    "[A-Za-z][A-Za-z0-9_-]{0,31}".prop_filter_map("others", |name| DeviceName::new(&name))
}

fn log_out() -> impl Strategy<Value = LogOut> {
    prop_oneof![
        seq().prop_map(|number| LogOut::Connection(number.get())),
        device().prop_map(LogOut::Device),
        Just(LogOut::Others),
    ]
}

fn send_request() -> impl Strategy<Value = SendRequest> {
    prop_oneof![
        (id(), target(), text()).prop_map(|(id, to, text)| SendRequest::Send {
            id,
            to: Ok(to),
            text: Text::new(&text).unwrap()
        }),
        (target(), seq()).prop_map(|(target, seq)| SendRequest::Read { target: Ok(target), seq }),
        (target(), seq()).prop_map(|(target, seq)| SendRequest::Erase { target: Ok(target), seq }),
        (target(), seq(), page(name())).prop_map(|(target, seq, page)| SendRequest::Status {
            target: Ok(target),
            seq,
            page
        }),
        (target(), 1..=1_000usize, prop::option::of(seq())).prop_map(|(target, limit, before)| SendRequest::History {
            target: Ok(target),
            limit,
            before
        }),
        (text(), text()).prop_map(|(old, new)| SendRequest::Passwd { old, new }),
        room().prop_map(|room| SendRequest::Join { room: Ok(Target::Room(room)) }),
        room().prop_map(|room| SendRequest::Leave { room: Ok(Target::Room(room)) }),
        (room(), room_kind()).prop_map(|(room, kind)| SendRequest::Room { room: Ok(Target::Room(room)), kind }),
        (room(), topic()).prop_map(|(room, topic)| SendRequest::Topic { room: Ok(Target::Room(room)), topic }),
        (room(), name(), 0..3).prop_map(|(room, user, which)| {
            let room = Ok(Target::Room(room));
            let user = Ok(Target::User(user));
            match which {
                0 => SendRequest::Invite { room, user },
                1 => SendRequest::Kick { room, user },
                _ => SendRequest::Owner { room, user },
            }
        }),
        (room(), page(name())).prop_map(|(room, page)| SendRequest::Members { room: Ok(Target::Room(room)), page }),
        page(name()).prop_map(|page| SendRequest::Users { page }),
        page(room()).prop_map(|page| SendRequest::Rooms { page }),
        (page(seq()), prop::option::of(target())).prop_map(|(page, target)| {
            let target = target.filter(|_| page.after.is_some());
            SendRequest::Chats { page, target }
        }),
        log_out().prop_map(|which| SendRequest::Logout { which }),
        (name(), fingerprint())
            .prop_map(|(user, fingerprint)| SendRequest::Peer { user: Ok(Target::User(user)), fingerprint }),
        (name(), any::<bool>())
            .prop_map(|(user, permitted)| SendRequest::Permit { user: Ok(Target::User(user)), permitted }),
        prop::sample::select(vec![
            SendRequest::Sessions,
            SendRequest::Devices,
            SendRequest::Permits,
            SendRequest::Servers,
            SendRequest::Ping,
            SendRequest::Help,
        ]),
    ]
}

fn recv_request() -> impl Strategy<Value = RecvRequest> {
    let after = prop_oneof![seq().prop_map(After::Number), Just(After::AllSent)];
    prop_oneof![
        (after, 0..10u64, 1..=1_000usize).prop_map(|(after, wait, max)| RecvRequest::Poll {
            after,
            wait: Some(wait),
            max
        }),
        (prop::option::of(1..=u16::MAX), fingerprint())
            .prop_map(|(port, fingerprint)| RecvRequest::Port { port, fingerprint }),
    ]
}

fn token() -> impl Strategy<Value = Token> {
    id().prop_map(|text| Token::parse(text.as_str()).unwrap())
}

fn ko() -> impl Strategy<Value = Ko> {
    let others = (prop::sample::select(Code::all().collect::<Vec<_>>()), text());
    prop_oneof![
        5 => others.prop_map(|(code, text)| Ko::new(code, text)),
        1 => prop::option::of(server_address()).prop_map(Ko::redirect),
    ]
}

fn server_address() -> impl Strategy<Value = ServerAddress> {
    ("[A-Za-z0-9._:-]{1,40}", any::<u16>(), any::<u16>(), fingerprint())
        .prop_map(|(host, send, recv, fingerprint)| ServerAddress { host, send, recv, fingerprint })
}

/// Returns a value that was written as one line and read again.
fn read_again<T: Codec>(value: &T) -> Result<T, ReadError> {
    T::parse(&line(|out| value.write(out)))
}

/// Returns the line as it was written, without its LF. There is no other LF in it.
fn line(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'), "{}", String::from_utf8_lossy(&out));
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn section_2_fields_come_back(fields in prop::collection::vec(text(), 1..8)) {
        let written = line(|out| {
            let mut w = Writer::new(out);
            fields.iter().for_each(|field| _ = w.text(field));
            w.end();
        });
        let read: Vec<String> = Fields::parse(&written).unwrap().iter().map(str::to_owned).collect();
        prop_assert_eq!(read, fields);
    }

    #[test]
    fn section_2_a_text_takes_as_much_as_it_is_said_to(text in text()) {
        let written = line(|out| _ = Writer::new(out).text(&text).end());
        prop_assert_eq!(written.len(), length_in_record(&text));
    }

    #[test]
    fn section_2_any_bytes_are_a_record_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = SendRequest::parse(&bytes);
        let _ = RecvRequest::parse(&bytes);
        let _ = Event::parse(&bytes);
        let _ = Record::parse(&bytes);
        let _ = Login::parse(&bytes);
        let _ = Hello::parse(&bytes);
        let _ = DirectLine::parse(&bytes);
        let _ = parse_reply::<SessionOpened>(&bytes);
        let _ = parse_reply::<Accepted>(&bytes);
        if let Ok(fields) = Fields::parse(&bytes) {
            let again = line(|out| {
                let mut w = Writer::new(out);
                fields.iter().for_each(|field| _ = w.text(field));
                w.end();
            });
            prop_assert_eq!(Fields::parse(&again).unwrap(), fields);
        }
    }

    #[test]
    fn section_3_logins_come_back(
        (user, password) in ("[^:\n\r]{0,20}", "[^\n\r]{1,20}"),
        (kind, device) in (prop::sample::select(LoginKind::ALL.to_vec()), "[^:\n\r]{0,20}"),
    ) {
        let device = if kind.names_device() { device.as_str() } else { "" };
        let login = Login { kind, device, user: &user, password: &password };
        let written = line(|out| login.write(out));
        prop_assert!(Login::parse(&written) == Some(login), "{:?}", String::from_utf8_lossy(&written));
    }

    #[test]
    fn sections_5_and_6_requests_come_back(send in send_request(), recv in recv_request()) {
        prop_assert_eq!(SendRequest::parse(&line(|out| send.write(out))), Ok(send));
        prop_assert_eq!(RecvRequest::parse(&line(|out| recv.write(out))), Ok(recv));
    }

    #[test]
    fn section_7_events_and_history_come_back(event in event(), message in message(), state in state()) {
        prop_assert_eq!(read_again(&event), Ok(event));
        let damaged = HistoryRecord::Damaged { first: message.seq, last: message.seq.next() };
        for record in [HistoryRecord::Message { message, state }, damaged] {
            prop_assert_eq!(read_again(&record), Ok(record));
        }
    }

    #[test]
    fn section_5_records_of_lists_come_back(
        (user, target, room, online) in (name(), target(), room(), any::<bool>()),
        (last, read, members, state) in (seq(), seq(), 0..1_000_000usize, state()),
        (last_seen, form, help) in (prop::option::of(time()), text(), text()),
        (kind, owner, topic, server) in (room_kind(), prop::option::of(name()), topic(), server_address()),
    ) {
        prop_assert_eq!(read_again(&server), Ok(server));
        let status = Status { user: user.clone(), state };
        prop_assert_eq!(read_again(&status), Ok(status));
        let chat = Chat { target, last, read, count: 3, erased: 2 };
        prop_assert_eq!(read_again(&chat), Ok(chat));
        let member = Member { name: user.clone(), online };
        prop_assert_eq!(read_again(&member), Ok(member));
        let user = User { name: user, online, last_seen };
        prop_assert_eq!(read_again(&user), Ok(user));
        let room = Room { name: room, members, member: online, kind, owner, topic };
        prop_assert_eq!(read_again(&room), Ok(room));
        let help = CommandHelp { form: form.into(), help: help.into() };
        prop_assert_eq!(read_again(&help), Ok(help));
    }

    #[test]
    fn section_4_first_lines_of_replies_come_back(
        (user, id, at, seq) in (name(), id(), time(), seq()),
        (address, port, token, count) in (any::<std::net::IpAddr>(), any::<u16>(), token(), 0..100_000usize),
        (fingerprint, ko) in (fingerprint(), ko()),
    ) {
        prop_assert_eq!(read_again(&Done), Ok(Done));
        let logged_in = LoggedIn { user: user.clone() };
        prop_assert_eq!(read_again(&logged_in), Ok(logged_in));
        let opened = SessionOpened { user, acknowledged: seq, store: "9f86d081884c7d65".into(), device: None };
        prop_assert_eq!(read_again(&opened), Ok(opened));
        let accepted = Accepted { id, at, seq };
        prop_assert_eq!(parse_reply(&line(|out| accepted.write(out))), Ok(Ok(accepted)));
        let peer = Peer { address, port, token, fingerprint };
        prop_assert_eq!(read_again(&peer), Ok(peer));
        prop_assert_eq!(parse_reply(&line(|out| write_list_head(out, count))), Ok(Ok(ListHead { count })));
        prop_assert_eq!(parse_reply::<Accepted>(&line(|out| ko.write(out))), Ok(Err(ko)));
    }

    #[test]
    fn section_4_a_list_is_its_head_and_its_records(events in prop::collection::vec(event(), 0..5)) {
        let mut whole = Vec::new();
        let mut parts = Vec::new();
        Reply::Events(events.clone()).write(&mut whole);
        write_list_head(&mut parts, events.len());
        events.iter().for_each(|event| event.write(&mut parts));
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn section_8_direct_lines_come_back(caller in name(), token in token(), id in id(), text in text(), ko in ko()) {
        let hello = Hello { caller, token };
        prop_assert_eq!(Hello::parse(&line(|out| hello.write(out))), Some(hello));
        for direct in [
            DirectLine::Send { id: id.clone(), text: Text::new(&text).unwrap() },
            DirectLine::Acknowledged(id),
            DirectLine::Admitted,
            // No server leads there.
            DirectLine::Ko(Ko { leader: None, ..ko }),
        ] {
            prop_assert_eq!(DirectLine::parse(&line(|out| direct.write(out))), Ok(direct));
        }
    }
}

#[test]
fn section_2_a_stream_cut_at_every_byte_gives_the_same_lines() {
    let stream = "LOGIN:ana:con:dos\r\nSEND;1;luis;\"hola; ¿qué tal?\"\n\nPING\r\n".as_bytes();
    let want = ["LOGIN:ana:con:dos", "SEND;1;luis;\"hola; ¿qué tal?\"", "", "PING"];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for cut in 0..=stream.len() {
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_nodelay(true).unwrap();
        let world = Arc::new(listener.accept().unwrap().0.into());
        let mut lines = LineReader::new(world, Duration::from_secs(10));
        let (first, second) = stream.split_at(cut);
        client.write_all(first).unwrap();
        // A complete line is returned before the rest of the stream is sent.
        let whole = first.iter().filter(|byte| **byte == b'\n').count();
        for (index, want) in want.iter().enumerate() {
            if index == whole {
                client.write_all(second).unwrap();
            }
            assert_eq!(lines.next_line().unwrap(), want.as_bytes(), "cut at {cut}");
        }
    }
}

#[test]
fn section_4_a_code_of_a_later_version_is_a_refusal_all_the_same() {
    let refused = parse_reply::<Accepted>(b"KO;LATER;what a later version says").unwrap();
    assert_eq!(refused, Err(Ko::new(Code::Unknown, "what a later version says")));
}

/// The further fields of a SHUTDOWN are an address as a whole, or are ignored, as those of any other KO are.
#[test]
fn section_4_a_shutdown_names_the_server_that_leads() {
    let leader = |line: &str| Ko::parse(line.as_bytes()).expect("a KO").leader.map(|leader| *leader);
    let fingerprint = Fingerprint::of(b"");
    let host = "chat-2.example".to_owned();
    let server = ServerAddress { host, send: 1666, recv: 1999, fingerprint: None };
    let with_certificate = ServerAddress { fingerprint: Some(fingerprint), ..server.clone() };
    let named = "KO;SHUTDOWN;another leads;chat-2.example;1666;1999";
    assert_eq!(leader(named), Some(server));
    assert_eq!(leader(&format!("{named};{fingerprint}")), Some(with_certificate.clone()));
    assert_eq!(leader(&format!("{named};{fingerprint};more")), Some(with_certificate));
    for other in [
        "KO;SHUTDOWN",
        "KO;SHUTDOWN;why",
        "KO;SHUTDOWN;why;",
        "KO;SHUTDOWN;why;chat-2.example",
        "KO;SHUTDOWN;why;chat-2.example;1666",
        "KO;SHUTDOWN;why;chat-2.example;1666;65536",
        "KO;SHUTDOWN;why;chat-2.example;1666;1999;AA",
        "KO;SHUTDOWN;why;;1666;1999",
        "KO;SHUTDOWN;why;a b;1666;1999",
        "KO;SHUTDOWN;why;a/b;1666;1999",
        "KO;TIMEOUT;why;chat-2.example;1666;1999",
    ] {
        assert_eq!(leader(other), None, "{other}");
    }
    for (length, is_one) in [(255, true), (256, false)] {
        assert_eq!(leader(&format!("KO;SHUTDOWN;why;{};1;2", "a".repeat(length))).is_some(), is_one, "{length}");
    }
}

#[test]
fn section_7_an_event_of_a_later_version_still_has_its_number() {
    let event = Event::parse(b"7;LATER;x;y").unwrap();
    assert_eq!(event, Event::Unknown { seq: Seq::new(7).unwrap(), kind: "LATER".into() });
    assert_eq!(event.seq().get(), 7);
}

#[test]
fn section_4_a_line_of_another_form_is_no_reply() {
    for wrong in ["", "OK", "OK;m-1;RECEIVED;now;7", "OK;m-1;READ;2026-11-20T23:55:00.123Z;7", "NO;m-1", "\"open"] {
        assert_eq!(parse_reply::<Accepted>(wrong.as_bytes()), Err(ReadError), "{wrong}");
    }
    for wrong in ["OK", "OK;", "OK;-1", "OK;+1", "OK;many"] {
        assert_eq!(parse_reply::<ListHead>(wrong.as_bytes()), Err(ReadError), "{wrong}");
    }
    for wrong in ["ana;here;", "ana;online", "ana;online;yesterday", ";online;"] {
        assert_eq!(User::parse(wrong.as_bytes()), Err(ReadError), "{wrong}");
    }
}
