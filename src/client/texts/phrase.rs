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
}
