//! Types of files that may run when they are opened, by the end of their name.

use super::without_end;

/// Longest type that is known, in bytes.
const LONGEST: usize = 17;

/// What Windows, macOS and Linux run, or take orders from, when it is opened: programs, installers, scripts,
/// shortcuts, disk images, documents with macros. In lower case and order. Not complete, and no promise.
const TYPES: [&str; 143] = [
    "action",
    "ade",
    "adp",
    "apk",
    "app",
    "appimage",
    "applescript",
    "application",
    "appref-ms",
    "appx",
    "appxbundle",
    "bash",
    "bat",
    "chm",
    "cmd",
    "com",
    "command",
    "cpl",
    "csh",
    "deb",
    "desktop",
    "diagcab",
    "dll",
    "dmg",
    "docm",
    "dotm",
    "drv",
    "dylib",
    "exe",
    "fileloc",
    "fish",
    "flatpak",
    "flatpakref",
    "flatpakrepo",
    "gadget",
    "hlp",
    "hta",
    "img",
    "inetloc",
    "inf",
    "iqy",
    "iso",
    "jar",
    "jnlp",
    "js",
    "jse",
    "kext",
    "ksh",
    "library-ms",
    "lnk",
    "lua",
    "mde",
    "mjs",
    "mobileconfig",
    "mpkg",
    "msc",
    "msh",
    "msh1",
    "msh2",
    "msi",
    "msix",
    "msixbundle",
    "msp",
    "mst",
    "ocx",
    "osax",
    "php",
    "pif",
    "pkg",
    "pl",
    "pm",
    "potm",
    "ppam",
    "ppsm",
    "pptm",
    "prefpane",
    "ps1",
    "ps1xml",
    "ps2",
    "ps2xml",
    "psc1",
    "psc2",
    "psm1",
    "py",
    "pyc",
    "pyo",
    "pyw",
    "pyz",
    "pyzw",
    "qlgenerator",
    "rb",
    "rdp",
    "reg",
    "rpm",
    "run",
    "saver",
    "scf",
    "scpt",
    "scptd",
    "scr",
    "sct",
    "search-ms",
    "service",
    "settingcontent-ms",
    "sh",
    "shb",
    "shs",
    "sldm",
    "slk",
    "snap",
    "so",
    "sys",
    "tcl",
    "terminal",
    "theme",
    "themepack",
    "timer",
    "tool",
    "udl",
    "url",
    "vb",
    "vbe",
    "vbs",
    "vhd",
    "vhdx",
    "vsmacros",
    "webloc",
    "website",
    "workflow",
    "ws",
    "wsb",
    "wsc",
    "wsf",
    "wsh",
    "xbap",
    "xlam",
    "xll",
    "xlm",
    "xlsb",
    "xlsm",
    "xltm",
    "xpi",
    "zsh",
];

/// Folders that are opened as one program.
const BUNDLES: [&str; 9] = [
    "action",
    "app",
    "kext",
    "osax",
    "prefpane",
    "qlgenerator",
    "saver",
    "scptd",
    "workflow",
];

/// Whether something of this name may run when it is opened.
pub(super) fn is_one(name: &[u8], folder: bool) -> bool {
    let name = without_end(name);
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else {
        return false;
    };
    let ending = &name[dot + 1..];
    if ending.is_empty() || ending.len() > LONGEST {
        return false;
    }
    let mut lower = [0; LONGEST];
    let lower = &mut lower[..ending.len()];
    lower.copy_from_slice(ending);
    lower.make_ascii_lowercase();
    let known = |types: &[&str]| {
        types
            .binary_search_by(|known| known.as_bytes().cmp(lower))
            .is_ok()
    };
    known(if folder { &BUNDLES } else { &TYPES })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order_and_short_enough() {
        assert!(TYPES.is_sorted_by(|a, b| a < b) && BUNDLES.is_sorted_by(|a, b| a < b));
        let longest = TYPES.iter().map(|known| known.len()).max();
        assert_eq!(longest, Some(LONGEST));
    }
}
