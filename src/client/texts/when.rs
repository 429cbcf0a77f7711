//! Times as people write them: in local time, with a date only where the day is not today.

use super::Language;
use crate::model::{LocalTime, Timestamp};

/// The months, in the order of [`Language`].
const MONTHS: [[&str; 12]; 3] = [
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    ["jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"],
];

/// Returns a time in the language of the program: `14:35` today, `Nov 20 14:35` this year, else `Nov 20 2025 14:35`.
pub fn when(at: Timestamp, now: Timestamp) -> String {
    when_in(Language::current(), &at.local(), &now.local())
}

/// Returns a local time, as short as the present one allows.
pub fn when_in(language: Language, at: &LocalTime, now: &LocalTime) -> String {
    let LocalTime { year, month, day, time_of_day } = at;
    if (year, month, day) == (&now.year, &now.month, &now.day) {
        return time_of_day.clone();
    }
    let names = MONTHS[language as usize];
    let month = names.get(usize::from(month.saturating_sub(1))).copied().unwrap_or_default();
    let date = if language == Language::En { format!("{month} {day}") } else { format!("{day} {month}") };
    if *year == now.year { format!("{date} {time_of_day}") } else { format!("{date} {year} {time_of_day}") }
}
