//! Receivers of whom nothing comes: they do not keep others out, and are told when they are let go.

use anyhow::Result;
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous};

use super::{assert_identical, workplace};

/// More receivers than a sender could keep that may have 44 files open, of which it has 20 by itself; and fewer than the
/// rendezvous lets one network bring to a code within half a minute.
const SILENT: usize = 20;

/// How often somebody tries who wants the files.
const TRIES: usize = 3;

#[test]
fn receivers_that_never_accept_do_not_shut_out_an_honest_one_where_few_files_may_be_open()
-> Result<()> {
    let work = workplace()?;
    let (out, folder) = (work.path().join("out"), work.path().join("in"));
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .under(&["sh", "-c", "ulimit -n 44; exec \"$@\"", "sh"])
        .start()?;
    let code = sender.code()?;
    let mut silent: Vec<Peer> = Vec::new();
    for number in 0..SILENT {
        let mut receiver = PeerCommand::new("receive")?
            .server(&rendezvous)
            .into_folder(&work.path().join("nothing"))
            .arg(&code)
            .start_at_terminal()?;
        // Sockets of those that were let go are there for a moment longer: some of the later ones do not get in.
        let offered = receiver.event("offer");
        if number == 0 {
            offered?;
        }
        silent.push(receiver);
    }
    // Sockets of those that were let go are there for a moment longer.
    let mut tries = 0..TRIES;
    let done = tries.any(|_| {
        let honest = PeerCommand::receive(&rendezvous, &code, &folder);
        let honest = honest.and_then(PeerCommand::start);
        matches!(honest.and_then(Peer::finish), Ok((Some(0), _)))
    });
    assert!(done, "it is shut out");
    assert_identical(&out, &folder.join("out"));
    // Both are told why: the first to come is the first to go, and may come again.
    let told = silent.remove(0).event("failed")?;
    assert_eq!(
        (&told["kind"], &told["retry"]),
        (&"crowded".into(), &true.into()),
        "{told}"
    );
    let told = sender.event("failed")?;
    assert_eq!(told["kind"], "crowded", "{told}");
    assert!(told["session"].is_u64(), "{told}");
    Ok(())
}
