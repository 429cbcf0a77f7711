//! The framing of WebSockets: each rule that is broken has its code, and what comes before it is answered.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use wachat::limits;
use wachat::net::{LineReader, Socket};

use crate::support::PASSWORD;
use crate::support::random::Random;
use crate::support::web::{BINARY, CLOSE, CONTINUATION, FINAL, PING, TEXT, Web, frame, message, world_with_web};

/// Sends bytes after a login and a PING; returns the lines after the reply to it, and the code.
#[track_caller]
fn end_after(web: SocketAddr, bytes: &[u8]) -> (Vec<String>, Option<u16>) {
    let (reply, mut client) = Web::log_in(web, "/send", &format!("LOGIN:ana:{PASSWORD}"));
    assert_eq!(reply, "OK;ana;wachat/1");
    // The server may have closed before the last of them.
    let _ = client.try_send([&message("PING"), bytes].concat());
    let (lines, code) = client.read_end();
    let (first, rest) = lines.split_first().expect("the reply to PING");
    assert_eq!(first, "OK");
    (rest.to_vec(), code)
}

/// A frame that says that its payload has this length, in the form of 64 bits, and has none of it.
fn announced(length: u64) -> Vec<u8> {
    [&[FINAL | TEXT, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat()
}

#[test]
fn each_rule_has_its_code() {
    let (world, web) = world_with_web(&[]);
    drop(world.register("ana"));
    let unmasked = [FINAL | TEXT, 4, b'P', b'I', b'N', b'G'];
    let cases: [(&str, Vec<u8>, u16); 23] = [
        ("unmasked", unmasked.to_vec(), 1002),
        ("a reserved bit", frame(0xc0 | TEXT, b"PING"), 1002),
        ("an unknown opcode", frame(FINAL | 3, b""), 1002),
        ("an unknown control opcode", frame(FINAL | 11, b""), 1002),
        ("a continuation of nothing", frame(FINAL | CONTINUATION, b"PING"), 1002),
        ("a message in a message", [frame(TEXT, b"PI"), message("PING")].concat(), 1002),
        ("a ping in parts", frame(PING, b"x"), 1002),
        ("a long ping", frame(FINAL | PING, &[b'x'; 126]), 1002),
        ("a length of 16 bits that 7 hold", [FINAL | TEXT, 0xfe, 0, 5, 0, 0, 0, 0].to_vec(), 1002),
        ("a length of 64 bits that 16 hold", announced(65_535), 1002),
        ("a close frame of one byte", frame(FINAL | CLOSE, b"x"), 1002),
        ("a code that nobody sends", frame(FINAL | CLOSE, &1005_u16.to_be_bytes()), 1002),
        ("a reason that is no text", frame(FINAL | CLOSE, &[3, 232, 255]), 1007),
        ("binary", frame(FINAL | BINARY, b"PING"), 1003),
        ("binary in parts", frame(BINARY, b"PING"), 1003),
        ("no UTF-8", frame(FINAL | TEXT, b"SEND;m-1;ana;\xff"), 1007),
        ("half a character", frame(FINAL | TEXT, b"SEND;m-1;ana;\xc3"), 1007),
        ("a surrogate", [frame(TEXT, b"\xed"), frame(FINAL, b"\xa0\x80")].concat(), 1007),
        ("LF", message("PING\nPING"), 1008),
        ("LF at the end", message("PING\n"), 1008),
        ("CR", message("PING\r"), 1008),
        ("pings", frame(FINAL | PING, &[b'x'; 125]).repeat(40), 1008),
        ("empty fragments", [frame(TEXT, b""), frame(CONTINUATION, b"").repeat(800)].concat(), 1008),
    ];
    for (name, bytes, code) in cases {
        assert_eq!(end_after(web, &bytes), (vec![], Some(code)), "{name}");
        // Before a login it is the same.
        let mut client = Web::open(web, "/recv");
        let _ = client.try_send(&bytes);
        assert_eq!(client.read_end(), (vec![], Some(code)), "{name}, before the login");
    }
}

/// A length is looked at before memory is taken for it, and a message counts as a whole.
#[test]
fn the_longest_message_passes_and_one_byte_more_does_not() {
    let (world, web) = world_with_web(&["--no-limits"]);
    drop(world.register("ana"));
    let long = vec![b'x'; limits::WEB_MESSAGE_BYTES];
    let (_, mut client) = Web::log_in(web, "/send", &format!("LOGIN:ana:{PASSWORD}"));
    let half = long.len() / 2;
    for bytes in [
        frame(FINAL | TEXT, &long),
        [frame(TEXT, &long[..half]), frame(FINAL, &long[half..])].concat(),
        [frame(TEXT, &long), frame(FINAL, b"")].concat(),
        // A browser cuts a long message as it likes.
        [frame(TEXT, b""), long.chunks(200).flat_map(|part| frame(0, part)).collect(), frame(FINAL, b"")].concat(),
    ] {
        client.send(bytes);
        let reply = client.read_line();
        assert!(reply.starts_with("KO;SYNTAX;"), "{reply}");
    }
    let more = [long.clone(), b"x".to_vec()].concat();
    for (name, bytes) in [
        ("a byte more", frame(FINAL | TEXT, &more)),
        ("in parts", [frame(TEXT, &long), frame(CONTINUATION, b"x")].concat()),
        ("announced", announced(1 << 40)),
        ("announced to overflow", announced(u64::MAX)),
        ("parts to overflow", [frame(TEXT, b"x"), announced(u64::MAX)].concat()),
    ] {
        let (lines, code) = end_after(web, &bytes);
        if name == "parts to overflow" {
            assert_eq!((lines.len(), code), (0, Some(1002)), "a text in a text");
            continue;
        }
        assert!(lines.len() == 1 && lines[0].starts_with("KO;TOO_LONG;"), "{name}: {lines:?}");
        assert_eq!(code, Some(1009), "{name}");
    }
}

/// Control frames and fragments have 4 KiB between two lines, and each line begins anew.
#[test]
fn what_carries_no_line_is_counted_from_line_to_line() {
    let (world, web) = world_with_web(&["--no-limits"]);
    drop(world.register("ana"));
    let (_, mut client) = Web::log_in(web, "/send", &format!("LOGIN:ana:{PASSWORD}"));
    let pongs = frame(FINAL | 10, &[b'x'; 122]).repeat(32);
    assert_eq!(pongs.len(), limits::WEB_BYTES_SINCE_LINE);
    for _ in 0..3 {
        client.send([&pongs[..], &message("PING")].concat());
        assert_eq!(client.read_line(), "OK");
    }
    client.send([&pongs[..], &frame(FINAL | 10, b"")].concat());
    assert_eq!(client.read_end(), (vec![], Some(1008)));
}

/// Reads all lines of a WebSocket whose client has sent these bytes and closed.
fn lines_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let socket: Socket = listener.accept().unwrap().0.into();
    socket.upgrade(bytes.to_vec(), Box::new(|| ()));
    let mut reader = LineReader::new(Arc::new(socket), Duration::from_secs(10));
    std::iter::from_fn(|| reader.next_line().ok().map(<[u8]>::to_vec)).collect()
}

/// A sequence of messages in fragments, with control frames between them: its bytes, and its lines.
fn random_messages(random: &mut Random) -> (Vec<u8>, Vec<Vec<u8>>) {
    let alphabet = ["a", ";", "\"", "é", "語", "🙂", " ", "\u{0}", "\\"];
    let mut bytes = Vec::new();
    let mut lines = Vec::new();
    for _ in 0..1 + random.below(6) {
        let length = if random.chance(10) { random.below(400) } else { random.below(12) };
        let text: String =
            (0..length).map(|_| alphabet[usize::try_from(random.below(alphabet.len() as u64)).unwrap()]).collect();
        lines.push(text.clone().into_bytes());
        let mut rest = text.as_bytes();
        let mut opcode = TEXT;
        loop {
            if random.chance(20) {
                bytes.extend(frame(FINAL | [PING, 10][random.below(2) as usize], &vec![1; random.below(20) as usize]));
            }
            // Also in the middle of a character.
            let end = if random.chance(40) { rest.len() } else { random.below(rest.len() as u64 + 1) as usize };
            let is_last = end == rest.len() && random.chance(80);
            bytes.extend(frame(if is_last { FINAL | opcode } else { opcode }, &rest[..end]));
            rest = &rest[end..];
            opcode = CONTINUATION;
            if is_last {
                break;
            }
        }
    }
    (bytes, lines)
}

/// However messages are cut, they come out whole; and no byte that is changed, left out or added makes another line of
/// those before it, or a line that is no text or too long.
#[test]
fn random_frames_are_the_lines_that_they_carry() {
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let (mut bytes, lines) = random_messages(&mut random);
        assert_eq!(lines_of(&bytes), lines, "seed {seed}");
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => _ = bytes.remove(at),
            2 => bytes.insert(at, random.next() as u8),
            _ => bytes.truncate(at),
        }
        let got = lines_of(&bytes);
        let before = lines.iter().zip(&got).take_while(|(line, other)| line == other).count();
        assert!(got.iter().all(|line| std::str::from_utf8(line).is_ok()), "seed {seed}");
        assert!(got.iter().all(|line| !line.contains(&b'\n')), "seed {seed}");
        let whole = lines_of(&bytes[..at]);
        assert!(whole.len() <= before, "seed {seed}: a line before byte {at} has changed");
    }
}
