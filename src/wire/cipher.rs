//! Seal and open bytes: XAES-256-GCM, and the only file that imports AES.
//!
//! XAES-256-GCM (C2SP, `XAES-256-GCM.md`) is AES-256-GCM under a key that two AES blocks derive
//! from the first half of a 192-bit nonce. With random 96-bit nonces alone, AES-GCM is safe for
//! 2^32 messages a key (NIST SP 800-38D §8.3), over a whole fleet; 192 random bits lift that to
//! 2^80.
//!
//! It is composed here, not taken whole from a crate, because opening needs no decryption key
//! schedule (`Aes256Enc`), and the key of one message needs none of the wiping that the keys of a
//! ring get (see [`Cipher::with_message_key`]). The published vectors hold it to the specification.

use aes::Aes256Enc;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit, consts::U12};
use aes_gcm::{AeadInOut, AesGcm};
use std::mem;
use zeroize::Zeroizing;

/// Bytes of a nonce (XAES-256-GCM: 192 bits).
pub(crate) const NONCE_LEN: usize = 24;
/// Bytes of a tag (NIST SP 800-38D: 128 bits, never cut).
pub(crate) const TAG_LEN: usize = 16;

/// The bytes are not what a holder of the key sealed with this nonce and associated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forged;

/// One encryption key, expanded. Both fields are zeroized on drop.
#[derive(Clone)]
pub(crate) struct Cipher {
    /// The key schedule; the `zeroize` feature of `aes` wipes it.
    aes: Aes256Enc,
    /// K1 of the specification, a CMAC subkey.
    subkey: Zeroizing<[u8; 16]>,
}

impl Cipher {
    pub(crate) fn new(key: &[u8; 32]) -> Cipher {
        let aes = Aes256Enc::new(key.into());
        // L = AES(0), K1 = L << 1, reduced by x^128 + x^7 + x^2 + x + 1 (NIST SP 800-38B §6.1).
        let mut l = Array::from([0; 16]);
        aes.encrypt_block(&mut l);
        let l = u128::from_be_bytes(l.into());
        let k1 = (l << 1) ^ if l >> 127 == 1 { 0b1000_0111 } else { 0 };
        Cipher { aes, subkey: Zeroizing::new(k1.to_be_bytes()) }
    }

