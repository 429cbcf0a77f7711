//! The client in three languages: its table of texts, and the real program.

use std::fmt;
use std::process::{Command, Stdio};

use crate::support::clients::{all_output, exit_code};
use crate::support::{NO_SETTINGS, PASSWORD, WACHAT, World};
use wachat::client::app::commands;
use wachat::protocol::Code;
use wachat::texts::words::ko_in;
use wachat::texts::{Language, Phrase, samples};

const OTHERS: [Language; 2] = [Language::Es, Language::Pt];

/// A phrase in one language.
struct In<'a>(Language, &'a Phrase<'a>);

impl fmt::Display for In<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.write(self.0, f)
    }
}

/// The names of the values in a text, sorted.
fn values(text: &str) -> Vec<&str> {
    let mut values: Vec<_> = text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(v, _)| v).collect();
    values.retain(|value| !["user", "usuario", "usuário", "text", "texto", "#room", "#sala"].contains(value));
    values.sort_unstable();
    values.dedup();
    values
}

#[test]
fn each_phrase_is_in_each_language_and_says_all_of_it() {
    for (name, phrase) in samples() {
        let english = In(Language::En, &phrase).to_string();
        assert!(!english.trim().is_empty(), "{name}");
        for language in OTHERS {
            let text = In(language, &phrase).to_string();
            assert!(!text.trim().is_empty() && text != english, "{name} in {language:?}: {text}");
            assert_eq!(values(&text), values(&english), "{name} in {language:?}: {text}");
            assert_eq!(text.ends_with(' '), english.ends_with(' '), "{name} in {language:?}: {text}");
        }
    }
}

#[test]
fn each_line_of_help_is_in_each_language() {
    let english: Vec<_> = commands::lines(Language::En).collect();
    for language in OTHERS {
        let lines: Vec<_> = commands::lines(language).collect();
        assert_eq!(lines.len(), english.len());
        for ((form, help), (english_form, english_help)) in lines.iter().zip(&english) {
            assert_ne!(help, english_help, "{form} in {language:?}");
            let brackets = |form: &str| form.chars().filter(|c| "/[]<>#".contains(*c)).collect::<String>();
            let verb =
                |form: &str| form.split_whitespace().next().filter(|word| word.starts_with('/')).map(str::to_owned);
            assert_eq!((brackets(form), verb(form)), (brackets(english_form), verb(english_form)), "{language:?}");
        }
    }
}

#[test]
fn each_ko_has_a_sentence_in_each_language() {
    let words = "SYNTAX NO_USER NO_ROOM NO_MESSAGE NAME PASSWORD NOT_MEMBER NO_PEER CONFLICT SEQ QUOTA RATE FULL AUTH \
                 CLOSED EXISTS TOO_LONG TIMEOUT REPLACED SHUTDOWN INTERNAL";
    for word in words.split_whitespace() {
        let code = Code::parse(word);
        assert_ne!(code, Code::Unknown, "{word}");
        assert_eq!(ko_in(Language::En, code), None, "{word}: the server's own sentence is English");
        let [es, pt] = OTHERS.map(|language| ko_in(language, code).unwrap());
        assert!(es != pt && !es.is_empty() && !pt.is_empty(), "{word}");
    }
}

#[test]
fn a_script_is_told_in_its_language() {
    let world = World::without_lobby();
    world.register_clients(&["ana", "luis"]);
    for (language, problem, status, help) in [
        ("en", "@nobody: hola — not sent: there is no such user", "luis: received by the server", "list the commands"),
        (
            "es",
            "@nobody: hola — no enviado: no existe ese usuario",
            "luis: recibido por el servidor",
            "lo que se puede escribir",
        ),
        (
            "pt",
            "@nobody: hola — não enviado: esse usuário não existe",
            "luis: recebida pelo servidor",
            "o que se pode digitar",
        ),
    ] {
        let input = "@nobody: hola\n@luis: hola\n/status luis\n/help\n";
        let output = world.pipe("ana", input, &["--lang", language]);
        let seen = all_output(&output);
        assert_eq!(exit_code(&output), 1, "{seen}");
        for wanted in [problem, status, help] {
            assert!(seen.contains(wanted), "{wanted}: {seen}");
        }
    }
}

