//! Sessions on RECV: what the reply to a login says of its device, and accounts.

use super::Checker;
use super::event::{Event, Moment, Name, Verdict};
use super::streams::{Stream, user_and_device};

impl Checker {
    /// Takes the reply to a login on RECV of a device that is `known`, or of the nameless one: the acknowledged number, and
    /// the store's name.
    pub fn logs_in(&mut self, reader: &str, acknowledged: u64, store: &str) -> Verdict {
        let stream = self.name(reader);
        let (user, device) = user_and_device(reader);
        let has_none = |own: &Stream| own.acknowledged.is_none_or(|(upto, _)| upto <= own.begin);
        let streams = self.streams_of(user).len();
        let begins = match self.streams.get(&stream) {
            // The nameless device is never called new, and of another one the reply that called it so may have been lost.
            None => !device.is_empty() || streams > 0,
            // So may it have been lost, with the server, since the device was forgotten.
            Some(own) if own.is_forgotten && own.since < self.restarted => true,
            // The nameless device need not have been durable before it has acknowledged something.
            Some(own) => device.is_empty() && streams > 1 && has_none(own) && own.begin < acknowledged,
        };
        if begins {
            return self.begins(reader, acknowledged, store);
        }
        let moment = self.note_login(&stream, acknowledged, store);
        let own = self.stream(&stream);
        let said = own.acknowledged;
        let begin = own.begin;
        let is_forgotten = std::mem::take(&mut own.is_forgotten);
        let since = own.since;
        if is_forgotten {
            return self.broken(1, "a device that was forgotten is known", &[since, moment]);
        }
        if said.map_or(0, |(upto, _)| upto).max(begin) < acknowledged {
            return self.more_than_acknowledged(user, said, acknowledged, moment);
        }
        self.check_login(&stream, acknowledged, store, moment)
    }

    /// Takes the reply to a login on RECV of a device that is `new`: it begins at this number, and what was before is in
    /// the history alone.
    pub fn begins(&mut self, reader: &str, acknowledged: u64, store: &str) -> Verdict {
        let stream = self.name(reader);
        let user = self.name(user_and_device(reader).0);
        let moment = self.note_login(&stream, acknowledged, store);
        let begun = self.streams_of(&user).iter().filter_map(|stream| self.streams.get(stream)).map(|one| one.begin);
        let most = begun.max().max(self.acknowledged_by(&user).map(|(upto, _)| upto)).unwrap_or(0);
        if most < acknowledged {
            return self.more_than_acknowledged(&user, self.acknowledged_by(&user), acknowledged, moment);
        }
        let begun = self.stream(&stream);
        (begun.begin, begun.since, begun.is_forgotten) = (acknowledged, moment, false);
        let verdict = self.check_login(&stream, acknowledged, store, moment);
        self.look_again(&user);
        verdict
    }

    /// A device was forgotten, by LOGOUT: nothing more has to come to it, and its next login is new.
    pub fn forgotten(&mut self, reader: &str) {
        let stream = self.name(reader);
        let user = self.name(user_and_device(reader).0);
        let moment = self.note(Event::Odd(format!("{reader} is forgotten: OK")));
        let forgotten = self.stream(&stream);
        (forgotten.is_forgotten, forgotten.since, forgotten.login) = (true, moment, None);
        self.look_again(&user);
    }

    fn note_login(&mut self, stream: &Name, acknowledged: u64, store: &str) -> Moment {
        let words = format!("{stream} logs in: acknowledged up to {acknowledged}, store {store}");
        self.note(Event::Odd(words))
    }

    /// Reports a number in the reply to a login that the device has not acknowledged. One that another device of the user
    /// has acknowledged is cited.
    fn more_than_acknowledged(
        &self,
        user: &str,
        said: Option<(u64, Moment)>,
        acknowledged: u64,
        moment: Moment,
    ) -> Verdict {
        let other = self.acknowledged_by(user).filter(|(upto, _)| *upto >= acknowledged);
        let why = match other {
            Some(_) => "another device has acknowledged that",
            None => "more than was acknowledged",
        };
        let moments: Vec<_> = said.into_iter().chain(other).map(|(_, when)| when).chain([moment]).collect();
        self.broken(6, why, &moments)
    }

    /// Compares a login with the one before it: the number of a device does not go back, and the store stays the same.
    fn check_login(&mut self, stream: &Name, acknowledged: u64, store: &str, moment: Moment) -> Verdict {
        let before = self.stream(stream).login.replace((acknowledged, store.to_owned(), moment));
        match before {
            Some((more, _, when)) if more > acknowledged => {
                self.broken(4, "an acknowledgement was forgotten", &[when, moment])
            }
            Some((_, other, when)) if other != store => self.broken(1, "it is another store", &[when, moment]),
            _ => Ok(()),
        }
    }

    /// A user's registration was answered OK.
    pub fn registered(&mut self, user: &str) {
        let user = self.name(user);
        let moment = self.note(Event::Odd(format!("{user} is registered: OK")));
        self.user(&user).registered = Some(moment);
    }

    /// A user's name or password was not known to the server.
    pub fn locked_out(&mut self, user: &str) -> Verdict {
        let moment = self.note(Event::Odd(format!("{user} is not let in: KO;AUTH")));
        match self.users.get(user).and_then(|user| user.registered) {
            Some(before) => self.broken(1, "an account was answered OK and is gone", &[before, moment]),
            None => Ok(()),
        }
    }
}
