//! The events from the server: answers to requests, and what a poll brings.

use super::dispatch::Outcome;
use super::view::{View, answer, notice, ticks};
use super::{App, Input, Server};
use crate::client::exit::Exit;
use crate::client::link::error::LinkError;
use crate::client::link::request::{Answer, Request};
use crate::client::link::{LinkEvent, Polled};
use crate::client::state::Arrival;
use crate::client::state::conversation::Moved;
use crate::client::state::outbox::Outgoing;
use crate::client::texts::{Phrase, words};
use crate::limits;
use crate::model::{State, Target};
use crate::protocol::{Code, Event, Ko, SessionOpened};

impl App {
    pub(super) fn handle_link(&mut self, event: LinkEvent) -> Vec<View> {
        match event {
            LinkEvent::Answered(request, answer) => {
                let was_failing = self.dispatcher.is_failing();
                let outcome = self.dispatcher.note_answer(&mut self.state, request, answer, &self.moment);
                let mut views = Vec::new();
                if was_failing && !self.dispatcher.is_failing() {
                    views.extend(self.note_sender_success());
                }
                views.extend(self.handle_outcome(outcome));
                views
            }
            LinkEvent::LoggedIn(SessionOpened { acknowledged, store, .. }) => {
                self.polling.note_login(acknowledged);
                let another = self.state.note_login(&store, acknowledged);
                if another { vec![notice(Phrase::OtherStore)] } else { Vec::new() }
            }
            LinkEvent::Polled(Ok(polled)) => {
                let mut views = self.note_poll_success();
                views.extend(self.take_in(polled));
                views
            }
            LinkEvent::Polled(Err(ko)) if ko.code == Code::Seq => self.handle_older_store(),
            LinkEvent::Polled(Err(ko)) => self.handle_receiver_failure(&words::ko(&ko)),
            LinkEvent::ReceiverFailed(LinkError::Away(why)) => self.handle_receiver_failure(&why),
            LinkEvent::ReceiverFailed(error) => self.stop(&error),
        }
    }

    fn handle_outcome(&mut self, outcome: Outcome) -> Vec<View> {
        match outcome {
            Outcome::Accepted(message, state) => {
                self.progress = self.moment.now;
                ticks(None, state, &message.to, &message.text, 0)
            }
            Outcome::Failed(message, ko) => self.handle_failed(message, &ko),
            Outcome::Held(message, ko) => {
                vec![notice(Phrase::Waits { target: &message.to, why: &words::ko(&ko) })]
            }
            Outcome::Answered(question, answer) => {
                self.progress = self.moment.now;
                self.handle_answer(question, answer)
            }
            Outcome::Unreachable(why, question) => {
                let mut views = self.handle_away(&why);
                views.extend(question.iter().flat_map(|question| self.handle_not_asked(question, &why)));
                views
            }
            Outcome::Stopped(error) => self.stop(&error),
            Outcome::Nothing => Vec::new(),
        }
    }

    /// The sender has found the server again: the receiver shall not wait any longer.
    fn note_sender_success(&mut self) -> Vec<View> {
        self.polling.hurry();
        if self.polling.works { self.note_reachable() } else { Vec::new() }
    }

    fn note_poll_success(&mut self) -> Vec<View> {
        if self.polling.note_answer() { self.note_reachable() } else { Vec::new() }
    }

    fn note_reachable(&mut self) -> Vec<View> {
        self.progress = self.moment.now;
        self.dispatcher.hurry();
        // Presence was not reported meanwhile.
        self.joiners.clear();
        match std::mem::replace(&mut self.server, Server::Reachable) {
            Server::Reachable => Vec::new(),
            Server::Away => vec![notice(Phrase::Connected { server: &self.setting.server })],
        }
    }

    /// Reports once that the server is away.
    pub(super) fn handle_away(&mut self, why: &str) -> Vec<View> {
        match std::mem::replace(&mut self.server, Server::Away) {
            Server::Reachable => vec![notice(Phrase::ServerAway { why: &why })],
            Server::Away => Vec::new(),
        }
    }

    fn handle_receiver_failure(&mut self, why: &str) -> Vec<View> {
        self.polling.note_failure(&self.moment);
        self.handle_away(why)
    }

    /// The server never gave the number that the log holds, though its store has the same name: it is an older
    /// copy. The client goes on from the number that the server calls acknowledged.
    fn handle_older_store(&mut self) -> Vec<View> {
        let store = self.state.store().to_owned();
        self.state.note_position(&store, self.polling.acknowledged);
        let mut views = vec![notice(Phrase::OtherStore)];
        views.extend(self.note_poll_success());
        views
    }

    /// Ends the program: another try would not change anything.
    fn stop(&mut self, error: &LinkError) -> Vec<View> {
        let refused = matches!(error, LinkError::Refused(_));
        self.end = Some(if refused { Exit::Refused } else { Exit::Failed });
        vec![View::Problem(error.to_string())]
    }

    fn handle_failed(&mut self, message: Outgoing, ko: &Ko) -> Vec<View> {
        self.failures += 1;
        self.progress = self.moment.now;
        let why = match (ko.code, &message.to) {
            (Code::NotMember, Target::Room(room)) => Phrase::JoinFirst { room }.to_string(),
            (Code::NoRoom, Target::Room(room)) => Phrase::JoinMakes { room }.to_string(),
            _ => words::ko(ko),
        };
        vec![View::Failed { to: message.to, text: message.text.to_string(), why }]
    }

