//! Reading what is offered: the names of a stranger, all of them checked before anything is done with one.

use fardrop_shared::name::lossy;
use fardrop_shared::offer::{CheckedManifest, LeftOutCount, OfferReader, PageError};
use fardrop_shared::wire::peer::{SenderMessage, TRANSFER_VERSION};
use rand::rngs::OsRng;

use crate::link::ControlReceiver;
use crate::transfer::error::TransferError;
use crate::transfer::hear::hear;

/// Reads the whole offer, and how much is not in it. One name that is dangerous refuses all of it.
pub(super) async fn read_offer(
    control: &mut ControlReceiver,
) -> Result<(CheckedManifest, LeftOutCount), TransferError> {
    let SenderMessage::Hello { version } = hear(control).await? else {
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
    } = hear(control).await?
    else {
        return Err(TransferError::Protocol("no offer"));
    };
    let mut reader = OfferReader::new(&mut OsRng);
    for _ in 0..pages {
        let SenderMessage::Page(page) = hear(control).await? else {
            return Err(TransferError::Protocol("a page is missing"));
        };
        reader.push_page(&page)?;
    }
    if hear::<SenderMessage>(control).await? != SenderMessage::OfferEnd {
        return Err(TransferError::Protocol("the offer does not end"));
    }
    let totals = reader.totals();
    let told = (files, folders, links, bytes);
    if (totals.files, totals.folders, totals.links, totals.bytes) != told {
        return Err(TransferError::Protocol("the offer does not add up"));
    }
    Ok((reader.finish()?, left_out))
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
