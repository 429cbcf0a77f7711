//! The events from the server: answers to requests, and what a poll brings.

use std::collections::HashSet;

use super::account::Change;
use super::dispatch::Outcome;
use super::rooms::why_refused;
use super::view::{View, answer, damaged, notice, ticks};
use super::{App, Input, Server};
use crate::client::exit::Exit;
use crate::client::link::error::LinkError;
use crate::client::link::request::{Answer, LinkEvent, Request};
use crate::client::p2p::event::Action;
use crate::client::state::Arrival;
use crate::client::state::conversation::Moved;
use crate::client::state::outgoing::Outgoing;
use crate::limits;
use crate::model::{State, Target, Text};
use crate::protocol::{Code, Event, Ko, SessionOpened, Status};
use crate::texts::{Phrase, words};

/// Most events that the client holds back while it joins a room.
const HELD_EVENTS: usize = 10_000;

impl App {
    pub(super) fn handle_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Answered(request, answer) => {
                let was_failing = self.dispatcher.is_failing();
                let outcome = self.dispatcher.note_answer(&mut self.state, request, answer, &self.context);
                if was_failing && !self.dispatcher.is_failing() {
                    // The sender has found the server again: the receiver shall not wait any longer.
                    self.polling.hurry();
                    if self.polling.works {
                        self.note_reachable();
                    }
                }
                self.handle_outcome(outcome);
            }
            LinkEvent::News(text) => self.show(View::Problem(text)),
            LinkEvent::LoggedIn(opened) => self.handle_login(opened),
            LinkEvent::Polled(Ok(events)) => {
                self.note_poll_success();
                self.take_in(events);
            }
            LinkEvent::Polled(Err(ko)) if ko.code == Code::Seq => self.handle_older_store(),
            LinkEvent::Polled(Err(ko)) => self.handle_receiver_failure(&words::ko(&ko), false),
            LinkEvent::ReceiverFailed(LinkError::Away(why)) => self.handle_receiver_failure(&why, false),
            LinkEvent::ReceiverFailed(LinkError::NoneLeads(why)) => self.handle_receiver_failure(&why, true),
            LinkEvent::ReceiverFailed(LinkError::Redirected(_)) => {
                self.forget_presence();
                self.polling.note_end();
            }
            LinkEvent::ReceiverFailed(LinkError::LoggedOut | LinkError::Refused(_))
                if self.password_change != Change::None =>
            {
                self.forget_presence();
                self.polling.note_end();
            }
            LinkEvent::ReceiverFailed(error) => self.stop(&error),
        }
    }

    fn handle_login(&mut self, opened: SessionOpened) {
        let SessionOpened { user, acknowledged, store, device } = opened;
        self.state.note_own_name(user);
        self.polling.note_login(acknowledged);
        self.presence.note_login();
        self.rights.retry();
        self.device_state = device;
        // Events have gone to another program of the user, or the server has forgotten them for this device.
        self.completion.note_login(acknowledged > self.state.position());
        let is_other_store = self.state.note_login(&store, acknowledged);
        let is_forgotten = self.state.note_device(self.setting.device.as_ref().zip(device));
        if is_other_store {
            self.completion.note_other_store();
            self.show(notice(Phrase::OtherStore));
        } else if is_forgotten {
            self.show(notice(Phrase::DeviceForgotten));
        }
    }

    fn handle_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Accepted(message, state) => self.handle_accepted(&message, state),
            Outcome::Failed(message, ko) => self.handle_failed(message, &ko),
            Outcome::Held(message, ko) => {
                self.show(notice(Phrase::Waits { target: &message.to, why: &words::ko(&ko) }));
            }
            Outcome::Answered(question, answer) => {
                self.progress = self.context.now;
                self.handle_answer(question, answer);
            }
            Outcome::Unreachable(why, question) => {
                self.handle_away(&why);
                match &question {
                    Some(Request::Erase(target, _)) => self.handle_erase_unknown(target, &why),
                    question => question.iter().for_each(|question| self.handle_not_asked(question, &why)),
                }
            }
            Outcome::Stopped(error) => self.stop(&error),
            Outcome::Nothing => {}
        }
    }

    fn handle_accepted(&mut self, message: &Outgoing, state: State) {
        self.progress = self.context.now;
        let number = self.state.number_of(&message.to, &message.id);
        let is_erased = number.is_some_and(|number| self.state.is_own_erased(&message.to, number));
        let text = if is_erased { Text::erased() } else { message.text.clone() };
        self.output.views.extend(ticks(None, state, &Outgoing { text, ..message.clone() }, 0));
    }

    fn note_poll_success(&mut self) {
        if self.polling.note_answer() {
            self.note_reachable();
        }
    }

    fn note_reachable(&mut self) {
        self.progress = self.context.now;
        self.dispatcher.hurry();
        self.presence.note_reachable();
        self.catch_up.note_reachable(self.context.now);
        if std::mem::replace(&mut self.server, Server::Reachable) == Server::Away {
            self.show(notice(Phrase::Connected { server: &self.setting.server }));
        }
    }

    /// Reports once that the server is away.
    pub(super) fn handle_away(&mut self, why: &str) {
        self.catch_up.note_away(self.context.now);
        if std::mem::replace(&mut self.server, Server::Away) == Server::Reachable {
            self.show(notice(Phrase::ServerAway { why: &why }));
        }
    }

    /// `of_several`: none of several servers has taken the client.
    fn handle_receiver_failure(&mut self, why: &str, of_several: bool) {
        self.polling.note_failure(&self.context, of_several);
        self.forget_presence();
        self.handle_away(why);
    }

    /// The server never gave the number that the log holds, though its store has the same name: it is an older
    /// copy. The client goes on from the number that the server calls acknowledged.
    fn handle_older_store(&mut self) {
        let store = self.state.store().to_owned();
        self.state.note_position(&store, self.polling.acknowledged);
        self.completion.note_other_store();
        self.show(notice(Phrase::OtherStore));
        self.note_poll_success();
    }

    /// Ends the program: another try would not change anything. A message without a reply stays in the outbox: whether the
    /// server has it is unknown.
    fn stop(&mut self, error: &LinkError) {
        let is_queued = self.setting.unattended && !self.state.outbox().is_empty();
        self.end = Some(match error {
            _ if is_queued => Exit::Queued,
            LinkError::Refused(_) | LinkError::Untrusted(_) => Exit::Refused,
            LinkError::KeyEnded | LinkError::NoDevices => Exit::Refused,
            _ => Exit::Failed,
        });
        self.show(View::Problem(error.to_string()));
    }

    fn handle_failed(&mut self, message: Outgoing, ko: &Ko) {
        self.failures += 1;
        self.progress = self.context.now;
        let why = match &message.to {
            Target::Room(room) => why_refused(room, ko),
            Target::User(_) => words::ko(ko),
        };
        self.show(View::Failed { message, why });
    }

    fn handle_answer(&mut self, question: Request, given: Answer) {
        if let Answer::Refused(_) = &given {
            self.memberships.note_refused(&question);
        }
        match (question, given) {
            (Request::Peer(peer), Answer::Peer(at)) => self.act(Action::Connect { peer, at }),
            (Request::Peer(peer), Answer::Refused(ko)) => self.handle_no_peer(&peer, &ko),
            (Request::Peer(peer), Answer::NoPeer { online }) => self.handle_peer_takes_none(&peer, online),
            (Request::Find(target), Answer::Refused(ko)) => self.handle_found(target, Some(&ko)),
            (Request::Find(target), _) => self.handle_found(target, None),
            (Request::FindRoom(room), Answer::Rooms(rooms)) => self.handle_new_room(room, &rooms),
            (Request::FindRoom(room), _) => self.join(room),
            (Request::Join(room, _), Answer::Joined(chat, last)) => self.handle_joined(room, chat.as_ref(), &last),
            (Request::Join(room, _), Answer::Refused(ko)) => self.handle_not_joined(&why_refused(&room, &ko)),
            (Request::Change(room, change), given) => self.handle_change(room, &change, given),
            (Request::Rights(room), given) => self.note_rights(&room, &given),
            (Request::Topic(room), Answer::Rooms(rooms)) => self.show_topic(&room, rooms.first()),
            (Request::Members(room), Answer::Refused(ko)) => self.problem(why_refused(&room, &ko)),
            (Request::FindSaid(target, user, _), given) => self.handle_said_found(&target, &user, given),
            (Request::Erase(target, message), given) => self.handle_erase(target, &message, given),
            (Request::Leave(room), Answer::Done) => self.handle_left(room),
            (Request::Forget(device), Answer::Done) => self.show(notice(Phrase::Forgotten { device: &device })),
            (Request::Permit(user, permitted), Answer::Done) => self.handle_permit(&user, permitted),
            (Request::Permit(..) | Request::Permits, Answer::Refused(ko)) if ko.code == Code::Syntax => {
                self.problem(Phrase::NoPermits);
            }
            (_, Answer::Permits(permits)) => self.list_permits(&permits),
            (_, Answer::Devices(devices)) => self.list_devices(&devices),
            (Request::Whois(user), Answer::Whois(seen, rooms)) => self.show_user(&user, seen.as_ref(), &rooms),
            (Request::History(target, count), Answer::Refused(ko))
                if matches!(ko.code, Code::NotMember | Code::NoRoom) =>
            {
                self.show_own_rows(&target, count, &ko)
            }
            (Request::Passwd(_, new), Answer::Done) => self.handle_new_password(new),
            (Request::Passwd(..), Answer::Refused(ko)) => self.handle_old_password(Some(&ko)),
            (Request::Email(address), Answer::Done) => self.handle_email(&address),
            (Request::Presence, Answer::Users(users)) => self.handle_presence(&users),
            (Request::Presence, _) => {}
            (_, Answer::Users(users)) => {
                let now = self.context.at;
                self.output.views.extend(users.iter().map(|user| Self::view_of_user(user, now)));
            }
            (Request::Status(Target::Room(room), _), Answer::Statuses(list)) => self.show_readers(&room, &list),
            (_, Answer::Statuses(list)) => {
                let line = |status: &Status| answer(format_args!("{}: {}", status.user, words::state(status.state)));
                self.show_all(list.iter().map(line), Phrase::NobodyWaitedFor);
            }
            (Request::History(target, count), Answer::Rows(rows)) => self.show_records(&target, count, rows),
            // It was asked of another store.
            (Request::Compare | Request::Fetch(..), _) if !self.completion.is_asked() => {}
            // Without a session the answer may be of another store than the one that is noted.
            (Request::Compare | Request::Fetch(..), _) if !self.polling.works => {
                self.completion.retry_later(self.context.now);
            }
            (Request::Compare, Answer::Chats(chats)) => self.compare(&chats),
            (Request::Fetch(..), Answer::Rows(page)) => self.complete(&page),
            (Request::Fill(gap), Answer::Rows(page)) => self.fill(&gap, &page),
            (Request::Compare | Request::Fetch(..), Answer::Refused(ko)) if ko.code.is_temporary() => {
                self.completion.retry_later(self.context.now);
            }
            (Request::Compare | Request::Fetch(..), _) => self.skip_missing(),
            (Request::Lobby, Answer::Chats(chats)) => self.handle_lobby(Some(&chats)),
            (_, Answer::Chats(chats)) => self.list_unread(&chats),
            (_, Answer::Rooms(rooms)) => self.list_rooms(&rooms),
            (_, Answer::Sessions(open)) => {
                let views: Vec<_> = open.iter().map(|session| self.view_of_session(session)).collect();
                self.output.views.extend(views);
            }
            (Request::LogOut(_), Answer::Done) => self.show(notice(Phrase::SessionsClosed)),
            (_, Answer::Refused(ko)) => self.problem(words::ko(&ko)),
            (_, Answer::Done | Answer::Accepted(_) | Answer::Rows(_) | Answer::Joined(..)) => {}
            (_, Answer::Peer(_) | Answer::NoPeer { .. } | Answer::Whois(..)) => {}
        }
    }

    /// There was no server to ask.
    pub(super) fn handle_not_asked(&mut self, question: &Request, why: &str) {
        self.memberships.note_refused(question);
        match question {
            Request::Lobby => self.handle_lobby(None),
            Request::Compare | Request::Fetch(..) => self.completion.retry_later(self.context.now),
            Request::Presence => self.presence.retry(),
            Request::Rights(_) => self.rights.retry(),
            Request::Find(target) => self.handle_found(target.clone(), None),
            Request::Join(..) | Request::FindRoom(_) => {
                self.handle_not_joined(&Phrase::NotAsked { why: &why }.to_string())
            }
            Request::Change(room, change) => {
                self.fail_change(room, change, &Phrase::NotAsked { why: &why }.to_string());
            }
            Request::Peer(peer) => self.handle_unreachable(peer, why),
            Request::FindSaid(..) | Request::Erase(..) => {
                self.handle_not_erased(&Phrase::NotAsked { why: &why }.to_string())
            }
            Request::Passwd(..) => {
                self.handle_old_password(None);
                self.problem(Phrase::NotAsked { why: &why });
            }
            _ => self.show(View::Problem(Phrase::NotAsked { why: &why }.to_string())),
        }
    }

    /// Takes in what a poll brought. Arrivals are shown as soon as no room is being joined.
    fn take_in(&mut self, events: Vec<Event>) {
        for event in &events {
            if let Event::Peer { user, proof } = event {
                self.announce(user.clone(), proof);
            }
        }
        let count = events.len();
        let with_erased = events.iter().filter_map(|event| match event {
            Event::Erased { target, .. } => Some(target.clone()),
            _ => None,
        });
        let with_erased: HashSet<_> = with_erased.collect();
        let arrivals = self.state.take_in(events);
        let tells_of_missing = |arrival: &Arrival| match arrival {
            Arrival::Message(message) | Arrival::Own(message) => {
                self.state.wants_comparison(&self.state.target_of(message))
            }
            Arrival::Gap(_) => true,
            _ => false,
        };
        if arrivals.iter().any(tells_of_missing) || with_erased.iter().any(|target| self.may_lack_erasures(target)) {
            self.completion.want();
        }
        arrivals.iter().for_each(|arrival| self.note_presence(arrival));
        self.held.extend(arrivals);
        if count < limits::POLL_EVENTS {
            self.completion.note_caught_up();
            self.catch_up.note_caught_up();
        }
    }

    /// Checks that an event has told of a message that may be here with its text later, or is already. A page of HISTORY
    /// that was read before may be on the way, also the first one of a conversation.
    fn may_lack_erasures(&self, target: &Target) -> bool {
        let is_on_its_way = !self.state.knows(target) && self.state.has_room_for(target);
        is_on_its_way || self.state.lacks_erasures(target)
    }

    /// Shows what has arrived, but while a room is being joined: the messages from before are shown first.
    pub(super) fn release_arrivals(&mut self) {
        if matches!(self.input, Input::Joining) && !self.holds_too_much() {
            return;
        }
        for arrival in std::mem::take(&mut self.held) {
            self.handle_arrival(arrival);
        }
    }

    fn holds_too_much(&self) -> bool {
        let bytes = |arrival: &Arrival| match arrival {
            Arrival::Message(message) | Arrival::Own(message) => message.text.as_str().len(),
            _ => 0,
        };
        self.held.len() > HELD_EVENTS || self.held.iter().map(bytes).sum::<usize>() > limits::HELD_BYTES
    }

    fn handle_arrival(&mut self, arrival: Arrival) {
        if arrival.user().is_some_and(|user| self.state.is_ignored(user)) {
            return;
        }
        match arrival {
            Arrival::Message(message) => self.show_message(self.state.as_known(message)),
            Arrival::Accepted(message, state) => self.handle_accepted(&message, state),
            Arrival::Own(message) => self.show_own(self.state.as_known(message)),
            Arrival::Unkept(target) => self.report_unkept(&target),
            Arrival::Moved(state, moved) => self.handle_moved(state, &moved),
            Arrival::Online(user) => self.handle_online(&user),
            Arrival::Offline(user) => self.handle_offline(&user),
            Arrival::Joined(room, user) if user == *self.state.me() => self.handle_joined_elsewhere(&room),
            Arrival::Parted(room, user) if user == *self.state.me() => self.handle_left_elsewhere(room),
            Arrival::Joined(room, user) => {
                self.show_news(Phrase::JoinedRoom { user: &user, room: &room });
                self.presence.note_joiner(user);
            }
            Arrival::Parted(room, user) => self.show_news(Phrase::LeftRoom { user: &user, room: &room }),
            Arrival::Changed(room, rights) => self.handle_changed(room, rights),
            Arrival::Invited(room, user) => self.handle_invited(&room, &user),
            // The next comparison fetches the messages, or reports the gap.
            Arrival::Gap(_) => {}
            Arrival::Erased(rows, from, at) => self.report_erased(&rows, &from, at),
            Arrival::Damaged(target, first, last) => self.show(damaged(&target, first, last)),
            Arrival::Call(user) => self.report_call(&user),
            Arrival::Notice(text) => self.show(notice(Phrase::Announcement { text: &text })),
        }
    }

    pub(super) fn handle_moved(&mut self, state: State, moved: &Moved) {
        let last = &moved.last;
        // A note to oneself was seen when it was written; it is not shown as a received message.
        if self.setting.receipts && last.to == Target::User(last.from.clone()) {
            self.dispatcher.add_read(last.to.clone(), last.seq);
        }
        // An event of the same poll may have taken it back.
        let known = self.state.as_known(last.clone());
        self.output.views.extend(ticks(Some(moved.from), state, &Outgoing::of(&known), moved.others));
    }
}
