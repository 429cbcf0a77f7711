//! Runs a target over its corpus and over mutated inputs. A failure names the target and the seed, and keeps the input in a
//! file, so that it can be put into the corpus.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::mutator::Mutator;
use crate::support::process::Process;

/// Time that one input may take, on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);

/// Most memory of this process, in KiB. The largest inputs have 100 kB.
const MEMORY: u64 = 512 << 10;

/// The seed of the first input: later runs with other inputs give another one.
const SEED: u64 = 13;

/// Returns a folder of cargo-fuzz.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(name)
}

/// Returns the names in one of them, sorted.
pub fn names_in(name: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder(name)).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// Returns a number that the environment gives, or its default.
pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// Returns the files of a target's corpus.
pub fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = names_in(&format!("corpus/{target}")).into_iter();
    files
        .map(|name| {
            let content = std::fs::read(folder("corpus").join(target).join(&name)).expect("a file of the corpus");
            (name, content)
        })
        .collect()
}

/// Runs a target over its corpus, and this many mutated inputs of each 200,000 of all targets (`FUZZ_INPUTS`).
pub fn run(target: &'static str, function: fn(&[u8]), inputs: u64) {
    watch();
    let corpus = corpus(target);
    for (name, input) in &corpus {
        run_one(target, function, &format!("the corpus file {name}"), input);
    }
    let mutator = Mutator::new(corpus.into_iter().map(|(_, input)| input).collect());
    let first = number("FUZZ_SEED", SEED);
    let inputs = inputs * number("FUZZ_INPUTS", 200_000) / 200_000;
    for seed in (first..).take(inputs as usize) {
        run_one(target, function, &format!("FUZZ_SEED={seed}"), &mutator.input(seed));
    }
}

fn run_one(target: &'static str, function: fn(&[u8]), origin: &str, input: &[u8]) {
    let id = begin(target, origin, input);
    let result = catch_unwind(AssertUnwindSafe(|| function(input)));
    RUNNING.lock().retain(|running| running.id != id);
    if result.is_err() {
        panic!("{}", describe(target, origin, input));
    }
}

/// Keeps the input, and says where.
fn describe(target: &str, origin: &str, input: &[u8]) -> String {
    let start = input.get(..400).unwrap_or(input).escape_ascii();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}"));
    let kept = std::fs::write(&path, input).map_or_else(|error| error.to_string(), |()| path.display().to_string());
    let length = input.len();
    format!("{target} fails with {origin}, {length} bytes: {start}\nall of it is in {kept}: put it into the corpus")
}

/// An input that is being run.
struct Running {
    id: thread::ThreadId,
    target: &'static str,
    origin: String,
    input: Vec<u8>,
    since: Instant,
}

static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

fn begin(target: &'static str, origin: &str, input: &[u8]) -> thread::ThreadId {
    let id = thread::current().id();
    let origin = origin.to_owned();
    let input = input.to_vec();
    RUNNING.lock().push(Running { id, target, origin, input, since: Instant::now() });
    id
}

/// Ends the process, and names the inputs that are being run, when one hangs or memory grows without a bound.
fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        thread::spawn(|| {
            let process = Process::of(std::process::id());
            loop {
                thread::sleep(Duration::from_millis(20));
                let running = RUNNING.lock();
                let has_hung = running.iter().any(|running| running.since.elapsed() > LONGEST);
                if has_hung || process.resident() > MEMORY {
                    running.iter().for_each(|Running { target, origin, input, .. }| {
                        eprintln!("no end, or too much memory: {}", describe(target, origin, input));
                    });
                    std::process::abort();
                }
            }
        });
    });
}
