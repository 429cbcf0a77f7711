//! Lines of a TLS connection in records of any length, which the network cuts and joins.

use std::io::Write;
use std::time::Duration;

use wachat::limits;

use crate::protocol::section_1_records::{Stream, config, log_in, read_line, register};
use crate::support::World;
use crate::support::random::Random;

/// Sends lines in records of random lengths, which the network cuts and joins elsewhere.
fn send_cut(stream: &mut Stream, bytes: &[u8], random: &mut Random) {
    let mut rest = bytes;
    let mut sealed = Vec::new();
    while !rest.is_empty() {
        let most = [1, 3, 700, 16_384][random.below(4) as usize];
        let (record, others) = rest.split_at(rest.len().min(1 + random.below(most) as usize));
        stream.conn.writer().write_all(record).expect("a record");
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut sealed).expect("its bytes");
        }
        rest = others;
    }
    let mut rest = sealed.as_slice();
    while !rest.is_empty() {
        let most = [1, 30, 5_000, 40_000][random.below(4) as usize];
        let (piece, others) = rest.split_at(rest.len().min(1 + random.below(most) as usize));
        stream.sock.write_all(piece).expect("to send");
        rest = others;
        if random.chance(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Requests of all lengths, several at a time, and the replies that belong to them.
#[test]
fn lines_are_whole_in_records_of_any_length() {
    let world = World::new(&["--no-lobby", "--tls", "--no-limits"]);
    register(&world, "ana");
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let mut stream = log_in(world.send, &config());
        let mut sent: Vec<String> = Vec::new();
        for round in 0..8 {
            let count = 1 + random.below(6);
            let mut lines = String::new();
            let before = sent.len();
            for number in 0..count {
                let most = [1, 40, 5_000, limits::TEXT_BYTES as u64][random.below(4) as usize];
                let text = format!("{number}").repeat(random.below(most) as usize);
                let text = &text[..text.len().min(limits::TEXT_BYTES)];
                lines.push_str(&format!("SEND;m-{seed}-{round}-{number};ana;{text}\nnonsense\n"));
                sent.push(text.to_owned());
            }
            send_cut(&mut stream, lines.as_bytes(), &mut random);
            for number in 0..sent.len() - before {
                let reply = read_line(&mut stream);
                assert!(reply.starts_with(&format!("OK;m-{seed}-{round}-{number};RECEIVED;")), "{reply}");
                assert!(read_line(&mut stream).starts_with("KO;SYNTAX;"), "seed {seed}, round {round}");
            }
        }
        let mut before = String::new();
        let mut texts = Vec::new();
        while texts.len() < sent.len() {
            stream.write_all(format!("HISTORY;ana;40{before}\n").as_bytes()).expect("to send");
            let head = read_line(&mut stream);
            let count: usize = head.trim_end().strip_prefix("OK;").and_then(|count| count.parse().ok()).expect(&head);
            let rows: Vec<_> = (0..count).map(|_| read_line(&mut stream)).collect();
            before = format!(";{}", rows[0].split(';').next().expect("a number"));
            let page = rows.iter().map(|row| row.trim_end().rsplit(';').next().expect("a text").to_owned());
            texts = page.chain(texts).collect();
        }
        assert!(texts.ends_with(&sent), "seed {seed}: {} texts of {}", texts.len(), sent.len());
    }
}

/// The longest record, and short ones after it at once: the server has more than a record to open.
#[test]
fn short_records_behind_the_longest_are_read() {
    const LONGEST: usize = 16_384;
    let world = World::new(&["--no-lobby", "--tls", "--no-limits"]);
    register(&world, "ana");
    for shift in 0..12 {
        let mut stream = log_in(world.send, &config());
        // The server reads in larger pieces from a client that has sent much.
        let before = "PING\n".repeat(2_000 + 200 * shift);
        stream.write_all(before.as_bytes()).expect("to send");
        (0..before.len() / 5).for_each(|_| assert_eq!(read_line(&mut stream), "OK\n"));
        let long = format!("SEND;m-{shift};ana;{}\n", "x".repeat(LONGEST + 40 * shift));
        let mut sealed = Vec::new();
        for line in std::iter::once(long.as_str()).chain(["PING\n"; 200]) {
            stream.conn.writer().write_all(line.as_bytes()).expect("a record");
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut sealed).expect("its bytes");
            }
        }
        stream.sock.write_all(&sealed).expect("to send");
        assert!(read_line(&mut stream).starts_with(&format!("OK;m-{shift};RECEIVED;")));
        (0..200).for_each(|_| assert_eq!(read_line(&mut stream), "OK\n", "{shift}"));
    }
}
