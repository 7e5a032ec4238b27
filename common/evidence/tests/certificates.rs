//! Certificates that carry evidence: those that others have published, and each form built and read again.
#![cfg(feature = "x509")]

use holdfast_evidence::carried::{Carried, CarriedError, Carrier, open};
use holdfast_evidence::cmw::{Bundle, CmwError, EvidenceKind, Part, to_cbor, to_json};
use holdfast_evidence::quote::Quote;
use holdfast_evidence::snp::Report;
use holdfast_evidence::x509::{Binding, Form, MAX_LENGTH, X509Error, read, read_pem};

const QUOTE: &[u8] = include_bytes!("../../../client/verify/tests/vectors/quotes/sgx-v3-268c0681/quote.bin");

/// The certificates that Gramine, the Intel SGX SDK and rats-tls have published, in DER: from the folder
/// `interoperability-tests` of a checkout of github.com/CCC-Attestation/interoperable-ra-tls, if `HOLDFAST_RA_TLS`
/// names it.
#[allow(clippy::print_stdout, reason = "a test that skips something says so")]
fn published(test: &str) -> Option<[Vec<u8>; 3]> {
    let Some(folder) = std::env::var_os("HOLDFAST_RA_TLS").map(std::path::PathBuf::from) else {
        println!("skipped: {test}: HOLDFAST_RA_TLS names no folder");
        return None;
    };
    Some(["gramine", "intel-sgxsdk", "rats-tls"].map(|name| {
        let pem = std::fs::read(folder.join(format!("{name}-cert.pem"))).expect("a certificate");
        der::pem::decode_vec(&pem).expect("PEM").1
    }))
}

/// 2.23.133.5.4.9, as it stands in DER.
const TAGGED: &[u8] = b"\x06\x06\x67\x81\x05\x05\x04\x09";

fn report_data(bundle: &Bundle) -> [u8; 64] {
    *Quote::parse(&bundle.evidence).expect("a quote").report_data()
}

/// With each `from` as `to`.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, part)| *part == from).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn what_others_have_published_binds_its_key() {
    let Some([gramine, sgx_sdk, rats_tls]) = published("what_others_have_published_binds_its_key") else {
        return;
    };
    for (certificate, name) in [(&gramine, "Gramine"), (&sgx_sdk, "SGX SDK"), (&rats_tls, "rats-tls")] {
        let (bundle, binding) = read(certificate).expect(name);
        assert_eq!((bundle.kind, bundle.endorsements.len()), (EvidenceKind::Quote, 0));
        let Form::TaggedEvidence(claims) = &binding.form else { panic!("{name}: {binding:?}") };
        assert_eq!(claims.nonce(), None);
        assert_eq!(binding.check(&report_data(&bundle)), Ok(()), "{name}");
        assert_eq!(open(certificate).map(|carried| carried.bundle), Ok(bundle));
    }
    // For another key it does not hold.
    let (bundle, _) = read(&gramine).expect("a certificate");
    let (_, other) = read(&rats_tls).expect("a certificate");
    assert_eq!(other.check(&report_data(&bundle)).expect_err("unbound").what, "REPORT_DATA");
}

#[test]
fn the_older_extensions_count_where_there_is_no_newer() {
    let test = "the_older_extensions_count_where_there_is_no_newer";
    let Some([gramine, sgx_sdk, rats_tls]) = published(test) else { return };
    let none = b"\x06\x06\x67\x81\x05\x05\x04\x7f";
    let (bundle, binding) = read(&replaced(&gramine, TAGGED, none)).expect("a certificate");
    assert_eq!(binding.form, Form::RawQuote);
    assert_eq!(binding.check(&report_data(&bundle)), Ok(()));
    // The SDK's quote states the claims, which then are not there.
    let (bundle, binding) = read(&replaced(&sgx_sdk, TAGGED, none)).expect("a certificate");
    assert_eq!(binding.form, Form::RawQuote);
    let unbound = binding.check(&report_data(&bundle)).expect_err("unbound");
    assert_eq!(unbound.found, report_data(&bundle));
    assert_eq!(unbound.expected, binding.report_data());
    assert_eq!(read(&replaced(&rats_tls, TAGGED, none)), Err(X509Error::NoEvidence));
    // One that is there and wrong is no reason to take the other.
    let broken = replaced(&gramine, b"\xd9\xea\x60\x82\x59", b"\xd9\xea\x61\x82\x59");
    assert!(matches!(read(&broken), Err(X509Error::Extension { oid: "2.23.133.5.4.9", .. })));
}

