//! Peers that do not keep to the protocol: never a panic, never outside the folder, an end always.

use fardrop_shared::offer::{
    Entry, EntryKind, LeftOutCount, ManifestBuilder, ModifiedTime, OthersAccess,
};
use fardrop_shared::transfer::frame;
use fardrop_shared::wire::peer::{
    Acknowledged, Message, ReceiverMessage, SenderMessage, TRANSFER_VERSION,
};

use super::interrupted::{Said, cut_after, leave_part, overheard};
use super::*;

/// What hostile offers say that they are.
const ORIGIN: [u8; 32] = [9; 32];

/// The messages of an offer of such files.
fn offer_of(files: &[(&str, u64)]) -> Vec<SenderMessage> {
    let mut builder = ManifestBuilder::new();
    for (path, size) in files {
        let kind = EntryKind::File {
            size: *size,
            holes: 0,
            executable: false,
        };
        let modified = ModifiedTime::default();
        builder
            .push(Entry {
                path: path.as_bytes(),
                kind,
                modified,
                others: OthersAccess::ALL,
            })
            .unwrap();
    }
    let totals = builder.totals();
    let manifest = builder.finish().unwrap();
    let mut messages = vec![
        SenderMessage::Hello {
            version: TRANSFER_VERSION,
        },
        SenderMessage::Offer {
            files: totals.files,
            folders: totals.folders,
            links: totals.links,
            bytes: totals.bytes,
            pages: manifest.pages().len() as u32,
            left_out: LeftOutCount::default(),
            origin: ORIGIN,
        },
    ];
    messages.extend(
        manifest
            .pages()
            .map(|page| SenderMessage::Page(page.to_vec())),
    );
    messages.push(SenderMessage::OfferEnd);
    messages
}

/// What a receiver makes of a sender that says this, and these bytes on the data stream.
pub(super) async fn receive_from(
    messages: Vec<SenderMessage>,
    data: Vec<u8>,
    destination: &Path,
) -> Outcome {
    let (mut left, right) = Link::pair();
    let handle = left.handle.clone();
    let hostile = async {
        for message in messages {
            if left.control_sender.send(&message.encode()).await.is_err() {
                return;
            }
        }
        while let Ok(Some(message)) = left.control_receiver.receive().await {
            let message = ReceiverMessage::decode(&message).unwrap();
            if message == ReceiverMessage::WantEnd {
                let mut stream = left.handle.open_data().await.unwrap();
                if stream.write(data.clone().into()).await.is_ok() {
                    let _ = stream.finish();
                }
            } else if matches!(message, ReceiverMessage::Done(_)) {
                let done = SenderMessage::Done.encode();
                left.control_sender.send(&done).await.unwrap();
            }
        }
    };
    let both = async {
        tokio::select! {
            outcome = receive(
                right,
                options(destination),
                async |_| accept(ConflictPolicy::Skip),
                controls(),
                std::future::pending(),
            ) => outcome,
            () = async {
                tokio::select! { () = hostile => {}, _ = handle.closed() => {} }
                std::future::pending().await
            } => unreachable!(),
        }
    };
    tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .expect("it ends")
}

#[tokio::test]
async fn a_bad_name_refuses_the_whole_offer() {
    for bad in [
        "../up",
        "/etc/passwd",
        "a/../../b",
        "a//b",
        "nul\0byte",
        ".fardrop-0.part",
        "fine/below",
        "fine",
    ] {
        let to = tempfile::tempdir().unwrap();
        let offer = offer_of(&[("fine", 1), (bad, 1)]);
        let outcome = receive_from(offer, Vec::new(), to.path()).await;
        assert!(
            matches!(outcome, Err(TransferError::UnsafeName { .. })),
            "{bad}: {outcome:?}"
        );
        assert_eq!(names(to.path()), [""; 0]);
    }
}

