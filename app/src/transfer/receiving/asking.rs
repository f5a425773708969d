//! Asking the person about an offer, and scanning the folders that it might go to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fardrop_shared::name::{BadNames, NameRules, Platform};
use fardrop_shared::offer::{CheckedManifest, Classifier, LeftOutCount, PlacedManifest, Survey};
use fardrop_shared::wire::peer::DeclineReason;
use rand::rngs::OsRng;

use super::decision::{Answer, Decide, Decision, ReceiveOptions, Room, ScannedOffer};
use super::offered::Offered;
use super::renamed::{renamed, unnamed};
use super::scan::DestinationScan;
use super::selection::{Acceptance, ConflictPolicy, Consent, Selection};
use super::threads::{Alive, on_thread};
use crate::disk::{Destination, PartOwner, free_space, name_rules};
use crate::transfer::error::{DestinationError, TransferError};
use crate::transfer::outcome::{Listed, Renaming};

/// What the person takes of an offer, and into which folder.
pub(super) struct Taken {
    pub(super) manifest: Arc<PlacedManifest>,
    pub(super) owner: PartOwner,
    pub(super) scan: Arc<DestinationScan>,
    pub(super) acceptance: Acceptance,
    pub(super) destination: PathBuf,
    /// Bytes that it has to fit into, if that is asked for.
    pub(super) free_space: Option<u64>,
}

/// Scans the destination and asks the person, until that is settled.
pub(super) async fn ask(
    offered: Offered,
    options: ReceiveOptions,
    person: &mut impl Decide,
    alive: &Alive,
) -> Result<Taken, TransferError> {
    let Offered {
        manifest,
        left_out,
        left_out_names,
        owner,
    } = offered;
    let left_out_names = Arc::new(left_out_names);
    let ReceiveOptions {
        destination,
        bad_names,
        ..
    } = options;
    let scanned = scan((&manifest, owner), &destination, bad_names, alive).await?;
    let mut scanned = scanned?;
    person.see(&scanned.offer());
    let mut refused = None;
    loop {
        let offer = ScannedOffer {
            refused: refused.take(),
            left_out,
            left_out_names: Arc::clone(&left_out_names),
            ..scanned.offer()
        };
        let (elsewhere, accepted) = match person.decide(offer).await {
            Answer::Decided(Decision::Decline) => {
                return Err(TransferError::Declined(DeclineReason::Person));
            }
            Answer::Decided(Decision::Accept {
                on_conflict,
                selection,
                consent,
                destination,
                room,
            }) => {
                let wish = Wish {
                    on_conflict,
                    selection,
                    consent,
                    room,
                };
                match destination.filter(|folder| *folder != scanned.destination) {
                    Some(folder) => (folder, Some(wish)),
                    None => return take(scanned, wish, alive).await,
                }
            }
            Answer::Elsewhere(folder) => (folder, None),
        };
        match scan((&manifest, owner), &elsewhere, bad_names, alive).await? {
            Ok(other) => {
                scanned = other;
                person.see(&scanned.offer());
                if let Some(wish) = accepted {
                    return take(scanned, wish, alive).await;
                }
            }
            Err(error) => refused = Some(error),
        }
    }
}

/// What the person wants of an offer.
struct Wish {
    on_conflict: ConflictPolicy,
    selection: Selection,
    consent: Consent,
    room: Room,
}

/// A folder that the offer might go to.
struct Scanned {
    destination: PathBuf,
    /// Which entry would go where.
    manifest: Arc<PlacedManifest>,
    owner: PartOwner,
    scan: Arc<DestinationScan>,
    renamed: Arc<Listed<Renaming>>,
    survey: Arc<Survey>,
    classifier: Arc<Classifier>,
    unnamed: Arc<Listed<String>>,
    free_space: Option<u64>,
}

