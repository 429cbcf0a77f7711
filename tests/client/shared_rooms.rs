//! `/whois`, for all pairs of users and all ways to be in a room: the rooms that it names are those of both.

use crate::support::World;
use crate::support::clients::all_output;

const USERS: [&str; 3] = ["ana", "luis", "eva"];

/// Checks that this user is in the room, which is named by the bits of its members.
fn is_in(room: usize, user: usize) -> bool {
    room & 1 << user != 0
}

#[test]
fn whois_names_the_rooms_of_both_and_no_other() {
    let world = World::without_lobby();
    for (user, name) in USERS.into_iter().enumerate() {
        let mut line = world.register(name);
        for room in (1..8).filter(|room| is_in(*room, user)) {
            assert_eq!(line.request(&format!("JOIN;#r{room}")), "OK");
        }
    }
    for (asker, name) in USERS.into_iter().enumerate() {
        let questions: String = USERS.into_iter().map(|other| format!("/whois {other}\n")).collect();
        let said = all_output(&world.pipe(name, &questions, &[]));
        let lines: Vec<_> =
            said.lines().filter_map(|line| line.split_once("with you in ")).map(|(_, rooms)| rooms).collect();
        let shared = |other: usize| {
            let rooms = (1..8).filter(|room| is_in(*room, asker) && is_in(*room, other));
            rooms.map(|room| format!("#r{room}")).collect::<Vec<_>>().join(" ")
        };
        let expected: Vec<_> = (0..USERS.len()).map(shared).collect();
        assert_eq!(lines, expected, "{name} asks: {said}");
    }
}

/// The rooms of others take no place, though their names come before.
#[test]
fn whois_names_the_rooms_of_both_however_many_there_are_of_others() {
    let world = World::new(&["--no-limits"]);
    for user in ["eva", "leo", "nora"] {
        let mut line = world.register(user);
        for room in 0..20 {
            assert_eq!(line.request(&format!("JOIN;#{user}{room}")), "OK");
        }
    }
    for user in ["ana", "luis"] {
        let mut line = world.register(user);
        assert_eq!(line.request("JOIN;#zona"), "OK");
    }
    let said = all_output(&world.pipe("ana", "/whois luis\n", &[]));
    assert!(said.contains("with you in #lobby #zona"), "{said}");
}
