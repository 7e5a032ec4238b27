//! A child process under a time limit, with its output as it comes.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How often the end of a process is looked for.
const TICK: Duration = Duration::from_millis(2);

/// How long the pipes of a killed process may stay open: some process that it started has them.
const GRACE: Duration = Duration::from_secs(5);

/// A running process. Dropping it ends it, and all of its process group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Captured,
    stderr: Captured,
    deadline: Instant,
}

/// What a process that has ended leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit status; `128 + n` for signal `n`, as a shell says it.
    pub status: i32,
    /// All of standard output, also what has been read before.
    pub stdout: Vec<u8>,
    /// All of standard error.
    pub stderr: Vec<u8>,
    /// It had to be killed at the end of its time.
    pub late: bool,
}

/// One of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Running {
    /// Starts `command` with pipes for its streams. It is killed `limit` from now.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(mut command: Command, limit: Duration) -> io::Result<Self> {
        use std::os::unix::process::CommandExt;
        let deadline = Instant::now() + limit;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // So that all that it starts can be ended with it.
            .process_group(0)
            .spawn()?;
        let missing = || io::Error::other("the child has no pipe");
        let stdin = child.stdin.take();
        let stdout = Captured::new(child.stdout.take().ok_or_else(missing)?);
        let stderr = Captured::new(child.stderr.take().ok_or_else(missing)?);
        Ok(Self { child, stdin, stdout, stderr, deadline })
    }

    /// Runs `command` to its end with `input` on standard input.
    ///
    /// # Errors
    /// If the program cannot be started or waited for.
    pub fn complete(command: Command, input: &[u8], limit: Duration) -> io::Result<Ended> {
        let mut running = Self::start(command, limit)?;
        let stdin = running.stdin.take();
        thread::scope(|scope| {
            // A program need not read all that it is given.
            scope.spawn(|| stdin.map(|mut stdin| stdin.write_all(input)));
            running.wait()
        })
    }

    /// Writes to standard input.
    ///
    /// # Errors
    /// If the program has closed it.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or_else(|| io::Error::other("standard input is closed"))?;
        stdin.write_all(bytes)?;
        stdin.flush()
    }

    /// The next `length` bytes of a stream; fewer if it ends, or the time, before them.
    pub fn read(&mut self, stream: Output, length: usize) -> Vec<u8> {
        self.captured(stream).take(self.deadline, |unread| (unread.len() >= length).then_some(length))
    }

    /// The next line of a stream without its end; the rest if the stream ends, or the time, before it.
    pub fn read_line(&mut self, stream: Output) -> String {
        let end = |unread: &[u8]| unread.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
        let line = self.captured(stream).take(self.deadline, end);
        String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()
    }

    /// Sends a signal to the process alone.
    ///
    /// # Errors
    /// If it has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(self.pid(), signal)?)
    }

    /// Closes standard input and waits for the end.
    ///
    /// # Errors
    /// If the system cannot say how it ended.
    pub fn wait(mut self) -> io::Result<Ended> {
        drop(self.stdin.take());
        let mut late = false;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if !late && Instant::now() >= self.deadline {
                late = true;
                self.kill();
            }
            thread::sleep(TICK);
        };
        let patience = Instant::now() + GRACE;
        let (stdout, stderr) = (self.stdout.all(patience), self.stderr.all(patience));
        Ok(Ended { status: shell_status(status), stdout, stderr, late })
    }

    fn captured(&self, stream: Output) -> &Captured {
        match stream {
            Output::Stdout => &self.stdout,
            Output::Stderr => &self.stderr,
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn kill(&self) {
        // Nobody to kill is as good as killed.
        let _ = kill_process_group(self.pid(), Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once waited for, the number may be someone else's.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    /// Standard output as text.
    #[must_use]
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    #[must_use]
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

fn shell_status(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// A stream that a thread reads as it comes.
#[derive(Clone, Debug)]
struct Captured(Arc<(Mutex<Bytes>, Condvar)>);

#[derive(Debug, Default)]
struct Bytes {
    all: Vec<u8>,
    read: usize,
    ended: bool,
}

impl Captured {
    fn new(mut pipe: impl Read + Send + 'static) -> Self {
        let captured = Self(Arc::default());
        let writer = captured.clone();
        thread::spawn(move || {
            let mut block = vec![0; 1 << 16];
            // An unreadable pipe has ended as far as we can tell.
            while let Ok(length @ 1..) = pipe.read(&mut block) {
                writer.lock().all.extend_from_slice(&block[..length]);
                writer.0.1.notify_all();
            }
            writer.lock().ended = true;
            writer.0.1.notify_all();
        });
        captured
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes as many unread bytes as `enough` says, or all there are at the end or the deadline.
    fn take(&self, deadline: Instant, enough: impl Fn(&[u8]) -> Option<usize>) -> Vec<u8> {
        let mut bytes = self.lock();
        loop {
            let unread = &bytes.all[bytes.read..];
            let left = deadline.saturating_duration_since(Instant::now());
            let length = match enough(unread) {
                Some(length) => length,
                None if bytes.ended || left.is_zero() => unread.len(),
                None => {
                    bytes = self.0.1.wait_timeout(bytes, left).unwrap_or_else(PoisonError::into_inner).0;
                    continue;
                }
            };
            let taken = unread[..length].to_vec();
            bytes.read += length;
            return taken;
        }
    }

    /// All bytes from the start, once the stream has ended or the deadline passed.
    fn all(&self, deadline: Instant) -> Vec<u8> {
        self.take(deadline, |_| None);
        self.lock().all.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn streams_and_status_come_back() {
        let ended = Running::complete(shell("cat; echo no >&2; exit 3"), b"yes", LONG).unwrap();
        assert_eq!((ended.out().as_str(), ended.err().as_str(), ended.status), ("yes", "no\n", 3));
        assert!(!ended.late);
    }

    #[test]
    fn a_conversation_goes_line_by_line() {
        let mut running = Running::start(shell("echo ready; read x; printf %s $x"), LONG).unwrap();
        assert_eq!(running.read_line(Output::Stdout), "ready");
        running.write(b"word\n").unwrap();
        assert_eq!(running.read(Output::Stdout, 4), b"word");
        assert_eq!(running.wait().unwrap().stdout, b"ready\nword");
    }

    #[test]
    fn whoever_is_late_is_killed_with_its_children() {
        let ended =
            Running::complete(shell("sleep 100 & sleep 100"), b"", Duration::from_millis(50)).unwrap();
        assert!(ended.late);
        assert_eq!(ended.status, 128 + 9);
    }
}
