//! Steps of a life that are about the screen: keys, mouse, pasted texts, the window.

use terminput::{
    Event as TerminalEvent, KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind, ScrollDirection,
};

use super::Life;
use super::draw::Over;
use super::keys::add_short;
use super::lines::Content;

impl Life {
    pub fn scroll(&mut self) {
        let height = usize::from(self.sketch.places().rows.height);
        let is_help = matches!(self.sketch.over, Over::Help(_));
        let kind = if is_help && self.random.chance(60) { 2 } else { self.below(6) };
        let (code, alt, up, by) = match kind {
            0 | 1 => (KeyCode::PageUp, false, true, (height - 1).max(1)),
            2 => (KeyCode::PageDown, false, false, (height - 1).max(1)),
            3 => (KeyCode::Home, true, true, usize::MAX / 2),
            4 => (KeyCode::End, true, false, usize::MAX / 2),
            _ => return self.turn_wheel(),
        };
        match self.sketch.over {
            Over::Paste(_) => return,
            Over::Typing => {}
            _ if alt => return,
            _ => {}
        }
        self.screen.key(code, if alt { KeyModifiers::ALT } else { KeyModifiers::NONE });
        self.sketch.scroll(up, by);
    }

    pub fn turn_wheel(&mut self) {
        let up = self.random.chance(60);
        let direction = if up { ScrollDirection::Up } else { ScrollDirection::Down };
        self.mouse(MouseEventKind::Scroll(direction), 0, 0);
        self.sketch.scroll(up, 3);
    }

