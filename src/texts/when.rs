//! Times as people write them: in local time, with a date only where the day is not today.

use jiff::civil::Date;

use super::{Language, Three, three};
use crate::model::{LocalTime, Timestamp};

const DAYS: [Three; 7] = [
    three("Monday", "lunes", "segunda-feira"),
    three("Tuesday", "martes", "terça-feira"),
    three("Wednesday", "miércoles", "quarta-feira"),
    three("Thursday", "jueves", "quinta-feira"),
    three("Friday", "viernes", "sexta-feira"),
    three("Saturday", "sábado", "sábado"),
    three("Sunday", "domingo", "domingo"),
];
const MONTHS: [Three; 12] = [
    three("January", "enero", "janeiro"),
    three("February", "febrero", "fevereiro"),
    three("March", "marzo", "março"),
    three("April", "abril", "abril"),
    three("May", "mayo", "maio"),
    three("June", "junio", "junho"),
    three("July", "julio", "julho"),
    three("August", "agosto", "agosto"),
    three("September", "septiembre", "setembro"),
    three("October", "octubre", "outubro"),
    three("November", "noviembre", "novembro"),
    three("December", "diciembre", "dezembro"),
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
    // In each of the languages the short form is the first three letters.
    let month = name(language, &MONTHS, (*month).into()).get(..3).unwrap_or_default();
    let date = if language == Language::En { format!("{month} {day}") } else { format!("{day} {month}") };
    if *year == now.year { format!("{date} {time_of_day}") } else { format!("{date} {year} {time_of_day}") }
}

/// Returns a day in the language of the program: `Monday, 2 March 2026`.
pub fn date(day: Date) -> String {
    date_in(Language::current(), day)
}

pub fn date_in(language: Language, day: Date) -> String {
    let weekday = name(language, &DAYS, day.weekday().to_monday_one_offset().unsigned_abs().into());
    let number = day.day();
    let month = name(language, &MONTHS, day.month().unsigned_abs().into());
    let year = day.year();
    match language {
        Language::En => format!("{weekday}, {number} {month} {year}"),
        Language::Es | Language::Pt => format!("{weekday}, {number} de {month} de {year}"),
    }
}

/// Returns the name with this number, counted from 1.
fn name(language: Language, names: &[Three], number: usize) -> &'static str {
    number.checked_sub(1).and_then(|index| names.get(index)).map_or("", |name| name.text(language))
}
