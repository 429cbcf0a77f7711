//! Single words, and the texts of a KO.

use super::{Language, Phrase, Three, three};
use crate::limits;
use crate::model::{RoomKind, State};
use crate::protocol::{Code, Ko};

/// The mark of a message that was said from client to client.
pub const DIRECT: Three = three("direct", "directo", "direto");
/// The mark in the prompt of a user whose messages are answered automatically.
pub const AWAY: Three = three("(away)", "(ausente)", "(ausente)");
/// The tick of a message that was read.
pub const READ_TICK: Three = three("✓✓ read", "✓✓ leído", "✓✓ lido");
/// The same without the sign.
pub const READ_TICK_ASCII: Three = three("++ read", "++ leido", "++ lido");

/// Returns a message's state in words that people know.
pub fn state(state: State) -> Three {
    match state {
        State::Received => three("received by the server", "recibido por el servidor", "recebida pelo servidor"),
        State::Delivered => three("delivered", "entregado", "entregue"),
        State::Read => three("read", "leído", "lida"),
    }
}

/// Returns the words that are shown instead of the text of a message that was taken back.
pub fn taken_back() -> String {
    format!("({})", Phrase::TakenBack)
}

/// Returns the word for a setting that is on, or off.
pub fn on_or_off(on: bool) -> Three {
    if on { three("on", "sí", "sim") } else { three("off", "no", "não") }
}

/// Returns the word for what a device logs in with.
pub fn key_or_password(has_key: bool) -> Three {
    if has_key { three("key", "clave guardada", "chave guardada") } else { three("password", "contraseña", "senha") }
}

/// Returns the words for who may join a room.
pub fn room_kind(kind: RoomKind) -> Three {
    match kind {
        RoomKind::Open => three("open to everybody", "abierta a todos", "aberta a todos"),
        RoomKind::Invite => three("by invitation only", "solo por invitación", "só por convite"),
    }
}

/// Says that the outbox takes no further message.
pub fn outbox_full() -> String {
    Phrase::OutboxFull { messages: &limits::OUTBOX_MESSAGES, mib: &(limits::OUTBOX_BYTES >> 20) }.to_string()
}

/// Returns the text of a KO. In English that is the server's own sentence, which may know more; that of a ban, with its
/// end and reason, and that of a name, with the one that it looks like, is part of the text in each language.
pub fn ko(ko: &Ko) -> String {
    match ko_in(Language::current(), ko.code) {
        Some(own) if matches!(ko.code, Code::Banned | Code::Name) => format!("{own}: {}", ko.text),
        own => own.unwrap_or(&ko.text).to_owned(),
    }
}

/// Returns the text of a KO as the log notes it: `NO_USER: there is no such user`.
pub fn noted_ko(noted: &str) -> String {
    let code = noted.split_once(": ").map(|(word, _)| Code::parse(word));
    code.and_then(|code| ko_in(Language::current(), code)).unwrap_or(noted).to_owned()
}

/// Makes the table of codes: the client's own sentence for each, in Spanish and Portuguese.
macro_rules! codes {
    ($($code:ident: $es:literal, $pt:literal;)+) => {
        /// Returns the client's own sentence for a code; `None`: only the server's is known.
        pub fn ko_in(language: Language, code: Code) -> Option<&'static str> {
            match (language, code) {
                $((Language::Es, Code::$code) => Some($es), (Language::Pt, Code::$code) => Some($pt),)+
                (Language::En, _) | (_, Code::Unknown) => None,
            }
        }
    };
}

codes! {
    Syntax: "el servidor no entiende la petición", "o servidor não entende o pedido";
    NoUser: "no existe ese usuario", "esse usuário não existe";
    NoRoom: "no existe esa sala", "essa sala não existe";
    NoMessage: "no tienes allí ningún mensaje con ese número", "você não tem ali nenhuma mensagem com esse número";
    Name: "el servidor no admite ese nombre", "o servidor não admite esse nome";
    Password: "no es una buena contraseña", "não é uma boa senha";
    Damaged: "ese mensaje está dañado en el servidor", "essa mensagem está danificada no servidor";
    NotMember: "no estás en esa sala", "você não está nessa sala";
    NotOwner: "esa sala no es tuya", "essa sala não é sua";
    NotInvited: "necesitas una invitación para esa sala", "você precisa de um convite para essa sala";
    NoPeer: "ese usuario no admite chats directos ahora, o no de ti",
        "esse usuário não aceita conversas diretas agora, ou não de você";
    NoSession: "no tienes ninguna conexión con ese número, ni dispositivo con ese nombre",
        "você não tem nenhuma conexão com esse número, nem dispositivo com esse nome";
    Late: "ese mensaje tiene más de un día", "essa mensagem tem mais de um dia";
    Conflict: "este id ya se usó para otro mensaje", "este id já foi usado para outra mensagem";
    Seq: "ese número es mayor que el último que hay", "esse número é maior que o último que existe";
    Quota: "se ha alcanzado un límite del servidor; prueba más tarde",
        "um limite do servidor foi atingido; tente mais tarde";
    Rate: "pides demasiado a la vez; prueba más tarde", "você pede demais de uma vez; tente mais tarde";
    Full: "el servidor no tiene sitio ahora; prueba más tarde", "o servidor está sem espaço agora; tente mais tarde";
    Auth: "no existe ese usuario, o no con esa contraseña", "esse usuário não existe, ou a senha não é essa";
    Banned: "el servidor no te deja entrar", "o servidor não deixa você entrar";
    Closed: "el registro está cerrado; pregunta a quien administra el servidor",
        "o registro está fechado; fale com quem administra o servidor";
    Exists: "ese nombre ya está ocupado", "esse nome já existe";
    TooLong: "una línea tiene como mucho 65536 bytes", "uma linha tem no máximo 65536 bytes";
    Timeout: "no llegó nada a tiempo", "nada chegou a tempo";
    Replaced: "otra sesión tuya más nueva ha tomado el relevo", "uma sessão sua mais nova assumiu o lugar desta";
    Shutdown: "el servidor se está parando, o dirige otro; vuelve más tarde",
        "o servidor está parando, ou outro lidera; volte mais tarde";
    Tls: "este servidor solo habla TLS; conéctate con --tls", "este servidor só fala TLS; conecte-se com --tls";
    Internal: "un defecto del servidor; su registro dice más", "um defeito do servidor; o log dele diz mais";
}
