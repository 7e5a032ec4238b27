//! The frames between client and Keep, in both directions.

use holdfast_protocol::frame::MAX_PAYLOAD;
use holdfast_protocol::{
    Application, ApplicationKind, Configuration, Content, Credit, Decoder, Directory, Encoder, Entry, Exit,
    Frame, Hello, Message, Ready, Stdio, Stream, ToClient, ToKeep, TrapKind,
};

use crate::Target;

/// Bytes from the other end of the channel.
pub const PROTOCOL: Target = Target { name: "protocol", body: protocol, seeds, rounds: 20_000 };

/// Frames do not depend on how the bytes arrive, and what is understood can be said again. The first byte
/// of the input says how the rest arrives.
fn protocol(data: &[u8]) {
    let Some((&piece, stream)) = data.split_first() else { return };
    let at_once = frames(stream, usize::MAX);
    assert_eq!(frames(stream, usize::from(piece) + 1), at_once);
    for (kind, payload) in &at_once.0 {
        let frame = Frame { kind: *kind, payload };
        if let Ok(message) = ToKeep::parse(frame) {
            said_again(&message, |frame| assert_eq!(ToKeep::parse(frame).as_ref(), Ok(&message)));
        }
        if let Ok(message) = ToClient::parse(frame) {
            said_again(&message, |frame| assert_eq!(ToClient::parse(frame).as_ref(), Ok(&message)));
        }
    }
}

/// All whole frames of a stream that comes in pieces, and whether it broke the rules then.
fn frames(mut stream: &[u8], piece: usize) -> (Vec<(u8, Vec<u8>)>, bool) {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    loop {
        let space = decoder.space();
        let length = space.len().min(piece).min(stream.len());
        assert!(!space.is_empty(), "there is always room for more");
        space[..length].copy_from_slice(&stream[..length]);
        stream = &stream[length..];
        decoder.filled(length);
        loop {
            match decoder.frame() {
                Ok(Some(frame)) => {
                    assert!(frame.payload.len() <= MAX_PAYLOAD);
                    frames.push((frame.kind, frame.payload.to_vec()));
                }
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
        if stream.is_empty() {
            return (frames, false);
        }
    }
}

fn said_again(message: &impl Message, check: impl FnOnce(Frame<'_>)) {
    let mut encoder = Encoder::new();
    encoder.push(message).expect("what was received can be sent");
    let (said, broken) = frames(encoder.pending(), usize::MAX);
    let [(kind, payload)] = &said[..] else { panic!("one message is one frame, not {}", said.len()) };
    assert!(!broken);
    check(Frame { kind: *kind, payload });
}

fn seeds() -> Vec<Vec<u8>> {
    let entry = |content| Entry { directory: 0, path: "a/b".into(), content, mode: 0o644, modified: -1 };
    let configuration = Configuration {
        arguments: vec!["app".into(), "x".into()],
        environment: vec![("NAME".into(), "value".into())],
        fuel: Some(1000),
        max_memory: Some(1 << 30),
        directories: vec![Directory { guest: "/data".into(), read_only: true, out: false }],
        stdin: Stdio::Null,
        ..Configuration::default()
    };
    let application = Application { kind: ApplicationKind::Component, length: 3, digest: [7; 32] };
    let credit = Credit { stream: Stream::Stdout, bytes: 1 << 20 };
    let to_keep = [
        ToKeep::Hello(Hello::default()),
        ToKeep::Configuration(configuration),
        ToKeep::Application(application),
        ToKeep::Data(b"abc"),
        ToKeep::Entry(entry(Content::Directory)),
        ToKeep::Entry(entry(Content::File { length: 3 })),
        ToKeep::Entry(entry(Content::Symlink { target: "../c".into() })),
        ToKeep::FilesEnd,
        ToKeep::Start,
        ToKeep::Stdin(b"input"),
        ToKeep::StdinEnd,
        ToKeep::Credit(credit),
    ];
    let to_client = [
        ToClient::Hello(Hello::default()),
        ToClient::Ready(Ready { configuration: [1; 32], application: [2; 32], files: [3; 32] }),
        ToClient::Stdout(b"output"),
        ToClient::Stderr(b""),
        ToClient::Credit(Credit { stream: Stream::Stdin, bytes: 1 }),
        ToClient::Entry(entry(Content::File { length: 0 })),
        ToClient::OutEnd,
        ToClient::Exit(Exit::Trap { kind: TrapKind::DivisionByZero, text: "trap".into() }),
    ];
    // One stream for each direction, and each message alone.
    let mut seeds = vec![stream(&to_keep), stream(&to_client)];
    seeds.extend(to_keep.chunks(1).map(stream));
    seeds.extend(to_client.chunks(1).map(stream));
    seeds
}

fn stream(messages: &[impl Message]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    for message in messages {
        encoder.push(message).expect("a message that may be sent");
    }
    [&[6], encoder.pending()].concat()
}
