//! Notifications.

use super::DesktopError;

/// Shows a notification. What it says may come from a peer: where markup is understood it is escaped.
///
/// # Errors
/// [`DesktopError::Notify`]: nothing shows it.
#[cfg(all(unix, not(target_os = "macos")))]
pub(super) fn show(title: &str, body: &str) -> Result<(), DesktopError> {
    use super::bus;

    bus::understands_markup()
        .and_then(|markup| {
            if markup {
                bus::send_notification(title, &escaped(body))
            } else {
                bus::send_notification(title, body)
            }
        })
        .map_err(|error| DesktopError::Notify(error.to_string()))
}

/// Shows a notification. These systems read no markup in it.
///
/// # Errors
/// [`DesktopError::Notify`]: nothing shows it.
#[cfg(not(all(unix, not(target_os = "macos"))))]
pub(super) fn show(title: &str, body: &str) -> Result<(), DesktopError> {
    notify_rust::Notification::new()
        .appname("Fardrop")
        .summary(title)
        .body(body)
        .show()
        .map(drop)
        .map_err(|error| DesktopError::Notify(error.to_string()))
}

/// Text as markup that shows it as it is.
#[cfg(all(unix, not(target_os = "macos")))]
pub(super) fn escaped(text: &str) -> String {
    let mut markup = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => markup.push_str("&amp;"),
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            other => markup.push(other),
        }
    }
    markup
}
