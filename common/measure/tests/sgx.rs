//! MRENCLAVE and SIGSTRUCT.

mod support;

use holdfast_measure::sgx::{
    Mrenclave, MrenclaveError, SecinfoFlags, SigStruct, SigStructBody, SigStructError,
};
use holdfast_measure::{Digest, PAGE};
use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use sha2::{Digest as _, Sha256};
use support::{committed, digest, published};
use zerocopy::IntoBytes;

/// An image whose first page is a TCS and all others may be read, written and executed.
fn flat(image: &[u8], size: u64) -> Digest<32> {
    let mut mrenclave = Mrenclave::ecreate(1, size).expect("an enclave");
    for (index, page) in image.as_chunks::<PAGE>().0.iter().enumerate() {
        let flags = if index == 0 { SecinfoFlags::TCS } else { SecinfoFlags::regular(7) };
        mrenclave.page((index * PAGE) as u64, flags, page).expect("a page");
    }
    mrenclave.value()
}

#[test]
fn enarx_enclave() {
    let image = committed("sgx-enarx/encl.bin");
    let mrenclave = flat(&image, 0x8000);
    assert_eq!(mrenclave, digest("b999536238fcf4e9d360ef6cd3e0c20ef8a684c7b93f74a9c4a4c6d517d61fc0"));
    let structure = SigStruct::parse(&committed("sgx-enarx/encl.ss")).expect("a SIGSTRUCT");
    assert_eq!(structure.verify(), Ok(()));
    assert_eq!(structure.body().enclave_hash, mrenclave);
}

#[test]
fn intel_sample_enclave() {
    const MRENCLAVE: &str = "a14f1e130117312e3496da37ef460756b9a188d2da08d19fe99726a04119d63f";
    let bytes = committed("sgx-intel-samplecommonloader/enclave.sigstruct.bin");
    let structure = SigStruct::parse(&bytes).expect("a SIGSTRUCT");
    assert_eq!(structure.verify(), Ok(()));
    assert_eq!(structure.body().enclave_hash, digest(MRENCLAVE));
    let image = published("intel_sample_enclave", "sgx-intel-samplecommonloader/enclave.bin");
    if let Some(image) = image {
        assert_eq!(flat(&image, 0x1_0000), digest(MRENCLAVE));
    }
}

#[test]
fn intel_launch_enclave() {
    let bytes = published("intel_launch_enclave", "sgx-intel-samplecommonloader/le_prod_css.bin");
    if let Some(bytes) = bytes {
        assert_eq!(SigStruct::parse(&bytes).map(|structure| structure.verify()), Ok(Ok(())));
    }
}

fn key() -> PrivateKey {
    let pem = String::from_utf8(committed("sgx-enarx/encl.pem")).expect("a PEM file");
    PrivateKey::from_pkcs1_pem(&pem).expect("a key")
}

/// The vector's own key over the vector's own content gives the vector.
#[test]
fn signing_again_gives_the_same() {
    let bytes = committed("sgx-enarx/encl.ss");
    let structure = SigStruct::parse(&bytes).expect("a SIGSTRUCT");
    let signed = structure.body().sign(&key()).expect("a signature");
    assert_eq!(signed.as_bytes(), bytes);
    let modulus: [u8; 384] = bytes[128..512].try_into().expect("a modulus");
    assert_eq!(signed.mrsigner(), Digest(Sha256::digest(modulus).into()));

    let signature: [u8; 384] = bytes[516..900].try_into().expect("a signature");
    assert_eq!(structure.body().complete(modulus, signature), Ok(signed));
    let other = SigStructBody { isv_svn: 7, ..structure.body() };
    assert_eq!(other.complete(modulus, signature), Err(SigStructError::Signature));
    assert_eq!(other.sign(&key()).map(|signed| signed.body()), Ok(other));
}

/// Every byte of every SIGSTRUCT, changed, is refused by the check it belongs to.
#[test]
fn sigstruct_mutations() {
    for name in ["sgx-enarx/encl.ss", "sgx-intel-samplecommonloader/enclave.sigstruct.bin"] {
        let original = committed(name);
        for at in 0..original.len() {
            let mut bytes = original.clone();
            bytes[at] ^= 0x10;
            let refused =
                SigStruct::parse(&bytes).expect("its length is right").verify().expect_err("refused");
            let fine = match at {
                0..16 => refused == SigStructError::Field("HEADER"),
                16..20 => refused == SigStructError::Field("VENDOR"),
                20..24 | 40..44 => refused == SigStructError::Signature,
                24..40 => refused == SigStructError::Field("HEADER2"),
                44..128 => refused == SigStructError::Field("the reserved part at 44"),
                128..512 => matches!(refused, SigStructError::Signature | SigStructError::Key),
                512..516 => refused == SigStructError::Field("EXPONENT"),
                910..912 => refused == SigStructError::Field("the reserved part at 910"),
                992..1008 => refused == SigStructError::Field("the reserved part at 992"),
                516..1028 => refused == SigStructError::Signature,
                1028..1040 => refused == SigStructError::Field("the reserved part at 1028"),
                1040..1424 => refused == SigStructError::Quotient("Q1"),
                _ => refused == SigStructError::Quotient("Q2"),
            };
            assert!(fine, "{name}, byte {at}: {refused}");
        }
        assert_eq!(SigStruct::parse(&original[1..]), Err(SigStructError::Length(1807)));
    }
}

#[test]
fn keys_that_sgx_does_not_take() {
    let body = SigStruct::parse(&committed("sgx-enarx/encl.ss")).expect("a SIGSTRUCT").body();
    assert_eq!(body.complete([0; 384], [0; 384]), Err(SigStructError::Key), "modulus 0");
    assert_eq!(
        body.complete([0xff; 384], [0xff; 384]),
        Err(SigStructError::Key),
        "signature not below modulus"
    );
    let mut even = [0xff; 384];
    even[0] = 0xfe;
    assert_eq!(body.complete(even, [1; 384]), Err(SigStructError::Key), "even modulus");
}

#[test]
fn layouts_that_the_cpu_refuses() {
    let create = |frame, size| Mrenclave::ecreate(frame, size).map(drop);
    assert_eq!(create(1, 0x3000), Err(MrenclaveError::Size(0x3000)));
    assert_eq!(create(1, 0x1000), Err(MrenclaveError::Size(0x1000)));
    assert_eq!(create(0, 0x2000), Err(MrenclaveError::SsaFrame));
    let mut mrenclave = Mrenclave::ecreate(1, 0x2000).expect("an enclave");
    for offset in [1, 0x800, 0x2000, !0xfff] {
        assert_eq!(mrenclave.eadd(offset, SecinfoFlags::TCS), Err(MrenclaveError::Offset(offset)));
    }
    assert_eq!(mrenclave.eextend(0x80, &[0; 256]), Err(MrenclaveError::Offset(0x80)));
}
