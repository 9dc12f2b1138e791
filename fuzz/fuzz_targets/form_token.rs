//! Any text as a form token, and right ones with a change.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::form_token(bytes);
});
