//! Any text, as the named values of a session.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::dynamic(bytes);
});
