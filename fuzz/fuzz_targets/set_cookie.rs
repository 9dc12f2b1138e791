//! Any settings of the builder, and the `Set-Cookie` that they make.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::set_cookie(bytes);
});
