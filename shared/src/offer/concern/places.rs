//! Places from which systems, shells and common programs start things unasked.

use super::super::EntryKind;
use super::is_called;

/// Folders of which anything may be started, or obeyed. In lower case.
const FOLDERS: [&[&str]; 42] = [
    &[".bashrc.d"],
    &[".config", "autostart"],
    &[".config", "autostart-scripts"],
    &[".config", "environment.d"],
    &[".config", "fish"],
    &[".config", "hypr"],
    &[".config", "i3"],
    &[".config", "nvim"],
    &[".config", "plasma-workspace"],
    &[".config", "powershell"],
    &[".config", "sway"],
    &[".config", "systemd"],
    &[".emacs.d"],
    &[".git", "hooks"],
    &[".gnupg"],
    &[".ipython"],
    &[".kde", "autostart"],
    &[".kde4", "autostart"],
    &[".local", "bin"],
    &[".local", "share", "applications"],
    &[".local", "share", "dbus-1"],
    &[".local", "share", "kservices5"],
    &[".local", "share", "nautilus", "scripts"],
    &[".local", "share", "systemd"],
    &[".oh-my-zsh"],
    &[".ssh"],
    &[".vim"],
    &["etc", "cron.d"],
    &["etc", "cron.daily"],
    &["etc", "cron.hourly"],
    &["etc", "init.d"],
    &["etc", "ld.so.conf.d"],
    &["etc", "profile.d"],
    &["etc", "sudoers.d"],
    &["etc", "systemd", "system"],
    &["etc", "xdg", "autostart"],
    &["library", "launchagents"],
    &["library", "launchdaemons"],
    &["library", "startupitems"],
    &["start menu", "programs", "startup"],
    &["documents", "powershell"],
    &["documents", "windowspowershell"],
];

/// Files that are started or obeyed by themselves, wherever they lie. In lower case.
const FILES: [&str; 51] = [
    ".bash_aliases",
    ".bash_login",
    ".bash_logout",
    ".bash_profile",
    ".bashrc",
    ".cshrc",
    ".emacs",
    ".envrc",
    ".exrc",
    ".forward",
    ".gdbinit",
    ".gitconfig",
    ".gvimrc",
    ".irbrc",
    ".kshrc",
    ".lesskey",
    ".lessfilter",
    ".lldbinit",
    ".login",
    ".logout",
    ".mailcap",
    ".mkshrc",
    ".nvimrc",
    ".pam_environment",
    ".pdbrc",
    ".procmailrc",
    ".profile",
    ".pryrc",
    ".psqlrc",
    ".rhosts",
    ".rprofile",
    ".screenrc",
    ".shosts",
    ".sqliterc",
    ".tcshrc",
    ".tmux.conf",
    ".vimrc",
    ".xinitrc",
    ".xprofile",
    ".xserverrc",
    ".xsession",
    ".xsessionrc",
    ".zlogin",
    ".zlogout",
    ".zprofile",
    ".zshenv",
    ".zshrc",
    "autoexec.bat",
    "autorun.inf",
    "sitecustomize.py",
    "usercustomize.py",
];

/// Files that are obeyed by themselves in one folder. In lower case.
const FILES_IN: [&[&str]; 8] = [
    &[".cargo", "config"],
    &[".cargo", "config.toml"],
    &[".config", "git", "config"],
    &[".config", "mimeapps.list"],
    &[".config", "tmux", "tmux.conf"],
    &[".git", "config"],
    &[".vscode", "tasks.json"],
    &["etc", "ld.so.preload"],
];

/// Whether something with these parts of its path, the last of them its name, starts by itself or is obeyed.
pub(super) fn starts(parts: &[&[u8]], kind: EntryKind) -> bool {
    let Some((name, folders)) = parts.split_last() else {
        return false;
    };
    match kind {
        // What is in it is looked at by itself.
        EntryKind::Folder => return false,
        // A link may stand for a folder on the way to such a place.
        EntryKind::Link { .. } if leads_to_a_place(parts) => return true,
        EntryKind::Link { .. } | EntryKind::File { .. } | EntryKind::SameFile { .. } => {}
    }
    let in_place = FOLDERS.iter().any(|place| holds(folders, place));
    // Git lays examples beside its hooks, which it does not run.
    let example = name.ends_with(b".sample");
    (in_place && !example)
        || FILES.iter().any(|known| is_called(name, known))
        || FILES_IN.iter().any(|known| ends_with(parts, known))
}

/// Whether these folders have those of `place` among them, one after the other.
fn holds(folders: &[&[u8]], place: &[&str]) -> bool {
    folders
        .windows(place.len())
        .any(|window| are_called(window, place))
}

fn ends_with(parts: &[&[u8]], known: &[&str]) -> bool {
    parts
        .len()
        .checked_sub(known.len())
        .is_some_and(|start| are_called(&parts[start..], known))
}

fn are_called(parts: &[&[u8]], known: &[&str]) -> bool {
    let mut pairs = parts.iter().zip(known);
    pairs.all(|(part, known)| is_called(part, known))
}

/// Whether a path ends where one of the places begins, or in the middle of it.
fn leads_to_a_place(parts: &[&[u8]]) -> bool {
    let places = FOLDERS.iter().chain(&FILES_IN);
    places
        .into_iter()
        .any(|place| (1..=place.len()).any(|length| ends_with(parts, &place[..length])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_lower_case() {
        let places = FOLDERS.iter().chain(&FILES_IN);
        for known in places.copied().flatten().chain(&FILES) {
            assert_eq!(*known, known.to_lowercase());
        }
    }
}
