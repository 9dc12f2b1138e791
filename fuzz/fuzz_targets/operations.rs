//! Any steps of a visitor, two servers and their operator.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::operations(bytes);
});
