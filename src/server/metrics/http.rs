//! The metrics port: `GET /metrics` and `GET /healthz` over HTTP, one request a connection, each on a thread of its own. A
//! request is bounded in bytes and in time, and so is the number of threads: for one too many the oldest is cut off, so
//! that connections which send nothing keep no monitor out.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use crossbeam_channel::bounded;
use httparse::{EMPTY_HEADER, Request, Status};

use super::page;
use crate::limits;
use crate::net::{Listening, Socket, linger_close, listen};
use crate::server::router::input::Input;
use crate::server::shared::Shared;

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves until it is stopped.
pub(crate) fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<Listening> {
    let mut open = OpenRequests::default();
    listen(listener, "metrics", move |stream, peer| open.serve(&shared, Arc::new(stream.into()), peer))
}

/// The connections that are being served, oldest first, with the threads that own them. Dropping this cuts them off.
#[derive(Default)]
struct OpenRequests(VecDeque<(Weak<Socket>, JoinHandle<()>)>);

impl OpenRequests {
    fn serve(&mut self, shared: &Arc<Shared>, socket: Arc<Socket>, peer: SocketAddr) {
        self.0.retain(|(_, thread)| !thread.is_finished());
        if self.0.len() >= limits::HTTP_CONNECTIONS {
            self.cut_oldest_off();
        }
        let of_thread = shared.clone();
        let served = socket.clone();
        let thread = Builder::new().name("metrics".to_owned()).stack_size(limits::CONNECTION_STACK);
        match thread.spawn(move || answer_one(&of_thread, &served, peer)) {
            Ok(thread) => self.0.push_back((Arc::downgrade(&socket), thread)),
            // No thread is left: requests are served one after the other.
            Err(_) => answer_one(shared, &socket, peer),
        }
    }

    /// Closes the oldest connection and waits for its thread: an instant, or [`limits::HEALTH_TIMEOUT`] where that waits for
    /// a router which does not answer.
    fn cut_oldest_off(&mut self) {
        if let Some((socket, thread)) = self.0.pop_front() {
            // Without a socket the thread is about to end.
            let _ = socket.upgrade().map(|socket| socket.tcp().shutdown(Shutdown::Both));
            // A thread that panicked has ended as well.
            let _ = thread.join();
        }
    }
}

impl Drop for OpenRequests {
    fn drop(&mut self) {
        while !self.0.is_empty() {
            self.cut_oldest_off();
        }
    }
}

struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: String,
}

impl Answer {
    fn text(status: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type: TEXT, body: format!("{}\n", body.into()) }
    }
}

fn answer_one(shared: &Shared, socket: &Socket, peer: SocketAddr) {
    // A client that is slow or gone concerns no other.
    if let Err(error) = try_to_answer(shared, socket) {
        log::debug!("metrics, {peer}: {error}");
    }
}

fn try_to_answer(shared: &Shared, socket: &Socket) -> io::Result<()> {
    let Answer { status, content_type, body } = match read_path(socket.tcp())? {
        Ok(path) => answer(shared, &path),
        Err(refusal) => refusal,
    };
    socket.tcp().set_write_timeout(Some(limits::HTTP_TIMEOUT))?;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    linger_close(socket, &[head, body].concat().into_bytes());
    Ok(())
}

fn answer(shared: &Shared, path: &str) -> Answer {
    match path {
        "/metrics" => Answer { status: "200 OK", content_type: PROMETHEUS, body: page::write(shared) },
        "/healthz" => match check_health(shared) {
            Ok(()) => Answer::text("200 OK", "ok"),
            Err(why) => Answer::text("503 Service Unavailable", why),
        },
        _ => Answer::text("404 Not Found", "there are /metrics and /healthz"),
    }
}

/// Asks the router whether messages can be stored: it answers between two batches, so after a commit that was under way.
fn check_health(shared: &Shared) -> Result<(), String> {
    let deadline = Instant::now() + limits::HEALTH_TIMEOUT;
    let (answer, answered) = bounded(1);
    let asked = shared.router.send_deadline(Input::Health(answer), deadline);
    let healthy = asked.ok().and_then(|()| answered.recv_deadline(deadline).ok());
    healthy.unwrap_or_else(|| {
        Err(format!("the router has not answered within {} s", limits::HEALTH_TIMEOUT.as_secs_f32()))
    })
}

/// Reads the head of a request. Returns the path of a GET, without its query, or the refusal of another request.
fn read_path(mut stream: &TcpStream) -> io::Result<Result<String, Answer>> {
    let deadline = Instant::now() + limits::HTTP_TIMEOUT;
    let mut bytes = [0; limits::HTTP_REQUEST_BYTES];
    let mut length = 0;
    loop {
        if let Some(parsed) = parse(bytes.get(..length).unwrap_or_default()) {
            return Ok(parsed);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Err(Answer::text("408 Request Timeout", "the request did not come in time")));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(bytes.get_mut(length..).unwrap_or_default()) {
            Ok(0) if length == bytes.len() => {
                return Ok(Err(Answer::text("431 Request Header Fields Too Large", "the request is too long")));
            }
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => length += read,
            // The deadline decides.
            Err(error) if is_no_end(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_no_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Parses a request's head; `None`: it is not complete.
fn parse(bytes: &[u8]) -> Option<Result<String, Answer>> {
    let mut headers = [EMPTY_HEADER; limits::HTTP_HEADERS];
    let mut request = Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Status::Partial) => None,
        Ok(Status::Complete(_)) if request.method == Some("GET") => {
            let path = request.path.unwrap_or_default();
            Some(Ok(path.split('?').next().unwrap_or_default().to_owned()))
        }
        Ok(Status::Complete(_)) => Some(Err(Answer::text("405 Method Not Allowed", "only GET is served"))),
        Err(error) => Some(Err(Answer::text("400 Bad Request", error.to_string()))),
    }
}
