//! The real bridge between a real server and a Bot API on this machine.

mod texts;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::random::Random;
use crate::support::telegram::{CHAT, Fault, TOKEN, Telegram};
use crate::support::{Connection, PASSWORD, World, run_to_end, send_signal, wait_for, wait_or};
use serde_json::json;
use wachat::bridge::Token;
use wachat::record::{Fields, Writer};

/// A server with ana and the bridge's user in a room, a chat, and where a bridge keeps its state.
struct BridgedRoom {
    world: World,
    telegram: Telegram,
    ana: Connection,
    said: usize,
}

impl BridgedRoom {
    fn new() -> Self {
        let world = World::without_lobby();
        std::fs::write(world.path("token"), format!("{TOKEN}\n")).unwrap();
        signal_free(&world.path("token"));
        let mut ana = world.register("ana");
        let mut bridge = world.register("bridge");
        for line in [&mut ana, &mut bridge] {
            assert_eq!(line.request("JOIN;#lobby"), "OK");
        }
        Self { world, telegram: Telegram::start(), ana, said: 0 }
    }

    fn command(&self) -> Command {
        self.command_for("#lobby")
    }

    fn command_for(&self, room: &str) -> Command {
        let mut command = Command::new(crate::support::WACHAT);
        command.args(["bridge", "telegram", "--user", "bridge", "--room", room]);
        command.args(["--chat-id", &CHAT.to_string(), "--api-url", &self.telegram.url()]);
        command.arg("--token-file").arg(self.world.path("token")).arg("--home").arg(self.world.path("home"));
        command.args(["--send-port", &self.world.send.port().to_string()]);
        command.args(["--recv-port", &self.world.recv.port().to_string()]);
        command.env("WACHAT_PASSWORD", PASSWORD).env_remove("RUST_LOG");
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command
    }

    /// A bridge that carries what is said from now on.
    fn bridge(&self) -> Bridge {
        Bridge::start(self.command(), self.world.path("bridge.log"))
    }

    /// Returns the standard error of all bridges so far.
    fn log(&self) -> String {
        std::fs::read_to_string(self.world.path("bridge.log")).unwrap_or_default()
    }

    fn expect_log(&self, text: &str) {
        wait_or(|| self.log().contains(text).then_some(()), || format!("{text:?} is not in the log:\n{}", self.log()));
    }

