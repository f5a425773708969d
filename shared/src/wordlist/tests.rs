use std::collections::BTreeSet;

use super::{
    EFF_WORDS, Lookup, MAX_COMPLETIONS, WORD_COUNT, complete, look_up, split_joined, word,
};

#[test]
fn there_are_1296_words_of_plain_letters() {
    assert_eq!(EFF_WORDS.len(), usize::from(WORD_COUNT));
    for index in 0..WORD_COUNT {
        let word = word(index).unwrap();
        assert!(word.len() >= 3, "{word}");
        assert!(word.bytes().all(|b| b.is_ascii_lowercase()), "{word}");
    }
    assert_eq!(word(WORD_COUNT), None);
}

#[test]
fn three_letters_name_a_word() {
    let prefixes: BTreeSet<&str> = (0..WORD_COUNT).map(|i| &word(i).unwrap()[..3]).collect();
    assert_eq!(prefixes.len(), usize::from(WORD_COUNT));
    for index in 0..WORD_COUNT {
        assert_eq!(look_up(&word(index).unwrap()[..3]), Lookup::Found(index));
    }
}

#[test]
fn every_single_slip_is_undone_or_refused() {
    for index in (0..WORD_COUNT).step_by(41) {
        let word = word(index).unwrap();
        for typed in slips(word) {
            // A slip may spell, or begin, another word; those are what was typed.
            // A swap counts as one slip although the list only keeps words three edits apart.
            match look_up(&typed) {
                Lookup::Found(found) if found == index => {}
                Lookup::Found(found) => {
                    let other = super::word(found).unwrap();
                    assert!(
                        other.starts_with(&typed),
                        "{typed} was taken for {other}, not {word}"
                    );
                }
                Lookup::Ambiguous => {}
                Lookup::Unknown => assert!(typed.len() < 3, "{typed} was not taken for {word}"),
            }
        }
    }
}

#[test]
fn the_slips_a_person_makes() {
    for (typed, meant) in [
        ("lemom", "lemon"),
        ("lemn", "lemon"),
        ("lemmon", "lemon"),
        ("lmeon", "lemon"),
        ("elmon", "lemon"),
        ("yoyo", "yoyo"),
    ] {
        let Lookup::Found(index) = look_up(typed) else {
            panic!("{typed} was not found");
        };
        assert_eq!(word(index), Some(meant));
    }
    assert_eq!(look_up("le"), Lookup::Unknown);
    assert_eq!(look_up(""), Lookup::Unknown);
    assert_eq!(look_up("lemonade"), Lookup::Unknown);
    assert_eq!(look_up("pjqxz"), Lookup::Unknown);
}

#[test]
fn joined_words_come_apart_in_one_way() {
    let indices = split_joined("acidlemonyoyo").unwrap();
    let words: Vec<_> = indices.iter().copied().filter_map(word).collect();
    assert_eq!(words, ["acid", "lemon", "yoyo"]);
    assert_eq!(split_joined("acidlemo"), None);
}

#[test]
fn completion_is_bounded() {
    assert_eq!(complete("LEM").collect::<Vec<_>>(), ["lemon"]);
    assert_eq!(complete("a").count(), MAX_COMPLETIONS);
    assert_eq!(complete("").count(), 0);
    assert_eq!(complete("zzz").count(), 0);
}

/// Every text one slip away from `word`, over a few letters.
fn slips(word: &str) -> Vec<String> {
    let mut all = Vec::new();
    for at in 0..=word.len() {
        let (front, back) = word.split_at(at);
        for letter in ["a", "q", "z"] {
            all.push(format!("{front}{letter}{back}"));
            if !back.is_empty() && !back.starts_with(letter) {
                all.push(format!("{front}{letter}{}", &back[1..]));
            }
        }
        if !back.is_empty() {
            all.push(format!("{front}{}", &back[1..]));
        }
        if back.len() >= 2 && back[..1] != back[1..2] {
            all.push(format!(
                "{front}{}{}{}",
                &back[1..2],
                &back[..1],
                &back[2..]
            ));
        }
    }
    all
}
