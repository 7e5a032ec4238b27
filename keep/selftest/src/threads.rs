//! Threads and what synchronises them.

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::expect;

pub(crate) fn join() -> Result<(), String> {
    // More threads than vCPUs, one after the other: each vCPU serves many.
    for round in 0..50_u32 {
        let threads: Vec<_> = (0..2).map(|n| thread::spawn(move || round * 10 + n)).collect();
        let results: Vec<_> = threads.into_iter().map(thread::JoinHandle::join).collect();
        let expected = [round * 10, round * 10 + 1];
        expect(results.into_iter().map(Result::unwrap_or_default).eq(expected), "each thread's own result")?;
    }
    Ok(())
}

pub(crate) fn storage() -> Result<(), String> {
    thread_local! { static VALUE: Cell<u64> = const { Cell::new(7) }; }
    struct Ending(mpsc::Sender<u64>);
    impl Drop for Ending {
        fn drop(&mut self) {
            let _ = self.0.send(99);
        }
    }
    thread_local! { static ENDING: Cell<Option<Ending>> = const { Cell::new(None) }; }
    VALUE.set(8);
    let (sender, receiver) = mpsc::channel();
    let inside = thread::spawn(move || {
        ENDING.set(Some(Ending(sender)));
        VALUE.replace(9)
    });
    expect(inside.join().is_ok_and(|value| value == 7), "a fresh value in a new thread")?;
    expect(VALUE.get() == 8, "the old one here")?;
    expect(receiver.recv() == Ok(99), "the destructor to have run")
}

pub(crate) fn mutex() -> Result<(), String> {
    let count = Arc::new(Mutex::new(0_u64));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                (0..20_000).for_each(|_| *count.lock().unwrap_or_else(|e| e.into_inner()) += 1)
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| drop(thread.join()));
    expect(count.lock().is_ok_and(|count| *count == 60_000), "no update to be lost")
}

pub(crate) fn condvar() -> Result<(), String> {
    let turn = Arc::new((Mutex::new(0_u32), Condvar::new()));
    let play = |own: u32, turn: Arc<(Mutex<u32>, Condvar)>| {
        for _ in 0..500 {
            let Ok(guard) = turn.0.lock() else { return };
            let Ok(mut guard) = turn.1.wait_while(guard, |now| *now % 2 != own) else { return };
            *guard += 1;
            turn.1.notify_one();
        }
    };
    let other = Arc::clone(&turn);
    let thread = thread::spawn(move || play(1, other));
    play(0, Arc::clone(&turn));
    expect(thread.join().is_ok(), "the other to end")?;
    expect(turn.0.lock().is_ok_and(|turns| *turns == 1000), "a thousand turns")
}

pub(crate) fn time_out() -> Result<(), String> {
    let start = Instant::now();
    thread::sleep(Duration::from_millis(20));
    expect(start.elapsed() >= Duration::from_millis(20), "a sleep of at least its time")?;
    let (_sender, receiver) = mpsc::channel::<()>();
    let start = Instant::now();
    expect(receiver.recv_timeout(Duration::from_millis(20)).is_err(), "a time-out")?;
    expect(start.elapsed() >= Duration::from_millis(20), "no time-out too early")
}

pub(crate) fn clock() -> Result<(), String> {
    let mut latest = Instant::now();
    for _ in 0..10_000 {
        let now = Instant::now();
        expect(now >= latest, "the clock not to go back")?;
        latest = now;
    }
    // The host's word: some time after this was written.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    expect(since > Duration::from_secs(1_700_000_000), "a wall clock")
}
