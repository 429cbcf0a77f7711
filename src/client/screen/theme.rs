//! The colours of the full screen: for a dark or a light background, or none. What a colour says is said without it too.

use std::hash::{DefaultHasher, Hash, Hasher};

use ratatui_core::style::{Color, Modifier, Style};

use crate::model::{State, UserName};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Theme {
    /// As COLORFGBG describes the terminal, else for a dark background
    Auto,
    /// For a dark background
    Dark,
    /// For a light background
    Light,
    /// No colours
    #[value(skip)]
    None,
}

/// Colours of names on a dark and on a light background: each has a contrast of at least 4.5 with it (WCAG 2).
const DARK_NAMES: [u8; 12] = [75, 114, 180, 176, 80, 215, 147, 150, 211, 117, 222, 183];
const LIGHT_NAMES: [u8; 12] = [25, 28, 94, 90, 23, 130, 55, 22, 125, 24, 88, 54];

impl Theme {
    /// Chooses the colours that the environment asks for where the user has not chosen.
    pub fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
        if self != Self::Auto {
            return self;
        }
        if is_set("NO_COLOR") {
            return Self::None;
        }
        // `15;0`: the background comes last, 7 and 15 are white.
        let background = variable("COLORFGBG").and_then(|colours| colours.rsplit(';').next().map(str::to_owned));
        if matches!(background.as_deref(), Some("7" | "15")) { Self::Light } else { Self::Dark }
    }

    fn colour(self, dark: u8, light: u8) -> Style {
        match self {
            Self::None => Style::new(),
            Self::Light => Style::new().fg(Color::Indexed(light)),
            Self::Auto | Self::Dark => Style::new().fg(Color::Indexed(dark)),
        }
    }

    /// Returns the style of a user's name: always the same for a user.
    pub fn name(self, user: &UserName) -> Style {
        let mut hasher = DefaultHasher::new();
        user.mapped().hash(&mut hasher);
        let index = (hasher.finish() % DARK_NAMES.len() as u64) as usize;
        let dark = DARK_NAMES.get(index).unwrap_or(&75);
        let light = LIGHT_NAMES.get(index).unwrap_or(&25);
        self.colour(*dark, *light).add_modifier(Modifier::BOLD)
    }

    /// Times, separators, and what is not said by people.
    pub fn quiet(self) -> Style {
        let style = self.colour(245, 242);
        if self == Self::None { style.add_modifier(Modifier::DIM) } else { style }
    }

    pub fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The line above the first message that was not seen.
    pub fn new_messages(self) -> Style {
        self.colour(203, 160).add_modifier(Modifier::BOLD)
    }

    pub fn problem(self) -> Style {
        self.colour(203, 160)
    }

    pub fn mention(self) -> Style {
        self.colour(221, 94).add_modifier(Modifier::BOLD)
    }

    pub fn link(self) -> Style {
        self.colour(75, 25).add_modifier(Modifier::UNDERLINED)
    }

    /// The count of messages that were not seen.
    pub fn unread(self) -> Style {
        self.colour(114, 28).add_modifier(Modifier::BOLD)
    }

    pub fn presence(self) -> Style {
        self.colour(114, 28)
    }

    /// The entry of a list that is chosen.
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub fn status(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The mark of a message's state.
    pub fn state(self, state: Option<State>) -> Style {
        match state {
            Some(State::Read) => self.colour(81, 26).add_modifier(Modifier::BOLD),
            _ => self.quiet(),
        }
    }

    pub fn has_colours(self) -> bool {
        self != Self::None
    }
}
