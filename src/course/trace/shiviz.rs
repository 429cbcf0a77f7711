//! A log for ShiViz: every step with its vector clock, which follows from the merged order.

use std::collections::{BTreeMap, HashSet};

use super::short::describe;
use super::step::{Merged, Step};
use crate::limits;
use crate::text::escape_xml;
use crate::trace::Event;

/// The expression that ShiViz reads the log with. An empty line, for logs of several executions, follows it.
const EXPRESSION: &str = r"(?<host>\S+) (?<clock>\{.*\})\n(?<event>.*)";

/// A vector clock: for each process the number of its steps that came before.
type Clock = BTreeMap<usize, u64>;

/// Returns the log, of at most [`limits::TRACE_CLOCK_NUMBERS`]. Its first line is the expression.
pub fn write(merged: &Merged, notes: &mut Vec<String>) -> String {
    let mut clocks = BTreeMap::<usize, Clock>::new();
    let mut on_the_way = BTreeMap::new();
    let hosts = hosts(merged);
    let mut numbers = 0;
    let mut text = format!("{EXPRESSION}\n\n");
    for (index, step) in merged.steps.iter().enumerate() {
        let clock = clocks.entry(step.lifeline).or_default();
        if step.entry.event == Event::In
            && let Some(sent) = step.pair.and_then(|sent| on_the_way.remove(&sent))
        {
            merge_clocks(clock, &sent);
        }
        *clock.entry(step.lifeline).or_default() += 1;
        numbers += clock.len();
        if numbers > limits::TRACE_CLOCK_NUMBERS {
            let steps = merged.steps.len();
            notes.push(format!(
                "only the first {index} of {steps} steps are in the log: --user or --message select some"
            ));
            break;
        }
        if step.entry.event == Event::Out && step.pair.is_some() {
            on_the_way.insert(index, clock.clone());
        }
        text.push_str(&format!("{} {}\n{}\n", host(&hosts, step.lifeline), json(&hosts, clock), event(step)));
    }
    text
}

fn merge_clocks(clock: &mut Clock, other: &Clock) {
    for (lifeline, count) in other {
        let own = clock.entry(*lifeline).or_default();
        *own = (*own).max(*count);
    }
}

/// Returns a name for each process that ShiViz can read: without white space and what has a meaning in JSON or in its page,
/// and no two the same.
fn hosts(merged: &Merged) -> Vec<String> {
    let mut taken = HashSet::new();
    let is_plain = |c: char| c.is_alphanumeric() || "#:.-_@".contains(c);
    let mut host = |(number, name): (usize, &str)| {
        let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        let host = if taken.contains(&plain) || plain.is_empty() { format!("{plain}_{number}") } else { plain };
        taken.insert(host.clone());
        host
    };
    merged.lifelines.iter().map(|lifeline| lifeline.name.as_str()).enumerate().map(&mut host).collect()
}

fn host(hosts: &[String], lifeline: usize) -> &str {
    hosts.get(lifeline).map_or("_", String::as_str)
}

fn json(hosts: &[String], clock: &Clock) -> String {
    let entries: Vec<_> =
        clock.iter().map(|(lifeline, count)| format!("\"{}\":{count}", host(hosts, *lifeline))).collect();
    format!("{{{}}}", entries.join(", "))
}

/// Returns the text of an event: one line, escaped for the page that shows it.
fn event(step: &Step) -> String {
    let marks: String = step.marks.iter().map(|mark| format!(" ({})", mark.text())).collect();
    let direction = match step.entry.event {
        Event::In => "receives ",
        Event::Out => "sends ",
        _ => "",
    };
    let text = escape_xml(&format!("{direction}{}{marks}", describe(&step.entry)));
    // For the expression these end a line.
    text.replace(['\n', '\u{2028}', '\u{2029}'], "\u{fffd}")
}
