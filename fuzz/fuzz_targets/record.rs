#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pgwalstream_fuzz::record::run(input));
