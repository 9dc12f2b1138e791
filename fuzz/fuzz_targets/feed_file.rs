//! Any bytes, as the file of ended sessions.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::feed_file(bytes);
});
