//! The marks after the messages in the line mode, beside a model: messages to several users and a room, some of several
//! rows and some refused, whose recipients acknowledge and read in random order. Each mark on the screen is the state of
//! its own message.

use std::collections::BTreeMap;

use crate::support::random::Random;
use crate::support::{Connection, PASSWORD, Terminal, WACHAT, World};

const TARGETS: [&str; 3] = ["luis", "eva", "#lobby"];
/// A room that is not there.
const REFUSED: &str = "#nosuch";
const READERS: [&str; 2] = ["luis", "eva"];

/// The state of a message: 0 is RECEIVED, 1 is DELIVERED, 2 is READ.
const MARKS: [&str; 3] = ["✓", "✓✓", "✓✓ read"];

/// Checks that the message with this word has this mark: after it, or in a row of its own where there is no room.
fn has_mark(rows: &[String], word: &str, mark: &str) -> bool {
    let both = format!(" {word} {mark}");
    let word = format!(" {word}");
    let is_below = |two: &[String]| two[0].ends_with(&word) && two[1].trim() == mark;
    rows.iter().any(|row| row.ends_with(&both)) || rows.windows(2).any(is_below)
}

struct Talk {
    ana: Terminal,
    readers: [Connection; 2],
    senders: [Connection; 2],
    /// The target of each message, and its number.
    sent: Vec<(&'static str, u64)>,
    /// The numbers up to which each reader has acknowledged everything, and has read each conversation.
    acknowledged: [u64; 2],
    read: BTreeMap<(usize, &'static str), u64>,
    /// The messages that the readers have: text and number.
    got: BTreeMap<String, u64>,
}

impl Talk {
    fn begin(world: &World) -> Self {
        world.register_clients(&["ana", "luis", "eva"]);
        let arguments = world.arguments("ana", &[]);
        let ana = Terminal::start_program(WACHAT, &arguments, Some(PASSWORD), &[], [60, 100]);
        ana.expect("#lobby> ");
        let readers = READERS.map(|user| world.session(user));
        let senders = READERS.map(|user| world.login(user));
        let sent = Vec::new();
        let got = BTreeMap::new();
        Self { ana, readers, senders, sent, acknowledged: [0; 2], read: BTreeMap::new(), got }
    }

    /// Ana writes, with this many characters before the word that the message is known by, and the server has it.
    fn write(&mut self, to: &'static str, long: u64) {
        let word = format!("w{}.", self.sent.len());
        let filling: String = "abcdefg ".chars().cycle().take(long as usize).collect();
        self.ana.type_line(&format!("/msg {to} {}", format!("{} {word}", filling.trim()).trim()));
        let mark = if to == REFUSED { "✗" } else { MARKS[0] };
        self.ana.wait_for_rows(&word, |rows| has_mark(rows, &word, mark));
        self.sent.push((to, 0));
    }

    /// A reader polls without an acknowledgement of what comes, and learns the numbers.
    fn poll(&mut self, who: usize) {
        let after = self.acknowledged[who];
        for event in self.readers[who].poll(after, 0) {
            let fields: Vec<_> = event.split(';').collect();
            if fields[1] == "MSG" && fields[3] == "ana" {
                let word = fields[6].rsplit(' ').next().unwrap();
                self.got.insert(word.to_owned(), fields[0].parse().unwrap());
            }
        }
        for (place, (_, number)) in self.sent.iter_mut().enumerate() {
            *number = self.got.get(&format!("w{place}.")).copied().unwrap_or(*number);
        }
    }

    fn acknowledge(&mut self, who: usize) {
        self.poll(who);
        let mine = [READERS[who], "#lobby"];
        let upto = self.sent.iter().filter(|(to, _)| mine.contains(to)).map(|(_, number)| *number).max();
        let Some(upto) = upto else { return };
        self.readers[who].poll(upto, 0);
        self.acknowledged[who] = upto;
    }

    /// A reader reads a conversation up to one of its messages.
    fn read(&mut self, who: usize, to: &'static str, which: u64) {
        self.acknowledge(who);
        let all: Vec<_> = self.sent.iter().filter(|(place, number)| *place == to && *number > 0).collect();
        if all.is_empty() {
            return;
        }
        let upto = all[which as usize % all.len()].1;
        let place = if to == "#lobby" { to } else { "ana" };
        assert_eq!(self.senders[who].request(&format!("READ;{place};{upto}")), "OK");
        let read = self.read.entry((who, to)).or_default();
        *read = upto.max(*read);
    }

    fn state_for(&self, who: usize, (to, number): (&'static str, u64)) -> usize {
        if number == 0 {
            return 0;
        }
        let read = self.read.get(&(who, to)).copied().unwrap_or(0);
        if number <= read { 2 } else { usize::from(number <= self.acknowledged[who]) }
    }

    fn mark(&self, message: (&'static str, u64)) -> &'static str {
        let of = |who| self.state_for(who, message);
        MARKS[match message.0 {
            REFUSED => return "✗",
            "luis" => of(0),
            "eva" => of(1),
            _ => of(0).min(of(1)),
        }]
    }

    /// Waits until each message has its mark, and no other.
    fn check(&self, after: &str) {
        let expected: Vec<_> = self.sent.iter().map(|message| self.mark(*message)).enumerate().collect();
        self.ana.wait_for_rows(&format!("screen as expected after {after}: {expected:?}"), |rows| {
            expected.iter().all(|(place, mark)| has_mark(rows, &format!("w{place}."), mark))
        });
    }
}

#[test]
fn a_mark_on_the_screen_is_the_state_of_its_own_message() {
    let world = World::new(&[]);
    let mut talk = Talk::begin(&world);
    let mut random = Random::new(7);
    for to in TARGETS {
        talk.write(to, 0);
    }
    // Each target by itself: the marks of the others stay.
    for who in [1, 0] {
        talk.acknowledge(who);
        talk.check("an acknowledgement");
        talk.read(who, READERS[who], 0);
        talk.check("a READ");
    }
    for step in 0..24 {
        let who = random.below(2) as usize;
        let which = random.below(8);
        let after = format!("step {step} of {}", READERS[who]);
        match random.below(5) {
            0 if talk.sent.len() < 16 && random.chance(30) => talk.write(REFUSED, 0),
            0 | 1 if talk.sent.len() < 16 => talk.write(TARGETS[random.below(3) as usize], random.below(180)),
            2 => talk.acknowledge(who),
            3 => talk.read(who, "#lobby", which),
            _ => talk.read(who, READERS[who], which),
        }
        talk.check(&after);
    }
    talk.ana.quit();
}
