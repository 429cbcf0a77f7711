//! Steps of a test of a client. The judge is the server, for the user ana; luis and eva are there, too. `<` is what the
//! client sends and `>` what the judge sends, on whichever connection. A verb in capital letters stands where a test of a
//! server has the name of a connection.
//!
//! | step | meaning |
//! |---|---|
//! | `run` | starts the client, also after its end: with the same WACHAT_HOME; `kill`: kills it (SIGKILL) |
//! | `in @luis: hola` | writes a line to its input; `end of input` |
//! | `out luis: hola` | expects a line of its output that ends so; `once luis: hola`: so far there is one such line |
//! | `said` | expects any line of output since the last step that answered a request, also on the standard error |
//! | `exit 0` | expects its end with that exit code; `exit not 0`: with another one |
//! | `blocked` | from the next `run` to `kill` its output is not read: it can write 64 KiB and no more |
//! | `event <a>;MSG;...` | puts an event into the mailbox; a number without a name before is the next one |
//! | `login RECV` | expects a login on that port, after those of earlier steps |
//! | `take SEND` | from here on steps answer the requests with that verb; `release SEND`: the judge's small server does again |
//! | `SEND < SEND;<id>;luis;hola` | expects the next request with the verb; `<id>` is an id that is called id from there on |
//! | `SEND within 100 5000 < line` | expects it in that time, in milliseconds; `SEND silent 500`: none comes |
//! | `SEND ok` | the small server answers it; `SEND > line`: this is the reply; `SEND last> text`: these bytes are, and the connection ends |
//! | `SEND drop` | closes the connection; `SEND lose`: carries it out before; `SEND ignore`: never answers |
//! | `stored luis: hola` | expects the next message that the small server has stored of the client; `stored nothing`: no other |
//! | `unread luis <a>` | expects that no READ of that conversation has reached that number |
//! | `forget` | the server forgets what was acknowledged: all events come again, on the next connections |
//! | `write bytes` | replies come byte by byte; `halves`: in two pieces; `crlf`: with a CR before each LF; `more`: with one more field in each line; `whole` |
//! | `password text` | the user's password, from the next `run` on |
//! | `logins KO;AUTH;no` | each login gets this reply, and the connection is closed |
//! | `cut` | closes all connections; `cut KO;AUTH;no`: with this last line |
//! | `away` | nobody listens on the ports; `closing`: each connection is closed at once; `back` ends both |
//! | `connections 2 40 in 3000` | expects between 2 and 40 new connections in that time, in milliseconds |
//! | `differ <id> <id2>` | compares two ids |

use std::ops::RangeInclusive;
use std::time::Duration;

use super::words::{Span, cut, first_word, milliseconds, number, port, span, unknown};
use crate::protocol::Port;

