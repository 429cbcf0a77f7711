//! The story of the pictures. In the room ana answers a question; in the chat with luis the server is killed, two
//! messages wait, the server comes back, and they are delivered once.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Position;
use terminput::{KeyCode, KeyModifiers};
use wachat::client::app::event::Event;
use wachat::client::screen::output::Output;
use wachat::client::screen::theme::Theme;
use wachat::model::{Message, MessageId, Seq, State, Text, Timestamp};
use wachat::protocol::Event as Arrival;

use super::client::{Client, target, user};

/// A picture: the name of its files, and its text for people who do not see it.
#[derive(Clone, Copy)]
pub struct Picture {
    pub name: &'static str,
    pub text: &'static str,
}

const ROOM: Picture = Picture {
    name: "room",
    text: "The full screen of wachat: conversations with unread counts on the left; on the right a room, in which each \
           own message has the marks of its state",
};
const AWAY: Picture = Picture {
    name: "away",
    text: "The server was killed: two messages are marked as queued, and the last line says: reconnecting",
};

/// One state of the screen.
#[derive(Clone)]
pub struct Frame {
    /// Milliseconds since the beginning.
    pub at: u128,
    /// The bytes that the terminal is sent: the difference from the frame before.
    pub bytes: String,
    pub cells: Buffer,
    pub cursor: Option<Position>,
    /// The frame is also a picture.
    pub picture: Option<Picture>,
}

/// Plays the story, in these colours.
pub fn play(theme: Theme) -> Vec<Frame> {
    let sent = Sent::default();
    let mut story = Story { client: Client::new(theme), output: Output::new(sent.clone()), sent, frames: Vec::new() };
    story.begin();
    story.answer_in_the_room();
    story.lose_the_server();
    story.find_the_server();
    story.frames
}

struct Story {
    client: Client,
    output: Output<Sent>,
    /// The bytes for the terminal that are in no frame yet.
    sent: Sent,
    frames: Vec<Frame>,
}

/// A terminal: it keeps what it is sent.
#[derive(Clone, Default)]
struct Sent(Rc<RefCell<Vec<u8>>>);

impl Write for Sent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Story {
    /// Shows nothing yet: what was said before.
    fn begin(&mut self) {
        self.client.handle(Event::Started(Ok(())));
        self.enter("/clear");
        self.at(18, 17, 58);
        self.hear("María", "#lobby", "the slides: https://example.org/slides/write-ahead-log.pdf");
        self.hear("luis", "#lobby", "¡gracias, María! 🎉");
        self.at(18, 18, 4);
        self.hear("María", "ana", "see you tomorrow");
        self.look_at("María");
        self.at(19, 9, 12);
        self.hear("luis", "#team-4", "our router fits on one page");
        self.hear("美玲", "ana", "我明天来 👋");
        self.look_at("#lobby");
        self.at(19, 14, 31);
        self.enter("the server of the lab is up. Its protocol is text: try it with nc");
        let seq = self.client.accept();
        self.client.draw();
        self.move_on("#lobby", State::Read, seq);
        self.at(19, 14, 33);
        self.hear("luis", "#lobby", "kill -9 is fun: my client says \"reconnecting\", and then everything is there");
        self.client.draw();
        self.look_at("美玲");
        self.at(19, 14, 34);
        self.hear("美玲", "#lobby", "@ana 你好! Does it keep messages for people who are away?");
        self.hear("luis", "#team-4", "ana, do you have a minute?");
        self.hear("luis", "ana", "shall we try a power cut?");
        self.client.handle(Event::Selected(target("#lobby")));
        self.show();
        self.wait(1_500);
    }

    fn look_at(&mut self, name: &str) {
        self.client.handle(Event::Selected(target(name)));
        self.client.draw();
    }

