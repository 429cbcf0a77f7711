//! The page of `/metrics`, in the text format of Prometheus, version 0.0.4. This file is the table of all metrics: each
//! has its name, its kind and a sentence here and nowhere else.

use std::fmt::{self, Write as _};
use std::sync::atomic::Ordering;

use super::{Histogram, Metrics};
use crate::protocol::Port;
use crate::server::shared::Shared;

const MICROS: f64 = 1e6;

/// Writes the page.
pub(crate) fn write(shared: &Shared) -> String {
    let mut page = Page::default();
    write_process(&mut page, shared);
    write_connections(&mut page, shared);
    write_messages(&mut page, &shared.metrics);
    write_queues(&mut page, shared);
    write_log(&mut page, shared);
    write_cluster(&mut page, shared);
    page.text
}

fn write_process(page: &mut Page, shared: &Shared) {
    let metrics = &shared.metrics;
    page.gauge("wachat_build_info", "Always 1; the label is the version of wachat.");
    page.sample(("version", env!("CARGO_PKG_VERSION")), 1);
    page.gauge("process_start_time_seconds", "Start of the server, in seconds since 1970.");
    page.value(metrics.started.millis() as f64 / 1e3);
    page.gauge("wachat_accounts", "Accounts that were not removed.");
    page.value(metrics.accounts.get());
    page.gauge("wachat_rooms", "Rooms that exist.");
    page.value(metrics.rooms.get());
}

fn write_connections(page: &mut Page, shared: &Shared) {
    let metrics = &shared.metrics;
    let [send, recv] = Port::BOTH.map(|port| (Some(port), port.label()));
    let ports = [send, recv, (None, "web")];
    let open = ports.map(|(port, word)| (word, shared.connections.open(port)));
    page.gauge(
        "wachat_connections",
        "Open connections by port, with those that have not logged in; web: before the upgrade to a WebSocket.",
    );
    open.iter().for_each(|(word, open)| page.sample(("port", word), open.total));
    page.gauge("wachat_sessions", "Open connections by port that have logged in.");
    open.iter().take(2).for_each(|(word, open)| page.sample(("port", word), open.logged_in()));
    page.counter("wachat_connections_accepted_total", "Connections that were accepted, by port.");
    for (port, word) in ports {
        page.sample(("port", word), metrics.accepted_connections.of(port).get());
    }
    page.counter("wachat_connections_refused_total", "Connections that were refused, by port: too many, or no thread.");
    for (port, word) in ports {
        page.sample(("port", word), metrics.refused_connections.of(port).get());
    }
    page.counter(
        "wachat_logins_total",
        "Logins by outcome; failed: wrong name or password; refused: another KO in place of a login.",
    );
    let logins = &metrics.logins;
    for (word, number) in [("accepted", &logins.accepted), ("failed", &logins.failed), ("refused", &logins.refused)] {
        page.sample(("outcome", word), number.get());
    }
    page.counter("wachat_refusals_total", "KO replies by code.");
    for (code, count) in metrics.refusals() {
        page.sample(("code", &code.to_string()), count);
    }
}

fn write_messages(page: &mut Page, metrics: &Metrics) {
    page.counter("wachat_messages_received_total", "Messages that were accepted: they are durable, state RECEIVED.");
    page.value(metrics.messages_received.get());
    page.counter(
        "wachat_messages_delivered_total",
        "Messages that a recipient has acknowledged, once for each recipient.",
    );
    page.value(metrics.messages_delivered.get());
    page.counter("wachat_receipts_total", "STATE events by state; each stands for all messages up to a number.");
    for (word, number) in [("delivered", &metrics.receipts_delivered), ("read", &metrics.receipts_read)] {
        page.sample(("state", word), number.get());
    }
    page.gauge("wachat_messages_waiting", "Direct messages that wait in mailboxes.");
    page.value(metrics.messages_waiting.get());
    page.gauge("wachat_messages_waiting_bytes", "Size of the messages that wait in mailboxes, as the quotas count it.");
    page.value(metrics.bytes_waiting.get());
}

fn write_queues(page: &mut Page, shared: &Shared) {
    page.gauge("wachat_router_queue", "Inputs that wait for the router.");
    page.value(shared.router.len());
    page.gauge("wachat_auth_queue", "Passwords that wait to be verified or hashed, with those under way.");
    page.value(shared.auth.unfinished());
    let backlog = shared.metrics.stragglers.get();
    let stragglers = backlog.map_or(0, |backlog| backlog.connections.load(Ordering::Relaxed));
    page.gauge("wachat_stragglers", "Connections whose clients are slow to take what was sent.");
    page.value(stragglers);
    page.gauge("wachat_stragglers_bytes", "Bytes that wait for slow clients.");
    page.value(backlog.map_or(0, |backlog| backlog.bytes.load(Ordering::Relaxed)));
}