    /// Encrypts `text` in place and returns the tag.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        text: &mut [u8],
    ) -> [u8; TAG_LEN] {
        self.with_message_key(nonce, |gcm, nonce| {
            gcm.encrypt_inout_detached(nonce, associated, text.into())
                .expect("a cookie is shorter than the 64 GiB that GCM takes")
                .into()
        })
    }

    /// Decrypts `text` in place, having checked the tag in constant time. A forged `text` is left
    /// as it is.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Forged> {
        self.with_message_key(nonce, |gcm, nonce| {
            gcm.decrypt_inout_detached(nonce, associated, text.into(), tag.into())
                .map_err(|_| Forged)
        })
    }

    /// Calls `f` with AES-256-GCM under the key of this one message, and the 96 bits of nonce left
    /// for it.
    ///
    /// The message key is forgotten, not dropped: wiping the schedule of a key that lives a
    /// microsecond and opens one message would cost a tenth of the whole (`docs/performance.md`).
    /// The ring's own schedules, which live long and open everything, are wiped.
    fn with_message_key<R>(
        &self,
        nonce: &[u8; NONCE_LEN],
        f: impl FnOnce(&AesGcm<Aes256Enc, U12>, &Array<u8, U12>) -> R,
    ) -> R {
        let (first, last) = nonce.split_at(12);
        let mut blocks = [Array::from([0; 16]); 2];
        for (block, counter) in blocks.iter_mut().zip([1, 2]) {
            // M1 = 00 01 58 00 ‖ first half of the nonce, M2 = 00 02 58 00 ‖ the same; each ⊕ K1.
            block[..4].copy_from_slice(&[0, counter, b'X', 0]);
            block[4..].copy_from_slice(first);
            for (byte, mask) in block.iter_mut().zip(self.subkey.iter()) {
                *byte ^= mask;
            }
        }
        self.aes.encrypt_blocks(&mut blocks);
        let message_key = blocks[0].concat(blocks[1]);
        let gcm = AesGcm::from(Aes256Enc::new(&message_key));
        let result = f(&gcm, last.try_into().expect("24 - 12 = 12"));
        mem::forget(gcm);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use shake::Shake128;
    use shake::digest::{ExtendableOutput, Update, XofReader};

    /// From the specification (C2SP, `XAES-256-GCM.md`). Never regenerate.
    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/vectors/xaes-256-gcm.json")).unwrap()
    }

    fn bytes<const N: usize>(value: &Value) -> [u8; N] {
        vec_of(value).try_into().unwrap()
    }

    fn vec_of(value: &Value) -> Vec<u8> {
        let text = value.as_str().unwrap();
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    fn check(vector: &Value) {
        let cipher = Cipher::new(&bytes(&vector["key"]));
        let nonce = bytes(&vector["nonce"]);
        let associated = vec_of(&vector["aad"]);
        let plaintext = vec_of(&vector["pt"]);

        let mut text = plaintext.clone();
        let tag = cipher.seal(&nonce, &associated, &mut text);
        assert_eq!([&text[..], &tag].concat(), vec_of(&vector["ct"]), "{}", vector["note"]);
        assert_eq!(cipher.open(&nonce, &associated, &mut text, &tag), Ok(()));
        assert_eq!(text, plaintext);
    }

    #[test]
    fn published_vectors() {
        let vectors = vectors();
        vectors["vectors"].as_array().unwrap().iter().for_each(check);
    }

    #[test]
    fn vector_of_tink_with_an_empty_plaintext() {
        let vectors = vectors();
        vectors["extra_vectors"].as_array().unwrap().iter().for_each(check);
    }

    #[test]
    fn first_vectors_of_the_accumulated_stream() {
        let vectors = vectors();
        let derived = vectors["derived_from_accumulated_stream"]["vectors"].as_array().unwrap();
        assert!(!derived.is_empty());
        derived.iter().for_each(check);
    }

    /// Of random messages only the hash of all ciphertexts is published.
    fn accumulated_hash(messages: usize) -> [u8; 32] {
        let mut stream = Shake128::default().finalize_xof();
        let mut ciphertexts = Shake128::default();
        for _ in 0..messages {
            let mut read = |len: usize| {
                let mut bytes = vec![0; len];
                stream.read(&mut bytes);
                bytes
            };
            let key: [u8; 32] = read(32).try_into().unwrap();
            let nonce: [u8; 24] = read(24).try_into().unwrap();
            let len = read(1)[0];
            let plaintext = read(len.into());
            let len = read(1)[0];
            let associated = read(len.into());

            let cipher = Cipher::new(&key);
            let mut text = plaintext.clone();
            let tag = cipher.seal(&nonce, &associated, &mut text);
            ciphertexts.update(&text);
            ciphertexts.update(&tag);
            assert_eq!(cipher.open(&nonce, &associated, &mut text, &tag), Ok(()));
            assert_eq!(text, plaintext);
        }
        let mut hash = [0; 32];
        ciphertexts.finalize_xof().read(&mut hash);
        hash
    }

    #[test]
    fn accumulated_hash_of_10_000_messages() {
        let published = bytes(&vectors()["accumulated"]["results"]["10000"]);
        assert_eq!(accumulated_hash(10_000), published);
    }

    #[test]
    #[ignore = "slow unless optimised: `tests/xaes` runs it, and `.ci/run` that"]
    fn accumulated_hash_of_1_000_000_messages() {
        let published = bytes(&vectors()["accumulated"]["results"]["1000000"]);
        assert_eq!(accumulated_hash(1_000_000), published);
    }

    #[test]
    fn a_forged_tag_leaves_the_text_as_it_is() {
        let cipher = Cipher::new(&[7; 32]);
        let mut text = *b"sealed";
        let mut tag = cipher.seal(&[1; 24], b"", &mut text);
        tag[15] ^= 1;
        let sealed = text;
        assert_eq!(cipher.open(&[1; 24], b"", &mut text, &tag), Err(Forged));
        assert_eq!(text, sealed);
    }
}
