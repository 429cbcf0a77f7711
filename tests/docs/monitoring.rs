//! The page about monitoring, and the dashboard beside it: their tables and queries are those of the server.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::Value;
use wachat::limits;
use wachat::server::audit::KINDS;

use crate::docs::page::{MONITORING, read, section, table};
use crate::support::metrics::{Family, Page, world_with_metrics};

fn page() -> Page {
    Page::read(world_with_metrics(&[]).1)
}

/// Returns the names of the labels of a metric; `le` belongs to the kind.
fn labels(family: &Family) -> String {
    let label = Regex::new("[{,]([a-z]+)=").expect("an expression");
    let names = family.samples.keys().flat_map(|sample| label.captures_iter(sample));
    let names: BTreeSet<_> = names.map(|found| found[1].to_owned()).filter(|name| name != "le").collect();
    names.into_iter().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_metrics_are_those_of_the_page() {
    let (world, address) = world_with_metrics(&[]);
    let page = Page::read(address);
    drop(world);
    let head = ["| metric | kind | label | meaning |", "|---|---|---|---|"].map(str::to_owned);
    let rows = page
        .families
        .iter()
        .map(|(name, family)| format!("| `{name}` | {} | {} | {} |", family.kind, labels(family), family.help))
        .map(|row| row.replace("|  |", "| |"));
    let mut wanted = head.to_vec();
    wanted.extend(rows);
    assert_eq!(table(MONITORING, "Metrics"), wanted, "the table should be:\n{}\n", wanted.join("\n"));
}

#[test]
fn the_events_are_those_of_the_audit_log() {
    let head = ["| event | fields | meaning |", "|---|---|---|"].map(str::to_owned);
    let rows = KINDS.iter().map(|(kind, fields, meaning)| format!("| `{kind}` | `{fields}` | {meaning} |"));
    let mut wanted = head.to_vec();
    wanted.extend(rows);
    assert_eq!(table(MONITORING, "The audit log"), wanted, "the table should be:\n{}\n", wanted.join("\n"));
    let text = section(MONITORING, "The audit log").join(" ");
    assert!(text.contains(&format!("at most {} lines about failed logins", limits::AUDIT_FAILED_LOGINS)));
    assert_eq!((limits::AUDIT_PERIOD.as_secs(), limits::AUDIT_REFUSALS), (60, 1), "a minute, and one line");
}

#[test]
fn the_object_of_the_log_is_one_that_a_server_writes() {
    let text = section(MONITORING, "The log").join("\n");
    let shown = text.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("an object");
    let object: Value = serde_json::from_str(shown).expect("JSON");
    let event = wachat::server::audit::Event::LoginFailed {
        user: wachat::model::UserName::new("luis").ok(),
        from: "192.0.2.7".parse().expect("an address"),
        port: wachat::protocol::Port::Send,
        reason: wachat::server::audit::LoginFailure::Password,
    };
    assert_eq!(object["message"], event.line(1));
    let fields = ["event", "from", "port", "reason", "user"].map(|key| object[key].as_str().expect(key));
    assert_eq!(fields, ["login_failed", "192.0.2.7", "SEND", "password", "luis"]);
}

#[test]
fn every_metric_of_the_dashboard_and_of_the_alerts_exists() {
    let page = page();
    let dashboard = read("examples/deploy/grafana.json");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let mut queries: Vec<_> = targets.map(|target| target["expr"].as_str().expect("a query").to_owned()).collect();
    assert!(panels.len() >= 8 && queries.len() >= panels.len(), "{} panels, {} queries", panels.len(), queries.len());
    queries.push(section(MONITORING, "Metrics").join("\n"));
    let name = Regex::new("(?:wachat|process)_[a-z_]+").expect("an expression");
    for query in queries {
        let names: Vec<_> = name.find_iter(&query).map(|found| found.as_str()).collect();
        assert!(!names.is_empty(), "{query}");
        for name in names {
            let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let known = page.families.contains_key(name)
                || of_histogram.and_then(|name| page.families.get(name)).is_some_and(|f| f.kind == "histogram");
            assert!(known, "there is no {name}, which is in {query}");
        }
    }
    for panel in panels {
        let ids: Vec<_> = panels.iter().filter(|other| other["id"] == panel["id"]).collect();
        assert!(ids.len() == 1 && panel["title"].is_string() && panel["gridPos"]["w"].is_u64(), "{panel}");
    }
}
