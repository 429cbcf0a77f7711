//! The table of commands. The parser, `/help`, "did you mean" and the README's table are made from it: a new
//! command is a new row.

use super::arguments::{Parsed, Refusal, history, none, optional_room, optional_target, optional_user, say, search};
use super::command::Command;
use crate::client::texts::{Language, Three, three};

/// A row of the table.
pub struct CommandRow {
    pub verb: &'static str,
    /// Other names of the same command.
    pub aliases: &'static [&'static str],
    pub form: Three,
    pub help: Three,
    pub(super) parse: fn(&str) -> Parsed,
}

impl CommandRow {
    /// Returns its help text, and its other names.
    pub fn explained(&self, language: Language) -> String {
        let help = self.help.text(language);
        match self.aliases {
            [] => help.to_owned(),
            aliases => format!("{help} ({})", aliases.join(" ")),
        }
    }
}

pub const COMMANDS: &[CommandRow] = &[
    CommandRow {
        verb: "/msg",
        aliases: &["/whisper", "/w"],
        form: three("/msg <user or #room> <text>", "/msg <usuario o #sala> <texto>", "/msg <usuário ou #sala> <texto>"),
        help: three(
            "send a message; @<user>: <text> does the same",
            "envía un mensaje; @<usuario>: <texto> hace lo mismo",
            "envia uma mensagem; @<usuário>: <texto> faz o mesmo",
        ),
        parse: |rest| {
            let (to, text) = rest.split_once(char::is_whitespace).ok_or(Refusal::Form)?;
            say(Some(to), text.trim_start())
        },
    },
    CommandRow {
        verb: "/me",
        aliases: &[],
        form: three("/me <text>", "/me <texto>", "/me <texto>"),
        help: three(
            "say in the current chat what you do: * ana waves",
            "di en el chat actual lo que haces: * ana saluda",
            "diz na conversa atual o que você faz: * ana acena",
        ),
        parse: |rest| if rest.is_empty() { Err(Refusal::Form) } else { say(None, &format!("/me {rest}")) },
    },
    CommandRow {
        verb: "/query",
        aliases: &[],
        form: three("/query [user or #room]", "/query [usuario o #sala]", "/query [usuário ou #sala]"),
        help: three(
            "choose the current chat: where a line without a command goes; alone, none",
            "elige el chat actual: adonde va una línea sin comando; a secas, ninguno",
            "escolhe a conversa atual: para onde vai uma linha sem comando; sozinho, nenhuma",
        ),
        parse: |rest| optional_target(rest).map(Command::Query),
    },
    CommandRow {
        verb: "/history",
        aliases: &[],
        form: three(
            "/history [user or #room] [how many]",
            "/history [usuario o #sala] [cuántos]",
            "/history [usuário ou #sala] [quantas]",
        ),
        help: three(
            "look back, here or there",
            "mira lo anterior, aquí o allí",
            "mostra o que foi dito antes, aqui ou ali",
        ),
        parse: history,
    },
    CommandRow {
        verb: "/search",
        aliases: &[],
        form: three("/search <words>", "/search <palabras>", "/search <palavras>"),
        help: three(
            "find messages with all these words in your history",
            "busca en tu historial los mensajes con todas estas palabras",
            "procura no seu histórico as mensagens com todas estas palavras",
        ),
        parse: search,
    },
    CommandRow {
        verb: "/unread",
        aliases: &[],
        form: Three::same("/unread"),
        help: three(
            "where something is that you have not read, and how much",
            "dónde hay algo que no has leído, y cuánto",
            "onde há algo que você não leu, e quanto",
        ),
        parse: |rest| none(rest, Command::Unread),
    },
    CommandRow {
        verb: "/read",
        aliases: &[],
        form: three("/read [user or #room]", "/read [usuario o #sala]", "/read [usuário ou #sala]"),
        help: three(
            "say that you have read everything, there or everywhere",
            "avisa de que has leído todo, allí o en todas partes",
            "avisa que você leu tudo, ali ou em toda parte",
        ),
        parse: |rest| optional_target(rest).map(Command::Read),
    },
    CommandRow {
        verb: "/status",
        aliases: &[],
        form: three("/status [user or #room]", "/status [usuario o #sala]", "/status [usuário ou #sala]"),
        help: three(
            "the connection and what waits; with a name, how far your last message there has come",
            "la conexión y lo que espera; con un nombre, hasta dónde ha llegado tu último mensaje allí",
            "a conexão e o que espera; com um nome, até onde chegou sua última mensagem ali",
        ),
        parse: |rest| optional_target(rest).map(Command::Status),
    },
    CommandRow {
        verb: "/users",
        aliases: &["@lista"],
        form: Three::same("/users"),
        help: three("everybody, and who is online", "todos, y quién está en línea", "todos, e quem está online"),
        parse: |rest| none(rest, Command::Users),
    },
    CommandRow {
        verb: "/whois",
        aliases: &[],
        form: three("/whois <user>", "/whois <usuario>", "/whois <usuário>"),
        help: three(
            "whether somebody is online, or when they were last, the rooms you share, and what was last said",
            "si alguien está en línea, o cuándo estuvo, las salas en común y lo último que se dijo",
            "se alguém está online, ou quando esteve, as salas em comum e o que se disse por último",
        ),
        parse: |rest| optional_user(rest)?.map(Command::Whois).ok_or(Refusal::Form),
    },
    CommandRow {
        verb: "/ignore",
        aliases: &[],
        form: three("/ignore [user]", "/ignore [usuario]", "/ignore [usuário]"),
        help: three(
            "hide what somebody says, or show it again; alone, who is hidden",
            "oculta lo que dice alguien, o lo vuelve a mostrar; a secas, a quién ocultas",
            "oculta o que alguém diz, ou volta a mostrar; sozinho, quem está oculto",
        ),
        parse: |rest| optional_user(rest).map(Command::Ignore),
    },
    CommandRow {
        verb: "/join",
        aliases: &[],
        form: three("/join <#room>", "/join <#sala>", "/join <#sala>"),
        help: three(
            "come into a room, or make it; it is the current chat then",
            "entra en una sala, o la crea; pasa a ser el chat actual",
            "entra em uma sala, ou a cria; ela passa a ser a conversa atual",
        ),
        parse: |rest| optional_room(rest)?.map(Command::Join).ok_or(Refusal::Form),
    },
    CommandRow {
        verb: "/leave",
        aliases: &[],
        form: three("/leave [#room]", "/leave [#sala]", "/leave [#sala]"),
        help: three(
            "leave a room; alone, the one that is the current chat",
            "sale de una sala; a secas, de la que es el chat actual",
            "sai de uma sala; sozinho, da que é a conversa atual",
        ),
        parse: |rest| optional_room(rest).map(Command::Leave),
    },
    CommandRow {
        verb: "/rooms",
        aliases: &[],
        form: Three::same("/rooms"),
        help: three(
            "all rooms, and which of them you are in",
            "todas las salas, y en cuáles estás",
            "todas as salas, e em quais você está",
        ),
        parse: |rest| none(rest, Command::Rooms),
    },
    CommandRow {
        verb: "/names",
        aliases: &[],
        form: three("/names [#room]", "/names [#sala]", "/names [#sala]"),
        help: three(
            "who is in a room, and who of them is online",
            "quién está en una sala, y quién de ellos en línea",
            "quem está em uma sala, e quem deles online",
        ),
        parse: |rest| optional_room(rest).map(Command::Members),
    },
    CommandRow {
        verb: "/p2p",
        aliases: &[],
        form: three("/p2p [user]", "/p2p [usuario]", "/p2p [usuário]"),
        help: three(
            "talk to a user directly, without the server, until exit or /close; alone, what is open",
            "habla con alguien directamente, sin el servidor, hasta exit o /close; a secas, lo que está abierto",
            "fala com alguém diretamente, sem o servidor, até exit ou /close; sozinho, o que está aberto",
        ),
        parse: |rest| optional_user(rest).map(Command::Direct),
    },
    CommandRow {
        verb: "/close",
        aliases: &[],
        form: Three::same("/close"),
        help: three("end the direct chat", "termina el chat directo", "encerra a conversa direta"),
        parse: |rest| none(rest, Command::Close),
    },
    CommandRow {
        verb: "/resend",
        aliases: &[],
        form: Three::same("/resend"),
        help: three(
            "send by way of the server what was not confirmed in a direct chat",
            "envía por el servidor lo que no se confirmó en un chat directo",
            "envia pelo servidor o que não foi confirmado em uma conversa direta",
        ),
        parse: |rest| none(rest, Command::Resend),
    },
    CommandRow {
        verb: "/clear",
        aliases: &[],
        form: Three::same("/clear"),
        help: three("clear the screen", "limpia la pantalla", "limpa a tela"),
        parse: |rest| none(rest, Command::Clear),
    },
    CommandRow {
        verb: "/help",
        aliases: &["/ayuda", "/ajuda"],
        form: three("/help [command]", "/help [comando]", "/help [comando]"),
        help: three("what can be typed", "lo que se puede escribir", "o que se pode digitar"),
        parse: |rest| Ok(Command::Help((!rest.is_empty()).then(|| rest.to_owned()))),
    },
    CommandRow {
        verb: "/quit",
        aliases: &["/salir", "/sair", "@salir"],
        form: Three::same("/quit"),
        help: three(
            "leave; what waits in the outbox is sent next time",
            "sale; lo que espera se envía la próxima vez",
            "sai; o que está na fila é enviado da próxima vez",
        ),
        parse: |rest| none(rest, Command::Quit),
    },
];

