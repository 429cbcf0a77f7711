//! The table of commands. The parser, `/help`, "did you mean" and the tables of the pages are made from it: a new
//! command is a new row.

use super::arguments::{
    Parsed, Refusal, act, email, erase, forget, history, join, log_out, none, optional_room, optional_target,
    optional_text, optional_user, permit, room_and_user, room_kind, say_to, search, set, topic,
};
use super::command::Command;
use crate::client::link::request::RoomChange;
use crate::texts::{Language, Three, three};

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

/// Makes the table: of each command its verb, aliases and parser, and then form and help, in English, Spanish and
/// Portuguese. A command without arguments is its own form.
macro_rules! commands {
    ($($verb:literal $aliases:tt, $parse:expr; $(form $($form:literal),+;)? help $($help:literal),+;)+) => {
        pub(crate) const COMMANDS: &[CommandRow] = &[$(CommandRow {
            verb: $verb,
            aliases: &$aliases,
            form: commands!(@form $verb $(, $($form),+)?),
            help: three($($help),+),
            parse: $parse,
        }),+];
    };
    (@form $verb:literal) => { three($verb, $verb, $verb) };
    (@form $verb:literal, $($form:literal),+) => { three($($form),+) };
}

commands! {
    "/msg" ["/whisper", "/w"], say_to;
        form "/msg <user or #room> <text>", "/msg <usuario o #sala> <texto>", "/msg <usuário ou #sala> <texto>";
        help "send a message; @<user>: <text> does the same",
            "envía un mensaje; @<usuario>: <texto> hace lo mismo",
            "envia uma mensagem; @<usuário>: <texto> faz o mesmo";
    "/me" [], act;
        form "/me <text>", "/me <texto>", "/me <texto>";
        help "send an action to the current chat: * ana waves",
            "di en el chat actual lo que haces: * ana saluda", "diz na conversa atual o que você faz: * ana acena";
    "/reply" ["/r"], |rest| optional_text(rest).map(Command::Reply);
        form "/reply [text]", "/reply [texto]", "/reply [texto]";
        help "answer the user who last wrote to you alone; without a text, make that the current chat",
            "responde a quien te ha escrito por último a ti solo; a secas, pasa a ser el chat actual",
            "responde a quem escreveu por último só para você; sozinho, passa a ser a conversa atual";
    "/away" [], |rest| optional_text(rest).map(Command::Away);
        form "/away [text]", "/away [texto]", "/away [texto]";
        help "while this client runs, answer each user who writes to you alone with this text, once; alone, stop that",
            "mientras este cliente esté abierto, responde con este texto, una vez, a cada persona que te escriba a ti solo; a secas, deja de hacerlo",
            "enquanto este cliente estiver aberto, responde com este texto, uma vez, a cada pessoa que escrever só para você; sozinho, deixa de fazer isso";
    "/query" [], |rest| optional_target(rest).map(Command::Query);
        form "/query [user or #room]", "/query [usuario o #sala]", "/query [usuário ou #sala]";
        help "choose the current chat: where a line without a command goes; alone, none",
            "elige el chat actual: adonde va una línea sin comando; a secas, ninguno",
            "escolhe a conversa atual: para onde vai uma linha sem comando; sozinho, nenhuma";
    "/history" [], history;
        form "/history [user or #room] [how many]",
            "/history [usuario o #sala] [cuántos]", "/history [usuário ou #sala] [quantas]";
        help "show the last messages, of this chat or of another", "mira lo anterior, aquí o allí", "mostra o que foi dito antes, aqui ou ali";
    "/search" [], search;
        form "/search <words>", "/search <palabras>", "/search <palavras>";
        help "find messages with all these words in your history",
            "busca en tu historial los mensajes con todas estas palabras",
            "procura no seu histórico as mensagens com todas estas palavras";
    "/erase" [], erase;
        form "/erase [user] [number]", "/erase [usuario] [número]", "/erase [usuário] [número]";
        help "take back your last message in this chat, everywhere, within a day; with 2, the one before it, and so on; with a user, theirs, in a room of yours",
            "retira tu último mensaje de este chat, en todas partes, durante un día; con 2, el de antes, y así; con un usuario, el suyo, en una sala tuya",
            "retira sua última mensagem desta conversa, em toda parte, durante um dia; com 2, a anterior, e assim por diante; com um usuário, a dele, em uma sala sua";
    "/unread" [], |rest| none(rest, Command::Unread);
        help "show which conversations have unread messages, and how many",
            "dónde hay algo que no has leído, y cuánto", "onde há algo que você não leu, e quanto";
    "/read" [], |rest| optional_target(rest).map(Command::Read);
        form "/read [user or #room]", "/read [usuario o #sala]", "/read [usuário ou #sala]";
        help "mark all messages as read, there or everywhere",
            "avisa de que has leído todo, allí o en todas partes", "avisa que você leu tudo, ali ou em toda parte";
    "/status" [], |rest| optional_target(rest).map(Command::Status);
        form "/status [user or #room]", "/status [usuario o #sala]", "/status [usuário ou #sala]";
        help "show the connection and the outbox; with a name, the state of your last message there",
            "la conexión y lo que espera; con un nombre, hasta dónde ha llegado tu último mensaje allí",
            "a conexão e o que espera; com um nome, até onde chegou sua última mensagem ali";
    "/users" ["@lista"], |rest| none(rest, Command::Users);
        help "list all users, and which of them are online", "todos, y quién está en línea", "todos, e quem está online";
    "/whois" [], |rest| optional_user(rest)?.map(Command::Whois).ok_or(Refusal::Form);
        form "/whois <user>", "/whois <usuario>", "/whois <usuário>";
        help "show a user's presence or last visit, the rooms you share, and the last message",
            "si alguien está en línea, o cuándo estuvo, las salas en común y lo último que se dijo",
            "se alguém está online, ou quando esteve, as salas em comum e o que se disse por último";
    "/ignore" [], |rest| optional_user(rest).map(Command::Ignore);
        form "/ignore [user]", "/ignore [usuario]", "/ignore [usuário]";
        help "hide a user's messages, or show them again; alone, list the hidden users",
            "oculta lo que dice alguien, o lo vuelve a mostrar; a secas, a quién ocultas",
            "oculta o que alguém diz, ou volta a mostrar; sozinho, quem está oculto";
    "/mute" [], |rest| optional_target(rest).map(Command::Mute);
        form "/mute [user or #room]", "/mute [usuario o #sala]", "/mute [usuário ou #sala]";
        help "no bell and no notice for a conversation, or again; alone, for the current chat",
            "ni timbre ni avisos de una conversación, o de nuevo; a secas, del chat actual",
            "sem som nem avisos de uma conversa, ou de novo; sozinho, da conversa atual";
    "/join" [], join;
        form "/join <#room> [new]", "/join <#sala> [nueva]", "/join <#sala> [nova]";
        help "join a room, or create it; it becomes the current chat; new: create it though another has nearly the same name",
            "entra en una sala, o la crea; pasa a ser el chat actual; nueva: la crea aunque otra se llame casi igual",
            "entra em uma sala, ou a cria; ela passa a ser a conversa atual; nova: cria mesmo que outra tenha quase o mesmo nome";
    "/leave" ["/part"], |rest| optional_room(rest).map(Command::Leave);
        form "/leave [#room]", "/leave [#sala]", "/leave [#sala]";
        help "leave a room; alone, the current chat",
            "sale de una sala; a secas, de la que es el chat actual",
            "sai de uma sala; sozinho, da que é a conversa atual";
    "/rooms" ["/list"], |rest| none(rest, Command::Rooms);
        help "list all rooms: which of them you are in or are invited to, their owners and topics",
            "todas las salas: en cuáles estás o a cuáles te invitan, de quién son y de qué tratan",
            "todas as salas: em quais você está ou para quais convidam você, de quem são e do que tratam";
    "/names" [], |rest| optional_room(rest).map(Command::Members);
        form "/names [#room]", "/names [#sala]", "/names [#sala]";
        help "list the members of a room, and which of them are online",
            "quién está en una sala, y quién de ellos en línea", "quem está em uma sala, e quem deles online";
    "/room" [], room_kind;
        form "/room [#room] <open or invite>", "/room [#sala] <abierta o invitación>", "/room [#sala] <aberta ou convite>";
        help "let everybody join your room, or only whom you invite; creates the room if there is none",
            "deja entrar en tu sala a cualquiera, o solo a quien invites; crea la sala si no existe",
            "deixa qualquer um entrar na sua sala, ou só quem você convidar; cria a sala se ela não existe";
    "/topic" [], topic;
        form "/topic [#room] [text or none]", "/topic [#sala] [texto o ninguno]", "/topic [#sala] [texto ou nenhum]";
        help "set the topic of your room, or remove it; without a text, show the topic of a room",
            "pon el tema de tu sala, o quítalo; sin texto, muestra el tema de una sala",
            "define o tópico da sua sala, ou o remove; sem texto, mostra o tópico de uma sala";
    "/invite" [], |rest| room_and_user(rest, RoomChange::Invite);
        form "/invite [#room] <user>", "/invite [#sala] <usuario>", "/invite [#sala] <usuário>";
        help "invite a user to your room", "invita a alguien a tu sala", "convida alguém para a sua sala";
    "/kick" [], |rest| room_and_user(rest, RoomChange::Kick);
        form "/kick [#room] <user>", "/kick [#sala] <usuario>", "/kick [#sala] <usuário>";
        help "put a user out of your room; to return takes an invitation",
            "echa a alguien de tu sala; para volver hace falta una invitación",
            "tira alguém da sua sala; para voltar é preciso um convite";
    "/owner" [], |rest| room_and_user(rest, RoomChange::Owner);
        form "/owner [#room] <user>", "/owner [#sala] <usuario>", "/owner [#sala] <usuário>";
        help "give your room to another member",
            "da tu sala a otro miembro", "dá a sua sala a outro membro";
    "/p2p" [], |rest| optional_user(rest).map(Command::Direct);
        form "/p2p [user]", "/p2p [usuario]", "/p2p [usuário]";
        help "open a direct chat, without the server, until exit or /close; alone, list the open ones",
            "habla con alguien directamente, sin el servidor, hasta exit o /close; a secas, lo que está abierto",
            "fala com alguém diretamente, sem o servidor, até exit ou /close; sozinho, o que está aberto";
    "/accept" [], |rest| optional_user(rest).map(Command::Accept);
        form "/accept [user]", "/accept [usuario]", "/accept [usuário]";
        help "accept the direct chat that a user wants to have with you, or let that user call you; alone, list who waits for that",
            "acepta el chat directo que alguien quiere tener contigo, o le deja llamarte; a secas, quién lo espera",
            "aceita a conversa direta que alguém quer ter com você, ou o deixa chamar você; sozinho, quem espera por isso";
    "/deny" [], |rest| optional_user(rest)?.map(Command::Deny).ok_or(Refusal::Form);
        form "/deny <user>", "/deny <usuario>", "/deny <usuário>";
        help "end the call of a user who waits for /accept; nothing is kept of it",
            "termina la llamada de alguien que espera tu /accept; no se guarda nada de ella",
            "encerra a chamada de alguém que espera seu /accept; nada dela é guardado";
    "/permit" [], permit;
        form "/permit [<user> <yes or no>]", "/permit [<usuario> <sí o no>]", "/permit [<usuário> <sim ou não>]";
        help "let a user call you for direct chats, or not, even if you have written to that user; alone, list whom you let and whom not",
            "deja a alguien llamarte para chats directos, o no, aunque le hayas escrito; a secas, a quién dejas y a quién no",
            "deixa alguém chamar você para conversas diretas, ou não, mesmo que você lhe tenha escrito; sozinho, quem pode e quem não";
    "/close" [], |rest| none(rest, Command::Close);
        help "end the direct chat", "termina el chat directo", "encerra a conversa direta";
    "/resend" [], |rest| none(rest, Command::Resend);
        help "send the unconfirmed messages of a direct chat through the server",
            "envía por el servidor lo que no se confirmó en un chat directo",
            "envia pelo servidor o que não foi confirmado em uma conversa direta";
    "/sessions" [], |rest| none(rest, Command::Sessions);
        help "list your open connections to the server, with the number of each",
            "tus conexiones abiertas con el servidor, con su número", "suas conexões abertas com o servidor, com seus números";
    "/logout" [], log_out;
        form "/logout <number or others>", "/logout <número u otras>", "/logout <número ou outras>";
        help "close one of your connections by its number, or all but those of this client",
            "cierra una de tus conexiones por su número, o todas menos las de este cliente",
            "fecha uma de suas conexões pelo número, ou todas menos as deste cliente";
    "/devices" [], |rest| none(rest, Command::Devices);
        help "list your devices: when each was last used, and whether it logs in with a key",
            "tus dispositivos: cuándo se usó cada uno, y si entra con una clave guardada",
            "seus dispositivos: quando cada um foi usado, e se entra com uma chave guardada";
    "/forget" [], forget;
        form "/forget <device>", "/forget <dispositivo>", "/forget <dispositivo>";
        help "forget one of your devices: its key ends, and its connections are closed",
            "olvida uno de tus dispositivos: su clave deja de valer, y sus conexiones se cierran",
            "esquece um dos seus dispositivos: a chave dele deixa de valer, e as conexões se fecham";
    "/passwd" [], |rest| none(rest, Command::Passwd);
        help "change your password: the old one and the new one are asked for, and not shown",
            "cambia tu contraseña: se preguntan la de ahora y la nueva, y no se muestran",
            "muda sua senha: a atual e a nova são perguntadas, e não são mostradas";
    "/email" [], email;
        form "/email <address or none>", "/email <dirección o ninguna>", "/email <endereço ou nenhum>";
        help "set the e-mail address that the administrator of the server sees, or remove it",
            "pon la dirección de correo que ve quien administra el servidor, o quítala",
            "define o endereço de e-mail que quem administra o servidor vê, ou o remove";
    "/set" [], set;
        form "/set [quiet <on or off>]", "/set [quiet <sí o no>]", "/set [quiet <sim ou não>]";
        help "quiet: hide the lines that say who joins, leaves, comes and goes; alone, show the settings",
            "quiet: oculta las líneas que dicen quién entra, sale, viene y se va; a secas, muestra los ajustes",
            "quiet: oculta as linhas que dizem quem entra, sai, vem e vai; sozinho, mostra os ajustes";
    "/clear" [], |rest| none(rest, Command::Clear);
        help "clear the screen", "limpia la pantalla", "limpa a tela";
    "/help" ["/ayuda", "/ajuda"], |rest| Ok(Command::Help((!rest.is_empty()).then(|| rest.to_owned())));
        form "/help [command]", "/help [comando]", "/help [comando]";
        help "list the commands", "lo que se puede escribir", "o que se pode digitar";
    "/quit" ["/exit", "/q", "/salir", "/sair", "@salir"], |rest| none(rest, Command::Quit);
        help "quit; the next start sends what is in the outbox",
            "sale; lo que espera se envía la próxima vez", "sai; o que está na fila é enviado da próxima vez";
}

/// The lines that are no commands, and their effect.
pub const PLAIN: &[(Three, Three)] = &[
    (
        three("<text>", "<texto>", "<texto>"),
        three(
            "send it to the current chat; //<text> begins with a slash",
            "dilo en el chat actual; //<texto> empieza con una barra",
            "diz isso na conversa atual; //<texto> começa com uma barra",
        ),
    ),
    (
        three("<text>\\", "<texto>\\", "<texto>\\"),
        three(
            "continue with the next line, in a pipe; at a terminal Alt-Enter does",
            "sigue en la línea siguiente, en una tubería; en una terminal, Alt-Enter",
            "continua na linha seguinte, em um pipe; em um terminal, Alt-Enter",
        ),
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

pub fn names(row: &CommandRow) -> impl Iterator<Item = &'static str> {
    std::iter::once(row.verb).chain(row.aliases.iter().copied())
}

/// Returns a verb without its slash, in small letters.
pub fn bare(verb: &str) -> String {
    verb.trim_start_matches('/').to_lowercase()
}
