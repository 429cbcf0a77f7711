//! The keys of the full screen: one table, from which the screen's help and the documents are made. The settings may
//! give an action other keys.

use std::collections::HashMap;

use terminput::{KeyCode, KeyEvent, KeyModifiers};

use crate::texts::{Three, three};

/// An action of the full screen that has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Help,
    NextChat,
    PreviousChat,
    Chat(usize),
    NextUnread,
    Jump,
    Search,
    List,
    PageUp,
    PageDown,
    Oldest,
    Newest,
    LoadHole,
    Complete,
    CompleteBack,
    Mouse,
    Redraw,
    Suspend,
}

/// A row of the table.
pub struct KeyRow {
    pub action: Action,
    /// The name in the settings.
    pub name: &'static str,
    pub keys: &'static [&'static str],
    pub help: Three,
}

/// Makes the tables: of each action its name in the settings, its keys, and its help in English, Spanish and Portuguese;
/// and then the same of the keys that cannot be changed.
macro_rules! keys {
    (
        changeable { $($action:ident $name:literal $keys:tt: $($help:literal),+;)+ }
        fixed { $($fixed:literal: $($effect:literal),+;)+ }
    ) => {
        /// All actions with a key, in the order of the help.
        pub const KEYS: &[KeyRow] =
            &[$(KeyRow { action: Action::$action, name: $name, keys: &$keys, help: three($($help),+) }),+];

        /// The keys that cannot be changed, and their effects.
        pub const FIXED: &[(&str, Three)] = &[$(($fixed, three($($effect),+))),+];
    };
}

keys! {
    changeable {
        Help "help" ["f1"]: "show the keys; ? does too while the input is empty",
            "muestra las teclas; también ? si no hay nada escrito", "mostra as teclas; ? também, se nada foi digitado";
        NextChat "next-chat" ["ctrl-n"]: "go to the next chat", "va al chat siguiente", "vai à próxima conversa";
        PreviousChat "previous-chat" ["ctrl-p"]: "go to the previous chat",
            "va al chat anterior", "vai à conversa anterior";
        NextUnread "next-unread" ["alt-a"]: "go to the next chat with unread messages",
            "va al siguiente chat con mensajes sin leer", "vai à próxima conversa com mensagens não lidas";
        Jump "jump" ["ctrl-k"]: "go to a chat by its name", "va a un chat por su nombre", "vai a uma conversa pelo nome";
        Search "search" ["ctrl-f"]: "search in this chat; Tab searches everywhere",
            "busca en este chat; Tab busca en todos", "procura nesta conversa; Tab procura em todas";
        List "list" ["esc"]: "go to the list of chats, where / filters; back again",
            "va a la lista de chats, donde / filtra; y vuelve", "vai à lista de conversas, onde / filtra; e volta";
        PageUp "page-up" ["pageup"]: "scroll up; older messages are loaded",
            "sube; carga los mensajes anteriores", "sobe; carrega as mensagens anteriores";
        PageDown "page-down" ["pagedown"]: "scroll down", "baja", "desce";
        Oldest "oldest" ["alt-home"]: "scroll to the oldest message that is loaded",
            "sube hasta el mensaje más antiguo cargado", "sobe até a mensagem mais antiga carregada";
        Newest "newest" ["alt-end"]: "scroll to the newest message: all are read",
            "baja al último mensaje: todo está leído", "desce até a última mensagem: tudo foi lido";
        LoadHole "load-hole" ["alt-h"]: "load the messages that only the server has",
            "carga los mensajes que solo tiene el servidor", "carrega as mensagens que só o servidor tem";
        Complete "complete" ["tab"]: "complete a command, a user, a #room or an :emoji",
            "completa un comando, un usuario, una #sala o un :emoji",
            "completa um comando, um usuário, uma #sala ou um :emoji";
        CompleteBack "complete-back" ["backtab"]: "complete with the candidate before",
            "completa con la opción anterior", "completa com a opção anterior";
        Mouse "mouse" ["alt-m"]: "let the mouse select text to copy, or open chats and scroll; Shift selects, too",
            "deja que el ratón seleccione texto para copiar, o que abra chats y desplace; Mayús también selecciona",
            "deixa o mouse selecionar texto para copiar, ou abrir conversas e rolar; Shift também seleciona";
        Redraw "redraw" ["ctrl-l"]: "draw the screen again", "dibuja de nuevo la pantalla", "desenha a tela de novo";
        Suspend "suspend" ["ctrl-z"]: "stop the program; fg continues it",
            "detiene el programa; fg lo continúa", "suspende o programa; fg o retoma";
    }
    fixed {
        "Enter": "send", "envía", "envia";
        "Alt-Enter": "begin a new line", "empieza otra línea", "começa outra linha";
        "Up, Down": "recall what was sent; move between lines",
            "recupera lo enviado; va de línea en línea", "recupera o que foi enviado; vai de linha em linha";
        "Alt-1 … Alt-9": "go to that chat of the list", "va a ese chat de la lista", "vai a essa conversa da lista";
        "Enter or Up, Down": "in the search: go to the hit before, or after",
            "en la búsqueda: va al resultado anterior, o al siguiente",
            "na procura: vai ao resultado anterior, ou ao seguinte";
        "Enter, Del": "in the list: open the chat; take it off the list, if it is empty",
            "en la lista: abre el chat; lo quita de la lista, si está vacío",
            "na lista: abre a conversa; tira-a da lista, se está vazia";
        "Ctrl-C": "clear the input", "borra lo escrito", "apaga o que foi digitado";
        "Ctrl-D": "quit, when the input is empty or the list has the keys; as /quit",
            "sale, si no hay nada escrito o se está en la lista; como /quit",
            "sai, se nada foi digitado ou se a lista tem as teclas; como /quit";
        "Ctrl-A E B F U K W Y": "edit as in Emacs", "editan como en Emacs", "editam como no Emacs";
    }
}

