//! `wachat connect` with its input a pipe: what scripts rely on.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::support::clients::{all_output, exit_code};
use crate::support::{PASSWORD, WACHAT, World, wait_until};

#[test]
fn a_line_is_sent_and_the_exit_code_says_so() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let output = world.pipe("ana", "@luis: hola\n", &[]);
    assert_eq!((exit_code(&output), all_output(&output)), (0, String::new()));
    assert_eq!(world.texts("ana", "OUT"), ["hola"]);
}

#[test]
fn all_forms_and_the_order_of_lines() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let input = "@luis: one\n/msg luis two\n\n/query luis\nthree\n//four\n@luis: five; \"six\\n\" ñ";
    let output = world.pipe("ana", input, &[]);
    assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
    assert_eq!(world.texts("ana", "OUT"), ["one", "two", "three", "/four", "five; \"six\\n\" ñ"]);
    let output = world.pipe("ana", "@luis: seven\n/history luis 3\n/status luis\n/users\n", &[]);
    let seen = all_output(&output);
    assert!(seen.contains("] ana: /four ✓\n") && seen.contains("luis: received by the server\n"), "{seen}");
    assert!(seen.contains("luis offline") && exit_code(&output) == 0, "{seen}");
}

#[test]
fn a_permanent_failure_is_explained_and_the_other_lines_are_sent() {
    let world = World::without_lobby();
    world.register_clients(&["ana", "luis"]);
    let output = world.pipe("ana", "@nobody: lost\n@luis: arrives\n/mgs luis typo\nno chat\n\u{1b}[A\n", &[]);
    let seen = all_output(&output);
    assert_eq!(exit_code(&output), 1, "{seen}");
    for why in ["@nobody: lost — not sent: there is no such user", "did you mean /msg?", "no current chat", "control"]
    {
        assert!(seen.contains(why), "{why}: {seen}");
    }
    assert_eq!(world.texts("ana", "OUT"), ["arrives"]);
    // The failed one is taken out: it is not tried again.
    let output = world.pipe("ana", "", &[]);
    assert_eq!((exit_code(&output), all_output(&output)), (0, String::new()));
    assert_eq!(world.history("ana", "FAILED").len(), 1);
}

#[test]
fn the_longest_message_passes_and_a_longer_one_is_refused() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let most = wachat::limits::TEXT_BYTES;
    let longest = "x".repeat(most);
    let longer = "y".repeat(most + 1);
    let line = "z".repeat(1 << 20);
    let output = world.pipe("ana", &format!("@luis: {longest}\n@luis: {longer}\n{line}\n@luis: after\n"), &[]);
    assert_eq!(exit_code(&output), 1, "{}", all_output(&output));
    assert_eq!(all_output(&output).matches("sent").count(), 2, "{}", all_output(&output));
    assert_eq!(world.texts("ana", "OUT"), [longest.as_str(), "after"]);
}

#[test]
fn names_are_the_servers_to_judge_and_written_as_their_owner_does() {
    let world = World::new(&[]);
    world.register_clients(&["María", "luis"]);
    let output = world.pipe("luis", "@MARÍA: hola\n@maria: not she\n@#sala: no such room\n/users\n", &[]);
    assert_eq!(exit_code(&output), 1, "{}", all_output(&output));
    assert!(all_output(&output).contains("María offline"), "{}", all_output(&output));
    assert_eq!((world.texts("luis", "OUT"), world.history("luis", "FAILED").len()), (vec!["hola".to_owned()], 2));
    let mut maria = world.terminal("maría", &[]);
    maria.expect("] luis: hola");
    maria.quit();
}

#[test]
fn a_server_that_is_away_leaves_it_in_the_outbox_and_the_next_start_sends_it_once() {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    world.kill();
    assert_eq!(exit_code(&world.pipe("ana", "", &[])), 4);
    let output = world.pipe("ana", "@luis: one\n@luis: two\n", &[]);
    assert_eq!(exit_code(&output), 5, "{}", all_output(&output));
    assert!(all_output(&output).contains("2 in the outbox"), "{}", all_output(&output));
    assert_eq!(exit_code(&world.pipe("ana", "@luis: three\n", &[])), 5);
    world.start();
    assert_eq!(exit_code(&world.pipe("ana", "@luis: four\n", &[])), 0);
    assert_eq!(world.texts("ana", "OUT"), ["one", "two", "three", "four"]);
}

