//! The delivery checker on users with several devices: each has to get all of it, once, in order. The lines of a history
//! are those of [`crate::durability::checker`]; `luis:lab` is the device lab of luis.

use crate::durability::checker::{Case, check, judge};

/// luis has two devices and ana one: a message reaches all three, and each acknowledges by itself.
const GOOD: &str = "
    luis:lab new 0 of store
    luis:phone new 0 of store
    ana:desk new 0 of store
    ana sends m1 to luis: hola
    ana OK m1 = 1
    luis:lab gets 1 = m1 of ana
    ana:desk gets 1 = m1 of ana
    luis:lab acks 1
    ana:desk told 2 = luis DELIVERED 1
    ana sends m2 to luis: sigue
    ana OK m2 = 3
    ana:desk acks 2
    ana:desk gets 3 = m2 of ana
    luis:lab login 1 of store
    luis:lab gets 3 = m2 of ana
    luis:phone login 0 of store
    luis:phone gets 1 = m1 of ana
    luis:phone gets 3 = m2 of ana
    luis:phone acks 3
    ana:desk told 4 = luis DELIVERED 3
";

/// A device that comes later begins at the number of the user, and so does one that has lost its number.
const LATER: &str = "
    luis login 0 of store
    ana sends m1 to luis: hola
    ana OK m1 = 1
    luis gets 1 = m1 of ana
    luis acks 1
    ana told 2 = luis DELIVERED 1
    luis:lab new 1 of store
    ana sends m2 to luis: sigue
    ana OK m2 = 3
    luis gets 3 = m2 of ana
    luis acks 3
    ana told 4 = luis DELIVERED 3
    luis:lab new 3 of store
    luis:lab login 3 of store
    luis finds m2 of ana = 3 in ana (DELIVERED)
";

/// A device is forgotten, and made anew.
const FORGOTTEN: &str = "
    luis login 0 of store
    luis:lab new 0 of store
    luis:lab forgotten
    ana sends m1 to luis: hola
    ana OK m1 = 1
    luis gets 1 = m1 of ana
    luis acks 1
    ana told 2 = luis DELIVERED 1
    luis:lab new 1 of store
";

/// A room, and a message to oneself: one event on each device, with a name or without.
const OWN: &str = "
    room #r: ana luis
    ana login 0 of store
    ana:desk new 0 of store
    ana sends m1 to #r: hola
    ana OK m1 = 1
    luis gets 1 = m1 of ana
    ana:desk gets 1 = m1 of ana
    ana sends m2 to ana: una nota
    ana OK m2 = 2
    ana gets 2 = m2 of ana
    ana:desk gets 2 = m2 of ana
";

#[test]
fn good_histories_of_several_devices_pass() {
    for good in [GOOD, LATER, FORGOTTEN, OWN] {
        judge(good).unwrap_or_else(|broken| panic!("{broken}\n{good}"));
    }
}

#[test]
fn what_was_sent_before_a_device_need_not_come_to_it_and_may() {
    for event in ["", "ana:desk gets 1 = m1 of ana"] {
        let history = format!(
            "ana sends m1 to luis: hola
             ana OK m1 = 1
             luis gets 1 = m1 of ana
             ana:desk new 0 of store
             {event}"
        );
        judge(&history).unwrap_or_else(|broken| panic!("{broken}\n{history}"));
    }
}

#[test]
fn a_device_whose_first_reply_was_lost_begins_when_it_is_known() {
    judge(
        "
        ana sends m1 to luis: hola
        ana OK m1 = 1
        luis gets 1 = m1 of ana
        ana:desk acks 0
        restart
        ana:desk login 0 of store",
    )
    .expect("a good history");
}

