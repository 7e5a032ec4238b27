//! The shim's pipes, event counters, sockets, `poll` and `epoll` against Linux's own: random sequences of
//! calls must give the same results, the same errors and the same readiness.
#![cfg(not(holdfast_keep))]

use std::sync::Arc;

use holdfast_shim::epoll::{EDGE, Epoll, ONE_SHOT, Wish};
use holdfast_shim::errno::Errno;
use holdfast_shim::eventfd::EventCounter;
use holdfast_shim::net::{self, Address, Shutdown};
use holdfast_shim::object::Object;
use holdfast_shim::poll::Request;
use holdfast_shim::{blocking, fd, pipe, poll};
use proptest::prelude::*;

type Answer<T> = Result<T, i32>;

/// What both worlds can do. Every descriptor is non-blocking.
trait World {
    fn pipe(&self) -> [i32; 2];
    fn event_counter(&self, semaphore: bool) -> i32;
    fn unix_pair(&self) -> [i32; 2];
    /// A connected pair of TCP sockets.
    fn tcp_pair(&self) -> [i32; 2];
    /// Two UDP sockets that are connected to each other.
    fn udp_pair(&self) -> [i32; 2];
    fn epoll(&self) -> i32;
    fn control(&self, epoll: i32, operation: i32, fd: i32, events: u32, data: u64) -> Answer<()>;
    fn wait(&self, epoll: i32) -> Vec<(u64, u32)>;
    fn ready(&self, fd: i32) -> u32;
    fn read(&self, fd: i32, length: usize) -> Answer<Vec<u8>>;
    fn write(&self, fd: i32, data: &[u8]) -> Answer<usize>;
    fn shutdown(&self, fd: i32, how: i32) -> Answer<()>;
    fn close(&self, fd: i32) -> Answer<()>;
}

const POLLED: u32 = (libc::POLLIN | libc::POLLOUT | libc::POLLRDHUP) as u32;

struct Shim;

fn install(object: Arc<dyn Object>) -> i32 {
    fd::install(object, libc::O_RDWR | libc::O_NONBLOCK).unwrap()
}

fn number<T>(result: Result<T, Errno>) -> Answer<T> {
    result.map_err(|errno| errno.0)
}

fn with_socket<T>(fd: i32, work: impl FnOnce(&dyn net::Socket) -> Result<T, Errno>) -> Answer<T> {
    let description = number(fd::get(fd))?;
    number(work(description.object().socket().ok_or(Errno::ENOTSOCK).map_err(|errno| errno.0)?))
}

impl Shim {
    fn loopback() -> Address {
        Address::Inet("127.0.0.1:0".parse().unwrap())
    }

    fn instance(fd: i32) -> Arc<Epoll> {
        Arc::clone(fd::get(fd).unwrap().object()).as_any().downcast().unwrap()
    }
}

impl World for Shim {
    fn pipe(&self) -> [i32; 2] {
        let (reader, writer) = pipe::pipe();
        [install(reader), install(writer)]
    }
    fn event_counter(&self, semaphore: bool) -> i32 {
        install(Arc::new(EventCounter::new(0, semaphore)))
    }
    fn unix_pair(&self) -> [i32; 2] {
        let (first, second) = net::pair();
        [install(first), install(second)]
    }
    fn tcp_pair(&self) -> [i32; 2] {
        let listener = net::socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
        let listener = listener.socket().unwrap();
        listener.bind(Self::loopback()).unwrap();
        listener.listen(1).unwrap();
        let client = net::socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
        client.socket().unwrap().connect(listener.local().unwrap()).unwrap();
        [install(client), install(listener.accept().unwrap().0)]
    }
    fn udp_pair(&self) -> [i32; 2] {
        let sockets = [(), ()].map(|()| net::socket(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap());
        let addresses = [0, 1].map(|at: usize| {
            let socket = sockets[at].socket().unwrap();
            socket.bind(Self::loopback()).unwrap();
            socket.local().unwrap()
        });
        sockets[0].socket().unwrap().connect(addresses[1]).unwrap();
        sockets[1].socket().unwrap().connect(addresses[0]).unwrap();
        sockets.map(install)
    }
    fn epoll(&self) -> i32 {
        install(Arc::new(Epoll::new()))
    }
    fn control(&self, epoll: i32, operation: i32, fd: i32, events: u32, data: u64) -> Answer<()> {
        let epoll = Self::instance(epoll);
        let wish = Wish { events, data };
        number(match operation {
            libc::EPOLL_CTL_ADD => epoll.add(fd, wish),
            libc::EPOLL_CTL_MOD => epoll.modify(fd, wish),
            _ => epoll.delete(fd),
        })
    }
    fn wait(&self, epoll: i32) -> Vec<(u64, u32)> {
        let reports = Self::instance(epoll).wait(64, Some(0));
        reports.iter().map(|report| (report.data, report.events)).collect()
    }
    fn ready(&self, fd: i32) -> u32 {
        let mut requests = [Request { fd, wanted: POLLED, ready: 0 }];
        poll::poll(&mut requests, Some(0)).unwrap();
        requests[0].ready
    }
    fn read(&self, fd: i32, length: usize) -> Answer<Vec<u8>> {
        let mut buffer = vec![0; length];
        let description = number(fd::get(fd))?;
        let length = number(blocking::read(&description, &mut buffer))?;
        buffer.truncate(length);
        Ok(buffer)
    }
    fn write(&self, fd: i32, data: &[u8]) -> Answer<usize> {
        number(blocking::write(&*number(fd::get(fd))?, data))
    }
    fn shutdown(&self, fd: i32, how: i32) -> Answer<()> {
        let how = Shutdown { read: how != libc::SHUT_WR, write: how != libc::SHUT_RD };
        with_socket(fd, |socket| socket.shutdown(how))
    }
    fn close(&self, fd: i32) -> Answer<()> {
        number(fd::close(fd))
    }
}

struct Linux;

fn checked(result: isize) -> Answer<usize> {
    usize::try_from(result).map_err(|_| std::io::Error::last_os_error().raw_os_error().unwrap())
}

fn nonblocking(fd: i32) -> i32 {
    // SAFETY: `fcntl` with integers touches no memory.
    let result = unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) };
    assert_eq!(result, 0);
    fd
}

