//! Any bytes, as the `Cookie` headers of a request.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealed_session_fuzz::cookie_header(bytes);
});
