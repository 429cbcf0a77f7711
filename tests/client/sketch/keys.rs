//! Effects of keys, the mouse and arrivals on the screen, as its user expects it.

use terminput::KeyCode;
use wachat::model::{State, Target};

use super::draw::{Over, Sketch};
use super::lines::{Content, Item, Mark};
use super::parts::{first_listed, help};

/// Words of the last search.
pub type Found = Option<String>;

impl Sketch {
    /// Another conversation is shown: what is typed stays as a draft where it was typed.
    pub fn open(&mut self, target: &Target) {
        let Some(left) = self.open.replace(target.clone()).filter(|left| left != target) else { return };
        let typed = std::mem::take(&mut self.input);
        self.talks.get_mut(&left).unwrap().draft = Some(typed).filter(|typed| !typed.trim().is_empty());
        let talk = self.talks.get_mut(target).unwrap();
        talk.was_open = true;
        self.input = talk.draft.clone().unwrap_or_default();
        self.new_above = talk.unseen().next().map(|_| talk.seen);
        self.to_first_new = self.new_above.is_some();
        self.is_found = false;
    }

    /// A submitted text goes to the end of the conversation, where it is seen.
    pub fn submit(&mut self) -> String {
        let talk = self.talks.get_mut(self.open.as_ref().unwrap()).unwrap();
        (talk.place, talk.draft, self.new_above) = (None, None, None);
        self.is_found = false;
        std::mem::take(&mut self.input).trim_end_matches('\n').to_owned()
    }

    pub fn accept_queued(&mut self) {
        for item in self.talks.values_mut().flat_map(|talk| &mut talk.items).filter(|item| item.is_queued()) {
            item.content = Content::Own(Mark::Reached(State::Received));
        }
    }

    pub fn reach(&mut self, target: &Target, state: State) {
        for item in &mut self.talks.get_mut(target).unwrap().items {
            if let Content::Own(mark @ Mark::Reached(_)) = &mut item.content
                && *mark < Mark::Reached(state)
            {
                *mark = Mark::Reached(state);
            }
        }
    }

    /// Returns whether the user sees the last message there.
    pub fn shows_end(&self, target: &Target) -> bool {
        self.focused && !self.is_covered() && self.open.as_ref() == Some(target) && self.talks[target].place.is_none()
    }

    /// The text of a notice about a message that the user does not see.
    pub fn notice(&self, target: &Target, from: &str, item: &Item) -> Option<String> {
        let is_user = matches!(target, Target::User(_));
        if self.shows_end(target) || self.around.muted.contains(target) || !is_user && !item.names_ana() {
            return None;
        }
        let beginning: String = item.text.chars().take(40).collect();
        let dots = if item.text.chars().count() > 40 { "…" } else { "" };
        let room = if is_user { String::new() } else { format!("{target} ") };
        Some(format!("{room}{from}: {beginning}{dots}"))
    }

    pub fn lose_focus(&mut self) {
        self.focused = false;
        let talk = &self.talks[self.open.as_ref().unwrap()];
        let is_empty = talk.items.iter().all(|item| item.is_queued() || item.is_note());
        self.new_above = if is_empty { None } else { Some(talk.seen) };
    }

    /// A line stands before the messages that came while the user did not look.
    pub fn look_for_new(&mut self) {
        let talk = &self.talks[self.open.as_ref().unwrap()];
        if talk.unseen().next().is_some() {
            (self.new_above, self.to_first_new) = (Some(talk.seen), talk.place.is_none());
        }
    }

    pub fn clear_notes(&mut self) {
        self.talks.values_mut().for_each(|talk| talk.items.retain(|item| !item.is_note()));
    }

