//! Who may import whom inside `app`: the table of CONTRIBUTING.md as data.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::source::SourceFile;

/// What one module of `app` may use.
struct Row {
    /// The module, below the crate's root.
    module: &'static str,
    /// Paths below the crate's root that it may name.
    may: &'static [&'static str],
    /// Crates that it may not name.
    never: &'static [&'static str],
}

/// The engine as a face sees it.
const FACE: &[&str] = &[
    "args",
    "config",
    "engine::EngineHandle",
    "engine::command",
    "engine::event",
    "engine::handle",
    "failure",
    "leftovers",
    "signals",
    "text",
];

/// What a window may use: as a command line, and what remembers and is told of other starts.
const WINDOW: &[&str] = &[
    "args",
    "config",
    "desktop",
    "engine::EngineHandle",
    "engine::Wake",
    "engine::command",
    "engine::event",
    "engine::handle",
    "engine::start",
    "failure",
    "history",
    "instance",
    "launch",
    "leftovers",
    "signals",
    "text",
];

/// The table. A module may always use itself and `fardrop_shared`; test code may use anything.
///
/// It is CONTRIBUTING.md's, and more where the code needs it: the faces also see `args`, `config` and
/// `signals`, which hold the person's wishes and know nothing of the engine's inside, and `transfer`
/// also sees `files`, whose source files an offer is made of.
///
/// Where a module has rooms with rows of their own (`net::socket`), every one below it needs such a row, and
/// may use of that module what its row names. The module's own `mod.rs` and its tests may use all of it.
const TABLE: [Row; 23] = [
    row("failure", &[], &["tokio", "anyhow"]),
    row("signals", &[], &["anyhow"]),
    row(
        "text",
        &["engine::event", "failure", "history", "leftovers"],
        &["tokio", "anyhow", "egui"],
    ),
    row("args", &["engine::command"], &["tokio", "anyhow"]),
    row(
        "config",
        &["args", "engine::EngineConfig", "engine::command"],
        &["tokio", "anyhow"],
    ),
    row(
        "history",
        &["engine::event", "failure"],
        &["tokio", "anyhow", "egui"],
    ),
    row(
        "leftovers",
        &["disk", "transfer"],
        &["tokio", "anyhow", "egui"],
    ),
    row("instance", &[], &["tokio", "anyhow", "egui"]),
    row(
        "launch",
        &["args", "config", "instance", "signals"],
        &["tokio", "anyhow", "egui"],
    ),
    row("cli", FACE, &["tokio", "quinn", "egui", "eframe"]),
    row("gui", WINDOW, &["tokio", "quinn", "anyhow"]),
    row(
        "desktop",
        &["text"],
        &["tokio", "quinn", "anyhow", "egui", "eframe"],
    ),
    row(
        "engine",
        &[
            "net",
            "link",
            "transfer",
            "disk",
            "files",
            "failure",
            "leftovers",
        ],
        &["anyhow", "clap", "egui"],
    ),
    row("net", &[], &["anyhow", "egui"]),
    row("net::socket", &[], &["anyhow", "egui"]),
    row("net::mapping", &["net::socket"], &["anyhow", "egui"]),
    row(
        "net::path",
        &["net::socket", "net::mapping"],
        &["anyhow", "egui"],
    ),
    row(
        "net::introduction",
        &["net::socket", "net::mapping", "net::path"],
        &["anyhow", "egui"],
    ),
    row(
        "net::doctor",
        &[
            "net::socket",
            "net::mapping",
            "net::path",
            "net::introduction",
        ],
        &["anyhow", "egui"],
    ),
    row("link", &["net::Path"], &["anyhow", "egui"]),
    row(
        "transfer",
        &["link", "disk", "files"],
        &["anyhow", "quinn", "egui"],
    ),
    row("disk", &[], &["anyhow", "quinn", "egui"]),
    row("files", &[], &["anyhow", "quinn", "egui"]),
];

/// Crates that the pure protocol may not name, whatever its manifest says.
const IMPURE: &[&str] = &[
    "tokio",
    "quinn",
    "socket2",
    "anyhow",
    "fardrop",
    "fardrop_rendezvous",
];

const fn row(
    module: &'static str,
    may: &'static [&'static str],
    never: &'static [&'static str],
) -> Row {
    Row { module, may, never }
}

