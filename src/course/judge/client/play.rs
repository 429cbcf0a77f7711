//! Plays the steps of a test against a client: the judge is the server.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::Client;
use super::connection::serve;
use super::mailbox::{OTHERS, USER};
use super::program::Program;
use super::stage::{Answer, Held, Stage, Writing};
use crate::course::judge::pattern::Names;
use crate::course::judge::play::{
    EventKind, Failure, LONG_TEXT, Mismatch, PASSWORD, milliseconds, unescape, unique, unknown,
};
use crate::course::judge::{Test, Verdict};
use crate::model::Timestamp;
use crate::net::{Listening, listen};
use crate::protocol::Port;

/// The ports that the judge chooses from: below those that the system gives to programs that ask for any, so that they are
/// still free when the server comes back.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Number of ports that a judge has for itself, two for each test and more: another judge would take a port that it finds
/// free while a test is without its server.
const PORTS_OF_A_JUDGE: u16 = 120;

/// Plays one test, with a client, a server and a home of its own.
pub fn play(client: &Client, test: &Test) -> Verdict {
    let mut player = match Player::new(client) {
        Ok(player) => player,
        Err(why) => return Verdict::Skipped(why),
    };
    for step in &test.steps {
        if let Err(Mismatch { expected, came }) = player.do_step(step) {
            let step = player.names.fill(step);
            let moments = player.stage.lock().moments.clone();
            return Verdict::Failed(Box::new(Failure { step, expected, came, moments }));
        }
    }
    Verdict::Passed
}

pub(super) struct Player<'a> {
    pub client: &'a Client,
    pub stage: Arc<Stage>,
    pub names: Names,
    password: String,
    home: PathBuf,
    program: Option<Program>,
    listening: Vec<Listening>,
    /// The request of each verb that the next step answers.
    pub asked: HashMap<String, Held>,
    /// Lines of output, stored messages and logins that earlier steps have seen.
    pub shown: usize,
    pub said: usize,
    pub stored: usize,
    pub logins: [usize; 2],
}

impl<'a> Player<'a> {
    fn new(client: &'a Client) -> Result<Self, String> {
        let home = std::env::temp_dir().join(unique("wachat-judge"));
        fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
        let ([send, recv], listeners) = choose_ports().ok_or("there are no free ports")?;
        let mut names = Names::default();
        names.set("password", PASSWORD.to_owned());
        names.set("long text", "x".repeat(LONG_TEXT));
        [USER].iter().chain(&OTHERS).for_each(|user| names.set(user, (*user).to_owned()));
        let mut player = Self {
            client,
            stage: Arc::new(Stage::new(PASSWORD, [send, recv])),
            names,
            password: PASSWORD.to_owned(),
            home,
            program: None,
            listening: Vec::new(),
            asked: HashMap::new(),
            shown: 0,
            said: 0,
            stored: 0,
            logins: [0; 2],
        };
        player.listen(listeners)?;
        Ok(player)
    }

    fn do_step(&mut self, step: &str) -> Result<(), Mismatch> {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        let filled = self.names.fill(rest);
        match word {
            "repeat" => self.repeat(rest),
            "event" => self.add_event(rest),
            "check" | "differ" => self.differ(rest),
            "run" | "kill" | "in" | "end" | "blocked" | "password" => self.control_client(word, &filled),
            "out" | "once" | "said" | "exit" => self.expect_of_client(word, &filled),
            "away" | "closing" | "back" | "cut" | "forget" | "write" | "logins" | "take" | "release" => {
                self.control_server(word, &filled)
            }
            "wait" => {
                thread::sleep(milliseconds(rest)?);
                Ok(())
            }
            "login" => self.expect_login(rest),
            "stored" => self.expect_stored(&filled),
            "unread" => self.expect_unread(rest),
            "connections" => self.expect_connections(rest),
            verb if verb.chars().all(|c| c.is_ascii_uppercase()) => self.deal_with(verb, rest),
            other => Err(unknown(other)),
        }
    }

    fn repeat(&mut self, rest: &str) -> Result<(), Mismatch> {
        let (count, step) = rest.split_once(' ').ok_or_else(|| unknown(rest))?;
        let count: u64 = count.parse().map_err(|_| unknown(count))?;
        (1..=count).try_for_each(|i| self.do_step(&step.replace("{i}", &i.to_string())))
    }