#[derive(Clone, Debug)]
pub enum ClientAction {
    Run,
    Kill,
    Input(&'static str),
    EndInput,
    ExpectOutput(&'static str),
    ExpectOnce(&'static str),
    ExpectAnyOutput,
    /// The exit code has to be 0, or has not to be 0.
    ExpectExit {
        success: bool,
    },
    Block,
    /// A name or a number, and the rest of the event.
    Event {
        number: &'static str,
        event: &'static str,
    },
    ExpectLogin(Port),
    Take(&'static str),
    Release(&'static str),
    /// Something about the requests with this verb.
    Of(&'static str, RequestAction),
    /// `None`: no further message has come.
    ExpectStored(Option<&'static str>),
    ExpectUnread {
        user: &'static str,
        number: &'static str,
    },
    Forget,
    Write(Writing),
    Password(&'static str),
    RefuseLogins(&'static str),
    /// The last line of each connection; empty: none.
    Cut(&'static str),
    GoAway,
    CloseEach,
    ComeBack,
    ExpectConnections(RangeInclusive<usize>, Duration),
    Differ([&'static str; 2]),
    Wait(Duration),
}

/// The action of a step about the requests with one verb.
#[derive(Clone, Debug)]
pub enum RequestAction {
    Expect(&'static str),
    ExpectWithin(Span, &'static str),
    ExpectNothing(Duration),
    Answer(Answer),
}

#[derive(Clone, Debug)]
pub enum Answer {
    /// That of the small server.
    Honest,
    Line(String),
    /// These bytes, with escapes, and the end of the connection.
    Last(String),
    /// No reply: the connection is closed. `carried_out`: the small server has done what was asked for.
    Drop {
        carried_out: bool,
    },
    /// No reply, and the connection stays open.
    Ignore,
}

/// The way in which replies are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writing {
    /// A reply in one piece.
    #[default]
    Whole,
    /// Byte by byte.
    Bytes,
    /// Two pieces, with a pause: the first ends in the middle.
    Halves,
    /// With a CR before each LF.
    Crlf,
    /// With an additional field at the end of each line.
    More,
}

impl ClientAction {
    pub(super) fn parse(step: &'static str) -> Result<Self, String> {
        let (word, rest) = first_word(step);
        Ok(match word {
            "run" => Self::Run,
            "kill" => Self::Kill,
            "in" => Self::Input(rest),
            "end" if rest == "of input" => Self::EndInput,
            "out" => Self::ExpectOutput(rest),
            "once" => Self::ExpectOnce(rest),
            "said" => Self::ExpectAnyOutput,
            "exit" => Self::ExpectExit { success: is_success(rest)? },
            "blocked" => Self::Block,
            "event" => {
                let (number, event) = cut(rest, ";")?;
                Self::Event { number, event }
            }
            "login" => Self::ExpectLogin(port(rest)?),
            "take" => Self::Take(rest),
            "release" => Self::Release(rest),
            "stored" => Self::ExpectStored((rest != "nothing").then_some(rest)),
            "unread" => {
                let (user, number) = cut(rest, " ")?;
                Self::ExpectUnread { user, number }
            }
            "forget" => Self::Forget,
            "write" => Self::Write(Writing::parse(rest)?),
            "password" => Self::Password(rest),
            "logins" => Self::RefuseLogins(rest),
            "cut" => Self::Cut(rest),
            "away" => Self::GoAway,
            "closing" => Self::CloseEach,
            "back" => Self::ComeBack,
            "connections" => parse_connections(rest)?,
            "differ" => Self::Differ(cut(rest, " ")?.into()),
            "wait" => Self::Wait(milliseconds(rest)?),
            verb if verb.chars().all(|c| c.is_ascii_uppercase()) => Self::Of(verb, RequestAction::parse(rest)?),
            _ => return Err(unknown(step)),
        })
    }
}

impl RequestAction {
    fn parse(step: &'static str) -> Result<Self, String> {
        let (word, rest) = first_word(step);
        Ok(match word {
            "<" => Self::Expect(rest),
            "within" => {
                let (span, line) = span(rest)?;
                Self::ExpectWithin(span, line)
            }
            "silent" => Self::ExpectNothing(milliseconds(rest)?),
            ">" => Self::Answer(Answer::Line(rest.to_owned())),
            "last>" => Self::Answer(Answer::Last(rest.to_owned())),
            "ok" => Self::Answer(Answer::Honest),
            "drop" => Self::Answer(Answer::Drop { carried_out: false }),
            "lose" => Self::Answer(Answer::Drop { carried_out: true }),
            "ignore" => Self::Answer(Answer::Ignore),
            other => return Err(unknown(other)),
        })
    }
}

impl Writing {
    fn parse(word: &str) -> Result<Self, String> {
        Ok(match word {
            "whole" => Self::Whole,
            "bytes" => Self::Bytes,
            "halves" => Self::Halves,
            "crlf" => Self::Crlf,
            "more" => Self::More,
            other => return Err(unknown(other)),
        })
    }
}

fn is_success(code: &str) -> Result<bool, String> {
    match code {
        "0" => Ok(true),
        "not 0" => Ok(false),
        other => Err(unknown(other)),
    }
}

/// Parses `2 40 in 3000`.
fn parse_connections(text: &'static str) -> Result<ClientAction, String> {
    let [from, to, "in", time] = text.split(' ').collect::<Vec<_>>()[..] else { return Err(unknown(text)) };
    Ok(ClientAction::ExpectConnections(number(from)?..=number(to)?, milliseconds(time)?))
}
