//! SNP launch digests and ID blocks, on the vectors of sev-snp-measure and dstack.

mod support;

#[path = "support/ovmf.rs"]
mod ovmf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use holdfast_measure::firmware::{Firmware, FirmwareError};
use holdfast_measure::snp::{
    EcdsaPublicKey, GuestError, IdAuth, IdBlock, IdBlockError, KernelHashes, LaunchDigest, SnpGuest, Vmm,
    svsm_digest,
};
use p384::ecdsa::SigningKey;
use p384::pkcs8::DecodePrivateKey;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use support::{committed, digest, json, published};
use zerocopy::IntoBytes;

const FOLDER: &str = "sev-snp-measure";

/// One recorded test of sev-snp-measure.
struct Case(Value);

impl Case {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    fn number(&self, field: &str) -> u64 {
        self.0[field].as_u64().unwrap_or_default()
    }

    fn vcpus(&self) -> u32 {
        self.number("vcpus") as u32
    }

    fn vcpu_signature(&self) -> u32 {
        self.number("vcpu_sig") as u32
    }

    fn firmware(&self) -> Vec<u8> {
        committed(&format!("{FOLDER}/fixtures/{}", self.text("ovmf")))
    }

    /// Files that are named in the cases are all empty.
    fn hashes(&self) -> Option<KernelHashes> {
        for file in ["kernel", "initrd"] {
            assert!(matches!(self.text(file), "" | "/dev/null"), "{file}");
        }
        (!self.text("kernel").is_empty()).then(|| KernelHashes::new(&[], &[], self.text("append").as_bytes()))
    }

    fn vmm(&self) -> Vmm {
        match self.text("vmm_type") {
            "QEMU" => Vmm::Qemu { vcpu_signature: self.vcpu_signature() },
            "ec2" => Vmm::Ec2,
            "gce" => Vmm::Gce,
            other => panic!("unknown VMM {other}"),
        }
    }
}

fn cases(mode: &str) -> Vec<Case> {
    let all = json(&format!("{FOLDER}/vectors.json"));
    let all = all.as_array().expect("a list");
    assert_eq!(all.len(), 29);
    all.iter().filter(|case| case["mode"] == mode).cloned().map(Case).collect()
}

#[test]
fn ovmf_guests() {
    let cases = cases("SEV_SNP");
    assert_eq!(cases.len(), 18);
    for case in cases {
        let file = case.firmware();
        let known = case.text("snp_ovmf_hash");
        let guest = SnpGuest {
            firmware: Firmware::parse(&file).expect("a firmware"),
            firmware_digest: (!known.is_empty()).then(|| digest(known)),
            hashes: case.hashes(),
            vcpus: case.vcpus(),
            sev_features: case.number("guest_features"),
            vmm: case.vmm(),
        };
        let expected = match case.text("expected_error") {
            "" => Ok(digest(case.text("expected"))),
            _ => Err(GuestError::NoKernelHashes),
        };
        assert_eq!(guest.digest(), expected, "{}", case.text("test"));
    }
}

/// The older modes hash the same table of kernel hashes and the same save areas, all in one SHA-256.
#[test]
fn sev_and_sev_es_guests() {
    for (mode, count) in [("SEV", 4), ("SEV_ES", 4)] {
        let cases = cases(mode);
        assert_eq!(cases.len(), count);
        for case in cases {
            let file = case.firmware();
            let firmware = Firmware::parse(&file).expect("a firmware");
            let mut hash = Sha256::new().chain_update(&file);
            if let Some(hashes) = case.hashes() {
                if !case.text("expected_error").is_empty() {
                    let missing = FirmwareError::Missing("where kernel hashes go");
                    assert_eq!(firmware.hash_table(), Err(missing), "{}", case.text("test"));
                    continue;
                }
                hash.update(hashes.table());
            }
            if mode == "SEV_ES" {
                for index in 0..case.vcpus() {
                    let eip = if index == 0 { 0xffff_fff0 } else { firmware.reset_eip().expect("an entry") };
                    hash.update(case.vmm().registers(eip, 0).page());
                }
            }
            assert_eq!(
                hash.finalize().to_vec(),
                support::hex(case.text("expected")),
                "{}",
                case.text("test")
            );
        }
    }
}

