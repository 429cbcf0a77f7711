//! The look of a name: what a new name may not have in common with another one, and which signs no new name has (UTS 39).
//!
//! Names that exist are never checked: they were allowed when they were made, and later tables of Unicode say otherwise.

use std::sync::LazyLock;
use std::{fmt, iter};

use smol_str::SmolStr;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_security::skeleton;

use super::name::UserName;

/// The letters whose dot a further dot above would hide in, and those that look like them with it.
const DOTTED: &str = "ijlıȷɉɨʝϳіјӏᶖ";

/// The combining class of marks above a letter.
const ABOVE: u8 = 230;

/// The names that no new account has, nor what looks like them: they would speak for the server.
const RESERVED: [&str; 5] = ["admin", "server", "system", "wachat", "*"];

static RESERVED_LOOKS: LazyLock<Vec<SmolStr>> = LazyLock::new(|| RESERVED.map(look).into());

/// Reason why a name is not one for a new account or room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotForNew {
    /// A combining mark has no letter before it: it follows a digit, say.
    Mark,
    /// A dot above stands on a letter that has one, or looks like one that has.
    Dot,
    /// It is one of the reserved names, or looks like one.
    Reserved,
}

impl fmt::Display for NotForNew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark => f.write_str("in a new name a combining mark follows a letter, not a digit or another sign"),
            Self::Dot => f.write_str("in a new name no i, j or l has a combining dot above it"),
            Self::Reserved => {
                write!(
                    f,
                    "no new account is called {}, or what looks like that; choose another name",
                    RESERVED.join(", ")
                )
            }
        }
    }
}

/// Returns what a name looks like, as identifiers to compare, whatever the case: the skeletons of its mapped and of its
/// shown form, if that is another one.
pub fn looks(name: &UserName) -> impl Iterator<Item = SmolStr> {
    let mapped = look(name.mapped());
    let shown = Some(name.shown()).filter(|shown| *shown != name.mapped()).map(look);
    let shown = shown.filter(|shown| *shown != mapped);
    iter::once(mapped).chain(shown)
}

/// The look of each ASCII character: a start looks at the names of all accounts.
static ASCII: LazyLock<Vec<SmolStr>> =
    LazyLock::new(|| (0..128).map(|b: u8| skeletons(&char::from(b).to_string())).collect());

fn look(form: &str) -> SmolStr {
    if form.is_ascii() {
        return form.bytes().filter_map(|b| ASCII.get(usize::from(b))).map(SmolStr::as_str).collect();
    }
    skeletons(form)
}

/// The case is removed after the first step: a `0` looks like an `O`, and so like an `o`. What the lower case looks like is
/// the second step. The joiners, which names of some scripts may have, are not seen.
fn skeletons(form: &str) -> SmolStr {
    let seen: String = form.chars().filter(|c| !matches!(c, '\u{200c}' | '\u{200d}')).collect();
    let lower: String = skeleton(&seen).flat_map(char::to_lowercase).collect();
    skeleton(&lower).flat_map(char::to_lowercase).collect()
}

/// Checks a name that is to be that of a new account.
pub fn check_new_account(name: &UserName) -> Result<(), NotForNew> {
    let is_reserved = looks(name).any(|look| RESERVED_LOOKS.contains(&look));
    if is_reserved { Err(NotForNew::Reserved) } else { check_new(name) }
}

/// Checks the signs of a name that is to be new, in the form that others read.
pub fn check_new(name: &UserName) -> Result<(), NotForNew> {
    // The last character that is no mark, and whether a dot above would be on it.
    let mut base = None;
    let mut is_dotted = false;
    for c in name.shown().nfd() {
        let is_mark = is_combining_mark(c);
        if is_mark && !base.is_some_and(|base: char| base.is_alphabetic() && !base.is_numeric()) {
            return Err(NotForNew::Mark);
        }
        if c == '\u{307}' && is_dotted {
            return Err(NotForNew::Dot);
        }
        if !is_mark {
            base = Some(c);
            is_dotted = DOTTED.contains(c);
        } else if canonical_combining_class(c) == ABOVE {
            is_dotted = false;
        }
    }
    Ok(())
}
