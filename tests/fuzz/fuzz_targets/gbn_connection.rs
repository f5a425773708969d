//! `fardrop_tests::fuzz::gbn_connection` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fardrop_tests::fuzz::gbn_connection(input));