/// A value in DER.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).expect("a short value").to_be_bytes();
    let head = match content.len() {
        short @ ..0x80 => vec![tag, short as u8],
        ..0x100 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [head, content].concat()
}

/// SubjectPublicKeyInfo of an Ed25519 key.
fn key(byte: u8) -> Vec<u8> {
    let algorithm = tlv(0x30, &[b"\x06\x03\x2b\x65\x70"]);
    tlv(0x30, &[&algorithm, &tlv(0x03, &[&[0], &[byte; 32]])])
}

/// A certificate that nobody signed: nothing here looks at the signature.
fn certificate(key: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[b"\x06\x03\x2b\x65\x70"]);
    let attribute = tlv(0x30, &[b"\x06\x03\x55\x04\x03", &tlv(0x0c, &[b"subject"])]);
    let name = tlv(0x30, &[&tlv(0x31, &[&attribute])]);
    let time = tlv(0x17, &[b"260101000000Z"]);
    let extensions = match extensions {
        [] => Vec::new(),
        some => tlv(0xa3, &[&tlv(0x30, &[&some.concat()])]),
    };
    let parts = [
        &tlv(0xa0, &[b"\x02\x01\x02"])[..],
        b"\x02\x01\x01",
        &algorithm,
        &name,
        &tlv(0x30, &[&time, &time]),
        &name,
        key,
        &extensions,
    ];
    tlv(0x30, &[&tlv(0x30, &parts), &algorithm, &tlv(0x03, &[&[0; 65]])])
}

fn extension(oid: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x06, &[oid]), &tlv(0x04, &[value])])
}

fn quote() -> Bundle {
    Bundle { kind: EvidenceKind::Quote, evidence: QUOTE.to_vec(), endorsements: Vec::new() }
}

fn report() -> Bundle {
    let mut evidence = vec![0; Report::LENGTH];
    evidence[0] = 5;
    let endorsements = vec![(Part::Vek, vec![1; 9]), (Part::Crl, vec![2; 9])];
    Bundle { kind: EvidenceKind::SnpReport, evidence, endorsements }
}

/// Each form, with a bundle that it can carry.
fn forms() -> Vec<(Binding, Bundle)> {
    let tagged = |nonce| Binding::tagged_evidence(key(7), nonce).expect("a binding");
    vec![
        (Binding::cmw(key(7)), report()),
        (Binding::cmw(key(7)), quote()),
        (tagged(None), quote()),
        (tagged(Some(b"nonce")), quote()),
        (Binding::raw_quote(key(7)), quote()),
    ]
}

#[test]
fn what_is_built_is_read_again() {
    for (binding, bundle) in forms() {
        let der = certificate(&key(7), &[binding.extension(&bundle).expect("an extension")]);
        assert_eq!(read(&der), Ok((bundle.clone(), binding.clone())));
        let text = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &der).expect("PEM");
        let text = format!("What it is, in words.\n{text}");
        assert_eq!(read_pem(text.as_bytes()), Ok((bundle.clone(), binding.clone())));
        let carried = Carried { bundle, carrier: Carrier::Certificate(binding.clone()) };
        assert_eq!(open(text.as_bytes()), Ok(carried.clone()));
        assert_eq!(open(&der), Ok(carried));

        assert_eq!(binding.check(&binding.report_data()), Ok(()));
        for at in 0..64 {
            let mut other = binding.report_data();
            other[at] ^= 1;
            assert!(binding.check(&other).is_err(), "byte {at}");
        }
    }
}

