//! Colours in the real full screen: whoever asks for them has them, and whoever does not has none.

use crate::support::{PASSWORD, Terminal, WACHAT, World};

#[test]
fn the_flag_says_more_than_the_environment() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    for (flag, no_color, has_colours) in [
        ("always", "1", true),
        ("always", "", true),
        ("auto", "1", false),
        ("auto", "", true),
        ("never", "", false),
        ("never", "1", false),
    ] {
        let mut arguments = world.arguments("ana", &["--color", flag]);
        arguments.retain(|argument| argument != "--plain");
        arguments.push("--no-p2p".to_owned());
        let variables = [("NO_COLOR", no_color)];
        let mut ana = Terminal::start_program(WACHAT, &arguments, Some(PASSWORD), &variables, [20, 70]);
        ana.wait_for_row("F1 help");
        ana.wait_for_rows("a notice", |rows| rows.iter().any(|row| row.contains("* connected to")));
        ana.quit();
        assert_eq!(ana.last_screen().contains("\u{1b}[38;"), has_colours, "{flag} {no_color:?}");
    }
}
