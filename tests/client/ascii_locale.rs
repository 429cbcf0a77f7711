//! A terminal whose locale has no UTF-8: whatever the line mode says there is ASCII, as long as people write ASCII.

use crate::support::clients::{all_output, exit_code};
use crate::support::{NO_SETTINGS, PASSWORD, Terminal, WACHAT, World};

/// The state after a message.
const IN_PLACE: &str = "room for +";

/// A refused message, its row in the history, a long text in a state, what is unread and where one is.
const SESSION: [(&str, &str); 6] = [
    ("@nobody: hola", "not sent: "),
    ("/search hola", "NO_USER"),
    ("@luis: a text that is longer than what a line about it has room for", IN_PLACE),
    ("/status luis", "received by the server"),
    ("/nothing", "there is no command /nothing"),
    ("/unread", "you have read everything"),
];

#[test]
fn every_line_is_in_ascii() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    for term in ["xterm", "dumb"] {
        let variables = [("LC_ALL", "C"), ("TERM", term)];
        let arguments = world.arguments("ana", &["--states"]);
        let mut ana = Terminal::start_program(WACHAT, &arguments, Some(PASSWORD), &variables, [40, 100]);
        ana.expect("#lobby> ");
        for (line, answer) in SESSION {
            ana.type_line(line);
            // Without an editor a state has a line of its own.
            ana.expect(if answer == IN_PLACE && term == "dumb" { "+ @luis: a text" } else { answer });
        }
        ana.quit();
        let written = ana.last_screen();
        let other: Vec<_> = written.lines().filter(|line| !line.is_ascii()).collect();
        assert!(other.is_empty(), "{term}: {other:?}");
        assert!(written.contains("x @nobody: hola -- not sent: "), "{term}: {written}");
    }
}

/// The lines that say why there is no full screen, of a client with these variables in its environment.
fn reasons(world: &World, is_plain: bool, language: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let mut arguments = world.arguments("ana", &["--lang", language]);
    arguments.retain(|argument| is_plain || argument != "--plain");
    let mut ana = Terminal::start_program(WACHAT, &arguments, Some(PASSWORD), variables, [24, 160]);
    // The full screen has this in its last row.
    ana.wait_for_rows("front end", |rows| rows.iter().any(|row| row.contains("#lobby>") || row.contains("F1 ")));
    ana.type_line("/quit");
    assert_eq!(ana.wait_for_exit(), Some(0), "{}", ana.screen());
    let written = ana.last_screen();
    written.lines().filter(|line| line.contains("UTF-8")).map(str::to_owned).collect()
}

#[test]
fn one_line_says_why_there_is_no_full_screen_and_what_to_do() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let advice = "is not UTF-8; set VARIABLE to a UTF-8 locale, such as C.UTF-8, or use --plain";
    for (variables, variable, locale) in [
        (&[("LC_ALL", ""), ("LC_CTYPE", ""), ("LANG", "C")][..], "LANG", "LANG=C"),
        (&[("LC_ALL", "C"), ("LANG", "C.UTF-8")], "LC_ALL", "LC_ALL=C"),
        (&[("LC_ALL", ""), ("LC_CTYPE", "en_US.ISO-8859-1")], "LC_CTYPE", "LC_CTYPE=en_US.ISO-8859-1"),
    ] {
        let wanted = format!("wachat: no full screen, since {locale} {}", advice.replace("VARIABLE", variable));
        assert_eq!(reasons(&world, false, "en", variables), [wanted]);
    }
    let in_spanish = reasons(&world, false, "es", &[("LC_ALL", "C")]);
    assert!(
        in_spanish.len() == 1 && in_spanish[0].contains("pon en LC_ALL una configuracion regional"),
        "{in_spanish:?}"
    );
    // The user chose the line mode, the terminal has no full screen in any locale, or there is a full screen.
    for (is_plain, variables) in
        [(true, &[("LC_ALL", "C")][..]), (false, &[("LC_ALL", "C"), ("TERM", "dumb")]), (false, &[])]
    {
        assert_eq!(reasons(&world, is_plain, "en", variables), [""; 0], "{is_plain} {variables:?}");
    }
}

#[test]
fn the_errors_of_a_pipe_are_in_ascii_too() {
    let world = World::without_lobby();
    world.register_clients(&["ana"]);
    let mut command = std::process::Command::new(WACHAT);
    command.args(world.arguments("ana", &[])).env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS);
    command.env("LC_ALL", "C").stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"@nobody: hola\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(exit_code(&output), 1);
    let said = all_output(&output);
    assert!(said.contains("x @nobody: hola -- not sent: ") && said.is_ascii(), "{said}");
}
