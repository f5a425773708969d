//! A desktop without a monitor: an X server, a session bus, and the bus that screen readers use.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, Window};
use x11rb::rust_connection::RustConnection;

use crate::say;

/// How long anything may take before a test gives up. Software draws the window, on few cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Programs that this needs; tests/run.sh installs them.
const PROGRAMS: [&str; 2] = ["Xvfb", "dbus-daemon"];

/// Where the bus for screen readers says how it is started.
const ACCESSIBILITY_SERVICE: &str = "/usr/share/dbus-1/services/org.a11y.Bus.service";

/// Room for two windows of any size that is tested or pictured, beside each other.
const SCREEN: &str = "3300x1400x24";

/// A session bus that starts nothing but what stands in `services`: no portal, no notifications, no
/// file manager of the machine that the test runs on.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=FOLDER</listen>
  <servicedir>FOLDER/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Everything that a window needs around it. Dropping it ends it all.
pub(crate) struct Screen {
    /// The X server, as the tests see it.
    pub(crate) x: RustConnection,
    /// Its first screen's root window.
    pub(crate) root: Window,
    display: String,
    bus: String,
    /// What only the one has that started it all: the others are further connections to it.
    own: Option<Own>,
}

/// What ends with the desktop.
struct Own {
    folder: tempfile::TempDir,
    _processes: [Running; 2],
}

impl Screen {
    /// Starts one; `None`, having said so, where the programs for it are not installed.
    pub(crate) fn start() -> Result<Option<Self>> {
        let missing: Vec<&str> = PROGRAMS
            .into_iter()
            .filter(|name| !installed(name))
            .collect();
        if !missing.is_empty() || !Path::new(ACCESSIBILITY_SERVICE).is_file() {
            say(format_args!(
                "SKIPPED: needs Xvfb, dbus-daemon and at-spi2-core; tests/run.sh installs them"
            ));
            return Ok(None);
        }
        // Pictures show paths in it.
        let folder = tempfile::Builder::new()
            .prefix("home-")
            .rand_bytes(4)
            .tempdir()?;
        let mut server = Command::new("Xvfb");
        server.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            SCREEN,
            "-nolisten",
            "tcp",
            "-noreset",
        ]);
        let (server, number) = Running::with_first_line(server)?;
        let display = format!(":{number}");

        let services = folder.path().join("services");
        fs::create_dir(&services)?;
        let service = fs::read_to_string(ACCESSIBILITY_SERVICE)?;
        // Screen readers are in use from the start, whatever the machine's own settings say.
        let service = service.replace("at-spi-bus-launcher", "at-spi-bus-launcher --a11y=1");
        fs::write(services.join("org.a11y.Bus.service"), service)?;
        let settings = folder.path().join("bus.conf");
        let place = folder
            .path()
            .to_str()
            .context("a folder with an odd name")?;
        fs::write(&settings, BUS.replace("FOLDER", place))?;
        let mut daemon = Command::new("dbus-daemon");
        daemon
            .arg("--nofork")
            .arg("--print-address=1")
            .arg("--config-file")
            .arg(&settings);
        daemon
            .env("XDG_RUNTIME_DIR", folder.path())
            .env("HOME", folder.path())
            .env("DISPLAY", &display);
        let (daemon, bus) = Running::with_first_line(daemon)?;

        let (x, number) = x11rb::connect(Some(&display))?;
        let root = x.setup().roots.get(number).context("no screen")?.root;
        Ok(Some(Self {
            x,
            root,
            display,
            bus,
            own: Some(Own {
                folder,
                _processes: [daemon, server],
            }),
        }))
    }

    /// A second connection to the same desktop, for another thread.
    pub(crate) fn again(&self) -> Result<Self> {
        let (x, _) = x11rb::connect(Some(&self.display))?;
        Ok(Self {
            x,
            root: self.root,
            display: self.display.clone(),
            bus: self.bus.clone(),
            own: None,
        })
    }

    /// The address of the session bus.
    pub(crate) fn bus(&self) -> &str {
        &self.bus
    }

    /// Lets a program run on this desktop and see nothing of the person's own.
    pub(crate) fn lend_to(&self, command: &mut Command) {
        for variable in [
            "WAYLAND_DISPLAY",
            "WAYLAND_SOCKET",
            "XAUTHORITY",
            "XDG_SESSION_TYPE",
        ] {
            command.env_remove(variable);
        }
        command.env("DISPLAY", &self.display);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        // The same drawing on every machine: without a graphics card.
        command.env("LIBGL_ALWAYS_SOFTWARE", "1");
    }

    /// A folder that lasts as long as this desktop.
    pub(crate) fn folder(&self) -> Result<&Path> {
        let own = self
            .own
            .as_ref()
            .context("only the first connection has it")?;
        Ok(own.folder.path())
    }

    /// The window of a process, once it has one that is shown.
    pub(crate) fn window_of(&self, process: u32) -> Result<Option<Window>> {
        let property = self.atom("_NET_WM_PID")?;
        for window in self.x.query_tree(self.root)?.reply()?.children {
            let owner = self
                .x
                .get_property(false, window, property, AtomEnum::CARDINAL, 0, 1)?
                .reply()?;
            let owned = owner
                .value32()
                .is_some_and(|mut ids| ids.next() == Some(process));
            if owned && shown(&self.x, window)? {
                return Ok(Some(window));
            }
        }
        Ok(None)
    }

    /// An atom by its name.
    pub(crate) fn atom(&self, name: &str) -> Result<u32> {
        Ok(self.x.intern_atom(false, name.as_bytes())?.reply()?.atom)
    }
}

fn shown(x: &RustConnection, window: Window) -> Result<bool> {
    use x11rb::protocol::xproto::MapState;

    let attributes = x.get_window_attributes(window)?.reply()?;
    Ok(attributes.map_state == MapState::VIEWABLE)
}

fn installed(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found: Option<PathBuf> = std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.is_some()
}

/// A program that runs in the background until this is dropped.
struct Running(Child);

impl Running {
    /// Starts it, and waits for the first line that it prints.
    fn with_first_line(mut command: Command) -> Result<(Self, String)> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut running = Self(command.spawn().with_context(|| format!("{command:?}"))?);
        let stdout = running.0.stdout.take().context("no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let line = line.trim().to_owned();
        ensure!(!line.is_empty(), "{command:?} did not start");
        Ok((running, line))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
