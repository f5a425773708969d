//! Bounds of a stream that the channels of a link share.

/// Most bytes of a channel in one frame of a stream that a link's channels share: what a transfer hands over
/// at once. What is longer is cut, so that a control message goes in between.
pub const MUX_FRAME_LIMIT: usize = 256 * 1024;

/// What may be unread on a shared stream's control channel, in bytes: two of the longest messages.
pub const MUX_CONTROL_WINDOW: u32 = 264 * 1024;

/// What may be unread of its data at the receiver of the files, in bytes: what a gigabit has in flight at a
/// round trip of 100 ms. With what the connection holds it stays under 32 MiB.
pub const MUX_DATA_WINDOW: u32 = 12 * 1024 * 1024;

/// What may be unread of its data at the sender of the files, to whom no files come, in bytes.
pub const MUX_DATA_WINDOW_BACK: u32 = 256 * 1024;

/// What the end of a data stream costs of the credit, in bytes: so ends, too, have a bound.
pub const MUX_END_COST: u32 = 4096;
