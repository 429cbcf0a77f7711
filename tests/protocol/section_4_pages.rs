//! Lists come in pages, each after a place in a fixed order.

use wachat::limits;

use crate::support::{Connection, World};

/// Fetches a list in pages of this many records. `next` makes the end of a request from the last record of a page.
fn all_pages(line: &mut Connection, request: &str, limit: usize, next: impl Fn(&str) -> String) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    let mut after = String::new();
    loop {
        let page = line.list_without_times(&format!("{request};{limit}{after}"));
        assert!(page.len() <= limit, "{request}: {} records of {limit}", page.len());
        list.extend(page.iter().cloned());
        if page.len() < limit {
            return list;
        }
        after = next(&list[list.len() - 1]);
    }
}

/// The place after a record of a list by name.
fn by_name(record: &str) -> String {
    format!(";{}", first_field(record))
}

fn first_field(record: &str) -> &str {
    record.split(';').next().expect("a field")
}

#[test]
fn lists_by_name_are_whole_in_pages_of_any_size() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    for user in ["Zoë", "пётр", "luis", "BEA", "Álvaro"] {
        let mut line = world.register(user);
        assert_eq!(line.request("JOIN;#sala"), "OK");
        assert_eq!(line.request(&format!("JOIN;#{user}")), "OK");
    }
    ana.request("JOIN;#sala");
    ana.request("SEND;m-1;#sala;hola");
    // By the code points of the mapped names.
    let names = ["ana", "BEA", "luis", "Zoë", "Álvaro", "пётр"];
    let expected = |record: &dyn Fn(&str) -> String| names.map(record);
    for limit in [1, 2, 3, 5, 6, 7, 1000] {
        let mut pages = |request: &str| all_pages(&mut ana, request, limit, by_name);
        assert_eq!(pages("USERS"), expected(&|name| format!("{name};offline;")));
        assert_eq!(pages("MEMBERS;#sala"), expected(&|name| format!("{name};offline")));
        assert_eq!(pages("STATUS;#sala;1"), expected(&|name| format!("{name};RECEIVED"))[1..]);
        let rooms = ["BEA", "luis", "sala", "Zoë", "Álvaro", "пётр"].map(|name| match name {
            "sala" => "#sala;6;yes;open;Zoë;".to_owned(),
            name => format!("#{name};1;no;open;{name};"),
        });
        assert_eq!(pages("ROOMS"), rooms);
    }
}

#[test]
fn a_page_begins_after_a_name_that_need_not_exist() {
    let mut world = World::without_lobby();
    let mut lines: Vec<_> = ["ana", "eva", "luis"].iter().map(|user| world.register(user)).collect();
    lines.iter_mut().for_each(|line| assert_eq!(line.request("JOIN;#sala"), "OK"));
    let check = |world: &mut World, ana: &mut Connection| {
        assert_eq!(ana.list_without_times("USERS;1000;EVA"), ["luis;offline;"], "in either case");
        assert_eq!(ana.list_without_times("USERS;1;bea"), ["eva;offline;"]);
        assert_eq!(ana.list("USERS;1000;zoe"), [""; 0]);
        assert_eq!(ana.list("ROOMS;1;#a"), ["#sala;3;yes;open;ana;"]);
        assert_eq!(ana.list("ROOMS;1;#sala"), [""; 0]);
        assert_eq!(ana.list("MEMBERS;#sala;2;a"), ["ana;offline", "eva;offline"]);
        world.stop();
        world.start();
        *ana = world.login("ana");
    };
    let mut ana = lines.remove(0);
    // Before and after a checkpoint.
    check(&mut world, &mut ana);
    check(&mut world, &mut ana);
    // Members that have left and come back, or were removed, are where they were, or nowhere.
    let mut luis = world.login("luis");
    ["LEAVE;#sala", "JOIN;#sala", "LEAVE;#sala"].iter().for_each(|request| assert_eq!(luis.request(request), "OK"));
    assert_eq!(ana.list("MEMBERS;#sala"), ["ana;offline", "eva;offline"]);
    assert_eq!(luis.request("JOIN;#sala"), "OK");
    assert_eq!(ana.list("MEMBERS;#sala;1;eva"), ["luis;offline"]);
}

#[test]
fn chats_come_in_pages_by_number_and_those_without_a_message_by_name() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    for room in ["#b", "#a", "#d", "#c", "#talk"] {
        assert_eq!(ana.request(&format!("JOIN;{room}")), "OK");
    }
    for user in ["luis", "eva", "leo"] {
        world.register(user);
        assert!(ana.request(&format!("SEND;{user};{user};hola")).starts_with("OK;"));
    }
    for (number, target) in ["#talk", "luis", "ana"].into_iter().enumerate() {
        assert!(ana.request(&format!("SEND;again-{number};{target};hola")).starts_with("OK;"));
    }
    let chats = [
        "ana;6;0;1;0",
        "luis;5;0;2;0",
        "#talk;4;0;1;0",
        "leo;3;0;1;0",
        "eva;2;0;1;0",
        "#a;0;0;0;0",
        "#b;0;0;0;0",
        "#c;0;0;0;0",
        "#d;0;0;0;0",
    ];
    let next = |record: &str| {
        let fields: Vec<_> = record.split(';').collect();
        format!(";{};{}", fields[1], fields[0])
    };
    for round in 0..3 {
        assert_eq!(ana.list("CHATS"), chats, "round {round}");
        for limit in 1..=10 {
            assert_eq!(all_pages(&mut ana, "CHATS", limit, next), chats, "{limit} a page");
        }
        assert_eq!(ana.list("CHATS;2;4"), ["leo;3;0;1;0", "eva;2;0;1;0"], "below a number");
        assert_eq!(ana.list("CHATS;2;2"), ["#a;0;0;0;0", "#b;0;0;0;0"]);
        assert_eq!(ana.list("CHATS;2;0"), [""; 0]);
        assert_eq!(ana.list("CHATS;9;0;#bb"), ["#c;0;0;0;0", "#d;0;0;0;0"]);
        // From the log, and from a checkpoint.
        if round == 0 {
            _ = world.kill()
        } else {
            _ = world.stop()
        }
        ana = world.start().login("ana");
    }
}

#[test]
fn a_page_has_at_most_a_thousand_records() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    let mut ana = world.register("ana");
    let requests: Vec<_> = (0..1_000).map(|room| format!("JOIN;#r{room:04}\n")).collect();
    ana.send(requests.concat());
    requests.iter().for_each(|_| assert_eq!(ana.read_line(), "OK"));
    let mut luis = world.register("luis");
    luis.send("JOIN;#r1000\nJOIN;#r1001\n");
    assert_eq!([luis.read_line(), luis.read_line()], ["OK", "OK"]);
    assert_eq!(ana.list("ROOMS").len(), limits::PAGE_RECORDS);
    assert_eq!(ana.list("ROOMS;1000;#r0999"), ["#r1000;1;no;open;luis;", "#r1001;1;no;open;luis;"]);
}