fn write_log(page: &mut Page, shared: &Shared) {
    let metrics = &shared.metrics;
    page.histogram("wachat_batch_records", "Records in a batch of the write-ahead log.", &metrics.batch_records, 1.0);
    page.histogram(
        "wachat_commit_seconds",
        "Time to write and sync a batch, in a cluster with its append.",
        &metrics.commit_time,
        MICROS,
    );
    page.counter("wachat_log_written_bytes_total", "Bytes of the records that were written to the write-ahead log.");
    page.value(metrics.log_bytes.get());
    page.gauge(
        "wachat_log_uncovered_bytes",
        "Bytes of the write-ahead log that no checkpoint covers: a start replays them.",
    );
    page.value(metrics.uncovered_bytes.get());
    let made = &metrics.checkpoints;
    page.counter("wachat_checkpoints_total", "Checkpoints since the start, by outcome.");
    page.sample(("outcome", "made"), made.made.get());
    page.sample(("outcome", "failed"), made.failed.get());
    page.gauge(
        "wachat_checkpoint_timestamp_seconds",
        "Time of the last checkpoint since the start; absent before the first.",
    );
    page.value_if(made.made.get() > 0, made.at.get() as f64 / 1e3);
    page.gauge(
        "wachat_checkpoint_duration_seconds",
        "Time that the last checkpoint has taken; absent before the first.",
    );
    page.value_if(made.made.get() > 0, made.micros.get() as f64 / MICROS);
    page.gauge("wachat_checkpoint_bytes", "Size of the last checkpoint's tables; absent before the first.");
    page.value_if(made.made.get() > 0, made.bytes.get() as f64);
    page.gauge("wachat_certificate_expiry_seconds", "Time until the certificate of TLS expires; absent without TLS.");
    if let Some(left) = shared.tls.as_ref().and_then(|tls| tls.info().expires_in) {
        page.value(left.as_secs());
    }
    page.gauge(
        "wachat_disk_free_bytes",
        "Free space of the disk that the store is on; absent where it cannot be looked up.",
    );
    if let Some(free) = metrics.free_disk_bytes.get() {
        page.value(free.get());
    }
}

fn write_cluster(page: &mut Page, shared: &Shared) {
    let servers = shared.servers.lock().clone();
    let entry = shared.metrics.cluster_entry.get();
    page.gauge("wachat_cluster_leads", "1: this server leads its cluster; 0: it stands by; absent without a cluster.");
    page.value_if(entry.is_some(), u8::from(!servers.standing_by).into());
    page.gauge("wachat_cluster_epoch", "Term of the leader: it grows with each change; absent while nobody leads.");
    if let Some(epoch) = servers.epoch {
        page.value(epoch);
    }
    page.gauge("wachat_cluster_entry", "Last entry of the cluster's log that this server has applied.");
    if let Some(entry) = entry {
        page.value(entry.get());
    }
    page.histogram(
        "wachat_cluster_append_seconds",
        "Time until an entry that this server appends is in the cluster's log.",
        &shared.metrics.append_time,
        MICROS,
    );
}

/// Writes lines of the format: a head for each metric, then its samples. Writing into a string does not fail.
#[derive(Default)]
struct Page {
    text: String,
    /// The metric whose samples come next.
    name: &'static str,
}

impl Page {
    fn gauge(&mut self, name: &'static str, help: &str) {
        self.head(name, "gauge", help);
    }

    fn counter(&mut self, name: &'static str, help: &str) {
        self.head(name, "counter", help);
    }

    /// `help` has neither a backslash nor a line feed.
    fn head(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, value: impl fmt::Display) {
        let _ = writeln!(self.text, "{} {value}", self.name);
    }

    fn value_if(&mut self, is_known: bool, value: f64) {
        if is_known {
            self.value(value);
        }
    }

    /// Writes a sample with a label, whose value is a word of this program: it has nothing to escape.
    fn sample(&mut self, (label, word): (&str, &str), value: impl fmt::Display) {
        let _ = writeln!(self.text, "{}{{{label}=\"{word}\"}} {value}", self.name);
    }

    /// Writes a histogram. `unit`: how many of its integers make one of the unit in which the page shows it.
    fn histogram(&mut self, name: &'static str, help: &str, histogram: &Histogram, unit: f64) {
        self.head(name, "histogram", help);
        let buckets: Vec<_> = histogram.buckets().collect();
        // Values can come meanwhile: the count is read last, and is never below the last bucket.
        let count = histogram.count();
        for (bound, up_to) in buckets {
            let _ = writeln!(self.text, "{name}_bucket{{le=\"{}\"}} {up_to}", bound as f64 / unit);
        }
        let sum = histogram.sum() as f64 / unit;
        let _ = writeln!(self.text, "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}");
    }
}
