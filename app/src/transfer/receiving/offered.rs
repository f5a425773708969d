//! Reading what is offered: the names of a stranger, all of them checked before anything is done with one.

use fardrop_shared::name::NameError;
use fardrop_shared::offer::{Entry, Manifest, ManifestBuilder, NameChecker, OfferError};
use fardrop_shared::wire::peer::{SenderMessage, TRANSFER_VERSION};
use rand::rngs::OsRng;

use crate::link::ControlReceiver;
use crate::transfer::error::TransferError;
use crate::transfer::hear::hear;

/// Reads the whole offer. One name that must not become a path refuses all of it.
pub(super) async fn read_offer(control: &mut ControlReceiver) -> Result<Manifest, TransferError> {
    let SenderMessage::Hello { version } = hear(control).await? else {
        return Err(TransferError::Protocol("no hello"));
    };
    if version != TRANSFER_VERSION {
        return Err(TransferError::Version { theirs: version });
    }
    let SenderMessage::Offer {
        files,
        folders,
        bytes,
        pages,
    } = hear(control).await?
    else {
        return Err(TransferError::Protocol("no offer"));
    };
    let mut builder = ManifestBuilder::new();
    let mut names = NameChecker::new(&mut OsRng);
    for _ in 0..pages {
        let SenderMessage::Page(page) = hear(control).await? else {
            return Err(TransferError::Protocol("a page is missing"));
        };
        let checked: Result<(), PageError> = builder.push_page(&page, |entry| {
            names
                .check_here(entry)
                .map_err(|refused| PageError::of(entry, refused))
        });
        checked.map_err(TransferError::from)?;
    }
    if hear::<SenderMessage>(control).await? != SenderMessage::OfferEnd {
        return Err(TransferError::Protocol("the offer does not end"));
    }
    let totals = builder.totals();
    if (totals.files, totals.folders, totals.bytes) != (files, folders, bytes) {
        return Err(TransferError::Protocol("the offer does not add up"));
    }
    Ok(builder.finish()?)
}

/// What is wrong with a page.
enum PageError {
    Offer(OfferError),
    Name(String, NameError),
}

impl PageError {
    fn of(entry: Entry<'_>, refused: NameError) -> Self {
        Self::Name(entry.path.to_owned(), refused)
    }
}

impl From<OfferError> for PageError {
    fn from(error: OfferError) -> Self {
        Self::Offer(error)
    }
}

impl From<PageError> for TransferError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Offer(error) => error.into(),
            PageError::Name(name, refused) => Self::UnsafeName {
                name,
                reason: refused,
            },
        }
    }
}
