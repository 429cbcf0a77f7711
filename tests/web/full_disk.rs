//! The disk of the browser is full: the page stores nothing, and says and acknowledges nothing that it has not stored.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::browser::{Browser, chromium, profile};
use super::messenger::Messenger;
use crate::support::web::{PATIENT, world_with_web};
use crate::support::{Connection, wait_until};

/// Characters of a message that finds no space in the last block of a file, or in what the browser gives free when it closes one.
const LONG: usize = 45_000;

/// Time between two looks for free space.
const FILL_PAUSE: Duration = Duration::from_millis(2);

/// Counts how often the page has asked which databases there are.
const COUNT_LISTINGS: &str = "globalThis.listings = 0;
    const databases = IDBFactory.prototype.databases;
    IDBFactory.prototype.databases = function () {
        globalThis.listings += 1;
        return databases.call(this);
    }";
/// More than the page asks in one attempt to open its database again.
const LISTINGS: u64 = 5;

/// Keeps a disk full until it is dropped: the browser gives space free at any time.
struct Filler {
    path: PathBuf,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Filler {
    fn start(path: PathBuf) -> Self {
        fill(&path);
        let (stop, stopped) = bounded::<()>(0);
        let to_fill = path.clone();
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(FILL_PAUSE) == Err(RecvTimeoutError::Timeout) {
                fill(&to_fill);
            }
        });
        Self { path, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.stop = None;
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_some_and(|ended| ended.is_ok()) || thread::panicking(), "the disk was filled");
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Writes to a file until there is no space.
fn fill(path: &Path) {
    let mut file = File::options().create(true).append(true).open(path).expect("a file");
    for size in [1 << 20, 4096, 1] {
        let bytes = vec![b'x'; size];
        while file.write_all(&bytes).is_ok() {}
    }
}

fn texts_and_states(line: &mut Connection) -> Vec<(String, String)> {
    let rows = line.list("HISTORY;ana;10");
    let field = |row: &str, index| row.split(';').nth(index).unwrap_or_default().to_owned();
    rows.iter().map(|row| (field(row, 6), field(row, 5))).collect()
}

#[test]
fn on_a_full_disk_nothing_is_acknowledged_or_lost_and_it_goes_on_when_there_is_space() {
    let Some(program) = chromium() else { return };
    let profile = profile();
    let Some(browser) = Browser::start_on_small_disk(&program, profile.path()) else { return };
    let (world, web) = world_with_web(&[&PATIENT[..], &["--no-limits"]].concat());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.write("before");
    ana.wait_for_message("before", Some("received"));
    let filler = Filler::start(browser.path(&profile.path().join("filler")));
    let long = format!("long {}", "x".repeat(LONG));
    ana.write(&long);
    ana.wait_for_text("[role=status]", "its disk may be full");
    // The session has ended with its database.
    wait_until("ana to be gone", || luis.list("USERS").iter().any(|row| row.starts_with("ana;offline;")));
    let meanwhile = format!("meanwhile {}", "y".repeat(LONG));
    assert!(luis.request(&format!("SEND;m-1;ana;{meanwhile}")).starts_with("OK;"));
    // It opens its database again and again, and a browser that cannot list its databases does not mean that there is none.
    ana.evaluate(COUNT_LISTINGS);
    wait_until("more attempts", || ana.evaluate("globalThis.listings").as_u64() >= Some(LISTINGS));
    ana.wait_for_text("[role=status]", "its disk may be full");
    let received = |text: &str| (text.to_owned(), "RECEIVED".to_owned());
    assert_eq!(texts_and_states(&mut luis), [received("before"), received(&meanwhile)]);
    drop(filler);
    ana.wait_for_message("meanwhile", None);
    // The input has the text again that could not be stored.
    assert_eq!(ana.evaluate("document.querySelector('#message').value"), long.as_str());
    assert_eq!(ana.messages().len(), 2);
    ana.click("#send");
    ana.wait_for("document.querySelector('#message').value === ''");
    let is_last = |rows: &[(String, String)]| rows.last().is_some_and(|(text, _)| *text == long);
    wait_until("the message", || is_last(&texts_and_states(&mut luis)));
    assert_eq!(texts_and_states(&mut luis).len(), 3);
}
