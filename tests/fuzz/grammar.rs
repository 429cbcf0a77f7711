//! Requests made from the forms in the tables of the protocol, so that a new command is tried as soon as it is in its table.

use wachat::protocol::request::{RECV_COMMANDS, SEND_COMMANDS};

use crate::mutator::{Mutator, pick};
use crate::runner::corpus;
use crate::support::PASSWORD;
use crate::support::random::Random;

pub const ROOMS: [&str; 2] = ["#sala", "#otra"];

pub struct Grammar {
    mutator: Mutator,
    forms: [Vec<&'static str>; 2],
}

impl Grammar {
    pub fn new() -> Self {
        let inputs = ["requests", "login", "records"].into_iter().flat_map(corpus);
        let send = SEND_COMMANDS.iter().map(|command| command.form).collect();
        let recv = RECV_COMMANDS.iter().map(|command| command.form).collect();
        Self { mutator: Mutator::new(inputs.map(|(_, input)| input).collect()), forms: [send, recv] }
    }

    /// Returns a login line, mostly one that is answered OK.
    pub fn login(&self, user: &str, random: &mut Random) -> Vec<u8> {
        let line = format!("LOGIN:{user}:{PASSWORD}\n").into_bytes();
        self.perhaps_mutated(line, 10, random)
    }

    /// Returns some lines for a port (0: SEND, 1: RECV): well formed, nearly so, or no requests at all.
    pub fn lines(&self, port: usize, users: &[String], random: &mut Random) -> Vec<u8> {
        let mut lines = Vec::new();
        for _ in 0..=random.below(12) {
            let forms = self.forms.get(port).map(Vec::as_slice).unwrap_or_default();
            let mut line = pick(forms, random).map(|form| request(form, users, random)).unwrap_or_default();
            line.push('\n');
            lines.extend(self.perhaps_mutated(line.into_bytes(), 30, random));
        }
        if random.chance(5) { self.mutator.input(random.next()) } else { lines }
    }

    fn perhaps_mutated(&self, mut line: Vec<u8>, percent: u64, random: &mut Random) -> Vec<u8> {
        if random.chance(percent) {
            self.mutator.mutate(&mut line, random);
        }
        line
    }
}

/// Makes a request of a form such as `HISTORY;<user or #room>[;<limit 1 to 1000>[;<before>]]`.
fn request(form: &str, users: &[String], random: &mut Random) -> String {
    let (required, optional) = form.split_once('[').unwrap_or((form, ""));
    let optional = optional.split('[').filter(|part| !part.is_empty());
    let mut request = required.split(';').map(|field| value(field, users, random)).collect::<Vec<_>>().join(";");
    for part in optional {
        if random.chance(50) {
            break;
        }
        let field = part.trim_start_matches(';').trim_end_matches(']');
        request = format!("{request};{}", value(field, users, random));
    }
    request
}

/// Chooses a value for a field by its name in the form.
fn value(field: &str, users: &[String], random: &mut Random) -> String {
    let Some(name) = field.strip_prefix('<') else { return field.to_owned() };
    let number = random.below(300);
    let has = |word: &str| name.contains(word);
    match () {
        () if has("password") => if random.chance(90) { PASSWORD } else { "no es la palabra" }.to_owned(),
        () if has("fingerprint") => ["ab"; 32].join(":"),
        () if has("address") => format!("u{number}@example.org"),
        () if has("#room") && (!has("user") || random.chance(60)) => {
            pick(&ROOMS, random).map_or("", |room| room).to_owned()
        }
        () if has("user") || has("to>") => pick(users, random).cloned().unwrap_or_default(),
        // A retry, a conflict, or most often a new message.
        () if has("id") => format!("m-{}", if random.chance(30) { number } else { random.next() }),
        () if has("text") => {
            "hola; \"que\" tal\\n".replace(';', if random.chance(50) { "" } else { "," }).repeat(number as usize / 40)
        }
        () if has("wait") => random.below(2).to_string(),
        () if has("*") && random.chance(50) => "*".to_owned(),
        () => number.to_string(),
    }
}
