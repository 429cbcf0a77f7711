//! The expectations of a test of a client: what it has to write, to send and to do, and what not.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::play::Player;
use super::stage::describe_end;
use crate::course::judge::step::Span;
use crate::course::judge::time_line::Mismatch;
use crate::course::wire::{Came, shorten};
use crate::protocol::Port;

impl Player<'_> {
    pub fn expect_output(&mut self, end: &str) -> Result<(), Mismatch> {
        let from = self.shown;
        let expected = || format!("a line of output that ends with {}", shorten(end));
        self.shown = self.stage.expect(expected, self.client.patience, |inner| {
            let mut new = inner.output.iter().enumerate().skip(from);
            new.find(|(_, (is_error, line))| !is_error && line.ends_with(end)).map(|(at, _)| at + 1)
        })?;
        Ok(())
    }

    pub fn expect_once(&self, end: &str) -> Result<(), Mismatch> {
        let inner = self.stage.lock();
        let count = inner.output.iter().filter(|(is_error, line)| !is_error && line.ends_with(end)).count();
        if count == 1 {
            return Ok(());
        }
        let expected = format!("one line of output that ends with {}", shorten(end));
        Err(Mismatch::new(expected, format!("{count} such lines")))
    }

    pub fn expect_any_output(&self) -> Result<(), Mismatch> {
        let said = self.said;
        let expected = || "a line for the user, on standard output or standard error".to_owned();
        self.stage.expect(expected, self.client.patience, |inner| (inner.output.len() > said).then_some(()))
    }

    pub fn expect_exit(&self, success: bool) -> Result<(), Mismatch> {
        let code = if success { "0" } else { "not 0" };
        let expected = || format!("the end of the client, with exit code {code}");
        let (_, end) = self.stage.expect(expected, self.client.patience, |inner| inner.run.end())?;
        if end.is_some_and(|end| (end == 0) == success) {
            Ok(())
        } else {
            Err(Mismatch::new(expected(), describe_end(end)))
        }
    }

    pub fn expect_login(&mut self, port: Port) -> Result<(), Mismatch> {
        let seen = port.of(self.logins.each_mut());
        let expected = || format!("a login on the {port} port");
        self.stage.expect(expected, self.client.patience, |inner| (port.of(inner.logins) > *seen).then_some(()))?;
        *seen += 1;
        Ok(())
    }

    pub fn expect_unread(&self, user: &str, number: &str) -> Result<(), Mismatch> {
        let user = self.names.fill(user);
        let number = self.names.fill(number);
        let read = self.stage.lock().mailbox.read_upto(&user);
        match number.parse::<u64>() {
            Ok(number) if read < number => Ok(()),
            _ => Err(Mismatch::new(format!("no READ;{user} {number}"), format!("READ;{user};{read}"))),
        }
    }

    pub fn expect_stored(&mut self, message: Option<&str>) -> Result<(), Mismatch> {
        let place = self.stored;
        let Some(message) = message.map(|message| self.names.fill(message)) else {
            let came = self.stage.lock().mailbox.sent(place);
            return came.map_or(Ok(()), |came| Err(Mismatch::new("no further message", came)));
        };
        let found = self.stage.wait_for(self.client.patience, |inner| inner.mailbox.sent(place));
        let came = found.unwrap_or_else(|came| came.to_string());
        self.stored += 1;
        if came == message {
            return Ok(());
        }
        Err(Mismatch::new(format!("a SEND of {}", shorten(&message)), shorten(&came)))
    }

    pub fn expect_connections(&self, count: &RangeInclusive<usize>, time: Duration) -> Result<(), Mismatch> {
        let before = self.stage.lock().connects;
        let too_many = self.stage.wait_for(time, |inner| (inner.connects > before + count.end()).then_some(()));
        let came = self.stage.lock().connects - before;
        match too_many {
            Err(_) if came >= *count.start() => Ok(()),
            Err(Came::NoText(end)) => Err(Mismatch::new("further attempts to connect", end)),
            _ => {
                let expected = format!("{} to {} connections in {} ms", count.start(), count.end(), time.as_millis());
                Err(Mismatch::new(expected, format!("{came}, and perhaps more")))
            }
        }
    }

    pub fn expect_request(&mut self, verb: &str, time: Duration, pattern: &str) -> Result<(), Mismatch> {
        let pattern = self.names.fill(pattern);
        let held = self.stage.expect(
            || pattern.clone(),
            time,
            |inner| {
                let at = inner.held.iter().position(|held| held.request.verb == verb)?;
                inner.held.remove(at)
            },
        )?;
        let plain = held.request.plain.clone();
        self.asked.insert(verb.to_owned(), held);
        if self.names.fits(&pattern, &plain) {
            return Ok(());
        }
        Err(Mismatch::new(shorten(&pattern), shorten(&plain)))
    }

    pub fn expect_request_within(&mut self, verb: &str, span: Span, pattern: &str) -> Result<(), Mismatch> {
        let begin = Instant::now();
        self.expect_request(verb, span.to, pattern)?;
        span.check(pattern, begin.elapsed())
    }

    pub fn expect_no_request(&mut self, verb: &str, time: Duration) -> Result<(), Mismatch> {
        let found = self.stage.wait_for(time, |inner| {
            inner.held.iter().find(|held| held.request.verb == verb).map(|held| held.request.plain.clone())
        });
        found.map_or(Ok(()), |came| Err(Mismatch::new(format!("no {verb} for {time:?}"), shorten(&came))))
    }
}
