//! All direct connections of this client.

use std::collections::HashMap;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::connection::{Handle, Report};
use super::event::{Action, DirectEvent};
use super::handshake;
use super::tls::PeerTls;
use crate::limits;
use crate::model::UserName;
use crate::protocol::DirectLine;

/// All direct connections of this client. The owner holds them.
pub struct Network {
    me: UserName,
    /// Direct chats are under TLS.
    tls: Option<Arc<PeerTls>>,
    /// The channel on which the threads of the connections report.
    pub reports: Sender<Report>,
    pub arriving: Receiver<Report>,
    open: HashMap<u64, Handle>,
}

impl Network {
    pub fn new(me: UserName, tls: Option<Arc<PeerTls>>) -> Self {
        let (reports, arriving) = bounded(limits::CLIENT_EVENTS);
        Self { me, tls, reports, arriving, open: HashMap::new() }
    }

    /// Notes a report, and returns the event in it.
    pub fn note(&mut self, report: Report) -> DirectEvent {
        if let Some(handle) = report.handle {
            self.open.insert(handle.number, handle);
        }
        if let DirectEvent::Closed { number, .. } = report.event {
            self.open.remove(&number);
        }
        report.event
    }

    /// Carries out an action. It does not block. A connection that is closed by now has reported that.
    pub fn carry_out(&mut self, action: Action) {
        match action {
            Action::Connect { peer, at } => {
                handshake::connect(self.me.clone(), self.reports.clone(), self.tls.clone(), peer, at);
            }
            Action::Answer { number, line } => {
                let _ = self.open.get(&number).map(|handle| handle.answers.try_send(line));
            }
            Action::Say { number, id, text } => {
                if let Some(handle) = self.open.get(&number)
                    && handle.lines.try_send(DirectLine::Send { id, text }).is_err()
                {
                    // The peer takes nothing: the message stays unconfirmed.
                    handle.close();
                }
            }
            Action::Accept { number } => _ = self.open.get_mut(&number).and_then(|handle| handle.place.take()),
            // A reader that waits for an answer ends with the handle.
            Action::Close { number } => _ = self.open.remove(&number).as_ref().map(Handle::close),
        }
    }
}
