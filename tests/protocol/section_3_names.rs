//! Section 3, names: a new account or room looks like no other.

use crate::support::{Connection, PASSWORD, World};

fn register(world: &World, name: &str, password: &str) -> String {
    Connection::open(world.send).request(&format!("REGISTER:{name}:{password}"))
}

#[track_caller]
fn expect_look_alike(world: &World, name: &str, other: &str) {
    for password in [PASSWORD, "-"] {
        let told = register(world, name, password);
        assert!(told.starts_with("KO;NAME;") && told.contains(&format!("looks like {other},")), "{name}: {told}");
    }
}

#[test]
fn no_new_account_looks_like_another_one() {
    let mut world = World::new(&[]);
    for name in ["luis", "ana0", "marta", "a1", "Олег"] {
        world.register(name);
    }
    for restart in [false, true] {
        if restart {
            world.kill().start();
        }
        let cases =
            [("1uis", "luis"), ("Iuis", "luis"), ("anao", "ana0"), ("anaO", "ana0"), ("rnarta", "marta"), ("al", "a1")];
        cases.iter().for_each(|(name, other)| expect_look_alike(&world, name, other));
        // The very name is taken, and so it is told first.
        assert!(register(&world, "LUIS", PASSWORD).starts_with("KO;EXISTS;"));
        // Whoever has a name logs in.
        world.login("a1");
    }
    for name in ["luisa", "a2", "ana"] {
        world.register(name);
    }
    // A joiner is not seen.
    world.register("क्षमा");
    expect_look_alike(&world, "क्\u{200d}षमा", "क्षमा");
    // A Cyrillic name looks like a Latin one.
    world.register("сора");
    expect_look_alike(&world, "copa", "сора");
}

#[test]
fn no_new_room_looks_like_another_one() {
    let mut world = World::new(&[]);
    let mut ana = world.register("ana");
    assert_eq!(ana.request("JOIN;#sala1"), "OK");
    for restart in [false, true] {
        if restart {
            world.kill().start();
            ana = world.login("ana");
        }
        ana.expect_ko("JOIN;#salal", "NAME");
        ana.expect_ko("JOIN;#1obby", "NAME");
        ana.expect_ko("JOIN;#Iobby", "NAME");
        ana.expect_ko("JOIN;#4\u{308}", "NAME");
        assert_eq!(ana.request("JOIN;#SALA1"), "OK");
        assert_eq!(ana.request("LEAVE;#lobby"), "OK");
        ana.expect_ko("JOIN;#1obby", "NAME");
        ana.expect_ko("JOIN;#Iobby", "NAME");
        assert_eq!(ana.request("JOIN;#lobby"), "OK");
    }
    // The name of a room that is gone is free for its look-alikes.
    assert_eq!(ana.request("LEAVE;#sala1"), "OK");
    assert_eq!(ana.request("JOIN;#salal"), "OK");
    ana.expect_ko("JOIN;#sala1", "NAME");
}

#[test]
fn no_new_name_has_a_mark_on_a_digit_or_a_dot_on_a_dotted_letter() {
    let world = World::new(&[]);
    for name in [
        "4\u{308}",
        "ana7\u{301}",
        "٣\u{64b}",
        "\u{301}ana",
        "_\u{301}",
        "ı\u{307}van",
        "i\u{307}van",
        "j\u{323}\u{307}",
        "і\u{307}н",
    ] {
        let told = register(&world, name, PASSWORD);
        assert!(told.starts_with("KO;NAME;"), "{name:?}: {told}");
    }
    for name in ["josé", "İpek", "हिन्दी", "x\u{307}"] {
        assert!(register(&world, name, PASSWORD).starts_with("OK;"), "{name:?}");
    }
}

/// The reserved names, in any case, and what looks like them.
const RESERVED: [&str; 9] = ["admin", "Admin", "ADMIN", "adrnin", "server", "System", "wachat", "WaChat", "*"];

#[test]
fn no_new_account_speaks_for_the_server() {
    let world = World::new(&["--registration", "auto"]);
    for name in RESERVED {
        for password in [PASSWORD, "-"] {
            let told = register(&world, name, password);
            assert!(
                told.starts_with("KO;NAME;") && told.contains("admin, server, system, wachat, *"),
                "{name}: {told}"
            );
        }
        // A login that would create the account does not.
        let told = Connection::open(world.send).request(&format!("LOGIN:{name}:{PASSWORD}"));
        assert!(told.starts_with("KO;NAME;"), "{name}: {told}");
    }
    for name in ["admin1", "observer", "wachats", "**"] {
        world.register(name);
    }
    assert_eq!(world.login("admin1").request("JOIN;#admin"), "OK", "a room speaks for nobody");
}
