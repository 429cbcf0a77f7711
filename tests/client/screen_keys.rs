//! The keys of the full screen: what a setting makes of them, beside a model of the table.

use std::collections::HashMap;

use terminput::{KeyCode, KeyEvent, KeyModifiers};

use crate::support::random::Random;
use wachat::client::screen::keys::{Action, KEYS, Keys};

/// All keys that a setting may name, and some that it may not.
fn all_keys() -> Vec<(String, KeyEvent)> {
    let named = [
        ("esc", KeyCode::Esc),
        ("tab", KeyCode::Tab),
        ("pageup", KeyCode::PageUp),
        ("pagedown", KeyCode::PageDown),
        ("home", KeyCode::Home),
        ("end", KeyCode::End),
        ("up", KeyCode::Up),
        ("down", KeyCode::Down),
        ("left", KeyCode::Left),
        ("right", KeyCode::Right),
        ("insert", KeyCode::Insert),
        ("delete", KeyCode::Delete),
    ];
    let mut plain: Vec<_> = named.into_iter().map(|(name, code)| (name.to_owned(), code)).collect();
    plain.extend((1..=12).map(|number| (format!("f{number}"), KeyCode::F(number))));
    let chars = ('a'..='z').chain('0'..='9').map(|c| (c.to_string(), KeyCode::Char(c)));
    let both = KeyModifiers::CTRL | KeyModifiers::ALT;
    let with = [("ctrl-", KeyModifiers::CTRL), ("alt-", KeyModifiers::ALT), ("ctrl-alt-", both)];
    let mut keys = vec![("backtab".to_owned(), KeyEvent::new(KeyCode::Tab).modifiers(KeyModifiers::SHIFT))];
    for (name, code) in plain.iter().cloned().chain(chars) {
        for (prefix, modifiers) in with {
            keys.push((format!("{prefix}{name}"), KeyEvent::new(code).modifiers(modifiers)));
        }
    }
    keys.extend(plain.into_iter().map(|(name, code)| (name, KeyEvent::new(code))));
    keys
}

/// The table as it is without a setting.
fn table() -> HashMap<String, Action> {
    let mut table: HashMap<_, _> =
        KEYS.iter().flat_map(|row| row.keys.iter().map(|key| ((*key).to_owned(), row.action))).collect();
    table.extend((1..=9).map(|number| (format!("alt-{number}"), Action::Chat(number))));
    table
}

#[test]
fn a_setting_gives_an_action_its_only_key_and_changes_no_other() {
    let keys = all_keys();
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut model = table();
        let mut parts = Vec::new();
        for _ in 0..random.below(5) {
            let row = &KEYS[random.below(KEYS.len() as u64) as usize];
            let key = &keys[random.below(keys.len() as u64) as usize].0;
            let spaces = if random.chance(30) { " " } else { "" };
            parts.push(format!("{spaces}{}{spaces}={spaces}{}", row.name, key.to_uppercase()));
            model.retain(|_, action| *action != row.action);
            model.insert(key.clone(), row.action);
        }
        let setting = parts.join(",");
        let set = Keys::new(&setting).unwrap_or_else(|error| panic!("{setting}: {error}"));
        for (name, key) in &keys {
            assert_eq!(set.action(key), model.get(name).copied(), "seed {seed}: {name} with {setting:?}");
        }
        for row in KEYS {
            let shown = set.of(row.action);
            let count = model.values().filter(|action| **action == row.action).count();
            assert_eq!(
                shown.split(", ").filter(|key| !key.is_empty()).count(),
                count,
                "{setting:?}: {} {shown}",
                row.name
            );
        }
    }
}

#[test]
fn a_part_that_is_wrong_is_named() {
    for (setting, named) in [
        ("next-chat", "next-chat"),
        ("no-such=alt-n", "no-such"),
        ("jump=n", "n"),
        ("jump=ctrl-g, list=f13", "f13"),
        ("jump=", "\"\""),
        ("jump=alt-", "alt-"),
        ("jump=hyper-n", "hyper-n"),
    ] {
        let error = Keys::new(setting).err().unwrap_or_else(|| panic!("{setting} is taken"));
        assert!(error.contains(named), "{setting}: {error}");
    }
}
