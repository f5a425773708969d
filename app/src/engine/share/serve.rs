//! One receiver of a share, from its proof to the last file on its disk.

use std::sync::Arc;

use tokio::sync::watch;

use super::guests::Visit;
use super::scan::Offer;
use crate::engine::cancel::{Cancel, EitherCancel};
use crate::engine::command::OnLeftOut;
use crate::engine::context::{Context, SessionControls};
use crate::engine::event::{OfferSummary, Receipt, SessionEvent};
use crate::engine::failures;
use crate::engine::session::still::{StillLimits, stalled};
use crate::engine::session::view::{OfferView, offer_summary};
use crate::engine::session::{self, Pair};
use crate::failure::{Failure, FailureKind, Stage};
use crate::files::OfferSource;
use crate::transfer::{self, StopReason};

/// What one session of a share came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionEnd {
    /// Everything named is verified on the receiver's disk, or what is left out may be.
    Complete,
    /// Some files failed for good, or all, or were left out.
    Partial,
    /// Nothing to count: it may be tried again.
    Failed,
}

/// Serves one receiver.
pub(super) async fn serve(
    context: Context,
    pair: Pair,
    (offer, visit): (watch::Receiver<Offer>, Visit),
    stop: Cancel,
    ending_soon: watch::Receiver<bool>,
    on_left_out: OnLeftOut,
) -> SessionEnd {
    let (task, session) = (pair.task, pair.session);
    let controls = context.register(session).await;
    let mut cancel = EitherCancel(stop, controls.cancel.clone());
    let steered = (controls, ending_soon);
    let served = serve_to_the_end(&context, pair, offer, steered, &mut cancel, visit).await;
    context.unregister(session).await;
    let end = match &served {
        Ok(Ok(receipt)) if receipt.is_whole(on_left_out) => SessionEnd::Complete,
        Ok(_) => SessionEnd::Partial,
        Err(_) => SessionEnd::Failed,
    };
    let ended = served
        .and_then(|served| served)
        .map(|receipt| (receipt, Vec::new()));
    context.reporter.tell_end(task, session, ended).await;
    end
}

/// Gives what the transfer came to, if it came to its end; perhaps nothing arrived even so.
async fn serve_to_the_end(
    context: &Context,
    pair: Pair,
    offer: watch::Receiver<Offer>,
    (controls, ending_soon): (SessionControls, watch::Receiver<bool>),
    cancel: &mut EitherCancel,
    visit: Visit,
) -> Result<Result<Receipt, Failure>, Failure> {
    let session = pair.session;
    let mut way = visit.way.clone();
    let connected = tokio::select! {
        biased;
        () = way.cancelled() => return Err(Failure::new(Stage::Path, FailureKind::Crowded)),
        connected = cancel.unless(session::connect(context, pair)) => connected,
    };
    let (link, mut path) = connected.unwrap_or_else(|| Err(failures::cancelled(Stage::Path)))?;
    if let Some(peer) = path.peer() {
        visit.seen.is_at(peer);
    }
    let source = cancel.unless(offered(offer)).await;
    let source = source.unwrap_or_else(|| Err(failures::cancelled(Stage::Offer)))?;
    let offer = OfferSummary {
        left_out: source.left_out(),
        // What is sent is the person's own, and known to them.
        ..offer_summary(source.manifest(), Arc::default())
    };
    context
        .reporter
        .tell_session(session, SessionEvent::Offer(offer))
        .await;
    path.give_up_once(ending_soon);
    let handle = link.handle.clone();
    let (steering, mut watching) = session::watching(controls.pause, controls.pages);
    let view = OfferView::Sent(Arc::clone(&source));
    watching.view.send_replace(Some(Arc::new(view)));
    let still = stalled(
        steering.standing.subscribe(),
        steering.progress.subscribe(),
        StillLimits::SENDER,
        || visit.seen.moves(),
    );
    let way_given = async {
        tokio::select! {
            () = way.cancelled() => StopReason::Crowded,
            () = still => StopReason::Stalled,
            () = cancel.cancelled() => StopReason::Cancelled,
        }
    };
    let work = transfer::send(link, source, steering, way_given);
    let summary = session::transfer(context, &mut path, &handle, work, &mut watching).await?;
    Ok(session::settle(context, session, &summary, path.route()).await)
}

/// The offer, once the files have been looked through.
async fn offered(mut offer: watch::Receiver<Offer>) -> Result<Arc<OfferSource>, Failure> {
    let settled = offer
        .wait_for(|offer| !matches!(offer, Offer::Pending))
        .await;
    match settled.map(|offer| offer.clone()) {
        Ok(Offer::Ready(source)) => Ok(source),
        Ok(Offer::Failed(failure)) => Err(failure),
        // The share is ending.
        Ok(Offer::Pending) | Err(_) => Err(failures::cancelled(Stage::Offer)),
    }
}