impl World for Linux {
    fn pipe(&self) -> [i32; 2] {
        let mut fds = [0; 2];
        // SAFETY: the array has room for two descriptors.
        let result = unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_NONBLOCK) };
        assert_eq!(result, 0);
        fds
    }
    fn event_counter(&self, semaphore: bool) -> i32 {
        let flags = if semaphore { libc::EFD_SEMAPHORE } else { 0 };
        // SAFETY: `eventfd` touches no memory.
        unsafe { libc::eventfd(0, flags | libc::EFD_NONBLOCK) }
    }
    fn unix_pair(&self) -> [i32; 2] {
        use std::os::fd::IntoRawFd;
        let (first, second) = std::os::unix::net::UnixStream::pair().unwrap();
        [first.into_raw_fd(), second.into_raw_fd()].map(nonblocking)
    }
    fn tcp_pair(&self) -> [i32; 2] {
        use std::os::fd::IntoRawFd;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        // Else Linux holds back small segments; the shim never does.
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        [client.into_raw_fd(), server.into_raw_fd()].map(nonblocking)
    }
    fn udp_pair(&self) -> [i32; 2] {
        use std::os::fd::IntoRawFd;
        let first = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let second = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        first.connect(second.local_addr().unwrap()).unwrap();
        second.connect(first.local_addr().unwrap()).unwrap();
        [first.into_raw_fd(), second.into_raw_fd()].map(nonblocking)
    }
    fn epoll(&self) -> i32 {
        // SAFETY: `epoll_create1` touches no memory.
        unsafe { libc::epoll_create1(0) }
    }
    fn control(&self, epoll: i32, operation: i32, fd: i32, events: u32, data: u64) -> Answer<()> {
        let mut event = libc::epoll_event { events, u64: data };
        // SAFETY: the event is valid for the call.
        let result = unsafe { libc::epoll_ctl(epoll, operation, fd, &raw mut event) };
        checked(result as isize).map(drop)
    }
    fn wait(&self, epoll: i32) -> Vec<(u64, u32)> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        // SAFETY: there is room for 64 events.
        let result = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), 64, 0) };
        let count = checked(result as isize).unwrap();
        events[..count].iter().map(|event| (event.u64, event.events)).collect()
    }
    fn ready(&self, fd: i32) -> u32 {
        let mut request = libc::pollfd { fd, events: POLLED as i16, revents: 0 };
        // SAFETY: the structure is valid for the call.
        let result = unsafe { libc::poll(&raw mut request, 1, 0) };
        assert!(result >= 0);
        u32::from(request.revents.cast_unsigned())
    }
    fn read(&self, fd: i32, length: usize) -> Answer<Vec<u8>> {
        let mut buffer = vec![0; length];
        // SAFETY: the buffer has this length.
        let length = checked(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), length) })?;
        buffer.truncate(length);
        Ok(buffer)
    }
    fn write(&self, fd: i32, data: &[u8]) -> Answer<usize> {
        // SAFETY: the data has this length. Rust programs ignore SIGPIPE.
        checked(unsafe { libc::write(fd, data.as_ptr().cast(), data.len()) })
    }
    fn shutdown(&self, fd: i32, how: i32) -> Answer<()> {
        // SAFETY: `shutdown` touches no memory.
        checked(unsafe { libc::shutdown(fd, how) } as isize).map(drop)
    }
    fn close(&self, fd: i32) -> Answer<()> {
        // SAFETY: the tests close only what they opened, and use it no more.
        checked(unsafe { libc::close(fd) } as isize).map(drop)
    }
}