#[test]
fn a_certificate_for_another_key_is_told() {
    for (binding, bundle) in forms() {
        let der = certificate(&key(8), &[binding.extension(&bundle).expect("an extension")]);
        let (_, found) = read(&der).expect("a certificate");
        let unbound = found.check(&binding.report_data()).expect_err("unbound");
        let tagged = matches!(binding.form, Form::TaggedEvidence(_));
        assert_eq!(unbound.what, if tagged { "claim pubkey-hash" } else { "REPORT_DATA" });
    }
}

#[test]
fn intel_s_hash_of_the_claims_will_do() {
    use sha2::{Digest as _, Sha384};
    let binding = Binding::tagged_evidence(key(7), None).expect("a binding");
    let Form::TaggedEvidence(claims) = &binding.form else { panic!("{binding:?}") };
    let mut data = [0; 64];
    data[..48].copy_from_slice(&Sha384::digest(claims.buffer()));
    assert_eq!(binding.check(&data), Ok(()));
    data[63] = 1;
    assert!(binding.check(&data).is_err());
}

#[test]
fn a_form_carries_what_it_can() {
    let why = "it can carry a quote, and nothing else";
    let tagged = Binding::tagged_evidence(key(7), None).expect("a binding");
    for (binding, oid) in [(tagged, "2.23.133.5.4.9"), (Binding::raw_quote(key(7)), "1.2.840.113741.1337.6")]
    {
        assert_eq!(binding.extension(&report()), Err(X509Error::Extension { oid, why }));
    }
    let oid = "2.23.133.5.4.9";
    let long = Binding::tagged_evidence(key(7), Some(&[0; 5000]));
    assert_eq!(long, Err(X509Error::Extension { oid, why: "the claims are too long" }));
}

const CMW: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x01\x23";
const DICE: &[u8] = b"\x67\x81\x05\x05\x04\x09";

#[test]
fn a_wrapper_may_be_in_json() {
    let text = to_json(&report().to_cmw()).expect("JSON");
    let der = certificate(&key(7), &[extension(CMW, &tlv(0x0c, &[text.as_bytes()]))]);
    assert_eq!(read(&der), Ok((report(), Binding::cmw(key(7)))));
}

#[test]
fn what_is_no_certificate_with_evidence_is_refused() {
    let wrap = |value: &[u8]| certificate(&key(7), &[extension(CMW, value)]);
    let other = X509Error::Extension {
        oid: "1.3.6.1.5.5.7.1.35",
        why: "it is neither a UTF8String nor an OCTET STRING",
    };
    let cbor = to_cbor(&report().to_cmw()).expect("CBOR");
    let good = Binding::cmw(key(7)).extension(&report()).expect("an extension");
    for (der, error) in [
        (b"".to_vec(), X509Error::Syntax),
        (vec![0; MAX_LENGTH + 1], X509Error::TooLong { found: MAX_LENGTH + 1 }),
        (certificate(&key(7), &[]), X509Error::NoEvidence),
        (certificate(&key(7), &[extension(b"\x55\x1d\x0e", b"\x04\x00")]), X509Error::NoEvidence),
        (certificate(&key(7), &[good.clone(), good.clone()]), X509Error::Twice("1.3.6.1.5.5.7.1.35")),
        (wrap(b""), other),
        (wrap(&tlv(0x30, &[&cbor])), other),
        (wrap(&[tlv(0x04, &[&cbor]), vec![5, 0]].concat()), other),
        (
            wrap(&tlv(0x04, &[b"\x00"])),
            X509Error::Cmw(CmwError::Structure(
                "a record is [type, value] or [type, value, indicator], and this is neither",
            )),
        ),
        (wrap(&tlv(0x0c, &[&cbor])), other),
        (wrap(&tlv(0x0c, &[b"text"])), X509Error::Cmw(CmwError::Syntax("JSON"))),
        ([certificate(&key(7), core::slice::from_ref(&good)), vec![0]].concat(), X509Error::Syntax),
    ] {
        assert_eq!(read(&der), Err(error));
    }
    let pem = |label, der: &[u8]| {
        der::pem::encode_string(label, der::pem::LineEnding::LF, der).expect("PEM").into_bytes()
    };
    let good = certificate(&key(7), &[good]);
    let one = pem("CERTIFICATE", &good);
    for text in [pem("X509 CRL", &good), [&one[..], &one].concat(), one[..one.len() - 9].to_vec()] {
        assert_eq!(read_pem(&text), Err(X509Error::Pem));
    }
    assert_eq!(read_pem(&vec![b'-'; MAX_LENGTH + 1]), Err(X509Error::TooLong { found: MAX_LENGTH + 1 }));
}

