//! Rates: what a user may ask for, on both ports and all connections together.

use std::time::{Duration, Instant};

use crate::support::{Connection, PASSWORD, World};

/// The lowest rate: 50 tokens a second, and 1,000 of them at once.
const SLOW: [&str; 4] = ["--no-lobby", "--rate", "50", "--queue-per-sender=5000"];
const AT_ONCE: usize = 1_000;

/// Sends all requests before it reads the replies, one line each; a refusal makes the server pause.
fn pipeline(line: &mut Connection, requests: &[String]) -> Vec<String> {
    line.send(format!("{}\n", requests.join("\n")));
    requests.iter().map(|_| line.read_line()).collect()
}

fn is_refused(reply: impl AsRef<str>) -> bool {
    reply.as_ref().starts_with("KO;RATE;")
}

#[test]
fn a_script_that_sends_as_fast_as_it_can_is_not_refused() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    assert_eq!(ana.request("JOIN;#sala"), "OK");
    for some in 0..10 {
        let sends: Vec<_> = (0..400).map(|n| format!("SEND;m-{some}-{n};#sala;hola")).collect();
        assert_eq!(pipeline(&mut ana, &sends).iter().find(|reply| !reply.starts_with("OK;")), None);
    }
}

#[test]
fn rate_refuses_who_sends_too_fast_and_nobody_else() {
    let world = World::new(&SLOW);
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let begin = Instant::now();
    let requests: Vec<_> = (0..3 * AT_ONCE).map(|n| format!("SEND;m-{n};luis;hola")).collect();
    let replies = pipeline(&mut ana, &requests);
    let most = AT_ONCE + 50 * (begin.elapsed().as_secs() as usize + 1);
    let (refused, accepted): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| is_refused(reply));
    assert!(accepted.iter().all(|reply| reply.starts_with("OK;")), "{accepted:?}");
    assert!((AT_ONCE..=most).contains(&accepted.len()), "{} were accepted, of at most {most}", accepted.len());
    assert!(!refused.is_empty(), "none was refused");
    assert!(luis.request("SEND;m-1;ana;hola").starts_with("OK;"), "another user may send");
    // A refused SEND did not happen, and its id is free.
    let id = replies.iter().position(is_refused).expect("a refusal");
    let retry = crate::support::wait_for("tokens", || {
        Some(ana.request(&format!("SEND;m-{id};luis;hola"))).filter(|reply| !is_refused(reply))
    });
    let number = retry.rsplit(';').next().and_then(|number| number.parse().ok());
    assert_eq!(number, Some(accepted.len() + 2), "the numbers of the refused ones were not given");
}

#[test]
fn each_request_takes_the_tokens_of_the_table() {
    let world = World::new(&SLOW);
    for (user, request, tokens) in [
        ("ana", "PING", 1),
        ("luis", "nonsense", 1),
        ("eva", "STATUS;nadie;1", 10),
        ("leo", "HISTORY;nadie", 10),
        ("mar", "MEMBERS;#nowhere", 10),
        ("sol", "JOIN;no-room", 20),
        ("paz", "LEAVE;#nowhere", 20),
        ("luz", "PEER;nadie", 20),
        ("paco", "PERMIT;nadie;yes", 20),
        ("pio", "PERMIT", 20),
        ("rut", "EMAIL;", 20),
    ] {
        let mut line = world.register(user);
        let begin = Instant::now();
        let replies = pipeline(&mut line, &vec![request.to_owned(); 2 * AT_ONCE / tokens]);
        let taken = replies.iter().filter(|reply| !is_refused(reply)).count() * tokens;
        let most = AT_ONCE + 50 * (begin.elapsed().as_secs() as usize + 1);
        assert!((AT_ONCE..=most).contains(&taken), "{request}: {taken} tokens, and there were {most}");
        assert_eq!(line.request("QUIT"), "OK", "{request}: an end is not refused");
    }
}