    fn differ(&self, rest: &str) -> Result<(), Mismatch> {
        let filled = self.names.fill(rest);
        match filled.split_once(' ') {
            Some((one, other)) if one != other => Ok(()),
            _ => Err(Mismatch { expected: "two ids that differ".to_owned(), came: filled }),
        }
    }

    /// Puts an event into the mailbox.
    fn add_event(&mut self, rest: &str) -> Result<(), Mismatch> {
        let filled = self.names.fill(rest).replace("<time>", &Timestamp::now().to_string());
        let (number, event) = filled.split_once(';').ok_or_else(|| unknown(rest))?;
        let line = match number.strip_prefix('<').and_then(|name| name.strip_suffix('>')) {
            Some(name) => {
                let number = self.stage.lock().mailbox.next_number().to_string();
                self.names.note(name, number.clone());
                // A GAP has its own number at its end, too.
                format!("{number};{}", event.replace(&format!("<{name}>"), &number))
            }
            None => filled,
        };
        self.stage.note("", EventKind::Note(format!("the mailbox gets {line}")));
        self.stage.change(|inner| inner.mailbox.add_event(&line));
        Ok(())
    }
}

/// The client's program.
impl Player<'_> {
    fn control_client(&mut self, word: &str, rest: &str) -> Result<(), Mismatch> {
        match word {
            "run" => return self.run(),
            "kill" => return self.kill(),
            "in" => {
                self.stage.note("in", EventKind::Sent(format!("{rest}\n").into_bytes()));
                self.program.iter_mut().for_each(|program| program.write(rest));
            }
            "end" => {
                self.stage.note("in", EventKind::Note("the end of its input".to_owned()));
                self.program.iter_mut().for_each(Program::end_input);
            }
            "blocked" => self.stage.lock().blocked = true,
            _ => {
                self.password = rest.to_owned();
                self.names.set("password", rest.to_owned());
                self.stage.lock().mailbox.password = rest.to_owned();
            }
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), Mismatch> {
        self.stage.note("", EventKind::Note(format!("starts {}", self.client.command)));
        self.said = self.stage.lock().output.len();
        let program = Program::start(&self.stage, &self.client.command, &self.home, &self.password);
        let not_started = |error| Mismatch { expected: "a client".to_owned(), came: format!("sh: {error}") };
        self.program = Some(program.map_err(not_started)?);
        Ok(())
    }

    fn kill(&mut self) -> Result<(), Mismatch> {
        let Some(mut program) = self.program.take() else { return Ok(()) };
        let has_ended = self.stage.lock().run.ended.is_some();
        program.kill(has_ended);
        // Only now: a client that waits for its reader writes nothing more.
        self.stage.change(|inner| inner.blocked = false);
        self.stage.wait_for(self.client.patience, |inner| inner.run.end()).map_err(|came| Mismatch {
            expected: "the end of the client that was killed".to_owned(),
            came: came.to_string(),
        })?;
        self.stage.cut("");
        Ok(())
    }
}

