//! The delivery checker on messages that are taken back: they are erased in every later reply, no others are, and all devices
//! are told once. The lines of a history are those of [`crate::durability::checker`].

use crate::durability::checker::{Case, check, judge};

/// A message is taken back while it waits for a device, after another device has got it.
const GOOD: &str = "
    luis login 0 of store
    luis:lab new 0 of store
    ana:desk new 0 of store
    ana sends m1 to luis: hola
    ana OK m1 = 1
    luis acks 0
    luis gets 1 = m1 of ana
    ana:desk gets 1 = m1 of ana
    ana erases 1 in luis
    ana erased 1 in luis
    luis acks 1
    luis hears 2 = ana erased 1 of ana
    luis:lab acks 0
    luis:lab gets 1 = m1 of ana erased
    luis:lab hears 2 = ana erased 1 of ana
    ana:desk acks 1
    ana:desk hears 2 = luis erased 1 of ana
    ana:desk told 3 = luis DELIVERED 1
    ana finds m1 of ana = 1 in luis (DELIVERED) erased
    luis finds m1 of ana = 1 in ana (DELIVERED) erased
";

/// The owner of a room takes a message back; the outcome is unknown until the owner is told.
const ROOM: &str = "
    room #r: ana luis eva
    ana login 0 of store
    luis login 0 of store
    eva login 0 of store
    luis sends m1 to #r: hola
    luis OK m1 = 1
    ana erases 1 in #r
    restart
    ana login 0 of store
    ana gets 1 = m1 of luis
    ana acks 0
    ana gets 1 = m1 of luis
    eva gets 1 = m1 of luis erased
    ana hears 2 = #r erased 1 of luis
    eva hears 2 = #r erased 1 of luis
    luis hears 2 = #r erased 1 of luis
    restart
    eva hears 2 = #r erased 1 of luis
    eva finds m1 of luis = 1 in #r (RECEIVED) erased
";

const ASKED: &str = "ana has taken 1 back in luis: OK";

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { promise: 1, what: "the text comes in a later poll", good: GOOD, replace: "luis:lab gets 1", by: "luis:lab gets 1 = m1 of ana", events: &[ASKED, "luis:lab is given m1 of ana, number 1"] },
    Case { promise: 1, what: "the text comes again in a later poll", good: GOOD, replace: "luis hears 2", by: "luis gets 1 = m1 of ana", events: &[ASKED, "luis is given m1 of ana, number 1"] },
    Case { promise: 1, what: "the text is in the history", good: GOOD, replace: "luis finds", by: "luis finds m1 of ana = 1 in ana (DELIVERED)", events: &[ASKED, "luis finds m1 of ana in a history"] },
    Case { promise: 1, what: "nobody has taken it back, and it is erased", good: GOOD, replace: "luis gets 1", by: "luis gets 1 = m1 of ana erased", events: &["ana sends m1", "luis is given m1 of ana, number 1"] },
    Case { promise: 1, what: "an empty text is no erased one", good: GOOD, replace: "luis:lab gets 1", by: "luis:lab gets 1 = m1 of ana: ", events: &["ana sends m1", "luis:lab is given m1 of ana, number 1, to luis: \"\""] },
    Case { promise: 1, what: "one device is not told", good: GOOD, replace: "luis:lab hears", by: "", events: &[ASKED] },
    Case { promise: 1, what: "the device of the sender is not told", good: GOOD, replace: "ana:desk hears", by: "", events: &[ASKED] },
    Case { promise: 1, what: "nobody is told", good: "
        ana login 0 of store
        ana sends m1 to ana: hola
        ana OK m1 = 1
        ana gets 1 = m1 of ana
        ana erases 1 in ana
        ana erased 1 in ana
        ana hears 2 = ana erased 1 of ana", replace: "ana hears", by: "", events: &["ana has taken 1 back in ana: OK"] },
    Case { promise: 2, what: "an event about a conversation of others", good: ROOM, replace: "eva hears 2", by: "leo hears 2 = #r erased 1 of luis", events: &["leo is told, number 2: 1 of luis is erased in #r"] },
    Case { promise: 2, what: "an event with another target", good: GOOD, replace: "ana:desk hears", by: "ana:desk hears 2 = ana erased 1 of ana", events: &["ana:desk is told, number 2: 1 of ana is erased in ana"] },
    Case { promise: 2, what: "an event with another sender", good: ROOM, replace: "luis hears 2", by: "luis hears 2 = #r erased 1 of ana", events: &["luis is told, number 2: 1 of ana is erased in #r"] },
    Case { promise: 2, what: "two events tell of it", good: ROOM, replace: "eva hears 2 #2", by: "eva hears 3 = #r erased 1 of luis", events: &["ana is told, number 2", "eva is told, number 3"] },
    Case { promise: 3, what: "the event comes after a higher number", good: GOOD, replace: "ana:desk hears", by: "
        ana:desk told 3 = luis DELIVERED 1
        ana:desk hears 2 = luis erased 1 of ana", events: &["ana:desk is told, number 3", "ana:desk is told, number 2"] },
    Case { promise: 6, what: "the number of the event is a message's", good: ROOM, replace: "eva finds", by: "
        luis sends m2 to #r: otra
        luis OK m2 = 2", events: &["ana is told, number 2", "m2 of luis is answered OK, number 2"] },
];

#[test]
fn a_text_that_comes_back_and_a_device_that_is_not_told_are_found() {
    check(CASES);
}

#[test]
fn an_erase_without_an_answer_proves_nothing() {
    judge(ROOM).expect("it was done");
    judge(&ROOM[..ROOM.find("eva gets").expect("a line")]).expect_err("the others lack the message");
    let undone = "
        luis login 0 of store
        ana sends m1 to luis: hola
        ana OK m1 = 1
        ana erases 1 in luis
        restart
        luis gets 1 = m1 of ana
        luis finds m1 of ana = 1 in ana (RECEIVED)";
    judge(undone).expect("it was not done");
}