#[test]
fn the_two_ports_and_all_connections_of_a_user_share_a_bucket() {
    let world = World::new(&SLOW);
    let mut one = world.register("ana");
    let mut two = world.login("ana");
    let mut session = world.session("ana");
    let begin = Instant::now();
    let pings = vec!["PING".to_owned(); AT_ONCE];
    let taken: usize = [&mut one, &mut two, &mut session]
        .into_iter()
        .map(|line| pipeline(line, &pings).iter().filter(|reply| !is_refused(reply)).count())
        .sum();
    let most = AT_ONCE + 50 * (begin.elapsed().as_secs() as usize + 1);
    assert!((AT_ONCE..=most).contains(&taken), "{taken} of at most {most}");
}

#[test]
fn a_retry_of_what_was_accepted_is_not_refused() {
    let world = World::new(&SLOW);
    let mut ana = world.register("ana");
    world.register("luis");
    let first = ana.request("SEND;m-1;luis;hola");
    // Twice as many as it holds: it is empty even if it fills meanwhile.
    let mut requests = vec!["PING".to_owned(); 2 * AT_ONCE];
    requests.extend(vec!["SEND;m-1;luis;hola".to_owned(); 100]);
    let replies = pipeline(&mut ana, &requests);
    assert!(replies.iter().any(is_refused), "the bucket is empty");
    assert_eq!(replies.iter().filter(|reply| **reply == first).count(), 100, "the very same reply, each time");
}

#[test]
fn a_poll_is_held_back_and_never_refused() {
    let world = World::new(&SLOW);
    let mut ana = world.register("ana");
    let mut luis = world.register_session("luis");
    assert!(ana.request("SEND;m-1;luis;hola").starts_with("OK;"));
    pipeline(&mut luis, &vec!["PING".to_owned(); 2 * AT_ONCE]);
    let begin = Instant::now();
    for _ in 0..100 {
        assert_eq!(luis.poll(0, 0).len(), 1, "with its event");
    }
    // 100 polls take 100 tokens, of which 50 come in a second.
    assert!(begin.elapsed() > Duration::from_millis(1_000), "in {:?}", begin.elapsed());
    assert_eq!(luis.request("POLL;1;0"), "OK;0", "an acknowledgement is not refused");
    assert!(ana.list("HISTORY;luis")[0].contains(";DELIVERED;"));
}

/// However long the client wants to wait: with an event it is answered when the debt is paid.
#[test]
fn a_poll_that_is_held_back_waits_for_its_debt_alone() {
    let world = World::new(&SLOW);
    let mut ana = world.register("ana");
    let mut luis = world.register_session("luis");
    let sends: Vec<_> = (0..800).map(|n| format!("SEND;m-{n};luis;hola")).collect();
    assert!(!pipeline(&mut ana, &sends).iter().any(is_refused));
    pipeline(&mut luis, &vec!["PING".to_owned(); 2 * AT_ONCE]);
    for poll in ["POLL;0;0;1", "POLL;0;1;2", "POLL;0;8;3", "POLL;0;29;1", "POLL;0"] {
        // Its events take 33 tokens: the next one is held back for most of a second.
        assert_eq!(luis.list("POLL;0;0;1000").len(), 800);
        let begin = Instant::now();
        assert!(!luis.list(poll).is_empty(), "{poll}: with its events");
        assert!(begin.elapsed() > Duration::from_millis(100), "{poll}: the debt is not paid in {:?}", begin.elapsed());
        assert!(begin.elapsed() < Duration::from_secs(5), "{poll}: in {:?}", begin.elapsed());
    }
}

/// Requests that are never refused are slowed down like those that are, also one after the other.
#[test]
fn retries_above_the_rate_are_read_at_the_rate() {
    let world = World::new(&SLOW);
    let mut ana = world.register("ana");
    world.register("luis");
    let first = ana.request("SEND;m-1;luis;hola");
    for is_pipelined in [false, true] {
        pipeline(&mut ana, &vec!["PING".to_owned(); 2 * AT_ONCE]);
        let begin = Instant::now();
        let retries = vec!["SEND;m-1;luis;hola".to_owned(); 100];
        let replies: Vec<_> = if is_pipelined {
            retries.chunks(10).flat_map(|some| pipeline(&mut ana, some)).collect()
        } else {
            retries.iter().map(|retry| ana.request(retry)).collect()
        };
        assert!(replies.iter().all(|reply| *reply == first), "{replies:?}");
        // A pause of 250 milliseconds gives 12 tokens.
        assert!(begin.elapsed() > Duration::from_secs(1), "100 retries in {:?}", begin.elapsed());
    }
}

