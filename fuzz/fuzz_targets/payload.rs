//! Any plaintext, sealed with the right key.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::payload(bytes);
});
