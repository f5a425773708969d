//! Where a window can be shown.
//!
//! Files cannot be dropped onto a window of winit 0.30 under Wayland, but can be through X11; most
//! Wayland desktops show X11 windows as well, so that those are preferred unless the settings say
//! otherwise. On Windows and macOS there is always a display, and nothing to choose.

use std::ffi::OsString;

/// What shows the window on Linux and its kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// An X server, or Xwayland.
    X11,
    /// A Wayland compositor.
    Wayland,
    /// Windows or macOS.
    Native,
}

impl Display {
    /// Finds out what there is. `None` if nothing can show a window.
    #[must_use]
    pub fn of_this_session(x11_preferred: bool) -> Option<Self> {
        if cfg!(any(windows, target_os = "macos")) {
            return Some(Self::Native);
        }
        Self::choose(std::env::var_os, x11_preferred)
    }

    /// Whether files can be dropped onto the window.
    #[must_use]
    pub const fn takes_drops(self) -> bool {
        match self {
            Self::X11 | Self::Native => true,
            Self::Wayland => false,
        }
    }

    /// Has the window's event loop use it. Where there is something to choose, winit by itself takes
    /// Wayland.
    #[cfg_attr(
        any(windows, target_os = "macos"),
        expect(unused_variables, reason = "there is nothing to choose")
    )]
    pub fn choose_in<T: 'static>(self, builder: &mut winit::event_loop::EventLoopBuilder<T>) {
        #[cfg(all(unix, not(target_os = "macos")))]
        match self {
            Self::X11 => {
                winit::platform::x11::EventLoopBuilderExtX11::with_x11(builder);
            }
            Self::Wayland => {
                winit::platform::wayland::EventLoopBuilderExtWayland::with_wayland(builder);
            }
            Self::Native => {}
        }
    }

    fn choose(
        variable: impl Fn(&'static str) -> Option<OsString>,
        x11_preferred: bool,
    ) -> Option<Self> {
        let set = |name| variable(name).is_some_and(|value| !value.is_empty());
        let x11 = set("DISPLAY");
        let wayland = set("WAYLAND_DISPLAY") || set("WAYLAND_SOCKET");
        match (x11, wayland) {
            (true, true) if x11_preferred => Some(Self::X11),
            (true, false) => Some(Self::X11),
            (_, true) => Some(Self::Wayland),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(set: &[&str], x11_preferred: bool, expected: Option<Display>) {
        let variable = |name| match name {
            // Set, but to nothing: as good as not set.
            "WAYLAND_SOCKET" => Some(OsString::new()),
            name => set.contains(&name).then(|| OsString::from("0")),
        };
        assert_eq!(
            Display::choose(variable, x11_preferred),
            expected,
            "{set:?}"
        );
    }

    #[test]
    fn x11_is_preferred_where_both_are() {
        let both = ["DISPLAY", "WAYLAND_DISPLAY"];
        check(&both, true, Some(Display::X11));
        check(&both, false, Some(Display::Wayland));
        check(&["DISPLAY"], false, Some(Display::X11));
        check(&["WAYLAND_DISPLAY"], true, Some(Display::Wayland));
        check(&[], true, None);
    }

    #[test]
    fn wayland_takes_no_drops() {
        assert!(Display::X11.takes_drops() && Display::Native.takes_drops());
        assert!(!Display::Wayland.takes_drops());
    }
}