/// Empties the bucket of a user with PING, and checks how many tokens were taken from it since a time.
fn assert_taken(line: &mut Connection, tokens: usize, since: Instant) {
    let replies = pipeline(line, &vec!["PING".to_owned(); 2 * AT_ONCE]);
    let left = replies.iter().filter(|reply| !is_refused(reply)).count();
    let most = AT_ONCE + 50 * (since.elapsed().as_secs() as usize + 1);
    assert!((AT_ONCE..=most).contains(&(left + tokens)), "{tokens} taken, {left} left of {AT_ONCE} to {most}");
}

#[test]
fn a_poll_takes_tokens_for_its_events() {
    let world = World::new(&SLOW);
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let sends: Vec<_> = (0..500).map(|n| format!("SEND;m-{n};luis;hola")).collect();
    assert!(!pipeline(&mut ana, &sends).iter().any(is_refused));
    let since = Instant::now();
    let mut session = world.session("luis");
    for _ in 0..20 {
        assert_eq!(session.list("POLL;0;0;1000").len(), 500);
    }
    // The login, and for each poll one, and one for each 25 events.
    assert_taken(&mut luis, 20 + 20 * (1 + 500 / 25), since);
}

#[test]
fn a_login_on_the_recv_port_takes_tokens_and_waits_for_the_end_of_a_debt() {
    let world = World::new(&SLOW);
    let mut ana = world.register("ana");
    let since = Instant::now();
    for _ in 0..25 {
        world.session("ana");
    }
    assert_taken(&mut ana, 25 * 20, since);
    let refused = crate::support::wait_for("a refusal", || {
        let (greeting, _) = Connection::open_with(world.recv, &format!("LOGIN:ana:{PASSWORD}"));
        Some(greeting).filter(|greeting| !greeting.starts_with("OK;"))
    });
    assert!(is_refused(&refused), "{refused}");
    // Not on the other port, and another user is let in.
    world.login("ana");
    world.register_session("luis");
    crate::support::wait_until("the end of the debt", || {
        Connection::open_with(world.recv, &format!("LOGIN:ana:{PASSWORD}")).0.starts_with("OK;")
    });
}

#[test]
fn what_is_read_from_history_files_takes_tokens() {
    let mut world = World::new(&SLOW);
    let mut ana = world.register("ana");
    let text = "x".repeat(1_000);
    let sends: Vec<_> = (0..200).map(|n| format!("SEND;m-{n};ana;{text}")).collect();
    assert!(!pipeline(&mut ana, &sends).iter().any(is_refused));
    // A stop puts all messages into the history file.
    world.stop();
    let mut ana = world.start().login("ana");
    let since = Instant::now();
    for _ in 0..5 {
        assert_eq!(ana.list("HISTORY;ana;200").len(), 200);
    }
    // More than 200,000 bytes each time, of which 4,096 take a token; the rows have 1,100.
    let most = 5 * (10 + 230_000 / 4_096);
    let replies = pipeline(&mut ana, &vec!["PING".to_owned(); 2 * AT_ONCE]);
    let left = replies.iter().filter(|reply| !is_refused(reply)).count();
    let gained = 50 * (since.elapsed().as_secs() as usize + 1);
    let least = 5 * (10 + 200_000 / 4_096);
    assert!((AT_ONCE - most..=AT_ONCE - least + gained).contains(&left), "{left} are left, {gained} were gained");
}

