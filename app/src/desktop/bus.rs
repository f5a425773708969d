//! The session bus of Linux and its kin: the questions that the desktop is asked there.
//!
//! Each call opens a connection of its own and waits for at most [`session::PATIENCE`]. On Windows and
//! macOS there is no such bus.

#[cfg(all(test, unix, not(target_os = "macos")))]
pub(super) use session::Heard;
#[cfg(all(unix, not(target_os = "macos")))]
pub(super) use session::{
    follow_looks, portal_has_dialogs, send_notification, show_items, understands_markup,
};

#[cfg(all(unix, not(target_os = "macos")))]
mod session {
    use std::collections::{BTreeMap, HashMap};
    use std::time::Duration;

    use serde::Serialize;
    use zbus::blocking::connection::Builder;
    use zbus::blocking::proxy;
    use zbus::blocking::{Connection, Proxy};
    use zbus::proxy::CacheProperties;
    use zbus::zvariant::{DynamicType, OwnedValue, Value};

    use crate::desktop::Window;
    use crate::desktop::request::{Appearance, Looks};

    /// How long an answer may take. The bus may have to start the program that gives it first.
    const PATIENCE: Duration = Duration::from_secs(3);

    const PORTAL: BusObject = BusObject {
        name: "org.freedesktop.portal.Desktop",
        path: "/org/freedesktop/portal/desktop",
    };
    const FILE_MANAGER: BusObject = BusObject {
        name: "org.freedesktop.FileManager1",
        path: "/org/freedesktop/FileManager1",
    };
    const NOTIFICATIONS: BusObject = BusObject {
        name: "org.freedesktop.Notifications",
        path: "/org/freedesktop/Notifications",
    };

    /// How the portal is asked for settings.
    const SETTINGS: &str = "org.freedesktop.portal.Settings";

    /// What portals name settings by that concern how windows look.
    const APPEARANCE: &str = "org.freedesktop.appearance";

    /// What GNOME and its kin name theirs by; the portal hands them on. Older portals know of motion
    /// only from there.
    const GNOME: &str = "org.gnome.desktop.interface";

    /// An object on the bus.
    struct BusObject {
        name: &'static str,
        path: &'static str,
    }

    impl BusObject {
        fn call<A, R>(&self, interface: &str, method: &str, arguments: &A) -> zbus::Result<R>
        where
            A: Serialize + DynamicType,
            R: for<'a> zbus::zvariant::DynamicDeserialize<'a>,
        {
            let connection: Connection = Builder::session()?.method_timeout(PATIENCE).build()?;
            connection
                .call_method(
                    Some(self.name),
                    self.path,
                    Some(interface),
                    method,
                    arguments,
                )?
                .body()
                .deserialize()
        }
    }

    /// Whether there is a portal that shows file dialogs. A portal without a back end has the object
    /// but not the interface.
    pub(in crate::desktop) fn portal_has_dialogs() -> bool {
        let property = ("org.freedesktop.portal.FileChooser", "version");
        let version: zbus::Result<OwnedValue> =
            PORTAL.call("org.freedesktop.DBus.Properties", "Get", &property);
        version.is_ok()
    }

    /// Tells how the desktop looks, and again whenever that has changed, until there is no
    /// window to be told. Ends at once where there is no portal.
    ///
    /// # Errors
    /// What the bus or the portal says.
    pub(in crate::desktop) fn follow_looks(
        mut tell: impl FnMut(Looks) -> Window,
    ) -> zbus::Result<()> {
        let connection = Builder::session()?.method_timeout(PATIENCE).build()?;
        let portal: Proxy<'_> = proxy::Builder::new(&connection)
            .destination(PORTAL.name)?
            .path(PORTAL.path)?
            .interface(SETTINGS)?
            .cache_properties(CacheProperties::No)
            .build()?;
        // Before the first look, so that no change falls in between.
        let changes = portal.receive_signal("SettingChanged")?;
        let all: BTreeMap<String, BTreeMap<String, OwnedValue>> =
            portal.call("ReadAll", &(&[APPEARANCE, GNOME][..],))?;
        let mut heard = Heard::default();
        for (group, settings) in &all {
            for (name, value) in settings {
                heard.take(group, name, value);
            }
        }
        let mut looks = heard.looks();
        let mut window = tell(looks);
        for change in changes {
            if window == Window::Gone {
                break;
            }
            let body = change.body();
            let (group, name, value): (&str, &str, Value<'_>) = body.deserialize()?;
            heard.take(group, name, &value);
            let before = std::mem::replace(&mut looks, heard.looks());
            if before != looks {
                window = tell(looks);
            }
        }
        Ok(())
    }

    /// What portals have said of how windows look.
    #[derive(Debug, Default)]
    pub(in crate::desktop) struct Heard {
        appearance: Option<Appearance>,
        /// Less motion is asked for.
        reduced: bool,
        /// No animations are asked for: an older way to ask for less motion.
        still: bool,
    }

    impl Heard {
        /// Takes in one setting; nearly all of them are about something else.
        pub(in crate::desktop) fn take(&mut self, group: &str, name: &str, value: &Value<'_>) {
            // A value comes in as many variants as portals have wrapped it in.
            let mut value = value;
            while let Value::Value(inner) = value {
                value = inner;
            }
            match (group, name) {
                (APPEARANCE, "color-scheme") => {
                    self.appearance = match u32::try_from(value) {
                        Ok(1) => Some(Appearance::Dark),
                        Ok(2) => Some(Appearance::Light),
                        _ => None,
                    };
                }
                (APPEARANCE, "reduced-motion") => self.reduced = u32::try_from(value) == Ok(1),
                (GNOME, "enable-animations") => self.still = bool::try_from(value) == Ok(false),
                _ => {}
            }
        }

        /// What that comes to.
        pub(in crate::desktop) const fn looks(&self) -> Looks {
            Looks {
                appearance: self.appearance,
                reduced_motion: self.reduced || self.still,
            }
        }
    }

    /// Asks the file manager to show these files, given as `file:` addresses.
    ///
    /// # Errors
    /// What the bus or the file manager says.
    pub(in crate::desktop) fn show_items(addresses: &[&str]) -> zbus::Result<()> {
        // The second argument is a start-up notification, which nobody waits for here.
        FILE_MANAGER.call(FILE_MANAGER.name, "ShowItems", &(addresses, ""))
    }

    /// Whether whoever shows notifications reads markup in them.
    ///
    /// # Errors
    /// What the bus says, or whoever shows notifications.
    pub(in crate::desktop) fn understands_markup() -> zbus::Result<bool> {
        let able: Vec<String> = NOTIFICATIONS.call(NOTIFICATIONS.name, "GetCapabilities", &())?;
        Ok(able.iter().any(|ability| ability == "body-markup"))
    }

    /// Shows a notification for as long as the desktop sees fit.
    ///
    /// # Errors
    /// What the bus says, or whoever shows notifications.
    pub(in crate::desktop) fn send_notification(title: &str, body: &str) -> zbus::Result<()> {
        let replaces = 0_u32;
        let actions: [&str; 0] = [];
        // Joins it to the menu entry, and so to its name and icon.
        let hints = HashMap::from([("desktop-entry", Value::from("fardrop"))]);
        let expires = -1_i32;
        let notice = (
            "Fardrop",
            replaces,
            "fardrop",
            title,
            body,
            &actions[..],
            hints,
            expires,
        );
        let _number: u32 = NOTIFICATIONS.call(NOTIFICATIONS.name, "Notify", &notice)?;
        Ok(())
    }
}
