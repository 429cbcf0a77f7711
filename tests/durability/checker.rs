//! The checker itself, on histories that are made up: good ones pass, and every way to break a promise
//! is found and shown by the events that contradict each other.
//!
//! A history is a line an event, in the order of observation; a broken one differs from a good one by
//! the lines that are marked:
//!
//! ```text
//! ana sends m1 to luis: hola
//! ana OK m1 = 1              ana is answered OK, number 1      (ana KO m1: refused)
//! luis gets 1 = m1 of ana    a MSG event, number 1             (: text if it is another than was sent)
//! luis acks 1                POLL;1                            (luis denied 1: KO;SEQ)
//! luis reads ana 1           READ;ana;1
//! ana told 2 = luis DELIVERED 1
//! luis login 1 of store      LOGIN on RECV: acknowledged 1     (luis registers, luis locked out: KO;AUTH)
//! restart                    the server was dead
//! ana finds m1 of ana = 1 in luis (READ)                       a row of HISTORY;luis
//! ana has all of luis: 1 3   those numbers are all of it
//! room #r: ana luis eva
//! ana erases 1 in luis       ERASE;luis;1                  (ana erased 1 in luis: OK)
//! luis hears 2 = ana erased 1 of ana   an ERASED event, number 2
//! luis gets 1 = m1 of ana erased       its row without the text; so ... (READ) erased
//! luis:lab new 0 of store      DEVICE on RECV: new; login: known; (luis:lab forgotten: LOGOUT;lab)
//! ```

use wachat::course::checker::{Broken, Checker, Erased, Row, Seen, Verdict};

/// One message on its way, and back come its marks.
const GOOD: &str = "
    ana sends m1 to luis: hola
    ana OK m1 = 1
    luis login 0 of store
    luis gets 1 = m1 of ana
    luis acks 1
    ana told 2 = luis DELIVERED 1
    luis reads ana 1
    ana told 3 = luis READ 1
";

#[test]
fn a_good_history_passes() {
    judge(GOOD).expect("a good history");
    judge(
        "
        luis sends r1 to ana: previo
        luis sends k1 to luis: a mi mismo
        luis KO k1
        luis OK r1 = 1
        ana sends m1 to luis: hola
        ana gets 1 = r1 of luis
        ana sends m2 to luis: sigue
        restart
        ana sends m1 to luis: hola
        ana OK m1 = 3
        ana sends m2 to luis: sigue
        ana OK m2 = 2
        luis login 0 of store
        ana login 0 of store
        luis gets 2 = m2 of ana
        luis gets 3 = m1 of ana
        restart
        luis login 0 of store
        luis gets 2 = m2 of ana
        luis gets 3 = m1 of ana
        ana sends m1 to luis: hola
        ana OK m1 = 3
        luis sends k1 to luis: otra vez
        luis OK k1 = 4
        luis gets 4 = k1 of luis
        luis reads ana 2
        luis reads luis 4
        luis acks 4
        ana told 5 = luis READ 2
        luis told 6 = luis READ 4
        ana told 7 = luis DELIVERED 3
        ana told 7 = luis DELIVERED 3
        ana acks 7
        luis told 8 = ana DELIVERED 1
        luis acks 8
        ana login 7 of store
        ana finds r1 of luis = 1 in luis (DELIVERED)
        ana finds m2 of ana = 2 in luis (READ)
        ana finds m1 of ana = 3 in luis (DELIVERED)
        ana has all of luis: 1 2 3
        luis has all of luis: 4
    ",
    )
    .expect("a good history");
}

#[test]
fn a_good_history_of_a_room_passes() {
    judge(ROOM).expect("a good history");
}

const ROOM: &str = "
    room #r: ana luis eva
    ana sends m1 to #r: hola
    luis sends r1 to #r: hola a todas
    ana OK m1 = 1
    luis OK r1 = 2
    luis gets 1 = m1 of ana
    eva gets 1 = m1 of ana
    eva gets 2 = r1 of luis
    ana gets 2 = r1 of luis
    luis acks 1
    eva acks 1
    ana told 3 = #r DELIVERED 1
    eva reads #r 2
    ana reads #r 2
    luis told 4 = #r READ 2
    ana finds m1 of ana = 1 in #r (DELIVERED)
    luis has all of #r: 1 2
";