/// The lines that are no commands, and their effect.
pub const PLAIN: &[(Three, Three)] = &[
    (
        three("<text>", "<texto>", "<texto>"),
        three(
            "say it in the current chat; //<text> begins with a slash",
            "dilo en el chat actual; //<texto> empieza con una barra",
            "diz isso na conversa atual; //<texto> começa com uma barra",
        ),
    ),
    (
        three("<text>\\", "<texto>\\", "<texto>\\"),
        three("go on with the next line", "sigue en la línea siguiente", "continua na linha seguinte"),
    ),
];

/// Returns the form and the effect of every line that can be typed.
pub fn lines(language: Language) -> impl Iterator<Item = (&'static str, String)> {
    let commands = COMMANDS.iter().map(move |row| (row.form.text(language), row.explained(language)));
    commands.chain(PLAIN.iter().map(move |(form, help)| (form.text(language), help.text(language).to_owned())))
}

/// Finds the row of a verb or an alias, in either case, with or without its slash.
pub fn find(verb: &str) -> Option<&'static CommandRow> {
    COMMANDS.iter().find(|row| names(row).any(|name| bare(name) == bare(verb)))
}

/// Returns a row's verb and aliases.
pub fn names(row: &CommandRow) -> impl Iterator<Item = &'static str> {
    std::iter::once(row.verb).chain(row.aliases.iter().copied())
}

/// Returns a verb without its slash, in small letters.
pub fn bare(verb: &str) -> String {
    verb.trim_start_matches('/').to_lowercase()
}
