//! Starts the requests of a connection: what the state machine is asked for each of them (protocol, sections 5 and 6).

use super::Router;
use super::dispatch::EncodedEvents;
use super::end::Fatal;
use super::history_reader::{Done, HistoryResult, Lookup};
use super::session::Step;
use crate::model::{DeviceKey, Fingerprint, Proof, Token, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Event, Ko, Port, RecvRequest, Reply, SendRequest};
use crate::server::connections::request::{Received, Request};
use crate::state_machine::{
    AccountNumber, Command, ConnectionId, ConversationId, Cost, DeviceNumber, LastOfPeer, SessionKey, Sought,
};

impl Router {
    /// Takes a request from a reader thread: it is started at once, or when its turn comes.
    pub(crate) fn enqueue(&mut self, id: ConnectionId, received: Received) -> Result<(), Fatal> {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.close.is_none()) else { return Ok(()) };
        if !session.may_start() || !session.pending.is_empty() {
            session.pending.push_back(received);
            return Ok(());
        }
        self.start(id, received)
    }

    /// Starts the requests of a connection whose turn has come.
    pub(crate) fn start_pending(&mut self, id: ConnectionId) -> Result<(), Fatal> {
        while let Some(session) = self.sessions.get_mut(&id)
            && session.may_start()
            && let Some(received) = session.pending.pop_front()
        {
            self.start(id, received)?;
        }
        Ok(())
    }

    fn start(&mut self, id: ConnectionId, received: Received) -> Result<(), Fatal> {
        let is_refused = !self.admit(id, &received);
        let request = received.request;
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        let Some(user) = session.user().cloned() else { return Ok(()) };
        let client_is_done = session.close.is_some() && session.connection.port == Port::Recv;
        session.started += 1;
        // Only these have small replies that come at once: they may be pipelined.
        session.exclusive = !matches!(
            request,
            Request::Send(SendRequest::Send { .. } | SendRequest::Ping) | Request::Recv(RecvRequest::Ping)
        );
        let step = match request {
            _ if is_refused => Step::Answer(Code::Rate.into()),
            Request::Send(request) => self.send_step(id, user, request),
            Request::Recv(request) => self.recv_step(id, request),
            Request::Quit => Step::Answer(Reply::Done),
            Request::Invalid(error) => Step::Answer(Reply::Ko(Ko::new(Code::Syntax, error))),
        };
        match step {
            Step::Execute(command) => {
                self.execute(id, command)?;
                if client_is_done {
                    // A poll that was pipelined before the end of the input does not wait.
                    self.execute(id, Command::HungUp)?;
                }
            }
            Step::Answer(reply) => self.answer_in_order(id, reply),
            Step::Wait => {}
        }
        Ok(())
    }

    /// Charges the user for a request (protocol, section 4). `false`: the user is above the rate, and gets RATE. Two
    /// requests go on all the same: a retry, which must not be called undone, and a poll, which is held back. In any
    /// case the reader pauses, so that a client that goes on costs little.
    fn admit(&mut self, id: ConnectionId, received: &Received) -> bool {
        let Some(session) = self.sessions.get(&id) else { return true };
        let Some(account) = session.account else { return true };
        let cost = Cost { tokens: received.request.tokens(), bytes: received.bytes };
        let elapsed = self.elapsed();
        if self.group_commit.charge(account, cost, elapsed) {
            return true;
        }
        session.connection.slow_down();
        let is_exempt = match &received.request {
            Request::Send(SendRequest::Send { id, .. }) => self.group_commit.state().find_sent(account, id).is_some(),
            Request::Recv(RecvRequest::Poll { .. }) | Request::Quit => true,
            _ => false,
        };
        if is_exempt {
            self.group_commit.charge_in_any_case(account, cost, elapsed);
        }
        is_exempt
    }

    /// Decides what a request of the SEND port needs (protocol, section 5).
    fn send_step(&mut self, id: ConnectionId, user: UserName, request: SendRequest) -> Step {
        Step::Execute(match request {
            SendRequest::Send { id, to, text } => Command::Send { user, id, to, text },
            SendRequest::Read { target, seq } => {
                self.set_lookup(id, Lookup::LastOfPeer { target: target.clone(), seq });
                Command::Read { user, target, seq, last_of_peer: LastOfPeer::NotLookedUp }
            }
            SendRequest::Status { target, seq, page } => {
                self.set_lookup(id, Lookup::Status(seq));
                Command::Status { user, target, seq, page }
            }
            SendRequest::History { target, limit, before } => {
                self.set_lookup(id, Lookup::History { target: target.clone(), limit, before });
                Command::Excerpt { user, target, limit, before }
            }
            SendRequest::Erase { target, seq } => {
                self.set_lookup(id, Lookup::Erase { target: target.clone(), seq });
                Command::Erase { user, target, seq, sought: Sought::NotLookedUp }
            }
            SendRequest::Chats { page, target } => Command::Chats { user, page, target },
            SendRequest::Users { page } => Command::Users { page },
            SendRequest::Join { room } => Command::Join { user, room },
            SendRequest::Leave { room } => Command::Leave { user, room },
            SendRequest::Room { room, kind } => Command::RoomKind { user, room, kind },
            SendRequest::Topic { room, topic } => Command::Topic { user, room, topic },
            SendRequest::Invite { room, user: guest } => Command::Invite { user, room, guest },
            SendRequest::Kick { room, user: other } => Command::Kick { user, room, other },
            SendRequest::Owner { room, user: other } => Command::Owner { user, room, other },
            SendRequest::Rooms { page } => Command::Rooms { user, page },
            SendRequest::Members { room, page } => Command::Members { user, room, page },
            SendRequest::Sessions => return Step::Answer(Reply::Sessions(self.list_sessions(id, &user))),
            SendRequest::Devices => Command::Devices { user },
            SendRequest::Servers => return Step::Answer(Reply::Servers(self.shared.servers.lock().list())),
            SendRequest::Logout { which } => return self.log_out(id, user, which),
            SendRequest::Email { address } => Command::SetEmail { user, email: address },
            SendRequest::Peer { user: callee, fingerprint } => return self.introduction(id, user, callee, fingerprint),
            SendRequest::Permit { user: caller, permitted } => Command::Permit { user, caller, permitted },
            SendRequest::Permits => Command::Permits { user },
            SendRequest::Passwd { old, new } => return self.change_password(id, &user, old.into_bytes(), &new),
            SendRequest::Ping | SendRequest::Quit => return Step::Answer(Reply::Done),
            SendRequest::Help => return Step::Answer(Reply::Help),
        })
    }

    /// Decides what a request of the RECV port needs (protocol, section 6).
    fn recv_step(&mut self, id: ConnectionId, request: RecvRequest) -> Step {
        let longest = self.shared.max_poll_seconds();
        match request {
            RecvRequest::Poll { wait: Some(wait), .. } if wait > longest => {
                let why = format!("a poll waits at most {longest} seconds here");
                Step::Answer(Reply::Ko(Ko::new(Code::Syntax, why)))
            }
            RecvRequest::Poll { after, wait, max } => Step::Execute(Command::Poll { after, wait, max }),
            RecvRequest::Port { port, fingerprint } => Step::Execute(Command::Port { port, fingerprint }),
            RecvRequest::Key => match DeviceKey::random() {
                Ok(key) => Step::Execute(Command::Key { key }),
                Err(error) => self.close_without_random_numbers(id, &error),
            },
            RecvRequest::Ping | RecvRequest::Quit => Step::Answer(Reply::Done),
        }
    }

    fn set_lookup(&mut self, id: ConnectionId, lookup: Lookup) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.lookup = Some(Box::new(lookup));
        }
    }

    /// `PEER`: makes the token that caller and callee are told.
    fn introduction(
        &mut self,
        id: ConnectionId,
        user: UserName,
        callee: RequestedTarget,
        fingerprint: Option<Fingerprint>,
    ) -> Step {
        match Token::random() {
            Ok(token) => Step::Execute(Command::Peer { user, callee, proof: Proof { token, fingerprint } }),
            Err(error) => self.close_without_random_numbers(id, &error),
        }
    }

    fn close_without_random_numbers(&mut self, id: ConnectionId, error: &dyn std::fmt::Display) -> Step {
        log::error!("the system gives no random numbers: {error}");
        self.close_now(id, Code::Internal.into());
        Step::Wait
    }

    /// Charges the user for what a history thread has read, and goes on with the request that it was for.
    pub(crate) fn handle_history(&mut self, done: Done) -> Result<(), Fatal> {
        let Done { connection: id, user, cost, conversation, lookup, rewritings, result } = done;
        self.group_commit.charge_in_any_case(user, cost, self.elapsed());
        // The user may have been put out of the room since the request.
        if let Some(ConversationId::Room(room)) = conversation
            && !self.group_commit.state().room(room).has_member(user)
        {
            let is_visible = self.group_commit.state().is_visible(room, user);
            let code = if is_visible { Code::NotMember } else { Code::NoRoom };
            self.write_reply(id, &Reply::Ko(code.into()));
            return Ok(());
        }
        // What was read then may have texts that were taken back, and no entry says so any more.
        let is_outdated = rewritings != self.group_commit.state().rewritings();
        match result {
            HistoryResult::Records { .. } | HistoryResult::Sought { .. } if is_outdated => {
                return self.look_up_again(id, lookup);
            }
            HistoryResult::Events { events, .. } if is_outdated => self.read_again(id, user, events),
            HistoryResult::Events { events, bytes } => self.answer_poll(id, user, events, &bytes),
            HistoryResult::Reply(bytes) => self.answer(id, |out| out.extend_from_slice(&bytes)),
            HistoryResult::Refused(ko) => self.write_reply(id, &Reply::Ko(ko)),
            HistoryResult::Failed => self.close_now(id, Code::Internal.into()),
            // The device loses its number when the checkpoint that has removed the message is finished: by the review after it,
            // or by its next login.
            HistoryResult::Removed => self.close_now(id, Code::Timeout.into()),
            HistoryResult::Records { target, records } => {
                if let Some(user) = self.sessions.get(&id).and_then(|session| session.user().cloned()) {
                    return self.execute(id, Command::SetStates { user, target, records });
                }
            }
            HistoryResult::Sought { target, seq, sought } => {
                if let Some(user) = self.sessions.get(&id).and_then(|session| session.user().cloned()) {
                    return self.execute(id, Command::Erase { user, target, seq, sought });
                }
            }
            HistoryResult::LastOfPeer { target, seq, found } => {
                if let Some(user) = self.sessions.get(&id).and_then(|session| session.user().cloned()) {
                    let last_of_peer = LastOfPeer::Found(found);
                    return self.execute(id, Command::Read { user, target, seq, last_of_peer });
                }
            }
        }
        Ok(())
    }

    /// Answers a poll with the events that were read for it, as far as they are still for the user, and without the texts
    /// that were taken back meanwhile.
    fn answer_poll(&mut self, id: ConnectionId, user: AccountNumber, events: Vec<Event>, bytes: &[u8]) {
        let state = self.group_commit.state();
        let receives = |event: &Event| state.still_receives(user, event);
        let is_erased = |event: &Event| matches!(event, Event::Message(message) if state.is_erased(message));
        if events.iter().all(|event| receives(event) && !is_erased(event)) {
            return self.answer(id, |out| out.extend_from_slice(bytes));
        }
        let events = events.into_iter().filter(receives).map(|event| state.without_erased_text(event)).collect();
        self.write_reply(id, &Reply::Events(events));
    }

    /// Reads the events of a poll again.
    fn read_again(&mut self, id: ConnectionId, user: AccountNumber, events: Vec<Event>) {
        let state = self.group_commit.state();
        let events = events.into_iter().filter(|event| state.still_receives(user, event)).collect();
        let delivery = state.collect_again(SessionKey { user, device: DeviceNumber::NAMELESS }, events);
        self.deliver(id, delivery, &mut EncodedEvents::default());
    }

    /// Begins a lookup again.
    fn look_up_again(&mut self, id: ConnectionId, lookup: Option<Lookup>) -> Result<(), Fatal> {
        let Some(session) = self.sessions.get(&id) else { return Ok(()) };
        let Some((user, lookup)) = session.user().cloned().zip(lookup) else { return Ok(()) };
        self.set_lookup(id, lookup.clone());
        let command = match lookup {
            Lookup::History { target, limit, before } => Command::Excerpt { user, target, limit, before },
            Lookup::Erase { target, seq } => Command::Erase { user, target, seq, sought: Sought::NotLookedUp },
            // Their replies have no text.
            Lookup::Status(_) | Lookup::LastOfPeer { .. } => return Ok(()),
        };
        self.execute(id, command)
    }
}
