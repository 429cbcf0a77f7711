//! A page of a browser: what a person does there and sees, and what the browser noted about it.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::devtools::{DevTools, Event};
use crate::support::{TIMEOUT, wait_until, wait_within};

/// Finds an element that a person sees: by a CSS selector, and by text that is in it, perhaps.
const FIND: &str = "(selector, text) => [...document.querySelectorAll(selector)].find(element => \
    element.checkVisibility() && (text === null || element.textContent.includes(text)))";

pub struct Page {
    devtools: Arc<DevTools>,
    session: String,
    target: String,
}

/// A request of the page, also of a WebSocket.
#[derive(Debug)]
pub struct Request {
    pub url: String,
}

/// Something that a screen reader is told of.
#[derive(Debug)]
pub struct Accessible {
    pub role: String,
    pub name: String,
}

impl Page {
    pub(super) fn new(devtools: Arc<DevTools>) -> Self {
        let call = |method, params| devtools.try_call("", method, params).expect("a new page");
        let target = text_of(&call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"]);
        let page = Self::attach(devtools, target);
        page.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
        page
    }

    /// Attaches DevTools to a page that there is.
    fn attach(devtools: Arc<DevTools>, target: String) -> Self {
        let params = json!({ "targetId": target, "flatten": true });
        let attached = devtools.try_call("", "Target.attachToTarget", params).expect("the page");
        let page = Self { devtools, session: text_of(&attached["sessionId"]), target };
        for domain in ["Inspector", "Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page
    }

    /// Calls `during` without DevTools at the page: a page that is looked at by them is never discarded. The page is in front
    /// after that.
    pub fn without_devtools(self, during: impl FnOnce()) -> Self {
        let address = self.evaluate("location.href");
        let Self { devtools, session, .. } = self;
        let call = |method, params| devtools.try_call("", method, params).expect("the page");
        call("Target.detachFromTarget", json!({ "sessionId": session }));
        during();
        // A page that was discarded is another target.
        let targets = call("Target.getTargets", json!({}));
        let is_it = |target: &&Value| target["type"] == "page" && target["url"] == address;
        let target = targets["targetInfos"].as_array().expect("a list").iter().find(is_it);
        let target = text_of(&target.expect("the page")["targetId"]);
        call("Target.activateTarget", json!({ "targetId": target }));
        Self::attach(devtools, target)
    }

    /// Calls a method of DevTools that has to succeed.
    #[track_caller]
    pub fn call(&self, method: &str, params: Value) -> Value {
        self.devtools.try_call(&self.session, method, params).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Loads an address, and waits until its scripts were started.
    #[track_caller]
    pub fn go_to(&self, url: &str) {
        let loads = self.count_of_loads();
        let loaded = self.call("Page.navigate", json!({ "url": url }));
        assert_eq!(loaded.get("errorText"), None, "{url}: {loaded}");
        self.wait_for_load(loads);
    }

    #[track_caller]
    pub fn reload(&self) {
        let loads = self.count_of_loads();
        self.call("Page.reload", json!({}));
        self.wait_for_load(loads);
    }

    #[track_caller]
    fn wait_for_load(&self, before: usize) {
        wait_within(TIMEOUT, || (self.count_of_loads() > before).then_some(()), || self.describe("the page to load"));
    }

    fn count_of_loads(&self) -> usize {
        self.events("Page.loadEventFired").len()
    }

    /// Returns the value of an expression; a promise is waited for.
    #[track_caller]
    pub fn evaluate(&self, expression: &str) -> Value {
        self.try_evaluate(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Starts a script, and does not wait for it.
    pub fn begin(&self, expression: &str) {
        self.devtools.send(&self.session, "Runtime.evaluate", json!({ "expression": expression }));
    }

    fn try_evaluate(&self, expression: &str) -> Result<Value, String> {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.devtools.try_call(&self.session, "Runtime.evaluate", params)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(details.to_string()),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Waits until an expression has a value that counts as true, and returns it. A page that is being replaced has none.
    #[track_caller]
    pub fn wait_for(&self, expression: &str) -> Value {
        self.wait_for_within(TIMEOUT, expression)
    }

    /// The same for what may take longer.
    #[track_caller]
    pub fn wait_for_within(&self, time: Duration, expression: &str) -> Value {
        let is_true =
            |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && value != "" && *value != json!(0);
        let last = RefCell::new(String::new());
        let look = || match self.try_evaluate(expression) {
            Ok(value) => Some(value).filter(is_true),
            Err(error) => {
                *last.borrow_mut() = error;
                None
            }
        };
        wait_within(time, look, || format!("{}\nlast error: {}", self.describe(expression), last.borrow()))
    }

    /// Describes the page for a wait that ended in vain.
    fn describe(&self, wanted: &str) -> String {
        let text = self.try_evaluate("document.body.innerText").unwrap_or_else(Value::from);
        let title = self.try_evaluate("document.title").unwrap_or_else(Value::from);
        format!("waited in vain for {wanted}\nthe page, {title}: {text}\nerrors: {:#?}", self.errors())
    }

    /// Waits until a person sees an element.
    #[track_caller]
    pub fn wait_for_element(&self, selector: &str) {
        self.wait_for(&format!("!!({FIND})({}, null)", json!(selector)));
    }

    /// Waits until a person sees an element with this text in it.
    #[track_caller]
    pub fn wait_for_text(&self, selector: &str, text: &str) {
        self.wait_for(&format!("!!({FIND})({}, {})", json!(selector), json!(text)));
    }

    /// Returns the texts of all elements that a selector finds and a person sees.
    #[track_caller]
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let list = format!("[...document.querySelectorAll({})]", json!(selector));
        let texts = self.evaluate(&format!("{list}.filter(e => e.checkVisibility()).map(e => e.textContent)"));
        texts.as_array().expect("a list").iter().map(text_of).collect()
    }

    /// Clicks on an element with the mouse, where it is on the screen.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.click_on(selector, None);
    }

    /// Clicks on an element with a text.
    #[track_caller]
    pub fn click_text(&self, selector: &str, text: &str) {
        self.click_on(selector, Some(text));
    }

    #[track_caller]
    fn click_on(&self, selector: &str, text: Option<&str>) {
        let point = self.find_point(selector, text);
        self.press_mouse(&point);
        self.release_mouse(&point);
    }

    /// Returns where the middle of an element is, once it is there to be clicked.
    #[track_caller]
    pub fn find_point(&self, selector: &str, text: Option<&str>) -> Value {
        self.wait_for(&format!(
            "(element => {{
                if (!element || element.disabled) return null;
                element.scrollIntoView({{ block: 'nearest' }});
                const box = element.getBoundingClientRect();
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                const hit = document.elementFromPoint(x, y);
                return hit && (element.contains(hit) || hit.contains(element)) ? {{ x, y }} : null;
            }})(({FIND})({}, {}))",
            json!(selector),
            json!(text)
        ))
    }

    #[track_caller]
    pub fn press_mouse(&self, point: &Value) {
        self.move_button("mousePressed", point);
    }

    #[track_caller]
    pub fn release_mouse(&self, point: &Value) {
        self.move_button("mouseReleased", point);
    }

    #[track_caller]
    fn move_button(&self, kind: &str, point: &Value) {
        let button = json!({ "type": kind, "x": point["x"], "y": point["y"], "button": "left", "clickCount": 1 });
        self.call("Input.dispatchMouseEvent", button);
    }

    /// Types a text where the focus is.
    #[track_caller]
    pub fn insert(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Clicks on a field and replaces its text.
    #[track_caller]
    pub fn fill(&self, selector: &str, text: &str) {
        self.click(selector);
        self.evaluate("document.activeElement.select()");
        self.insert(text);
    }

    /// Presses a key; `modifiers`: 1 Alt, 2 Control, 4 Meta, 8 Shift.
    #[track_caller]
    pub fn press(&self, key: &str, modifiers: u8) {
        let (code, number, text) = match key {
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            "Tab" => ("Tab", 9, ""),
            "Space" => ("Space", 32, " "),
            "ArrowUp" => ("ArrowUp", 38, ""),
            "ArrowDown" => ("ArrowDown", 40, ""),
            "PageUp" => ("PageUp", 33, ""),
            "Home" => ("Home", 36, ""),
            "End" => ("End", 35, ""),
            other => panic!("no key {other}"),
        };
        let key = if key == "Space" { " " } else { key };
        let mut event = json!({ "type": "keyDown", "key": key, "code": code, "windowsVirtualKeyCode": number,
            "modifiers": modifiers, "text": text });
        self.call("Input.dispatchKeyEvent", event.clone());
        event["type"] = "keyUp".into();
        event["text"] = "".into();
        self.call("Input.dispatchKeyEvent", event);
    }

    /// Makes the page as large as a screen, or as a phone.
    pub fn resize(&self, width: u32, height: u32) {
        let params = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", params);
    }

    /// Has the page believe that its reader prefers a scheme, `dark` or `light`.
    pub fn prefer_scheme(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    /// Writes a picture of what is seen.
    pub fn take_picture(&self, path: &Path) {
        let picture = text_of(&self.call("Page.captureScreenshot", json!({ "format": "png" }))["data"]);
        std::fs::write(path, BASE64_STANDARD.decode(picture).expect("base64")).expect("a file");
    }

    /// Returns what a screen reader is told of.
    pub fn accessible_nodes(&self) -> Vec<Accessible> {
        let tree = self.call("Accessibility.getFullAXTree", json!({}));
        let nodes = tree["nodes"].as_array().expect("a list").iter().filter(|node| node["ignored"] == false);
        let value = |node: &Value, field: &str| text_of(&node[field]["value"]);
        nodes.map(|node| Accessible { role: value(node, "role"), name: value(node, "name") }).collect()
    }

    /// Brings the page in front of the others.
    pub fn bring_to_front(&self) {
        self.call("Page.bringToFront", json!({}));
    }

    /// Brings another, empty page in front, and returns it: this one is hidden, and may be frozen or discarded.
    #[track_caller]
    pub fn go_to_background(&self) -> Page {
        self.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": false }));
        let other = Page::new(Arc::clone(&self.devtools));
        other.bring_to_front();
        self.wait_for("document.visibilityState === 'hidden'");
        other
    }

    /// Has the browser freeze a page that is hidden, or thaw it: nothing of it runs between.
    pub fn set_frozen(&self, is_frozen: bool) {
        let state = if is_frozen { "frozen" } else { "active" };
        self.call("Page.setWebLifecycleState", json!({ "state": state }));
    }

    /// Has a script run before those of each page that is loaded from now on.
    pub fn run_before_scripts(&self, script: &str) {
        self.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    }

    /// Ends the process of the page at once, whatever it does.
    pub fn kill(&self) {
        self.devtools.send(&self.session, "Page.crash", json!({}));
        wait_until("the end of the page", || !self.events("Inspector.targetCrashed").is_empty());
    }

    pub fn close(&self) {
        self.devtools.send("", "Target.closeTarget", json!({ "targetId": self.target }));
    }

    fn events(&self, method: &str) -> Vec<Event> {
        self.devtools.events(&self.session, method)
    }

    /// Returns what the browser reported as an error, also of the content security policy, and each exception.
    pub fn errors(&self) -> Vec<String> {
        let exceptions = self.events("Runtime.exceptionThrown");
        let exceptions = exceptions.iter().map(|event| event.params["exceptionDetails"].to_string());
        let entries = self.events("Log.entryAdded").into_iter().map(|event| event.params["entry"].clone());
        let entries = entries.filter(|entry| is_bad(&entry["level"])).map(|entry| entry.to_string());
        let calls = self.events("Runtime.consoleAPICalled").into_iter().map(|event| event.params);
        let calls = calls.filter(|call| is_bad(&call["type"])).map(|call| call.to_string());
        exceptions.chain(entries).chain(calls).collect()
    }

    /// Returns all requests that the page has made.
    pub fn requests(&self) -> Vec<Request> {
        let of_http =
            self.events("Network.requestWillBeSent").into_iter().map(|event| text_of(&event.params["request"]["url"]));
        let of_sockets = self.events("Network.webSocketCreated").into_iter().map(|event| text_of(&event.params["url"]));
        of_http.chain(of_sockets).map(|url| Request { url }).collect()
    }

    /// Returns the addresses that were answered by an error, or by nothing, without those of WebSockets.
    pub fn failed_requests(&self) -> Vec<String> {
        let answers = self.events("Network.responseReceived").into_iter().map(|event| event.params["response"].clone());
        let refused = answers.filter(|answer| answer["status"].as_u64().is_none_or(|status| status >= 400));
        let failed = self.events("Network.loadingFailed").into_iter().map(|event| event.params.to_string());
        refused.map(|answer| text_of(&answer["url"])).chain(failed).collect()
    }

    /// Returns the lines that the page has sent over its WebSockets.
    pub fn lines_sent(&self) -> Vec<String> {
        let frames = self.events("Network.webSocketFrameSent").into_iter();
        frames.map(|event| text_of(&event.params["response"]["payloadData"])).collect()
    }

    /// Returns the number of lines that were sent or received over WebSockets so far.
    pub fn count_of_lines(&self) -> usize {
        self.devtools.count(&self.session, &["Network.webSocketFrameSent", "Network.webSocketFrameReceived"])
    }

    /// Returns what scripts have noted by `console.info`.
    pub fn console(&self) -> Vec<String> {
        let calls = self.events("Runtime.consoleAPICalled").into_iter().map(|event| event.params);
        let notes = calls.filter(|call| call["type"] == "info");
        notes.map(|call| text_of(&call["args"][0]["value"])).collect()
    }

    /// Returns the bytes that came over the network, heads too, without those of WebSockets.
    pub fn bytes_received(&self) -> u64 {
        let finished = self.events("Network.loadingFinished");
        finished.iter().filter_map(|event| event.params["encodedDataLength"].as_f64()).sum::<f64>() as u64
    }

    /// Returns how many seconds after the begin of its navigation the page showed something.
    pub fn first_paint(&self) -> Duration {
        let paint = self.wait_for("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
        Duration::from_secs_f64(paint.as_f64().expect("a time") / 1000.0)
    }
}

fn is_bad(level: &Value) -> bool {
    ["error", "warning", "assert"].iter().any(|bad| level == bad)
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
