//! Any cookie of `PrivateJar`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::migrated(bytes);
});
