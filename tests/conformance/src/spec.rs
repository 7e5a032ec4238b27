//! The JSON beside a program of the public suite: how to run it and what to expect.
//!
//! Two forms exist. The older one names arguments, output and exit status; the newer one lists
//! operations. Both become a list of [`Operation`]s.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How to run a program, and what to expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// What to do, in this order.
    pub operations: Vec<Operation>,
    /// What of WASI it needs besides the least: `http`, `sockets`.
    pub proposals: Vec<String>,
    /// What kind of program it is.
    pub world: World,
    /// HTTP servers that it may talk to.
    pub servers: Vec<Server>,
}

/// What kind of program a component is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum World {
    /// It runs once.
    #[default]
    #[serde(rename = "wasi:cli/command")]
    Command,
    /// It answers HTTP requests.
    #[serde(rename = "wasi:http/service")]
    Service,
}

/// One step of a test.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Operation {
    /// Start the program.
    Run(Run),
    /// Wait for its end, and compare its exit status.
    Wait {
        #[serde(default)]
        /// The status expected.
        exit_code: i32,
    },
    /// Read so much from a stream, and compare.
    Read {
        /// Which.
        #[serde(default)]
        id: Stream,
        /// What is expected.
        #[serde(default)]
        payload: String,
    },
    /// Write to standard input.
    Write {
        /// Always `stdin`.
        #[serde(default, rename = "id")]
        _id: Option<String>,
        /// What.
        #[serde(default)]
        payload: String,
    },
    /// Connect to the address that the program prints.
    Connect {
        /// The connection's name.
        #[serde(default = "server")]
        id: String,
        /// `tcp`, if it is there.
        #[serde(default)]
        protocol_type: Option<String>,
    },
    /// Send on a connection.
    Send {
        /// Which.
        id: String,
        /// What.
        #[serde(default)]
        payload: String,
    },
    /// Receive so much from a connection, and compare.
    Recv {
        /// Which.
        id: String,
        /// What is expected.
        #[serde(default)]
        payload: String,
    },
    /// Ask the program, an HTTP service, and compare its answer.
    Request(Request),
    /// Send a signal.
    Kill {
        /// Its name, `SIGTERM` if none.
        signal: Option<String>,
    },
}

/// How to start a program.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Run {
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// A directory beside the program that it sees as `/`.
    pub root: Option<String>,
}

/// An output stream.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// An HTTP request and the answer expected.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// `GET`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers to send.
    pub headers: BTreeMap<String, String>,
    /// Body to send.
    pub body: String,
    /// The answer expected.
    pub response: Response,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "GET".into(),
            path: "/".into(),
            headers: BTreeMap::new(),
            body: String::new(),
            response: Response::default(),
        }
    }
}

/// An HTTP answer: expected, or to be given.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers; expected ones must be there, others may.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
    /// The body in chunks, instead.
    pub chunks: Option<Vec<String>>,
    /// What follows the last chunk.
    pub trailers: BTreeMap<String, String>,
}

impl Default for Response {
    fn default() -> Self {
        let (headers, trailers) = (BTreeMap::new(), BTreeMap::new());
        Self { status: 200, headers, body: String::new(), chunks: None, trailers }
    }
}

/// An HTTP server beside the program, whose address is in the environment as `HTTP_SERVER_<NAME>`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Whether anybody listens there.
    #[serde(default)]
    pub kind: ServerKind,
    /// What it answers; everything else is not found.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

/// Whether anybody listens at a server's address.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// Somebody does.
    #[default]
    Listening,
    /// Nobody does: connections are refused.
    Closed,
}

/// One address of a server and its answer.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// `GET`, …
    #[serde(default = "get")]
    pub method: String,
    /// Path and query.
    #[serde(default = "slash")]
    pub path: String,
    /// How to answer.
    #[serde(default)]
    pub mode: Mode,
    /// The answer, in [`Mode::Static`].
    #[serde(default)]
    pub response: Response,
}

/// How an endpoint answers.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// As it is told.
    #[default]
    Static,
    /// With the request's body.
    EchoBody,
    /// With the request's line, headers and trailers as headers.
    EchoHeaders,
}

fn server() -> String {
    "server".into()
}

fn get() -> String {
    "GET".into()
}

fn slash() -> String {
    "/".into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operations {
    #[serde(default)]
    operations: Vec<Operation>,
    #[serde(default)]
    proposals: Vec<String>,
    #[serde(default)]
    world: World,
    #[serde(default)]
    servers: Vec<Server>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Older {
    args: Vec<String>,
    root: Option<String>,
    env: BTreeMap<String, String>,
    exit_code: i32,
    stdout: String,
    stderr: String,
}

impl Spec {
    /// Reads a specification.
    ///
    /// # Errors
    /// If the text is not JSON, or has a key that we do not know and so would not test.
    pub fn parse(json: &str) -> serde_json::Result<Self> {
        let value: serde_json::Value = serde_json::from_str(json)?;
        let newer = ["operations", "proposals", "servers"].iter().any(|&key| value.get(key).is_some());
        if newer {
            serde_json::from_value::<Operations>(value).map(Self::from)
        } else {
            serde_json::from_value(value).map(Self::of_older)
        }
    }

    fn of_older(older: Older) -> Self {
        let mut operations = vec![Operation::Run(Run { args: older.args, env: older.env, root: older.root })];
        for (id, payload) in [(Stream::Stdout, older.stdout), (Stream::Stderr, older.stderr)] {
            if !payload.is_empty() {
                operations.push(Operation::Read { id, payload });
            }
        }
        operations.push(Operation::Wait { exit_code: older.exit_code });
        Self { operations, proposals: Vec::new(), world: World::Command, servers: Vec::new() }
    }
}

impl Default for Spec {
    /// What holds for a program without a file of its own: it ends with status 0.
    fn default() -> Self {
        Self::of_older(Older::default())
    }
}

impl From<Operations> for Spec {
    fn from(newer: Operations) -> Self {
        let Operations { mut operations, proposals, world, servers } = newer;
        if operations.is_empty() {
            operations = Self::default().operations;
        }
        Self { operations, proposals, world, servers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_becomes_operations() {
        let spec = Spec::parse(r#"{"args": ["a"], "root": "d", "stdout": "hello", "exit_code": 3}"#).unwrap();
        let run = Run { args: vec!["a".into()], root: Some("d".into()), ..Run::default() };
        let read = Operation::Read { id: Stream::Stdout, payload: "hello".into() };
        assert_eq!(spec.operations, [Operation::Run(run), read, Operation::Wait { exit_code: 3 }]);
    }

    #[test]
    fn the_newer_form_has_defaults() {
        let spec =
            Spec::parse(r#"{"proposals": ["sockets"], "operations": [{"type": "run"}, {"type": "wait"}]}"#);
        let spec = spec.unwrap();
        assert_eq!(spec.operations, Spec::default().operations);
        assert_eq!(spec.proposals, ["sockets"]);
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(Spec::parse(r#"{"stdin": "x"}"#).is_err());
        assert!(Spec::parse(r#"{"operations": [{"type": "sing"}]}"#).is_err());
    }
}
