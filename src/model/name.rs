//! User names, room names, and targets: the users and rooms that a message can be sent to.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use precis_core::profile::PrecisFastInvocation;
use precis_profiles::{UsernameCaseMapped, UsernameCasePreserved};
use smol_str::SmolStr;
use unicode_security::MixedScript;

use crate::limits;
use crate::record::PlainField;

/// Characters that no user name holds: separators of the protocol and of paths, and quotes (protocol, section 3).
const FORBIDDEN: [char; 7] = [':', ';', '#', '@', '"', '\\', '/'];

/// Longest text that is mapped: a character of a name is composed of at most four. The rules of some characters
/// search the whole text at each of them, which takes quadratic time.
const UNMAPPED_CHARS: usize = 4 * limits::NAME_CHARS;

/// Error of a text that is not a name (protocol, section 3). Its message says what a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError;

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a name is 1 to {} letters, digits or signs of one script, none of : ; # @ \" \\ / and no . or - at its start",
            limits::NAME_CHARS
        )
    }
}

/// A user's name: a PRECIS UsernameCaseMapped string (RFC 8265). Two names are equal if their
/// mapped forms are: `María`, `maría` and `MARÍA` are one user.
#[derive(Clone)]
pub struct UserName {
    /// The form that identifies the user.
    mapped: SmolStr,
    /// The form that is displayed; `None` if equal to `mapped`.
    shown: Option<Arc<str>>,
}

impl UserName {
    /// Checks and maps a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        // Lower-case ASCII letters and digits need no mapping: the case of nearly every message.
        if is_plain(text) {
            return Ok(Self { mapped: text.into(), shown: None });
        }
        let (mapped, shown) = forms(text)?;
        let shown = (shown != mapped).then(|| shown.into());
        Ok(Self { mapped: mapped.into(), shown })
    }

    /// Reads a name that a file holds, without the tables of Unicode: a later version of them could refuse it.
    pub fn from_stored(text: &str) -> Option<Self> {
        let (shown, mapped) = text.split_once('/').map_or((None, text), |(shown, mapped)| (Some(shown), mapped));
        let is_safe = |form: &str| {
            let count = form.chars().take(UNMAPPED_CHARS + 1).count();
            (1..=UNMAPPED_CHARS).contains(&count) && !form.contains(FORBIDDEN) && !form.contains(char::is_control)
        };
        let all_safe = is_safe(mapped) && shown.is_none_or(is_safe);
        all_safe.then(|| Self { mapped: mapped.into(), shown: shown.map(Into::into) })
    }

    /// Returns the name as files hold it.
    pub fn stored(&self) -> Stored<'_> {
        Stored { prefix: "", name: self }
    }

    /// Returns the form that identifies the user. It is never shown, and never a file name.
    pub fn mapped(&self) -> &str {
        &self.mapped
    }

    /// Returns the name as the user registered it.
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.mapped)
    }
}

fn forms(text: &str) -> Result<(String, String), NameError> {
    if text.chars().nth(UNMAPPED_CHARS).is_some() {
        return Err(NameError);
    }
    let mapped = UsernameCaseMapped::enforce(text).map_err(|_| NameError)?;
    let shown = UsernameCasePreserved::enforce(text).map_err(|_| NameError)?;
    let fits = (1..=limits::NAME_CHARS).contains(&mapped.chars().count());
    // Both forms are checked, since a mapping can add or remove a forbidden character.
    let allowed = |form: &str| !form.contains(FORBIDDEN) && !form.starts_with(['.', '-']);
    if fits && allowed(&mapped) && allowed(&shown) && is_stable(&mapped, &shown) && mapped.as_ref().is_single_script() {
        return Ok((mapped.into_owned(), shown.into_owned()));
    }
    Err(NameError)
}

/// Checks that the shown form, read again, is the same name. Replies and events hold that form: one that composes into
/// something else could be written and never be read back.
fn is_stable(mapped: &str, shown: &str) -> bool {
    UsernameCaseMapped::enforce(shown).is_ok_and(|again| again == mapped)
        && UsernameCasePreserved::enforce(shown).is_ok_and(|again| again == shown)
}

