//! The tools of a course, each with the real programs.

mod chaos;
mod checker;
mod checker_erasures;
mod class;
mod demo;
mod dissector;
mod explain;
mod explain_others;
mod flawed;
mod flawed_protocol;
mod judge;
mod judge_client;
mod judging;
mod labs;
mod process;
mod talk;
mod trace;

/// Checks that these texts come in this order.
#[track_caller]
fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { panic!("{part:?} is missing, or earlier, in\n{text}") };
        rest = after;
    }
}
