//! A run: which tests it plays, beside each other or one after the other, and what it needs before it begins.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tempfile::TempDir;
use wachat::course::judge::script::{self, Side, Test};
use wachat::course::judge::{self, Server, Verdict};

use super::small_server::SmallServer;
use super::{LONG, assert_passed, failure, play, side_by_side, test};

#[test]
fn a_step_on_a_connection_that_is_not_open_fails_and_is_named() {
    let server = SmallServer::honest();
    for step in ["Z < OK", "Z > PING", "Z closed", "Z shut", "repeat 2 Z > PING"] {
        let said = failure(&play(&server.with_patience(LONG), &format!("users ana\nA login SEND ana\n{step}")));
        assert_eq!([&*said.step, &said.expected, &said.came], [step, "a connection that is open", "Z"]);
    }
}

#[test]
fn a_comparison_holds_for_numbers_that_have_names_and_ascend() {
    let server = SmallServer::honest();
    let begin =
        "users ana\nA login SEND ana\nrepeat 2 A > SEND;m-{i};{ana};x\nrepeat 2 A < OK;<any>;RECEIVED;<time>;<n{i}>\n";
    let outcome = |step: &str| play(&server.with_patience(LONG), &format!("{begin}check {step}"));
    assert_passed(&outcome("<n1> < <n2>"), "one after the other");
    assert_passed(&outcome("0 < <n1>"), "a number itself");
    for step in ["<n2> < <n1>", "<n1> < <n1>", "<n1> < <n3>"] {
        let said = failure(&outcome(step));
        let number = |text: &str| text.parse::<u64>().expect("a number");
        let came: Vec<_> = said.came.split(" < ").collect();
        assert_eq!(said.expected, step);
        assert_eq!(said.step, format!("check {}", said.came), "the step with its numbers");
        assert!(step.contains("n3") || came.iter().all(|text| number(text) > 0), "{came:?}");
    }
}

#[test]
fn a_port_where_nobody_listens_is_named() {
    let honest = SmallServer::honest();
    let nobody =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a port");
    let server = Server { recv: nobody, ..honest.with_patience(LONG) };
    let said = failure(&play(&server, "users ana\nA open SEND\nB login RECV ana"));
    assert_eq!(
        [&*said.step, &said.expected],
        ["B login RECV ana", &format!("a connection to {nobody}, the RECV port")]
    );
    assert!(said.came.contains("refused"), "{}", said.came);
    assert_eq!(said.moments, ["0.000      registers ana", "0.000  A   connects to the SEND port"]);
    let server = Server { send: nobody, ..honest.with_patience(LONG) };
    let said = failure(&play(&server, "A open RECV\nusers ana"));
    assert_eq!([&*said.step, &said.expected], ["users ana", &format!("a connection to {nobody}, the SEND port")]);
}

#[test]
fn a_server_is_looked_at_on_both_ports_before_a_run() {
    let honest = SmallServer::honest();
    assert_eq!(honest.with_patience(LONG).check(), Ok(()));
    let silent = SmallServer::but(|_, answer| answer.bytes.clear());
    assert_eq!(silent.with_patience(LONG).check(), Ok(()), "it need not answer");
    let nobody =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a port");
    let tls = SmallServer::but(|_, answer| answer.say("KO;TLS;this server speaks TLS"));
    for port in ["SEND", "RECV"] {
        let with = |other: SocketAddr| {
            let server = honest.with_patience(LONG);
            if port == "SEND" { Server { send: other, ..server } } else { Server { recv: other, ..server } }
        };
        let why = with(nobody).check().unwrap_err();
        assert!(why.starts_with(&format!("there is no server at {nobody}, the {port} port: ")), "{why}");
        assert!(why.ends_with("; start it first"), "{why}");
        let address = tls.addresses[usize::from(port == "RECV")];
        let why = format!(
            "the server at {address} speaks TLS, and the judge speaks clear text alone; start it without --tls"
        );
        assert_eq!(with(address).check(), Err(why));
    }
}

/// Lets lines go on when this number waits at the same time, and counts how many have waited at most.
#[derive(Default)]
struct Barrier {
    waiting: Mutex<[usize; 2]>,
    changed: Condvar,
}

impl Barrier {
    fn pass(&self, together: usize) {
        let mut waiting = self.waiting.lock();
        waiting[0] += 1;
        waiting[1] = waiting[1].max(waiting[0]);
        self.changed.notify_all();
        let deadline = Instant::now() + LONG;
        while waiting[1] < together && !self.changed.wait_until(&mut waiting, deadline).timed_out() {}
        drop(waiting);
        // One more that should not be there has the time to come.
        thread::sleep(Duration::from_millis(100));
        self.waiting.lock()[0] -= 1;
    }
}

#[test]
fn as_many_tests_as_there_are_players_are_played_side_by_side() {
    side_by_side(&[(0, 1), (1, 1), (3, 3)], |&(players, together)| {
        let barrier = Arc::<Barrier>::default();
        let of_server = barrier.clone();
        let server = SmallServer::but(move |_, answer| {
            of_server.pass(together);
            answer.say("OK");
        });
        let server = Server { players, ..server.with_patience(LONG) };
        let tests: Vec<_> = (0..7).map(|_| test(Side::Server, "A open SEND\nA > PING\nA < OK")).collect();
        let told = Mutex::new(0);
        let outcomes = judge::run(&server, &tests, |_| *told.lock() += 1);
        outcomes.iter().for_each(|outcome| assert_passed(outcome, "an honest server"));
        assert_eq!((outcomes.len(), told.into_inner(), barrier.waiting.lock()[1]), (7, 7, together));
    });
}

