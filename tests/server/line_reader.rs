//! The line reader: whole lines, their longest, their deadline.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wachat::limits;
use wachat::net::{LineError, LineReader};

fn pair() -> (TcpStream, LineReader) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    (client, LineReader::new(Arc::new(server.into()), Duration::from_millis(300)))
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

#[test]
fn a_line_has_to_come_in_time_as_a_whole() {
    let (mut client, mut lines) = pair();
    client.write_all(b"first\n").unwrap();
    assert_eq!(lines.next_line().unwrap(), b"first");
    let writer = std::thread::spawn(move || {
        // Always some progress, never the end.
        while client.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let start = Instant::now();
    assert!(matches!(lines.next_line(), Err(LineError::Timeout)));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(lines);
    writer.join().unwrap();
}
