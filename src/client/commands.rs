//! What can be typed. One table: the parser, `/help` and "did you mean" are made from it, and a new
//! command is a new row.

use crate::limits;
use crate::model::{Place, RoomName, Text, UserName};

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Nothing,
    /// Send a text, to a place or to the current chat.
    Say {
        to: Option<Place>,
        text: Text,
    },
    /// Choose the current chat, or none.
    Query(Option<Place>),
    History {
        place: Option<Place>,
        count: usize,
    },
    Users,
    Status(Option<Place>),
    Read(Option<Place>),
    Join(RoomName),
    /// Leave a room, or the one that is the current chat.
    Leave(Option<RoomName>),
    Rooms,
    /// Who is in a room, or in the one that is the current chat.
    Members(Option<RoomName>),
    /// A direct chat with this user; alone, those that are open.
    Direct(Option<UserName>),
    /// End the direct chat.
    Close,
    /// Send by way of the server what a direct chat left unconfirmed.
    Resend,
    Help(Option<String>),
    Quit,
}

impl Command {
    /// Whether what it shows depends on what was sent before.
    pub fn looks_back(&self) -> bool {
        matches!(self, Self::History { .. } | Self::Users | Self::Status(_) | Self::Rooms | Self::Members(_))
    }
}

/// A row of the table.
pub struct CommandRow {
    pub verb: &'static str,
    pub form: &'static str,
    pub help: &'static str,
    parse: fn(&str) -> Result<Command, Refusal>,
}

/// Why a line is no command: it is not of the form, or for another reason.
enum Refusal {
    Form,
    Because(String),
}

type Parsed = Result<Command, Refusal>;

pub const COMMANDS: &[CommandRow] = &[
    CommandRow {
        verb: "/msg",
        form: "/msg <user or #room> <text>",
        help: "send a message; @<user>: <text> does the same",
        parse: |rest| {
            let (to, text) = rest.split_once(char::is_whitespace).ok_or(Refusal::Form)?;
            say(Some(to), text.trim_start())
        },
    },
    CommandRow {
        verb: "/query",
        form: "/query [user or #room]",
        help: "choose the current chat: where a line without a command goes; alone, none",
        parse: |rest| optional_place(rest).map(Command::Query),
    },
    CommandRow {
        verb: "/history",
        form: "/history [user or #room] [how many]",
        help: "look back, here or there",
        parse: history,
    },
    CommandRow {
        verb: "/users",
        form: "/users",
        help: "everybody, and who is online",
        parse: |rest| alone(rest, Command::Users),
    },
    CommandRow {
        verb: "/status",
        form: "/status [user or #room]",
        help: "the connection and what waits; with a name, how far your last message there has come",
        parse: |rest| optional_place(rest).map(Command::Status),
    },
    CommandRow {
        verb: "/read",
        form: "/read [user or #room]",
        help: "say that you have read everything, there or everywhere",
        parse: |rest| optional_place(rest).map(Command::Read),
    },
    CommandRow {
        verb: "/join",
        form: "/join <#room>",
        help: "come into a room, or make it; it is the current chat then",
        parse: |rest| room(rest)?.map(Command::Join).ok_or(Refusal::Form),
    },
    CommandRow {
        verb: "/leave",
        form: "/leave [#room]",
        help: "leave a room; alone, the one that is the current chat",
        parse: |rest| room(rest).map(Command::Leave),
    },
    CommandRow {
        verb: "/rooms",
        form: "/rooms",
        help: "all rooms, and which of them you are in",
        parse: |rest| alone(rest, Command::Rooms),
    },
    CommandRow {
        verb: "/names",
        form: "/names [#room]",
        help: "who is in a room, and who of them is online",
        parse: |rest| room(rest).map(Command::Members),
    },
    CommandRow {
        verb: "/p2p",
        form: "/p2p [user]",
        help: "talk to a user directly, without the server, until exit or /close; alone, what is open",
        parse: |rest| match optional_place(rest)? {
            Some(Place::User(user)) => Ok(Command::Direct(Some(user))),
            Some(Place::Room(_)) => Err(Refusal::Form),
            None => Ok(Command::Direct(None)),
        },
    },
    CommandRow {
        verb: "/close",
        form: "/close",
        help: "end the direct chat",
        parse: |rest| alone(rest, Command::Close),
    },
    CommandRow {
        verb: "/resend",
        form: "/resend",
        help: "send by way of the server what was not confirmed in a direct chat",
        parse: |rest| alone(rest, Command::Resend),
    },
    CommandRow {
        verb: "/help",
        form: "/help [command]",
        help: "what can be typed",
        parse: |rest| Ok(Command::Help((!rest.is_empty()).then(|| rest.to_owned()))),
    },
    CommandRow {
        verb: "/quit",
        form: "/quit",
        help: "leave; what waits in the outbox is sent next time",
        parse: |rest| alone(rest, Command::Quit),
    },
];

/// Reads a line. The error is for the person who typed it.
pub fn parse(line: &str) -> Result<Command, String> {
    if line.trim().is_empty() {
        return Ok(Command::Nothing);
    }
    if let Some(text) = line.strip_prefix("//") {
        return say(None, &format!("/{text}")).map_err(|refusal| explain(refusal, "//<text>"));
    }
    if line.starts_with('/') {
        return slash(line.trim_end());
    }
    if let Some(rest) = line.strip_prefix('@') {
        let form = "@<user>: <text>";
        let (to, text) = rest.split_once(':').ok_or_else(|| explain(Refusal::Form, form))?;
        return say(Some(to.trim()), text.strip_prefix(' ').unwrap_or(text)).map_err(|why| explain(why, form));
    }
    say(None, line).map_err(|refusal| explain(refusal, "<text>"))
}

