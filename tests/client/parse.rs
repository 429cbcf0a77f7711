//! Lines that are typed, and the commands that they are.

use wachat::client::app::command::Command;
use wachat::client::app::parse::parse;
use wachat::client::link::request::RoomChange;
use wachat::client::state::record::Switch;
use wachat::limits;
use wachat::model::{Email, RoomKind, RoomName, Target, Text, Topic, UserName};

fn said(to: Option<&str>, text: &str) -> Result<Command, String> {
    Ok(Command::Say { to: to.map(|to| Target::parse(to).unwrap()), text: Text::new(text).unwrap() })
}

#[test]
fn a_line_is_parsed_to_a_text_and_its_target() {
    assert_eq!(parse("/msg luis hola,  ¿qué tal?"), said(Some("luis"), "hola,  ¿qué tal?"));
    assert_eq!(parse("@luis: hola"), said(Some("luis"), "hola"));
    assert_eq!(parse("@luis:hola: sí"), said(Some("luis"), "hola: sí"));
    assert_eq!(parse("@#sala: hola"), said(Some("#sala"), "hola"));
    assert_eq!(parse("hola"), said(None, "hola"));
    assert_eq!(parse("  indented "), said(None, "  indented "));
    assert_eq!(parse("//quit is a command"), said(None, "/quit is a command"));
    assert_eq!(parse(""), Ok(Command::Nothing));
    assert_eq!(parse("  "), Ok(Command::Blank));
}

#[test]
fn commands_and_their_arguments() {
    let luis = || Some(Target::parse("luis").unwrap());
    assert_eq!(parse("/QUERY luis "), Ok(Command::Query(luis())));
    assert_eq!(parse("/query"), Ok(Command::Query(None)));
    assert_eq!(parse("/history luis 5"), Ok(Command::History { target: luis(), count: 5 }));
    assert_eq!(parse("/history 5"), Ok(Command::History { target: None, count: 5 }));
    assert_eq!(parse("/help msg"), Ok(Command::Help(Some("msg".to_owned()))));
    for line in ["/quit", "/exit", "/q", "/salir", "/SAIR", "@salir", "@salir "] {
        assert_eq!(parse(line), Ok(Command::Quit), "{line}");
    }
    assert_eq!(parse("/list"), Ok(Command::Rooms));
    assert_eq!(parse("/part"), Ok(Command::Leave(None)));
    assert_eq!(parse("/part #sala"), Ok(Command::Leave(Some(RoomName::new("#sala").unwrap()))));
    assert_eq!(parse("@lista"), Ok(Command::Users));
    assert_eq!(parse("@lista: hola"), said(Some("lista"), "hola"));
    assert_eq!(parse("/w luis hola"), said(Some("luis"), "hola"));
    assert_eq!(parse("/me waves"), said(None, "/me waves"));
}

#[test]
fn a_room_is_named_with_or_without_its_sign() {
    let join = |sure| Ok(Command::Join { room: RoomName::new("#sala").unwrap(), sure });
    assert_eq!(parse("/join sala"), join(false));
    assert_eq!(parse("/join #sala"), join(false));
    assert_eq!(parse("/join sala new"), join(true));
    assert_eq!(parse("/join #sala  nueva "), join(true));
}