/// The judge's server.
impl Player<'_> {
    fn control_server(&mut self, word: &str, rest: &str) -> Result<(), Mismatch> {
        match word {
            "away" => {
                self.stage.note("", EventKind::Note("the server goes away".to_owned()));
                self.listening.drain(..).for_each(|mut listening| listening.stop());
                self.stage.cut("");
            }
            "closing" => {
                self.stage.note("", EventKind::Note("the server closes every connection".to_owned()));
                self.stage.lock().closing = true;
                self.stage.cut("");
            }
            "back" => return self.come_back(),
            "cut" => {
                self.stage.note("", EventKind::Note(format!("the server closes all connections {rest}")));
                self.said = self.stage.lock().output.len();
                self.stage.cut(rest);
            }
            "forget" => self.stage.change(|inner| inner.mailbox.forget()),
            "write" => {
                self.stage.lock().writing = match rest {
                    "bytes" => Writing::Bytes,
                    "halves" => Writing::Halves,
                    "crlf" => Writing::Crlf,
                    "more" => Writing::More,
                    _ => Writing::Whole,
                }
            }
            "logins" => self.stage.lock().refusal = Some(rest.to_owned()),
            "take" => _ = self.stage.change(|inner| inner.taken.insert(rest.to_owned())),
            _ => self.stage.release(rest),
        }
        Ok(())
    }

    fn come_back(&mut self) -> Result<(), Mismatch> {
        self.stage.note("", EventKind::Note("the server is back".to_owned()));
        self.stage.change(|inner| inner.closing = false);
        if self.listening.is_empty() {
            let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
            let lost = |why: String| Mismatch { expected: "the ports of the judge".to_owned(), came: why };
            let [send, recv] = self.stage.ports();
            let listeners = bind(send).and_then(|send| Ok([send, bind(recv)?])).map_err(|why| lost(why.to_string()))?;
            self.listen(listeners).map_err(lost)?;
        }
        Ok(())
    }

    fn listen(&mut self, listeners: [TcpListener; 2]) -> Result<(), String> {
        for (listener, port) in listeners.into_iter().zip(Port::BOTH) {
            let stage = self.stage.clone();
            let accepted = move |stream, _| {
                let stage = stage.clone();
                let _ = thread::Builder::new().spawn(move || serve(&stage, port, stream));
            };
            self.listening.push(listen(listener, "judge", accepted).map_err(|error| format!("no thread: {error}"))?);
        }
        Ok(())
    }
}

/// The requests that steps answer.
impl Player<'_> {
    fn deal_with(&mut self, verb: &str, step: &str) -> Result<(), Mismatch> {
        let (what, rest) = step.split_once(' ').unwrap_or((step, ""));
        match what {
            "<" => self.expect_request(verb, self.client.patience, rest).map(drop),
            "within" => self.expect_within(verb, rest),
            "silent" => self.expect_no_request(verb, milliseconds(rest)?),
            ">" => self.answer(verb, Answer::Bytes(format!("{}\n", self.fill_reply(rest)).into_bytes())),
            "last>" => self.answer(verb, Answer::Last(unescape(&self.fill_reply(rest)))),
            "ok" => self.answer(verb, Answer::Honest),
            "drop" => self.answer(verb, Answer::Drop { carried_out: false }),
            "lose" => self.answer(verb, Answer::Drop { carried_out: true }),
            "ignore" => self.answer(verb, Answer::Ignore),
            other => Err(unknown(other)),
        }
    }

    fn fill_reply(&self, reply: &str) -> String {
        self.names.fill(reply).replace("<time>", &Timestamp::now().to_string())
    }

    /// Answers the request that the last step with this verb has seen.
    fn answer(&mut self, verb: &str, answer: Answer) -> Result<(), Mismatch> {
        let held = self.asked.remove(verb).ok_or_else(|| unknown(verb))?;
        self.said = self.stage.lock().output.len();
        self.stage.give_answer(held.ticket, answer);
        Ok(())
    }
}

impl Drop for Player<'_> {
    fn drop(&mut self) {
        let has_ended = self.stage.lock().run.ended.is_some();
        self.program.take().into_iter().for_each(|mut program| program.kill(has_ended));
        self.stage.finish();
        self.listening.iter_mut().for_each(Listening::stop);
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// Chooses two free ports, and listens on them.
fn choose_ports() -> Option<([u16; 2], [TcpListener; 2])> {
    static OWN: OnceLock<Option<(u16, TcpListener)>> = OnceLock::new();
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let (first, _) = OWN.get_or_init(take_range).as_ref()?;
    let next = || first + 1 + NEXT.fetch_add(1, Ordering::Relaxed) % (PORTS_OF_A_JUDGE - 1);
    let mut free = (1..PORTS_OF_A_JUDGE).filter_map(|_| bind(next()));
    let (send, on_send) = free.next()?;
    let (recv, on_recv) = free.next()?;
    Some(([send, recv], [on_send, on_recv]))
}

/// Takes a range of ports that no other judge has: the listener on its first port reserves it until this process ends.
fn take_range() -> Option<(u16, TcpListener)> {
    PORTS.step_by(PORTS_OF_A_JUDGE.into()).find_map(bind)
}

fn bind(port: u16) -> Option<(u16, TcpListener)> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|listener| (port, listener))
}
