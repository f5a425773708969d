//! The person's settings: a RON file in the platform's settings folder.
//!
//! A file that cannot be understood is reported with its line and column and is never written over. The
//! bounds here are local: they hold for what a person may set on this machine.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fardrop_shared::limits::{MAX_WORDS, MIN_WORDS};
use fardrop_shared::name::BadNames;
use fardrop_shared::pairing::Transports;
use ron::extensions::Extensions;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::args::{CommonArgs, LinkChoice};
use crate::engine::EngineConfig;
use crate::engine::command::ConflictPolicy;

/// Names another settings file than the platform's.
pub const CONFIG_VARIABLE: &str = "FARDROP_CONFIG";

/// Names another folder for what is remembered than the platform's; empty, nothing is.
const MEMORY_VARIABLE: &str = "FARDROP_MEMORY";

/// Fewest secret words that may be set, as `limits` has it.
pub const WORDS_MIN: u8 = MIN_WORDS as u8;

/// Most secret words that may be set, as `limits` has it.
pub const WORDS_MAX: u8 = MAX_WORDS as u8;

/// Smallest size of text, in percent: what can still be read.
pub const TEXT_PERCENT_MIN: u16 = 75;
/// Largest size of text, in percent: what a small window can still hold.
pub const TEXT_PERCENT_MAX: u16 = 200;

/// Longest name of this machine towards peers, in characters.
pub const DEVICE_LIMIT: usize = 40;

/// Largest settings file that is read, in bytes. A person's own is far smaller.
const FILE_LIMIT: u64 = 64 * 1024;

/// What a person has set once for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Rendezvous servers, `host:port`; none means: found on this network.
    pub rendezvous: Vec<String>,
    /// Hosts by which the DHT is entered, `host:port`; none means: those that are built in.
    pub dht_bootstrap: Vec<String>,
    /// What this machine is called towards peers; the host name if it is missing.
    pub device: Option<String>,
    /// Secret words in a code, 2 to 8.
    pub words: u8,
    /// Whether a share ends with its first receiver.
    pub once: bool,
    /// Where received files go; the platform's folder for downloads if it is missing.
    pub download: Option<PathBuf>,
    /// What to do where a received file's name is taken; the person is asked if it is missing.
    pub on_conflict: Option<ConflictPolicy>,
    /// What becomes of a name that the folder cannot hold.
    pub bad_names: BadNames,
    /// A fixed local UDP port.
    pub port: Option<u16>,
    /// Whether IPv6 is used.
    pub ipv6: bool,
    /// Whether multicast DNS is used.
    pub mdns: bool,
    /// Whether routers are asked to open a port.
    pub port_mapping: bool,
    /// What only the window looks at.
    pub window: WindowSettings,
}

/// How the window looks and behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowSettings {
    /// Light or dark.
    pub theme: Theme,
    /// Size of text in percent, [`TEXT_PERCENT_MIN`] to [`TEXT_PERCENT_MAX`].
    pub text_percent: u16,
    /// Whether nothing moves on the screen that does not have to.
    pub reduced_motion: bool,
    /// Whether the desktop is told of offers and ends while the window is not in front.
    pub notifications: bool,
    /// What closing the window does while bytes move.
    pub on_close: OnClose,
    /// Whether the window uses X11 where Wayland would do as well: it is told there of dropped files.
    pub prefer_x11: bool,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Theme {
    /// As the system has it.
    System,
    /// Dark letters on a light ground.
    Light,
    /// Light letters on a dark ground.
    Dark,
}

/// What closing the window does while bytes move; what has crossed is kept in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnClose {
    /// Asks.
    Ask,
    /// Stops the transfers.
    Stop,
    /// Hides the window until they are done.
    Finish,
}

/// Why settings could not be loaded or saved.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file is there and is not understood.
    #[error("{}:{line}:{column}: {problem}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A value is out of its range.
    #[error("{}: {problem}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The file could not be read or written.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's own error.
        error: io::Error,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rendezvous: Vec::new(),
            dht_bootstrap: Vec::new(),
            device: None,
            words: WORDS_MIN,
            once: false,
            download: None,
            port: None,
            ipv6: true,
            mdns: true,
            port_mapping: true,
            on_conflict: None,
            bad_names: BadNames::default(),
            window: WindowSettings::default(),
        }
    }
}

impl Default for WindowSettings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            text_percent: 100,
            reduced_motion: false,
            notifications: true,
            on_close: OnClose::Ask,
            prefer_x11: true,
        }
    }
}

