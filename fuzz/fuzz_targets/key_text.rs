//! Any text, as a key and as a list of keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::key_text(bytes);
});