/// Read off hardware.
#[test]
fn svsm_guests() {
    let Some(ovmf) = published("svsm_guests", "sev-snp-measure/fixtures/svsm_ovmf.fd") else { return };
    let Some(svsm) = published("svsm_guests", "sev-snp-measure/fixtures/svsm.bin") else { return };
    let cases = cases("SEV_SNP_SVSM");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let firmware = Firmware::parse(&ovmf).expect("a firmware");
        let variables = case.number("ovmf_vars_size");
        let found = svsm_digest(&firmware, variables, &svsm, case.vcpus(), case.vcpu_signature());
        assert_eq!(found, Ok(digest(case.text("expected"))), "{}", case.text("test"));
    }
}

/// The hardware signed this one. The firmware itself is known by the digest of its pages alone.
#[test]
fn dstack_guest() {
    let vector = json("dstack/launch-digest-vector.json");
    let number = |field: &str| vector[field].as_u64().expect("a number");
    let text = |field: &str| vector[field].as_str().expect("a text");
    let mut cmdline = Sha256::new().chain_update(text("cmdline"));
    cmdline.update([0]);
    let hashes = KernelHashes {
        kernel: digest(text("kernel_hash")),
        initrd: digest(text("initrd_hash")),
        cmdline: holdfast_measure::Digest(cmdline.finalize().into()),
    };
    let sections = vector["ovmf_sections"].as_array().expect("a list");
    let sections: Vec<_> = sections
        .iter()
        .map(|section| ["gpa", "size", "type"].map(|field| section[field].as_u64().expect("a number") as u32))
        .collect();
    let entries = [
        (ovmf::SEV_METADATA, ovmf::METADATA_OFFSET),
        (ovmf::RESET_BLOCK, number("reset_eip") as u32),
        (ovmf::HASH_TABLE, number("hashes_table_gpa") as u32),
    ];
    let file = ovmf::firmware(&ovmf::sev(&sections), &entries);
    let guest = SnpGuest {
        firmware: Firmware::parse(&file).expect("a firmware"),
        firmware_digest: Some(digest(text("ovmf_hash"))),
        hashes: Some(hashes),
        vcpus: number("vcpus") as u32,
        sev_features: number("guest_features"),
        vmm: Vmm::Qemu { vcpu_signature: number("vcpu_sig") as u32 },
    };
    assert_eq!(guest.digest(), Ok(digest(text("expected_measurement"))));
}

fn key(name: &str) -> SigningKey {
    let pem = String::from_utf8(committed(&format!("{FOLDER}/keyfile/{name}"))).expect("a PEM file");
    p384::SecretKey::from_pkcs8_pem(&pem)
        .or_else(|_| p384::SecretKey::from_sec1_pem(&pem))
        .expect("a key")
        .into()
}

#[test]
fn id_block_and_key_digests() {
    let vector = json(&format!("{FOLDER}/id-block-vector.json"));
    let bytes =
        |field: &str| BASE64_STANDARD.decode(vector[field].as_str().expect("a text")).expect("base64");
    let ld = holdfast_measure::Digest(bytes("launch_digest_b64").try_into().expect("48 bytes"));
    let block = IdBlock::new(ld, 0x30000);
    assert_eq!(block.as_bytes(), bytes("id_block_b64"));
    assert_eq!(IdBlock::parse(&bytes("id_block_b64")), Ok(block));

    let (id, author) = (key("id_key_test.pem"), key("author_key_test.pem"));
    let digest = |key: &SigningKey| EcdsaPublicKey::new(key.verifying_key()).digest().0.to_vec();
    assert_eq!(digest(&id), bytes("id_key_hash_b64"));
    assert_eq!(digest(&author), bytes("author_key_hash_b64"));

    let auth = IdAuth::sign(&block, &id, Some(&author));
    assert_eq!(auth.verify(&block, true), Ok(()));
    assert_eq!(auth.id_key.digest().0.to_vec(), bytes("id_key_hash_b64"));
    let alone = IdAuth::sign(&block, &id, None);
    assert_eq!(alone.verify(&block, false), Ok(()));
    assert_eq!(alone.verify(&block, true), Err(IdBlockError::Algorithm("author")));
}

