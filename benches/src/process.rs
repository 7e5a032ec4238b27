//! What is measured of a process.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

/// What a program that ran to its end said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Standard output.
    pub(crate) output: String,
    /// Standard error.
    errors: String,
}

impl Ended {
    /// How many milliseconds the application ran, start and end of everything around it not counted: what
    /// `holdfast run --json` and our native host say on their last line.
    pub(crate) fn milliseconds(&self) -> Result<f64> {
        let last = self.errors.lines().last().context("there is no summary")?;
        let summary: serde_json::Value = serde_json::from_str(last).context("the last line is no summary")?;
        summary["milliseconds"]["run"].as_f64().context("the summary has no milliseconds.run")
    }

    /// What a program that times its own phases says of them, in milliseconds, in its order.
    pub(crate) fn phases<const N: usize>(&self, names: [&str; N]) -> Result<[f64; N]> {
        let mut lines = self.output.lines();
        let mut phases = [0.0; N];
        for (name, milliseconds) in names.into_iter().zip(&mut phases) {
            let line = lines.next().unwrap_or_default();
            let nanoseconds = line.strip_prefix(name).map(str::trim).map(str::parse::<f64>);
            let Some(Ok(nanoseconds)) = nanoseconds else { bail!("no time of {name:?} in {line:?}") };
            *milliseconds = nanoseconds / 1e6;
        }
        Ok(phases)
    }
}

/// Runs a command to a good end, its input empty.
pub(crate) fn complete(mut command: Command) -> Result<Ended> {
    let output = command.stdin(Stdio::null()).output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    check(output.status, &errors)?;
    Ok(Ended { output: String::from_utf8_lossy(&output.stdout).into_owned(), errors })
}

/// Milliseconds from the start of a command to its end, its streams connected to nothing.
pub(crate) fn until_exit(mut command: Command) -> Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begin = Instant::now();
    let output = command.spawn()?.wait_with_output()?;
    let milliseconds = since(begin);
    check(output.status, &String::from_utf8_lossy(&output.stderr))?;
    Ok(milliseconds)
}

/// Milliseconds from the start of a command to the first byte of its output.
pub(crate) fn until_first_byte(command: Command) -> Result<f64> {
    let begin = Instant::now();
    let waiting = Waiting::start(command)?;
    let milliseconds = since(begin);
    waiting.end()?;
    Ok(milliseconds)
}

/// Gigabytes a second through a program that copies its input to its output, its start not counted.
pub(crate) fn throughput(command: Command, length: usize) -> Result<f64> {
    let mut waiting = Waiting::prompted(command)?;
    let mut input = waiting.child.stdin.take().context("the child has no input")?;
    let output = waiting.child.stdout.as_mut().context("the child has no output")?;
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let block = vec![0xa5; 1 << 18];
            (0..length / block.len()).try_for_each(|_| input.write_all(&block))
        });
        let mut buffer = vec![0; 1 << 18];
        let mut received = 0;
        while received < length {
            match output.read(&mut buffer)? {
                0 => bail!("the output ended after {received} bytes"),
                part => received += part,
            }
        }
        writer.join().map_err(|_| anyhow::anyhow!("the writer failed"))?.context("cannot write")
    })?;
    let rate = length as f64 / begin.elapsed().as_secs_f64() / 1e9;
    waiting.end()?;
    Ok(rate)
}

/// Resident memory in MiB of a command that waits for input after its first byte of output: of its own
/// process, and of those that it started.
pub(crate) fn resident(command: Command) -> Result<[f64; 2]> {
    let waiting = Waiting::start(command)?;
    let own = waiting.child.id();
    let sizes = [proportional(own)?, descendants(own)?.into_iter().map(proportional).sum::<Result<f64>>()?];
    waiting.end()?;
    Ok(sizes)
}

/// A running child. Dropping it ends it.
struct Waiting {
    child: Child,
}

impl Waiting {
    /// Starts a command and reads the first byte of its output.
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut waiting = Self { child: command.spawn()? };
        waiting.first_byte()?;
        Ok(waiting)
    }

    /// Starts a command and gives it a byte of input to answer.
    fn prompted(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut waiting = Self { child: command.spawn()? };
        waiting.child.stdin.as_mut().context("the child has no input")?.write_all(b".")?;
        waiting.first_byte()?;
        Ok(waiting)
    }

    fn first_byte(&mut self) -> Result<()> {
        let output = self.child.stdout.as_mut().context("the child has no output")?;
        if output.read(&mut [0])? == 1 {
            return Ok(());
        }
        let mut errors = String::new();
        self.child.stderr.as_mut().context("the child has no errors")?.read_to_string(&mut errors)?;
        check(self.child.wait()?, &errors)?;
        bail!("it ended without output")
    }

    /// Closes its input and waits for its end.
    fn end(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let mut errors = String::new();
        self.child.stderr.as_mut().context("the child has no errors")?.read_to_string(&mut errors)?;
        check(self.child.wait()?, &errors)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Both fail for a child that has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn check(status: ExitStatus, errors: &str) -> Result<()> {
    let end: Vec<_> = errors.lines().rev().take(3).collect();
    let end: Vec<_> = end.into_iter().rev().collect();
    ensure!(status.success(), "it ended with {status}: {}", end.join(" / "));
    Ok(())
}

/// The processes below a process.
fn descendants(ancestor: u32) -> Result<Vec<u32>> {
    let mut all = vec![ancestor];
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(id) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        // One that has just ended is of no interest. Its name, in parentheses, may hold anything.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parents.extend(parent.map(|parent| (id, parent)));
    }
    let mut next = 0;
    while let Some(&parent) = all.get(next) {
        all.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    all.remove(0);
    Ok(all)
}

/// The proportional set size of a process in MiB: a page that several share counts as a part for each.
fn proportional(id: u32) -> Result<f64> {
    let path = format!("/proc/{id}/smaps_rollup");
    let rollup = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes / 1024.0)
}

fn since(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_read_in_order() {
        let ended = |output: &str| Ended { output: output.into(), errors: String::new() };
        assert_eq!(ended("grow 1500000\ntouch 7\n").phases(["grow", "touch"]).unwrap(), [1.5, 7e-6]);
        assert!(ended("touch 7\n").phases(["grow"]).is_err());
        assert!(ended("grow\n").phases(["grow"]).is_err());
    }

    #[test]
    fn the_summary_is_the_last_line() {
        let errors = "a warning\n{\"milliseconds\":{\"run\":2.5}}\n".into();
        assert_eq!(Ended { output: String::new(), errors }.milliseconds().unwrap(), 2.5);
        assert!(Ended { output: String::new(), errors: "no\n".into() }.milliseconds().is_err());
    }

    #[test]
    fn a_child_is_found_and_measured() {
        // It has answered, so its memory is there.
        let cat = Waiting::prompted(Command::new("cat")).unwrap();
        let id = cat.child.id();
        assert!(descendants(std::process::id()).unwrap().contains(&id));
        assert!(proportional(id).unwrap() > 0.01);
        cat.end().unwrap();
    }

    #[test]
    fn all_goes_through_a_pipe() {
        assert!(throughput(Command::new("cat"), 1 << 20).unwrap() > 0.0);
    }

    #[test]
    fn a_failure_is_told_with_its_last_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo reason >&2; exit 3"]);
        let error = complete(command).unwrap_err().to_string();
        assert!(error.contains("3") && error.contains("reason"), "{error}");
    }
}
