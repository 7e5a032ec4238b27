//! A hostile Keep against the service: arbitrary requests, at every limit, and a mailbox that is
//! rewritten while it is served.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use holdfast_gate::{Answer, Call, Ending, Interest, MAX_VCPUS, Reply, Request, RequestError, window};
use holdfast_loader::service::{Next, Service, Vcpus};
use holdfast_loader::window::Window;
use proptest::prelude::*;
use rustix::io::{pread, pwrite};
use zerocopy::{FromZeros, IntoBytes};

const VCPUS: u32 = 4;

/// Remembers what it was asked.
#[derive(Debug, Default)]
struct Asked(Mutex<Vec<(char, u32)>>);

impl Vcpus for Asked {
    fn start(&self, index: u32) -> bool {
        self.0.lock().expect("no panic").push(('s', index));
        true
    }

    fn interrupt(&self, index: u32) {
        self.0.lock().expect("no panic").push(('i', index));
    }
}

struct Keep {
    service: Service,
    client: UnixStream,
    memory: OwnedFd,
    asked: Asked,
}

impl Keep {
    fn new() -> Self {
        let (client, channel) = UnixStream::pair().expect("a socket pair");
        client.set_nonblocking(true).expect("a socket");
        let window = Window::new().expect("a window");
        let memory = window.descriptor().expect("a file").try_clone_to_owned().expect("a descriptor");
        let service = Service::new(window, channel.into(), VCPUS).expect("a service");
        Self { service, client, memory, asked: Asked::default() }
    }

    fn post(&self, index: u32, request: &Request) {
        let at = window::mailbox(index).expect("a vCPU") + window::MAILBOX_REQUEST;
        pwrite(&self.memory, request.as_bytes(), at).expect("room");
    }

    fn reply(&self, index: u32) -> Reply {
        let mut reply = Reply::new_zeroed();
        let at = window::mailbox(index).expect("a vCPU") + window::MAILBOX_REPLY;
        pread(&self.memory, reply.as_mut_bytes(), at).expect("a reply");
        reply
    }

    fn serve(&self, index: u32) -> Next {
        self.service.serve(index, &self.asked).expect("a vCPU")
    }

    /// A call as a Keep that keeps the rules makes it.
    fn call(&self, index: u32, sequence: u64, call: Call) -> Answer {
        self.post(index, &call.encode(sequence));
        assert_eq!(self.serve(index), Next::Continue, "{call}");
        call.check(sequence, &self.reply(index)).expect("a good answer")
    }
}

/// Mostly numbers near the rules.
fn word() -> impl Strategy<Value = u64> {
    let limits = [63, 64, window::BOUNCE_SIZE, window::BOUNCE_SIZE + 1, 1 << 32, 1 << 63, u64::MAX];
    prop_oneof![6 => 0..6_u64, 2 => proptest::sample::select(limits.to_vec()), 1 => any::<u64>()]
}

