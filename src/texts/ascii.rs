//! Text for terminals that show ASCII alone: those whose locale says that their characters are not UTF-8.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_normalization::char::decompose_canonical;

/// Returns the text as a terminal of this program's locale can show it.
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if is_ascii_only(|name| std::env::var(name).ok()) { ascii(text) } else { text.into() }
}

/// Checks whether the locale names another set of characters than UTF-8.
pub fn is_ascii_only(variable: impl Fn(&str) -> Option<String>) -> bool {
    locale_without_utf8(variable).is_some()
}

/// Finds the locale as POSIX does, and returns its variable and its value if it names another set of characters than
/// UTF-8. A locale that names none (`es`, or no variable at all) is taken for one with UTF-8, as terminals have it today.
pub fn locale_without_utf8(variable: impl Fn(&str) -> Option<String>) -> Option<(&'static str, String)> {
    let mut set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| Some((name, variable(name)?)));
    let (name, locale) = set.find(|(_, value)| !value.is_empty())?;
    let codeset = locale.split_once('.').map(|(_, rest)| rest.split('@').next().unwrap_or_default());
    let is_other = match codeset {
        Some(codeset) => !["utf-8", "utf8"].contains(&codeset.to_lowercase().as_str()),
        None => ["C", "POSIX"].contains(&locale.as_str()),
    };
    is_other.then_some((name, locale))
}

/// Returns the text in ASCII: marks as signs, letters without their accents, all else as `\u{1f389}`.
pub fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_ascii() => shown.push(c),
            '…' => shown.push_str("..."),
            '✓' => shown.push('+'),
            '✗' => shown.push('x'),
            '–' | '—' => shown.push('-'),
            '“' | '”' | '«' | '»' => shown.push('"'),
            '‘' | '’' => shown.push('\''),
            '¿' => shown.push('?'),
            '¡' => shown.push('!'),
            // The accents of a letter that was written in parts.
            '\u{300}'..='\u{36f}' => {}
            c => push_base(&mut shown, c),
        }
    }
    shown.into()
}

/// Adds the letter below the accents of a character, or its number if there is none.
fn push_base(shown: &mut String, c: char) {
    let mut base = None;
    decompose_canonical(c, |part| _ = base.get_or_insert(part));
    match base.filter(char::is_ascii_alphabetic) {
        Some(letter) => shown.push(letter),
        // Writing into a string does not fail.
        None => _ = write!(shown, "\\u{{{:x}}}", u32::from(c)),
    }
}