fn slash(line: &str) -> Result<Command, String> {
    let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let row = find(verb).ok_or_else(|| unknown(verb))?;
    (row.parse)(rest.trim_start()).map_err(|refusal| explain(refusal, row.form))
}

/// The row of a verb, in either case, with or without its slash.
pub fn find(verb: &str) -> Option<&'static CommandRow> {
    let bare = |text: &str| text.trim_start_matches('/').to_lowercase();
    COMMANDS.iter().find(|row| bare(row.verb) == bare(verb))
}

/// What to say about a verb that there is not: the one that was probably meant.
pub fn unknown(verb: &str) -> String {
    let verb = verb.to_lowercase();
    let nearest = COMMANDS.iter().map(|row| (strsim::jaro_winkler(row.verb, &verb), row.verb));
    match nearest.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, known)) if likeness > 0.75 => format!("there is no command {verb}; did you mean {known}?"),
        _ => format!("there is no command {verb}; /help lists those there are"),
    }
}

fn explain(refusal: Refusal, form: &str) -> String {
    match refusal {
        Refusal::Form => format!("the form is: {form}"),
        Refusal::Because(why) => why,
    }
}

fn say(to: Option<&str>, text: &str) -> Parsed {
    let to = to.map(place).transpose()?;
    let too_much = || {
        let most = limits::TEXT_BYTES;
        Refusal::Because(format!("not sent: a message has no control characters and at most {most} bytes"))
    };
    Ok(Command::Say { to, text: Text::new(text).ok_or_else(too_much)? })
}

fn place(text: &str) -> Result<Place, Refusal> {
    if text.is_empty() {
        return Err(Refusal::Form);
    }
    Place::parse(text).map_err(|_| Refusal::Because(format!("{text:?} is not a name; nothing was done")))
}

fn optional_place(rest: &str) -> Result<Option<Place>, Refusal> {
    let rest = rest.trim_start_matches('@');
    (!rest.is_empty()).then(|| place(rest)).transpose()
}

fn room(rest: &str) -> Result<Option<RoomName>, Refusal> {
    match optional_place(rest)? {
        Some(Place::Room(room)) => Ok(Some(room)),
        Some(Place::User(_)) => Err(Refusal::Form),
        None => Ok(None),
    }
}

fn alone(rest: &str, command: Command) -> Parsed {
    if rest.is_empty() { Ok(command) } else { Err(Refusal::Form) }
}

/// `/history luis 5`, `/history luis`, `/history 5`, `/history`. A lone number is a count.
fn history(rest: &str) -> Parsed {
    let words: Vec<_> = rest.split_whitespace().collect();
    let (name, count) = match *words.as_slice() {
        [] => (None, None),
        [one] if one.parse::<usize>().is_ok() => (None, Some(one)),
        [name] => (Some(name), None),
        [name, count] => (Some(name), Some(count)),
        _ => return Err(Refusal::Form),
    };
    let count = match count {
        Some(count) => count.parse().ok().filter(|n| *n > 0).ok_or(Refusal::Form)?,
        None => limits::CONVERSATION_SHOWN,
    };
    Ok(Command::History { place: optional_place(name.unwrap_or_default())?, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(to: Option<&str>, text: &str) -> Result<Command, String> {
        Ok(Command::Say { to: to.map(|to| Place::parse(to).unwrap()), text: Text::new(text).unwrap() })
    }

    #[test]
    fn what_is_sent_and_where() {
        assert_eq!(parse("/msg luis hola,  ¿qué tal?"), said(Some("luis"), "hola,  ¿qué tal?"));
        assert_eq!(parse("@luis: hola"), said(Some("luis"), "hola"));
        assert_eq!(parse("@luis:hola: sí"), said(Some("luis"), "hola: sí"));
        assert_eq!(parse("@#sala: hola"), said(Some("#sala"), "hola"));
        assert_eq!(parse("hola"), said(None, "hola"));
        assert_eq!(parse("  indented "), said(None, "  indented "));
        assert_eq!(parse("//quit is a command"), said(None, "/quit is a command"));
        assert_eq!(parse("  "), Ok(Command::Nothing));
    }

    #[test]
    fn commands_and_their_arguments() {
        let luis = || Some(Place::parse("luis").unwrap());
        assert_eq!(parse("/QUERY luis "), Ok(Command::Query(luis())));
        assert_eq!(parse("/query"), Ok(Command::Query(None)));
        assert_eq!(parse("/history luis 5"), Ok(Command::History { place: luis(), count: 5 }));
        assert_eq!(parse("/history 5"), Ok(Command::History { place: None, count: 5 }));
        assert_eq!(parse("/help msg"), Ok(Command::Help(Some("msg".to_owned()))));
        assert_eq!(parse("/quit"), Ok(Command::Quit));
    }

    #[test]
    fn what_is_refused_says_what_to_type() {
        for (line, hint) in [
            ("/mgs luis hola", "did you mean /msg?"),
            ("/histroy", "did you mean /history?"),
            ("/xyzzy", "/help lists"),
            ("/msg luis", "/msg <user or #room> <text>"),
            ("/quit now", "the form is: /quit"),
            ("/history luis 0", "/history [user or #room] [how many]"),
            ("@luis hola", "@<user>: <text>"),
            ("/msg a/b hola", "is not a name"),
            ("\u{1b}[A", "control characters"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(hint), "{line:?}: {error}");
        }
    }
}
