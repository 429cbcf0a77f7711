//! Chatting in the page: with the terminal, without the server, in two tabs.

use super::browser::{Browser, chromium, profile};
use super::messenger::Messenger;
use crate::support::web::world_with_web;
use crate::support::{Connection, TIMEOUT, wait_until};

/// Returns the texts of a conversation as the server has them.
fn texts_on_server(line: &mut Connection, target: &str) -> Vec<String> {
    let rows = line.whole_history(target);
    rows.iter().map(|row| row.splitn(7, ';').nth(6).unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_page_and_a_terminal_chat() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    world.register_clients(&["luis"]);
    let terminal = world.terminal("luis", &[]);
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.write("hola, luis");
    terminal.expect("ana: hola, luis");
    terminal.type_line("@ana: ¿qué tal?");
    ana.wait_for_message("¿qué tal?", None);
    // Seen in the page: the terminal shows that it was read.
    terminal.expect_tick("✓✓ read", "@ana: ¿qué tal?");
    ana.wait_for_message("hola, luis", Some("read"));
    // Shift and Enter begin a line.
    ana.click("#message");
    ana.insert("one");
    ana.press("Enter", 8);
    ana.insert("two");
    ana.press("Enter", 0);
    terminal.expect("two");
    ana.wait_for_message("one\ntwo", None);
    assert_eq!(ana.messages(), ["hola, luis", "¿qué tal?", "one\ntwo"]);
    assert_eq!(ana.errors(), Vec::<String>::new());
}

/// A person has read what was on the screen, and nothing else: not what came while the page was in the background.
#[test]
fn a_hidden_page_reads_nothing() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.set_visible(false);
    let is_in = |luis: &mut Connection, state: &str| luis.list("STATUS;ana;1") == [format!("ana;{state}")];
    // The messages that follow come after anything that the page would have said of the first.
    for number in 1..5 {
        luis.send_message("ana", &format!("psst {number}"));
        let title = format!("({number}) wachat");
        wait_until("the message", || ana.evaluate("document.title") == title.as_str() || is_in(&mut luis, "READ"));
    }
    assert!(is_in(&mut luis, "DELIVERED"), "a hidden page has read");
    ana.set_visible(true);
    wait_until("the read", || is_in(&mut luis, "READ"));
    ana.wait_for("document.title === 'wachat'");
}

/// Own messages of another device do not count as unread.
#[test]
fn own_messages_from_another_device_are_not_unread() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let ana = Messenger::register(&browser, web, "ana");
    world.login("ana").send_message("luis", "from elsewhere");
    ana.wait_for_text(".chat .last", "from elsewhere");
    assert_eq!(ana.texts(".count"), [""; 0], "own messages count as unread");
    world.login("luis").send_message("ana", "from luis");
    ana.wait_for_text(".chat .last", "from luis");
    assert_eq!(ana.texts(".count"), ["1"]);
}

#[test]
fn what_is_written_while_the_server_is_away_goes_when_it_is_back() {
    let Some(program) = chromium() else { return };
    let (mut world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.write("before");
    ana.wait_for_message("before", Some("received"));
    world.kill();
    ana.wait_for_element(".banner");
    for number in 1..=5 {
        ana.write(&format!("meanwhile {number}"));
    }
    ana.wait_for_message("meanwhile 5", Some("queued"));
    ana.wait_for_text(".outbox summary", "(5)");
    world.start();
    ana.wait_for_message("meanwhile 5", Some("received"));
    ana.wait_for("!document.querySelector('.banner').checkVisibility()");
    let expected: Vec<_> =
        std::iter::once("before".to_owned()).chain((1..=5).map(|n| format!("meanwhile {n}"))).collect();
    assert_eq!(texts_on_server(&mut world.login("luis"), "ana"), expected);
    assert_eq!(ana.messages(), expected);
}

#[test]
fn of_two_tabs_the_newer_one_takes_over_until_the_other_is_used_again() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let first = Messenger::register(&browser, web, "ana");
    first.open_chat("luis");
    first.write("from the first");
    first.wait_for_message("from the first", Some("received"));
    let second = Messenger::of_user_who_stayed(&browser, web);
    first.wait_for_text("button", "Use it here");
    second.choose_chat("luis");
    second.write("from the second");
    second.wait_for_message("from the second", Some("received"));
    assert!(luis.request("SEND;m-1;ana;from luis").starts_with("OK;m-1;"));
    second.wait_for_message("from luis", None);
    first.bring_to_front();
    first.click_text("button", "Use it here");
    second.wait_for_text("button", "Use it here");
    first.wait_for_message("from luis", None);
    first.write("from the first again");
    first.wait_for_message("from the first again", Some("received"));
    let expected = ["from the first", "from the second", "from luis", "from the first again"];
    assert_eq!(first.messages(), expected);
    assert_eq!(texts_on_server(&mut luis, "ana"), expected);
}

