//! A code that was tried in vain: the fourth try is refused in words, in every run of the app.

use super::*;

#[test]
fn a_code_that_was_tried_in_vain_three_times_is_refused_whatever_the_server() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let memory = tempfile::tempdir().unwrap();
    fs::write(from.path().join("file"), b"x").unwrap();
    let server = serve();
    let sender = engine(&server, "Ada");
    let right = share(
        &sender,
        &from.path().join("file"),
        ShareLifetime::UntilStopped,
    );
    let (locator, _) = right.split_once('-').unwrap();
    let typed = [
        format!("{locator}-acid-lemon"),
        format!("{locator}-lemon-acid"),
    ];
    let wrong = typed.iter().find(|typed| **typed != right).unwrap();
    let restarted = |server: &str| {
        let config = EngineConfig {
            rendezvous: vec![server.to_owned()],
            memory: Some(memory.path().to_owned()),
            ..config("Bob")
        };
        start(config, Arc::new(|| {})).unwrap()
    };
    for _ in 0..3 {
        let receiver = restarted(&server);
        receive(&receiver, wrong, to.path());
        let told = failed(&receiver);
        let wrong = [FailureKind::WrongCode, FailureKind::CodeDead];
        assert!(wrong.contains(&told), "{told:?}");
    }
    // Nobody is asked any more: this server does not even exist.
    for _ in 0..2 {
        let receiver = restarted("127.0.0.1:9");
        receive(&receiver, wrong, to.path());
        assert_eq!(failed(&receiver), FailureKind::CodeDead);
    }
}

#[test]
fn receiving_again_and_again_costs_a_code_nothing() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(from.path().join("file"), b"x").unwrap();
    let server = serve();
    let (sender, receiver) = (engine(&server, "Ada"), engine(&server, "Bob"));
    let file = from.path().join("file");
    let code = share(&sender, &file, ShareLifetime::UntilStopped);
    for number in 10..15 {
        receive_as(&receiver, TaskNumber(number), &code, to.path());
        accept(&receiver);
        assert_eq!(done(&receiver).files, 1);
    }
}
