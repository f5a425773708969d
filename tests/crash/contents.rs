//! What is sent, what is there before, and what may be found afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use fardrop_tests::tree::{self, Node};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::places::Place;

/// A name that is taken by another file, and the one that what is sent gets instead.
const TAKEN: &str = "b/other";
const BESIDE: &str = "b/other (1)";

type Tree = BTreeMap<PathBuf, Node>;

/// What is sent, and what is there before.
pub(crate) struct Contents {
    sent: Tree,
    before: Tree,
    /// Whether what is there keeps its times and modes on this file system.
    exact: bool,
    /// How much there is to send.
    pub(crate) bytes: u64,
}

impl Contents {
    /// Files of all sizes in folders in `out`, next to some in `before`: one is identical, one has
    /// the name of another.
    pub(crate) fn make(place: &Place, seed: u64) -> Result<Self> {
        let (out, before) = (place.out(), place.before());
        for folder in [&out, &before] {
            let _ = fs::remove_dir_all(folder);
        }
        fs::create_dir_all(out.join("empty folder"))?;
        fs::create_dir_all(before.join("tree/b"))?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut make = |path: PathBuf, length: usize| -> Result<()> {
            fs::create_dir_all(path.parent().context("in a folder")?)?;
            fs::write(&path, tree::noise(rng.r#gen(), length))?;
            Ok(())
        };
        make(out.join("large.bin"), 3_000_000)?;
        for number in 0..10 {
            make(out.join(format!("a/{number}")), 1000 * number + 1)?;
            make(out.join(format!("b/c/{number}")), 40_000)?;
        }
        make(out.join("b/same"), 50_000)?;
        make(out.join("b/other"), 50_000)?;
        make(out.join("empty file"), 0)?;
        make(before.join("tree").join(TAKEN), 50_000)?;
        make(before.join("stays"), 20_000)?;
        make(before.join("tree/stays"), 20_000)?;
        fs::copy(out.join("b/same"), before.join("tree/b/same"))?;
        fs::set_permissions(out.join("a/3"), fs::Permissions::from_mode(0o755))?;
        let sent = tree::snapshot(&out)?;
        let bytes = sent.values().map(size).sum();
        Ok(Self {
            sent,
            before: tree::snapshot(&before)?,
            exact: place.kind.keeps_times_and_modes,
            bytes,
        })
    }

    /// Checks that all names in `folder` stand for what they should, and gives how many bytes are here of what is
    /// sent.
    pub(crate) fn check(&self, folder: &Path) -> Result<u64> {
        let there = tree::snapshot(folder)?;
        for (path, node) in &self.before {
            let now = there
                .get(path)
                .with_context(|| format!("{} is gone", path.display()))?;
            let same = if self.exact {
                node == now
            } else {
                same_content(node, now)
            };
            ensure!(same, "{} was {node:?} and is {now:?}", path.display());
        }
        let mut here = 0;
        for (path, node) in &there {
            if is_part(path) {
                here += size(node);
                continue;
            }
            if path.starts_with("lost+found") || path == Path::new("tree") {
                continue;
            }
            let is_before = self.before.contains_key(path);
            let below = path.strip_prefix("tree").unwrap_or(path);
            let source = if below == Path::new(BESIDE) {
                Path::new(TAKEN)
            } else {
                below
            };
            let Some(sent) = self.sent.get(source).filter(|_| below != Path::new(TAKEN)) else {
                ensure!(is_before, "{} was not sent", path.display());
                continue;
            };
            ensure!(
                same_content(sent, node),
                "{} has a final name and other content",
                path.display()
            );
            here += size(node);
        }
        Ok(here)
    }

    /// Checks that everything is in `folder`, and nothing else.
    pub(crate) fn check_whole(&self, folder: &Path, parts_stay: bool) -> Result<()> {
        self.check(folder)?;
        let there = tree::snapshot(folder)?;
        for path in self.sent.keys() {
            let name = if path == Path::new(TAKEN) {
                Path::new(BESIDE)
            } else {
                path
            };
            let name = Path::new("tree").join(name);
            ensure!(there.contains_key(&name), "{} did not come", name.display());
        }
        let part = there.keys().find(|path| is_part(path));
        if let (Some(part), false) = (part, parts_stay) {
            bail!("{} is left", part.display());
        }
        Ok(())
    }
}

const fn size(node: &Node) -> u64 {
    match node {
        Node::File { bytes, .. } => *bytes,
        Node::Folder => 0,
    }
}

fn is_part(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(".fardrop-") && name.ends_with(".part"))
}

/// Compares by content alone: not every file system keeps times and modes.
fn same_content(one: &Node, other: &Node) -> bool {
    match (one, other) {
        (Node::File { hash: one, .. }, Node::File { hash: other, .. }) => one == other,
        (Node::Folder, Node::Folder) => true,
        (Node::File { .. }, Node::Folder) | (Node::Folder, Node::File { .. }) => false,
    }
}
