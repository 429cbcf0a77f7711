//! The line reader: whole lines, their longest, their deadline.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wachat::limits;
use wachat::net::{LineError, LineReader};

use crate::support::random::Random;

fn pair() -> (TcpStream, LineReader) {
    pair_with(Duration::from_millis(300))
}

fn pair_with(timeout: Duration) -> (TcpStream, LineReader) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    (client, LineReader::new(Arc::new(server.into()), timeout))
}

#[test]
fn glued_and_split_lines_come_out_whole() {
    let (mut client, mut lines) = pair();
    client.write_all(b"one\r\ntwo\nth").unwrap();
    assert_eq!(lines.next_line().unwrap(), b"one");
    assert_eq!(lines.buffered_line().unwrap(), b"two");
    assert!(lines.buffered_line().is_none());
    client.write_all(b"ree\n\n").unwrap();
    assert_eq!(lines.next_line().unwrap(), b"three");
    assert_eq!(lines.next_line().unwrap(), b"");
    client.write_all(b"cut").unwrap();
    drop(client);
    assert!(matches!(lines.next_line(), Err(LineError::Closed)));
}

#[test]
fn the_longest_line_passes_and_one_byte_more_does_not() {
    for (length, fits) in [(limits::LINE_BYTES - 1, true), (limits::LINE_BYTES, false)] {
        let (mut client, mut lines) = pair();
        let writer = std::thread::spawn(move || {
            let _ = client.write_all(&[vec![b'x'; length], b"\n".to_vec()].concat());
            client
        });
        match lines.next_line() {
            Ok(line) => assert!(fits && line.len() == length),
            Err(error) => assert!(!fits && matches!(error, LineError::TooLong), "{error:?}"),
        }
        writer.join().unwrap();
    }
}

#[test]
fn the_time_in_which_the_server_does_not_read_is_not_the_clients() {
    let (mut client, mut lines) = pair();
    client.write_all(b"one\ntw").unwrap();
    assert_eq!(lines.next_line().unwrap(), b"one");
    client.write_all(b"o\n").unwrap();
    // A reply that takes long.
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(lines.next_line().unwrap(), b"two");
}

/// Whatever was sent before in the same piece, and however long the pieces are: always some progress, never the end.
#[test]
fn a_line_has_to_come_in_time_as_a_whole() {
    for (before, piece) in
        [("", 1), ("first\n", 1), ("first\nsec", 1), ("se", 700), ("first\n\n\r\nx", 40), ("first\n", 700)]
    {
        let (mut client, mut lines) = pair();
        let whole = before.matches('\n').count();
        client.write_all(before.as_bytes()).unwrap();
        for _ in 0..whole {
            assert!(lines.next_line().is_ok(), "{before:?}");
        }
        let start = Instant::now();
        let writer = std::thread::spawn(move || {
            while start.elapsed() < Duration::from_secs(10) && client.write_all(&vec![b'x'; piece]).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let end = lines.next_line().map(<[u8]>::to_vec);
        assert!(matches!(end, Err(LineError::Timeout)), "after {before:?} in pieces of {piece}: {end:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        drop(lines);
        writer.join().unwrap();
    }
}

/// A client that owes a line since a while has the rest of the time alone, and one whose line has begun later has all of it.
#[test]
fn the_time_begins_when_the_line_is_owed_or_begins_whichever_is_later() {
    let long_ago = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
    let (_client, mut lines) = pair();
    assert!(
        matches!(lines.next_line_since(|| Some(long_ago)), Err(LineError::Timeout)),
        "owed for long, and not begun"
    );
    let (_silent, mut silent_lines) = pair();
    let start = Instant::now();
    let later = start + Duration::from_millis(200);
    let end = silent_lines.next_line_since(|| Some(later)).map(<[u8]>::to_vec);
    assert!(matches!(end, Err(LineError::Timeout)) && start.elapsed() >= Duration::from_millis(500), "{end:?}");
    // With more time: the bytes after the line before it make it begin.
    let (mut client, mut lines) = pair_with(Duration::from_secs(30));
    let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
    client.write_all(b"one\ntw").unwrap();
    assert_eq!(lines.next_line().unwrap(), b"one");
    client.write_all(b"o\n").unwrap();
    assert_eq!(lines.next_line_since(|| Some(long_ago)).unwrap(), b"two");
    assert!(lines.is_between_lines());
}

/// Lines of all lengths, up to the longest, in pieces of all lengths.
#[test]
fn lines_come_out_as_they_went_in_however_they_are_cut() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let (mut client, mut lines) = pair_with(Duration::from_secs(60));
        let mut line = |_| {
            let most = [1, 2, 30, 5_000, limits::LINE_BYTES as u64 - 1][random.below(5) as usize];
            let length = if random.chance(10) { most } else { random.below(most + 1) };
            (0..length).map(|_| b"ab;\r\0\xff \""[random.below(8) as usize]).collect::<Vec<u8>>()
        };
        let sent: Vec<_> = (0..60).map(&mut line).collect();
        let bytes = sent.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect::<Vec<u8>>();
        let writer = std::thread::spawn(move || {
            let mut random = Random::new(seed);
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let most = [1, 20, 9_000, 200_000][random.below(4) as usize];
                let (piece, others) = rest.split_at(rest.len().min(1 + random.below(most) as usize));
                client.write_all(piece).unwrap();
                rest = others;
                if random.chance(3) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        for (number, line) in sent.iter().enumerate() {
            let buffered = lines.buffered_line().map(<[u8]>::to_vec);
            let got = buffered.unwrap_or_else(|| lines.next_line().unwrap().to_vec());
            let expected = line.strip_suffix(b"\r").unwrap_or(line);
            assert!(got == expected, "seed {seed}: line {number} of {} bytes has {}", expected.len(), got.len());
        }
        writer.join().unwrap();
        assert!(matches!(lines.next_line(), Err(LineError::Closed)), "seed {seed}: nothing more");
    }
}
