//! Any session in, the same session out.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::roundtrip(bytes);
});
