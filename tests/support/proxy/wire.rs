//! One connection through the network: a thread for each way.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::Network;
use super::plan::{End, How, Plan, Port, Way};
use crate::support::Connection;

/// Of every line so many bytes come one by one, if they do.
const SLOW_BYTES: usize = 400;

/// Requests whose answer is a list.
const LISTS: [&str; 8] = ["POLL", "HISTORY", "CHATS", "USERS", "STATUS", "ROOMS", "MEMBERS", "HELP"];

/// These answer no request.
const LAST_WORDS: [&str; 4] = ["KO;TIMEOUT;", "KO;SHUTDOWN;", "KO;REPLACED;", "KO;TOO_LONG;"];

/// State that both threads of a connection share.
struct Wire {
    network: Arc<Network>,
    user: String,
    login: Vec<u8>,
    plan: Plan,
    client: TcpStream,
    server: TcpStream,
    /// Requests that the server has not answered yet, oldest first.
    expected: Mutex<VecDeque<Expected>>,
    over: AtomicBool,
}

/// An answer that is to come.
#[derive(Clone, Default)]
struct Expected {
    /// It answers the duplicate.
    hidden: bool,
    is_list: bool,
    /// Of a SEND: its id, and itself.
    send: Option<(String, Vec<u8>)>,
}

/// Progress of one direction.
#[derive(Default)]
struct Progress {
    lines: u64,
    /// Of the line that is not yet complete.
    line: Vec<u8>,
    /// Going to the client: what is being answered, and how many records of a list are to come.
    answer: Expected,
    records: u64,
}

/// That way is at its end.
struct Over;

/// Connects a client with the server. What is going to happen is known once it has said who it is.
pub(super) fn carry(network: Arc<Network>, port: Port, client: TcpStream) {
    let mut from = BufReader::new(client.try_clone().expect("a descriptor"));
    let mut login = Vec::new();
    if from.read_until(b'\n', &mut login).is_err() || !login.ends_with(b"\n") {
        return;
    }
    let Ok(server) = TcpStream::connect(network.address(port)) else { return };
    client.set_nodelay(true).expect("an option");
    server.set_nodelay(true).expect("an option");
    let user = String::from_utf8_lossy(&login).split(':').nth(1).unwrap_or_default().to_owned();
    let plan = network.plan(&user, port);
    let first = [&login[..], from.buffer()].concat();
    drop(from);
    let wire = Wire { network, user, login, plan, client, server, expected: Mutex::default(), over: false.into() };
    thread::scope(|scope| {
        scope.spawn(|| wire.pump(Way::ToClient, Vec::new()));
        wire.pump(Way::ToServer, first);
    });
    // Sockets that were told to reset do so when they are dropped, here.
    let Wire { network, user, login, plan, client, server, expected, .. } = wire;
    drop((client, server));
    if plan.end.is_some_and(|end| end.late) {
        repeat(&network, &user, &login, unanswered(&expected.lock()));
    }
}

impl Wire {
    fn pump(&self, way: Way, first: Vec<u8>) {
        let (mut from, to) = match way {
            Way::ToServer => (&self.client, &self.server),
            Way::ToClient => (&self.server, &self.client),
        };
        let (mut progress, mut buffer) = (Progress::default(), [0; 16 << 10]);
        let mut came = self.pass_all(way, &first, &mut progress);
        while came.is_ok() {
            let Ok(read @ 1..) = from.read(&mut buffer) else { break };
            came = self.pass_all(way, &buffer[..read], &mut progress);
        }
        if came.is_err() && !self.is_over() {
            // That way is closed, or silent: what still comes is lost.
            while matches!(from.read(&mut buffer), Ok(1..)) {}
        }
        if !self.is_over() {
            let _ = to.shutdown(Shutdown::Write);
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn pass_all(&self, way: Way, bytes: &[u8], progress: &mut Progress) -> Result<(), Over> {
        bytes.split_inclusive(|byte| *byte == b'\n').try_for_each(|piece| match way {
            Way::ToServer => self.pass_request(piece, progress),
            Way::ToClient => self.pass_answer(piece, progress),
        })
    }

    /// Passes on a line, or a part of one.
    fn pass_request(&self, piece: &[u8], progress: &mut Progress) -> Result<(), Over> {
        progress.line.extend_from_slice(piece);
        let before = progress.line.len() - piece.len();
        let kept = self.cut(Way::ToServer, progress.lines, before, piece);
        if kept.is_none() && piece.ends_with(b"\n") {
            let expected = expect(&progress.line, progress.lines == 0);
            let twice = self.plan.twice && may_be_said_twice(&progress.line);
            self.expected.lock().push_back(expected.clone());
            self.forward(Way::ToServer, progress.lines, before, piece)?;
            if twice {
                self.expected.lock().push_back(Expected { hidden: true, ..expected });
                self.write(&self.server, &progress.line)?;
            }
            progress.lines += 1;
            progress.line.clear();
            return Ok(());
        }
        self.forward(Way::ToServer, progress.lines, before, kept.unwrap_or(piece))?;
        kept.map_or(Ok(()), |_| self.end(Way::ToServer))
    }

    /// The same for an answer, or a record of one.
    fn pass_answer(&self, piece: &[u8], progress: &mut Progress) -> Result<(), Over> {
        if progress.line.is_empty() && progress.records == 0 {
            // With nothing asked it is the server's last word.
            progress.answer = self.expected.lock().front().cloned().unwrap_or_default();
        }
        progress.line.extend_from_slice(piece);
        let before = progress.line.len() - piece.len();
        let is_whole = piece.ends_with(b"\n");
        if is_whole {
            self.take_answer(progress);
        }
        if progress.answer.hidden {
            if is_whole {
                progress.line.clear();
            }
            return Ok(());
        }
        let kept = self.cut(Way::ToClient, progress.lines, before, piece);
        self.forward(Way::ToClient, progress.lines, before, kept.unwrap_or(piece))?;
        if kept.is_some() {
            return self.end(Way::ToClient);
        }
        if is_whole {
            progress.lines += 1;
            progress.line.clear();
            self.come_again(progress.lines);
        }
        Ok(())
    }

    /// A line of an answer is complete.
    fn take_answer(&self, progress: &mut Progress) {
        if progress.records > 0 {
            progress.records -= 1;
            return;
        }
        let line = String::from_utf8_lossy(&progress.line);
        let line = line.trim_end();
        if LAST_WORDS.iter().any(|word| line.starts_with(word)) {
            return;
        }
        self.expected.lock().pop_front();
        if progress.answer.is_list {
            let count = line.strip_prefix("OK;").and_then(|count| count.split(';').next()?.parse().ok());
            progress.records = count.unwrap_or(0);
        }
        if let Some((id, request)) = &progress.answer.send {
            self.network.answered(&self.user, id, request, line);
        }
    }

    /// Returns the part of a piece that still passes if the end comes within it.
    fn cut<'a>(&self, way: Way, lines: u64, before: usize, piece: &'a [u8]) -> Option<&'a [u8]> {
        let End { lines: end, bytes, .. } = self.plan.end.filter(|end| end.way == way)?;
        let left = match lines.cmp(&end) {
            std::cmp::Ordering::Less => return None,
            std::cmp::Ordering::Equal => (bytes as usize).saturating_sub(before),
            std::cmp::Ordering::Greater => 0,
        };
        piece.get(..left).filter(|kept| kept.len() < piece.len())
    }

