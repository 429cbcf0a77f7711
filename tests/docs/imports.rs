//! The imports of the source: no file imports itself by way of others, and no module imports what the map in `src/lib.rs`
//! says that it never does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A path of names, from the root of the crate.
type Names = Vec<String>;

/// The source as modules, each in one file.
struct Source {
    /// Text of each module, without comments.
    texts: BTreeMap<Names, String>,
    /// Paths that each module imports, and whether it exports them again.
    uses: BTreeMap<Names, Vec<(Names, bool)>>,
}

impl Source {
    fn read() -> Self {
        let mut texts = BTreeMap::new();
        read_directory(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &Names::new(), &mut texts);
        let mut source = Self { texts, uses: BTreeMap::new() };
        for (module, text) in &source.texts {
            let uses = imports(text)
                .into_iter()
                .filter_map(|(path, is_public)| source.absolute(module, &path).map(|path| (path, is_public)));
            source.uses.insert(module.clone(), uses.collect());
        }
        source
    }

    /// Returns a path from the root, if it leads into the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Names> {
        let climbs = path.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&[][..], &path[1..]),
            "self" => (module, &path[1..]),
            "super" => (module.get(..module.len().checked_sub(climbs)?)?, &path[climbs..]),
            name if self.texts.contains_key(&[module, &[name.to_owned()]].concat()) => (module, path),
            _ => return None,
        };
        Some([base, rest].concat())
    }

    /// Returns the module whose file defines what a path names: where it is exported again, that of the original.
    fn definition(&self, path: &[String], depth: usize) -> Option<Names> {
        let length = (1..=path.len()).rev().find(|length| self.texts.contains_key(&path[..*length]))?;
        let (module, rest) = path.split_at(length);
        if let Some(name) = rest.first()
            && depth < 5
        {
            let exported = self.uses[module].iter().find(|(path, is_public)| *is_public && path.last() == Some(name));
            if let Some((original, _)) = exported.filter(|(original, _)| original != path) {
                return self.definition(&[original, &rest[1..]].concat(), depth + 1);
            }
        }
        Some(module.to_vec())
    }

    /// Returns the modules that each one imports. The root of a folder is made of the files in it: what it takes from them
    /// makes no circle.
    fn graph(&self) -> BTreeMap<&Names, BTreeSet<Names>> {
        let of_module = |(module, uses): (&Names, &Vec<(Names, bool)>)| {
            let definitions = uses.iter().filter_map(|(path, _)| self.definition(path, 0));
            let others = definitions.filter(|definition| !definition.starts_with(module));
            others.collect::<BTreeSet<_>>()
        };
        self.uses.iter().map(|entry| (entry.0, of_module(entry))).collect()
    }
}

fn read_directory(directory: &Path, module: &Names, texts: &mut BTreeMap<Names, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let inner = [module.as_slice(), std::slice::from_ref(&name)].concat();
        if path.is_dir() {
            read_directory(&path, &inner, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
            let module = if ["mod", "lib", "main"].contains(&name.as_str()) { module.clone() } else { inner };
            if !module.is_empty() {
                texts.insert(module, lines.collect::<Vec<_>>().join("\n"));
            }
        }
    }
}

/// Returns the paths of all `use` items of a text, and those that begin with `crate` or `super` elsewhere in it.
fn imports(text: &str) -> Vec<(Names, bool)> {
    let mut paths = Vec::new();
    let mut items = text.split('\n').peekable();
    let mut others = String::new();
    while let Some(line) = items.next() {
        let words = line.trim_start();
        let item = words.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").trim_start_matches("pub ");
        let Some(first) = item.strip_prefix("use ") else {
            others.extend([line, "\n"]);
            continue;
        };
        let mut tree = first.to_owned();
        while !tree.contains(';') {
            tree.push_str(items.next().expect("the end of a use item"));
        }
        let tree: String = tree.split(';').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        expand("", &tree, &mut |path| paths.push((names(path), words.starts_with("pub"))));
    }
    for start in ["crate::", "super::"] {
        for (index, _) in others.match_indices(start) {
            let end = others[index..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            paths.push((names(&others[index..end.map_or(others.len(), |end| index + end)]), false));
        }
    }
    paths
}

/// Calls a function with each path of a tree such as `a::{b, c::{d, e}}`.
fn expand(prefix: &str, tree: &str, found: &mut dyn FnMut(&str)) {
    let Some((head, rest)) = tree.split_once('{') else {
        return found(&format!("{prefix}{}", tree.split(" as ").next().unwrap_or_default().trim()));
    };
    let prefix = format!("{prefix}{}", head.trim());
    let inner = rest.trim_end().strip_suffix('}').expect("a closed brace");
    let mut depth = 0;
    let mut start = 0;
    for (index, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..index].trim().is_empty() {
                    expand(&prefix, &inner[start..index], found);
                }
                start = index + 1;
            }
            _ => {}
        }
    }
}

fn names(path: &str) -> Names {
    path.split("::").filter(|name| !name.is_empty() && *name != "self").map(str::to_owned).collect()
}

/// Returns a way from a module back to itself.
fn circle(graph: &BTreeMap<&Names, BTreeSet<Names>>, start: &Names) -> Option<Vec<String>> {
    let mut before: BTreeMap<&Names, &Names> = BTreeMap::new();
    let mut next = vec![start];
    while let Some(module) = next.pop() {
        let Some(others) = graph.get(module) else { continue };
        for other in others {
            if before.contains_key(other) {
                continue;
            }
            before.insert(other, module);
            if other == start {
                let way = std::iter::successors(Some(module), |module| before.get(*module).copied());
                let mut way: Vec<_> = way.take_while(|module| *module != start).map(|names| names.join("::")).collect();
                way.push(start.join("::"));
                way.reverse();
                return Some(way);
            }
            next.push(other);
        }
    }
    None
}

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let source = Source::read();
    let graph = source.graph();
    assert!(graph.len() > 200 && graph.values().map(BTreeSet::len).sum::<usize>() > 1_000, "imports are found");
    let circles: BTreeSet<_> =
        graph.keys().filter_map(|module| circle(&graph, module)).map(|way| way.join(" -> ")).collect();
    assert!(circles.is_empty(), "{}", circles.into_iter().collect::<Vec<_>>().join("\n"));
}

/// The column "never does" of the map says `import a, b or c`.
#[test]
fn no_module_imports_what_the_map_says_that_it_never_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let source = Source::read();
    let graph = source.graph();
    let mut rows = Vec::new();
    for line in map.lines().filter(|line| line.starts_with("//! | [`")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let module = cells[1].trim_matches(['[', ']', '`']).to_owned();
        let never: Vec<_> = cells[3].strip_prefix("import ").unwrap_or_default().split([',', ' ']).collect();
        rows.push(module.clone());
        for (importer, imported) in graph.iter().filter(|(importer, _)| importer[0] == module) {
            for other in imported.iter().filter(|other| other[0] != module) {
                let way = format!("{} imports {}", importer.join("::"), other.join("::"));
                assert!(!never.contains(&other[0].as_str()), "{way}");
                assert!(rows.contains(&other[0]), "{way}: imports point up in the map");
            }
        }
    }
    assert!(rows.len() > 15, "{rows:?}");
}
