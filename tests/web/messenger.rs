//! The page as a person uses it: logs in, opens chats, writes, reads what is on the screen.

use std::net::SocketAddr;
use std::ops::Deref;

use serde_json::json;

use super::browser::Browser;
use super::page::Page;
use crate::support::{PASSWORD, wait_until};

/// The chat that is open a moment after a click.
const IS_OPEN: &str = "new Promise((resolve) => \
    setTimeout(() => resolve(document.querySelector('.title h1')?.textContent ?? ''), 300))";

/// A page on which a user is logged in.
pub struct Messenger {
    page: Page,
}

impl Deref for Messenger {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

pub fn url(web: SocketAddr) -> String {
    format!("http://{web}/")
}

impl Messenger {
    /// Registers a user who stays logged in.
    #[track_caller]
    pub fn register(browser: &Browser, web: SocketAddr, user: &str) -> Self {
        Self::register_at(browser.open(&url(web)), user)
    }

    /// The same on a page that is loaded.
    #[track_caller]
    pub fn register_at(page: Page, user: &str) -> Self {
        page.click("#other-form");
        page.fill("#user", user);
        page.fill("#password", PASSWORD);
        page.fill("#again", PASSWORD);
        page.click("#stay");
        page.click("#sign-in");
        Self::of_open_page(page)
    }

    /// Logs a user in who does not stay logged in.
    #[track_caller]
    pub fn log_in(browser: &Browser, web: SocketAddr, user: &str) -> Self {
        let page = browser.open(&url(web));
        page.fill("#user", user);
        page.fill("#password", PASSWORD);
        page.click("#sign-in");
        Self::of_open_page(page)
    }

    /// Opens a further page of a user who has stayed logged in.
    #[track_caller]
    pub fn of_user_who_stayed(browser: &Browser, web: SocketAddr) -> Self {
        Self::of_open_page(browser.open(&url(web)))
    }

    /// Waits until the chats of a user are on a page.
    #[track_caller]
    pub fn of_open_page(page: Page) -> Self {
        page.wait_for_element(".side");
        Self { page }
    }

    /// Calls `during` without DevTools at the page, which is in front after that.
    pub fn without_devtools(self, during: impl FnOnce()) -> Self {
        Self { page: self.page.without_devtools(during) }
    }

    /// Logs the user out, and waits for the form to log in.
    #[track_caller]
    pub fn log_out(&self) {
        self.click("#account");
        self.click_text("dialog button", "Log out");
        self.click_text("dialog button.primary", "Log out");
        self.wait_for_element("#user");
    }

    /// Returns the page, whoever is logged in there.
    pub fn into_page(self) -> Page {
        self.page
    }

    /// Opens a chat by its name, whether it is in the list or not.
    #[track_caller]
    pub fn open_chat(&self, target: &str) {
        self.click("#new-chat");
        self.wait_for_element("#answer");
        self.insert(target);
        self.press("Enter", 0);
        self.wait_for_text(".title h1", target);
    }

    /// Opens a chat of the list, which may move until it is clicked.
    #[track_caller]
    pub fn choose_chat(&self, target: &str) {
        wait_until("the chat to open", || {
            self.click_text(".chat", target);
            self.evaluate(IS_OPEN).as_str() == Some(target)
        });
    }

    /// Types a message and sends it by the Enter key.
    #[track_caller]
    pub fn write(&self, text: &str) {
        // Click again where the input has moved.
        wait_until("the input to have the focus", || {
            self.click("#message");
            self.evaluate("document.activeElement?.id") == "message"
        });
        self.insert(text);
        self.press("Enter", 0);
    }

    /// Waits until a message is on the screen, in a state if one is named.
    #[track_caller]
    pub fn wait_for_message(&self, text: &str, state: Option<&str>) {
        let wanted = state.map_or_else(String::new, |state| format!("[data-state={state}]"));
        self.wait_for_text(&format!(".row{wanted} .text"), text);
    }

    /// Returns the texts of the messages in the page.
    #[track_caller]
    pub fn messages(&self) -> Vec<String> {
        self.texts(".row .text")
    }

    /// Has the page believe that it is in the background, or in front again.
    pub fn set_visible(&self, is_visible: bool) {
        let state = if is_visible { "visible" } else { "hidden" };
        self.evaluate(&format!(
            "Object.defineProperty(document, 'visibilityState', {{ configurable: true, get: () => {} }});
             document.hasFocus = () => {is_visible};
             document.dispatchEvent(new Event('visibilitychange'))",
            json!(state)
        ));
    }
}
