//! Output commit in the page (promise 6): it sends and shows only what is durable, and a retry has the same id. Scripts that
//! run before those of the page watch its database and its sockets.

use serde_json::{Value, json};

use super::browser::{Browser, chromium, profile};
use super::messenger::{Messenger, url};
use crate::support::wait_for;
use crate::support::web::world_with_web;

/// Messages that each of both writes.
const MESSAGES: usize = 8;

/// Keeps each transaction open for a time in which the page draws and sends, and notes what completed transactions have put.
/// Whatever is sent or shown and is not among that is a violation. The page is asked to draw at each frame.
const WATCH: &str = "(() => {
    const violations = globalThis.violations = [];
    const tried = new Set();
    const texts = new Set();
    const seen = new Map();
    let acknowledged = 0;
    const note = {
        outbox(message) {
            texts.add(message.text);
            if (message.tried !== null) tried.add(message.id);
        },
        rows: ({ text }) => texts.add(text),
        chats: ({ key, seen: upto }) => seen.set(key, upto),
        meta: ({ position }) => position && (acknowledged = Math.max(acknowledged, position.last)),
    };
    const hold = (transaction) => {
        const until = performance.now() + 50;
        const next = () => {
            if (performance.now() < until) transaction.objectStore('meta').get('owner').onsuccess = next;
        };
        next();
    };
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (...options) {
        const made = transaction.apply(this, options);
        if (made.mode !== 'readwrite') return made;
        if (made.durability !== 'strict') violations.push(`a transaction is ${made.durability}`);
        made.puts = [];
        made.addEventListener('complete', () => made.puts.forEach(({ table, value }) => note[table](value)));
        hold(made);
        return made;
    };
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (value, ...key) {
        this.transaction.puts?.push({ table: this.name, value: structuredClone(value) });
        return put.call(this, value, ...key);
    };
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (line) {
        const [verb, ...fields] = line.split(';');
        const isDurable = {
            SEND: () => tried.has(fields[0]),
            POLL: () => Number(fields[0]) <= acknowledged,
            READ: () => Number(fields[1]) <= (seen.get(fields[0]) ?? 0),
        };
        if (isDurable[verb]?.() === false) violations.push(`sent too early: ${line}`);
        return send.call(this, line);
    };
    const look = () => {
        const shown = [...document.querySelectorAll('.row .text')].map(({ textContent }) => textContent);
        violations.push(...shown.filter((text) => !texts.has(text)).map((text) => `shown too early: ${text}`));
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
    const draw = () => {
        dispatchEvent(new Event('focus'));
        requestAnimationFrame(draw);
    };
    draw();
})()";

/// Loses the first SEND with its connection, and notes the lines of interest.
const LOSE_FIRST_SEND: &str = "(() => {
    const sent = globalThis.sent = [];
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (line) {
        const isFirst = !sent.some((other) => other.startsWith('SEND;'));
        if (/^(SEND|HISTORY);/.test(line)) sent.push(line);
        if (isFirst && line.startsWith('SEND;')) this.close();
        else send.call(this, line);
    };
})()";

/// Becomes the owner of the database, as a page does that is loaded, and tells nobody.
const TAKE_OVER: &str = "new Promise((resolve) => {
    const request = indexedDB.open('wachat ana');
    request.onsuccess = () => {
        const transaction = request.result.transaction('meta', 'readwrite');
        const meta = transaction.objectStore('meta');
        meta.get('owner').onsuccess = ({ target }) => meta.put(target.result + 1, 'owner');
        transaction.oncomplete = () => { request.result.close(); resolve(true); };
    };
})";

const READ_OUTBOX: &str = "new Promise((resolve) => {
    const request = indexedDB.open('wachat ana');
    request.onsuccess = () => {
        const outbox = request.result.transaction('outbox').objectStore('outbox').getAll();
        outbox.onsuccess = () => { request.result.close(); resolve({ outbox: outbox.result }); };
    };
})";

#[test]
fn nothing_is_sent_or_shown_before_it_is_durable() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&["--no-limits"]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let ana = register_with_script(&browser, WATCH, &url(web));
    ana.open_chat("luis");
    let mut luis = world.login("luis");
    ana.evaluate(&format!(
        "(() => {{
            const [area, form] = [document.querySelector('#message'), document.querySelector('form.input')];
            for (let number = 1; number <= {MESSAGES}; number++) {{
                area.value = `own ${{number}}`;
                form.requestSubmit();
            }}
        }})()"
    ));
    for number in 1..=MESSAGES {
        assert!(luis.request(&format!("SEND;m-{number};ana;other {number}")).starts_with("OK;"));
    }
    ana.wait_for_message(&format!("own {MESSAGES}"), Some("received"));
    ana.wait_for_message(&format!("other {MESSAGES}"), None);
    wait_for("the read", || {
        luis.list("HISTORY;ana").iter().filter(|row| row.contains("m-")).all(|row| is_read(row)).then_some(())
    });
    let sent = ana.lines_sent();
    let count = |verb: &str| sent.iter().filter(|line| line.starts_with(verb)).count();
    assert!(count("SEND;") == MESSAGES && count("POLL;") > 1 && count("READ;") > 0, "{sent:?}");
    assert_eq!(ana.evaluate("violations"), json!([]));
    assert_eq!(ana.errors(), Vec::<String>::new());
}

fn is_read(row: &str) -> bool {
    row.contains(";READ;")
}

/// The server may have a message of which no reply came: the page looks, and sends it again as it was.
#[test]
fn a_message_that_is_sent_again_is_looked_for_and_has_the_same_id() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let ana = register_with_script(&browser, LOSE_FIRST_SEND, &url(web));
    ana.open_chat("luis");
    ana.write("hola");
    ana.wait_for_message("hola", Some("received"));
    let sent: Vec<_> = ana.evaluate("sent").as_array().expect("a list").iter().map(Value::to_string).collect();
    let sends: Vec<_> = (0..sent.len()).filter(|index| sent[*index].starts_with("\"SEND;")).collect();
    let &[first, second] = sends.as_slice() else { panic!("{sent:?}") };
    assert_eq!(sent[first], sent[second], "sent again as another message");
    let is_looked_for = sent[first..second].iter().any(|line| line.starts_with("\"HISTORY;luis"));
    assert!(is_looked_for, "sent again without a look: {sent:?}");
    assert_eq!(world.login("luis").list("HISTORY;ana").len(), 1);
}

/// A page that was frozen hears nothing of the page that has taken over: its next transaction finds out.
#[test]
fn a_page_whose_database_has_another_owner_writes_and_sends_nothing() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.write("before");
    ana.wait_for_message("before", Some("received"));
    let newer = browser.open(&format!("{}nothing-here", url(web)));
    newer.wait_for(TAKE_OVER);
    ana.bring_to_front();
    ana.write("after");
    ana.wait_for_text("button", "Use it here");
    assert_eq!(newer.wait_for(READ_OUTBOX)["outbox"], json!([]));
    assert_eq!(world.login("luis").list("HISTORY;ana").len(), 1);
    ana.click_text("button", "Use it here");
    ana.write("again");
    ana.wait_for_message("again", Some("received"));
    assert_eq!(world.login("luis").list("HISTORY;ana").len(), 2);
}

/// Registers a user on a page in which a script runs before those of the page.
fn register_with_script(browser: &Browser, script: &str, url: &str) -> Messenger {
    let page = browser.open_blank();
    page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    page.go_to(url);
    Messenger::register_at(page, "ana")
}
