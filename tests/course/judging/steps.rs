//! Bytes that the steps send to a server, and the time line of all of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use wachat::course::judge::Verdict;

use super::small_server::SmallServer;
use super::{LONG, assert_passed, failure, plain, play};
use crate::support::{wait_or, wait_until};

/// Asserts what comes on a connection, without the ends of names.
#[track_caller]
fn assert_seen(server: &SmallServer, connection: &str, expected: &[&str]) {
    let seen = || server.seen(connection).iter().map(|line| plain(line)).collect::<Vec<_>>();
    wait_or(|| (seen() == expected).then_some(()), || format!("{connection}: {:?} instead of {expected:?}", seen()));
}

#[test]
fn each_step_sends_its_bytes_on_its_connection_and_nothing_else() {
    let server = SmallServer::honest();
    let outcome = play(
        &server.with_patience(LONG),
        r"users ana luis
          new eva
          A open SEND
          A > LOGIN:{ana}:{password}
          A < OK;{ana};wachat/1
          B login RECV luis
          C login SEND luis
          A raw> PING\nPI
          A raw> NG\r\n
          A < OK
          A < OK
          A long> 12
          A < KO;SYNTAX;...
          A raw> {eva}\t\\\x41\xC3\xB1\q\xZZ\x4\n
          A < KO;SYNTAX;...
          A > NO;{eva};{any};{unknown};<n>;\n\x41
          A < KO;SYNTAX;...
          repeat 3 A > SEND;m-{i};{luis};number {i}
          repeat 3 A < OK;m-{i};RECEIVED;<time>;<n{i}>
          A > NO;<n1>;<n2>;<n3>
          A < KO;SYNTAX;...
          B > PING
          B < OK
          A raw> half
          A shut
          A closed
          B drop
          C > QUIT
          C < OK
          C closed",
    );
    assert_passed(&outcome, "an honest server");
    assert_seen(&server, "SEND1", &["REGISTER:ana:palabra larga\n", "LEAVE;#lobby\n", "end"]);
    assert_seen(&server, "SEND2", &["REGISTER:luis:palabra larga\n", "LEAVE;#lobby\n", "end"]);
    let of_ana = [
        "LOGIN:ana:palabra larga\n",
        "PING\n",
        "PING\r\n",
        "xxxxxxxxxxx\n",
        "eva\t\\Añ\\q\\xZZ\\x4\n",
        "NO;eva;any;{unknown};<n>;\\n\\x41\n",
        "SEND;m-1;luis;number 1\n",
        "SEND;m-2;luis;number 2\n",
        "SEND;m-3;luis;number 3\n",
        "NO;1;2;3\n",
        "halfend",
    ];
    assert_seen(&server, "SEND3", &of_ana);
    assert_seen(&server, "SEND4", &["LOGIN:luis:palabra larga\n", "QUIT\n"]);
    assert_seen(&server, "RECV1", &["LOGIN:luis:palabra larga\n", "PING\n", "end"]);
    assert_eq!(server.connections(), 5, "an account without REGISTER needs no connection");
}

#[test]
fn names_are_new_in_each_test_and_have_the_forms_that_steps_ask_for() {
    let server = SmallServer::honest();
    let steps = "users Ana
         A login SEND Ana
         A > {Ana};{Ana in small letters};#{room};{any};{password};{long text}
         A < KO;SYNTAX;...";
    let lines: Vec<Vec<String>> = (0..2)
        .map(|run| {
            assert_passed(&play(&server.with_patience(LONG), steps), "an honest server");
            let line = server.seen(&format!("SEND{}", 2 * run + 2)).swap_remove(1);
            line.trim_end().split(';').map(str::to_owned).collect()
        })
        .collect();
    for fields in &lines {
        assert!(fields[0].starts_with("Ana-") && fields[0].to_lowercase() == fields[1], "{fields:?}");
        assert!(fields[2].starts_with("#sala-") && fields[3].starts_with("any-"), "{fields:?}");
        assert_eq!((&*fields[4], &fields[5]), ("palabra larga", &"x".repeat(50_000)));
    }
    assert!((0..4).all(|field| lines[0][field] != lines[1][field]), "names that no other test has");
    let ends = (0..4).map(|field| lines[0][field].rsplit('-').next().unwrap());
    assert_eq!(ends.collect::<std::collections::BTreeSet<_>>().len(), 3, "{lines:?}");
}

