//! The table of phrases: English, Spanish, Portuguese, always in this order.

use std::fmt;

use super::{Language, Value};

/// Makes the enum of all phrases and what writes them from one table.
macro_rules! phrases {
    ($($name:ident $({ $($value:ident),+ })?: $en:literal, $es:literal, $pt:literal;)+) => {
        /// Something to say, with its values. It is written in the language of the program.
        #[derive(Clone, Copy)]
        pub enum Phrase<'a> {
            $($name $({ $($value: Value<'a>),+ })?,)+
        }

        impl Phrase<'_> {
            /// Writes the phrase in this language.
            pub fn write(&self, language: Language, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name $({ $($value),+ })? => match language {
                        Language::En => write!(f, $en),
                        Language::Es => write!(f, $es),
                        Language::Pt => write!(f, $pt),
                    },)+
                }
            }
        }

        /// Each phrase, by its name, with the names of its values in their places: for tests.
        pub fn samples() -> Vec<(&'static str, Phrase<'static>)> {
            vec![$((stringify!($name), Phrase::$name $({ $($value: &concat!("<", stringify!($value), ">")),+ })?)),+]
        }
    };
}

impl fmt::Display for Phrase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(Language::current(), f)
    }
}

phrases! {
    // Rooms.
    JoinedRoom { user, room }:
        "{user} joined {room}",
        "{user} ha entrado en {room}",
        "{user} entrou em {room}";
    LeftRoom { user, room }:
        "{user} left {room}",
        "{user} ha salido de {room}",
        "{user} saiu de {room}";
    YouJoined { room }:
        "you are in {room}; what you write goes there",
        "estás en {room}; lo que escribas va allí",
        "você está em {room}; o que você escrever vai para lá";
    YouLeft { room }:
        "you are no longer in {room}",
        "ya no estás en {room}",
        "você não está mais em {room}";
    WhichRoom:
        "which room? /leave #room; the current chat is none",
        "¿qué sala? /leave #sala; el chat actual no es una sala",
        "qual sala? /leave #sala; a conversa atual não é uma sala";
    WhoseMembers:
        "which room? /names #room; the current chat is none",
        "¿qué sala? /names #sala; el chat actual no es una sala",
        "qual sala? /names #sala; a conversa atual não é uma sala";
    NoRooms:
        "there are no rooms yet; /join #room makes one",
        "todavía no hay salas; /join #sala crea una",
        "ainda não há salas; /join #sala cria uma";
    RoomMembers { room, members }:
        "{room}: {members} in it",
        "{room}: {members} dentro",
        "{room}: {members} dentro";
    RoomMembersAndYou { room, members }:
        "{room}: {members} in it, you too",
        "{room}: {members} dentro, tú también",
        "{room}: {members} dentro, você também";
    Gap { most, room }:
        "up to {most} messages in {room} while you were away: /history {room}",
        "hasta {most} mensajes en {room} mientras no estabas: /history {room}",
        "até {most} mensagens em {room} enquanto você estava fora: /history {room}";

    // What was typed.
    AtForm:
        "@<user>: <text>",
        "@<usuario>: <texto>",
        "@<usuário>: <texto>";
    TheForm { form }:
        "the form is: {form}",
        "la forma es: {form}",
        "a forma é: {form}";
    NoCommand { verb }:
        "there is no command {verb}; /help lists those there are",
        "no existe el comando {verb}; /help enumera los que hay",
        "não existe o comando {verb}; /help lista os que existem";
    DidYouMean { verb, known }:
        "there is no command {verb}; did you mean {known}?",
        "no existe el comando {verb}; ¿querías decir {known}?",
        "não existe o comando {verb}; você quis dizer {known}?";
    NotAText { most }:
        "not sent: a message has no control characters and at most {most} bytes",
        "no enviado: un mensaje no lleva caracteres de control y tiene como mucho {most} bytes",
        "não enviado: uma mensagem não leva caracteres de controle e tem no máximo {most} bytes";
    NotAName { text }:
        "{text} is not a name; nothing was done",
        "{text} no es un nombre; no se ha hecho nada",
        "{text} não é um nome; nada foi feito";
    AtTerminalOnly:
        "that is for a terminal only",
        "eso es solo para una terminal",
        "isso é só para um terminal";

    // Finding.
    NothingFound:
        "nothing found in the history that is here",
        "no hay nada así en el historial de aquí",
        "nada encontrado no histórico daqui";
    NothingUnread:
        "you have read everything",
        "lo has leído todo",
        "você leu tudo";
    Unread { place, count }:
        "{place}: {count} not read",
        "{place}: {count} sin leer",
        "{place}: {count} por ler";
    NoSuchUser { user }:
        "there is no user {user}",
        "no hay ningún usuario {user}",
        "não há nenhum usuário {user}";
    SharedRooms { rooms }:
        "with you in {rooms}",
        "contigo en {rooms}",
        "com você em {rooms}";
    Ignored { user }:
        "what {user} says is hidden now; it is received and stays in the history, and /ignore {user} shows it again",
        "lo que diga {user} se oculta; se recibe y queda en el historial, y /ignore {user} lo vuelve a mostrar",
        "o que {user} disser fica oculto; é recebido e fica no histórico, e /ignore {user} volta a mostrar";
    NotIgnored { user }:
        "what {user} says is shown again",
        "lo que diga {user} se vuelve a mostrar",
        "o que {user} disser volta a ser mostrado";
    IsIgnored { user }:
        "what {user} says is hidden",
        "lo que dice {user} está oculto",
        "o que {user} diz está oculto";
    NobodyIgnored:
        "nobody is hidden",
        "no ocultas a nadie",
        "ninguém está oculto";
    Online { user }:
        "{user} online",
        "{user} en línea",
        "{user} está online";
    Offline { user }:
        "{user} offline",
        "{user} desconectado",
        "{user} está offline";
    OfflineSince { user, seen }:
        "{user} offline since {seen}",
        "{user} desconectado desde {seen}",
        "{user} está offline desde {seen}";
}
