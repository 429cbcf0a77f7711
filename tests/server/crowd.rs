//! Many users are connected when the server is killed: all come back, and each gets what it has not acknowledged, once.

use std::time::Duration;

use crate::support::crowd::{Crowd, User, cheap_hash, world_with};
use crate::support::{Connection, PASSWORD, World};

const USERS: usize = 200;

/// Messages to each user before the kill, and how many of them every second user stores.
const MESSAGES: usize = 3;
const STORED: usize = 1;

const LONGEST: Duration = Duration::from_secs(60);

#[test]
fn all_are_back_after_a_kill_and_nothing_is_lost_or_doubled() {
    let names: Vec<String> = (0..USERS).map(|number| format!("user{number}")).collect();
    let mut world = world_with(&names, &cheap_hash(), &[]);
    let mut crowd = Crowd::new(&world, &names);
    crowd.settle(LONGEST);
    let mut sender = world.register("ana");
    (0..MESSAGES).for_each(|message| send(&mut sender, &names, message));
    (0..names.len() * MESSAGES).for_each(|_| expect_ok(&mut sender));
    for (number, user) in crowd.users_mut().enumerate() {
        user.stores = (number % 2 == 1).then_some(STORED);
        user.wanted = user.stores.unwrap_or(MESSAGES);
    }
    crowd.settle(LONGEST);
    // Half of the next messages have an OK when the server is killed; the others may be stored or not, and are sent again.
    let unanswered = &names[USERS / 2..];
    send(&mut sender, &names, MESSAGES);
    (0..USERS / 2).for_each(|_| expect_ok(&mut sender));
    world.kill();
    crowd.users_mut().for_each(User::expect_return);
    let send_again = |world: &World| {
        let (reply, mut sender) = Connection::open_with(world.send, &format!("LOGIN:ana:{PASSWORD}"));
        assert!(reply.starts_with("OK;"), "{reply}");
        send(&mut sender, unanswered, MESSAGES);
        unanswered.iter().for_each(|_| expect_ok(&mut sender));
    };
    crowd.users_mut().for_each(|user| user.wanted = MESSAGES + 1);
    std::thread::scope(|scope| {
        let storm = scope.spawn(|| crowd.settle(LONGEST));
        send_again(world.start());
        storm.join().expect("all users");
    });
    crowd.users().for_each(check);
}

/// Sends this message to each user, with an id of its own.
fn send(sender: &mut Connection, names: &[String], message: usize) {
    sender.send(names.iter().map(|name| format!("SEND;{name}-{message};{name};{message}\n")).collect::<String>());
}

fn expect_ok(sender: &mut Connection) {
    let reply = sender.read_line();
    assert!(reply.starts_with("OK;"), "{reply}");
}

/// Checks that a user has each message once, in order.
fn check(user: &User) {
    let ids: Vec<_> = user.events.iter().filter_map(|event| event.split(';').nth(2)).collect();
    let sent: Vec<_> = (0..=MESSAGES).map(|message| format!("{}-{message}", user.name)).collect();
    assert_eq!(ids, sent, "{:?}", user.events);
    assert!(user.resumed <= user.acknowledged, "{} is called acknowledged: {:?}", user.resumed, user.events);
}
