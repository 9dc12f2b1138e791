//! Project Wycheproof's cases, through the very crates and types that ship: AES-256-GCM as
//! `src/wire/cipher.rs` has it, and HKDF-SHA-256.

use aes::Aes256Enc;
use aes_gcm::aead::consts::U12;
use aes_gcm::{AeadInOut, AesGcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;
use wycheproof::{TestResult, aead, hkdf as hkdf_cases};

#[test]
fn aes_256_gcm_with_96_bit_nonces() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let groups = set.test_groups.iter();
    let groups = groups.filter(|group| (group.key_size, group.nonce_size) == (256, 96));
    let (mut valid, mut invalid) = (0, 0);
    for group in groups {
        assert_eq!(group.tag_size, 128);
        for case in &group.tests {
            let cipher = AesGcm::<Aes256Enc, U12>::new_from_slice(&case.key).unwrap();
            let nonce: [u8; 12] = case.nonce[..].try_into().unwrap();
            let tag: [u8; 16] = case.tag[..].try_into().unwrap();

            let mut text = case.ct.to_vec();
            let opened = cipher.decrypt_inout_detached(
                &nonce.into(),
                &case.aad,
                (&mut text[..]).into(),
                &tag.into(),
            );
            let mut sealed = case.pt.to_vec();
            let made = cipher
                .encrypt_inout_detached(&nonce.into(), &case.aad, (&mut sealed[..]).into())
                .unwrap();
            match case.result {
                TestResult::Valid => {
                    assert!(opened.is_ok() && text == case.pt[..], "case {}", case.tc_id);
                    assert!(made[..] == tag && sealed == case.ct[..], "case {}", case.tc_id);
                    valid += 1;
                }
                TestResult::Invalid => {
                    assert!(opened.is_err(), "case {}: {}", case.tc_id, case.comment);
                    assert_eq!(text, case.ct[..], "case {}: a forged text was changed", case.tc_id);
                    invalid += 1;
                }
                TestResult::Acceptable => panic!("case {}: there were none", case.tc_id),
            }
        }
    }
    assert_eq!((valid, invalid), (39, 27));
}

#[test]
fn hkdf_sha_256() {
    let set = hkdf_cases::TestSet::load(hkdf_cases::TestName::HkdfSha256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        let hkdf = Hkdf::<Sha256>::new(Some(&case.salt), &case.ikm);
        let mut made = vec![0; case.size];
        let expanded = hkdf.expand(&case.info, &mut made);
        match case.result {
            TestResult::Valid => {
                assert!(expanded.is_ok() && made == case.okm[..], "case {}", case.tc_id);
                if case.salt.is_empty() {
                    let mut without = vec![0; case.size];
                    Hkdf::<Sha256>::new(None, &case.ikm).expand(&case.info, &mut without).unwrap();
                    assert_eq!(without, made, "case {}: no salt is an empty one", case.tc_id);
                }
                valid += 1;
            }
            TestResult::Invalid => {
                assert!(expanded.is_err(), "case {}: {}", case.tc_id, case.comment);
                invalid += 1;
            }
            TestResult::Acceptable => panic!("case {}: there were none", case.tc_id),
        }
    }
    assert!(valid >= 60 && invalid >= 1, "{valid} valid, {invalid} invalid");
}