/// Returns a test with this number.
fn test_of(number: usize, steps: &str) -> Test {
    let Test { group, title, clause, usual, needs, alone, .. } = *test(Side::Server, steps);
    let name = format!("n-{number}");
    let section = "1".to_owned();
    let steps = test(Side::Server, steps).steps.clone();
    Test { number, name, group, title, clause, section, usual, needs, alone, steps }
}

fn numbered(number: usize, steps: &str) -> &'static Test {
    Box::leak(Box::new(test_of(number, steps)))
}

#[test]
fn tests_that_restart_come_last_one_after_the_other_and_results_are_in_the_order_of_the_tests() {
    let directory = TempDir::new().expect("a directory");
    let server = SmallServer::honest();
    let file = directory.path().join("restarts");
    // Two that run at the same time would both find no lock, or the other's.
    let command = format!("mkdir {0}.lock && sleep 0.2 && rmdir {0}.lock && echo x >>{0}", file.display());
    let server = Server { players: 4, restart: Some(command), ..server.with_patience(LONG) };
    let restarts = "users ana\nrestart\nA login SEND ana\nA > PING\nA < OK";
    let tests = [numbered(9, restarts), numbered(4, "wait 300"), numbered(7, restarts), numbered(2, "wait 1")];
    let told = Mutex::new(Vec::new());
    let outcomes = judge::run(&server, &tests, |outcome| told.lock().push(outcome.test.number));
    outcomes.iter().for_each(|outcome| assert_passed(outcome, "an honest server"));
    assert_eq!(outcomes.iter().map(|outcome| outcome.test.number).collect::<Vec<_>>(), [2, 4, 7, 9]);
    let told = told.into_inner();
    assert_eq!((told.len(), told.iter().max(), &told[2..]), (4, Some(&9), &[9, 7][..]), "{told:?}");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "x\nx\n");
    assert!(outcomes[1].time >= Duration::from_millis(300) && outcomes[0].time < outcomes[1].time);
}

#[test]
fn a_test_of_what_clients_do_to_each_other_has_none_at_its_side() {
    let names: Vec<_> = script::all().filter(|test| test.alone).map(|test| test.name.as_str()).collect();
    assert_eq!(names, ["send-9", "poll-5", "poll-7"]);
    let busy = Arc::<Mutex<usize>>::default();
    let of_server = busy.clone();
    let server = SmallServer::but(move |asked, answer| match asked.text.as_str() {
        "PING" => {
            *of_server.lock() += 1;
            thread::sleep(Duration::from_millis(300));
            *of_server.lock() -= 1;
        }
        "QUIT" => answer.say(if *of_server.lock() == 0 { "OK" } else { "KO;X;there are others" }),
        _ => {}
    });
    let mut tests: Vec<_> =
        (2..6).map(|number| numbered(number, "users ana\nA login SEND ana\nA > PING\nA < OK")).collect();
    let quit = Test { alone: true, ..test_of(1, "users ana\nA login SEND ana\nA > QUIT\nA < OK") };
    tests.insert(0, Box::leak(Box::new(quit)));
    let server = Server { players: 5, once: true, ..server.with_patience(LONG) };
    let outcomes = judge::run(&server, &tests, |_| {});
    assert_eq!(outcomes.len(), 5);
    outcomes.iter().for_each(|outcome| assert_passed(outcome, "it is alone"));
}

#[test]
fn a_restart_closes_all_connections_and_waits_for_both_ports() {
    let server = SmallServer::honest();
    let steps = "users ana\nA login SEND ana\nB login RECV ana\nrestart\nC login SEND ana\nA > PING";
    let said = failure(&play(&Server { restart: Some("true".to_owned()), ..server.with_patience(LONG) }, steps));
    assert_eq!([&*said.step, &said.expected, &said.came], ["A > PING", "a connection that is open", "A"]);
    assert!(
        said.moments.contains(&"0.000      the server is killed and started again".to_owned()),
        "{:?}",
        said.moments
    );
    for (connection, line) in [("SEND2", "LOGIN:ana"), ("RECV1", "LOGIN:ana")] {
        let seen = server.seen(connection);
        assert!(seen.len() == 2 && seen[0].starts_with(line) && seen[1] == "end", "{seen:?}");
    }
    let seen = [server.seen("SEND3"), server.seen("RECV2")].map(|lines| super::plain(&lines[0]));
    assert_eq!(seen, ["REGISTER:new:palabra larga\n", "LOGIN:new:palabra larga\n"]);
}

#[test]
fn a_restart_that_fails_is_told_with_its_command() {
    let server = SmallServer::honest();
    let expected = "a server that was started again";
    for (command, came) in [
        ("exit 3", "\"exit 3\" ended with exit status: 3"),
        ("kill -9 $$", "\"kill -9 $$\" ended with signal: 9 (SIGKILL)"),
    ] {
        let said = failure(&play(
            &Server { restart: Some(command.to_owned()), ..server.with_patience(LONG) },
            "users ana\nrestart",
        ));
        assert_eq!([&*said.step, &said.expected, &said.came], ["restart", expected, came]);
    }
}

#[test]
fn without_a_command_a_test_that_restarts_is_skipped_and_asks_nothing() {
    let server = SmallServer::honest();
    for steps in ["users ana luis\nrestart", "users ana luis\ncrashes"] {
        let outcome = play(&server.with_patience(LONG), steps);
        assert!(
            matches!(&outcome.verdict, Verdict::Skipped(why) if why == "it needs --restart COMMAND"),
            "{:?}",
            outcome.verdict
        );
    }
    assert_eq!(server.connections(), 0);
    assert_passed(
        &play(&server.with_patience(LONG), "users ana\nA open SEND\nA > restart\nA < KO;SYNTAX;..."),
        "a line that is called so",
    );
}