#[test]
fn single_bytes_come_in_many_pieces_with_a_long_pause_in_each_character() {
    let server = SmallServer::honest();
    let begin = Instant::now();
    let many = "x".repeat(100);
    let steps = format!(
        "A open SEND
         A bytes> LOGIN:{{any}}:{many}
         A < KO;AUTH;...
         A closed"
    );
    assert_passed(&play(&server.with_patience(LONG), &steps), "an honest server");
    assert!(server.pieces("SEND1", 1) > 5, "{} pieces", server.pieces("SEND1", 1));
    assert!(begin.elapsed() < Duration::from_secs(6), "no long pause elsewhere: {:?}", begin.elapsed());
    let begin = Instant::now();
    let outcome = play(&server.with_patience(LONG), "A open SEND\nA bytes> ñ日ñññ\nA < KO;SYNTAX;...");
    assert_passed(&outcome, "an honest server");
    assert!(begin.elapsed() >= Duration::from_millis(300), "{:?}", begin.elapsed());
    assert!(server.pieces("SEND2", 1) > 3, "{} pieces", server.pieces("SEND2", 1));
}

#[test]
fn all_other_lines_come_whole() {
    let server = SmallServer::honest();
    let outcome = play(
        &server.with_patience(LONG),
        r"users ana
          A login SEND ana
          A > SEND;m-1;{ana};a line that is long enough to come in more than one piece
          A < OK;...
          A raw> SEND;m-2;{ana};another line that is long enough to come in more than one piece\n
          A < OK;...
          A long> 200
          A < KO;...
          B login RECV ana
          B events 0
          B * 1;...
          B * 2;...
          B last 0 < 2;...",
    );
    assert_passed(&outcome, "an honest server");
    let lines = [("SEND1", 2), ("SEND2", 4), ("RECV1", 3)];
    for (connection, line) in
        lines.iter().flat_map(|(connection, count)| (1..=*count).map(move |line| (*connection, line)))
    {
        assert_eq!(server.pieces(connection, line), 1, "line {line} of {connection}");
    }
}

#[test]
fn an_account_is_out_of_the_lobby_and_its_connection_closed_before_the_next_step() {
    static HAS_LEFT: AtomicBool = AtomicBool::new(false);
    let (closed, is_closed) = mpsc::channel();
    let is_closed = Mutex::new(is_closed);
    let server = SmallServer::but(move |asked, answer| match &*asked.text {
        "LEAVE;#lobby" => {
            thread::sleep(Duration::from_millis(200));
            HAS_LEFT.store(true, Ordering::Relaxed);
        }
        "PING" if is_closed.lock().recv_timeout(LONG / 2).is_err() => answer.say("KO;FULL;not before"),
        text if text.starts_with("LOGIN") && !HAS_LEFT.load(Ordering::Relaxed) => answer.say("KO;FULL;not before"),
        _ => {}
    });
    thread::scope(|scope| {
        let play = scope.spawn(|| play(&server.with_patience(LONG), "users ana\nA login SEND ana\nA > PING\nA < OK"));
        wait_until("the end of the connection", || server.seen("SEND1").len() == 3 || play.is_finished());
        closed.send(()).expect("to send");
        assert_passed(&play.join().expect("an outcome"), "closed by the judge");
    });
}

#[test]
fn a_connection_that_was_dropped_is_none_any_more() {
    let server = SmallServer::honest();
    let said = failure(&play(&server.with_patience(LONG), "users ana\nA login SEND ana\nA drop\nA > PING"));
    assert_eq!([&*said.step, &said.expected, &said.came], ["A > PING", "a connection that is open", "A"]);
    let again = "users ana\nA login SEND ana\nA drop\nA login RECV ana\nA events 0";
    assert_passed(&play(&server.with_patience(LONG), again), "the name is free");
}

#[test]
fn a_server_that_reads_nothing_does_not_hold_the_judge() {
    let server = SmallServer::but(|asked, answer| {
        if asked.text == "HOLD" {
            answer.pause = Duration::from_secs(90);
        }
    });
    let begin = Instant::now();
    let steps = "users ana\nA login SEND ana\nA > HOLD\nA long> 60000000\nB login SEND ana\nB > PING\nB < OK";
    assert_passed(&play(&server.with_patience(LONG), steps), "the other connection is served");
    assert!(begin.elapsed() < Duration::from_secs(80), "{:?}", begin.elapsed());
}