/// Every import of a file that the table forbids.
pub(crate) fn check(file: &SourceFile) -> Vec<String> {
    let parts: Vec<String> = file
        .path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["shared", "src", ..] => named_crates(file, IMPURE, "the pure protocol"),
        // These two tie the modules together.
        ["app", "src", "main.rs" | "lib.rs"] => Vec::new(),
        ["app", "src", rest @ ..] => check_app(file, &module_path(rest)),
        _ => Vec::new(),
    }
}

fn check_app(file: &SourceFile, module: &[String]) -> Vec<String> {
    let Some(row) = row_of(module) else {
        let what = "the import table (tests/tidy/imports.rs) has no row for this module";
        return vec![file.problem(1, what)];
    };
    let mut problems = named_crates(file, row.never, row.module);
    for (line, path) in paths(file, module) {
        let Some(below) = path.strip_prefix("crate::") else {
            continue;
        };
        let inside = |root: &str| {
            below
                .strip_prefix(root)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        if !inside(row.module) && !row.may.iter().any(|root| inside(root)) {
            problems.push(file.problem(line, format!("{} may not use {path}", row.module)));
        }
    }
    problems
}

/// The row that holds for a module: its room's, where the module that it belongs to has rooms.
fn row_of(module: &[String]) -> Option<&'static Row> {
    let top = module.first()?;
    let find = |name: &str| TABLE.iter().find(|row| row.module == name);
    let rooms = format!("{top}::");
    match module.get(1) {
        Some(room) if room != "tests" && TABLE.iter().any(|row| row.module.starts_with(&rooms)) => {
            find(&format!("{rooms}{room}"))
        }
        Some(_) | None => find(top),
    }
}

fn named_crates(file: &SourceFile, never: &[&str], who: &str) -> Vec<String> {
    paths(file, &[])
        .into_iter()
        .filter(|(_, path)| never.contains(&path.split("::").next().unwrap_or_default()))
        .map(|(line, path)| file.problem(line, format!("{who} may not use {path}")))
        .collect()
}

/// The module that a file below `src` is.
pub(crate) fn module_path(parts: &[&str]) -> Vec<String> {
    let mut module: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
    if let Some(last) = module.pop()
        && last != "mod.rs"
    {
        module.push(last.trim_end_matches(".rs").to_owned());
    }
    module
}

/// Every path named outside test code, with its line; `super` and `self` resolved to `crate`.
fn paths(file: &SourceFile, module: &[String]) -> Vec<(usize, String)> {
    let mut walk = Paths {
        module: module.to_vec(),
        found: Vec::new(),
    };
    walk.visit_file(&file.syntax);
    walk.found.retain(|(line, _)| !file.is_test_line(*line));
    walk.found
}

struct Paths {
    module: Vec<String>,
    found: Vec<(usize, String)>,
}

impl Paths {
    fn add(&mut self, line: usize, segments: &[String]) {
        let supers = segments.iter().take_while(|part| *part == "super").count();
        let rest = segments[supers..].iter().cloned();
        let whole: Vec<String> = match segments.first().map(String::as_str) {
            Some("super") => {
                let depth = self.module.len().saturating_sub(supers);
                let above = self.module[..depth].iter().cloned();
                std::iter::once("crate".to_owned())
                    .chain(above)
                    .chain(rest)
                    .collect()
            }
            Some("self") => std::iter::once("crate".to_owned())
                .chain(self.module.iter().cloned())
                .chain(rest.skip(1))
                .collect(),
            _ => rest.collect(),
        };
        if whole.len() > 1 {
            self.found.push((line, whole.join("::")));
        }
    }

    fn add_tree(&mut self, line: usize, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| {
            let mut path = prefix.to_vec();
            path.push(name.to_string());
            path
        };
        match tree {
            syn::UseTree::Path(tree) => self.add_tree(line, &with(&tree.ident), &tree.tree),
            syn::UseTree::Name(tree) if tree.ident == "self" => self.add(line, prefix),
            syn::UseTree::Name(tree) => self.add(line, &with(&tree.ident)),
            syn::UseTree::Rename(tree) => self.add(line, &with(&tree.ident)),
            syn::UseTree::Glob(_) => {
                let mut path = prefix.to_vec();
                path.push("*".to_owned());
                self.add(line, &path);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_tree(line, prefix, tree);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(item.span().start().line, &[], &item.tree);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    /// `pub(in crate::net)` names who may see something, not what is used.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.add(path.span().start().line, &segments);
        visit::visit_path(self, path);
    }
}