/// A byte string in CBOR.
fn bytes(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a short string").to_be_bytes();
    [&[0x59], &length[..], content].concat()
}

/// A claim in CBOR.
fn claim(name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[0x60 | name.len() as u8], name, &bytes(value)].concat()
}

#[test]
fn claims_are_read_strictly() {
    let entry = |algorithm: u8| [&[0x82, algorithm][..], &bytes(&[3; 32])].concat();
    let hash = claim(b"pubkey-hash", &entry(1));
    let nonce = claim(b"nonce", b"n");
    let map = |count: u8, claims: &[&[u8]]| [&[0xa0 | count], &claims.concat()[..]].concat();
    let with = |claims: &[u8]| {
        let value = [b"\xd9\xea\x60\x82", &bytes(b"quote")[..], &bytes(claims)].concat();
        read(&certificate(&key(7), &[extension(DICE, &value)])).map(|(bundle, _)| bundle.evidence)
    };
    let fine = [
        map(1, &[&hash]),
        map(2, &[&nonce, &hash]),
        map(3, &[&hash, &claim(b"other", b""), &nonce]),
        // What is unknown may be there as often as it likes.
        map(3, &[&claim(b"other", b""), &claim(b"other", b""), &hash]),
        map(1, &[&claim(b"pubkey-hash", &entry(7))]),
        map(1, &[&claim(b"pubkey-hash", &entry(8))]),
    ];
    for claims in fine {
        assert_eq!(with(&claims), Ok(b"quote".to_vec()), "{claims:x?}");
    }
    let wrong = |why| Err(X509Error::Extension { oid: "2.23.133.5.4.9", why });
    let malformed = wrong("its CBOR is cut off or malformed");
    for (claims, error) in [
        (map(0, &[]), wrong("there is no claim pubkey-hash")),
        // The beginning of a name is another name.
        (map(1, &[&claim(b"pubkey", &entry(1))]), wrong("there is no claim pubkey-hash")),
        (map(2, &[&hash, &hash]), wrong("a claim is there twice")),
        (map(3, &[&nonce, &hash, &nonce]), wrong("a claim is there twice")),
        (map(2, &[&hash]), malformed.clone()),
        (map(1, &[&hash, &nonce]), wrong("bytes follow what it is")),
        (b"\x80".to_vec(), wrong("the claims are no map")),
        ([&b"\xbf"[..], &hash, b"\xff"].concat(), wrong("the claims are no map")),
        (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), malformed.clone()),
        (map(1, &[b"\x01\x40"]), wrong("a claim has a name that is no text")),
        (map(1, &[b"\x61n\x01"]), wrong("a byte string is missing")),
        (
            map(1, &[&claim(b"pubkey-hash", &entry(2))]),
            wrong("pubkey-hash is by none of SHA-256, SHA-384 and SHA-512"),
        ),
        (map(1, &[&claim(b"pubkey-hash", b"\x01")]), malformed.clone()),
        (
            map(1, &[&claim(b"pubkey-hash", b"\x81\x01")]),
            wrong("pubkey-hash is no pair of an algorithm and a hash"),
        ),
        (
            map(1, &[&claim(b"pubkey-hash", &[&entry(1)[..], &[0]].concat())]),
            wrong("bytes follow what it is"),
        ),
        (map(2, &[&hash, &claim(b"other", &[0; 5000])]), wrong("the claims are too long")),
        (b"".to_vec(), malformed),
    ] {
        assert_eq!(with(&claims), error, "{claims:x?}");
    }
}