#[test]
fn a_wait_takes_its_time() {
    let begin = Instant::now();
    assert_passed(&play(&SmallServer::honest().with_patience(LONG), "wait 300\nrepeat 2 wait 50"), "an honest server");
    assert!(begin.elapsed() >= Duration::from_millis(400));
}

#[test]
fn a_flood_ends_when_the_socket_takes_no_more() {
    let server = SmallServer::but(|asked, answer| {
        // This one reads nothing more from the flood.
        if asked.text.starts_with("FLOOD") {
            answer.pause = Duration::from_secs(20);
        }
    });
    let flood = format!("FLOOD{{any}}{}", "x".repeat(20_000));
    let steps = format!(
        "users ana
         A login SEND ana
         A flood 3> PING
         repeat 3 A < OK
         A flood 2000> {flood}
         B login SEND ana
         B > PING
         B < KO"
    );
    let begin = Instant::now();
    let said = failure(&play(&server.with_patience(LONG), &steps));
    assert!(begin.elapsed() < Duration::from_secs(15), "the flood ends by itself");
    assert_eq!((&*said.step, &*said.came), ("B < KO", "OK"));
    let floods: Vec<_> = said.moments.iter().filter(|moment| moment.contains("sends ")).collect();
    assert_eq!(*floods[0], "0.000  A   sends 3 times: PING");
    let count = floods[1].split(' ').find_map(|word| word.parse::<u32>().ok()).expect("a number");
    assert!(count > 0 && count < 2000 && floods[1].contains(" times: FLOODany"), "{floods:?}");
}

#[test]
fn the_time_line_has_all_that_was_sent_and_came_since_the_accounts() {
    let server = SmallServer::but(|asked, answer| match &*asked.text {
        "TEXT" => answer.bytes = b"\xff\xfe\n".to_vec(),
        "LONG" => answer.bytes = [vec![b'y'; 250], b"\n".to_vec()].concat(),
        "COLOUR" => answer.bytes = b"a\x1b[31m\tb\n".to_vec(),
        _ => {}
    });
    let outcome = play(
        &server.with_patience(LONG),
        r"users ana luis
          new eva
          A login SEND ana
          A > LONG
          A < <any>
          A > COLOUR
          A < <any>
          A raw> \xff\x00ñ\n
          A < KO;...
          A bytes> hé
          A < KO;...
          A long> 250
          A < KO;...
          A silent 100
          B login RECV ana
          B events 0
          B drop
          A raw> PING\n
          A within 0 20000 < OK
          wait 1
          A > TEXT
          A < OK",
    );
    let xs = "x".repeat(200);
    let ys = "y".repeat(200);
    let moments = [
        "0.000      registers ana",
        "0.000      registers luis",
        "0.000  A   connects to the SEND port",
        "0.000  A > LOGIN:ana:palabra larga␊",
        "0.000  A < OK;ana;wachat/1",
        "0.000  A > LONG␊",
        &format!("0.000  A < {ys}… (250 bytes)"),
        "0.000  A > COLOUR␊",
        "0.000  A < a\u{1b}[31m\tb",
        r"0.000  A > \xff␀ñ␊",
        "0.000  A < KO;SYNTAX;not a request of this port",
        "0.000  A > hé␊",
        "0.000  A < KO;SYNTAX;not a request of this port",
        &format!("0.000  A > {xs}… (250 bytes)"),
        "0.000  A < KO;SYNTAX;not a request of this port",
        "0.000  A < nothing in time",
        "0.000  B   connects to the RECV port",
        "0.000  B > LOGIN:ana:palabra larga␊",
        "0.000  B < OK;ana;wachat/1;0;store1",
        "0.000  B > POLL;0;1␊",
        "0.000  B < OK;0",
        "0.000  B   closes",
        "0.000  A > PING␊",
        "0.000  A < OK",
        "0.000  A > TEXT␊",
        "0.000  A < a line that is no UTF-8",
    ];
    let said = failure(&outcome);
    assert_eq!(said.moments, moments);
    assert_eq!([&*said.step, &said.expected, &said.came], ["A < OK", "OK", "a line that is no UTF-8"]);
    let Verdict::Failed(failure) = &outcome.verdict else { unreachable!() };
    let times: Vec<_> = failure.moments.iter().map(|moment| moment.at).collect();
    assert!(times.is_sorted() && outcome.time >= times[times.len() - 1], "{times:?}");
}