/// A request that does not sleep for long.
fn request() -> impl Strategy<Value = Request> {
    let rest = || prop_oneof![20 => Just(0), 1 => word()];
    (0..12_u32, rest(), word(), word(), rest(), 0..20_u64).prop_map(|(operation, reserved, a, b, c, skew)| {
        Request {
            sequence: u64::from(skew != 0),
            operation,
            reserved: reserved as u32,
            arguments: [a, if operation == 2 { b % 1000 } else { b }, c, 0, 0, 0],
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Each request is refused, or answered by a reply that the Keep's own check accepts.
    #[test]
    fn any_request_is_answered_or_refused(requests in proptest::collection::vec(request(), 1..20), data: Vec<u8>) {
        let keep = Keep::new();
        (&keep.client).write_all(&data).expect("room");
        let mut sequence = 1;
        for mut request in requests {
            request.sequence = request.sequence.wrapping_mul(sequence);
            keep.post(1, &request);
            match (Call::decode(&request, sequence), keep.serve(1)) {
                (Ok(Call::Exit(said)), Next::Exit(heard)) => {
                    prop_assert_eq!(said, heard);
                    break;
                }
                (Ok(call), Next::Continue) => {
                    let answer = call.check(sequence, &keep.reply(1));
                    prop_assert!(answer.is_ok(), "{} got {:?}", call, answer);
                    sequence += 1;
                }
                (Ok(Call::Wake { index } | Call::Interrupt { index }), Next::Violation(_)) => {
                    prop_assert!(index >= VCPUS);
                    break;
                }
                (Err(error), Next::Violation(found)) => {
                    prop_assert_eq!(error, found);
                    break;
                }
                (call, next) => prop_assert!(false, "{:?} was served as {:?}", call, next),
            }
        }
        for (_, index) in keep.asked.0.lock().expect("no panic").iter() {
            prop_assert!(*index < VCPUS);
        }
    }
}

#[test]
fn a_mailbox_rewritten_while_it_is_served_harms_nobody() {
    let keep = Keep::new();
    let stop = AtomicBool::new(false);
    let served = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let calls = [
                Call::Clock,
                Call::Write { stream: 0, length: window::BOUNCE_SIZE as u32 },
                Call::Read { stream: 0, length: 1 },
                Call::Wake { index: 3 },
                Call::Park { interest: Interest::CHANNEL_READ, timeout: 0 },
            ];
            let mut at = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let mut request = calls[at as usize % calls.len()].encode(1 + served.load(Ordering::Relaxed));
                request.arguments[1] ^= u64::from(at.is_multiple_of(7));
                keep.post(2, &request);
                at += 1;
            }
        });
        scope.spawn(|| {
            let mut sink = vec![0; 1 << 16];
            while !stop.load(Ordering::Relaxed) {
                // Whatever arrives, or that nothing does.
                let _ = (&keep.client).read(&mut sink);
            }
        });
        let deadline = Instant::now() + Duration::from_secs(30);
        while served.load(Ordering::Relaxed) < 2000 && Instant::now() < deadline {
            match keep.serve(2) {
                Next::Continue => served.fetch_add(1, Ordering::Relaxed),
                Next::Exit(ending) => panic!("nobody asked for {ending:?}"),
                // A mixture of two requests, or one out of turn.
                Next::Violation(_) => 0,
            };
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(served.into_inner(), 2000);
}

#[test]
fn a_wake_that_comes_first_ends_one_sleep() {
    let keep = Keep::new();
    let park = Call::Park { interest: Interest::NONE, timeout: 0 };
    for sequence in 1..4 {
        assert_eq!(keep.call(0, sequence, Call::Wake { index: 1 }), Answer::Done);
    }
    assert_eq!(keep.call(1, 1, park), Answer::Parked { woken: true, ready: Interest::NONE });
    assert_eq!(keep.call(1, 2, park), Answer::Parked { woken: false, ready: Interest::NONE });
}

#[test]
fn a_wake_ends_a_sleep_without_limit() {
    let keep = Keep::new();
    std::thread::scope(|scope| {
        let sleeper =
            scope.spawn(|| keep.call(1, 1, Call::Park { interest: Interest::NONE, timeout: u64::MAX }));
        keep.call(0, 1, Call::Wake { index: 1 });
        let answer = sleeper.join().expect("no panic");
        assert_eq!(answer, Answer::Parked { woken: true, ready: Interest::NONE });
    });
}

#[test]
fn each_vcpu_starts_once() {
    let keep = Keep::new();
    assert_eq!(keep.call(0, 1, Call::StartVcpu { index: 1 }), Answer::Done);
    assert_eq!(keep.call(0, 2, Call::StartVcpu { index: 1 }), Answer::Refused);
    assert_eq!(keep.call(0, 3, Call::StartVcpu { index: VCPUS }), Answer::Refused);
    assert_eq!(keep.call(0, 4, Call::StartVcpu { index: MAX_VCPUS - 1 }), Answer::Refused);
    assert_eq!(*keep.asked.0.lock().expect("no panic"), [('s', 1)]);
}

#[test]
fn the_channel_ends_both_ways() {
    let keep = Keep::new();
    let (read, write) = (Call::Read { stream: 0, length: 4 }, Call::Write { stream: 0, length: 4 });
    let both = Interest::CHANNEL_READ.union(Interest::CHANNEL_WRITE);
    assert_eq!(keep.call(0, 1, read), Answer::WouldBlock);
    (&keep.client).write_all(b"hello").expect("room");
    let park = Call::Park { interest: both, timeout: u64::MAX };
    assert_eq!(keep.call(0, 2, park), Answer::Parked { woken: false, ready: both });
    assert_eq!(keep.call(0, 3, read), Answer::Moved(4));
    assert_eq!(keep.call(0, 4, write), Answer::Moved(4));
    let mut received = [0; 4];
    (&keep.client).read_exact(&mut received).expect("four bytes");
    assert_eq!(&received, b"hell");
    keep.client.shutdown(std::net::Shutdown::Write).expect("open");
    assert_eq!(keep.call(0, 5, read), Answer::Moved(1));
    assert_eq!(keep.call(0, 6, read), Answer::Moved(0));
    keep.client.shutdown(std::net::Shutdown::Read).expect("open");
    assert_eq!(keep.call(0, 7, write), Answer::Closed);
}

#[test]
fn a_vcpu_that_cannot_be_is_the_callers_mistake() {
    let keep = Keep::new();
    assert!(keep.service.serve(VCPUS, &keep.asked).is_err());
    assert!(keep.service.serve(u32::MAX, &keep.asked).is_err());
}

#[test]
fn a_sequence_number_out_of_turn_is_a_violation() {
    let keep = Keep::new();
    keep.post(0, &Call::Exit(Ending::Finished).encode(2));
    assert_eq!(keep.serve(0), Next::Violation(RequestError::Sequence { found: 2, expected: 1 }));
}