    /// Scrolls by lines: up to a full screen of the oldest ones, down to the last.
    pub fn scroll(&mut self, up: bool, by: usize) {
        if let Over::Help(scrolled) = &mut self.over {
            *scrolled = if up { scrolled.saturating_sub(by) } else { scrolled.saturating_add(by) };
            return;
        }
        let open = self.open.clone().unwrap();
        let height = usize::from(self.places().rows.height);
        let lines = self.window().0;
        let last = lines.len().saturating_sub(1);
        let talk = self.talks.get_mut(&open).unwrap();
        let here = talk.place.as_ref().and_then(|place| talk.find(&lines, place));
        let above = |here: usize| here.saturating_sub(height - 1).saturating_sub(by) + height - 1;
        let line = if up { Some(above(here.unwrap_or(last))) } else { here.map(|here| here.saturating_add(by)) };
        talk.place = line.and_then(|line| talk.place_of(&lines, line.min(last)));
        self.is_found &= talk.place.is_some();
    }

    /// The last page of the help is its end.
    pub fn settle(&mut self) {
        let rows = self.places().rows;
        if let Over::Help(scrolled) = self.over {
            let most = help(rows.width.into()).len().saturating_sub(rows.height.into());
            self.over = Over::Help(scrolled.min(most));
        }
        if !std::mem::take(&mut self.to_first_new) {
            return;
        }
        let lines = self.window().0;
        let height = usize::from(rows.height);
        let open = self.open.clone().unwrap();
        let above = self.new_above;
        let talk = self.talks.get_mut(&open).unwrap();
        let new = talk.items.iter().position(|item| item.number().is_some() && item.number() > above).unwrap();
        let first = lines.iter().position(|(item, _)| *item == new).unwrap();
        talk.place = talk.place_of(&lines, (first + height - 1).min(lines.len() - 1));
    }

    /// A message that was whole on the screen is seen, unless something new stands above it.
    pub fn note_drawn(&mut self) {
        let (lines, first, last) = self.window();
        let is_visible = self.focused && !self.is_covered();
        let talk = self.talks.get_mut(self.open.as_ref().unwrap()).unwrap();
        if talk.place.as_ref().is_some_and(|place| talk.find(&lines, place).is_none()) {
            talk.place = None;
            return;
        }
        let (Some(top), Some(bottom)) = (lines.get(first), lines.get(last)) else { return };
        let is_whole = lines.get(last + 1).is_none_or(|next| next.0 != bottom.0);
        let shown = &talk.items[top.0..bottom.0 + usize::from(is_whole)];
        let seen = shown.iter().filter_map(Item::number).max();
        let above = talk.items[..top.0].iter().rev().find_map(Item::number);
        let follows = last + 1 == lines.len() && !self.is_found || above.is_none_or(|above| above <= talk.seen);
        if let Some(seen) = seen.filter(|_| is_visible && follows) {
            talk.seen = talk.seen.max(seen);
        }
    }
}

/// The keys of what lies over the conversation.
impl Sketch {
    /// Returns the chat that a key opens.
    pub fn press_over(&mut self, code: KeyCode, found: &mut Found) -> Option<Target> {
        if code == KeyCode::Esc {
            self.filter.clear();
            self.over = Over::Typing;
            return None;
        }
        match (std::mem::take(&mut self.over), code) {
            (Over::Help(scrolled), KeyCode::Up) => self.over = Over::Help(scrolled.saturating_sub(1)),
            (Over::Help(scrolled), KeyCode::Down) => self.over = Over::Help(scrolled + 1),
            (Over::List(chosen), KeyCode::Up) => self.over = Over::List(chosen.saturating_sub(1)),
            (Over::List(chosen), KeyCode::Down) => {
                self.over = Over::List((chosen + 1).min(self.chats().len().saturating_sub(1)));
            }
            (Over::List(_), KeyCode::Char('/')) => self.over = Over::Filter,
            (Over::List(chosen), KeyCode::Enter) => return self.choose(chosen),
            (Over::List(_), KeyCode::Char('?')) if self.input.is_empty() => {
                self.filter.clear();
                self.over = Over::Help(0);
            }
            (Over::List(_), KeyCode::Char(c)) => {
                self.filter.clear();
                self.input.push(c);
            }
            (Over::List(chosen), _) => self.over = Over::List(chosen),
            (Over::Filter, KeyCode::Enter) => return self.choose(0),
            (Over::Filter, KeyCode::Down) => self.over = Over::List(0),
            (Over::Filter, KeyCode::Backspace) if self.filter.is_empty() => self.over = Over::List(0),
            (Over::Filter, code) => {
                edit(&mut self.filter, code);
                self.over = Over::Filter;
            }
            (Over::Jump(name, chosen), code) => return self.press_jump(name, chosen, code),
            (Over::Search(words, everywhere), code) => self.press_search(words, everywhere, code, found),
            (Over::Paste(text), KeyCode::Enter | KeyCode::Char('y')) => self.input.push_str(&text),
            _ => {}
        }
        None
    }

