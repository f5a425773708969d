//! Hearing the other side on the control channel.

use std::time::Duration;

use fardrop_shared::wire::peer::Message;
use tokio::time::timeout;

use super::error::TransferError;
use crate::link::{ControlReceiver, LinkError};

/// The next message of the other side, which has more to say.
pub(super) async fn hear<M: Message>(control: &mut ControlReceiver) -> Result<M, TransferError> {
    let message = control.receive().await?;
    let message = message.ok_or(TransferError::PeerGone(LinkError::TimedOut))?;
    Ok(M::decode(&message)?)
}

/// The next message of the other side, which has begun to say something long.
///
/// # Errors
/// [`TransferError::Stalled`] where it does not come within `patience`, beside those of [`hear`].
pub(super) async fn hear_within<M: Message>(
    control: &mut ControlReceiver,
    patience: Duration,
) -> Result<M, TransferError> {
    let heard = timeout(patience, hear(control)).await;
    heard.unwrap_or(Err(TransferError::Stalled))
}