#[test]
fn only_a_quote_with_claims_is_tagged_evidence() {
    let pair = "it is not CBOR tag 60000 of a pair, which is a quote with claims";
    for (value, why) in [
        // A TDX or SGX report, and an EREPORT's: nobody but the same machine can check them.
        (&b"\xd9\xea\x61\x82\x40\x40"[..], pair),
        (b"\xd9\xea\x62\x82\x40\x40", pair),
        (b"\xd9\xea\x60\x81\x40", pair),
        (b"\xd9\xea\x60\x9f\x40\x40\xff", pair),
        (b"\x82\x40\x40", pair),
        (b"\xd9\xea\x60\x82\x5a\xff\xff\xff\xff\x00", "its CBOR is cut off or malformed"),
        (b"\xd9\xea\x60\x82\x5f\x40\xff\x40", "a byte string is missing"),
        (b"", "its CBOR is cut off or malformed"),
    ] {
        let der = certificate(&key(7), &[extension(DICE, value)]);
        assert_eq!(read(&der), Err(X509Error::Extension { oid: "2.23.133.5.4.9", why }), "{value:x?}");
    }
}

#[test]
fn bytes_are_what_they_begin_as() {
    let (quote, report) = (quote(), report());
    let alone = |bundle: &Bundle| Bundle { endorsements: Vec::new(), ..bundle.clone() };
    let expect = |bundle: &Bundle, carrier| Ok(Carried { bundle: bundle.clone(), carrier });
    assert_eq!(open(&quote.evidence), expect(&quote, Carrier::Bare));
    assert_eq!(open(&report.evidence), expect(&alone(&report), Carrier::Bare));
    let hcl = [b"HCLA", &[0; 28][..], &report.evidence, b"runtime data"].concat();
    assert_eq!(open(&hcl), expect(&alone(&report), Carrier::AzureHcl(32)));
    for bundle in [&quote, &report] {
        let json = to_json(&bundle.to_cmw()).expect("JSON");
        assert_eq!(open(json.as_bytes()), expect(bundle, Carrier::Envelope));
        assert_eq!(open(format!("\n  {json}\n").as_bytes()), expect(bundle, Carrier::Envelope));
        assert_eq!(open(&to_cbor(&bundle.to_cmw()).expect("CBOR")), expect(bundle, Carrier::Envelope));
    }
    let swapped = Bundle { kind: EvidenceKind::SnpReport, ..quote };
    let json = to_json(&swapped.to_cmw()).expect("JSON");
    assert_eq!(open(json.as_bytes()), Err(CarriedError::Mislabelled("SEV-SNP report")));
    let swapped = Bundle { kind: EvidenceKind::Quote, ..report };
    let der = certificate(&key(7), &[Binding::raw_quote(key(7)).extension(&alone(&swapped)).expect("one")]);
    assert_eq!(open(&der), Err(CarriedError::Mislabelled("SGX or TDX quote")));
    for (bytes, error) in [
        (&b""[..], CarriedError::Unknown),
        (b"hello", CarriedError::Unknown),
        (b"0", CarriedError::Certificate(X509Error::Syntax)),
        (b"{}", CarriedError::Envelope(CmwError::Structure("the collection is empty"))),
        (b"\xa0", CarriedError::Envelope(CmwError::Structure("the collection is empty"))),
        (b"-----BEGIN CERTIFICATE-----", CarriedError::Certificate(X509Error::Pem)),
    ] {
        assert_eq!(open(bytes), Err(error), "{bytes:x?}");
    }
}

#[test]
fn a_certificate_that_is_cut_off_is_none() {
    let (binding, bundle) = forms().swap_remove(2);
    let whole = certificate(&key(7), &[binding.extension(&bundle).expect("an extension")]);
    for length in 0..whole.len() {
        assert_eq!(read(&whole[..length]), Err(X509Error::Syntax), "{length} bytes");
    }
}