#[test]
fn what_an_owner_changes_is_in_a_named_room_or_the_current_one() {
    let change = |change: RoomChange, line: &str| {
        let sala = RoomName::new("#sala").unwrap();
        let (verb, rest) = line.split_once(' ').unwrap();
        assert_eq!(parse(line), Ok(Command::Change(None, change.clone())), "{line}");
        let line = format!("{verb} #sala  {rest}");
        assert_eq!(parse(&line), Ok(Command::Change(Some(sala), change)), "{line}");
    };
    for word in ["open", "abierta", "aberta"] {
        change(RoomChange::Kind(RoomKind::Open), &format!("/room {word}"));
    }
    for word in ["invite", "invitación", "invitacion", "convite"] {
        change(RoomChange::Kind(RoomKind::Invite), &format!("/room {word}"));
    }
    let topic = |text: &str| RoomChange::Topic(Topic::new(text).unwrap());
    change(topic("la  entrega; el #2"), "/topic la  entrega; el #2");
    for word in ["none", "ninguno", "nenhum"] {
        change(topic(""), &format!("/topic {word}"));
    }
    let most = "x".repeat(limits::TOPIC_BYTES);
    change(topic(&most), &format!("/topic {most}"));
    assert!(parse(&format!("/topic {most}x")).unwrap_err().starts_with("a topic has no control characters"));
    let luis = || UserName::new("luis").unwrap();
    change(RoomChange::Invite(luis()), "/invite luis");
    change(RoomChange::Kick(luis()), "/KICK @luis");
    change(RoomChange::Owner(luis()), "/owner luis ");
    assert_eq!(parse("/invite luis  #sala"), parse("/invite #sala luis"));
    assert_eq!(parse("/topic"), Ok(Command::Topic(None)));
    assert_eq!(parse("/topic #sala "), Ok(Command::Topic(Some(RoomName::new("#sala").unwrap()))));
}

#[test]
fn settings_and_addresses() {
    assert_eq!(parse("/set"), Ok(Command::Set(None)));
    assert_eq!(parse("/set quiet on"), Ok(Command::Set(Some((Switch::Quiet, true)))));
    assert_eq!(parse("/set  quiet  não"), Ok(Command::Set(Some((Switch::Quiet, false)))));
    assert_eq!(parse("/email ana@example.org"), Ok(Command::Email(Email::new("ana@example.org").unwrap())));
    assert_eq!(parse("/email none"), Ok(Command::Email(Email::default())));
    assert_eq!(parse("/r"), Ok(Command::Reply(None)));
    assert_eq!(parse("/reply hola  tú"), Ok(Command::Reply(Text::new("hola  tú"))));
}

#[test]
fn a_refused_line_names_the_right_one() {
    for (line, hint) in [
        ("/mgs luis hola", "did you mean /msg?"),
        ("/histroy", "did you mean /history?"),
        ("/hist", "did you mean /history?"),
        ("/wisper luis hola", "did you mean /whisper?"),
        ("/ayda", "did you mean /ayuda?"),
        ("/xyzzy", "/help lists"),
        ("/room", "/room [#room] <open or invite>"),
        ("/room #sala", "/room [#room] <open or invite>"),
        ("/room sala open", "/room [#room] <open or invite>"),
        ("/room #a/b open", "is not a name"),
        ("/topic #a/b hola", "is not a name"),
        ("/topic a\u{7}b", "a topic has no control characters and at most 200 bytes"),
        ("/invite", "/invite [#room] <user>"),
        ("/invite #sala", "/invite [#room] <user>"),
        ("/kick #sala #otra", "/kick [#room] <user>"),
        ("/kick luis eva", "/kick [#room] <user>"),
        ("/owner #sala luis eva", "/owner [#room] <user>"),
        ("/whois luis eva", "/whois <user>"),
        ("/nick eva", "wachat connect --user NAME"),
        ("/nic", "/help lists"),
        ("/to", "/help lists"),
        ("/a", "/help lists"),
        ("/join", "/join <#room> [new]"),
        ("/join #sala now", "/join <#room> [new]"),
        ("/join #a/b", "is not a name"),
        ("@luis:  ", "an empty message is not sent"),
        ("/msg luis  ", "/msg <user or #room> <text>"),
        ("/email ana", "ana is not an e-mail address"),
        ("/email", "/email <address or none>"),
        ("/set quiet", "/set [quiet <on or off>]"),
        ("/set loud on", "/set [quiet <on or off>]"),
        ("/msg luis", "/msg <user or #room> <text>"),
        ("/quit now", "the form is: /quit"),
        ("/history luis 0", "/history [user or #room] [how many]"),
        ("@luis hola", "@<user>: <text>"),
        ("/msg a/b hola", "is not a name"),
        ("\u{1b}[A", "control characters"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.contains(hint), "{line:?}: {error}");
    }
}