    fn forward(&self, way: Way, line: u64, before: usize, piece: &[u8]) -> Result<(), Over> {
        if let Some(hold) = self.plan.hold.filter(|hold| hold.way == way && hold.line == line && before == 0) {
            thread::sleep(hold.time);
        }
        self.write(if way == Way::ToServer { &self.server } else { &self.client }, piece)
    }

    fn write(&self, mut to: &TcpStream, piece: &[u8]) -> Result<(), Over> {
        let single = if self.plan.slow { piece.len().min(SLOW_BYTES) } else { 0 };
        let (single, rest) = piece.split_at(single);
        let written = single.chunks(1).try_for_each(|byte| to.write_all(byte)).and_then(|()| to.write_all(rest));
        written.map_err(|_| Over)
    }

    fn end(&self, way: Way) -> Result<(), Over> {
        let (client, server) = (&self.client, &self.server);
        match self.plan.end.map(|end| end.how) {
            Some(How::Silence) => {}
            Some(How::HalfClose) => {
                let to = if way == Way::ToServer { server } else { client };
                let _ = to.shutdown(Shutdown::Write);
            }
            how => {
                self.over.store(true, Ordering::Relaxed);
                let reset = how == Some(How::Reset);
                [client, server].into_iter().for_each(|socket| stop(socket, reset));
            }
        }
        Err(Over)
    }

    /// Repeats requests: answered ones, and those without an answer.
    fn come_again(&self, answers: u64) {
        if self.plan.again == Some(answers) {
            let old = self.network.some_answered(&self.user, 1 + answers as usize % 3);
            let open = unanswered(&self.expected.lock());
            repeat(&self.network, &self.user, &self.login, [old, open].concat());
        }
    }
}

/// Both threads are to leave the socket. To be reset it must not say that it closes before.
fn stop(socket: &TcpStream, reset: bool) {
    if reset {
        rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO)).expect("an option");
    }
    let _ = socket.shutdown(if reset { Shutdown::Read } else { Shutdown::Both });
}

fn expect(request: &[u8], is_login: bool) -> Expected {
    let text = String::from_utf8_lossy(request);
    let mut fields = text.trim_end().split(';');
    let verb = fields.next().unwrap_or_default().to_uppercase();
    if is_login {
        return Expected::default();
    }
    let send = (verb == "SEND").then(|| (fields.next().unwrap_or_default().to_owned(), request.to_vec()));
    Expected { hidden: false, is_list: LISTS.contains(&&*verb), send }
}

fn may_be_said_twice(request: &[u8]) -> bool {
    request.starts_with(b"SEND;") || request.starts_with(b"READ;")
}

/// The sends that reached the server and have no answer, in their order: first tried, first served,
/// however many connections try them.
fn unanswered(expected: &VecDeque<Expected>) -> Vec<(String, Vec<u8>)> {
    expected.iter().filter(|expected| !expected.hidden).filter_map(|expected| expected.send.clone()).collect()
}

/// Sends as this user, on a connection that the client knows nothing of.
fn repeat(network: &Network, user: &str, login: &[u8], requests: Vec<(String, Vec<u8>)>) {
    let Some(mut line) = Connection::try_open(network.address(Port::Send)) else { return };
    let logged_in = line.try_send(login).ok().and_then(|()| line.try_read_line());
    if !logged_in.is_some_and(|answer| answer.starts_with("OK;")) {
        return;
    }
    for (id, request) in requests {
        let answer = line.try_send(&request).ok().and_then(|()| line.try_read_line());
        let Some(answer) = answer else { return };
        network.answered(user, &id, &request, &answer);
    }
}
