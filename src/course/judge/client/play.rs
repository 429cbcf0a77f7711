//! Plays the steps of a test against a client: the judge is the server.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use super::connection::serve;
use super::mailbox::{OTHERS, USER};
use super::program::{Client, Program};
use super::stage::{Held, Stage};
use crate::course::judge::pattern::{Names, PASSWORD, unique};
use crate::course::judge::step::client::{Answer, RequestAction};
use crate::course::judge::step::{ClientAction, Step};
use crate::course::judge::time_line::{EventKind, Failure, Mismatch};
use crate::course::process::KeptPort;
use crate::model::Timestamp;
use crate::net::{Listening, listen};
use crate::protocol::Port;

/// Plays one test, with a client, a server and a home of its own. `Err`: it could not begin, and why.
pub fn play(client: &Client, steps: &[Step<ClientAction>]) -> Result<Result<(), Box<Failure>>, String> {
    let mut player = Player::new(client)?;
    for step in steps {
        if let Err(mismatch) = player.do_step(step) {
            let moments = player.stage.lock().moments.clone();
            return Ok(Err(Box::new(Failure::new(player.names.fill(step.text), mismatch, moments))));
        }
    }
    Ok(Ok(()))
}

pub(super) struct Player<'a> {
    pub client: &'a Client,
    pub stage: Arc<Stage>,
    pub names: Names,
    password: String,
    home: PathBuf,
    program: Option<Program>,
    /// The SEND port and the RECV port, which are the judge's while the server is away, too.
    ports: [KeptPort; 2],
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
        let ports = KeptPort::keep_two().map_err(|error| format!("there are no free ports: {error}"))?;
        let mut names = Names::of_test();
        [USER].iter().chain(&OTHERS).for_each(|user| names.set(user, (*user).to_owned()));
        let mut player = Self {
            client,
            stage: Arc::new(Stage::new(PASSWORD, ports.each_ref().map(|port| port.address.port()))),
            names,
            password: PASSWORD.to_owned(),
            home,
            program: None,
            ports,
            listening: Vec::new(),
            asked: HashMap::new(),
            shown: 0,
            said: 0,
            stored: 0,
            logins: [0; 2],
        };
        player.listen()?;
        Ok(player)
    }

    fn do_step(&mut self, step: &Step<ClientAction>) -> Result<(), Mismatch> {
        let done = (1..=step.times).try_for_each(|i| {
            self.names.set("i", i.to_string());
            self.act(&step.action)
        });
        self.names.forget("i");
        done
    }

    fn act(&mut self, action: &ClientAction) -> Result<(), Mismatch> {
        let filled = |text: &str| self.names.fill(text);
        match action {
            ClientAction::Run => return self.run(),
            ClientAction::Kill => return self.kill(),
            ClientAction::ExpectOutput(end) => return self.expect_output(&filled(end)),
            ClientAction::ExpectOnce(end) => return self.expect_once(&filled(end)),
            ClientAction::ExpectAnyOutput => return self.expect_any_output(),
            ClientAction::ExpectExit { success } => return self.expect_exit(*success),
            ClientAction::ExpectLogin(port) => return self.expect_login(*port),
            ClientAction::ExpectStored(message) => return self.expect_stored(*message),
            ClientAction::ExpectUnread { user, number } => return self.expect_unread(user, number),
            ClientAction::ExpectConnections(count, time) => return self.expect_connections(count, *time),
            ClientAction::Of(verb, action) => return self.deal_with(verb, action),
            ClientAction::Differ(ids) => return self.differ(*ids),
            ClientAction::ComeBack => return self.come_back(),
            ClientAction::Input(line) => self.write_input(&filled(line)),
            ClientAction::EndInput => self.end_input(),
            ClientAction::Password(password) => self.change_password(password),
            ClientAction::Event { number, event } => self.add_event(number, event),
            ClientAction::Cut(last) => self.cut(&filled(last)),
            ClientAction::GoAway => self.go_away(),
            ClientAction::CloseEach => self.close_each(),
            ClientAction::Block => self.stage.lock().blocked = true,
            ClientAction::Take(verb) => _ = self.stage.change(|inner| inner.taken.insert((*verb).to_owned())),
            ClientAction::Release(verb) => self.stage.release(verb),
            ClientAction::Forget => self.stage.change(|inner| inner.mailbox.forget()),
            ClientAction::Write(writing) => self.stage.lock().writing = *writing,
            ClientAction::RefuseLogins(refusal) => self.stage.lock().refusal = Some(filled(refusal)),
            ClientAction::Wait(time) => thread::sleep(*time),
        }
        Ok(())
    }

    fn differ(&self, ids: [&str; 2]) -> Result<(), Mismatch> {
        let [one, other] = ids.map(|id| self.names.fill(id));
        if one != other { Ok(()) } else { Err(Mismatch::new("two ids that differ", format!("{one} {other}"))) }
    }

    /// Puts an event into the mailbox.
    fn add_event(&mut self, number: &str, event: &str) {
        let number = self.names.fill(number);
        let event = self.fill_reply(event);
        let line = match number.strip_prefix('<').and_then(|name| name.strip_suffix('>')) {
            Some(name) => {
                let number = self.stage.lock().mailbox.next_number().to_string();
                self.names.note(name, number.clone());
                // A GAP has its own number at its end, too.
                format!("{number};{}", event.replace(&format!("<{name}>"), &number))
            }
            None => format!("{number};{event}"),
        };
        self.note(format!("the mailbox gets {line}"));
        self.stage.change(|inner| inner.mailbox.add_event(&line));
    }

    fn note(&self, text: String) {
        self.stage.note("", EventKind::Note(text));
    }

    fn write_input(&mut self, line: &str) {
        self.stage.note("in", EventKind::Sent(format!("{line}\n").into_bytes()));
        if let Some(program) = &mut self.program {
            program.write(line);
        }
    }

    fn end_input(&mut self) {
        self.stage.note("in", EventKind::Note("the end of its input".to_owned()));
        if let Some(program) = &mut self.program {
            program.end_input();
        }
    }

    fn change_password(&mut self, password: &str) {
        self.password = password.to_owned();
        self.names.set("password", password.to_owned());
        self.stage.lock().mailbox.password = password.to_owned();
    }

    fn run(&mut self) -> Result<(), Mismatch> {
        self.note(format!("starts {}", self.client.command));
        self.said = self.stage.lock().output.len();
        let program = Program::start(&self.stage, &self.client.command, &self.home, &self.password);
        self.program = Some(program.map_err(|error| Mismatch::new("a client", format!("sh: {error}")))?);
        Ok(())
    }

    fn kill(&mut self) -> Result<(), Mismatch> {
        let Some(mut program) = self.program.take() else { return Ok(()) };
        let has_ended = self.stage.lock().run.ended.is_some();
        program.kill(has_ended);
        // Only now: a client that waits for its reader writes nothing more.
        self.stage.change(|inner| inner.blocked = false);
        let expected = || "the end of the client that was killed".to_owned();
        self.stage.expect(expected, self.client.patience, |inner| inner.run.end())?;
        self.stage.cut("");
        Ok(())
    }

    fn go_away(&mut self) {
        self.note("the server goes away".to_owned());
        self.listening.drain(..).for_each(|mut listening| listening.stop());
        self.stage.cut("");
    }

    fn close_each(&self) {
        self.note("the server closes every connection".to_owned());
        self.stage.lock().closing = true;
        self.stage.cut("");
    }

    fn cut(&mut self, last: &str) {
        self.note(format!("the server closes all connections {last}"));
        self.said = self.stage.lock().output.len();
        self.stage.cut(last);
    }

    fn come_back(&mut self) -> Result<(), Mismatch> {
        self.note("the server is back".to_owned());
        self.stage.change(|inner| inner.closing = false);
        if self.listening.is_empty() {
            self.listen().map_err(|why| Mismatch::new("the ports of the judge", why))?;
        }
        Ok(())
    }

    fn listen(&mut self) -> Result<(), String> {
        for (kept, port) in self.ports.iter().zip(Port::BOTH) {
            let listener = kept.listen().map_err(|error| error.to_string())?;
            let stage = self.stage.clone();
            let accepted = move |stream, _| {
                let stage = stage.clone();
                let _ = thread::Builder::new().spawn(move || serve(&stage, port, stream));
            };
            self.listening.push(listen(listener, "judge", accepted).map_err(|error| format!("no thread: {error}"))?);
        }
        Ok(())
    }

    fn deal_with(&mut self, verb: &str, action: &RequestAction) -> Result<(), Mismatch> {
        match action {
            RequestAction::Expect(pattern) => self.expect_request(verb, self.client.patience, pattern),
            RequestAction::ExpectWithin(span, pattern) => self.expect_request_within(verb, *span, pattern),
            RequestAction::ExpectNothing(time) => self.expect_no_request(verb, *time),
            RequestAction::Answer(answer) => self.answer(verb, answer),
        }
    }

    fn fill_reply(&self, reply: &str) -> String {
        self.names.fill(reply).replace("<time>", &Timestamp::now().to_string())
    }

    /// Answers the request that the last step with this verb has seen.
    fn answer(&mut self, verb: &str, answer: &Answer) -> Result<(), Mismatch> {
        let held = self.asked.remove(verb).ok_or_else(|| Mismatch::new("a request that waits for its answer", verb))?;
        let answer = match answer {
            Answer::Line(line) => Answer::Line(self.fill_reply(line)),
            Answer::Last(text) => Answer::Last(self.fill_reply(text)),
            answer => answer.clone(),
        };
        self.said = self.stage.lock().output.len();
        self.stage.change(|inner| inner.answers.insert(held.ticket, answer));
        Ok(())
    }
}

impl Drop for Player<'_> {
    fn drop(&mut self) {
        let has_ended = self.stage.lock().run.ended.is_some();
        if let Some(mut program) = self.program.take() {
            program.kill(has_ended);
        }
        self.stage.finish();
        self.listening.iter_mut().for_each(Listening::stop);
        let _ = fs::remove_dir_all(&self.home);
    }
}
