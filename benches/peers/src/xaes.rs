//! XAES-256-GCM (C2SP) from its two parts, with nothing around it.

use std::mem::ManuallyDrop;

use aes::{
    Aes256Enc,
    cipher::{Array, BlockCipherEncrypt, KeyInit, consts::U12},
};
use aes_gcm::{AeadInOut, AesGcm, Tag};

/// The root key, ready to derive message keys.
pub struct Xaes {
    root: Aes256Enc,
    mask: u128,
}

impl Xaes {
    /// Expands `key`, and computes the CMAC subkey K1 that every derivation uses.
    pub fn new(key: &[u8; 32]) -> Self {
        let root = Aes256Enc::new(key.into());
        let mut block = Array::from([0; 16]);
        root.encrypt_block(&mut block);
        let l = u128::from_be_bytes(block.into());
        let mask = (l << 1) ^ if l >> 127 == 1 { 0x87 } else { 0 };
        Self { root, mask }
    }

    /// Two blocks under the root key make the key of one message. Cargo builds one `aes` for all, with
    /// the `zeroize` that sealed-session asks for; dropping would wipe, which is no part of a floor.
    fn message_cipher(&self, nonce: &[u8; 24]) -> ManuallyDrop<AesGcm<Aes256Enc, U12>> {
        let block = |counter: u8| {
            let mut block = [0; 16];
            block[..4].copy_from_slice(&[0, counter, b'X', 0]);
            block[4..].copy_from_slice(&nonce[..12]);
            Array::from((u128::from_be_bytes(block) ^ self.mask).to_be_bytes())
        };
        let mut blocks = [block(1), block(2)];
        self.root.encrypt_blocks(&mut blocks);
        let mut key = [0; 32];
        key[..16].copy_from_slice(&blocks[0]);
        key[16..].copy_from_slice(&blocks[1]);
        ManuallyDrop::new(AesGcm::from(Aes256Enc::new(&key.into())))
    }

    /// Encrypts `text` in place, and answers the tag.
    pub fn seal(&self, nonce: &[u8; 24], aad: &[u8], text: &mut [u8]) -> [u8; 16] {
        let tag = self
            .message_cipher(nonce)
            .encrypt_inout_detached(gcm_nonce(nonce), aad, text.into())
            .expect("a cookie is short");
        tag.into()
    }

    /// Checks the tag and decrypts `text` in place; `false` where it is not authentic.
    pub fn open(&self, nonce: &[u8; 24], aad: &[u8], text: &mut [u8], tag: &[u8; 16]) -> bool {
        self.message_cipher(nonce)
            .decrypt_inout_detached(gcm_nonce(nonce), aad, text.into(), &Tag::from(*tag))
            .is_ok()
    }
}

fn gcm_nonce(nonce: &[u8; 24]) -> &Array<u8, U12> {
    let last: &[u8; 12] = nonce[12..].try_into().expect("24 - 12 = 12");
    last.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(key: u8, aad: &[u8], sealed: &[u8]) {
        let xaes = Xaes::new(&[key; 32]);
        let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
        let mut text = *b"XAES-256-GCM";
        let tag = xaes.seal(nonce, aad, &mut text);
        assert_eq!([&text[..], &tag].concat(), sealed);
        assert!(xaes.open(nonce, aad, &mut text, &tag));
        assert_eq!(&text, b"XAES-256-GCM");
        assert!(!xaes.open(nonce, aad, &mut text, &[0; 16]));
    }

    /// The two vectors of the specification: one for each way to compute K1.
    #[test]
    fn agrees_with_the_specification() {
        let first = 0xce546ef63c9cc60765923609_u128.to_be_bytes();
        let first_tag = 0xb33a9a1974e96e52daf2fcf7075e2271_u128.to_be_bytes();
        agrees(1, b"", &[&first[4..], &first_tag].concat());
        let second = 0x986ec1832593df5443a17943_u128.to_be_bytes();
        let second_tag = 0x7fd083bf3fdb41abd740a21f71eb769d_u128.to_be_bytes();
        agrees(3, b"c2sp.org/XAES-256-GCM", &[&second[4..], &second_tag].concat());
    }
}