/// Checks that a text is its own mapped and shown form, by its characters alone.
fn is_plain(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=limits::NAME_CHARS).contains(&text.len()) && text.bytes().all(plain)
}

impl PartialEq for UserName {
    fn eq(&self, other: &Self) -> bool {
        self.mapped == other.mapped
    }
}

impl Eq for UserName {}

/// The order of lists: that of the mapped forms.
impl Ord for UserName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.mapped.cmp(&other.mapped)
    }
}

impl PartialOrd for UserName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for UserName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.mapped.hash(state);
    }
}

impl PlainField for UserName {
    fn append_to(&self, out: &mut Vec<u8>) {
        self.shown().append_to(out);
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown())
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

/// A name as files hold it: as it is shown, and, if that is another form than the one that identifies it, a `/` and that
/// one, too.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    prefix: &'static str,
    name: &'a UserName,
}

impl PlainField for Stored<'_> {
    fn append_to(&self, out: &mut Vec<u8>) {
        self.prefix.append_to(out);
        self.name.append_to(out);
        if self.name.shown.is_some() {
            out.push(b'/');
            self.name.mapped.as_str().append_to(out);
        }
    }
}

impl fmt::Display for Stored<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.prefix, self.name)?;
        if self.name.shown.is_some() { write!(f, "/{}", self.name.mapped) } else { Ok(()) }
    }
}

/// A room's name: `#` and what could be a user's name (protocol, section 3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomName(UserName);

impl RoomName {
    /// Checks and maps a name that begins with `#`.
    pub fn new(text: &str) -> Result<Self, NameError> {
        UserName::new(text.strip_prefix('#').ok_or(NameError)?).map(Self)
    }

    /// Reads a name that a file holds, as [`UserName::from_stored`] does.
    pub fn from_stored(text: &str) -> Option<Self> {
        UserName::from_stored(text.strip_prefix('#')?).map(Self)
    }

    /// Returns the name as files hold it.
    pub fn stored(&self) -> Stored<'_> {
        Stored { prefix: "#", name: &self.0 }
    }

    /// Returns the name without the `#`: it is checked as a user's.
    pub fn without_sign(&self) -> &UserName {
        &self.0
    }

    /// Returns whether this is the room that every new account is in (protocol, section 7).
    pub fn is_lobby(&self) -> bool {
        self.mapped() == "lobby"
    }

    /// Returns the form that identifies the room, without the `#`.
    pub fn mapped(&self) -> &str {
        self.0.mapped()
    }
}

impl PlainField for RoomName {
    fn append_to(&self, out: &mut Vec<u8>) {
        out.push(b'#');
        self.0.append_to(out);
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The target of a message: a user or a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    User(UserName),
    Room(RoomName),
}

/// Error of a target that is no possible name: a client is told that no such user, or room, exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSuchTarget {
    User,
    Room,
}

impl Target {
    /// Reads a user name, or a room name with its `#`.
    pub fn parse(text: &str) -> Result<Self, NoSuchTarget> {
        if text.starts_with('#') {
            return RoomName::new(text).map(Self::Room).map_err(|_| NoSuchTarget::Room);
        }
        UserName::new(text).map(Self::User).map_err(|_| NoSuchTarget::User)
    }

    /// Returns the room, if it is one.
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Room(room) => Some(room),
            Self::User(_) => None,
        }
    }

    /// Reads a name that a file holds, as [`UserName::from_stored`] does.
    pub fn from_stored(text: &str) -> Option<Self> {
        match text.starts_with('#') {
            true => RoomName::from_stored(text).map(Self::Room),
            false => UserName::from_stored(text).map(Self::User),
        }
    }

    /// Returns the name as files hold it.
    pub fn stored(&self) -> Stored<'_> {
        match self {
            Self::User(name) => name.stored(),
            Self::Room(name) => name.stored(),
        }
    }
}

impl PlainField for Target {
    fn append_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::User(name) => name.append_to(out),
            Self::Room(name) => name.append_to(out),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => name.fmt(f),
            Self::Room(name) => name.fmt(f),
        }
    }
}
