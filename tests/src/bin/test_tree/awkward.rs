//! Names, sizes and times that go wrong easily, and that every transfer must keep all the same.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;

/// The most that one name may take on the usual file systems, in bytes.
const NAME_LIMIT_BYTES: usize = 255;

/// Bytes that are likely to be read, hashed or sent at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Names in many scripts, and with what a shell or a terminal could take amiss.
const NAMES: &[&str] = &[
    "报告 二〇二六年.txt",
    "تقرير نهائي.pdf",
    "דו״ח.txt",
    "отчёт.txt",
    "レポート.txt",
    "보고서.txt",
    "รายงาน.txt",
    "🎉 party 👩‍👩‍👧‍👦.jpg",
    // The same letters composed and decomposed, under names that differ otherwise.
    "caf\u{e9}-composed.txt",
    "cafe\u{301}-decomposed.txt",
    "with  two spaces.txt",
    "-rf",
    "--help",
    ".hidden",
    "..two-dots-in-front",
    "quote'quote.txt",
    "$(dollar) `tick` & ; # ! ~ %s {}.txt",
    "no-extension",
    "many.dots.in.a.name.tar.gz",
    "console.txt",
    "auxiliary",
    "name (1).txt",
];

/// Makes the tree under `folder`.
pub(crate) fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for name in NAMES {
        fs::write(folder.join(name), name)?;
    }
    make_long(folder)?;
    make_sizes(&folder.join("sizes"))?;
    make_times(&folder.join("times"))?;
    make_folders(folder)?;
    let script = folder.join("run me.sh");
    fs::write(&script, "#!/bin/sh\n")?;
    fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    let read_only = folder.join("read-only.txt");
    fs::write(&read_only, "kept\n")?;
    fs::set_permissions(&read_only, Permissions::from_mode(0o444))?;
    Ok(())
}

/// Names of exactly the limit, of one-byte and of three-byte letters, for files and a folder.
fn make_long(folder: &Path) -> Result<()> {
    fs::write(folder.join("a".repeat(NAME_LIMIT_BYTES)), "long")?;
    fs::write(folder.join("文".repeat(NAME_LIMIT_BYTES / 3)), "long")?;
    let long_folder = folder.join("d".repeat(NAME_LIMIT_BYTES));
    fs::create_dir_all(&long_folder)?;
    fs::write(long_folder.join("inside.txt"), "inside")?;
    Ok(())
}

/// Around nothing, and around a piece.
fn make_sizes(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let sizes = [0, 1, 1199, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1];
    for size in sizes.into_iter().chain([16 * PIECE_BYTES + 7]) {
        let mut contents = vec![0; size];
        blake3::Hasher::new().finalize_xof().fill(&mut contents);
        fs::write(folder.join(format!("{size}.bin")), contents)?;
    }
    Ok(())
}

/// Long ago, between two seconds, and in the future.
fn make_times(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let times = [
        ("1970.txt", Duration::from_secs(1)),
        ("nanoseconds.txt", Duration::new(1_000_000_000, 123_456_789)),
        ("2100.txt", Duration::from_secs(4_102_444_800)),
    ];
    for (name, since_1970) in times {
        let file = File::create(folder.join(name))?;
        file.set_modified(SystemTime::UNIX_EPOCH + since_1970)?;
    }
    Ok(())
}

/// An empty one, one with only an empty one, and a deep one.
fn make_folders(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("empty"))?;
    fs::create_dir_all(folder.join("only-empty/empty"))?;
    let deep = folder.join(["deeper"; 24].join("/"));
    fs::create_dir_all(&deep)?;
    fs::write(deep.join("bottom.txt"), "bottom")?;
    Ok(())
}
