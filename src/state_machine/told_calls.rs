//! The calls that callees were told of in the last hour: they limit the event CALL (protocol, section 7). Live only: a
//! restart begins anew.

use std::collections::VecDeque;
use std::time::Duration;

use super::AccountNumber;
use crate::limits;

/// In the order of their times.
#[derive(Default)]
pub struct ToldCalls(VecDeque<ToldCall>);

struct ToldCall {
    /// Time since the start of the server.
    at: Duration,
    caller: AccountNumber,
    callee: AccountNumber,
}

impl ToldCalls {
    /// Notes that a callee is told of a caller. `false`: it is not told, since it was told of that caller in the last hour,
    /// or of as many as it may be; or all callees together were.
    pub fn note(&mut self, caller: AccountNumber, callee: AccountNumber, now: Duration) -> bool {
        while self.0.front().is_some_and(|call| now.saturating_sub(call.at) >= limits::CALL_MEMORY) {
            self.0.pop_front();
        }
        let of_callee = || self.0.iter().filter(|call| call.callee == callee);
        let may_be_told = self.0.len() < limits::TOLD_CALLS
            && of_callee().count() < limits::TOLD_CALLS_PER_CALLEE
            && of_callee().all(|call| call.caller != caller);
        if may_be_told {
            self.0.push_back(ToldCall { at: now, caller, callee });
        }
        may_be_told
    }
}
