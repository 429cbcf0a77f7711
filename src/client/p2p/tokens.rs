//! The callers that the server has announced.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::limits;
use crate::model::{Token, UserName};

/// A caller, her token, and when the server's word came.
type Announced = (UserName, Token, Instant);

/// What the receiver thread was told and the door asks for.
#[derive(Default)]
pub struct Tokens {
    announced: Mutex<Vec<Announced>>,
    changed: Condvar,
}

impl Tokens {
    /// The server says that this user is about to call with this token. Of too many the oldest goes.
    pub fn announce(&self, caller: UserName, token: Token) {
        let mut announced = self.announced.lock();
        announced.retain(|(.., at)| at.elapsed() < limits::TOKEN_LIFE);
        if announced.len() >= limits::TOKENS {
            announced.remove(0);
        }
        announced.push((caller, token, Instant::now()));
        self.changed.notify_all();
    }

    /// Who comes in with this token, as the server calls them: names differ in more than what makes them
    /// the same. It serves once. The caller may be faster than the server's word, which is waited for.
    pub fn redeem(&self, caller: &UserName, token: &Token, patience: Duration) -> Option<UserName> {
        let deadline = Instant::now() + patience;
        let mut announced = self.announced.lock();
        loop {
            announced.retain(|(.., at)| at.elapsed() < limits::TOKEN_LIFE);
            if let Some(at) = announced.iter().position(|(who, what, _)| who == caller && what == token) {
                return Some(announced.remove(at).0);
            }
            if self.changed.wait_until(&mut announced, deadline).timed_out() {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_one_caller_and_serves_once() {
        let (ana, luis) = (UserName::new("ana").unwrap(), UserName::new("luis").unwrap());
        let (token, other) = (Token::random().unwrap(), Token::random().unwrap());
        let tokens = Tokens::default();
        tokens.announce(ana.clone(), token.clone());
        let now = Duration::ZERO;
        assert_eq!(tokens.redeem(&luis, &token, now), None);
        assert_eq!(tokens.redeem(&ana, &other, now), None);
        let shouted = UserName::new("ANA").unwrap();
        assert_eq!(tokens.redeem(&shouted, &token, now).unwrap().shown(), "ana");
        assert_eq!(tokens.redeem(&ana, &token, now), None);
    }

    #[test]
    fn a_caller_who_is_faster_than_the_server_waits() {
        let ana = UserName::new("ana").unwrap();
        let token = Token::random().unwrap();
        let tokens = Tokens::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| tokens.redeem(&ana, &token, Duration::from_secs(30)));
            tokens.announce(ana.clone(), token.clone());
            assert_eq!(waiting.join().unwrap(), Some(ana.clone()));
        });
    }
}