impl Settings {
    /// Reads `file`; the defaults if there is none.
    ///
    /// # Errors
    /// [`ConfigError`]: it cannot be read, or is not understood.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let io_error = |error| ConfigError::Io {
            file: file.to_owned(),
            error,
        };
        match std::fs::metadata(file) {
            Ok(metadata) if metadata.len() > FILE_LIMIT => Err(io_error(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is too large to be a settings file",
            ))),
            Ok(_) => {
                let text = std::fs::read_to_string(file).map_err(io_error)?;
                Self::parse(file, &text)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(io_error(error)),
        }
    }

    /// Writes `file`, for this person's eyes only, whole or not at all. Refuses to write over a
    /// file that [`Settings::load`] does not understand. Comments that a person wrote into it are lost:
    /// RON keeps none.
    ///
    /// # Errors
    /// [`ConfigError`]: it cannot be written, or what is there is not understood.
    pub fn save(&self, file: &Path) -> Result<(), ConfigError> {
        Self::load(file)?;
        let text = options()
            .to_string_pretty(self, ron::ser::PrettyConfig::default())
            .map_err(|error| ConfigError::Value {
                file: file.to_owned(),
                problem: error.to_string(),
            })?;
        write_private(file, &text).map_err(|error| ConfigError::Io {
            file: file.to_owned(),
            error,
        })
    }

    /// What the engine is told: an argument (or its environment variable) wins over the settings.
    #[must_use]
    pub fn engine_config(&self, common: &CommonArgs) -> EngineConfig {
        let servers = if common.rendezvous.is_empty() {
            &self.rendezvous
        } else {
            &common.rendezvous
        };
        EngineConfig {
            rendezvous: named(servers),
            dht_bootstrap: named(&self.dht_bootstrap),
            device: common
                .name
                .as_deref()
                .or(self.device.as_deref())
                .and_then(device_name)
                .unwrap_or_else(host_name),
            port: common.port.or(self.port),
            ipv6: self.ipv6 && !common.no_ipv6,
            mdns: self.mdns && !common.no_mdns,
            port_mapping: self.port_mapping && !common.no_port_mapping,
            reconnect: Duration::from_secs(common.reconnect.into()),
            transports: match common.link {
                LinkChoice::Auto => Transports::ALL,
                LinkChoice::Quic => Transports::QUIC,
                LinkChoice::Gbn => Transports::GO_BACK_N,
            },
            memory: memory_folder(std::env::var_os(MEMORY_VARIABLE)),
        }
    }

    /// What is out of its range.
    fn check(&self) -> Result<(), String> {
        let words = WORDS_MIN..=WORDS_MAX;
        if !words.contains(&self.words) {
            return Err(format!(
                "`words` is {}, and may be {WORDS_MIN} to {WORDS_MAX}",
                self.words
            ));
        }
        let percent = TEXT_PERCENT_MIN..=TEXT_PERCENT_MAX;
        if !percent.contains(&self.window.text_percent) {
            return Err(format!(
                "`text_percent` is {}, and may be {TEXT_PERCENT_MIN} to {TEXT_PERCENT_MAX}",
                self.window.text_percent
            ));
        }
        Ok(())
    }

    fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let settings: Self = options()
            .from_str(text)
            .map_err(|error| ConfigError::Syntax {
                file: file.to_owned(),
                line: error.span.start.line,
                column: error.span.start.col,
                problem: error.code.to_string(),
            })?;
        settings.check().map_err(|problem| ConfigError::Value {
            file: file.to_owned(),
            problem,
        })?;
        Ok(settings)
    }
}

/// Where the settings are: what `FARDROP_CONFIG` names, or the platform's own place; `None` on a
/// system that gives this person no folder for settings.
#[must_use]
pub fn settings_file(variable: Option<OsString>) -> Option<PathBuf> {
    match variable {
        Some(path) if !path.is_empty() => Some(PathBuf::from(path)),
        Some(_) | None => directories::ProjectDirs::from("", "", "fardrop")
            .map(|folders| folders.config_dir().join("settings.ron")),
    }
}

/// Where things are remembered: the folder that `FARDROP_MEMORY` names, nowhere if it is empty, or the
/// platform's own place.
fn memory_folder(variable: Option<OsString>) -> Option<PathBuf> {
    match variable {
        Some(path) if path.is_empty() => None,
        Some(path) => Some(PathBuf::from(path)),
        None => directories::ProjectDirs::from("", "", "fardrop").map(|folders| {
            let state = folders.state_dir();
            state.unwrap_or_else(|| folders.cache_dir()).to_owned()
        }),
    }
}

fn options() -> ron::Options {
    // `device: "x"` rather than `device: Some("x")`: a person writes this file.
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = folder.join(name);
    // What a killed run left behind; creating below insists on a file of our own.
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut writer = options.open(&fresh)?;
    writer.write_all(text.as_bytes())?;
    writer.write_all(b"\n")?;
    writer.sync_all()?;
    std::fs::rename(&fresh, file)?;
    // The new name is on disk as well when this returns; only Unix lets a folder be synced.
    #[cfg(unix)]
    std::fs::File::open(if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    })?
    .sync_all()?;
    Ok(())
}

/// The hosts of a list that a person has written.
fn named(hosts: &[String]) -> Vec<String> {
    let hosts = hosts.iter().map(|host| host.trim().to_owned());
    hosts.filter(|host| !host.is_empty()).collect()
}

/// A name for this machine without anything that could trouble a peer's screen; `None` if nothing
/// is left of it.
fn device_name(name: &str) -> Option<String> {
    let clean: String = name
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(DEVICE_LIMIT)
        .collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// What this machine is called where nobody has named it.
#[must_use]
pub fn host_name() -> String {
    #[cfg(unix)]
    let name = Some(
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
    );
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").ok();
    name.as_deref()
        .and_then(|name| device_name(name.split('.').next().unwrap_or(name)))
        .unwrap_or_else(|| "a computer".to_owned())
}

/// Where received files go if nobody says otherwise: the folder for downloads, or where there is none a folder of the
/// offer's own, never the home folder itself. `number` is that of the offer's code.
#[must_use]
pub fn received_folder(number: &str) -> PathBuf {
    let folders = directories::UserDirs::new();
    let home = folders.as_ref().map(directories::UserDirs::home_dir);
    let downloads = folders
        .as_ref()
        .and_then(directories::UserDirs::download_dir);
    download_folder(home, downloads).unwrap_or_else(|| {
        home.unwrap_or_else(|| Path::new("."))
            .join(format!("Fardrop {number}"))
    })
}

/// The folder for downloads: the platform's, if it is not the home folder itself, or one of the usual name.
#[must_use]
pub fn download_folder(home: Option<&Path>, platform: Option<&Path>) -> Option<PathBuf> {
    let usual = home.map(|home| home.join("Downloads"));
    let platform = platform.filter(|platform| Some(*platform) != home);
    platform
        .map(Path::to_owned)
        .or_else(|| usual.filter(|usual| usual.is_dir()))
}
