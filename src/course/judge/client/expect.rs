//! The expectations of a test of a client: what it has to write, to send and to do, and what not.

use std::time::{Duration, Instant};

use super::play::Player;
use super::stage::describe_end;
use crate::course::judge::play::{Mismatch, milliseconds, unknown};
use crate::course::judge::wire::Came;

/// The client's program.
impl Player<'_> {
    pub(super) fn expect_of_client(&mut self, word: &str, rest: &str) -> Result<(), Mismatch> {
        match word {
            "out" => self.expect_output(rest),
            "once" => self.expect_once(rest),
            "said" => self.expect_any_output(),
            _ => self.expect_exit(rest),
        }
    }

    fn expect_output(&mut self, end: &str) -> Result<(), Mismatch> {
        let from = self.shown;
        let find = |output: &[(bool, String)]| {
            let mut new = output.iter().enumerate().skip(from);
            new.find(|(_, (is_error, line))| !is_error && line.ends_with(end)).map(|(at, _)| at + 1)
        };
        let found = self.stage.wait_for(self.client.patience, |inner| find(&inner.output));
        let expected = || format!("a line of output that ends with {}", shorten(end));
        self.shown = found.map_err(|came| Mismatch { expected: expected(), came: came.to_string() })?;
        Ok(())
    }

    fn expect_once(&self, end: &str) -> Result<(), Mismatch> {
        let inner = self.stage.lock();
        let count = inner.output.iter().filter(|(is_error, line)| !is_error && line.ends_with(end)).count();
        let expected = || format!("one line of output that ends with {}", shorten(end));
        if count == 1 { Ok(()) } else { Err(Mismatch { expected: expected(), came: format!("{count} such lines") }) }
    }

    fn expect_any_output(&self) -> Result<(), Mismatch> {
        let said = self.said;
        let found = self.stage.wait_for(self.client.patience, |inner| (inner.output.len() > said).then_some(()));
        let expected = "a line for the user, on standard output or standard error".to_owned();
        found.map_err(|came| Mismatch { expected, came: came.to_string() })
    }

    fn expect_exit(&self, code: &str) -> Result<(), Mismatch> {
        let end = self.stage.wait_for(self.client.patience, |inner| inner.run.end());
        let came = match end {
            Ok((_, Some(0))) if code == "0" => return Ok(()),
            Ok((_, Some(1..))) if code == "not 0" => return Ok(()),
            Ok((_, code)) => describe_end(code),
            Err(came) => came.to_string(),
        };
        Err(Mismatch { expected: format!("the end of the client, with exit code {code}"), came })
    }
}

/// Logins, messages and connections that the judge's server has seen.
impl Player<'_> {
    pub(super) fn expect_login(&mut self, port: &str) -> Result<(), Mismatch> {
        let [send, recv] = &mut self.logins;
        let (at, seen) = if port == "RECV" { (1, recv) } else { (0, send) };
        let found = self
            .stage
            .wait_for(self.client.patience, |inner| inner.logins.get(at).copied().filter(|logins| *logins > *seen));
        let expected = || format!("a login on the {port} port");
        found.map_err(|came| Mismatch { expected: expected(), came: came.to_string() })?;
        *seen += 1;
        Ok(())
    }

    pub(super) fn expect_unread(&self, rest: &str) -> Result<(), Mismatch> {
        let filled = self.names.fill(rest);
        let (user, number) = filled.split_once(' ').ok_or_else(|| unknown(rest))?;
        let read = self.stage.lock().mailbox.read_upto(user);
        match number.parse::<u64>() {
            Ok(number) if read < number => Ok(()),
            _ => Err(Mismatch { expected: format!("no READ;{filled}"), came: format!("READ;{user};{read}") }),
        }
    }

    pub(super) fn expect_stored(&mut self, message: &str) -> Result<(), Mismatch> {
        let place = self.stored;
        if message == "nothing" {
            let came = self.stage.lock().mailbox.sent(place);
            return came.map_or(Ok(()), |came| Err(Mismatch { expected: "no further message".to_owned(), came }));
        }
        let found = self.stage.wait_for(self.client.patience, |inner| inner.mailbox.sent(place));
        let came = found.unwrap_or_else(|came| came.to_string());
        self.stored += 1;
        let expected = || format!("a SEND of {}", shorten(message));
        if came == message { Ok(()) } else { Err(Mismatch { expected: expected(), came: shorten(&came) }) }
    }

    pub(super) fn expect_connections(&self, rest: &str) -> Result<(), Mismatch> {
        let [from, to, _, time] = rest.split(' ').collect::<Vec<_>>()[..] else { return Err(unknown(rest)) };
        let from = from.parse::<usize>().ok();
        let to = to.parse::<usize>().ok();
        let (Some(from), Some(to)) = (from, to) else { return Err(unknown(rest)) };
        let before = self.stage.lock().connects;
        let too_many = self.stage.wait_for(milliseconds(time)?, |inner| (inner.connects > before + to).then_some(()));
        let count = self.stage.lock().connects - before;
        match too_many {
            Err(_) if count >= from => Ok(()),
            Err(Came::NoText(end)) => Err(Mismatch { expected: "further attempts to connect".to_owned(), came: end }),
            _ => {
                let expected = format!("{from} to {to} connections in {time} ms");
                Err(Mismatch { expected, came: format!("{count}, and perhaps more") })
            }
        }
    }
}

/// The requests that steps answer.
impl Player<'_> {
    pub(super) fn expect_request(&mut self, verb: &str, time: Duration, pattern: &str) -> Result<(), Mismatch> {
        let pattern = self.names.fill(pattern);
        let held = self.stage.wait_for(time, |inner| {
            let at = inner.held.iter().position(|held| held.request.verb == verb)?;
            inner.held.remove(at)
        });
        let held = held.map_err(|came| Mismatch { expected: pattern.clone(), came: came.to_string() })?;
        let plain = held.request.plain.clone();
        self.asked.insert(verb.to_owned(), held);
        if self.names.fits(&pattern, &plain) {
            return Ok(());
        }
        Err(Mismatch { expected: shorten(&pattern), came: shorten(&plain) })
    }

    pub(super) fn expect_within(&mut self, verb: &str, rest: &str) -> Result<(), Mismatch> {
        let (times, pattern) = rest.split_once(" < ").ok_or_else(|| unknown(rest))?;
        let (from, to) = times.split_once(' ').ok_or_else(|| unknown(times))?;
        let from = milliseconds(from)?;
        let to = milliseconds(to)?;
        let begin = Instant::now();
        self.expect_request(verb, to, pattern)?;
        let time = begin.elapsed();
        if time >= from {
            return Ok(());
        }
        Err(Mismatch { expected: format!("{pattern} not before {from:?}"), came: format!("it after {time:?}") })
    }

    pub(super) fn expect_no_request(&mut self, verb: &str, time: Duration) -> Result<(), Mismatch> {
        let found = self.stage.wait_for(time, |inner| {
            inner.held.iter().find(|held| held.request.verb == verb).map(|held| held.request.plain.clone())
        });
        let expected = || format!("no {verb} for {time:?}");
        found.map_or(Ok(()), |came| Err(Mismatch { expected: expected(), came: shorten(&came) }))
    }
}

fn shorten(text: &str) -> String {
    Came::Line(text.to_owned()).to_string()
}