#[test]
fn a_person_reads_and_answers_in_their_language() {
    let world = World::new(&[]);
    let mut ana = world.terminal("ana", &["--lang", "es"]);
    let mut luis = world.terminal("luis", &["--lang", "pt"]);
    ana.expect("¿Es la primera vez? Crear la cuenta ana [s/N]");
    ana.type_line("s");
    ana.expect("* conectado a ");
    luis.expect("É a primeira vez? Criar a conta luis [s/N]");
    luis.type_line("s");
    luis.expect("* conectado a ");
    ana.expect("* luis ha entrado en #lobby");
    ana.type_line("@luis: hola");
    luis.expect("ana: hola");
    ana.expect_tick("✓✓ leído", "@luis: hola");
    luis.type_line("@ana: oi");
    luis.expect_tick("✓✓ lido", "@ana: oi");
    luis.type_line("/histroy");
    luis.expect("! não existe o comando /histroy; você quis dizer /history?");
    crate::support::send_signal(world.pid(), "TERM");
    ana.expect("* el servidor no está (el servidor se está parando");
    luis.expect("* o servidor não está disponível (o servidor está parando");
    ana.type_line("/salir");
    luis.type_line("/sair");
    assert_eq!((ana.wait_for_exit(), luis.wait_for_exit()), (Some(0), Some(0)));
}

#[test]
fn the_environment_names_the_language_where_nobody_else_does() {
    let world = World::without_lobby();
    world.register_clients(&["ana"]);
    let ask = |variables: &[(&str, &str)], more: &[&str]| -> String {
        let mut command = Command::new(WACHAT);
        command.args(world.arguments("ana", more)).env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS);
        for name in ["LC_ALL", "LC_MESSAGES", "LANG", "WACHAT_LANG"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A client that refuses its flags may end before it reads.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"no chat\n");
        all_output(&child.wait_with_output().unwrap())
    };
    let english = "there is no current chat";
    let spanish = "no hay chat actual";
    let portuguese = "não há conversa atual";
    for (variables, more, wanted) in [
        (&[][..], &[][..], english),
        (&[("LANG", "es_ES.UTF-8")], &[], spanish),
        (&[("LANG", "es_ES.UTF-8"), ("LC_ALL", "pt_BR.UTF-8")], &[], portuguese),
        (&[("LANG", "es_ES.UTF-8"), ("WACHAT_LANG", "pt")], &[], portuguese),
        (&[("LANG", "es_ES.UTF-8"), ("WACHAT_LANG", "pt")], &["--lang", "en"], english),
    ] {
        let seen = ask(variables, more);
        assert!(seen.contains(wanted), "{variables:?} {more:?}: {seen}");
    }
    assert!(ask(&[], &["--lang", "xx"]).contains("possible values: en, es, pt"));
}

#[test]
fn the_environment_names_a_language() {
    for (all, messages, lang, language) in [
        ("", "", "es_ES.UTF-8", Language::Es),
        ("", "pt_BR", "es_ES.UTF-8", Language::Pt),
        ("C", "pt_BR", "es_ES.UTF-8", Language::En),
        ("es", "", "", Language::Es),
        ("", "", "est_EE", Language::En),
        ("", "", "", Language::En),
    ] {
        let variable = |name: &str| match name {
            "LC_ALL" => Some(all.to_owned()),
            "LC_MESSAGES" => Some(messages.to_owned()),
            "LANG" => Some(lang.to_owned()),
            _ => None,
        };
        assert_eq!(Language::of_environment(variable), language, "{all} {messages} {lang}");
    }
}
