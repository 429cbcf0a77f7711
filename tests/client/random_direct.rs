//! Direct chats with three peers beside a model, through random lives: calls of both sides, tokens that come early or
//! late, users who are hidden or written to, silence, and every end. All that is shown and done is what the model says.

use std::time::Instant;

use crate::client::direct_model::{Chat, Model, PAUSES, Said};
use crate::client::stage::{PERSON, Stage, line, target, user};
use crate::support::random::Random;
use wachat::client::app::destination::Destination;
use wachat::client::app::event::Event as AppEvent;
use wachat::client::link::request::{Answer, Request};
use wachat::client::p2p::event::DirectEvent;
use wachat::limits;
use wachat::model::{MessageId, Proof, Text, Token};
use wachat::protocol::{Event, Peer};

const LIVES: u64 = 400;
const STEPS: usize = 120;
const PEERS: [&str; 3] = ["eva", "luis", "otto"];

struct Life {
    seed: u64,
    random: Random,
    stage: Stage,
    model: Model,
    /// The lines that peers have sent: by chat.
    heard: Vec<(u64, Said)>,
    number: u64,
    /// Until then a text is refused that was meant for a chat that did not come about.
    hasty_until: Instant,
    steps: Vec<String>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let stage = Stage::connected(PERSON);
        let model = Model::default();
        let hasty_until = stage.now;
        let random = Random::new(seed);
        let heard = Vec::new();
        let steps = Vec::new();
        let mut life = Self { seed, random, stage, model, heard, number: 0, hasty_until, steps };
        life.model.open = Some(Destination::Conversation(target("#lobby")));
        life
    }

    fn peer(&mut self) -> &'static str {
        PEERS[self.random.below(3) as usize]
    }

    /// A chat that there is, or was.
    fn chat(&mut self) -> u64 {
        1 + self.random.below(self.number.max(1))
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn step(&mut self) {
        let kind = self.random.below(16);
        self.steps.push(format!("step {kind}"));
        let shown = match kind {
            0 | 1 => self.call(),
            2 | 3 => self.be_called(),
            4 | 5 => self.be_told(),
            6 | 7 => self.say(),
            8 => self.be_confirmed(),
            9 => self.be_closed(),
            10 => self.accept(),
            11 => self.pass_time(),
            12 => self.hide_or_write(),
            13 => self.close_or_select(),
            14 => self.list(),
            _ => self.resend(),
        };
        self.compare(shown);
        self.stage.answer_all();
        assert!(self.stage.app.wants_line(), "seed {}, {:?}", self.seed, self.steps.last());
    }

    /// Compares the app's lines and actions with the model's.
    fn compare(&mut self, shown: Vec<String>) {
        let now = self.stage.now;
        self.model.release();
        self.model.pass_time(now);
        let expected = std::mem::take(&mut self.model.shown);
        let actions = std::mem::take(&mut self.model.actions);
        let at = format!("seed {}, {:?}", self.seed, self.steps.last());
        assert_eq!(shown, expected, "{at}: shown");
        assert_eq!(self.stage.take_actions(), actions, "{at}: done");
        assert_eq!(Some(self.stage.app.destination().clone()), self.model.open, "{at}: the current chat");
        assert_eq!(self.stage.app.deadline(), self.model.deadline(), "{at}: the deadline");
    }

    fn fail(&mut self, why: String) {
        self.model.show(why);
        self.hasty_until = self.stage.now + limits::HASTY;
    }

    fn call(&mut self) -> Vec<String> {
        let peer = self.peer();
        self.hasty_until = self.stage.now;
        let shown = self.stage.enter(&format!("/p2p {peer}"));
        if self.model.hidden.contains(peer) {
            self.fail(format!("! what {peer} says is hidden"));
        } else if self.model.is_open(peer) {
            self.model.called.insert(peer);
            self.model.choose(peer);
        } else {
            self.model.called.insert(peer);
            self.model.show(format!("* calling {peer}"));
            self.compare(shown);
            assert_eq!(self.stage.sending, Some(Request::Peer(user(peer))));
            return self.be_answered(peer);
        }
        shown
    }

    /// The server names an address or none; at the address there is somebody or nobody.
    fn be_answered(&mut self, peer: &'static str) -> Vec<String> {
        let goes = format!("/query {peer} goes by way of the server");
        if self.random.chance(20) {
            let shown = self.stage.answer(Answer::NoPeer { online: false });
            self.fail(format!("! {peer} cannot be reached directly (not online); {goes}"));
            return shown;
        }
        let address =
            Peer { address: [192, 0, 2, 7].into(), port: 9, token: Token::random().unwrap(), fingerprint: None };
        let shown = self.stage.answer(Answer::Peer(address));
        self.model.act(format!("connect {peer}"));
        self.compare(shown);
        assert!(!self.stage.app.wants_line(), "the next line is for {peer}");
        if self.random.chance(20) {
            let event = DirectEvent::Unreachable { peer: user(peer), why: "refused".to_owned() };
            self.fail(format!("! {peer} cannot be reached directly (refused); {goes}"));
            return self.stage.direct(event);
        }
        let number = self.next_number();
        self.model.connect(number, peer, self.stage.now);
        self.stage.direct(DirectEvent::Connected { number, peer: user(peer) })
    }

    fn be_called(&mut self) -> Vec<String> {
        let peer = self.peer();
        let number = self.next_number();
        let proof = Proof { token: Token::random().unwrap(), fingerprint: None };
        let announced = vec![Event::Peer { user: user(peer), proof: proof.clone() }];
        let called = || DirectEvent::Called { number, caller: user(peer), proof: proof.clone() };
        let is_early = self.random.chance(50);
        let first = if is_early { self.stage.direct(called()) } else { self.stage.poll(announced.clone()) };
        self.compare(first);
        self.model.admit(number, peer, self.stage.now);
        if is_early { self.stage.poll(announced) } else { self.stage.direct(called()) }
    }

    fn be_told(&mut self) -> Vec<String> {
        let number = self.chat();
        let before = self.heard.iter().rfind(|(chat, _)| *chat == number).cloned();
        let waits = self.model.find(number).is_some_and(|chat| chat.waiting.is_some());
        let again = before.filter(|_| waits || self.random.chance(20));
        let (_, said) = again.unwrap_or_else(|| {
            let count = self.heard.len();
            (number, (MessageId::new(&format!("theirs-{count}")).unwrap(), format!("line {count}")))
        });
        self.heard.push((number, said.clone()));
        self.model.note_heard(number, self.stage.now);
        self.model.hear(number, said.clone());
        self.stage.direct(DirectEvent::Said { number, id: said.0, text: Text::new(&said.1).unwrap() })
    }

    fn say(&mut self) -> Vec<String> {
        let Some(Destination::Direct(peer)) = self.model.open.clone() else { return Vec::new() };
        let text = format!("mine {}", self.steps.len());
        let shown = self.stage.enter(&text);
        if self.stage.now < self.hasty_until {
            self.model.show(format!("! not sent, since it was typed for a chat that did not come about: {text}"));
        } else {
            self.model.say(peer.shown(), self.stage.made_id(), &text, self.stage.now);
        }
        shown
    }

    fn be_confirmed(&mut self) -> Vec<String> {
        let number = self.chat();
        // The first line alone has reached a peer who has not accepted the call.
        let said = self.model.find(number).and_then(|chat| {
            let count = if chat.heard { chat.unconfirmed.len() } else { 1 };
            chat.unconfirmed.get(self.random.below(count as u64) as usize).map(|((id, _), _)| id.clone())
        });
        let id = said.unwrap_or_else(|| MessageId::new("never-said").unwrap());
        self.model.confirm(number, &id, self.stage.now);
        self.stage.direct(DirectEvent::Confirmed { number, id })
    }

    fn be_closed(&mut self) -> Vec<String> {
        let number = self.chat();
        let why = if self.random.chance(50) { "" } else { "broken" };
        self.model.end(number, why);
        self.stage.direct(DirectEvent::Closed { number, why: why.to_owned() })
    }

    fn accept(&mut self) -> Vec<String> {
        let peer = self.peer();
        self.hasty_until = self.stage.now;
        let shown = self.stage.enter(&format!("/accept {}", peer.to_uppercase()));
        let shown = shown.into_iter().map(|line| line.replace(&peer.to_uppercase(), peer)).collect();
        if self.model.is_open(peer) {
            self.model.called.insert(peer);
            self.model.begin(peer);
        } else if self.model.hidden.contains(peer) {
            self.fail(format!("! what {peer} says is hidden"));
        } else {
            // The server lets the next call through.
            self.hasty_until = self.stage.now + limits::HASTY;
            self.compare(shown);
            assert_eq!(self.stage.sending, Some(Request::Permit(user(peer), true)));
            let shown = self.stage.answer(Answer::Done);
            self.model.called.insert(peer);
            self.model.show(format!("* {peer} may call you for direct chats from now on"));
            return shown.into_iter().map(|line| line.replace(&peer.to_uppercase(), peer)).collect();
        }
        shown
    }

    fn pass_time(&mut self) -> Vec<String> {
        let pause = PAUSES[self.random.below(PAUSES.len() as u64) as usize];
        self.stage.wait(pause)
    }

    fn hide_or_write(&mut self) -> Vec<String> {
        let peer = self.peer();
        if self.random.chance(40) {
            self.model.written.insert(peer);
            self.model.show(format!("queued, to {peer}: by way of the server, others 0"));
            return self.stage.enter(&format!("@{peer}: by way of the server"));
        }
        if self.model.hidden.remove(peer) {
            self.model.show(format!("* what {peer} says is shown again"));
        } else {
            self.model.hidden.insert(peer);
            self.model.called.remove(peer);
            self.model.close("", |chat| chat.peer == peer);
            let stays = "it is received and stays in the history";
            self.model.show(format!("* what {peer} says is hidden now; {stays}, and /ignore {peer} shows it again"));
        }
        self.stage.enter(&format!("/ignore {peer}"))
    }

    fn close_or_select(&mut self) -> Vec<String> {
        if self.random.chance(40) {
            let peer = self.peer();
            let is_called =
                self.model.chats.iter().any(|chat| chat.peer == peer && chat.mine && chat.closing.is_none());
            let chosen =
                if is_called { Destination::Direct(user(peer)) } else { Destination::Conversation(target(peer)) };
            self.model.open = Some(chosen);
            return self.stage.handle(AppEvent::Selected(target(peer)));
        }
        let Some(Destination::Direct(peer)) = self.model.open.clone() else {
            self.model.show("! this is no direct chat; /p2p <user> opens one");
            return self.stage.enter("/close");
        };
        self.model.close("", |chat| user(chat.peer) == peer);
        let is_hasty = self.stage.now < self.hasty_until;
        self.stage.enter(if is_hasty || self.random.chance(50) { "/close" } else { " exit " })
    }

    fn list(&mut self) -> Vec<String> {
        if self.random.chance(50) {
            let open = self.model.peers(|chat| chat.accepted && chat.closing.is_none(), "no direct chat is open");
            self.model.show(open);
            return self.stage.enter("/p2p");
        }
        let waiting = |chat: &Chat| !chat.accepted && chat.closing.is_none();
        let waiting = self.model.peers(waiting, "nobody waits for a direct chat");
        self.model.show(waiting);
        self.stage.enter("/accept")
    }

    fn resend(&mut self) -> Vec<String> {
        let lost = std::mem::take(&mut self.model.lost);
        if lost.is_empty() {
            self.model.show("! nothing that was said directly since the start waits for a confirmation");
        }
        let shown = self.stage.enter("/resend");
        for (peer, (id, text)) in lost {
            assert!(self.stage.app.state().outbox().contains(&id), "under its old id");
            self.model.written.insert(peer);
            self.model.show(format!("queued, to {peer}: {text}, others 0"));
        }
        shown
    }
}

#[test]
fn of_direct_chats_everything_is_shown_and_done_as_the_model_does() {
    let mut kept = 0;
    let mut lost = 0;
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        for _ in 0..STEPS {
            life.step();
        }
        let unsure = life.model.unconfirmed();
        let words: Vec<_> = life.stage.app.last_words().iter().map(line).collect();
        let expected = format!("* {unsure} said directly and not confirmed; not kept, and they may not have arrived");
        assert_eq!(words, if unsure > 0 { vec![expected] } else { vec![] }, "seed {seed}");
        kept += life.model.kept.len();
        lost += unsure;
    }
    assert!(kept > 1_000 && lost > 100, "the lives are too easy: {kept} {lost}");
}
