//! Hearing the other side on the control channel.

use fardrop_shared::wire::peer::Message;

use super::error::TransferError;
use crate::link::{ControlReceiver, LinkError};

/// The next message of the other side, which has more to say.
pub(super) async fn hear<M: Message>(control: &mut ControlReceiver) -> Result<M, TransferError> {
    let message = control.receive().await?;
    let message = message.ok_or(TransferError::PeerGone(LinkError::TimedOut))?;
    Ok(M::decode(&message)?)
}
