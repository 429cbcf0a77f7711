//! The lines of the client's log: each kind of record has the form that the page of the log gives it, and is read back as
//! it was written, whatever is in its texts.

use crate::client::stage::{message, seq, target, user};
use wachat::client::state::conversation::Complete;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::record::{Record, Switch};
use wachat::client::state::row::Gap;
use wachat::model::{Message, MessageId, State, Text, Timestamp};
use wachat::protocol::Codec as _;
use wachat::record::Fields;

const AT: &str = "1970-01-01T00:00:07.000Z";

fn id() -> MessageId {
    MessageId::new("m-7").unwrap()
}

/// Each kind of record, and its line.
fn all() -> Vec<(Record, String)> {
    let at = Timestamp::from_millis(7_000);
    let text = Text::new("hola; \"qué\"\nnada").unwrap();
    let said = |seq_of: u64| {
        Message { seq: seq(seq_of), text: text.clone(), ..(*message(7, "luis", "#sala", "hola")).clone() }.into()
    };
    let written = "\"hola; \"\"qué\"\"\\nnada\"";
    let gap = Gap { target: target("#sala"), first: seq(3), last: seq(5) };
    let queued = Outgoing { id: id(), to: target("luis"), at, text: text.clone() };
    let state = |state| Record::State { seq: seq(9), target: target("luis"), state, upto: seq(7), at };
    vec![
        (Record::Queued(queued), format!("QUEUED;m-7;luis;{AT};{written}")),
        (Record::Tried { id: id(), above: seq(6) }, "TRIED;m-7;6".into()),
        (Record::Sent { id: id(), seq: seq(7), at }, format!("SENT;m-7;7;{AT}")),
        (Record::Failed { id: id(), why: "QUOTA: no; later".into() }, "FAILED;m-7;\"QUOTA: no; later\"".into()),
        (Record::Moved(id()), "MOVED;m-7".into()),
        (Record::Received(said(7)), format!("IN;7;m-7;luis;#sala;{AT};{written}")),
        (Record::Fetched(said(7)), format!("PAST;7;m-7;luis;#sala;{AT};{written}")),
        (Record::Missed(said(7)), format!("MISSED;7;m-7;luis;#sala;{AT};{written}")),
        (Record::Direct(said(0)), format!("DIRECT;m-7;luis;#sala;{AT};{written}")),
        (state(State::Delivered), format!("STATE;9;luis;DELIVERED;7;{AT}")),
        (state(State::Read), format!("STATE;9;luis;READ;7;{AT}")),
        (Record::Reached { target: target("#sala"), state: State::Read, upto: seq(7) }, "REACHED;#sala;READ;7".into()),
        (Record::Shown(12), "SHOWN;12".into()),
        (Record::Seen { target: target("#sala"), upto: seq(7) }, "SEEN;#sala;7".into()),
        (Record::Filled(gap.clone()), "FILLED;#sala;3;5".into()),
        (Record::Gap(gap.clone()), "GAP;#sala;3;5".into()),
        (
            Record::Complete(target("#sala"), Complete { upto: seq(7), count: 4, erased: Some(1) }),
            "COMPLETE;#sala;7;4;1".into(),
        ),
        (
            Record::Erased { rows: gap.clone(), from: user("luis"), is_event: true },
            "ERASED;#sala;3;5;luis;event".into(),
        ),
        (Record::Erased { rows: gap.clone(), from: user("luis"), is_event: false }, "ERASED;#sala;3;5;luis;row".into()),
        (
            Record::Complete(target("#sala"), Complete { upto: seq(7), count: 4, erased: None }),
            "COMPLETE;#sala;7;4;-".into(),
        ),
        (Record::Cleaned, "CLEANED".into()),
        (Record::Ignored(user("luis"), true), "IGNORE;luis;yes".into()),
        (Record::Ignored(user("luis"), false), "IGNORE;luis;no".into()),
        (Record::Muted(target("#sala"), true), "MUTE;#sala;yes".into()),
        (Record::Muted(target("luis"), false), "MUTE;luis;no".into()),
        (Record::Set(Switch::Quiet, true), "SET;quiet;on".into()),
        (Record::Set(Switch::Quiet, false), "SET;quiet;off".into()),
        (Record::Newest(seq(7)), "NEWEST;7".into()),
        (Record::Position { store: "store".into(), last: seq(7) }, "POSITION;store;7".into()),
    ]
}

#[test]
fn each_record_is_written_in_its_form_and_read_back() {
    for (record, line) in all() {
        let written = String::from_utf8(record.line()).unwrap();
        assert_eq!(written, format!("{line}\n"));
        let fields = Fields::parse(line.as_bytes()).unwrap();
        assert_eq!(Record::from_fields(&fields), Some(record), "{line}");
    }
}

#[test]
fn a_record_that_lacks_a_field_is_none() {
    for (_, line) in all() {
        let fields = Fields::parse(line.as_bytes()).unwrap();
        let texts: Vec<_> = fields.iter().collect();
        // A log from before messages could be taken back has no count of them.
        let optional = usize::from(line.starts_with("COMPLETE;"));
        for count in 0..texts.len() - optional {
            let short: Vec<_> = texts[..count].iter().map(|text| text.replace([';', '"', '\n'], ".")).collect();
            let parsed = Fields::parse(short.join(";").as_bytes()).ok().and_then(|fields| Record::from_fields(&fields));
            assert_eq!(parsed, None, "{count} fields of {line}");
        }
    }
    for unknown in ["NOTHING;1", "in;7", "SET;loud;on", ""] {
        let parsed = Fields::parse(unknown.as_bytes()).ok().and_then(|fields| Record::from_fields(&fields));
        assert_eq!(parsed, None, "{unknown}");
    }
}