    pub fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) {
        self.screen.terminal(TerminalEvent::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    }

    /// A key of what lies over the conversation, or one that lays something there.
    pub fn press_over(&mut self) {
        use KeyCode::{Backspace, Char, Down, Enter, Esc, F, Tab, Up};
        if self.sketch.over == Over::Typing {
            let chats = self.sketch.chats();
            let list = Over::List(self.sketch.number_of_open(&chats).unwrap_or(0));
            let all = [
                (Esc, KeyModifiers::NONE, list),
                (F(1), KeyModifiers::NONE, Over::Help(0)),
                (Char('k'), KeyModifiers::CTRL, Over::Jump(String::new(), 0)),
                (Char('f'), KeyModifiers::CTRL, Over::Search(String::new(), false)),
            ];
            if self.sketch.input.is_empty() && self.random.chance(10) {
                self.screen.key(Char('?'), KeyModifiers::SHIFT);
                self.sketch.over = Over::Help(0);
                return;
            }
            let (code, modifiers, over) = all[usize::try_from(self.below(4)).unwrap()].clone();
            if matches!(over, Over::Search(..)) {
                (self.found, self.sketch.hit) = (None, None);
            }
            self.screen.key(code, modifiers);
            self.sketch.over = over;
            return;
        }
        if matches!(self.sketch.over, Over::Help(_)) && self.random.chance(70) {
            let code = self.pick(&[Down, Down, Up]);
            return self.press_known(code);
        }
        let keys = [Down, Up, Enter, Enter, Backspace, Esc, Char('/'), Char('a'), Char('l'), Char('u'), Char('e'), Tab];
        let code = self.pick(&keys);
        let is_new = matches!(&self.sketch.over, Over::Jump(name, _) if self.sketch.jump_list(name).is_empty());
        if code == Enter && (is_new || matches!(self.sketch.over, Over::Search(_, true))) {
            return;
        }
        self.press_known(code);
    }

    pub fn press_known(&mut self, code: KeyCode) {
        self.screen.press(code);
        if let Some(chosen) = self.sketch.press_over(code, &mut self.found) {
            self.sketch.open(&chosen);
        }
    }

    /// Keys that go to another chat, and those that edit.
    pub fn press_typing(&mut self) {
        if self.sketch.over != Over::Typing {
            return;
        }
        let chats = self.sketch.chats();
        let here = self.sketch.number_of_open(&chats);
        let count = chats.len();
        let unread = (1..=count).map(|by| &chats[here.map_or(by - 1, |here| (here + by) % count)]);
        let unread: Vec<_> =
            unread.filter(|chat| chat.unread > 0 && Some(&chat.target) != self.sketch.open.as_ref()).collect();
        let next = match self.below(6) {
            0 => {
                self.screen.control('n');
                Some(&chats[here.map_or(0, |here| (here + 1) % count)])
            }
            1 => {
                self.screen.control('p');
                Some(&chats[here.map_or(0, |here| (here + count - 1) % count)])
            }
            2 => {
                let number = self.below(9);
                self.screen.alt(KeyCode::Char(char::from(b'1' + u8::try_from(number).unwrap())));
                chats.get(usize::try_from(number).unwrap())
            }
            3 => {
                self.screen.alt(KeyCode::Char('a'));
                unread.iter().find(|chat| chat.calls()).or(unread.first()).copied()
            }
            4 => {
                self.screen.press(KeyCode::Backspace);
                self.sketch.input.pop();
                None
            }
            _ => {
                self.screen.control('c');
                self.sketch.input.clear();
                None
            }
        };
        if let Some(chat) = next {
            self.sketch.open(&chat.target.clone());
        }
    }

    /// A click on a chat opens it; one on a hole loads what is missing.
    pub fn press_mouse(&mut self) {
        let places = self.sketch.places();
        let (width, height) = self.sketch.size;
        let column = self.below(width.into()).try_into().unwrap();
        let row = self.below(height.into()).try_into().unwrap();
        let clicked = |area: ratatui_core::layout::Rect| area.contains((column, row).into());
        let click = MouseEventKind::Down(MouseButton::Left);
        if clicked(places.list) {
            let chosen = self.sketch.listed_at(row);
            self.mouse(click, column, row);
            if let Some(target) = chosen {
                self.sketch.open(&target);
            }
            return;
        }
        let hole = self.hole_at(row).filter(|_| clicked(places.rows));
        if hole.is_some() && !self.is_connected() {
            return;
        }
        self.mouse(click, column, row);
        let takes_clicks =
            matches!(self.sketch.over, Over::Typing | Over::List(_) | Over::Filter) && !self.sketch.is_covered();
        if let Some(upto) = hole.filter(|_| takes_clicks) {
            self.fill(upto);
        }
    }

    /// The number up to which messages are missing in the hole whose first row on the screen is this one.
    pub fn hole_at(&self, row: u16) -> Option<u64> {
        let (lines, first, last) = self.sketch.window();
        let area = self.sketch.places().rows;
        let shown = last + 1 - first.min(last + 1);
        let top = usize::from(area.bottom()).checked_sub(shown)?;
        let line = first + usize::from(row).checked_sub(top)?;
        let item = lines.get(line).filter(|_| line <= last)?.0;
        let is_first = line == first || lines[line - 1].0 != item;
        let talk = &self.sketch.talks[self.sketch.open.as_ref().unwrap()];
        match talk.items[item].content {
            Content::Hole(_, upto) if is_first => Some(upto),
            _ => None,
        }
    }

    pub fn paste(&mut self) {
        let count = if self.random.chance(30) { 21 + self.below(9) } else { self.below(4) };
        let lines: Vec<_> = (0..count).map(|_| self.words(3)).collect();
        self.screen.terminal(TerminalEvent::Paste(format!(" {}", lines.join("\r\n"))));
        let text = format!(" {}", lines.join("\n"));
        match &mut self.sketch.over {
            Over::Paste(before) => before.push_str(&text),
            Over::Search(words, _) => {
                add_short(words, &text);
                self.sketch.hit = None;
            }
            Over::Jump(name, chosen) => {
                add_short(name, &text);
                *chosen = 0;
            }
            Over::Filter => add_short(&mut self.sketch.filter, &text),
            over => {
                self.sketch.filter.clear();
                *over = if count > 20 { Over::Paste(text) } else { Over::Typing };
                if let Over::Typing = over {
                    self.sketch.input.push_str(&format!(" {}", lines.join("\n")));
                }
            }
        }
    }

    pub fn change_window(&mut self) {
        match self.below(3) {
            0 => {
                self.screen.terminal(TerminalEvent::FocusLost);
                self.sketch.lose_focus();
            }
            1 => {
                self.screen.terminal(TerminalEvent::FocusGained);
                self.sketch.focused = true;
                self.sketch.look_for_new();
            }
            _ => {
                let width = self.below(90) + 14;
                let height = self.below(28) + 3;
                self.sketch.size = (width.try_into().unwrap(), height.try_into().unwrap());
            }
        }
    }
}