impl Scanned {
    fn offer(&self) -> ScannedOffer {
        ScannedOffer {
            manifest: Arc::clone(&self.manifest),
            owner: self.owner,
            destination: self.destination.clone(),
            refused: None,
            left_out: LeftOutCount::default(),
            left_out_names: Arc::default(),
            renamed: Arc::clone(&self.renamed),
            survey: Arc::clone(&self.survey),
            classifier: Arc::clone(&self.classifier),
            unnamed: Arc::clone(&self.unnamed),
            free_space: self.free_space,
            conflicts: self.scan.taken.count(),
            kept_bytes: self.scan.kept_bytes,
            scan: Arc::clone(&self.scan),
        }
    }
}

/// What names can be in the folder `path`, what is in it already, and how much fits there.
async fn scan(
    (manifest, owner): (&Arc<CheckedManifest>, PartOwner),
    path: &Path,
    bad_names: BadNames,
    alive: &Alive,
) -> Result<Result<Scanned, DestinationError>, TransferError> {
    let (manifest, destination) = (Arc::clone(manifest), path.to_owned());
    let scanning = on_thread("fardrop-scan", alive, move || {
        // Most offers need no look at what the destination can hold.
        let rules = if manifest.is_possible_everywhere(&mut OsRng) {
            NameRules::new(Platform::HERE)
        } else {
            name_rules(&destination)
        };
        let manifest = manifest.place(rules, bad_names, &mut OsRng);
        let scan = match Destination::open(&destination) {
            Ok(opened) => DestinationScan::look(&manifest, owner, &mut opened.folders()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DestinationScan::nothing(manifest.totals().entries())
            }
            Err(error) => {
                let path = destination;
                return Err(DestinationError { path, error });
            }
        };
        let classifier = classifier(&destination);
        Ok(Scanned {
            survey: Arc::new(Survey::of(manifest.manifest(), &classifier)),
            classifier: Arc::new(classifier),
            renamed: Arc::new(renamed(&manifest, None)),
            unnamed: Arc::new(unnamed(&manifest)),
            manifest: Arc::new(manifest),
            owner,
            scan: Arc::new(scan),
            free_space: free_space(&destination),
            destination,
        })
    });
    scanning.await
}

/// What tells what would start by itself in `destination`, wherever links on the way to it lead.
fn classifier(destination: &Path) -> Classifier {
    let real = destination.canonicalize();
    let real = real.or_else(|_| std::path::absolute(destination));
    let real = real.unwrap_or_else(|_| destination.to_owned());
    Classifier::new(real.as_os_str().as_encoded_bytes())
}

/// Works out which entries are taken, beside the network's thread: there may be a million.
async fn take(scanned: Scanned, wish: Wish, alive: &Alive) -> Result<Taken, TransferError> {
    let Wish {
        on_conflict,
        selection,
        consent,
        room,
    } = wish;
    let classifier = Arc::clone(&scanned.classifier);
    let (offered, scan) = (Arc::clone(&scanned.manifest), Arc::clone(&scanned.scan));
    let (destination, owner) = (scanned.destination.clone(), scanned.owner);
    let selecting = on_thread("fardrop-select", alive, move || {
        let acceptance = Acceptance::new(offered.manifest(), on_conflict, &selection, consent);
        let mut refused = consent.refused(offered.manifest(), &classifier);
        let allowed = acceptance.clone().without(refused.clone());
        let (placed, scan) = match offered.with_stand_ins(|index| allowed.contains(index)) {
            None => (offered, scan),
            Some(placed) => {
                let opened = Destination::open(&destination);
                let scan = opened.map_or(scan, |opened| {
                    Arc::new(DestinationScan::look(&placed, owner, &mut opened.folders()))
                });
                (Arc::new(placed), scan)
            }
        };
        refused.extend(scan.refused(on_conflict));
        refused.sort_by_key(|(entry, _)| *entry);
        refused.dedup_by_key(|(entry, _)| *entry);
        (placed, scan, acceptance.without(refused))
    });
    let (manifest, scan, acceptance) = selecting.await?;
    Ok(Taken {
        manifest,
        owner,
        scan,
        acceptance,
        destination: scanned.destination,
        free_space: scanned.free_space.filter(|_| room == Room::Needed),
    })
}
