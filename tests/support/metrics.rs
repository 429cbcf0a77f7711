//! The metrics port of a server: requests, and a strict parser of the text format 0.0.4.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::world::choose_ports;
use super::{TIMEOUT, World};

/// Starts a server with a metrics port.
pub fn world_with_metrics(options: &[&str]) -> (World, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], choose_ports()[0]));
    let flag = "--metrics";
    let text = address.to_string();
    (World::new(&[options, &[flag, &text]].concat()), address)
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Sends bytes and reads to the end.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
    stream.write_all(request).expect("to send");
    read_answer(&mut stream)
}

pub fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).expect("a status");
    let length = format!("Content-Length: {}", body.len());
    assert!(head.lines().any(|line| line == length), "{length} is not in {head}");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    exchange(address, format!("GET {path} HTTP/1.1\r\nHost: test\r\nAccept: */*\r\n\r\n").as_bytes())
}

/// A metric with its samples: the text before the value, and the value.
#[derive(Debug)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub samples: BTreeMap<String, f64>,
}

/// A page of `/metrics`.
#[derive(Debug)]
pub struct Page {
    pub text: String,
    pub families: BTreeMap<String, Family>,
}

impl Page {
    pub fn read(address: SocketAddr) -> Self {
        let answer = get(address, "/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.contains("Content-Type: text/plain; version=0.0.4"), "{}", answer.head);
        Self::parse(answer.body)
    }

    /// Returns the value of a sample, such as `wachat_sessions{port="send"}`.
    #[track_caller]
    pub fn value(&self, sample: &str) -> f64 {
        let found = self.families.values().find_map(|family| family.samples.get(sample));
        *found.unwrap_or_else(|| panic!("there is no {sample} in\n{}", self.text))
    }

    fn parse(text: String) -> Self {
        assert!(text.ends_with('\n'), "the last line has its line feed");
        let mut families = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(head) = lines.next() {
            let (name, help) = head.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect(head);
            assert!(is_name(name) && !help.contains('\\'), "{head}");
            let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).expect(head);
            let mut samples = BTreeMap::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (sample, value) = line.rsplit_once(' ').expect(line);
                check_sample(name, kind, sample);
                let twice = samples.insert(sample.to_owned(), value.parse().expect(line));
                assert!(twice.is_none(), "{sample} is there twice");
            }
            check_kind(name, kind, &samples);
            let family = Family { kind: kind.to_owned(), help: help.to_owned(), samples };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} is there twice");
        }
        Self { text, families }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A sample bears the name of its metric, and labels in the form `{label="value"}`.
fn check_sample(name: &str, kind: &str, sample: &str) {
    let (bare, labels) = sample.split_once('{').map_or((sample, None), |(bare, labels)| (bare, Some(labels)));
    let ends = if kind == "histogram" { &["_bucket", "_sum", "_count"][..] } else { &[""] };
    assert!(ends.iter().any(|end| bare == format!("{name}{end}")), "{sample} stands below {name}");
    let Some(labels) = labels else { return };
    let labels = labels.strip_suffix('}').expect(sample);
    for label in labels.split(',') {
        let (label, value) = label.split_once("=\"").expect(sample);
        assert!(is_name(label) && value.ends_with('"') && value.matches('"').count() == 1, "{sample}");
    }
}

/// The conventions of Prometheus for each kind.
fn check_kind(name: &str, kind: &str, samples: &BTreeMap<String, f64>) {
    assert!(samples.values().all(|value| value.is_finite() && *value >= 0.0), "{name}: {samples:?}");
    match kind {
        "counter" => assert!(name.ends_with("_total"), "{name}"),
        "gauge" => assert!(!name.ends_with("_total"), "{name}"),
        "histogram" => {
            let bound = |sample: &str| Some(sample.strip_prefix(&format!("{name}_bucket{{le=\""))?.replace("\"}", ""));
            let buckets = samples.iter().filter_map(|(sample, count)| Some((bound(sample)?, *count)));
            let mut buckets: Vec<(f64, f64)> =
                buckets.map(|(bound, count)| (bound.replace("+Inf", "inf").parse().expect("a bound"), count)).collect();
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(buckets.windows(2).all(|two| two[0].1 <= two[1].1), "{name}: {buckets:?}");
            let count = samples.get(&format!("{name}_count")).copied();
            assert_eq!(buckets.last().map(|last| (last.0.is_infinite(), Some(last.1))), Some((true, count)), "{name}");
            assert!(samples.contains_key(&format!("{name}_sum")), "{name}");
        }
        kind => panic!("{name} is a {kind}"),
    }
}