/// A good history with one change: the line that begins like this is replaced.
pub struct Case {
    pub promise: u8,
    /// Description of what is broken.
    pub what: &'static str,
    pub good: &'static str,
    pub replace: &'static str,
    pub by: &'static str,
    /// The events of the contradiction: a part of the words of each.
    pub events: &'static [&'static str],
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    // 1. OK means on disk.
    Case { promise: 1, what: "an accepted message never arrives", good: "
        ana sends m1 to luis: hola
        ana OK m1 = 1
        luis gets 1 = m1 of ana", replace: "luis gets 1", by: "", events: &["ana sends m1", "m1 of ana is answered OK, number 1"] },
    Case { promise: 1, what: "an accepted message is refused when it is sent again", good: "
        ana sends m1 to luis: hola
        ana OK m1 = 1
        restart
        ana sends m1 to luis: hola
        ana OK m1 = 1
        luis gets 1 = m1 of ana", replace: "ana OK m1 #2", by: "ana KO m1", events: &["m1 of ana is answered OK, number 1", "m1 of ana is answered KO"] },
    Case { promise: 1, what: "a text arrives changed", good: GOOD, replace: "luis gets 1 = m1 of ana", by: "luis gets 1 = m1 of ana: hol", events: &["ana sends m1 to luis: \"hola\"", "luis is given m1 of ana, number 1, to luis: \"hol\""] },
    Case { promise: 1, what: "a text comes again changed, after a restart", good: "
        ana sends m1 to luis: hola
        ana OK m1 = 1
        luis gets 1 = m1 of ana
        restart
        luis gets 1 = m1 of ana", replace: "luis gets 1 #2", by: "luis gets 1 = m1 of ana: ", events: &["ana sends m1", "to luis: \"\""] },
    Case { promise: 1, what: "an accepted message is not in the history", good: ROOM, replace: "luis has all", by: "luis has all of #r: 2", events: &["m1 of ana is answered OK, number 1", "luis is shown all of the history with #r: 1 messages"] },
    Case { promise: 1, what: "one member of a room never gets it", good: ROOM, replace: "ana gets 2", by: "", events: &["luis sends r1", "r1 of luis is answered OK, number 2"] },
    Case { promise: 1, what: "the store is another one", good: "
        luis login 0 of store
        restart
        luis login 0 of store", replace: "luis login #2", by: "luis login 0 of another", events: &["store store", "store another"] },
    Case { promise: 1, what: "an account is gone", good: "
        ana registers
        ana login 0 of store", replace: "ana login", by: "ana locked out", events: &["ana is registered", "ana is not let in"] },
    // 2. Once.
    Case { promise: 2, what: "a reader is given a message twice, under two numbers", good: "
        ana sends m1 to luis: hola
        luis gets 1 = m1 of ana
        restart
        luis gets 1 = m1 of ana", replace: "luis gets 1 #2", by: "luis gets 2 = m1 of ana", events: &["luis is given m1 of ana, number 1", "luis is given m1 of ana, number 2"] },
    Case { promise: 2, what: "a retry is answered with another number", good: "
        ana sends m1 to luis: hola
        ana OK m1 = 1
        restart
        ana sends m1 to luis: hola
        ana OK m1 = 1
        luis gets 1 = m1 of ana", replace: "ana OK m1 #2", by: "ana OK m1 = 2", events: &["m1 of ana is answered OK, number 1", "m1 of ana is answered OK, number 2"] },
    Case { promise: 2, what: "a retry is answered with another time", good: "
        ana sends m1 to luis: hola
        ana OK m1 = 1
        restart
        ana sends m1 to luis: hola
        ana OK m1 = 1
        luis gets 1 = m1 of ana", replace: "ana OK m1 #2", by: "ana OK m1 = 1 later", events: &["number 1 at once", "number 1 at later"] },
    Case { promise: 2, what: "a message comes from nowhere", good: GOOD, replace: "luis gets 1", by: "luis gets 1 = m2 of ana", events: &["luis is given m2 of ana, number 1"] },
    Case { promise: 2, what: "somebody else is given it", good: GOOD, replace: "luis gets 1", by: "eva gets 1 = m1 of ana", events: &["ana sends m1 to luis", "eva is given m1 of ana"] },
    Case { promise: 2, what: "a room's sender is given a copy", good: ROOM, replace: "luis gets 1", by: "ana gets 1 = m1 of ana", events: &["ana sends m1 to #r", "ana is given m1 of ana"] },
    Case { promise: 2, what: "a message is in another history", good: ROOM, replace: "ana finds m1", by: "ana finds m1 of ana = 1 in luis (RECEIVED)", events: &["ana sends m1 to #r", "ana finds m1 of ana in the history with luis"] },
    // 3. In order.
    Case { promise: 3, what: "a reader is given a lower number after a higher one", good: "
        ana sends m1 to luis: hola
        eva sends e1 to luis: buenas
        luis gets 1 = m1 of ana
        luis gets 2 = e1 of eva", replace: "luis gets 1", by: "luis gets 3 = m1 of ana", events: &["luis is given m1 of ana, number 3", "luis is given e1 of eva, number 2"] },
    Case { promise: 3, what: "a state has a number lower than what came before it", good: GOOD, replace: "luis reads ana 1", by: "
        luis reads ana 1
        eva sends e1 to ana: buenas
        ana gets 9 = e1 of eva", events: &["ana is given e1 of eva, number 9", "ana is told, number 3"] },
    Case { promise: 3, what: "what was sent after an OK has a lower number", good: "
        ana sends m1 to luis: hola
        ana OK m1 = 2
        ana sends m2 to luis: sigue
        ana OK m2 = 3
        luis gets 2 = m1 of ana
        luis gets 3 = m2 of ana", replace: "ana OK m2", by: "ana OK m2 = 1", events: &["m1 of ana is answered OK, number 2", "ana sends m2", "m2 of ana is answered OK, number 1"] },
    Case { promise: 3, what: "an answer has a lower number than what it answers", good: "
        ana sends m1 to luis: hola
        luis gets 2 = m1 of ana
        luis sends r1 to ana: buenas
        ana gets 3 = r1 of luis", replace: "ana gets 3", by: "ana gets 1 = r1 of luis", events: &["luis is given m1 of ana, number 2", "luis sends r1", "ana is given r1 of luis, number 1"] },
    Case { promise: 3, what: "two readers of a room have two orders", good: ROOM, replace: "eva gets 1", by: "eva gets 3 = m1 of ana", events: &["m1 of ana is answered OK, number 1", "eva is given m1 of ana, number 3"] },
    Case { promise: 3, what: "two readers of a room have two orders, and there was no answer", good: "
        room #r: ana luis eva
        ana sends m1 to #r: hola
        luis gets 1 = m1 of ana
        eva gets 1 = m1 of ana", replace: "eva gets 1", by: "eva gets 2 = m1 of ana", events: &["luis is given m1 of ana, number 1", "eva is given m1 of ana, number 2"] },
    Case { promise: 3, what: "one reader of a room has a message that another never gets", good: "
        room #r: ana luis eva
        ana sends m1 to #r: hola
        luis gets 1 = m1 of ana
        eva gets 1 = m1 of ana", replace: "eva gets 1", by: "", events: &["ana sends m1", "luis is given m1 of ana, number 1"] },
    Case { promise: 3, what: "a history has another number for it", good: ROOM, replace: "ana finds m1", by: "ana finds m1 of ana = 7 in #r (DELIVERED)", events: &["m1 of ana is answered OK, number 1", "ana finds m1 of ana in a history, number 7"] },
    // 4. States only move forward.
    Case { promise: 4, what: "a mark goes back", good: "
        ana sends m1 to luis: hola
        ana sends m2 to luis: sigue
        luis gets 1 = m1 of ana
        luis gets 2 = m2 of ana
        luis acks 2
        ana told 3 = luis DELIVERED 2
        restart
        ana told 4 = luis DELIVERED 2", replace: "ana told 4", by: "ana told 4 = luis DELIVERED 1", events: &["luis DELIVERED up to 2", "luis DELIVERED up to 1"] },
    Case { promise: 4, what: "what was READ is only DELIVERED", good: GOOD, replace: "ana told 3", by: "
        ana told 3 = luis READ 1
        ana told 4 = luis DELIVERED 1", events: &["luis READ up to 1", "luis DELIVERED up to 1"] },
    Case { promise: 4, what: "a history has an older state than the sender was told", good: ROOM, replace: "ana finds m1", by: "ana finds m1 of ana = 1 in #r (RECEIVED)", events: &["#r DELIVERED up to 1", "ana finds m1 of ana in a history, number 1, RECEIVED"] },
    Case { promise: 4, what: "a history has an older state than the reader saw in it", good: "
        ana sends m1 to luis: hola
        luis gets 1 = m1 of ana
        luis acks 1
        ana told 2 = luis DELIVERED 1
        luis finds m1 of ana = 1 in ana (DELIVERED)
        luis finds m1 of ana = 1 in ana (DELIVERED)", replace: "luis finds m1 #2", by: "luis finds m1 of ana = 1 in ana (RECEIVED)", events: &["number 1, DELIVERED", "number 1, RECEIVED"] },
    Case { promise: 4, what: "an acknowledgement is forgotten", good: "
        luis acks 5
        luis login 5 of store
        restart
        luis login 5 of store", replace: "luis login #2", by: "luis login 4 of store", events: &["up to 5, store", "up to 4, store"] },
    Case { promise: 4, what: "nobody tells the sender", good: GOOD, replace: "ana told 3", by: "", events: &["m1 of ana is answered OK", "luis calls ana read up to 1"] },
    // 5. KO means that it did not happen.
    Case { promise: 5, what: "what was refused arrives", good: "
        ana sends m1 to luis: hola
        ana KO m1", replace: "ana KO m1", by: "
        ana KO m1
        luis gets 1 = m1 of ana", events: &["m1 of ana is answered KO", "luis is given m1 of ana, number 1"] },
    Case { promise: 5, what: "what has arrived is refused", good: "
        ana sends m1 to luis: hola
        luis gets 1 = m1 of ana
        ana OK m1 = 1", replace: "ana OK m1", by: "ana KO m1", events: &["luis is given m1 of ana", "m1 of ana is answered KO"] },
    Case { promise: 5, what: "what was refused is in the history", good: "
        ana sends m1 to luis: hola
        ana KO m1", replace: "ana KO m1", by: "
        ana KO m1
        ana finds m1 of ana = 1 in luis (RECEIVED)", events: &["m1 of ana is answered KO", "ana finds m1 of ana in a history"] },
    Case { promise: 5, what: "one request has two answers", good: "
        ana sends m1 to luis: hola
        ana KO m1", replace: "ana KO m1", by: "
        ana KO m1
        ana OK m1 = 1", events: &["m1 of ana is answered KO", "m1 of ana is answered OK"] },
    Case { promise: 5, what: "an answer to nothing", good: GOOD, replace: "ana OK m1", by: "ana OK m2 = 1", events: &["m2 of ana is answered OK"] },
    // 6. Nothing leaves before it is durable.
    Case { promise: 6, what: "DELIVERED before the reader has acknowledged", good: GOOD, replace: "luis acks 1", by: "", events: &["ana is told, number 2: luis DELIVERED up to 1"] },
    Case { promise: 6, what: "READ further than the reader has read", good: "
        ana sends m1 to luis: hola
        ana sends m2 to luis: sigue
        luis gets 1 = m1 of ana
        luis gets 2 = m2 of ana
        luis reads ana 2
        ana told 3 = luis READ 2", replace: "luis reads", by: "luis reads ana 1", events: &["luis calls ana read up to 1", "luis READ up to 2"] },
    Case { promise: 6, what: "DELIVERED in a room that one has not acknowledged", good: ROOM, replace: "eva acks 1", by: "", events: &["#r DELIVERED up to 1"] },
    Case { promise: 6, what: "a history calls it READ, and nobody has read it", good: ROOM, replace: "ana finds m1", by: "ana finds m1 of ana = 1 in #r (READ)", events: &["number 1, READ"] },
    Case { promise: 6, what: "a mark of no message", good: GOOD, replace: "ana told 3", by: "
        ana told 3 = luis READ 1
        luis acks 3
        ana told 4 = luis DELIVERED 3", events: &["luis DELIVERED up to 3"] },
    Case { promise: 6, what: "an OK was taken back: its number is another message's", good: "
        ana sends m1 to luis: hola
        ana OK m1 = 1
        restart
        eva sends e1 to luis: buenas
        eva OK e1 = 2
        luis gets 1 = m1 of ana
        luis gets 2 = e1 of eva", replace: "eva OK e1", by: "eva OK e1 = 1", events: &["m1 of ana is answered OK, number 1", "e1 of eva is answered OK, number 1"] },
    Case { promise: 6, what: "what was delivered was taken back: the answer is another", good: "
        ana sends m1 to luis: hola
        luis gets 1 = m1 of ana
        restart
        ana sends m1 to luis: hola
        ana OK m1 = 1", replace: "ana OK m1", by: "ana OK m1 = 2", events: &["luis is given m1 of ana, number 1", "m1 of ana is answered OK, number 2"] },
    Case { promise: 6, what: "a state was taken back: its number is a message's", good: GOOD, replace: "ana told 3", by: "
        eva sends e1 to luis: buenas
        eva OK e1 = 2", events: &["ana is told, number 2", "e1 of eva is answered OK, number 2"] },
    Case { promise: 6, what: "a number that was given is denied", good: GOOD, replace: "luis acks 1", by: "
        luis acks 1
        luis denied 1", events: &["luis is given m1 of ana, number 1", "there is no number 1"] },
    Case { promise: 6, what: "a login knows of more than was acknowledged", good: GOOD, replace: "luis login", by: "luis login 1 of store", events: &["acknowledged up to 1"] },
];

#[test]
fn every_broken_promise_is_found_and_shown() {
    check(CASES);
    for promise in 1..=6 {
        assert!(CASES.iter().filter(|case| case.promise == promise).count() >= 5, "too little of promise {promise}");
    }
}

/// Checks that the good history of each case passes, and that the broken one does not, for the reason that the case names.
pub fn check(cases: &[Case]) {
    for case in cases {
        judge(case.good).unwrap_or_else(|broken| panic!("{}: the good history is not: {broken}", case.what));
        let history = with_change(case);
        let Err(broken) = judge(&history) else { panic!("{}: not found in\n{history}", case.what) };
        let named = |(event, part): (&(usize, String), &&str)| event.1.contains(*part);
        let exact = broken.events.len() == case.events.len() && broken.events.iter().zip(case.events).all(named);
        assert!(
            broken.promise == case.promise && exact,
            "{}: expected {} {:?}, got {broken}",
            case.what,
            case.promise,
            case.events
        );
    }
}

/// `#2` after the start of a line means the second one like it.
fn with_change(case: &Case) -> String {
    let (start, which) =
        case.replace.split_once(" #").map_or((case.replace, 1), |(start, n)| (start, n.parse().unwrap()));
    let mut seen = 0;
    let change = |line: &str| {
        seen += usize::from(line.trim().starts_with(start));
        let is_it = line.trim().starts_with(start) && seen == which;
        if is_it { case.by.to_owned() } else { line.to_owned() }
    };
    let history = case.good.lines().map(change).collect::<Vec<_>>().join("\n");
    assert!(seen >= which, "{}: nothing begins with {start}", case.what);
    history
}

#[test]
fn a_refusal_beside_an_earlier_try_proves_nothing() {
    // The first try was on a connection that broke: the server may still execute it.
    let open = "
        ana sends m1 to luis: hola
        ana sends m1 to luis: hola
        ana KO m1
        luis gets 1 = m1 of ana";
    judge(open).expect("it may have been the first");
    // But not when the server was dead in between.
    let dead = "
        ana sends m1 to luis: hola
        restart
        ana sends m1 to luis: hola
        ana KO m1
        luis gets 1 = m1 of ana";
    assert_eq!(judge(dead).expect_err("it was refused").promise, 5);
}

#[test]
fn unanswered_sends_are_retried_oldest_first() {
    let mut checker = Checker::default();
    for id in ["z", "y", "x", "w"] {
        checker.asks("ana", id, "luis", "hola");
    }
    checker.accepted("ana", "y", "once", 1).expect("an answer");
    checker.refused("ana", "x").expect("an answer");
    let ids: Vec<_> = checker.unknown("ana").into_iter().map(|(id, ..)| id).collect();
    assert_eq!((ids, checker.accepted_count()), (vec!["z".to_owned(), "w".to_owned()], 1));
}

#[test]
fn a_broken_promise_is_readable() {
    let said = judge(
        "
        ana sends m1 to luis: hola
        ana OK m1 = 1
        restart
        ana sends m1 to luis: hola
        ana OK m1 = 2",
    )
    .expect_err("two numbers")
    .to_string();
    let expected = "promise 2 is broken: the same id was given two answers
  #2 m1 of ana is answered OK, number 1 at once
  #5 m1 of ana is answered OK, number 2 at once";
    assert_eq!(said, expected);
}

#[test]
fn a_quarter_of_a_million_messages_are_judged_in_seconds() {
    let mut checker = Checker::default();
    let begun = std::time::Instant::now();
    for seq in 1..=250_000_u64 {
        let id = format!("m{seq}");
        checker.asks("ana", &id, "luis", "hola");
        checker.accepted("ana", &id, "once", seq).expect("good");
        let (from, to, text) = ("ana".into(), "luis".into(), "hola".into());
        let seen = Seen { seq, id, from, to, text, erased: false };
        checker.received("luis", seen).expect("good");
        checker.acknowledges("luis", seq);
    }
    checker.told("ana", 250_001, "luis", "DELIVERED", 250_000).expect("good");
    checker.verdict().expect("good");
    // A search through all for each of them would take minutes.
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

pub fn judge(history: &str) -> Result<(), Broken> {
    let mut play = Play::default();
    for line in history.lines().map(str::trim).filter(|line| !line.is_empty()) {
        play.observe(line)?;
    }
    play.checker.verdict()
}

/// A history on its way to the checker.
#[derive(Default)]
struct Play {
    checker: Checker,
    /// Target and text of every message, by who sent it and its id.
    sent: std::collections::HashMap<(String, String), (String, String)>,
}

impl Play {
    fn observe(&mut self, line: &str) -> Verdict {
        let (head, text) =
            line.split_once(": ").map_or((line.trim_end_matches(':'), None), |(head, text)| (head, Some(text)));
        let words: Vec<&str> = head.split_whitespace().collect();
        let number = |index: usize| words[index].parse::<u64>().expect("a number");
        let checker = &mut self.checker;
        match words.as_slice() {
            [user, "registers"] => checker.registered(user),
            [user, "locked", "out"] => return checker.locked_out(user),
            ["restart"] => checker.restarted(),
            ["room", room] => checker.room(room, &text.expect("readers").split(' ').collect::<Vec<_>>()),
            [from, "sends", id, "to", to] => {
                let text = text.expect("a text");
                self.sent.insert(((*from).into(), (*id).into()), ((*to).into(), text.into()));
                checker.asks(from, id, to, text);
            }
            [from, "OK", id, "=", _] => return checker.accepted(from, id, "once", number(4)),
            [from, "OK", id, "=", _, at] => return checker.accepted(from, id, at, number(4)),
            [from, "KO", id] => return checker.refused(from, id),
            [reader, "gets", _, "=", id, "of", from] => {
                let (to, sent) = self.letter(from, id);
                let altered = (head.len() < line.len()).then(|| text.unwrap_or_default().to_owned());
                let text = altered.unwrap_or(sent);
                let (id, from) = ((*id).into(), (*from).into());
                let seen = Seen { seq: number(2), id, from, to, text, erased: false };
                return self.checker.received(reader, seen);
            }
            [reader, "gets", _, "=", id, "of", from, "erased"] => {
                let (to, _) = self.letter(from, id);
                let (id, from) = ((*id).into(), (*from).into());
                let seen = Seen { seq: number(2), id, from, to, text: String::new(), erased: true };
                return self.checker.received(reader, seen);
            }
            [user, "erases", _, "in", target] => checker.asks_to_erase(user, target, number(2)),
            [user, "erased", _, "in", target] => return checker.erased(user, target, number(2)),
            [reader, "hears", _, "=", target, "erased", _, "of", from] => {
                let (target, from) = ((*target).into(), (*from).into());
                let event = Erased { seq: number(2), target, message: number(6), from };
                return checker.told_erased(reader, &event);
            }
            [reader, "acks", _] => checker.acknowledges(reader, number(2)),
            [reader, "denied", _] => return checker.denied(reader, number(2)),
            [reader, "reads", target, _] => checker.reads(reader, target, number(3)),
            [device, "new", _, "of", store] => return checker.begins(device, number(2), store),
            [device, "forgotten"] => checker.forgotten(device),
            [user, "login", _, "of", store] => return checker.logs_in(user, number(2), store),
            [sender, "told", _, "=", target, state, _] => {
                return checker.told(sender, number(2), target, state, number(6));
            }
            [observer, "finds", id, "of", from, "=", _, "in", target, state, erased @ ..] => {
                let erased = !erased.is_empty();
                let text = if erased { String::new() } else { self.letter(from, id).1 };
                let state = Some(state.trim_matches(['(', ')']).to_owned());
                let row = Row { seq: number(6), id: (*id).into(), from: (*from).into(), text, erased, state };
                return self.checker.shown(observer, target, &[row]);
            }
            [observer, "has", "all", "of", target] => {
                let numbers = text.expect("numbers").split(' ').map(|n| n.parse().expect("a number")).collect();
                return checker.shown_all(observer, target, &numbers);
            }
            _ => panic!("not an event: {line}"),
        }
        Ok(())
    }

    fn letter(&self, from: &str, id: &str) -> (String, String) {
        self.sent.get(&(from.to_owned(), id.to_owned())).cloned().unwrap_or_default()
    }
}
