//! No wake-up is lost: threads that block on pipes, counters, sockets and epoll instances always go on.
#![cfg(not(holdfast_keep))]

use std::sync::Arc;
use std::thread;

use holdfast_shim::epoll::{EDGE, Epoll, Wish};
use holdfast_shim::errno::Errno;
use holdfast_shim::eventfd::EventCounter;
use holdfast_shim::object::{Object, events};
use holdfast_shim::{blocking, fd, net, pipe};

fn open(object: Arc<dyn Object>, flags: i32) -> Arc<fd::Description> {
    fd::get(fd::install(object, flags | libc::O_RDWR).unwrap()).unwrap()
}

/// Moves bytes from a writer to a reader that both block, in pieces of changing size.
fn pump(reader: &fd::Description, writer: &fd::Description, total: usize) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let data: Vec<u8> = (0..total).map(|at| (at % 251) as u8).collect();
            let mut rest = &data[..];
            let mut piece = 1;
            while !rest.is_empty() {
                let now = rest.len().min(piece);
                assert_eq!(blocking::write(writer, &rest[..now]), Ok(now));
                rest = &rest[now..];
                piece = piece * 7 % 150_001 + 1;
            }
        });
        let mut buffer = vec![0; 70_000];
        let mut seen = 0;
        while seen < total {
            let length = blocking::read(reader, &mut buffer).unwrap();
            assert!(length > 0);
            for byte in &buffer[..length] {
                assert_eq!(*byte, (seen % 251) as u8);
                seen += 1;
            }
        }
        assert_eq!(seen, total);
    });
}

#[test]
fn blocking_pipes_and_sockets_move_every_byte() {
    let (reader, writer) = pipe::pipe();
    pump(&open(reader, 0), &open(writer, 0), 8 << 20);
    let (first, second) = net::pair();
    pump(&open(first, 0), &open(second, 0), 8 << 20);
}

#[test]
fn an_edge_triggered_loop_hears_of_each_signal() {
    const SIGNALS: u64 = 20_000;
    let there = open(Arc::new(EventCounter::new(0, false)), libc::O_NONBLOCK);
    let back = open(Arc::new(EventCounter::new(0, false)), 0);
    let object: Arc<dyn Object> = Arc::clone(there.object());
    let number = fd::install(object, libc::O_NONBLOCK).unwrap();
    let epoll = Epoll::new();
    epoll.add(number, Wish { events: events::IN | EDGE, data: 7 }).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..SIGNALS {
                blocking::write(&there, &1_u64.to_ne_bytes()).unwrap();
                blocking::read(&back, &mut [0; 8]).unwrap();
            }
        });
        for _ in 0..SIGNALS {
            let mut count = [0; 8];
            while blocking::read(&there, &mut count) == Err(Errno::EAGAIN) {
                let reports = epoll.wait(4, None);
                assert!(reports.iter().all(|report| report.data == 7));
            }
            assert_eq!(u64::from_ne_bytes(count), 1);
            blocking::write(&back, &1_u64.to_ne_bytes()).unwrap();
        }
    });
    fd::close(number).unwrap();
    assert!(epoll.wait(4, Some(0)).is_empty());
}

#[test]
fn many_ready_descriptors_take_turns() {
    let epoll = Epoll::new();
    let numbers: Vec<i32> = (0..10)
        .map(|_| fd::install(Arc::new(EventCounter::new(1, false)), libc::O_NONBLOCK).unwrap())
        .collect();
    for (data, number) in numbers.iter().enumerate() {
        epoll.add(*number, Wish { events: events::IN, data: data as u64 }).unwrap();
    }
    let mut seen = [0; 10];
    for _ in 0..10 {
        let reports = epoll.wait(3, None);
        assert_eq!(reports.len(), 3);
        for report in reports {
            seen[report.data as usize] += 1;
        }
    }
    assert_eq!(seen, [3; 10]);
    for number in numbers {
        fd::close(number).unwrap();
    }
}
