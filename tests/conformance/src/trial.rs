//! One program of the suite on one target.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::files;
use crate::http::{self, Server};
use crate::process::{Output, Running};
use crate::spec::{Operation, Request, Run, Stream};
use crate::suite::Case;
use crate::target::{Directory, Launch, Target};

/// Runs a program as its specification says.
///
/// # Errors
/// The first thing that is not as expected.
pub fn run(case: &Case, target: &Target, limit: Duration) -> Result<()> {
    let mut trial = Trial::new(case, target, limit)?;
    case.spec.operations.iter().try_for_each(|operation| trial.step(operation))
}

struct Trial<'a> {
    case: &'a Case,
    target: &'a Target,
    limit: Duration,
    servers: Vec<Server>,
    /// The program's own copy of its directory.
    root: TempDir,
    running: Option<Running>,
    connections: BTreeMap<&'a str, TcpStream>,
    /// Where the program, an HTTP service, listens.
    address: Option<String>,
}

impl<'a> Trial<'a> {
    fn new(case: &'a Case, target: &'a Target, limit: Duration) -> Result<Self> {
        let servers = case.spec.servers.iter().map(Server::start).collect::<std::io::Result<_>>()?;
        let root = tempfile::tempdir()?;
        let connections = BTreeMap::new();
        Ok(Self { case, target, limit, servers, root, running: None, connections, address: None })
    }

    fn step(&mut self, operation: &'a Operation) -> Result<()> {
        match operation {
            Operation::Run(run) => self.start(run),
            Operation::Wait { exit_code } => self.wait(*exit_code),
            Operation::Read { id, payload } => {
                let stream = output(*id);
                let found = self.running()?.read(stream, payload.len());
                same(&format!("{stream:?}"), payload, &String::from_utf8_lossy(&found))
            }
            Operation::Write { payload, .. } => Ok(self.running()?.write(payload.as_bytes())?),
            Operation::Connect { id, protocol_type } => self.connect(id, protocol_type.as_deref()),
            Operation::Send { id, payload } => Ok(self.connection(id)?.write_all(payload.as_bytes())?),
            Operation::Recv { id, payload } => {
                let mut found = vec![0; payload.len()];
                self.connection(id)?.read_exact(&mut found).context("the connection ended")?;
                same("the connection", payload, &String::from_utf8_lossy(&found))
            }
            Operation::Request(request) => self.request(request),
            Operation::Kill { signal } => {
                let signal = match signal.as_deref() {
                    None | Some("SIGTERM") => Signal::TERM,
                    Some("SIGINT") => Signal::INT,
                    Some(other) => bail!("the specification names {other}, which is not supported"),
                };
                Ok(self.running()?.signal(signal)?)
            }
        }
    }

    fn start(&mut self, run: &Run) -> Result<()> {
        let mut launch = Launch {
            application: self.case.wasm.clone(),
            arguments: run.args.clone(),
            environment: run.env.clone().into_iter().collect(),
            world: self.case.spec.world,
            p3: self.case.p3(),
            proposals: self.case.spec.proposals.clone(),
            ..Launch::default()
        };
        launch.environment.extend(self.servers.iter().map(Server::variable));
        if let Some(root) = &run.root {
            let from = self.case.wasm.with_file_name(root);
            files::copy(&from, self.root.path()).with_context(|| from.display().to_string())?;
            launch.directories =
                vec![Directory { host: self.root.path().into(), guest: "/".into(), out: false }];
        }
        self.running = Some(Running::start(self.target.command(&launch), self.limit)?);
        Ok(())
    }

    fn wait(&mut self, expected: i32) -> Result<()> {
        let ended = self.running.take().context("the specification waits for nothing")?.wait()?;
        ensure!(!ended.late, "it was not done after {:?}", self.limit);
        ensure!(
            ended.status == expected,
            "exit status {} instead of {expected}: {}",
            ended.status,
            [ended.err(), ended.out()].concat().trim()
        );
        Ok(())
    }

    fn connect(&mut self, id: &'a str, protocol: Option<&str>) -> Result<()> {
        ensure!(matches!(protocol, None | Some("tcp")), "the specification names an unknown protocol");
        let address = self.running()?.read_line(Output::Stdout);
        let connection =
            TcpStream::connect(&address).with_context(|| format!("cannot connect to `{address}`"))?;
        connection.set_read_timeout(Some(self.limit))?;
        self.connections.insert(id, connection);
        Ok(())
    }

    fn request(&mut self, request: &Request) -> Result<()> {
        let address = match &self.address {
            Some(address) => address.clone(),
            None => {
                let line = self.running()?.read_line(Output::Stderr);
                let url = line.split_once("http://").map(|(_, rest)| rest);
                let url = url.with_context(|| format!("it does not say where it listens: {line}"))?;
                url.split(['/', ' ']).next().unwrap_or_default().to_owned()
            }
        };
        self.address = Some(address.clone());
        let answer = http::ask(&address, request, self.limit)
            .with_context(|| format!("{} {}", request.method, request.path))?;
        same("the answer's status", &request.response.status.to_string(), &answer.status()?.to_string())?;
        for (name, value) in &request.response.headers {
            same(name, value, answer.header(name).unwrap_or("nothing"))?;
        }
        same("the answer's body", &request.response.body, &String::from_utf8_lossy(&answer.body))
    }

    fn running(&mut self) -> Result<&mut Running> {
        self.running.as_mut().context("the specification has not started the program")
    }

    fn connection(&mut self, id: &str) -> Result<&mut TcpStream> {
        self.connections.get_mut(id).context("the specification has not opened this connection")
    }
}

fn output(stream: Stream) -> Output {
    match stream {
        Stream::Stdout => Output::Stdout,
        Stream::Stderr => Output::Stderr,
    }
}

fn same(what: &str, expected: &str, found: &str) -> Result<()> {
    ensure!(expected == found, "{what}: {found:?} instead of {expected:?}");
    Ok(())
}