    /// Ana says it in the room; its number.
    fn say(&mut self, text: &str) -> u64 {
        self.said += 1;
        let mut line = Vec::new();
        Writer::new(&mut line).plain("SEND").plain(format_args!("m-{}", self.said)).plain("#lobby").text(text).end();
        self.ana.send(line);
        let answer = self.ana.read_line();
        answer.rsplit(';').next().and_then(|seq| seq.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
    }

    /// Returns the messages of the bridge in the room, oldest first.
    fn brought(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        let mut before = String::new();
        loop {
            let page = self.world.login("ana").list(&format!("HISTORY;#lobby;1000{before}"));
            let Some(first) = page.first() else { return texts };
            before = format!(";{}", first.split(';').next().unwrap());
            let bridged = |record: &String| {
                let fields = Fields::parse(record.as_bytes()).unwrap();
                (fields.get(2) == Some("bridge")).then(|| fields.get(6).unwrap().to_owned())
            };
            texts.splice(0..0, page.iter().filter_map(bridged));
        }
    }

    fn expect_brought(&mut self, expected: &[String]) {
        let last = wait_or_last(|| self.brought(), |texts| texts.len() >= expected.len());
        assert_eq!(last, expected, "{}", self.log());
    }

    fn expect_sent(&self, expected: &[String]) {
        let last = wait_or_last(|| self.telegram.sent(), |texts| texts.len() >= expected.len());
        assert_eq!(last, expected, "{}", self.log());
    }

    /// Something said last, each way, has arrived: whatever came before it has been dealt with.
    fn expect_quiet(&mut self) {
        self.say("last");
        self.telegram.say("last");
        wait_for("the last one to arrive in the chat", || {
            self.telegram.sent().iter().any(|t| t == "ana: last").then_some(())
        });
        let end = "Telegram - Marta Ruiz: last";
        wait_for("the last one to arrive in the room", || self.brought().iter().any(|t| t == end).then_some(()));
    }
}

fn signal_free(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Looks until it is as wanted, or long enough; what was seen last.
fn wait_or_last<T>(mut look: impl FnMut() -> T, wanted: impl Fn(&T) -> bool) -> T {
    let start = Instant::now();
    loop {
        let seen = look();
        if wanted(&seen) || start.elapsed() > crate::support::TIMEOUT {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn owned<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
}

/// A bridge process.
struct Bridge(Child);

impl Bridge {
    fn start(command: Command, log: PathBuf) -> Self {
        let mut bridge = Self::launch(command, log);
        let mut line = String::new();
        BufReader::new(bridge.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("wachat: bridging #") && line.contains(" and Telegram chat"), "{line:?}");
        bridge
    }

    /// Without waiting until it is ready.
    fn launch(mut command: Command, log: PathBuf) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        Self(command.stdout(Stdio::piped()).stderr(log).spawn().unwrap())
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn wait_for_exit(mut self) -> Option<i32> {
        wait_for("the bridge to end", || self.0.try_wait().unwrap()).code()
    }

    fn stop(self) -> Duration {
        let start = Instant::now();
        send_signal(self.0.id(), "TERM");
        assert_eq!(self.wait_for_exit(), Some(0));
        start.elapsed()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn messages_go_both_ways_and_none_comes_back() {
    let mut room = BridgedRoom::new();
    let _bridge = room.bridge();
    room.telegram.say("hola");
    room.expect_brought(&owned(["Telegram - Marta Ruiz: hola"]));
    room.say("¿qué tal?");
    room.say("one\ntwo; \"three\" \\n\n👩‍🚀");
    room.say("/me waves");
    room.telegram.message(json!({"text": "one\ntwo\u{7}", "from": {"id": 8, "is_bot": false, "username": "eva"}}));
    room.telegram.message(json!({"text": "🙂", "reply_to_message": {"message_id": 1, "text": "hola\nadiós"}}));
    room.telegram.message(json!({"photo": [{"file_id": "x"}], "caption": "look"}));
    room.telegram.message(json!({"sticker": {"emoji": "🙂"}}));
    room.expect_sent(&owned(["ana: ¿qué tal?", "ana: one\n    two; \"three\" \\n\n    👩‍🚀", "* ana waves"]));
    room.expect_brought(&owned([
        "Telegram - Marta Ruiz: hola",
        "Telegram - eva: one\n    two␇",
        "Telegram - Marta Ruiz: > hola\n    🙂",
        "Telegram - Marta Ruiz: [photo] look",
        "Telegram - Marta Ruiz: [sticker 🙂]",
    ]));
    room.expect_quiet();
    assert_eq!((room.telegram.sent().len(), room.brought().len()), (4, 6));
    assert_eq!(room.log(), "");
}

#[test]
fn messages_for_neither_the_room_nor_the_chat_are_not_carried() {
    let mut room = BridgedRoom::new();
    let _bridge = room.bridge();
    for _ in 0..3 {
        room.telegram.message(json!({"text": "psst", "chat": {"id": 42, "type": "private"}}));
    }
    room.telegram.message(json!({"text": "beep", "from": {"id": 9, "is_bot": true, "first_name": "Robot"}}));
    room.telegram.update("edited_message", json!({"message_id": 1, "chat": {"id": CHAT}, "text": "edited"}));
    room.telegram.message(json!({"new_chat_members": [{"id": 9}]}));
    room.telegram.update("message", json!({"message_id": 1, "chat": "broken"}));
    assert!(room.ana.request("SEND;d-1;bridge;for you alone").starts_with("OK;"));
    assert_eq!(room.ana.request("JOIN;#other"), "OK");
    assert!(room.ana.request("SEND;d-2;#other;elsewhere").starts_with("OK;"));
    room.expect_quiet();
    assert_eq!(room.telegram.sent(), ["ana: last"]);
    assert_eq!(room.brought(), ["Telegram - Marta Ruiz: last"]);
    let log = room.log();
    assert_eq!(log.matches("messages of chat 42").count(), 1, "{log}");
    assert!(log.contains("cannot be read") && !log.contains("psst"), "{log}");
}

#[test]
fn the_first_start_carries_no_history_and_later_ones_what_came_meanwhile() {
    let mut room = BridgedRoom::new();
    // The bridge is in the room already: this waits for it.
    room.say("before");
    room.telegram.say("before");
    room.telegram.say("before too");
    let bridge = room.bridge();
    room.say("one");
    room.telegram.say("one");
    room.expect_sent(&owned(["ana: one"]));
    room.expect_brought(&owned(["Telegram - Marta Ruiz: one"]));
    // In the middle of a long poll.
    let took = bridge.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
    room.say("two");
    room.telegram.say("two");
    let _bridge = room.bridge();
    room.expect_quiet();
    assert_eq!(room.telegram.sent(), ["ana: one", "ana: two", "ana: last"]);
    let names = ["one", "two", "last"].map(|text| format!("Telegram - Marta Ruiz: {text}"));
    assert_eq!(room.brought(), names);
    assert_eq!(room.log(), "");
}

#[test]
fn after_a_long_absence_the_newest_hundred_are_carried_and_the_rest_reported() {
    let mut room = BridgedRoom::new();
    room.bridge().stop();
    for number in 0..130 {
        room.say(&format!("{number}"));
    }
    let _bridge = room.bridge();
    let newest: Vec<_> = (30..130).map(|number| format!("ana: {number}")).collect();
    room.expect_sent(&newest);
    room.expect_log("messages of #lobby came while the bridge was away: not carried");
}

#[test]
fn the_longest_message_arrives_in_parts_that_telegram_takes() {
    let mut room = BridgedRoom::new();
    let _bridge = room.bridge();
    let words: Vec<_> = (0..10_000).map(|number| number.to_string()).collect();
    room.say(&words.join(" "));
    room.say(&"🙂".repeat(15_000));
    room.say("short");
    wait_for("the last one", || room.telegram.sent().iter().any(|text| text == "ana: short").then_some(()));
    let sent = room.telegram.sent();
    let bodies: Vec<_> = sent.iter().map(|text| text.split_once(": ").unwrap().1).collect();
    let first = bodies.iter().position(|text| text.starts_with('🙂')).unwrap();
    assert_eq!(bodies[..first].join(" "), words.join(" "));
    assert_eq!(bodies[first..bodies.len() - 1].concat(), "🙂".repeat(15_000));
    assert!(sent[1].starts_with(&format!("ana (2/{first}): ")), "{}", &sent[1][..20]);
}

#[test]
fn each_failure_of_telegram_is_taken_for_what_it_is() {
    let mut room = BridgedRoom::new();
    let _bridge = room.bridge();
    let start = Instant::now();
    let faults = [Fault::Later(1), Fault::Status(500), Fault::CutBefore, Fault::CutAfter, Fault::Status(403)];
    room.telegram.fail(&faults);
    // The first is asked for again, and again met by a fault: a message a fault, from the second on.
    let seqs: Vec<_> = (1..=5).map(|number| room.say(&number.to_string())).collect();
    room.expect_sent(&owned(["ana: 3", "ana: 5"]));
    assert!(start.elapsed() >= Duration::from_secs(1), "429 says how long to wait");
    let log = room.log();
    for (seq, unclear) in seqs.iter().zip([true, true, true, false, false]) {
        assert_eq!(log.contains(&format!("UNCLEAR: message {seq} of ana, part 1")), unclear, "{log}");
    }
    assert!(log.contains(&format!("refused message {} of ana, part 1: as the test wants", seqs[3])), "{log}");
    room.expect_quiet();
    assert_eq!(room.telegram.sent(), ["ana: 3", "ana: 5", "ana: last"]);
}

#[test]
fn a_pause_of_years_that_telegram_asks_for_is_cut() {
    let mut room = BridgedRoom::new();
    let mut command = room.command();
    command.env("RUST_LOG", "info");
    let _bridge = Bridge::start(command, room.world.path("bridge.log"));
    room.telegram.fail(&[Fault::Later(u64::MAX)]);
    room.say("short");
    room.expect_log("Telegram asks for a pause; it is tried again in 900 seconds");
}

#[test]
fn while_one_side_is_away_messages_wait_and_none_is_lost_or_doubled() {
    let mut room = BridgedRoom::new();
    let _bridge = room.bridge();
    room.telegram.go_away();
    let numbers: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    numbers.iter().for_each(|number| _ = room.say(number));
    room.expect_log("cannot reach Telegram");
    room.telegram.come_back();
    room.expect_sent(&numbers.iter().map(|number| format!("ana: {number}")).collect::<Vec<_>>());
    room.world.kill();
    numbers.iter().for_each(|number| room.telegram.say(number));
    room.expect_log("cannot reach the wachat server");
    room.world.start();
    room.ana = room.world.login("ana");
    room.expect_brought(&numbers.iter().map(|number| format!("Telegram - Marta Ruiz: {number}")).collect::<Vec<_>>());
    room.expect_quiet();
    assert_eq!((room.telegram.sent().len(), room.brought().len()), (21, 21));
    assert!(!room.log().contains("UNCLEAR"), "{}", room.log());
}

#[test]
fn a_flood_each_way_keeps_its_order() {
    let mut room = BridgedRoom::new();
    let _bridge = room.bridge();
    for number in 0..200 {
        room.say(&number.to_string());
        room.telegram.say(&number.to_string());
    }
    room.expect_sent(&(0..200).map(|number| format!("ana: {number}")).collect::<Vec<_>>());
    room.expect_brought(&(0..200).map(|number| format!("Telegram - Marta Ruiz: {number}")).collect::<Vec<_>>());
    // Updates that were brought into the room are confirmed: Telegram forgets them.
    wait_for("Telegram to forget", || (room.telegram.waiting() == 0).then_some(()));
    // After a quiet week its numbers may begin anyhow.
    room.telegram.renumber(5);
    room.telegram.say("a week later");
    let last = || room.brought().last().is_some_and(|text| text.ends_with("a week later")).then_some(());
    wait_for("a message with a lower number", last);
}

#[test]
fn killed_at_any_moment_it_loses_nothing_inwards_and_doubles_nothing_outwards() {
    let kills: usize = std::env::var("WACHAT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(15);
    let mut room = BridgedRoom::new();
    let mut random = Random::new(7);
    let mut said = Vec::new();
    let mut total = 0_usize;
    room.bridge().stop();
    for kill in 0..kills {
        let bridge = Bridge::launch(room.command(), room.world.path("bridge.log"));
        let sent = room.telegram.sent().len();
        for _ in 0..10 {
            total += 1;
            said.push((room.say(&total.to_string()), format!("ana: {total}")));
            room.telegram.say(&total.to_string());
        }
        // Some end before they have done anything, most in the middle of it; none falls so far
        // behind that it gives up what is old. A kill costs one message at most.
        let enough = (sent + random.below(10) as usize).max((total - kill).saturating_sub(50));
        wait_for("traffic", || (room.telegram.sent().len() >= enough).then_some(()));
        std::thread::sleep(Duration::from_micros(random.below(8_000)));
        bridge.kill();
    }
    let _bridge = room.bridge();
    room.expect_brought(&(1..=total).map(|number| format!("Telegram - Marta Ruiz: {number}")).collect::<Vec<_>>());
    room.expect_quiet();
    assert_eq!(room.brought().len(), total + 1);
    let sent = room.telegram.sent();
    let log = room.log();
    let mut rest = sent.iter();
    let mut unclear = 0;
    for (seq, text) in &said {
        let reported = log.contains(&format!("UNCLEAR: message {seq} of ana, part 1,"));
        unclear += usize::from(reported);
        let times = sent.iter().filter(|one| *one == text).count();
        assert!(times == 1 || times == 0 && reported, "{text:?} was sent {times} times, reported: {reported}\n{log}");
        assert!(times == 0 || rest.any(|one| one == text), "{text:?} is not in its place: {sent:?}");
    }
    println!("{kills} kills, {total} messages each way, {unclear} unclear");
}

#[test]
fn a_bot_that_telegram_does_not_know_ends_the_bridge() {
    let room = BridgedRoom::new();
    let wrong = ["1:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawAAAAAAAAAA", "1:short"];
    for (token, answer) in wrong.iter().zip(["Unauthorized", "Not Found"]) {
        std::fs::write(room.world.path("token"), token).unwrap();
        let (code, said) = run_to_end(room.command().env("RUST_LOG", "trace"));
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(&format!("Telegram does not accept the token: {answer}")), "{said}");
        assert!(!said.contains(token), "{said}");
    }
}

#[test]
fn the_token_is_in_no_log() {
    let mut room = BridgedRoom::new();
    let mut command = room.command();
    command.env("RUST_LOG", "trace,ureq=trace,ureq_proto=trace");
    let _bridge = Bridge::start(command, room.world.path("bridge.log"));
    room.telegram.fail(&[Fault::CutAfter]);
    room.say("hola");
    room.expect_log("UNCLEAR");
    room.telegram.go_away();
    room.say("hola");
    room.expect_log("cannot reach Telegram");
    assert!(!room.log().contains(TOKEN.split(':').nth(1).unwrap()), "{}", room.log());
}

#[test]
fn a_token_file_that_holds_none_is_refused_and_one_that_others_can_read_warned_of() {
    let room = BridgedRoom::new();
    let file = room.world.path("token");
    for (content, why) in [(Some(""), "is empty"), (Some("my secret\n"), "holds no token"), (None, "cannot read")] {
        match content {
            Some(content) => std::fs::write(&file, content).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let (code, said) = run_to_end(&mut room.command());
        assert!(code == Some(2) && said.contains(why) && said.contains("--token-file"), "{code:?} {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    // A new file is open to all that may read the directory.
    std::fs::write(&file, TOKEN).unwrap();
    assert!(Command::new("chmod").arg("644").arg(&file).status().unwrap().success());
    room.bridge().stop();
    assert!(room.log().contains("can be read by others"), "{}", room.log());
}

#[test]
fn a_refused_login_and_another_session_end_it() {
    let room = BridgedRoom::new();
    let (code, said) = run_to_end(room.command().env("WACHAT_PASSWORD", "not the password"));
    assert!(code == Some(3) && said.contains("refused the login"), "{code:?} {said}");
    let bridge = room.bridge();
    let (code, said) = run_to_end(&mut room.command());
    assert!(code == Some(1) && said.contains("another wachat of this user is running here"), "{code:?} {said}");
    let _session = room.world.session("bridge");
    assert_eq!(bridge.wait_for_exit(), Some(3));
    assert!(room.log().contains("another session of yours took over"), "{}", room.log());
}

#[test]
fn a_bridge_that_is_put_out_of_its_room_ends_and_says_so() {
    let mut room = BridgedRoom::new();
    assert_eq!(room.ana.request("JOIN;#sala"), "OK");
    let bridge = Bridge::start(room.command_for("#sala"), room.world.path("bridge.log"));
    assert_eq!(room.ana.request("KICK;#sala;bridge"), "OK");
    assert_eq!(bridge.wait_for_exit(), Some(1), "{}", room.log());
    room.expect_log("the owner of #sala has put the bridge out; an invitation lets it in again");
    room.telegram.say("hola");
    let (code, said) = run_to_end(&mut room.command_for("#sala"));
    assert!(code == Some(1) && said.contains("does not let the bridge into #sala"), "{code:?} {said}");
    // What was said in the chat meanwhile is carried then.
    assert_eq!(room.ana.request("INVITE;#sala;bridge"), "OK");
    let _bridge = Bridge::start(room.command_for("#sala"), room.world.path("bridge.log"));
    let carried = || room.ana.list("HISTORY;#sala").iter().any(|row| row.contains("hola")).then_some(());
    wait_for("the message to come into the room", carried);
}

#[test]
fn a_token_is_a_number_and_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let parse = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Token::read(&file)
    };
    let token = parse("123456:ABC-DEF_1").unwrap();
    assert_eq!(token.bot(), "123456");
    assert_eq!(token.address("http://h/", "getMe"), "http://h/bot123456:ABC-DEF_1/getMe");
    assert_eq!(token.hide_in("bad uri: /bot123456:ABC-DEF_1/x"), "bad uri: /bot<token>/x");
    assert_eq!(format!("{token:?}"), "Token(..)");
    for wrong in ["", "123456", "123456:", ":abc", "12a:abc", "1:a b", "1:a\nb", "1:a/b"] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}
