//! The client of etcd beside a listener that answers what etcd would not.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wachat::cluster::{Etcd, EtcdError, Range};

use crate::cluster::etcd::{client, put, soon, unknown};

/// A listener that reads a request of each connection, and answers it by a function. Returns its endpoint, and the number
/// of requests so far.
fn listen(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (String, Arc<AtomicUsize>) {
    listen_on(TcpListener::bind("127.0.0.1:0").expect("a port"), answer)
}

fn listen_on(listener: TcpListener, answer: impl Fn(&mut TcpStream) + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    let requests = Arc::new(AtomicUsize::new(0));
    let count = requests.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            read_request(&mut stream);
            count.fetch_add(1, Ordering::SeqCst);
            answer(&mut stream);
        }
    });
    (endpoint, requests)
}

/// Reads the head and the body of a request.
fn read_request(stream: &mut TcpStream) {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|length| length == 1) {
        read.push(byte[0]);
    }
    let head = String::from_utf8(read).expect("UTF-8").to_lowercase();
    let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.split("\r\n").next()?.parse().ok());
    let mut body = vec![0; length.expect("the length of the body")];
    stream.read_exact(&mut body).expect("a body");
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Returns a client of a listener that gives one answer and closes.
fn answered(answer: String) -> Etcd {
    let (endpoint, _) = listen(move |stream| drop(stream.write_all(answer.as_bytes())));
    client(&format!("{endpoint}/class"))
}

fn read(etcd: &Etcd) -> Result<Range, EtcdError> {
    etcd.range("/class/", Some("/class0"), 10, soon())
}

#[test]
fn an_answer_that_is_not_etcds_leaves_the_outcome_unknown() {
    let pair = r#""create_revision":"1","mod_revision":"1""#;
    let kvs = |pair: &str| format!(r#"{{"header":{{"revision":"2"}},"kvs":[{{{pair}}}]}}"#);
    for answer in [
        String::new(),
        "\0\u{1}garbage\r\n\r\n".to_owned(),
        http("200 OK", ""),
        http("200 OK", "{}"),
        http("200 OK", "[]"),
        http("200 OK", &"[".repeat(1 << 20)),
        http("200 OK", r#"{"header":{}}"#),
        http("200 OK", r#"{"header":{"revision":"99999999999999999999"}}"#),
        http("200 OK", &kvs(&format!(r#""key":"?",{pair}"#))),
        http("200 OK", &kvs(&format!(r#""key":"/w==",{pair}"#))),
        http("200 OK", &kvs(r#""key":"YQ==""#)),
        http("301 Moved", "{}"),
        http("400 Bad Request", "no JSON"),
        http("500 Internal Server Error", r#"{"message":"it is broken","code":13}"#),
        http("503 Service Unavailable", r#"{"message":"etcdserver: no leader","code":14}"#),
        http("429 Too Many Requests", r#"{"message":"etcdserver: mvcc: database space exceeded","code":8}"#),
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_owned(),
    ] {
        let etcd = answered(answer.clone());
        let shown: String = answer.chars().take(200).collect();
        assert!(matches!(read(&etcd), Err(EtcdError::Unknown(_))), "{shown}");
        if !answer.contains("kvs") {
            let put = etcd.transact(&[], &[put("/class/a", b"1")], soon());
            assert!(matches!(put, Err(EtcdError::Unknown(_))), "{shown}: {put:?}");
        }
    }
    let stream = r#"{"error":{"grpc_code":14,"message":"etcdserver: no leader"}}"#;
    assert!(unknown(answered(http("200 OK", stream)).keep_lease(1, soon())).contains("no leader"));
}

#[test]
fn a_definite_answer_is_shown_without_its_control_characters() {
    let answer = r#"{"message":"etcdserver: \u001b[2Jpermission denied","code":7}"#;
    let Err(EtcdError::Refused(why)) = read(&answered(http("403 Forbidden", answer))) else { panic!("no refusal") };
    assert!(why.contains("permission denied") && !why.contains('\u{1b}'), "{why:?}");
    let Err(EtcdError::Refused(why)) = read(&answered(http("404 Not Found", "nothing"))) else { panic!("no refusal") };
    assert!(why.contains("is this etcd"), "{why:?}");
}

/// Writes the same bytes again and again, until the client closes.
fn pour(stream: &mut TcpStream, head: &str, bytes: &[u8], pause: Duration) {
    let mut written = stream.write_all(head.as_bytes());
    while written.is_ok() {
        thread::sleep(pause);
        written = stream.write_all(bytes);
    }
}

#[test]
fn an_answer_without_end_is_given_up_by_its_size_or_the_deadline() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let none = Duration::ZERO;
    let slow = Duration::from_millis(20);
    for (head, bytes, pause) in [
        (chunked, chunk, none),
        (chunked, "1\r\n \r\n".to_owned(), slow),
        ("HTTP/1.1 200 OK\r\n", "x: y\r\n".to_owned(), none),
        ("HTTP/1.1 200 OK\r\n", "x".to_owned(), slow),
        ("", " ".to_owned(), slow),
    ] {
        let (endpoint, _) = listen(move |stream| pour(stream, head, bytes.as_bytes(), pause));
        let begin = Instant::now();
        let read = client(&format!("{endpoint}/class")).range("/class/a", None, 1, begin + Duration::from_secs(2));
        unknown(read);
        assert!(begin.elapsed() < Duration::from_secs(3), "{head:?}: after {:?}", begin.elapsed());
    }
}

#[test]
fn an_endpoint_may_have_an_ipv6_address() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let answer = http("200 OK", r#"{"header":{"revision":"7"}}"#);
    let (endpoint, _) = listen_on(listener, move |stream| drop(stream.write_all(answer.as_bytes())));
    assert_eq!(read(&client(&format!("{endpoint}/class"))).expect("an answer").revision, 7);
}

#[test]
fn a_request_that_was_sent_goes_to_no_other_endpoint() {
    let (first, lost) = listen(|_| ());
    let (second, seen) = listen(|stream| {
        let answer = http("200 OK", r#"{"header":{"revision":"7"},"succeeded":true}"#);
        drop(stream.write_all(answer.as_bytes()));
    });
    let etcd = client(&format!("{first},{second}/class"));
    unknown(etcd.transact(&[], &[put("/class/a", b"1")], soon()));
    assert_eq!((lost.load(Ordering::SeqCst), seen.load(Ordering::SeqCst)), (1, 0));
    let next = etcd.transact(&[], &[put("/class/a", b"1")], soon()).expect("an answer");
    assert!(next.succeeded && next.revision == 7);
    assert_eq!((lost.load(Ordering::SeqCst), seen.load(Ordering::SeqCst)), (1, 1));
}
