//! The rule of pausing: either side may wish at any time that a transfer's bytes stand still, and its peer
//! is told once.

use crate::wire::peer::{ReceiverMessage, SenderMessage};

/// What one side wishes of a transfer's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// They stand still.
    Pause,
    /// They move, as far as this side is concerned.
    Resume,
}

impl From<Wish> for SenderMessage {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::Pause => Self::Pause,
            Wish::Resume => Self::Resume,
        }
    }
}

impl From<Wish> for ReceiverMessage {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::Pause => Self::Pause,
            Wish::Resume => Self::Resume,
        }
    }
}

/// Whether a transfer was accepted, and who has paused it. Both sides see it alike, but for the time that a
/// message takes.
///
/// The sender reads nothing while [`is_paused`](Self::is_paused). The receiver takes nothing in while
/// [`paused_here`](Self::paused_here), so that its bytes stop at once and not when the window is full; it
/// never stops for the sender's sake, since what says that the sender goes on may lie behind the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Files and bytes that are taken, once the receiver has said so.
    pub accepted: Option<(u32, u64)>,
    /// This side wishes that the bytes stand still.
    pub paused_here: bool,
    /// The other side does.
    pub paused_by_peer: bool,
}

impl Standing {
    /// Whether anybody wishes that the bytes stand still.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused_here || self.paused_by_peer
    }

    /// Takes in what is wished here. Gives what the peer is to be told; nothing if it was told that last.
    pub fn handle_wish(&mut self, wish: Wish) -> Option<Wish> {
        set(&mut self.paused_here, wish).then_some(wish)
    }

    /// Takes in what the peer says that it wishes. Gives whether that is another thing than before: a peer
    /// may repeat itself.
    pub fn handle_peer(&mut self, wish: Wish) -> bool {
        set(&mut self.paused_by_peer, wish)
    }
}

/// Whether `paused` was changed to what is wished.
fn set(paused: &mut bool, wish: Wish) -> bool {
    let wished = wish == Wish::Pause;
    std::mem::replace(paused, wished) != wished
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_still_while_anybody_wishes_it() {
        let mut standing = Standing::default();
        assert!(!standing.is_paused());
        standing.handle_wish(Wish::Pause);
        assert!(standing.is_paused() && standing.paused_here);
        standing.handle_peer(Wish::Pause);
        standing.handle_wish(Wish::Resume);
        assert!(standing.is_paused() && !standing.paused_here);
        standing.handle_peer(Wish::Resume);
        assert!(!standing.is_paused());
    }

    #[test]
    fn the_peer_is_told_of_a_wish_once() {
        let mut standing = Standing::default();
        assert_eq!(standing.handle_wish(Wish::Resume), None);
        assert_eq!(standing.handle_wish(Wish::Pause), Some(Wish::Pause));
        assert_eq!(standing.handle_wish(Wish::Pause), None);
        assert_eq!(standing.handle_wish(Wish::Resume), Some(Wish::Resume));
    }

    #[test]
    fn a_peer_that_repeats_itself_changes_nothing() {
        let mut standing = Standing::default();
        assert!(!standing.handle_peer(Wish::Resume));
        assert!(standing.handle_peer(Wish::Pause));
        assert!(!standing.handle_peer(Wish::Pause));
        assert!(standing.is_paused());
    }

    #[test]
    fn neither_side_pauses_in_the_name_of_the_other() {
        let mut standing = Standing::default();
        standing.handle_peer(Wish::Pause);
        assert_eq!(standing.handle_wish(Wish::Resume), None);
        assert!(standing.paused_by_peer && !standing.paused_here);
    }

    #[test]
    fn what_was_accepted_stays_when_it_is_paused() {
        let mut standing = Standing {
            accepted: Some((1, 2)),
            ..Standing::default()
        };
        standing.handle_wish(Wish::Pause);
        standing.handle_peer(Wish::Pause);
        assert_eq!(standing.accepted, Some((1, 2)));
    }
}