    fn answer_in_the_room(&mut self) {
        self.at(19, 14, 35);
        self.write("yes, on disk: one fdatasync for a whole batch, then the OK");
        self.wait(180);
        let seq = self.client.accept();
        self.show();
        self.wait(500);
        self.move_on("#lobby", State::Delivered, seq);
        self.show();
        self.wait(1_300);
        self.move_on("#lobby", State::Read, seq);
        self.show();
        self.wait(900);
        // A message that comes while the window is in the background is new.
        self.client.focus(false);
        self.hear("luis", "#lobby", "and if the power goes before the sync? Then there was no OK 👍");
        self.show();
        self.wait(900);
        self.client.focus(true);
        self.show_picture(ROOM);
        self.wait(2_500);
    }

    fn lose_the_server(&mut self) {
        // Alt-2: the second chat of the list.
        self.press(KeyCode::Char('2'), KeyModifiers::ALT);
        self.wait(1_200);
        self.write("kill it now");
        self.wait(200);
        let seq = self.client.accept();
        self.move_on("luis", State::Delivered, seq);
        self.show();
        self.wait(700);
        self.move_on("luis", State::Read, seq);
        self.show();
        self.wait(900);
        self.at(19, 14, 36);
        self.client.lose_server();
        self.show();
        self.wait(900);
        self.write("is this lost?");
        self.wait(400);
        self.write("it waits in my outbox, on disk 🙂");
        self.show_picture(AWAY);
        self.wait(1_000);
    }

    fn find_the_server(&mut self) {
        self.client.find_server();
        for _ in 0..4 {
            self.client.handle(Event::Tick);
            self.show();
            self.wait(1_000);
        }
        self.at(19, 14, 37);
        self.client.accept();
        self.show();
        self.wait(200);
        let seq = self.client.accept();
        self.show();
        self.wait(400);
        self.move_on("luis", State::Delivered, seq);
        self.show();
        self.wait(900);
        self.move_on("luis", State::Read, seq);
        self.show();
        self.wait(600);
        self.hear("luis", "ana", "both are here, once 👍");
        self.show();
        self.wait(2_000);
    }

    /// Sets the time of day, which is the same in every time zone.
    fn at(&mut self, day: i8, hour: i8, minute: i8) {
        let local = jiff::civil::date(2026, 11, day).at(hour, minute, 0, 0);
        let time = local.to_zoned(TimeZone::system()).expect("a time").timestamp().as_millisecond();
        self.client.at = Timestamp::from_millis(time.try_into().expect("a time after 1970"));
    }

    fn wait(&mut self, millis: u64) {
        self.client.elapsed += Duration::from_millis(millis);
    }

    fn enter(&mut self, text: &str) {
        self.client.handle(Event::Entered(text.to_owned()));
    }

    /// Types a message, at the pace of a person, and sends it.
    fn write(&mut self, text: &str) {
        for (number, c) in text.chars().enumerate() {
            self.press(KeyCode::Char(c), KeyModifiers::NONE);
            self.wait(if c == ' ' { 90 } else { 40 + 17 * (number as u64 % 4) });
        }
        self.wait(300);
        self.press(KeyCode::Enter, KeyModifiers::NONE);
    }

    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.client.press(code, modifiers);
        self.show();
    }

    fn hear(&mut self, from: &str, to: &str, text: &str) {
        let seq = self.client.next_seq();
        let id = MessageId::new(&format!("m-{seq}")).expect("an id");
        let text = Text::new(text).expect("a text");
        let message = Message { seq, id, from: user(from), to: target(to), at: self.client.at, text };
        self.client.receive(vec![Arrival::Message(Arc::new(message))]);
    }

    fn move_on(&mut self, name: &str, state: State, upto: Seq) {
        let seq = self.client.next_seq();
        let at = self.client.at;
        self.client.receive(vec![Arrival::State { seq, target: target(name), state, upto, at }]);
    }

    fn show(&mut self) {
        self.add_frame(None);
    }

    fn show_picture(&mut self, picture: Picture) {
        self.add_frame(Some(picture));
    }

    fn add_frame(&mut self, picture: Option<Picture>) {
        let (cells, drawn) = self.client.draw();
        let cursor = drawn.cursor;
        self.output.show(cells.clone(), drawn).expect("to write to memory");
        let bytes = String::from_utf8(self.sent.0.take()).expect("UTF-8");
        self.frames.push(Frame { at: self.client.elapsed.as_millis(), bytes, cells, cursor, picture });
    }
}
