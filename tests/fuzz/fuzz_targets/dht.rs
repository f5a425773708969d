//! `fardrop_tests::fuzz::dht` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fardrop_tests::fuzz::dht(input));