/// The keys in use.
pub struct Keys(HashMap<(KeyCode, KeyModifiers), Action>);

impl Keys {
    /// Makes the keys of the table, changed as the setting says: `next-chat=alt-n, jump=ctrl-g`. The error names the
    /// part of it that is wrong.
    pub fn new(setting: &str) -> Result<Self, String> {
        let mut keys = HashMap::new();
        for row in KEYS {
            keys.extend(row.keys.iter().filter_map(|key| Some((parse(key)?, row.action))));
        }
        keys.extend((1..=9).filter_map(|number| Some((parse(&format!("alt-{number}"))?, Action::Chat(number)))));
        for part in setting.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, key) = part.split_once('=').ok_or_else(|| format!("{part:?} has no ="))?;
            let row = KEYS.iter().find(|row| row.name == name.trim()).ok_or_else(|| unknown(name.trim()))?;
            let key =
                parse(key.trim()).ok_or_else(|| format!("{:?} is no key: write it as alt-n or f2", key.trim()))?;
            keys.retain(|_, action| *action != row.action);
            keys.insert(key, row.action);
        }
        Ok(Self(keys))
    }

    pub fn action(&self, key: &KeyEvent) -> Option<Action> {
        self.0.get(&(key.code, key.modifiers)).copied()
    }

    /// Returns the keys of an action as people write them.
    pub fn of(&self, action: Action) -> String {
        let mut keys: Vec<_> =
            self.0.iter().filter(|(_, known)| **known == action).map(|(key, _)| written(key)).collect();
        keys.sort();
        keys.join(", ")
    }
}

fn unknown(name: &str) -> String {
    let names: Vec<_> = KEYS.iter().map(|row| row.name).collect();
    format!("there is no action {name:?}; there are {}", names.join(", "))
}

/// The keys that are no characters: the name of each in the settings, and for people.
const NAMED: &[(&str, KeyCode, &str)] = &[
    ("esc", KeyCode::Esc, "Esc"),
    ("tab", KeyCode::Tab, "Tab"),
    ("pageup", KeyCode::PageUp, "PgUp"),
    ("pagedown", KeyCode::PageDown, "PgDn"),
    ("home", KeyCode::Home, "Home"),
    ("end", KeyCode::End, "End"),
    ("up", KeyCode::Up, "Up"),
    ("down", KeyCode::Down, "Down"),
    ("left", KeyCode::Left, "Left"),
    ("right", KeyCode::Right, "Right"),
    ("insert", KeyCode::Insert, "Insert"),
    ("delete", KeyCode::Delete, "Delete"),
];

/// Reads a key as the settings have it: `ctrl-n`, `alt-home`, `f1`. A character alone is text, and no key.
fn parse(text: &str) -> Option<(KeyCode, KeyModifiers)> {
    let text = text.to_lowercase();
    let mut rest = text.as_str();
    let mut modifiers = KeyModifiers::NONE;
    for (prefix, modifier) in [("ctrl-", KeyModifiers::CTRL), ("alt-", KeyModifiers::ALT)] {
        if let Some(after) = rest.strip_prefix(prefix) {
            (rest, modifiers) = (after, modifiers | modifier);
        }
    }
    if rest == "backtab" {
        return Some((KeyCode::Tab, modifiers | KeyModifiers::SHIFT));
    }
    if let Some((_, code, _)) = NAMED.iter().find(|(name, ..)| *name == rest) {
        return Some((*code, modifiers));
    }
    let number = rest.strip_prefix('f').and_then(|number| number.parse().ok()).filter(|n| (1..=12).contains(n));
    if let Some(number) = number {
        return Some((KeyCode::F(number), modifiers));
    }
    let mut chars = rest.chars();
    let c = chars.next().filter(|_| chars.next().is_none() && !modifiers.is_empty())?;
    Some((KeyCode::Char(c), modifiers))
}

/// Writes a key as people know it: `Ctrl-N`, `PgUp`.
fn written((code, modifiers): &(KeyCode, KeyModifiers)) -> String {
    let name = match code {
        KeyCode::Char(c) => c.to_uppercase().to_string(),
        KeyCode::F(number) => format!("F{number}"),
        KeyCode::Tab if modifiers.contains(KeyModifiers::SHIFT) => return "Shift-Tab".to_owned(),
        code => NAMED.iter().find(|(_, known, _)| known == code).map_or("", |(.., shown)| shown).to_owned(),
    };
    let prefix = |modifier, text| if modifiers.contains(modifier) { text } else { "" };
    format!("{}{}{name}", prefix(KeyModifiers::CTRL, "Ctrl-"), prefix(KeyModifiers::ALT, "Alt-"))
}