    fn choose(&mut self, number: usize) -> Option<Target> {
        let chats = self.chats();
        self.filter.clear();
        chats.get(number).map(|chat| chat.target.clone())
    }

    fn press_jump(&mut self, mut name: String, chosen: usize, code: KeyCode) -> Option<Target> {
        let chats = self.jump_list(&name);
        let chosen = match code {
            KeyCode::Enter => return chats.get(chosen).map(|chat| chat.target.clone()),
            KeyCode::Up => chosen.saturating_sub(1),
            KeyCode::Down => (chosen + 1).min(chats.len().saturating_sub(1)),
            code => {
                edit(&mut name, code);
                0
            }
        };
        self.over = Over::Jump(name, chosen);
        None
    }

    fn press_search(&mut self, mut words: String, mut everywhere: bool, code: KeyCode, found: &mut Found) {
        match code {
            KeyCode::Enter | KeyCode::Up => self.find(&words, false, found),
            KeyCode::Down => self.find(&words, true, found),
            KeyCode::Tab => everywhere = !everywhere,
            code => {
                edit(&mut words, code);
                self.hit = None;
            }
        }
        self.over = Over::Search(words, everywhere);
    }

    /// Goes to the message before the one that was found last, or after it, and round at the ends.
    fn find(&mut self, words: &str, later: bool, found: &mut Found) {
        let words: Vec<_> = words.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() {
            return;
        }
        // One row has the input while something is looked for.
        self.over = Over::Search(String::new(), false);
        let lines = self.window().0;
        let height = usize::from(self.places().rows.height);
        let talk = self.talks.get_mut(self.open.as_ref().unwrap()).unwrap();
        let holds = |item: &&Item| {
            let text = item.text.to_lowercase();
            !item.is_note() && !item.is_queued() && words.iter().all(|word| text.contains(word))
        };
        let all: Vec<_> = talk.items.iter().filter(holds).map(|item| item.key.clone()).collect();
        let here = found.as_ref().and_then(|found| all.iter().position(|key| key == found));
        let next = match here {
            Some(here) if later => (here + 1) % all.len(),
            Some(here) => (here + all.len() - 1) % all.len(),
            None => all.len().saturating_sub(1),
        };
        *found = all.get(next).cloned();
        let number = if all.is_empty() { 0 } else { next + 1 };
        self.hit = Some((found.clone(), number, all.len()));
        if let Some(key) = found.clone() {
            let line = talk.find(&lines, &(key, 0)).unwrap();
            talk.place = talk.place_of(&lines, (line + height / 2).min(lines.len() - 1));
            self.is_found = true;
        }
    }

    /// The chat of the list at a row.
    pub fn listed_at(&self, row: u16) -> Option<Target> {
        let chats = self.chats();
        let first = first_listed(chats.len(), self.chosen(&chats), self.size.1);
        chats.get(first + usize::from(row)).map(|chat| chat.target.clone())
    }
}

fn edit(text: &mut String, code: KeyCode) {
    match code {
        KeyCode::Char(c) => add_short(text, &c.to_string()),
        KeyCode::Backspace => _ = text.pop(),
        _ => {}
    }
}

/// The short text of a field takes 128 bytes, in one line.
pub fn add_short(field: &mut String, text: &str) {
    for c in text.replace('\n', " ").chars() {
        if field.len() < 128 {
            field.push(c);
        }
    }
}