/// The descriptors of a run: two ends of a pipe, two counters, and three pairs of sockets.
fn open(world: &dyn World) -> Vec<i32> {
    [
        &world.pipe()[..],
        &[world.event_counter(false), world.event_counter(true)],
        &world.unix_pair(),
        &world.tcp_pair(),
        &world.udp_pair(),
    ]
    .concat()
}

const PIPE_WRITER: usize = 1;
const COUNTERS: std::ops::Range<usize> = 2..4;
const FIRST_SOCKET: usize = 4;
/// From here on UDP. A read after `shutdown` is left out there: Linux's answer depends on `O_NONBLOCK`.
const FIRST_UDP: usize = 8;
const COUNT: usize = 10;

#[derive(Clone, Debug)]
enum Step {
    Read { at: usize, length: usize },
    Write { at: usize, length: usize },
    Shutdown { at: usize, how: i32 },
    Close { at: usize },
    Control { operation: i32, at: usize, events: u32 },
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..COUNT;
    let flags = prop_oneof![3 => Just(0), 1 => Just(ONE_SHOT), 1 => Just(EDGE)];
    let operations = prop_oneof![
        3 => Just(libc::EPOLL_CTL_ADD), 1 => Just(libc::EPOLL_CTL_MOD), 1 => Just(libc::EPOLL_CTL_DEL)
    ];
    let events = prop::sample::select(vec![
        libc::EPOLLIN,
        libc::EPOLLOUT,
        libc::EPOLLIN | libc::EPOLLOUT,
        libc::EPOLLIN | libc::EPOLLRDHUP,
    ]);
    prop_oneof![
        8 => (at.clone(), 0..600_usize).prop_map(|(at, length)| Step::Read { at, length }),
        8 => (at.clone(), 0..300_usize).prop_map(|(at, length)| Step::Write { at, length }),
        1 => (FIRST_SOCKET..FIRST_UDP, 0..3).prop_map(|(at, how)| Step::Shutdown { at, how }),
        1 => at.clone().prop_map(|at| Step::Close { at }),
        5 => (operations, at, events, flags).prop_map(|(operation, at, events, flag)| {
            // For a socket, Linux may report an edge more often than it must.
            let flag = if at >= FIRST_SOCKET && flag == EDGE { 0 } else { flag };
            Step::Control { operation, at, events: events as u32 | flag }
        }),
        4 => Just(Step::Wait),
    ]
}

/// What is written: for a counter a small number, for others bytes that tell where they come from.
fn data(at: usize, turn: usize, length: usize) -> Vec<u8> {
    if COUNTERS.contains(&at) && length > 7 {
        return (length as u64 / 100).to_ne_bytes().to_vec();
    }
    (0..length).map(|position| (turn + position) as u8).collect()
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let worlds: [&dyn World; 2] = [&Shim, &Linux];
    let fds = worlds.map(open);
    let epolls = worlds.map(|world| world.epoll());
    let mut closed = [false; COUNT];
    for (turn, step) in steps.iter().enumerate() {
        let at = match step {
            Step::Read { at, .. } | Step::Write { at, .. } | Step::Shutdown { at, .. } => *at,
            Step::Close { at } | Step::Control { at, .. } => *at,
            Step::Wait => PIPE_WRITER,
        };
        if closed[at] && !matches!(step, Step::Wait) {
            continue;
        }
        let results = [0, 1].map(|which| {
            let (world, fd, epoll) = (worlds[which], fds[which][at], epolls[which]);
            match step {
                Step::Read { length, .. } => format!("{:?}", world.read(fd, *length)),
                Step::Write { length, .. } => {
                    format!("{:?}", world.write(fd, &data(at, turn, *length)))
                }
                Step::Shutdown { how, .. } => format!("{:?}", world.shutdown(fd, *how)),
                Step::Close { .. } => format!("{:?}", world.close(fd)),
                Step::Control { operation, events, .. } => {
                    format!("{:?}", world.control(epoll, *operation, fd, *events, at as u64))
                }
                Step::Wait => {
                    let mut reports = world.wait(epoll);
                    reports.sort_unstable();
                    format!("{reports:x?}")
                }
            }
        });
        prop_assert_eq!(&results[0], &results[1], "turn {}: {:?}", turn, step);
        closed[at] |= matches!(step, Step::Close { .. });
        for at in (0..COUNT).filter(|at| !closed[*at]) {
            let [ours, linux] = [0, 1].map(|which| worlds[which].ready(fds[which][at]));
            prop_assert_eq!(ours, linux, "readiness of {} after turn {}: {:?}", at, turn, step);
        }
    }
    for (which, world) in worlds.iter().enumerate() {
        for at in (0..COUNT).filter(|at| !closed[*at]) {
            world.close(fds[which][at]).unwrap();
        }
        world.close(epolls[which]).unwrap();
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_shim_does_what_linux_does(steps in prop::collection::vec(step(), 1..80)) {
        run(&steps)?;
    }
}
