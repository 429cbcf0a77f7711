//! One connection of the client: reads its lines, and writes the replies of the steps or of the small server.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::request::{Asked, Request};
use super::stage::Stage;
use crate::course::judge::pattern::unescape;
use crate::course::judge::step::client::{Answer, Writing};
use crate::course::judge::time_line::EventKind;
use crate::course::wire::{Came, pause_after};
use crate::limits;
use crate::net::{LineError, LineReader, Socket, drain_input};
use crate::protocol::{After, LoginKind, Port, RecvRequest, Reply, SendRequest, exchange};

/// Time-out of the small server: longer than any test waits.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Pause between the halves of a reply.
const PAUSE: Duration = Duration::from_millis(60);

pub fn serve(stage: &Stage, port: Port, stream: TcpStream) {
    let _ = stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(TIMEOUT)));
    let socket = Arc::new(Socket::from(stream));
    let Some(name) = stage.open(port, &socket) else { return };
    Connection { stage, port, name: &name, socket: &socket, sent: 0 }.run();
    if !stage.lock().is_open(&name) {
        drain_input(&socket);
    }
    stage.close(&name);
}

struct Connection<'a> {
    stage: &'a Stage,
    port: Port,
    name: &'a str,
    socket: &'a Arc<Socket>,
    /// The last number that a POLL has brought.
    sent: u64,
}

impl Connection<'_> {
    fn run(mut self) {
        let mut lines = LineReader::new(self.socket.clone(), TIMEOUT);
        let mut first = true;
        loop {
            let line = match lines.next_line() {
                Ok(line) => line.to_vec(),
                Err(LineError::TooLong) => return self.write("KO;TOO_LONG;a line has at most 65536 bytes\n"),
                Err(_) => return self.stage.note(self.name, EventKind::Came(Came::End)),
            };
            self.stage.note(self.name, EventKind::Came(Came::Line(String::from_utf8_lossy(&line).into_owned())));
            if !self.stage.lock().is_open(self.name) {
                return;
            }
            let request = Request::parse(self.port, first, &line);
            if self.answer(&request).is_none() {
                return;
            }
            first = false;
        }
    }

    /// Answers a request; `None`: the connection ends.
    fn answer(&mut self, request: &Request) -> Option<()> {
        match self.stage.find_answer(self.name, request)? {
            Answer::Honest => self.answer_honestly(request, true),
            Answer::Line(line) => {
                self.write(&format!("{line}\n"));
                Some(())
            }
            Answer::Last(text) => {
                self.write_bytes(&unescape(&text));
                None
            }
            Answer::Drop { carried_out } => {
                if carried_out {
                    self.answer_honestly(request, false);
                }
                self.stage.note(self.name, EventKind::Note("the judge closes the connection".to_owned()));
                None
            }
            Answer::Ignore => {
                self.stage.note(self.name, EventKind::Note("the judge does not answer".to_owned()));
                Some(())
            }
        }
    }

    /// Carries a request out. `aloud`: and writes the reply.
    fn answer_honestly(&mut self, request: &Request, aloud: bool) -> Option<()> {
        let (reply, goes_on) = match &request.asked {
            Asked::Login => self.log_in(request),
            Asked::Request(exchange::Request::Send(asked)) => {
                (self.answer_send(asked), !matches!(asked, SendRequest::Quit))
            }
            Asked::Request(exchange::Request::Recv(asked)) => {
                (self.answer_recv(asked)?, !matches!(asked, RecvRequest::Quit))
            }
            Asked::Nothing(why) => (format!("KO;SYNTAX;{why}\n"), true),
        };
        if aloud {
            self.write(&reply);
        }
        goes_on.then_some(())
    }

    fn log_in(&self, request: &Request) -> (String, bool) {
        let on_recv = self.port == Port::Recv;
        let (reply, goes_on) = {
            let inner = self.stage.lock();
            let honest = inner.mailbox.log_in(&request.line, on_recv);
            let refusal = inner.refusal.as_ref().filter(|_| request.verb == LoginKind::Login.verb());
            refusal.map_or(honest, |refusal| (format!("{refusal}\n"), false))
        };
        if goes_on && on_recv {
            self.stage.replace_sessions(self.name);
        }
        if goes_on {
            *self.port.of(self.stage.lock().logins.each_mut()) += 1;
        }
        (reply, goes_on)
    }

    fn answer_send(&self, asked: &SendRequest) -> String {
        let reply = self.stage.change(|inner| inner.mailbox.answer(asked.clone()));
        let mut out = Vec::new();
        Reply::write(&reply, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn answer_recv(&mut self, asked: &RecvRequest) -> Option<String> {
        let (after, wait, max) = match asked {
            RecvRequest::Poll { after, wait, max } => (after, wait, max),
            RecvRequest::Key => return Some("KO;SYNTAX;this server has no devices\n".to_owned()),
            _ => return Some("OK\n".to_owned()),
        };
        let after = match after {
            After::Number(after) => after.get(),
            After::AllSent => self.sent,
        };
        let wait = Duration::from_secs(wait.unwrap_or(limits::JUDGE_POLL_SECONDS).min(limits::JUDGE_POLL_SECONDS));
        let reply = self.stage.poll(self.name, after, wait, *max)?;
        self.sent = self.stage.lock().mailbox.last_event();
        Some(reply)
    }

    fn write(&self, reply: &str) {
        self.write_bytes(reply.as_bytes());
    }

    /// Writes a reply as the test wants it. A client that has closed is noticed when it is read from.
    fn write_bytes(&self, bytes: &[u8]) {
        let writing = self.stage.lock().writing;
        let text = String::from_utf8_lossy(bytes);
        let bytes = match writing {
            Writing::Crlf => text.replace('\n', "\r\n").into_bytes(),
            Writing::More => text.replace('\n', ";of a later version\n").into_bytes(),
            Writing::Whole | Writing::Bytes | Writing::Halves => bytes.to_vec(),
        };
        self.stage.note(self.name, EventKind::Sent(bytes.clone()));
        let mut stream = self.socket.tcp();
        let _ = match writing {
            Writing::Whole | Writing::Crlf | Writing::More => stream.write_all(&bytes),
            Writing::Bytes => bytes.iter().try_for_each(|byte| {
                stream.write_all(&[*byte])?;
                thread::sleep(pause_after(*byte));
                Ok(())
            }),
            Writing::Halves => {
                let (start, rest) = bytes.split_at(bytes.len() * 2 / 3);
                stream.write_all(start).and_then(|()| {
                    thread::sleep(PAUSE);
                    stream.write_all(rest)
                })
            }
        };
    }
}
