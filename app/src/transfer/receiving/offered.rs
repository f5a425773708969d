//! Reading what is offered: the names of a stranger, all of them checked before anything is done with one.

use std::sync::Arc;
use std::time::Duration;

use fardrop_shared::name::lossy;
use fardrop_shared::offer::{CheckedManifest, LeftOutCount, LeftOutNames, OfferReader, PageError};
use fardrop_shared::wire::peer::{SenderMessage, TRANSFER_VERSION};
use rand::rngs::OsRng;

use crate::disk::PartOwner;
use crate::link::ControlReceiver;
use crate::transfer::error::TransferError;
use crate::transfer::hear::hear_within;

/// Local: how long a sender may look through its files before it says the first word.
const FIRST_PATIENCE: Duration = Duration::from_secs(3 * 60 * 60);
/// Local: how long it may leave an offer that it has begun without a further word, which it has at hand.
const NEXT_PATIENCE: Duration = Duration::from_secs(120);

/// An offer as it arrived.
pub(super) struct Offered {
    pub(super) manifest: Arc<CheckedManifest>,
    /// How much is not in it.
    pub(super) left_out: LeftOutCount,
    /// And what, as far as the sender tells it.
    pub(super) left_out_names: LeftOutNames,
    /// Whose the parts of it are.
    pub(super) owner: PartOwner,
}

/// Reads the whole offer, and what is not in it. One name that is dangerous refuses all of it.
pub(super) async fn read_offer(control: &mut ControlReceiver) -> Result<Offered, TransferError> {
    let SenderMessage::Hello { version } = hear_within(control, FIRST_PATIENCE).await? else {
        return Err(TransferError::Protocol("no hello"));
    };
    if version != TRANSFER_VERSION {
        return Err(TransferError::Version { theirs: version });
    }
    let SenderMessage::Offer {
        files,
        folders,
        links,
        bytes,
        pages,
        left_out,
        origin,
    } = hear_within(control, NEXT_PATIENCE).await?
    else {
        return Err(TransferError::Protocol("no offer"));
    };
    let mut reader = OfferReader::new(&mut OsRng);
    for _ in 0..pages {
        let SenderMessage::Page(page) = hear_within(control, NEXT_PATIENCE).await? else {
            return Err(TransferError::Protocol("a page is missing"));
        };
        reader.push_page(&page)?;
    }
    let mut left_out_names = LeftOutNames::default();
    loop {
        match hear_within(control, NEXT_PATIENCE).await? {
            SenderMessage::LeftOut(page) => left_out_names.push_page(page, left_out.things)?,
            SenderMessage::OfferEnd => break,
            SenderMessage::Hello { .. }
            | SenderMessage::Offer { .. }
            | SenderMessage::Page(_)
            | SenderMessage::Done
            | SenderMessage::Pause
            | SenderMessage::Resume
            | SenderMessage::Prefix { .. } => {
                return Err(TransferError::Protocol("the offer does not end"));
            }
        }
    }
    let totals = reader.totals();
    let told = (files, folders, links, bytes);
    if (totals.files, totals.folders, totals.links, totals.bytes) != told {
        return Err(TransferError::Protocol("the offer does not add up"));
    }
    Ok(Offered {
        manifest: Arc::new(reader.finish()?),
        left_out,
        left_out_names,
        owner: PartOwner::new(origin),
    })
}

impl From<PageError> for TransferError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Offer(error) => error.into(),
            PageError::Name { name, reason } => Self::UnsafeName {
                name: lossy(&name).into_owned(),
                reason,
            },
        }
    }
}
