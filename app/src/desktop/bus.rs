//! The session bus of Linux and its kin: the questions that the desktop is asked there.
//!
//! Each call opens a connection of its own and waits for at most [`PATIENCE`]. On Windows and macOS
//! there is no such bus, and every answer is that nothing is known.

#[cfg(all(unix, not(target_os = "macos")))]
pub use session::appearance;
#[cfg(all(test, unix, not(target_os = "macos")))]
pub(super) use session::scheme;
#[cfg(all(unix, not(target_os = "macos")))]
pub(super) use session::{portal_has_dialogs, send_notification, show_items, understands_markup};

#[cfg(not(all(unix, not(target_os = "macos"))))]
pub use none::appearance;
/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appearance {
    /// Dark letters.
    Light,
    /// Light letters.
    Dark,
}

#[cfg(all(unix, not(target_os = "macos")))]
mod session {
    use std::collections::HashMap;
    use std::time::Duration;

    use serde::Serialize;
    use zbus::blocking::Connection;
    use zbus::blocking::connection::Builder;
    use zbus::zvariant::{DynamicType, OwnedValue, Value};

    use super::Appearance;

    /// How long an answer may take. The bus may have to start the program that gives it first.
    const PATIENCE: Duration = Duration::from_secs(3);

    const PORTAL: Place = Place {
        name: "org.freedesktop.portal.Desktop",
        path: "/org/freedesktop/portal/desktop",
    };
    const FILE_MANAGER: Place = Place {
        name: "org.freedesktop.FileManager1",
        path: "/org/freedesktop/FileManager1",
    };
    const NOTIFICATIONS: Place = Place {
        name: "org.freedesktop.Notifications",
        path: "/org/freedesktop/Notifications",
    };

    /// What portals name things by that concern how windows look.
    const APPEARANCE: &str = "org.freedesktop.appearance";

    /// An object on the bus.
    struct Place {
        name: &'static str,
        path: &'static str,
    }

    impl Place {
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

    /// What the person has set for the whole desktop; `None` if nothing was set or nobody knows. It
    /// may take three seconds.
    pub fn appearance() -> Option<Appearance> {
        let setting = (APPEARANCE, "color-scheme");
        let value: OwnedValue = PORTAL
            .call("org.freedesktop.portal.Settings", "Read", &setting)
            .ok()?;
        scheme(&value)
    }

    /// Reads a colour scheme: a number, in as many variants as portals have wrapped it in.
    pub(in crate::desktop) fn scheme(value: &Value<'_>) -> Option<Appearance> {
        let mut value = value;
        while let Value::Value(inner) = value {
            value = inner;
        }
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "every other value, of whatever type, says nothing"
        )]
        match value {
            Value::U32(1) => Some(Appearance::Dark),
            Value::U32(2) => Some(Appearance::Light),
            _ => None,
        }
    }

    /// Asks the file manager to show these files, given as `file:` addresses.
    pub(in crate::desktop) fn show_items(addresses: &[&str]) -> zbus::Result<()> {
        // The second argument is a start-up notification, which nobody waits for here.
        FILE_MANAGER.call(FILE_MANAGER.name, "ShowItems", &(addresses, ""))
    }

    /// Whether whoever shows notifications reads markup in them.
    pub(in crate::desktop) fn understands_markup() -> zbus::Result<bool> {
        let able: Vec<String> = NOTIFICATIONS.call(NOTIFICATIONS.name, "GetCapabilities", &())?;
        Ok(able.iter().any(|ability| ability == "body-markup"))
    }

    /// Shows a notification for as long as the desktop sees fit.
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

#[cfg(not(all(unix, not(target_os = "macos"))))]
mod none {
    use super::Appearance;

    /// The window's own library knows it.
    pub fn appearance() -> Option<Appearance> {
        None
    }
}
