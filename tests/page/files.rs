//! The files of the page: served under a path with the digest of their build, and whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::support::web::{Answer, Web, request, world_with_web};

/// Most bytes of all files together.
const MOST_BYTES: usize = 250_000;

/// Sends one request on a connection of its own.
fn exchange(web: SocketAddr, line: &str) -> Answer {
    Web::connect(web).exchange(&request(line, &[("Host", "localhost")]))
}

/// Returns the texts between quotes in a file.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// Returns the paths of the files that a file names.
fn named(path: &str, text: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let names = quoted(text).filter_map(|name| match name.strip_prefix("./") {
        Some(module) => Some(format!("{folder}/{module}")),
        // The service worker is asked for each time.
        None if name == "/sw.js" => None,
        None if name.starts_with('/') && name.contains('.') => Some(name.to_owned()),
        None if name.ends_with(".svg") => Some(format!("{folder}/{name}")),
        None => None,
    });
    names.collect()
}

#[test]
fn all_files_are_served_under_the_digest_of_their_build() {
    let (_world, web) = world_with_web(&[]);
    let page = exchange(web, "GET /");
    let tag = page.field("ETag").expect("a tag").trim_matches('"').to_owned();
    let mut known = BTreeSet::new();
    let mut bytes = page.body.len();
    let mut waiting = named("/", &page.body);
    assert!(waiting.len() >= 5, "{}", page.body);
    while let Some(path) = waiting.pop() {
        if !known.insert(path.clone()) {
            continue;
        }
        assert!(path.starts_with(&format!("/{tag}/")), "{path} is of the build {tag}");
        let file = exchange(web, &format!("GET {path}"));
        let expected = match path.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("webmanifest") => "application/manifest+json",
            _ => panic!("{path}"),
        };
        assert_eq!((file.status, file.field("Content-Type")), (200, Some(expected)), "{path}");
        assert_eq!(file.field("Cache-Control"), Some("max-age=31536000, immutable"), "{path}");
        assert_eq!(file.field("X-Content-Type-Options"), Some("nosniff"), "{path}");
        // Only documents and workers have one.
        assert_eq!(file.field("Content-Security-Policy"), None, "{path}");
        let head = exchange(web, &format!("HEAD {path}"));
        assert_eq!((head.status, head.field("Content-Length")), (200, file.field("Content-Length")), "{path}");
        bytes += file.body.len();
        if path.ends_with(".js") || path.ends_with(".webmanifest") {
            waiting.extend(named(&path, &file.body));
        }
    }
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
    // Every module is fetched at once, not one after the other as imports are found.
    for module in known.iter().filter(|path| path.ends_with(".js")) {
        assert!(page.body.contains(&format!("\"{module}\"")), "{module} is preloaded");
    }
    for nothing in ["0/view.js", "/nothing.js", "/../Cargo.toml"] {
        let other = exchange(web, &format!("GET /{tag}{nothing}"));
        assert_eq!((other.status, other.field("Cache-Control")), (404, None), "{nothing}");
    }
}

/// The page of a server that was upgraded before the page had its modules is loaded anew.
#[test]
fn a_module_of_another_build_is_one_that_loads_the_page_anew() {
    let (_world, web) = world_with_web(&[]);
    for name in ["view.js", "of_that_build_alone.js"] {
        let module = exchange(web, &format!("GET /0123456789abcdef/{name}"));
        assert_eq!((module.status, module.field("Content-Type")), (200, Some("text/javascript; charset=utf-8")));
        assert_eq!(module.field("Cache-Control"), Some("no-store"));
        assert!(module.body.contains("location.reload()") && !module.body.contains("import"), "{}", module.body);
    }
    for path in
        ["0123456789abcdef/style.css", "0123456789abcdef/a/b.js", "0123456789abcde/view.js", "0123456789abcdeg/view.js"]
    {
        assert_eq!(exchange(web, &format!("GET /{path}")).status, 404, "{path}");
    }
}

#[test]
fn the_service_worker_is_of_the_same_build_and_asked_for_each_time() {
    let (_world, web) = world_with_web(&[]);
    let page = exchange(web, "GET /");
    let tag = page.field("ETag").expect("a tag").to_owned();
    let worker = exchange(web, "GET /sw.js");
    assert_eq!(worker.field("Content-Security-Policy"), page.field("Content-Security-Policy"));
    assert_eq!((worker.status, worker.field("Content-Type")), (200, Some("text/javascript; charset=utf-8")));
    assert_eq!((worker.field("ETag"), worker.field("Cache-Control")), (Some(tag.as_str()), Some("no-cache")));
    let host = ("Host", "localhost");
    let same = Web::connect(web).exchange(&request("GET /sw.js", &[host, ("If-None-Match", &tag)]));
    assert_eq!((same.status, same.body.as_str()), (304, ""));
}

/// Returns the modules that a module imports.
fn imports(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.starts_with("import ") || line.starts_with("} from "));
    lines.filter_map(|line| line.split("\"./").nth(1)?.split('"').next()).collect()
}

#[test]
fn the_modules_of_the_page_import_each_other_in_no_circle() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/web/page");
    let mut texts = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "js") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            texts.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    for (name, text) in &texts {
        assert!(text.starts_with("// "), "{name} says what it does");
        assert!(text.lines().count() <= 400, "{name} is short");
    }
    // Those that import nothing that is left go, until none is left.
    while !texts.is_empty() {
        let is_free = |text: &String| !imports(text).iter().any(|name| texts.contains_key(*name));
        let free: Vec<_> = texts.iter().filter(|(_, text)| is_free(text)).map(|(name, _)| name.clone()).collect();
        assert!(!free.is_empty(), "a circle among {:?}", texts.keys());
        free.iter().for_each(|name| _ = texts.remove(name));
    }
    // The machine is pure: what it imports has no connection, no database and no page.
    let machine = include_str!("../../src/server/web/page/machine.js");
    let parts = imports(machine);
    assert!(parts.iter().all(|name| ["record.js", "conversation.js"].contains(name)), "{parts:?}");
}

/// The policy of every answer refuses these: a page with one of them would not work.
#[test]
fn no_file_has_a_script_or_a_style_in_it() {
    let (_world, web) = world_with_web(&[]);
    let page = exchange(web, "GET /");
    for part in page.body.split("<script").skip(1) {
        assert!(part.trim_start_matches(|c| c != '>').starts_with("></script>"), "{part}");
    }
    for word in ["<style", " style=", " on", "javascript:"] {
        assert!(!page.body.contains(word), "{word}");
    }
    for path in named("/", &page.body).iter().filter(|path| path.ends_with(".js")) {
        let module = exchange(web, &format!("GET {path}")).body;
        for word in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "src=\"http"]
        {
            assert!(!module.contains(word), "{path}: {word}");
        }
    }
}
