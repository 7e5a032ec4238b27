//! What is built is parsed again as the same, however the bytes are cut; what cannot be is refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use holdfast_protocol::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    "[^\0=]{1,20}"
}

fn configuration() -> impl Strategy<Value = Configuration> {
    let stdio = || prop_oneof![Just(Stdio::Client), Just(Stdio::Null)];
    let directory = (text(), any::<bool>(), any::<bool>()).prop_map(|(guest, read_only, out)| Directory {
        guest,
        read_only,
        out,
    });
    (
        vec("[^\0]{0,20}", 0..5),
        vec((text(), "[^\0]{0,20}"), 0..5),
        any::<Option<u64>>(),
        any::<Option<u64>>(),
        vec(directory, 0..5),
        (stdio(), stdio(), stdio()),
    )
        .prop_map(|(arguments, environment, fuel, max_memory, directories, (stdin, stdout, stderr))| {
            Configuration { arguments, environment, fuel, max_memory, directories, stdin, stdout, stderr }
        })
}

fn entry() -> impl Strategy<Value = Entry> {
    let content = prop_oneof![
        Just(Content::Directory),
        any::<u64>().prop_map(|length| Content::File { length }),
        text().prop_map(|target| Content::Symlink { target }),
    ];
    let path = vec("[^\0/.]{1,9}", 1..4).prop_map(|names| names.join("/"));
    (0..MAX_DIRECTORIES as u16, path, content, 0..=0o777_u16, any::<i64>()).prop_map(
        |(directory, path, content, mode, modified)| Entry { directory, path, content, mode, modified },
    )
}

fn exit() -> impl Strategy<Value = Exit> {
    prop_oneof![
        any::<i32>().prop_map(Exit::Status),
        ".{0,99}".prop_map(|text| Exit::Trap { kind: TrapKind::StackOverflow, text }),
        ".{0,99}".prop_map(|text| Exit::Failure { class: FailureClass::Files, text }),
    ]
}

