//! What the app makes of the news that the sender and the receiver bring.

use std::time::{Duration, Instant};

use super::agenda::Ask;
use super::app::App;
use super::conversation::Moved;
use super::error::{LinkError, Stop};
use super::event::Answer;
use super::exit::Exit;
use super::history::Arrival;
use super::outbox::Waiting;
use super::texts::{Phrase, words};
use super::view::{Tick, View, answer, notice};
use crate::model::{State, Target, Text};
use crate::protocol::{Code, Ko};

impl App {
    pub(super) fn up(&mut self) -> Vec<View> {
        self.progress = Instant::now();
        self.agenda.hurry();
        // Who came and went meanwhile was not told.
        self.joiners.clear();
        let mut views = self.find_lobby();
        if std::mem::take(&mut self.away) {
            views.push(notice(Phrase::Connected { server: &self.setting.server }));
        }
        views
    }

    /// Says once that the server is away.
    pub fn down(&mut self, why: &str) -> Vec<View> {
        if std::mem::replace(&mut self.away, true) {
            return Vec::new();
        }
        vec![notice(Phrase::ServerAway { why: &why })]
    }

    /// The server is away and will not be tried: all that comes is queued.
    pub fn offline(&mut self, why: &str) -> Vec<View> {
        self.patience = Duration::ZERO;
        self.down(why)
    }

    pub(super) fn arrived(&mut self, arrival: Arrival) -> Vec<View> {
        if arrival.user().is_some_and(|user| self.home.history.lock().is_ignored(user)) {
            return Vec::new();
        }
        match arrival {
            Arrival::Message(message) => vec![self.incoming(message)],
            Arrival::Moved(state, moved) => self.moved(state, &moved),
            // Who has just joined is there: that is not said twice.
            Arrival::Online(user) if self.joiners.remove(&user) => Vec::new(),
            Arrival::Online(user) => vec![notice(Phrase::ComesOnline { user: &user })],
            Arrival::Offline(user) => {
                self.joiners.remove(&user);
                vec![notice(Phrase::GoesOffline { user: &user })]
            }
            Arrival::Joined(room, user) => {
                let view = notice(Phrase::JoinedRoom { user: &user, room: &room });
                self.note_joiner(user);
                vec![view]
            }
            Arrival::Parted(room, user) => vec![notice(Phrase::LeftRoom { user: &user, room: &room })],
            Arrival::CaughtUp(room, count) => vec![notice(Phrase::CaughtUp { count: &count, room: &room })],
            Arrival::Gap(gap) => vec![notice(Phrase::Gap { most: &gap.most(), room: &gap.room })],
        }
    }

    fn moved(&mut self, state: State, moved: &Moved) -> Vec<View> {
        // Where the answer to SEND was not told yet, its tick is due here, and not afterwards.
        let told = self.underway.get_mut(&moved.last.id).map(|told| std::mem::replace(told, true));
        let from = if told == Some(false) { Tick::Queued } else { moved.from.into() };
        let (to, text, others) = (&moved.last.to, &moved.last.text, moved.others);
        // What I wrote to myself I have seen; it does not come as somebody's message.
        if self.setting.receipts && *to == Target::User(moved.last.from.clone()) {
            self.agenda.read(to.clone(), moved.last.seq);
        }
        ticks(from, state, to, text, others)
    }

    pub(super) fn accepted(&mut self, message: &Waiting, state: State) -> Vec<View> {
        let told = self.settled(message);
        if told { Vec::new() } else { ticks(Tick::Queued, state, &message.to, &message.text, 0) }
    }

    /// A message has found its way, or its end. Says whether its ticks are on the screen already.
    fn settled(&mut self, message: &Waiting) -> bool {
        self.progress = Instant::now();
        self.underway.remove(&message.id).unwrap_or(false)
    }

    pub(super) fn failed(&mut self, message: Waiting, ko: Ko) -> Vec<View> {
        self.failures += 1;
        self.settled(&message);
        let why = match (ko.code, &message.to) {
            (Code::NotMember, Target::Room(room)) => Phrase::JoinFirst { room }.to_string(),
            (Code::NoRoom, Target::Room(room)) => Phrase::JoinMakes { room }.to_string(),
            _ => words::ko(&ko),
        };
        vec![View::Failed { to: message.to, text: message.text.to_string(), why }]
    }

    pub(super) fn answered(&mut self, given: Answer) -> Vec<View> {
        self.asked = self.asked.saturating_sub(1);
        self.progress = Instant::now();
        match given {
            Answer::Users(users) => users.iter().map(|user| View::Answer(user.to_string())).collect(),
            Answer::Statuses(list) if list.is_empty() => vec![answer(Phrase::NobodyWaitedFor)],
            Answer::Statuses(list) => {
                list.iter().map(|(user, state)| View::Answer(format!("{user}: {}", words::state(*state)))).collect()
            }
            Answer::Rows(rows) if rows.is_empty() => vec![answer(Phrase::NothingThere)],
            Answer::Rows(rows) => rows.into_iter().map(|record| View::Row(self.row(record))).collect(),
            Answer::Peer(peer, address, token) => self.dial(peer, address, token),
            Answer::NoPeer(peer, ko) => self.not_called(&peer, &ko),
            Answer::Lobby(member) => self.found_lobby(Some(member)),
            Answer::Joined(room, last) => self.joined(room, last),
            Answer::NotJoined(ko) => self.not_joined(&words::ko(&ko)),
            Answer::Left(room) => self.left(room),
            Answer::Chats(chats) => self.list_unread(&chats),
            Answer::Whois(user, seen, rooms) => self.who_is(&user, seen.as_ref(), &rooms),
            Answer::Rooms(rooms) => Self::list_rooms(&rooms),
            Answer::Outside(target, count, ko) => self.look_back_here(&target, count, &ko),
            Answer::Refused(ko) => vec![self.problem(words::ko(&ko))],
            Answer::NotAsked(Ask::Lobby, _) => self.found_lobby(None),
            Answer::NotAsked(Ask::Join(..), why) => self.not_joined(&Phrase::NotAsked { why: &why }.to_string()),
            Answer::NotAsked(Ask::Peer(peer), why) => self.not_reached(&peer, &why),
            Answer::NotAsked(_, why) => vec![View::Problem(Phrase::NotAsked { why: &why }.to_string())],
        }
    }

    pub(super) fn ended(&mut self, stop: &Stop) -> Vec<View> {
        let refused = matches!(stop, Stop::Link(LinkError::Refused(_)));
        self.end = Some(if refused { Exit::Refused } else { Exit::Failed });
        vec![View::Problem(stop.to_string())]
    }
}

fn ticks(from: Tick, state: State, to: &Target, text: &Text, others: usize) -> Vec<View> {
    let view = |tick| View::Tick { tick, to: to.clone(), text: text.to_string(), others };
    from.steps_to(state.into()).map(view).collect()
}
