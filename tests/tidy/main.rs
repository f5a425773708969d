//! Tier 1: the layout. Reads every source file and fails on what CONTRIBUTING.md rules out and the
//! compiler and clippy do not see.

mod circles;
mod documents;
mod imports;
mod modules;
mod samples;
mod source;

use std::path::{Path, PathBuf};

use source::SourceFile;

/// Folders with Rust in them, from the root.
const PACKAGES: [&str; 4] = ["shared", "rendezvous", "app", "tests"];

/// Reads another checkout than the one this was built from.
const ROOT_VARIABLE: &str = "FARDROP_TIDY_ROOT";

/// Documents whose names of tests and files are looked up.
const DOCUMENTS: [&str; 6] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "deploy/README.md",
    "tests/bench/README.md",
];

#[test]
fn sources_keep_the_layout() {
    let problems = check(&sources());
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn what_the_documents_name_is_there() {
    let sources = sources();
    let texts: Vec<&str> = sources.iter().map(|(_, text)| text.as_str()).collect();
    let mut problems = Vec::new();
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root().join(document)).expect("a readable document");
        let exists = |path: &Path| root().join(path).exists();
        problems.extend(documents::check(document, &text, &texts, exists));
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn root() -> PathBuf {
    std::env::var_os(ROOT_VARIABLE).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."),
        PathBuf::from,
    )
}

/// Every source file: its path below the root, and its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = root();
    let mut sources = Vec::new();
    for package in PACKAGES {
        for path in rust_files(&root.join(package)) {
            let text = std::fs::read_to_string(&path).expect("a readable source file");
            let name = path.strip_prefix(&root).expect("a path below the root");
            sources.push((name.to_owned(), text));
        }
    }
    assert!(sources.len() > 20, "only {} source files", sources.len());
    sources
}

/// Everything that is wrong with these files, each with its place below the root.
fn check(sources: &[(PathBuf, String)]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for (path, text) in sources {
        match SourceFile::parse(path, text) {
            Ok(file) => files.push(file),
            Err(error) => {
                problems.push(format!("{}: it does not parse: {error}", path.display()));
            }
        }
    }
    for file in &files {
        problems.extend(source::check(file));
        problems.extend(imports::check(file));
        let parts = file.path.with_extension("");
        if files.iter().any(|other| other.path.starts_with(&parts)) {
            problems.push(file.problem(1, "a module with parts is a folder with a mod.rs"));
        }
    }
    problems.extend(circles::check(&files));
    problems
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                if path.file_name() != Some("target".as_ref()) {
                    folders.push(path);
                }
            } else if path.extension() == Some("rs".as_ref()) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
