//! The events that the app handles, and the effects that it asks for: two closed lists. No decision is made
//! anywhere else.

use std::time::Instant;

use super::view::View;
use crate::client::link::receiver::Receive;
use crate::client::link::request::{LinkEvent, Request};
use crate::client::p2p::event::{Action, DirectEvent};
use crate::client::state::lookup::Lookup;
use crate::client::state::row::{Gap, Row};
use crate::model::{MessageId, Seq, Target, Timestamp};

/// One event, from the keyboard, the screen or a thread.
#[derive(Debug)]
pub enum Event {
    /// The client begins. The error: there was no connection, and why.
    Started(Result<(), String>),
    /// A line, or the reason why the input is none.
    Typed(Result<String, String>),
    /// A whole command or message from an editor. It may have several lines, and a backslash at its end is text.
    Entered(String),
    InputEnded,
    Link(LinkEvent),
    Direct(DirectEvent),
    /// The first messages of those not shown yet, as many as this, are on the screen.
    Shown(usize),
    /// The user has chosen the conversation of the next texts.
    Selected(Target),
    /// The user has closed the conversation: the next texts go nowhere.
    Unselected,
    /// The messages there up to this number were on the screen.
    Seen(Target, Seq),
    /// The user looks for messages of a conversation that memory does not hold: this many rows are wanted in all.
    Scrolled(Target, usize),
    /// The user wants messages that only the server has.
    Wanted(Gap),
    /// The rows that were looked up in the log, or why that failed.
    LookedUp(Lookup, Result<Vec<(Target, Row)>, String>),
    /// A deadline has passed.
    Tick,
}

/// The circumstances of an event: all that a decision needs from outside.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    pub now: Instant,
    pub at: Timestamp,
    /// 128 random bits: the id of a new message, the jitter of a delay.
    pub random: u128,
}

impl Context {
    /// Returns the present context. The error: the operating system gives no random numbers.
    pub fn present() -> Result<Self, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        Ok(Self { now: Instant::now(), at: Timestamp::now(), random: u128::from_be_bytes(random) })
    }

    pub fn message_id(&self) -> Option<MessageId> {
        MessageId::new(&format!("{:032x}", self.random))
    }

    /// Returns the random bits for the jitter of a delay.
    pub(super) fn jitter(&self) -> u16 {
        (self.random & 0xffff) as u16
    }
}

/// One effect, for a thread.
#[derive(Debug)]
pub enum Effect {
    Send(Request),
    Receive(Receive),
    Direct(Action),
    LookUp(Lookup),
}

/// The result of an event. The records are durable before the first effect is carried out or the first view shown.
#[derive(Debug, Default)]
pub struct Output {
    pub records: Vec<u8>,
    pub effects: Vec<Effect>,
    pub views: Vec<View>,
}