/// A message that comes between press and release moves its chat to the head of the list only after the click.
#[test]
fn what_is_pressed_is_what_is_clicked() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let [mut luis, mut eva] = ["luis", "eva"].map(|user| world.register(user));
    let ana = Messenger::register(&browser, web, "ana");
    for (line, text) in [(&mut luis, "first"), (&mut eva, "second")] {
        line.send_message("ana", text);
        ana.wait_for_text(".chat", text);
    }
    let point = ana.find_point(".chat", Some("eva"));
    ana.press_mouse(&point);
    let lines = ana.count_of_lines();
    luis.send_message("ana", "third");
    // The message, and its acknowledgement: the page has it, and has had two frames to draw it.
    wait_until("the message", || ana.count_of_lines() >= lines + 2);
    ana.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))");
    ana.release_mouse(&point);
    ana.wait_for_text(".title h1", "eva");
    ana.wait_for_text(".chat", "third");
}

/// An outbox that is full says so, and what was typed stays in the input.
#[test]
fn a_full_outbox_keeps_what_was_typed() {
    let Some(program) = chromium() else { return };
    let (mut world, web) = world_with_web(&["--no-limits"]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    world.kill();
    ana.wait_for_element(".banner");
    // 16 MiB are full after some 370 long messages. What is not shown is not laid out, which would take most of the time.
    ana.begin(
        "(async () => {
            const [area, form] = [document.querySelector('#message'), document.querySelector('form.input')];
            const isFull = () => form.querySelector('.error').textContent !== '';
            document.querySelector('.conversation').style.display = 'none';
            for (let number = 0; number < 1000 && !isFull(); number++) {
                area.value = `${number} ${'x'.repeat(45000)}`;
                form.requestSubmit();
                const isQueued = () => document.querySelector('.outbox summary')?.textContent.includes(`(${number + 1})`);
                while (!isQueued() && !isFull()) await new Promise((resolve) => setTimeout(resolve, 1));
            }
            document.querySelector('.conversation').style.display = '';
        })()",
    );
    let error = "document.querySelector('form.input .error').textContent.includes('the outbox is full')";
    ana.wait_for_within(10 * TIMEOUT, error);
    let kept = ana.evaluate("document.querySelector('#message').value.split(' ')[0]");
    let count: usize = kept.as_str().and_then(|kept| kept.parse().ok()).expect("a number");
    assert!((300..400).contains(&count), "{count} messages are in the outbox");
    ana.wait_for_text(".outbox summary", &format!("({count})"));
    assert_eq!(ana.evaluate("document.querySelectorAll('.outbox li').length"), 50);
    world.start();
    let last = format!(
        "[...document.querySelectorAll('.row[data-state=received] .text')].some(e => e.textContent.startsWith('{} '))",
        count - 1
    );
    ana.wait_for_within(10 * TIMEOUT, &last);
    ana.click("#send");
    ana.wait_for_message(&format!("{count} x"), Some("received"));
    let numbers = texts_on_server(&mut world.login("luis"), "ana").into_iter();
    let numbers: Vec<_> = numbers.map(|text| text.split(' ').next().unwrap_or_default().to_owned()).collect();
    // As many as fit into one reply.
    let last = (0..=count).skip((count + 1).saturating_sub(numbers.len())).map(|number| number.to_string());
    assert!(!numbers.is_empty());
    assert_eq!(numbers, last.collect::<Vec<_>>());
    let chats = world.login("luis").list("CHATS");
    let has_all = |row: &String| row.starts_with("ana;") && row.contains(&format!(";{};", count + 1));
    assert!(chats.iter().any(has_all), "{count}: {chats:?}");
}
