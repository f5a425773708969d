//! Makes trees of files for the measurements, and says what is in one.
//!
//! Two trees are the same when their digests are: one line a file or folder, sorted by path.

mod awkward;
mod digest;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Prints what is in a tree: hash, size, modification time, executable bit and path.
    Digest { folder: PathBuf },
    /// Makes a tree of names, sizes and times that go wrong easily.
    Awkward { folder: PathBuf },
    /// Makes many equal files, spread over folders.
    Many {
        folder: PathBuf,
        #[arg(long)]
        files: usize,
        #[arg(long)]
        folders: usize,
        /// Bytes in each.
        #[arg(long)]
        size: usize,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().action {
        Action::Digest { folder } => {
            let mut output = std::io::stdout().lock();
            for line in digest::lines(&folder)? {
                writeln!(output, "{line}")?;
            }
            Ok(())
        }
        Action::Awkward { folder } => awkward::make(&folder),
        Action::Many {
            folder,
            files,
            folders,
            size,
        } => make_many(&folder, files, folders, size),
    }
}

/// Files with contents of their own, so that nothing can be saved by finding them equal.
fn make_many(folder: &Path, files: usize, folders: usize, size: usize) -> Result<()> {
    for index in 0..folders {
        fs::create_dir_all(folder.join(format!("{index:04}")))?;
    }
    let mut contents = vec![0; size];
    for index in 0..files {
        blake3::Hasher::new()
            .update(&index.to_le_bytes())
            .finalize_xof()
            .fill(&mut contents);
        let name = format!("{:04}/{index:06}.bin", index % folders);
        fs::write(folder.join(name), &contents)?;
    }
    Ok(())
}
