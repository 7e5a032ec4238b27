//! A hostile Keep against the loader's service.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use holdfast_gate::{Call, Reply, Request, window};
use holdfast_loader::service::{Next, Service, Vcpus, understand};
use holdfast_loader::window::Window;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use crate::Target;

/// A sequence of requests by one vCPU.
pub const LOADER_SERVICE: Target =
    Target { name: "loader_service", body: loader_service, seeds, rounds: 3_000 };

const VCPUS: u32 = 2;

/// The most requests of one input.
const MOST: usize = 16;

/// Number of the operation that sleeps.
const PARK: u32 = 2;

#[derive(Debug)]
struct Backend;

impl Vcpus for Backend {
    fn start(&self, index: u32) -> bool {
        assert!((1..VCPUS).contains(&index), "vCPU {index} does not exist");
        true
    }

    fn interrupt(&self, index: u32) {
        assert!(index < VCPUS, "vCPU {index} does not exist");
    }
}

/// Each request is refused, or answered by a reply that the Keep's own check accepts.
fn loader_service(data: &[u8]) {
    // `_client` is open to the end: a closed channel would answer everything.
    let (_client, channel) = UnixStream::pair().expect("a socket pair");
    let window = Window::new().expect("a window");
    let memory = File::from(window.descriptor().expect("a file").try_clone_to_owned().expect("a descriptor"));
    let service = Service::new(window, channel.into(), VCPUS).expect("a service");
    let mailbox = window::mailbox(0).expect("the first vCPU");
    let mut sequence = 1;
    for bytes in data.chunks_exact(size_of::<Request>()).take(MOST) {
        let mut request = Request::read_from_bytes(bytes).expect("its size");
        // A seed says 1, which stands for "in turn".
        request.sequence = request.sequence.wrapping_mul(sequence);
        if request.operation == PARK {
            // Nobody wakes it here.
            request.arguments[1] = 0;
        }
        memory.write_all_at(request.as_bytes(), mailbox + window::MAILBOX_REQUEST).expect("room");
        let next = service.serve(0, &Backend).expect("a vCPU that exists");
        match (understand(&request, sequence, VCPUS), next) {
            (Err(expected), Next::Violation(found)) => return assert_eq!(found, expected),
            (Ok(Call::Exit(said)), Next::Exit(heard)) => return assert_eq!(said, heard),
            (Ok(call), Next::Continue) => {
                let mut reply = Reply::new_zeroed();
                memory.read_exact_at(reply.as_mut_bytes(), mailbox + window::MAILBOX_REPLY).expect("a reply");
                call.check(sequence, &reply).expect("an answer that the Keep accepts");
                sequence += 1;
            }
            (call, next) => panic!("{call:?} was served as {next:?}"),
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let requests = crate::gate::request_seeds();
    let mut seeds = vec![requests.concat()];
    seeds.extend(requests);
    seeds
}
