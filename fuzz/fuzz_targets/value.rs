//! Any text, as the value of a cookie.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::value(bytes);
});
