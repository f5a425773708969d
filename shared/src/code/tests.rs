use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{CodeError, Locator, PairingCode};

#[track_caller]
fn check(typed: &str, spoken: &str) {
    assert_eq!(
        *PairingCode::parse(typed).unwrap().to_spoken(),
        spoken,
        "{typed:?}"
    );
}

#[track_caller]
fn check_refused(typed: &str, error: CodeError) {
    assert_eq!(PairingCode::parse(typed).unwrap_err(), error, "{typed:?}");
}

#[test]
fn a_code_may_be_typed_in_many_ways() {
    for typed in [
        "417-acid-lemon",
        "417 acid lemon",
        "  417  ACID  Lemon ",
        "417acid-lemon",
        "417acidlemon",
        "417-aci-lem",
        "417-acid-lemn",
        "417-aicd-lemmon",
        "417\u{2011}acid\u{2013}lemon",
        "４１７ ａｃｉｄ\u{3000}lemon",
        "fardrop:417-acid-lemon",
        "FARDROP:417-ACID-LEMON",
        "-417-acid-lemon-",
    ] {
        check(typed, "417-acid-lemon");
    }
    check("100 yo-yo zebra", "100-yoyo-zebra");
    check("123456789 acid acid acid", "123456789-acid-acid-acid");
}

#[test]
fn a_code_may_name_its_rendezvous() {
    check(
        "417-acid-lemon@Example.org:4840",
        "417-acid-lemon@example.org:4840",
    );
    check("417 acid lemon @ 192.0.2.1:1", "417-acid-lemon@192.0.2.1:1");
    let code = PairingCode::parse("fardrop:417-aci-lem@[2001:DB8::1]:4840").unwrap();
    assert_eq!(code.server(), Some("[2001:db8::1]:4840"));
    assert_eq!(*code.to_uri(), "fardrop:417-acid-lemon@[2001:db8::1]:4840");
    for server in [
        "",
        "host",
        "host:",
        ":1",
        "host:0",
        "host:65536",
        "host:+1",
        "a b:1",
        "::1:1",
        "[::1]",
        "[x]:1",
        "a/b:1",
        "-a:1",
    ] {
        check_refused(&format!("417-acid-lemon@{server}"), CodeError::BadServer);
    }
}

#[test]
fn what_is_wrong_is_said_without_the_words() {
    check_refused("", CodeError::NoLocator);
    check_refused("acid-lemon", CodeError::NoLocator);
    check_refused("41-acid-lemon", CodeError::BadLocator);
    check_refused("0417-acid-lemon", CodeError::BadLocator);
    check_refused("1234567890-acid-lemon", CodeError::BadLocator);
    check_refused("99999999999999999999-acid-lemon", CodeError::BadLocator);
    check_refused("417", CodeError::TooFewWords { given: 0 });
    check_refused("417-acid", CodeError::TooFewWords { given: 1 });
    check_refused("417-acid-pjqxz", CodeError::UnknownWord { position: 2 });
    check_refused("417-le-acid", CodeError::UnknownWord { position: 1 });
    check_refused("417-acid-apena", CodeError::AmbiguousWord { position: 2 });
    check_refused(
        &format!("417{}", "-acid".repeat(9)),
        CodeError::TooManyWords,
    );
    check_refused(&format!("417{}", "acid".repeat(9)), CodeError::TooManyWords);
    check_refused(&"4".repeat(600), CodeError::TooLong);
}

#[test]
fn words_do_not_appear_in_debug() {
    let code = PairingCode::parse("417-acid-lemon").unwrap();
    let debug = format!("{code:?} {code:#?}");
    assert!(debug.contains("417"));
    assert!(
        !debug.contains("acid") && !debug.contains("lemon"),
        "{debug}"
    );
}

#[test]
fn locators_have_the_digits_asked_for() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for digits in 0..=12 {
        for _ in 0..100 {
            let locator = Locator::random(digits, &mut rng);
            let printed = locator.to_string().len();
            assert_eq!(printed, digits.clamp(3, 9) as usize);
            assert_eq!(Locator::new(locator.value()), Some(locator));
        }
    }
    assert_eq!(Locator::new(99), None);
    assert_eq!(Locator::new(1_000_000_000), None);
}

#[test]
fn more_words_are_more_bits() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let locator = Locator::new(417).unwrap();
    let bits =
        |count, rng: &mut ChaCha20Rng| PairingCode::generate(locator, count, rng).entropy_bits();
    assert!((20.6..20.8).contains(&bits(0, &mut rng)));
    assert!((31.0..31.1).contains(&bits(3, &mut rng)));
    assert!((82.7..82.8).contains(&bits(99, &mut rng)));
}

proptest! {
    #[test]
    fn a_code_comes_back_as_it_was(seed: u64, digits in 3_u32..=9, words in 2_usize..=8, server in proptest::option::of("[a-z0-9]([a-z0-9-]{0,9}\\.){0,3}[a-z]:[1-9][0-9]{0,3}")) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let locator = Locator::random(digits, &mut rng);
        let code = PairingCode::generate(locator, words, &mut rng).with_server(server.as_deref()).unwrap();
        prop_assert_eq!(&PairingCode::parse(&code.to_spoken()).unwrap(), &code);
        prop_assert_eq!(&PairingCode::parse(&code.to_uri()).unwrap(), &code);
        let shouted = code.to_spoken().to_uppercase().replace('-', " ");
        if server.is_none() {
            prop_assert_eq!(&PairingCode::parse(&shouted).unwrap(), &code);
            let joined = code.to_spoken().replace('-', "");
            prop_assert_eq!(&PairingCode::parse(&joined).unwrap(), &code);
        }
    }

    #[test]
    fn anything_may_be_typed(typed in ".{0,80}") {
        drop(PairingCode::parse(&typed));
    }

    #[test]
    fn anything_like_a_code_may_be_typed(typed in "(fardrop:)?[0-9]{0,10}[-a-z @:\\[\\].ſİＡ－]{0,60}") {
        if let Ok(code) = PairingCode::parse(&typed) {
            prop_assert_eq!(PairingCode::parse(&code.to_spoken()).unwrap(), code);
        }
    }
}
