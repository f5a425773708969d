//! Arguments and settings that make no sense: named, and nothing is done.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::Result;
use fardrop_tests::peer::binary;

#[test]
fn usage_errors_exit_with_2() -> Result<()> {
    for arguments in [
        &["send"][..],
        &["receive", "417-acid-qqqqq"],
        &["receive", "--link", "tcp", "417-acid-lemon"],
        &["send", "x", "--words", "1"],
    ] {
        let mut command = Command::new(binary("fardrop")?);
        let output = command.args(arguments).stdin(Stdio::null()).output()?;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    Ok(())
}

#[test]
fn broken_settings_are_named_and_left_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.ron");
    fs::write(&file, "(\n    wrods: 3,\n)\n")?;
    let output = Command::new(binary("fardrop")?)
        .args(["send", "x"])
        .env("FARDROP_CONFIG", &file)
        .output()?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let message = String::from_utf8(output.stderr)?;
    assert!(message.contains("settings.ron:2:"), "{message}");
    assert_eq!(fs::read_to_string(&file)?, "(\n    wrods: 3,\n)\n");
    Ok(())
}
