//! The sum of an absence, beside a model: random messages of random conversations in random polls. Each message is counted in
//! its place, or among those elsewhere, and none twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::history::{message, seq, target, user};
use crate::client::setting;
use crate::support::random::Random;
use wachat::client::app::event::{Context, Effect, Event as AppEvent};
use wachat::client::app::view::View;
use wachat::client::app::{App, Setting};
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::state::ClientState;
use wachat::limits;
use wachat::model::{Message, Seq, Timestamp};
use wachat::protocol::{Event, SessionOpened};

const RUNS: u64 = 300;

/// An app that has just started, its receiver, and the sums that it has said.
struct Life {
    app: App,
    receiving: Option<Receive>,
    sums: Vec<String>,
}

impl Life {
    fn new() -> Self {
        let setting = Setting { receipts: false, ..setting() };
        let app = App::new(setting, ClientState::new(user("ana")), context());
        let mut life = Self { app, receiving: None, sums: Vec::new() };
        life.handle(AppEvent::Started(Ok(())));
        assert_eq!(life.receiving.take(), Some(Receive::LogIn));
        let opened = SessionOpened { user: user("ana"), acknowledged: Seq::ZERO, store: "store".into(), device: None };
        life.handle(AppEvent::Link(LinkEvent::LoggedIn(opened)));
        life
    }

    fn handle(&mut self, event: AppEvent) {
        let output = self.app.handle(event, context());
        let incoming = output.views.iter().filter(|view| matches!(view, View::Incoming(_))).count();
        for view in output.views {
            if let View::Notice(line) = view
                && let Some(list) = line.strip_prefix("new while you were away: ")
            {
                self.sums.push(list.to_owned());
            }
        }
        for effect in output.effects {
            match effect {
                Effect::Receive(request) => self.receiving = Some(request),
                Effect::Send(request) => {
                    let answer = if request == Request::Presence {
                        Answer::Users(Vec::new())
                    } else {
                        Answer::Chats(Vec::new())
                    };
                    self.handle(AppEvent::Link(LinkEvent::Answered(request, Ok(answer))));
                }
                _ => {}
            }
        }
        if incoming > 0 {
            self.handle(AppEvent::Shown(incoming));
        }
    }

    fn receive(&mut self, events: Vec<Event>) {
        assert!(matches!(self.receiving.take(), Some(Receive::Poll { .. })));
        self.handle(AppEvent::Link(LinkEvent::Polled(Ok(events))));
    }
}

fn context() -> Context {
    Context { now: Instant::now(), at: Timestamp::from_millis(1), random: 1 }
}

/// The names of this many conversations, in a random order of rooms and users.
fn places(random: &mut Random, count: u64) -> Vec<String> {
    (0..count).map(|number| format!("{}p{number}", if random.chance(50) { "#" } else { "" })).collect()
}

fn message_in(place: &str, number: u64) -> Event {
    let from = if place.starts_with('#') { "luis" } else { place };
    let Event::Message(message) = message(number, from, &format!("m-{number}"), "text") else { unreachable!() };
    let to = if place.starts_with('#') { target(place) } else { target("ana") };
    Event::Message(Arc::new(Message { to, seq: seq(number), ..(*message).clone() }))
}

/// The line that these messages, in this order, are summed up in.
fn sum(messages: &[&String]) -> String {
    let mut seen = HashSet::new();
    let places: Vec<_> = messages.iter().filter(|place| seen.insert(place.as_str())).collect();
    let count = |place: &str| messages.iter().filter(|other| other.as_str() == place).count();
    let (named, others) = places.split_at(places.len().min(limits::ABSENCE_NAMES));
    let word = |place: &str| if place.starts_with('#') { "in" } else { "from" };
    let mut parts: Vec<_> = named.iter().map(|place| format!("{} {} {place}", count(place), word(place))).collect();
    let rest: usize = others.iter().map(|place| count(place)).sum();
    parts.extend((rest > 0).then(|| format!("{rest} in other chats")));
    parts.join(", ")
}

#[test]
fn each_message_of_an_absence_is_counted_once_whichever_chat_it_is_in() {
    let mut with_rest = 0;
    for seed in 0..RUNS {
        let mut random = Random::new(seed);
        let count = 1 + random.below(12);
        let places = places(&mut random, count);
        let all = random.below(40);
        let messages: Vec<_> = (0..all).map(|_| &places[random.below(count) as usize]).collect();
        let mut life = Life::new();
        // A poll that has fewer events than a reply may have brings all.
        life.receive((1..).zip(&messages).map(|(number, place)| message_in(place, number)).collect());
        let expected: Vec<_> = Some(sum(&messages)).filter(|sum| !sum.is_empty()).into_iter().collect();
        with_rest += usize::from(expected.iter().any(|sum| sum.contains("other chats")));
        assert_eq!(life.sums, expected, "seed {seed}: the sum of {messages:?}");
        // A message that comes now is no part of an absence.
        life.receive(vec![message_in("eva", all + 1)]);
        life.receive(Vec::new());
        assert_eq!(life.sums.len(), expected.len(), "seed {seed}: {:?}", life.sums);
    }
    assert!(with_rest > 50, "the absences are too easy: {with_rest}");
}