#[test]
fn bytes_of_requests_and_of_replies_are_limited() {
    let world = World::new(&["--no-lobby", "--rate-bytes", "131072"]);
    let mut ana = world.register("ana");
    assert_eq!(ana.request("JOIN;#sala"), "OK");
    // 20 seconds' worth of bytes: 43 of these lines.
    let text = "x".repeat(60_000);
    let begin = Instant::now();
    let replies: Vec<_> = (0..90).map(|n| ana.request(&format!("SEND;m-{n};#sala;{text}"))).collect();
    let accepted = replies.iter().filter(|reply| !is_refused(reply)).count();
    let most = 44 + 3 * (begin.elapsed().as_secs() as usize + 1);
    assert!((43..=most).contains(&accepted), "{accepted} were accepted, of at most {most}");
    // Replies of 240 kB to requests of some bytes.
    assert_eq!(world.register("luis").request("JOIN;#sala"), "OK");
    let mut luis = world.login("luis");
    let mut pages = 0;
    let begin = Instant::now();
    while pages < 100 {
        let reply = luis.request("HISTORY;#sala;1000");
        if is_refused(&reply) {
            break;
        }
        let records = reply.strip_prefix("OK;").and_then(|count| count.parse().ok()).expect("a list");
        (0..records).for_each(|_: usize| drop(luis.read_line()));
        pages += 1;
    }
    let most = 12 + (begin.elapsed().as_secs() as usize + 1);
    assert!((10..=most).contains(&pages), "{pages} pages, of at most {most}");
}

#[test]
fn what_others_write_takes_none_of_the_bytes_of_who_polls() {
    let world = World::new(&["--no-lobby", "--rate-bytes", "131072"]);
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let text = "x".repeat(60_000);
    for number in 0..30 {
        let reply = ana.request(&format!("SEND;m-{number};luis;{text}"));
        assert!(reply.starts_with("OK;"), "{reply}");
    }
    let mut session = world.session("luis");
    let mut bytes = 0;
    let begin = Instant::now();
    // More than all the bytes of a user, in replies of any size.
    for max in [1, 2, 5, 1_000].iter().cycle() {
        bytes += session.list(&format!("POLL;0;0;{max}")).iter().map(String::len).sum::<usize>();
        if bytes > 6_000_000 || begin.elapsed() > Duration::from_secs(30) {
            break;
        }
    }
    for number in 0..10 {
        let reply = luis.request(&format!("SEND;m-{number};ana;{text}"));
        assert!(reply.starts_with("OK;"), "after {bytes} bytes: {reply}");
    }
}

#[test]
fn who_goes_on_all_the_same_is_slowed_down() {
    let world = World::new(&SLOW);
    let mut ana = world.register("ana");
    let pings = vec!["PING".to_owned(); 500];
    (0..4).for_each(|_| drop(pipeline(&mut ana, &pings)));
    let begin = Instant::now();
    let mut refused = 0;
    while begin.elapsed() < Duration::from_secs(2) {
        refused += pipeline(&mut ana, &pings).iter().filter(|reply| is_refused(reply)).count();
    }
    // One pipeline in each pause of 250 milliseconds.
    let pauses = begin.elapsed().as_millis() / 250 + 2;
    assert!(refused as u128 <= 513 * pauses, "{refused} refusals in {pauses} pauses");
}

#[test]
fn no_limits_turns_rates_and_quotas_off() {
    let flags = ["--no-lobby", "--rate=50", "--rate-bytes=131072", "--queue=10", "--queue-per-sender=5", "--no-limits"];
    let world = World::new(&flags);
    let mut ana = world.register("ana");
    world.register("luis");
    for some in 0..5 {
        let sends: Vec<_> = (0..400).map(|n| format!("SEND;m-{some}-{n};luis;hola")).collect();
        assert_eq!(pipeline(&mut ana, &sends).iter().find(|reply| !reply.starts_with("OK;")), None);
    }
    let text = "x".repeat(60_000);
    for n in 0..50 {
        let reply = ana.request(&format!("SEND;long-{n};luis;{text}"));
        assert!(reply.starts_with("OK;"), "{reply}");
    }
}

#[test]
fn a_rate_of_0_is_none() {
    let world = World::new(&["--no-lobby", "--rate", "0", "--rate-bytes", "0"]);
    let mut ana = world.register("ana");
    for _ in 0..100 {
        assert!(pipeline(&mut ana, &vec!["PING".to_owned(); 400]).iter().all(|reply| reply == "OK"));
    }
}
