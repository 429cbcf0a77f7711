//! The story: the steps of traces and store in one order, and their text.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::step::{Kind, Step};
use crate::model::safe::safe;
use crate::model::{Message, State, Timestamp};
use crate::store::Life;
use crate::texts::{Language, three};

/// Most steps of one kind that are told: a room may have thousands of recipients.
const SAME_KIND: usize = 8;
/// Most recipients whose states stand at the end by name.
const NAMED: usize = 8;
/// Characters of a date, and where the time begins and ends, in RFC 3339.
const DATE: usize = 10;
const TIME: std::ops::Range<usize> = 11..23;
/// Characters of the text that are shown.
const TEXT: usize = 60;
/// Cells before the text of a step: a time, and two spaces.
const INDENT: &str = "              ";

/// Tells the life of a message. `traced`: the steps that traces show.
pub(super) fn write(life: &Life, traced: Vec<Step>, language: Language) -> String {
    let mut out = head(&life.message, language);
    let mut day = life.message.at.to_string().get(..DATE).map(str::to_owned);
    let mut counts = HashMap::new();
    let mut left_out = 0;
    let is_traced = !traced.is_empty();
    for step in steps(life, traced) {
        let count = counts.entry(step.kind).or_insert(0);
        *count += 1;
        if *count <= SAME_KIND {
            out += &line(&step, &mut day, language);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let text = three("and {n} more such steps", "y {n} pasos más como estos", "e mais {n} passos como estes");
        let _ = writeln!(out, "{INDENT}{}\n", text.text(language).replace("{n}", &left_out.to_string()));
    }
    out + &end(life, is_traced, language)
}

fn head(message: &Message, language: Language) -> String {
    let Message { seq, id, from, to, at, text } = message;
    let number = three("number", "número", "número").text(language);
    let erased = three("(erased)", "(borrado)", "(apagado)").text(language);
    let shown: String = safe(text.as_str()).chars().take(TEXT).collect();
    let text = if text.is_erased() { erased.to_owned() } else { format!("\"{shown}\"") };
    let date = at.to_string().get(..DATE).unwrap_or_default().to_owned();
    format!("{id}, {number} {seq}: {from} → {to}, {date} UTC\n{text}\n\n")
}

/// Returns the steps of the traces, and in their places those that the store alone knows.
fn steps(life: &Life, mut steps: Vec<Step>) -> Vec<Step> {
    let message = &life.message;
    let has = |steps: &[Step], kind: Kind, user: &str| steps.iter().any(|step| step.kind == kind && step.user == user);
    if !steps.iter().any(|step| matches!(step.kind, Kind::Synced | Kind::Answered | Kind::AnswerLost)) {
        insert(&mut steps, Step::new(message.at, Kind::Accepted, "", message.seq.get()));
    }
    for change in &life.changes {
        let kind = if change.state == State::Read { Kind::Read } else { Kind::Delivered };
        if !has(&steps, kind, &change.user.to_string()) {
            insert(&mut steps, Step::new(change.at, kind, &change.user, 0));
        }
    }
    steps
}

/// Puts a step behind those that are not later.
fn insert(steps: &mut Vec<Step>, step: Step) {
    let place = steps.iter().rposition(|before| before.at <= step.at).map_or(0, |place| place + 1);
    steps.insert(place, step);
}

/// Returns a step: its time, what happens, and what that shows.
fn line(step: &Step, day: &mut Option<String>, language: Language) -> String {
    let at = step.at.to_string();
    let date = at.get(..DATE).unwrap_or_default();
    let time = at.get(TIME).unwrap_or_default();
    let mut out = String::new();
    if day.as_deref() != Some(date) {
        let _ = writeln!(out, "{date}");
        *day = Some(date.to_owned());
    }
    let _ = writeln!(out, "{time}  {}\n{INDENT}{}\n", step.text(language), step.shows(language));
    out
}

/// Returns how far the message is with its recipients now.
fn end(life: &Life, is_traced: bool, language: Language) -> String {
    let mut out = String::new();
    let is_older = three(
        "The log of that time is covered by a checkpoint and gone: only the states are left of it.",
        "El registro de entonces ya está en un punto de control y se borró: solo quedan los estados.",
        "O registro daquele tempo já está em um ponto de controle e foi apagado: só restam os estados.",
    );
    if life.is_older && !is_traced {
        let _ = writeln!(out, "{INDENT}{}\n", is_older.text(language));
    }
    if life.message.text.is_erased() {
        let erased = Step::new(Timestamp::now(), Kind::Erased, "", 0);
        let _ = writeln!(out, "{INDENT}{}\n{INDENT}{}\n", erased.text(language), erased.shows(language));
    }
    if let [status] = life.statuses.as_slice()
        && status.state == State::Received
    {
        let waits = Step::new(Timestamp::now(), Kind::Waits, &status.user, 0);
        let _ = writeln!(out, "{INDENT}{}\n{INDENT}{}\n", waits.text(language), waits.shows(language));
    }
    let now = three("now", "ahora", "agora").text(language);
    let _ = writeln!(out, "{now:14}{}", states(life, language));
    out
}

fn states(life: &Life, language: Language) -> String {
    if life.statuses.is_empty() {
        return three("no recipients", "sin destinatarios", "sem destinatários").text(language).to_owned();
    }
    if life.statuses.len() <= NAMED {
        let each: Vec<_> = life.statuses.iter().map(|status| format!("{} {}", status.user, status.state)).collect();
        return each.join(", ");
    }
    let count = |state| life.statuses.iter().filter(|status| status.state == state).count();
    let each = [State::Received, State::Delivered, State::Read].map(|state| format!("{state} {}", count(state)));
    each.join(", ")
}
