//! A log for ShiViz: every step with its vector clock, which follows from the merged order.

use std::collections::BTreeMap;

use super::meaning::{Marks, describe};
use super::merge::{Merged, Step};
use crate::trace::Event;

/// The expression that ShiViz reads the log with. An empty line, for logs of several executions, follows it.
const EXPRESSION: &str = r"(?<host>\S+) (?<clock>\{.*\})\n(?<event>.*)";

/// A vector clock: for each process the number of its steps that came before.
type Clock = BTreeMap<usize, u64>;

/// Returns the log. Its first line is the expression.
pub fn write(merged: &Merged) -> String {
    let (mut clocks, mut on_the_way, mut marks) = (BTreeMap::<usize, Clock>::new(), BTreeMap::new(), Marks::default());
    let mut text = format!("{EXPRESSION}\n\n");
    for (index, step) in merged.steps.iter().enumerate() {
        let clock = clocks.entry(step.lifeline).or_default();
        if step.entry.event == Event::In
            && let Some(sent) = step.pair.and_then(|sent| on_the_way.remove(&sent))
        {
            merge_clocks(clock, &sent);
        }
        *clock.entry(step.lifeline).or_default() += 1;
        if step.entry.event == Event::Out && step.pair.is_some() {
            on_the_way.insert(index, clock.clone());
        }
        text.push_str(&format!(
            "{} {}\n{}\n",
            host(merged, step.lifeline),
            json(merged, clock),
            event(step, &mut marks)
        ));
    }
    text
}

fn merge_clocks(clock: &mut Clock, other: &Clock) {
    for (lifeline, count) in other {
        let own = clock.entry(*lifeline).or_default();
        *own = (*own).max(*count);
    }
}

/// Returns the name of a process without white space.
fn host(merged: &Merged, lifeline: usize) -> String {
    let name = merged.lifelines.get(lifeline).map_or("", |lifeline| lifeline.name.as_str());
    name.chars().map(|c| if c.is_whitespace() || c.is_control() || "{}\"\\".contains(c) { '_' } else { c }).collect()
}

fn json(merged: &Merged, clock: &Clock) -> String {
    let entries: Vec<_> =
        clock.iter().map(|(lifeline, count)| format!("\"{}\":{count}", host(merged, *lifeline))).collect();
    format!("{{{}}}", entries.join(", "))
}

/// Returns the text of an event, which is one line.
fn event(step: &Step, marks: &mut Marks) -> String {
    let marks: String = marks.of(step).iter().map(|mark| format!(" ({})", mark.text())).collect();
    let direction = match step.entry.event {
        Event::In => "receives ",
        Event::Out => "sends ",
        _ => "",
    };
    format!("{direction}{}{marks}", describe(step))
}