#[test]
fn a_device_that_lags_behind_may_be_told_an_older_state() {
    judge(
        "
        ana:desk new 0 of store
        ana:lap new 0 of store
        ana sends m1 to luis: hola
        ana OK m1 = 1
        ana sends m2 to luis: sigue
        ana OK m2 = 2
        luis gets 1 = m1 of ana
        luis gets 2 = m2 of ana
        luis acks 1
        luis acks 2
        ana:desk gets 1 = m1 of ana
        ana:desk gets 2 = m2 of ana
        ana:desk told 3 = luis DELIVERED 1
        ana:desk told 4 = luis DELIVERED 2
        ana:lap gets 1 = m1 of ana
        ana:lap gets 2 = m2 of ana
        ana:lap told 3 = luis DELIVERED 1
        ana:lap told 4 = luis DELIVERED 2",
    )
    .expect("a good history");
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { promise: 1, what: "a message is lost on one device", good: GOOD,
        replace: "luis:phone gets 1", by: "",
        events: &["ana sends m1", "m1 of ana is answered OK"] },
    Case { promise: 1, what: "an own message is lost on a device of the sender", good: GOOD,
        replace: "ana:desk gets 3", by: "",
        events: &["ana sends m2", "m2 of ana is answered OK"] },
    Case { promise: 1, what: "an own message to a room is lost on a device of the sender", good: OWN,
        replace: "ana:desk gets 1", by: "",
        events: &["ana sends m1", "m1 of ana is answered OK"] },
    Case { promise: 1, what: "a message to oneself is lost on the device without a name", good: OWN,
        replace: "ana gets 2", by: "",
        events: &["ana sends m2", "m2 of ana is answered OK"] },
    Case { promise: 1, what: "what came after a device's begin is lost on it", good: "
        luis login 0 of store
        luis:lab new 0 of store
        ana sends m1 to luis: hola
        ana OK m1 = 1
        luis gets 1 = m1 of ana
        luis:lab gets 1 = m1 of ana",
        replace: "luis:lab gets 1", by: "",
        events: &["ana sends m1", "m1 of ana is answered OK"] },
    Case { promise: 1, what: "a device that was forgotten is known", good: FORGOTTEN,
        replace: "luis:lab new 1", by: "luis:lab login 0 of store",
        events: &["luis:lab is forgotten", "luis:lab logs in"] },
    Case { promise: 2, what: "a message comes twice to one device", good: GOOD,
        replace: "luis:phone gets 3", by: "luis:phone gets 3 = m2 of ana
        luis:phone gets 5 = m2 of ana",
        events: &["luis:phone is given m2 of ana, number 3", "luis:phone is given m2 of ana, number 5"] },
    Case { promise: 2, what: "an own message comes twice to a device of the sender", good: GOOD,
        replace: "ana:desk gets 3", by: "ana:desk gets 3 = m2 of ana
        ana:desk gets 5 = m2 of ana",
        events: &["ana:desk is given m2 of ana, number 3", "ana:desk is given m2 of ana, number 5"] },
    Case { promise: 2, what: "an own message comes to a session without a device", good: GOOD,
        replace: "ana:desk gets 1", by: "ana gets 1 = m1 of ana",
        events: &["ana sends m1", "ana is given m1 of ana"] },
    Case { promise: 3, what: "the order on one device is another", good: GOOD,
        replace: "luis:phone gets 1", by: "luis:phone gets 3 = m2 of ana
        luis:phone gets 1 = m1 of ana",
        events: &["luis:phone is given m2 of ana, number 3", "luis:phone is given m1 of ana, number 1"] },
    Case { promise: 3, what: "an own message has another number than the reply to SEND", good: GOOD,
        replace: "ana:desk gets 1", by: "ana:desk gets 7 = m1 of ana",
        events: &["m1 of ana is answered OK, number 1", "ana:desk is given m1 of ana, number 7"] },
    Case { promise: 4, what: "the number of one device goes back", good: "
        luis:lab new 0 of store
        luis:lab acks 5
        luis:lab login 5 of store
        luis:lab login 5 of store",
        replace: "luis:lab login 5 of store #2", by: "luis:lab login 3 of store",
        events: &["luis:lab logs in: acknowledged up to 5", "luis:lab logs in: acknowledged up to 3"] },
    Case { promise: 4, what: "one device of the sender is never told", good: "
        ana:desk new 0 of store
        ana:lap new 0 of store
        ana sends m1 to luis: hola
        ana OK m1 = 1
        luis gets 1 = m1 of ana
        luis acks 1
        ana:desk gets 1 = m1 of ana
        ana:lap gets 1 = m1 of ana
        ana:desk told 2 = luis DELIVERED 1
        ana:lap told 2 = luis DELIVERED 1",
        replace: "ana:lap told 2", by: "",
        events: &["m1 of ana is answered OK", "luis acknowledges up to 1"] },
    Case { promise: 6, what: "the acknowledgement of one device moves another", good: GOOD,
        replace: "luis:phone login 0", by: "luis:phone login 1 of store",
        events: &["luis:lab acknowledges up to 1", "luis:phone logs in: acknowledged up to 1"] },
    Case { promise: 6, what: "a new device begins above what any has acknowledged", good: LATER,
        replace: "luis:lab new 1", by: "luis:lab new 2 of store",
        events: &["luis acknowledges up to 1", "luis:lab logs in: acknowledged up to 2"] },
    Case { promise: 6, what: "DELIVERED before any device has acknowledged it", good: GOOD,
        replace: "luis:lab acks 1", by: "",
        events: &["ana:desk is told, number 2"] },
    Case { promise: 6, what: "the sender's own acknowledgement delivers", good: "
        ana:desk new 0 of store
        ana sends m1 to luis: hola
        ana OK m1 = 1
        ana:desk gets 1 = m1 of ana
        ana:desk acks 1
        luis gets 1 = m1 of ana
        luis acks 1
        ana:desk told 2 = luis DELIVERED 1",
        replace: "luis acks 1", by: "",
        events: &["ana:desk is told, number 2"] },
];

#[test]
fn every_promise_that_is_broken_on_one_device_is_found_and_shown() {
    check(CASES);
}