#[tokio::test]
async fn offers_that_do_not_add_up_are_refused() {
    let good = offer_of(&[("a", 1)]);
    let mut hostile = Vec::new();
    for length in 0..good.len() {
        let mut cut = good[..length].to_vec();
        cut.push(SenderMessage::Done);
        hostile.push(cut);
    }
    let page = good[2].clone();
    for (files, bytes, pages) in [(2, 1, 1), (1, 2, 1), (1, 1, 2), (1, 1, u32::MAX), (0, 0, 0)] {
        let header = SenderMessage::Offer {
            files,
            folders: 0,
            links: 0,
            bytes,
            pages,
            left_out: LeftOutCount::default(),
            origin: ORIGIN,
        };
        hostile.push(vec![
            good[0].clone(),
            header,
            page.clone(),
            SenderMessage::OfferEnd,
        ]);
    }
    hostile.push(vec![
        good[0].clone(),
        good[1].clone(),
        SenderMessage::Page(vec![0xff; 100]),
    ]);
    for messages in hostile {
        let to = tempfile::tempdir().unwrap();
        let name = format!("{messages:?}");
        let outcome = receive_from(messages, Vec::new(), to.path()).await;
        assert!(
            matches!(outcome, Err(TransferError::Protocol(_))),
            "{name}: {outcome:?}"
        );
    }
    let other = vec![SenderMessage::Hello { version: 9 }];
    let to = tempfile::tempdir().unwrap();
    let outcome = receive_from(other, Vec::new(), to.path()).await;
    assert!(
        matches!(outcome, Err(TransferError::Version { theirs: 9 })),
        "{outcome:?}"
    );
}

fn file(index: u32, start: u64, data: &[u8], digest: [u8; 32]) -> Vec<u8> {
    let mut stream = frame::begin(index, start).to_vec();
    stream.extend(frame::data_header(data.len() as u32));
    stream.extend(data);
    stream.extend(frame::end(&digest));
    stream
}

