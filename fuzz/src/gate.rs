//! The gate's structures, from both sides.

use holdfast_gate::{
    ABI_VERSION, Answer, BootInfo, Call, Ending, Interest, MAX_VCPUS, Reply, Request, boot, window,
};
use zerocopy::{FromBytes, IntoBytes};

use crate::Target;

/// A hostile Keep's requests.
pub const GATE_REQUEST: Target =
    Target { name: "gate_request", body: gate_request, seeds: request_seeds, rounds: 200_000 };

/// A hostile host's replies.
pub const GATE_REPLY: Target =
    Target { name: "gate_reply", body: gate_reply, seeds: reply_seeds, rounds: 200_000 };

/// A hostile host's boot information.
pub const BOOT_INFO: Target =
    Target { name: "boot_info", body: boot_info, seeds: boot_info_seeds, rounds: 200_000 };

/// A request means nothing, or exactly one call.
fn gate_request(data: &[u8]) {
    let Ok((request, _)) = Request::read_from_prefix(data) else { return };
    if let Ok(call) = Call::decode(&request, request.sequence) {
        assert_eq!(call.encode(request.sequence), request);
    }
    let other = request.sequence.wrapping_add(1);
    assert!(Call::decode(&request, other).is_err(), "out of turn");
}

/// A reply breaks the rules, or gives exactly one answer that fits the call.
fn gate_reply(data: &[u8]) {
    let Ok((request, rest)) = Request::read_from_prefix(data) else { return };
    let Ok((reply, _)) = Reply::read_from_prefix(rest) else { return };
    let Ok(call) = Call::decode(&request, request.sequence) else { return };
    let Ok(answer) = call.check(request.sequence, &reply) else { return };
    assert_eq!(answer.encode(request.sequence), reply);
    match (call, answer) {
        (Call::Exit(_), _) => panic!("the host answered an exit"),
        (Call::Read { length, .. }, Answer::Moved(moved)) => assert!(moved <= length),
        (Call::Write { length, .. }, Answer::Moved(moved)) => assert!((1..=length).contains(&moved)),
        (Call::Park { interest, .. }, Answer::Parked { ready, .. }) => assert!(interest.contains(ready)),
        _ => {}
    }
}

/// What is accepted is within all limits.
fn boot_info(data: &[u8]) {
    let Ok((info, _)) = BootInfo::read_from_prefix(data) else { return };
    if info.check().is_ok() {
        assert!((1..=MAX_VCPUS).contains(&info.vcpus));
        assert!((boot::MIN_MEMORY..=boot::MAX_MEMORY).contains(&info.memory));
        assert!(info.memory.is_multiple_of(boot::MEMORY_GRANULE));
        assert!((1..=window::MAX_BODY).contains(&info.body_length));
        assert_eq!((info.magic, info.abi_version, info.reserved), (boot::MAGIC, ABI_VERSION, [0; 2]));
    }
}

/// Each call, and an answer that fits it.
fn conversation() -> [(Call, Answer); 10] {
    let interest = Interest::CHANNEL_READ.union(Interest::CHANNEL_WRITE);
    let length = window::BOUNCE_SIZE as u32;
    let ready = Interest::CHANNEL_READ;
    [
        (Call::StartVcpu { index: 1 }, Answer::Refused),
        (Call::Park { interest, timeout: 1000 }, Answer::Parked { woken: true, ready }),
        (Call::Wake { index: 0 }, Answer::Done),
        (Call::Clock, Answer::Clock { wall_ns: 2, monotonic_ns: 1 }),
        (Call::Read { stream: 0, length }, Answer::Moved(0)),
        (Call::Read { stream: 0, length: 1 }, Answer::WouldBlock),
        (Call::Write { stream: 0, length }, Answer::Moved(length)),
        (Call::Shutdown { stream: 0 }, Answer::Closed),
        (Call::Interrupt { index: 1 }, Answer::Done),
        (Call::Exit(Ending::Fault { vector: 14, address: 0x1234 }), Answer::Done),
    ]
}

/// Requests of all kinds.
pub(crate) fn request_seeds() -> Vec<Vec<u8>> {
    conversation().iter().map(|(call, _)| call.encode(1).as_bytes().to_vec()).collect()
}

fn reply_seeds() -> Vec<Vec<u8>> {
    let both =
        |(call, answer): &(Call, Answer)| [call.encode(1).as_bytes(), answer.encode(1).as_bytes()].concat();
    conversation().iter().map(both).collect()
}

fn boot_info_seeds() -> Vec<Vec<u8>> {
    let info = BootInfo {
        magic: boot::MAGIC,
        abi_version: ABI_VERSION,
        vcpus: 4,
        memory: boot::MIN_MEMORY,
        body_length: 4096,
        tsc_khz: 2_000_000,
        wall_ns: 1,
        reserved: [0; 2],
    };
    vec![info.as_bytes().to_vec()]
}