    fn handle_answer(&mut self, question: Request, given: Answer) -> Vec<View> {
        match (question, given) {
            (Request::Peer(peer), Answer::Peer(address)) => self.connect(peer, address),
            (Request::Peer(peer), Answer::Refused(ko)) => self.handle_no_peer(&peer, &ko),
            (Request::Join(room, _), Answer::Rows(last)) => self.handle_joined(room, last),
            (Request::Join(..), Answer::Refused(ko)) => self.handle_not_joined(&words::ko(&ko)),
            (Request::Leave(room), Answer::Done) => self.handle_left(room),
            (Request::Whois(user), Answer::Whois(seen, rooms)) => self.show_user(&user, seen.as_ref(), &rooms),
            (Request::History(target, count), Answer::Refused(ko)) if ko.code == Code::NotMember => {
                self.show_own_rows(&target, count, &ko)
            }
            (_, Answer::Users(users)) => users.iter().map(Self::view_of_user).collect(),
            (_, Answer::Statuses(list)) if list.is_empty() => vec![answer(Phrase::NobodyWaitedFor)],
            (_, Answer::Statuses(list)) => {
                let line =
                    |status: &crate::protocol::Status| format!("{}: {}", status.user, words::state(status.state));
                list.iter().map(|status| View::Answer(line(status))).collect()
            }
            (_, Answer::Rows(rows)) if rows.is_empty() => vec![answer(Phrase::NothingThere)],
            (_, Answer::Rows(rows)) => rows.into_iter().map(|record| View::Row(self.row_of(record))).collect(),
            (Request::Lobby, Answer::Chats(chats)) => self.handle_lobby(Some(&chats)),
            (_, Answer::Chats(chats)) => self.list_unread(&chats),
            (_, Answer::Rooms(rooms)) => Self::list_rooms(&rooms),
            (_, Answer::Refused(ko)) => vec![self.problem(words::ko(&ko))],
            (_, Answer::Done | Answer::Accepted(_) | Answer::Peer(_) | Answer::Whois(..)) => Vec::new(),
        }
    }

    /// There was no server to ask.
    pub(super) fn handle_not_asked(&mut self, question: &Request, why: &str) -> Vec<View> {
        match question {
            Request::Lobby => self.handle_lobby(None),
            Request::Join(..) => self.handle_not_joined(&Phrase::NotAsked { why: &why }.to_string()),
            Request::Peer(peer) => self.handle_unreachable(peer, why),
            _ => vec![View::Problem(Phrase::NotAsked { why: &why }.to_string())],
        }
    }

    /// Takes in what a poll brought. Arrivals are shown as soon as no room is being joined.
    fn take_in(&mut self, polled: Polled) -> Vec<View> {
        let mut views = Vec::new();
        for event in &polled.events {
            if let Event::Peer { user, token } = event {
                views.extend(self.announce(user.clone(), token));
            }
        }
        self.held.extend(self.state.take_in(polled.events, polled.fetched));
        views
    }

    /// Shows what has arrived, but while a room is being joined: the messages from before are shown first.
    pub(super) fn release_arrivals(&mut self) -> Vec<View> {
        if matches!(self.input, Input::Joining) && self.held.len() <= limits::HELD_EVENTS {
            return Vec::new();
        }
        let held = std::mem::take(&mut self.held);
        held.into_iter().flat_map(|arrival| self.handle_arrival(arrival)).collect()
    }

    fn handle_arrival(&mut self, arrival: Arrival) -> Vec<View> {
        if arrival.user().is_some_and(|user| self.state.is_ignored(user)) {
            return Vec::new();
        }
        vec![match arrival {
            Arrival::Message(message) => self.view_of(message),
            Arrival::Moved(state, moved) => return self.handle_moved(state, &moved),
            // A user who has just joined is online: that is not said twice.
            Arrival::Online(user) if self.joiners.remove(&user) => return Vec::new(),
            Arrival::Online(user) => notice(Phrase::ComesOnline { user: &user }),
            Arrival::Offline(user) => {
                self.joiners.remove(&user);
                notice(Phrase::GoesOffline { user: &user })
            }
            Arrival::Joined(room, user) => {
                let view = notice(Phrase::JoinedRoom { user: &user, room: &room });
                self.note_joiner(user);
                view
            }
            Arrival::Parted(room, user) => notice(Phrase::LeftRoom { user: &user, room: &room }),
            Arrival::CaughtUp(room, count) => notice(Phrase::CaughtUp { count: &count, room: &room }),
            Arrival::Gap(gap) => notice(Phrase::Gap { max: &gap.max_messages(), room: &gap.room }),
        }]
    }

    fn handle_moved(&mut self, state: State, moved: &Moved) -> Vec<View> {
        let last = &moved.last;
        // A note to oneself was seen when it was written; it is not shown as a received message.
        if self.setting.receipts && last.to == Target::User(last.from.clone()) {
            self.dispatcher.add_read(last.to.clone(), last.seq);
        }
        ticks(Some(moved.from), state, &last.to, &last.text, moved.others)
    }
}