#[test]
fn a_refused_login_queues_nothing() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let file = world.path("password");
    fs::write(&file, "not the password\n").unwrap();
    let output = world.pipe("ana", "@luis: hola\n", &["--password-file", file.to_str().unwrap()]);
    assert_eq!(exit_code(&output), 3, "{}", all_output(&output));
    let output = world.pipe("ana", "", &["--register", "--password-file", file.to_str().unwrap()]);
    assert!(exit_code(&output) == 3 && all_output(&output).contains("the name is taken"), "{}", all_output(&output));
    fs::write(&file, format!("{PASSWORD}\r\nsecond line\n")).unwrap();
    assert_eq!(exit_code(&world.pipe("ana", "", &["--password-file", file.to_str().unwrap()])), 0);
    assert!(world.texts("ana", "OUT").is_empty());
    assert_eq!(exit_code(&world.pipe("eva", "", &[])), 3, "a pipe registers nobody unasked");
}

#[test]
fn wrong_arguments_are_said_and_exit_with_2() {
    let world = World::new(&[]);
    for (user, more) in [("a/b", &[][..]), ("ana", &["--password-file", "/nowhere"]), ("ana", &["--unknown"])] {
        let output = world.pipe(user, "", more);
        assert!(exit_code(&output) == 2 && !all_output(&output).is_empty(), "{user} {more:?}: {}", all_output(&output));
    }
    let mut command = Command::new(WACHAT);
    command.args(world.arguments("ana", &[])).env("WACHAT_PASSWORD", "").stdin(Stdio::null());
    assert_eq!(exit_code(&command.output().unwrap()), 2, "an empty password");
}

#[test]
fn a_full_queue_holds_its_conversation_alone() {
    let world = World::new(&["--queue-per-sender", "2"]);
    world.register_clients(&["ana", "luis", "eva"]);
    let input = "@luis: 1\n@luis: 2\n@luis: 3\n@luis: 4\n@eva: 1\n@eva: 2\n";
    let output = world.pipe("ana", input, &[]);
    assert_eq!(exit_code(&output), 5, "{}", all_output(&output));
    assert!(all_output(&output).contains("what you wrote to luis waits"), "{}", all_output(&output));
    let sent: Vec<_> = world.history("ana", "OUT").iter().map(|row| format!("{} {}", row[4], row[6])).collect();
    assert_eq!(sent, ["luis 1", "luis 2", "eva 1", "eva 2"]);
}

#[test]
fn sending_too_fast_only_takes_longer() {
    let world = World::new(&["--rate", "50"]);
    world.register_clients(&["ana", "luis"]);
    let input: String = (0..120).map(|n| format!("@luis: {n}\n")).collect();
    let output = world.pipe("ana", &input, &[]);
    assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
    let all: Vec<_> = (0..120).map(|n| n.to_string()).collect();
    assert_eq!(world.texts("ana", "OUT"), all);
}

#[test]
fn a_pipe_beside_a_running_client_takes_nobodys_place() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("connected to");
    assert_eq!(exit_code(&world.pipe("ana", "@luis: from a script\n", &[])), 0);
    assert_eq!(exit_code(&world.pipe("luis", "@ana: still there?\n", &[])), 0);
    ana.expect("luis: still there?");
    assert!(!ana.screen().contains("took over"), "{}", ana.screen());
    ana.quit();
    // The next client takes the script's rows over, once.
    let mut ana = world.terminal("ana", &[]);
    ana.type_line("/history luis");
    ana.expect("ana: from a script ✓");
    ana.quit();
    assert_eq!([world.texts("ana", "OUT"), world.texts("ana", "MISSED")].concat(), ["from a script"]);
}

