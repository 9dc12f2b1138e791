//! Any bytes, as entries of ended sessions.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::ended_entry(bytes);
});