/// A message without its bytes, which it borrows.
#[derive(Clone, Debug)]
enum Owned {
    Keep(ToKeep<'static>),
    Client(ToClient<'static>),
    Bytes(u8, Vec<u8>),
}

fn message() -> impl Strategy<Value = Owned> {
    let application =
        (any::<bool>(), 0..=MAX_APPLICATION, any::<Digest>()).prop_map(|(module, length, digest)| {
            let kind = if module { ApplicationKind::Module } else { ApplicationKind::Component };
            Application { kind, length, digest }
        });
    let ready = any::<[Digest; 3]>().prop_map(|[configuration, application, files]| Ready {
        configuration,
        application,
        files,
    });
    let credit = |stream| any::<u32>().prop_map(move |bytes| Credit { stream, bytes });
    prop_oneof![
        Just(Owned::Keep(ToKeep::Hello(Hello::default()))),
        configuration().prop_map(|it| Owned::Keep(ToKeep::Configuration(it))),
        application.prop_map(|it| Owned::Keep(ToKeep::Application(it))),
        entry().prop_map(|it| Owned::Keep(ToKeep::Entry(it))),
        Just(Owned::Keep(ToKeep::FilesEnd)),
        Just(Owned::Keep(ToKeep::Start)),
        Just(Owned::Keep(ToKeep::StdinEnd)),
        prop_oneof![credit(Stream::Stdout), credit(Stream::Stderr)]
            .prop_map(|it| Owned::Keep(ToKeep::Credit(it))),
        Just(Owned::Client(ToClient::Hello(Hello::default()))),
        ready.prop_map(|it| Owned::Client(ToClient::Ready(it))),
        credit(Stream::Stdin).prop_map(|it| Owned::Client(ToClient::Credit(it))),
        entry().prop_map(|it| Owned::Client(ToClient::Entry(it))),
        Just(Owned::Client(ToClient::OutEnd)),
        exit().prop_map(|it| Owned::Client(ToClient::Exit(it))),
        (0..5_u8, vec(any::<u8>(), 0..3000)).prop_map(|(which, bytes)| Owned::Bytes(which, bytes)),
    ]
}

/// Encodes the message, and says what it must parse as.
fn check(owned: &Owned, encoder: &mut Encoder, frame: Option<Frame<'_>>) {
    macro_rules! one {
        ($kind:ident, $message:expr) => {
            match frame {
                None => drop(encoder.push(&$message).unwrap().len()),
                Some(frame) => assert_eq!($kind::parse(frame).unwrap(), $message),
            }
        };
    }
    match owned {
        Owned::Keep(message) => one!(ToKeep, *message),
        Owned::Client(message) => one!(ToClient, *message),
        Owned::Bytes(0, bytes) => one!(ToKeep, ToKeep::Data(bytes)),
        Owned::Bytes(1, bytes) => one!(ToKeep, ToKeep::Stdin(bytes)),
        Owned::Bytes(2, bytes) => one!(ToClient, ToClient::Stdout(bytes)),
        Owned::Bytes(3, bytes) => one!(ToClient, ToClient::Stderr(bytes)),
        Owned::Bytes(_, bytes) => one!(ToClient, ToClient::Data(bytes)),
    }
}

fn feed(decoder: &mut Decoder, bytes: &[u8]) {
    let space = decoder.space();
    space[..bytes.len()].copy_from_slice(bytes);
    decoder.filled(bytes.len());
}

proptest! {
    #[test]
    fn what_is_built_is_parsed(messages in vec(message(), 1..20), cut in 1..700_usize) {
        let mut encoder = Encoder::new();
        for message in &messages {
            check(message, &mut encoder, None);
        }
        let mut decoder = Decoder::new();
        let mut expected = messages.iter();
        while !encoder.is_empty() {
            let length = cut.min(encoder.len());
            feed(&mut decoder, &encoder.pending()[..length]);
            encoder.consume(length);
            while let Some(frame) = decoder.frame().unwrap() {
                check(expected.next().unwrap(), &mut Encoder::new(), Some(frame));
            }
        }
        prop_assert!(expected.next().is_none());
        prop_assert_eq!(decoder.end(), Ok(()));
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(kind: u8, payload in vec(any::<u8>(), 0..200)) {
        let frame = Frame { kind, payload: &payload };
        if let Ok(message) = ToKeep::parse(frame) {
            Encoder::new().push(&message).unwrap();
        }
        if let Ok(message) = ToClient::parse(frame) {
            Encoder::new().push(&message).unwrap();
        }
    }

    #[test]
    fn any_stream_is_cut_into_frames_or_refused(bytes in vec(any::<u8>(), 0..2000)) {
        let mut decoder = Decoder::new();
        feed(&mut decoder, &bytes);
        let mut taken = 0;
        while let Ok(Some(frame)) = decoder.frame() {
            taken += frame::HEADER + frame.payload.len();
        }
        prop_assert!(taken <= bytes.len());
    }

    #[test]
    fn windows_never_let_more_than_a_window_be_on_its_way(steps in vec((any::<bool>(), 0..400_000_usize), 1..200)) {
        let (mut sending, mut receiving) = (Sending::default(), Receiving::default());
        let mut on_its_way = 0;
        for (send, length) in steps {
            if send {
                let length = length.min(sending.credit());
                sending.sent(length).unwrap();
                receiving.received(length).unwrap();
                on_its_way += length;
            } else {
                let length = length.min(on_its_way);
                on_its_way -= length;
                if let Some(credit) = receiving.consumed(length) {
                    sending.refill(credit).unwrap();
                }
            }
            prop_assert!(on_its_way <= window::WINDOW as usize);
        }
        // All consumed: enough credit is back for the stream to go on.
        if let Some(credit) = receiving.consumed(on_its_way) {
            sending.refill(credit).unwrap();
        }
        prop_assert!(sending.credit() > 0);
    }
}

#[test]
fn a_full_frame_fits_behind_the_rest_of_another() {
    let payload = vec![7; frame::MAX_PAYLOAD];
    let mut encoder = Encoder::new();
    for _ in 0..5 {
        encoder.push(&ToClient::Stdout(&payload)).unwrap();
    }
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while !encoder.is_empty() {
        // As much as there is room for: frames end anywhere in the buffer.
        let space = decoder.space();
        let length = space.len().min(encoder.len()).min(300_001);
        assert!(length > 0, "the decoder is stuck");
        space[..length].copy_from_slice(&encoder.pending()[..length]);
        decoder.filled(length);
        encoder.consume(length);
        while let Some(frame) = decoder.frame().unwrap() {
            assert_eq!(frame.payload, payload);
            frames += 1;
        }
    }
    assert_eq!(frames, 5);
}

#[test]
fn what_is_too_long_is_refused_on_both_sides() {
    let payload = vec![0; frame::MAX_PAYLOAD + 1];
    let refused = ProtocolError::TooLong { kind: 8, length: frame::MAX_PAYLOAD + 1 };
    let mut encoder = Encoder::new();
    assert_eq!(encoder.push(&ToKeep::Stdin(&payload)), Err(refused.clone()));
    assert!(encoder.is_empty());
    let mut header = [8, 0, 0, 0, 0, 0, 0, 0];
    header[4..].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
    let mut decoder = Decoder::new();
    feed(&mut decoder, &header);
    assert_eq!(decoder.frame(), Err(refused));
}

#[test]
fn a_header_with_anything_reserved_is_no_frame() {
    for at in 1..4 {
        let mut header = [7, 0, 0, 0, 0, 0, 0, 0];
        header[at] = 1;
        let mut decoder = Decoder::new();
        feed(&mut decoder, &header);
        assert_eq!(decoder.frame(), Err(ProtocolError::Reserved));
    }
}

#[test]
fn the_end_inside_a_frame_is_noticed() {
    let mut encoder = Encoder::new();
    encoder.push(&ToKeep::Stdin(b"abc")).unwrap();
    let mut decoder = Decoder::new();
    feed(&mut decoder, &encoder.pending()[..5]);
    assert_eq!(decoder.frame(), Ok(None));
    assert_eq!(decoder.end(), Err(ProtocolError::Truncated));
}

#[test]
fn another_version_is_named() {
    let payload = 99_u32.to_le_bytes();
    let frame = Frame { kind: 1, payload: &payload };
    assert_eq!(ToKeep::parse(frame), Err(ProtocolError::Version(99)));
    assert_eq!(ToClient::parse(frame), Err(ProtocolError::Version(99)));
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let long_name = "n".repeat(MAX_NAME + 1);
    let long_path = vec!["n"; MAX_PATH].join("/");
    for (path, reason) in [
        ("", PathError::Empty),
        ("/etc", PathError::Absolute),
        ("a//b", PathError::Name),
        ("a/", PathError::Name),
        ("./a", PathError::Name),
        ("a/..", PathError::Name),
        ("..", PathError::Name),
        ("a\0b", PathError::Nul),
        (&long_name, PathError::Long),
        (&long_path, PathError::Long),
    ] {
        assert_eq!(check_path(path), Err(reason), "{path:.20}");
        let entry =
            Entry { directory: 0, path: path.into(), content: Content::Directory, mode: 0, modified: 0 };
        assert!(matches!(Encoder::new().push(&ToKeep::Entry(entry)), Err(ProtocolError::Path { .. })));
    }
    assert_eq!(check_path("a/b..c/...d"), Ok(()));
}

#[test]
fn credit_that_was_never_spent_is_refused() {
    assert_eq!(Sending::default().refill(1), Err(ProtocolError::Window));
    let mut receiving = Receiving::default();
    assert_eq!(receiving.received(window::WINDOW as usize + 1), Err(ProtocolError::Window));
    assert_eq!(receiving.received(window::WINDOW as usize), Ok(()));
    assert_eq!(receiving.received(1), Err(ProtocolError::Window));
}

#[test]
fn text_is_cut_at_a_character() {
    let text = clip("ä".repeat(MAX_TEXT));
    assert_eq!(text.len(), MAX_TEXT);
    let text = clip(format!("x{}", "ä".repeat(MAX_TEXT)));
    assert_eq!(text.len(), MAX_TEXT - 1);
}
