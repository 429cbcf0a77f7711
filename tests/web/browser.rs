//! Chromium without a window: the process, its profile, and its pages.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::devtools::DevTools;
use super::page::Page;
use crate::support::wait_for;

/// The program; the environment may name another one.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Only the pages of the test are to use network, disk and processor.
const OPTIONS: [&str; 17] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    // Of the ports that tests take, Chromium refuses this one.
    "--explicitly-allowed-ports=10080",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider,AutofillServerCommunication",
    "--password-store=basic",
    "--lang=en",
];

/// Gives the pipes of standard input and output to the browser as the descriptors that it wants them at. The shell becomes the
/// browser, so that its process is the child of this one.
const WITH_PIPES: &str = "exec \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null";

/// Mounts a small disk on the directory `$0`, for the browser alone, and becomes the browser.
const ON_SMALL_DISK: &str = r#"mount -t tmpfs -o size=96m none "$0" && exec "$@""#;

/// A running browser. It ends with the test.
pub struct Browser {
    process: Child,
    devtools: Arc<DevTools>,
}

/// Returns the program, or says that the test is skipped.
pub fn chromium() -> Option<PathBuf> {
    let program = std::env::var_os("CHROMIUM").map_or_else(|| PathBuf::from(CHROMIUM), PathBuf::from);
    if program.exists() {
        return Some(program);
    }
    // Written past the test's capture, so that who runs the tests sees it.
    let _ = writeln!(std::io::stderr(), "SKIPPED: there is no {} here (CHROMIUM names another)", program.display());
    None
}

/// A directory for what a browser stores, which goes with the test.
pub fn profile() -> TempDir {
    tempfile::Builder::new().prefix("wachat-browser-").tempdir().expect("a temporary directory")
}

impl Browser {
    /// Starts the browser on a profile, new or not.
    pub fn start(program: &Path, profile: &Path) -> Self {
        Self::start_with(program, profile, &[])
    }

    pub fn start_with(program: &Path, profile: &Path, options: &[&str]) -> Self {
        Self::start_by(&[], program, profile, options)
    }

    /// Starts the browser on a profile that lies on a small disk; `None`: no file system can be mounted here.
    pub fn start_on_small_disk(program: &Path, profile: &Path) -> Option<Self> {
        let words = ["unshare", "--mount", "sh", "-c", ON_SMALL_DISK].map(OsStr::new);
        let words = [&words[..], &[profile.as_os_str()]].concat();
        let can_mount = Command::new(words[0]).args(&words[1..]).arg("true").output();
        if !can_mount.is_ok_and(|output| output.status.success()) {
            let _ = writeln!(std::io::stderr(), "SKIPPED: no file system can be mounted here");
            return None;
        }
        Some(Self::start_by(&words, program, profile, &[]))
    }

    /// `words`: a command that becomes the program after it.
    fn start_by(words: &[&OsStr], program: &Path, profile: &Path, options: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", WITH_PIPES, "sh"]).args(words).arg(program).args(OPTIONS).args(options);
        command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
        // Its children are in its group: none outlives it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("a browser");
        let pipes = (process.stdin.take().expect("a pipe"), process.stdout.take().expect("a pipe"));
        let devtools = Arc::new(DevTools::new(pipes.0, pipes.1));
        let browser = Self { process, devtools };
        let version = browser.devtools.try_call("", "Browser.getVersion", json!({}));
        assert!(version.is_ok(), "the browser does not start: {version:?}");
        browser
    }

    /// Opens a page; it is in front.
    pub fn open(&self, url: &str) -> Page {
        let page = self.open_blank();
        page.go_to(url);
        page
    }

    /// Opens an empty page, so that a test can set it up before it loads anything.
    pub fn open_blank(&self) -> Page {
        Page::new(Arc::clone(&self.devtools))
    }

    /// Does something, and returns what the browser's threads did meanwhile: events of DevTools' time line.
    pub fn trace<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<Value>) {
        let events = |method| self.devtools.events("", &format!("Tracing.{method}"));
        let before = [events("dataCollected").len(), events("tracingComplete").len()];
        let categories = ["devtools.timeline", "disabled-by-default-devtools.timeline"];
        let config = json!({ "traceConfig": { "includedCategories": categories }, "transferMode": "ReportEvents" });
        self.devtools.try_call("", "Tracing.start", config).expect("a trace");
        let done = work();
        self.devtools.try_call("", "Tracing.end", json!({})).expect("its end");
        wait_for("the trace", || (events("tracingComplete").len() > before[1]).then_some(()));
        let chunks = events("dataCollected").into_iter().skip(before[0]);
        (done, chunks.flat_map(|chunk| chunk.params["value"].as_array().cloned().unwrap_or_default()).collect())
    }

    /// Returns a path of this system as the browser sees it.
    pub fn path(&self, path: &Path) -> PathBuf {
        let path = path.strip_prefix("/").expect("an absolute path");
        PathBuf::from(format!("/proc/{}/root", self.process.id())).join(path)
    }

    /// Lets the pages of an origin show notifications, as their user does who is asked.
    pub fn allow_notifications(&self, origin: &str) {
        let params = json!({ "origin": origin, "permissions": ["notifications"] });
        self.devtools.try_call("", "Browser.grantPermissions", params).expect("the permission");
    }

    /// Returns the value of an expression in the service worker that there is; a promise is waited for.
    #[track_caller]
    pub fn evaluate_in_worker(&self, expression: &str) -> Value {
        let call = |session: &str, method, params| self.devtools.try_call(session, method, params).expect("the worker");
        let targets = call("", "Target.getTargets", json!({}));
        let mut targets = targets["targetInfos"].as_array().into_iter().flatten();
        let worker = targets.find(|target| target["type"] == "service_worker").expect("a worker");
        let attached = call("", "Target.attachToTarget", json!({ "targetId": worker["targetId"], "flatten": true }));
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let session = attached["sessionId"].as_str().unwrap_or_default();
        let mut answer = call(session, "Runtime.evaluate", params);
        assert_eq!(answer.get("exceptionDetails"), None, "{expression}");
        answer["result"]["value"].take()
    }

    /// Kills the browser and its processes, as a phone does that needs memory.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(group) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.process.wait();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.end();
    }
}