#[test]
fn a_pipe_may_stay_open_as_long_as_it_likes() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut child = world.start_pipe("ana", &[]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"@luis: first\n").unwrap();
    wait_until("the first", || world.texts("ana", "OUT") == ["first"]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("connected to");
    assert_eq!(exit_code(&world.pipe("ana", "@luis: second\n", &[])), 0);
    stdin.write_all(b"@luis: third").unwrap();
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    ana.quit();
    let output = world.pipe("ana", "/history luis\n", &[]);
    let order: Vec<_> = all_output(&output).lines().map(|line| line.rsplit(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(order, ["first", "second", "third"]);
}

#[test]
fn with_receive_a_pipe_shows_what_comes_and_tells_that_it_was_read() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut child = world.start_pipe("ana", &["--receive"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"@luis: first\n").unwrap();
    wait_until("the first", || world.texts("ana", "OUT") == ["first"]);
    assert_eq!(exit_code(&world.pipe("luis", "@ana: hola\n", &[])), 0);
    wait_until("READ", || all_output(&world.pipe("luis", "/status ana\n", &[])).contains("ana: read"));
    stdin.write_all(b"@luis: last").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(exit_code(&output) == 0 && all_output(&output).contains("] luis: hola\n"), "{}", all_output(&output));
    assert_eq!(world.texts("ana", "OUT"), ["first", "last"]);
}

#[test]
fn messages_queued_by_a_pipe_beside_a_client_are_sent_by_the_next_client() {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut ana = world.terminal("ana", &[]);
    ana.expect("connected to");
    world.kill();
    ana.expect("the server is away");
    assert_eq!(exit_code(&world.pipe("ana", "@luis: later\n", &[])), 5);
    ana.kill();
    world.start();
    let mut ana = world.terminal("ana", &[]);
    ana.expect_tick("✓", "@luis: later");
    ana.quit();
    assert_eq!(world.texts("ana", "OUT"), ["later"]);
}

#[test]
fn a_lost_answer_is_asked_again_with_the_same_id() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    world.kill();
    world.send_port = listener.local_addr().unwrap().port();
    let mut child = world.start_pipe("ana", &[]);
    child.stdin.take().unwrap().write_all(b"@luis: hola\n").unwrap();
    let ask = |answer: Option<&str>| {
        use std::io::{BufRead, BufReader};
        let mut connection = BufReader::new(listener.accept().unwrap().0);
        let mut line = String::new();
        connection.read_line(&mut line).unwrap();
        connection.get_mut().write_all(b"OK;ana;wachat/1\n").unwrap();
        line.clear();
        connection.read_line(&mut line).unwrap();
        // A retry looks for the message first, and does not find it.
        if line.starts_with("HISTORY;luis;") {
            connection.get_mut().write_all(b"OK;0\n").unwrap();
            line.clear();
            connection.read_line(&mut line).unwrap();
        }
        if let Some(answer) = answer {
            let id = line.split(';').nth(1).unwrap();
            let answer = answer.replace("<id>", id);
            connection.get_mut().write_all(answer.as_bytes()).unwrap();
        }
        line
    };
    let first = ask(None);
    let second = ask(Some("KO;SHUTDOWN;the server is stopping\n"));
    let third = ask(Some("OK;<id>;RECEIVED;2026-11-20T23:55:00.123Z;7\n"));
    assert!(first.starts_with("SEND;") && first == second && second == third, "{first}{second}{third}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(world.texts("ana", "OUT"), ["hola"]);
}

#[test]
fn killed_at_any_moment_it_loses_and_doubles_nothing() {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut typed = 0;
    for round in 0..6 {
        let mut child = world.start_pipe("ana", &[]);
        let mut stdin = child.stdin.take().unwrap();
        let before = world.texts("ana", "OUT").len();
        for _ in 0..40 {
            stdin.write_all(format!("@luis: {typed}\n").as_bytes()).unwrap();
            typed += 1;
        }
        wait_until("some traffic", || world.texts("ana", "OUT").len() > before + 3 * round);
        if round == 3 {
            world.kill();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if round == 3 {
            world.start();
        }
    }
    assert_eq!(exit_code(&world.pipe("ana", "@luis: last\n", &[])), 0);
    check_rising(&world.texts("ana", "OUT"));
    let mut luis = world.terminal("luis", &[]);
    luis.expect("ana: last");
    luis.quit();
    let received = world.texts("luis", "IN");
    assert_eq!(received, world.texts("ana", "OUT"), "luis has what ana sent, each once, in order");
}

/// Lines that a killed client had not taken yet are not there; the others are in order, each once.
fn check_rising(texts: &[String]) {
    let numbers: Vec<u32> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert!(numbers.len() > 20, "{numbers:?}");
}