#[tokio::test]
async fn frames_that_break_the_rules_end_the_transfer() {
    let right = *blake3::hash(b"four").as_bytes();
    let good = file(0, 0, b"four", right);
    let streams = [
        Vec::new(),
        good[..good.len() - 1].to_vec(),
        file(2, 0, b"four", right),
        file(u32::MAX, 0, b"four", right),
        file(0, 1, b"fou", right),
        file(0, u64::MAX, b"four", right),
        file(0, 0, b"fourfive", right),
        file(0, 0, b"fou", right),
        [good.clone(), good.clone()].concat(),
        frame::end(&right).to_vec(),
        frame::hole(4).to_vec(),
        [&frame::begin(0, 0)[..], &frame::hole(5)].concat(),
        [&frame::begin(0, 0)[..], &frame::hole(u64::MAX)].concat(),
        [&frame::begin(0, 0)[..], &frame::hole(0)].concat(),
        [
            &frame::begin(0, 0)[..],
            &frame::hole(3),
            &frame::hole(u64::MAX - 2),
        ]
        .concat(),
        frame::abort(FileReason::Skipped).to_vec(),
        [frame::begin(0, 0), frame::begin(1, 0)].concat(),
        vec![77; 1000],
        noise(100_000, 7),
    ];
    for stream in streams {
        let to = tempfile::tempdir().unwrap();
        let offer = offer_of(&[("a", 4), ("b", 4)]);
        let name = format!("{:?}", &stream[..stream.len().min(100)]);
        let outcome = receive_from(offer, stream, to.path()).await;
        assert!(
            matches!(outcome, Err(TransferError::Protocol(_))),
            "{name}: {outcome:?}"
        );
        for name in names(to.path()) {
            if !name.starts_with(".fardrop-") {
                assert_eq!(fs::read(to.path().join(&name)).unwrap(), b"four", "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_digest_gives_no_file() {
    let to = tempfile::tempdir().unwrap();
    let right = *blake3::hash(b"four").as_bytes();
    let stream = [file(0, 0, b"four", [0; 32]), file(1, 0, b"four", right)].concat();
    let received = receive_from(offer_of(&[("a", 4), ("b", 4)]), stream, to.path()).await;
    let received = received.unwrap();
    assert_eq!(received.failures[0].reason, FileReason::HashMismatch);
    assert_eq!((received.files, received.failure_count), (1, 1));
    assert_eq!(names(to.path()), ["b"]);
}

#[tokio::test]
async fn random_streams_end_the_transfer() {
    for seed in 0..60 {
        let to = tempfile::tempdir().unwrap();
        let right = *blake3::hash(b"four").as_bytes();
        let mut stream = [file(0, 0, b"four", right), file(1, 0, b"four", right)].concat();
        let noise = noise(8, seed);
        let place = usize::from(noise[0]) % stream.len();
        stream[place] ^= noise[1].max(1);
        let outcome = receive_from(offer_of(&[("a", 4), ("b", 4)]), stream, to.path()).await;
        let whole = outcome.is_ok_and(|summary| summary.failure_count == 0);
        assert!(!whole, "seed {seed}");
        for name in names(to.path()) {
            if !name.starts_with(".fardrop-") {
                assert_eq!(
                    fs::read(to.path().join(&name)).unwrap(),
                    b"four",
                    "seed {seed}"
                );
            }
        }
    }
}

/// What the sender at the other end says next.
async fn heard(link: &mut Link) -> SenderMessage {
    let message = link.control_receiver.receive().await.unwrap().unwrap();
    SenderMessage::decode(&message).unwrap()
}

/// What a sender of two small files makes of a receiver that says this, its last word once everything was sent.
async fn send_to(messages: Vec<ReceiverMessage>) -> Outcome {
    let from = tempfile::tempdir().unwrap();
    write(&from.path().join("tree/a"), "four");
    write(&from.path().join("tree/b"), "four");
    let (left, mut right) = Link::pair();
    let hostile = async {
        let ended = messages.contains(&ReceiverMessage::WantEnd);
        for message in messages {
            if ended && matches!(message, ReceiverMessage::Proved { .. }) {
                while !matches!(heard(&mut right).await, SenderMessage::Prefix { .. }) {}
            }
            if ended && matches!(message, ReceiverMessage::Done(_)) {
                let mut stream = right.handle.accept_data().await.unwrap();
                let mut buffer = [0; 1000];
                while let Ok(Some(_)) = stream.read(&mut buffer).await {}
            }
            right.control_sender.send(&message.encode()).await.unwrap();
        }
        std::future::pending().await
    };
    let offer = offer(&[&from.path().join("tree")]);
    let both = async {
        tokio::select! {
            outcome = send(left, offer, controls(), std::future::pending()) => outcome,
            () = hostile => unreachable!(),
        }
    };
    tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .expect("it ends")
}

#[tokio::test]
async fn a_receiver_that_breaks_the_rules_ends_the_transfer() {
    let hello = ReceiverMessage::Hello {
        version: TRANSFER_VERSION,
    };
    let accept = ReceiverMessage::Accept { files: 2, bytes: 8 };
    let from = |file, lengths| ReceiverMessage::WantFrom { file, lengths };
    let hostile = [
        vec![ReceiverMessage::Want { first: 0, last: 3 }],
        vec![ReceiverMessage::Want { first: 1, last: 0 }],
        vec![from(1, vec![4]), from(1, vec![4])],
        vec![from(9, vec![4])],
        vec![from(1, vec![0])],
        vec![from(1, vec![u64::MAX, 4])],
        vec![from(0, vec![4])],
        vec![ReceiverMessage::Proved { file: 1, length: 0 }],
        vec![ReceiverMessage::Skip { file: 2 }],
        vec![ReceiverMessage::Accept { files: 0, bytes: 0 }],
        vec![ReceiverMessage::Done(Acknowledged::default())],
        vec![ReceiverMessage::Progress(Acknowledged {
            bytes: 0,
            files: 9,
        })],
    ];
    for messages in hostile {
        let name = format!("{messages:?}");
        let messages = [vec![hello.clone(), accept.clone()], messages].concat();
        let outcome = send_to(messages).await;
        assert!(
            matches!(outcome, Err(TransferError::Protocol(_))),
            "{name}: {outcome:?}"
        );
    }
    let outcome = send_to(vec![accept.clone()]).await;
    assert!(
        matches!(outcome, Err(TransferError::Protocol(_))),
        "{outcome:?}"
    );
    // Claims that lie only cost the one who makes them: the file is sent from its start.
    let lies = vec![
        hello,
        accept,
        from(1, vec![4, 2]),
        ReceiverMessage::Proved { file: 1, length: 0 },
        ReceiverMessage::Want { first: 2, last: 2 },
        ReceiverMessage::WantEnd,
        ReceiverMessage::Done(Acknowledged { bytes: 8, files: 2 }),
    ];
    let sent = send_to(lies).await.unwrap();
    assert_eq!((sent.sent, sent.resumed), (8, 0));
}

#[tokio::test]
async fn impossible_books_are_not_believed() {
    let hello = ReceiverMessage::Hello {
        version: TRANSFER_VERSION,
    };
    let account = |wanted: Option<u32>, files, bytes| {
        let mut messages = vec![hello.clone(), ReceiverMessage::Accept { files, bytes }];
        messages.extend(wanted.map(|last| ReceiverMessage::Want { first: 0, last }));
        messages.push(ReceiverMessage::WantEnd);
        messages.push(ReceiverMessage::Done(Acknowledged { bytes, files }));
        messages
    };
    assert_eq!(send_to(account(Some(2), 2, 8)).await.unwrap().bytes, 8);
    for impossible in [
        account(None, u32::MAX, u64::MAX),
        account(Some(2), u32::MAX, u64::MAX),
        account(Some(2), 1, u64::MAX),
        account(None, 2, 8),
        account(Some(1), 2, 8),
        account(Some(2), 1, 4),
        account(Some(2), 0, 0),
    ] {
        let name = format!("{impossible:?}");
        let outcome = send_to(impossible).await;
        assert!(
            matches!(outcome, Err(TransferError::Protocol(_))),
            "{name}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_link_that_leads_where_it_may_not_refuses_the_whole_offer() {
    // A file `a` of one byte, then a link or a second name `l`: no shared bytes of a path, its length, the path, a size
    // or an index, a time.
    let file: &[u8] = &[0, 0, 1, b'a', 2, 0, 0];
    let (link, second) = (3, 7);
    for (flags, index) in [(link, 1), (link, 2), (link, 100), (second, 1), (second, 2)] {
        let page = [file, &[flags, 0, 1, b'l', index, 0, 0]].concat();
        let to = tempfile::tempdir().unwrap();
        let offer = vec![
            SenderMessage::Hello {
                version: TRANSFER_VERSION,
            },
            SenderMessage::Offer {
                files: 1,
                folders: 0,
                links: 1,
                bytes: 1,
                pages: 1,
                left_out: LeftOutCount::default(),
                origin: ORIGIN,
            },
            SenderMessage::Page(page),
            SenderMessage::OfferEnd,
        ];
        let outcome = receive_from(offer, Vec::new(), to.path()).await;
        let TransferError::Protocol(why) = outcome.unwrap_err() else {
            panic!("{flags} {index}");
        };
        assert!(why.contains("link"), "{why}");
        assert_eq!(names(to.path()), [""; 0]);
    }
}

#[tokio::test]
async fn data_for_a_link_ends_the_transfer() {
    let to = tempfile::tempdir().unwrap();
    let file: &[u8] = &[0, 0, 1, b'a', 2, 0, 0];
    let page = [file, &[3, 0, 1, b'l', 0, 0, 0]].concat();
    let mut offer = offer_of(&[("a", 1)]);
    offer[1] = SenderMessage::Offer {
        files: 1,
        folders: 0,
        links: 1,
        bytes: 1,
        pages: 1,
        left_out: LeftOutCount::default(),
        origin: ORIGIN,
    };
    offer[2] = SenderMessage::Page(page);
    let right = *blake3::hash(b"x").as_bytes();
    let stream = [self::file(0, 0, b"x", right), self::file(1, 0, b"x", right)].concat();
    let outcome = receive_from(offer, stream, to.path()).await;
    assert!(
        matches!(outcome, Err(TransferError::Protocol(_))),
        "{outcome:?}"
    );
}

/// What a receiver says of what it has to an honest sender of what is shared here, and what comes of it there.
async fn overhear(shared: &Path, destination: &Path) -> (Vec<Vec<u8>>, Outcome) {
    let said = Said::default();
    let link = overheard(usize::MAX, Arc::clone(&said));
    let decision = accept(ConflictPolicy::Skip);
    let (_, received) = cross_over(link, offer(&[shared]), destination, decision).await;
    (std::mem::take(&mut *said.lock().unwrap()), received)
}

#[tokio::test]
async fn a_sender_learns_no_hash_of_what_the_receiver_has() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    let (theirs, other) = (noise(400_000, 1), noise(400_000, 2));
    let mended = [&theirs[..100_000], &other[100_000..300_000]].concat();
    // A file of this name and size with this in it, or a part of it.
    let here = [
        ("same", true, &theirs[..]),
        ("another", true, &other),
        ("part", false, &theirs[..300_000]),
        ("differs", false, &mended),
        ("nothing of it", false, &other[..300_000]),
    ];
    for (name, whole, contents) in here {
        write(&tree.join(name), &theirs);
        let path = format!("tree/{name}");
        if whole {
            write(&to.path().join(path), contents);
        }
    }
    for (name, whole, contents) in here {
        if !whole {
            leave_part(&tree, to.path(), &format!("tree/{name}"), contents);
        }
    }
    let (said, received) = overhear(&tree, to.path()).await;
    let mut lengths = vec![theirs.len()];
    let mut claimed = 0;
    for message in &said {
        let decoded = ReceiverMessage::decode(message).unwrap();
        // Nothing stands behind it.
        assert!(decoded.encode() == *message, "{decoded:?}");
        if let ReceiverMessage::WantFrom { lengths: some, .. } = decoded {
            claimed += 1;
            lengths.extend(some.iter().map(|length| *length as usize));
        }
    }
    for contents in here
        .map(|(.., contents)| contents)
        .into_iter()
        .chain([&theirs[..]])
    {
        for length in &lengths {
            let hash = blake3::hash(&contents[..contents.len().min(*length)]);
            // A quarter of one is enough to know a file by.
            for quarter in hash.as_bytes().chunks(8) {
                let told = said
                    .iter()
                    .find(|message| message.windows(8).any(|piece| piece == quarter));
                assert_eq!(told, None, "of {length}");
            }
        }
    }
    let received = received.unwrap();
    assert_eq!((received.failure_count, received.skipped), (0, 1));
    assert_eq!(claimed, here.len());
}

#[tokio::test]
async fn a_part_of_another_sender_is_neither_told_nor_cut() {
    let [one, other, to] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let (first, second) = (one.path().join("file"), other.path().join("file"));
    let (theirs, others) = (noise(1_000_000, 1), noise(500_000, 2));
    write(&first, &theirs);
    write(&second, &others);
    let decision = accept(ConflictPolicy::Skip);
    let (_, cut) = cross_over(cut_after(700_000), offer(&[&first]), to.path(), decision).await;
    cut.unwrap_err();
    let [part]: [_; 1] = names(to.path()).try_into().unwrap();
    let part = to.path().join(part);
    let kept = fs::read(&part).unwrap();
    assert!(!kept.is_empty() && theirs.starts_with(&kept));
    let (said, received) = overhear(&second, to.path()).await;
    for message in said {
        let message = ReceiverMessage::decode(&message).unwrap();
        let of_parts = matches!(
            message,
            ReceiverMessage::WantFrom { .. } | ReceiverMessage::Proved { .. }
        );
        assert!(!of_parts, "{message:?}");
    }
    let received = received.unwrap();
    assert_eq!((received.sent, received.resumed), (500_000, 0));
    assert!(fs::read(to.path().join("file")).unwrap() == others);
    assert!(fs::read(&part).unwrap() == kept);
    // Whose it is goes on with it.
    let (_, again) = cross(&[&first], to.path(), ConflictPolicy::Rename).await;
    assert_eq!(again.resumed, kept.len() as u64);
    assert_eq!(names(to.path()), ["file", "file (1)"]);
}