/// Every byte of an ID block and its authentication, changed, is refused by the check it belongs to.
#[test]
fn id_block_mutations() {
    let block = IdBlock::new(LaunchDigest::default().value(), 0x30000);
    let auth = IdAuth::sign(&block, &key("id_key_test.pem"), Some(&key("author_key_test.pem")));
    for at in 0..size_of::<IdBlock>() {
        let mut bytes = block.as_bytes().to_vec();
        bytes[at] ^= 0x10;
        let refused = IdBlock::parse(&bytes).and_then(|block| auth.verify(&block, true));
        let expected = match at {
            0x50..0x54 => IdBlockError::Version(1 ^ 0x10 << (8 * (at - 0x50))),
            _ => IdBlockError::Signature("ID"),
        };
        assert_eq!(refused, Err(expected), "byte {at:#x} of the block");
    }
    for at in 0..size_of::<IdAuth>() {
        let mut bytes = auth.as_bytes().to_vec();
        bytes[at] ^= 0x10;
        let refused = IdAuth::parse(&bytes).and_then(|auth| auth.verify(&block, true)).expect_err("refused");
        let fine = match at {
            0x000..0x004 => refused == IdBlockError::Algorithm("ID"),
            0x004..0x008 => refused == IdBlockError::Algorithm("author"),
            0x040..0x0d0 => refused == IdBlockError::Signature("ID"),
            0x0d0..0x240 => refused == IdBlockError::Reserved("signature"),
            0x240..0x644 => refused == IdBlockError::Key("ID"),
            0x680..0x710 => refused == IdBlockError::Signature("author"),
            0x710..0x880 => refused == IdBlockError::Reserved("signature"),
            0x880..0xc84 => refused == IdBlockError::Key("author"),
            _ => refused == IdBlockError::Reserved("ID authentication"),
        };
        assert!(fine, "byte {at:#x} of the authentication: {refused}");
    }
    assert_eq!(IdBlock::parse(&[0; 95]), Err(IdBlockError::Length("ID block")));
    assert_eq!(IdAuth::parse(&[0; 4097]), Err(IdBlockError::Length("ID authentication")));
}

/// A signature by a key that is not the one in the structure.
#[test]
fn foreign_keys() {
    let block = IdBlock::new(LaunchDigest::default().value(), 0x30000);
    let (id, author) = (key("id_key_test.pem"), key("author_key_test.pem"));
    let mut auth = IdAuth::sign(&block, &id, Some(&author));
    auth.id_key = EcdsaPublicKey::new(author.verifying_key());
    assert_eq!(auth.verify(&block, true), Err(IdBlockError::Signature("ID")));
    let mut auth = IdAuth::sign(&block, &id, Some(&author));
    auth.author_key = auth.id_key;
    assert_eq!(auth.verify(&block, true), Err(IdBlockError::Signature("author")));
}

#[test]
fn vcpus_out_of_range() {
    let file = committed("sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin");
    let firmware = Firmware::parse(&file).expect("a firmware");
    for vcpus in [0, 4097] {
        let guest =
            SnpGuest { firmware, firmware_digest: None, hashes: None, vcpus, sev_features: 1, vmm: Vmm::Gce };
        assert_eq!(guest.digest(), Err(GuestError::Vcpus(vcpus)));
    }
}
