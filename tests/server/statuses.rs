//! STATUS, page by page: a room of few recipients and one of many are listed in different ways, with the same result.

use wachat::limits;
use wachat::model::{MessageId, State, Target, Text, UserName};
use wachat::protocol::request::Page;
use wachat::state_machine::{Command, ConnectionId, Effect, Now, Output, Policy, StateMachine, StoredState};

struct Server(StateMachine);

/// Names whose order is that of the numbers.
fn name(number: usize) -> UserName {
    UserName::new(&format!("user{number:05}")).unwrap()
}

impl Server {
    fn new(users: usize) -> Self {
        let policy = Policy { lobby: false, ..Policy::default() };
        let mut server = Self(StateMachine::new(StoredState::new("store".into()), policy));
        for user in 0..users {
            server.request(Command::Register { name: name(user), password_hash: "x".into() });
        }
        server
    }

    fn request(&mut self, command: Command) -> Vec<Effect> {
        let mut out = Output::default();
        self.0.handle(ConnectionId(0), command, Now::default(), &mut out).unwrap();
        out.effects
    }

    fn join(&mut self, user: usize) {
        self.request(Command::Join { user: name(user), room: Target::parse("#aula") });
    }

    /// Lists all recipients of user 0's last message, in pages of this length.
    fn statuses(&mut self, to: &str, limit: usize) -> Vec<(UserName, State)> {
        self.statuses_after(None, to, limit)
    }

    fn statuses_after(&mut self, mut after: Option<UserName>, to: &str, limit: usize) -> Vec<(UserName, State)> {
        let mut all = Vec::new();
        let seq = self.0.stored.last;
        loop {
            let page = Page { limit, after: after.clone() };
            let target = Target::parse(to);
            let effects = self.request(Command::Status { user: name(0), target, seq, page });
            let [Effect::Excerpt(_, excerpt)] = &effects[..] else { panic!("{effects:?}") };
            assert!(excerpt.statuses.len() <= limit);
            let Some(last) = excerpt.statuses.last() else { return all };
            after = Some(last.user.clone());
            assert!(all.len() < 10_000, "no page is the last");
            all.extend(excerpt.statuses.iter().map(|status| (status.user.clone(), status.state)));
        }
    }

    fn send(&mut self, to: &str) {
        let id = MessageId::new("a").unwrap();
        let text = Text::new("hola").unwrap();
        self.request(Command::Send { user: name(0), id, to: Target::parse(to), text });
    }
}

#[test]
fn the_recipients_are_those_who_were_members_in_the_order_of_their_names() {
    // Above 2,000 recipients they are not sorted.
    for (recipients, limit) in [(5, 2), (1_999, 700), (2_000, 700), (2_500, 700)] {
        let mut server = Server::new(2 * recipients + 1);
        // Those with odd numbers join before the message, the last of them first, and the others after it.
        (0..recipients).rev().for_each(|user| server.join(2 * user + 1));
        server.join(0);
        server.send("#aula");
        (1..=recipients).for_each(|user| server.join(2 * user));
        let expected: Vec<_> = (0..recipients).map(|user| (name(2 * user + 1), State::Received)).collect();
        assert!(server.statuses("#aula", limit) == expected, "{recipients} recipients");
    }
}

#[test]
fn a_direct_message_has_one_recipient_on_one_page() {
    let mut server = Server::new(2);
    let peer = name(1).to_string();
    server.send(&peer);
    for after in [None, Some(name(0))] {
        assert_eq!(server.statuses_after(after, &peer, limits::PAGE_RECORDS), [(name(1), State::Received)]);
    }
    assert_eq!(server.statuses_after(Some(name(1)), &peer, limits::PAGE_RECORDS), []);
}
