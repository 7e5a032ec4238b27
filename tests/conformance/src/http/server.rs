//! The servers that programs under test talk to.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Message;
use super::message::write_fields;
use crate::spec::{self, Endpoint, Mode, ServerKind};

/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, or an address at which nobody listens. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    name: String,
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server on a port of the loopback interface.
    ///
    /// # Errors
    /// If there is no port.
    pub fn start(spec: &spec::Server) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        match spec.kind {
            ServerKind::Closed => drop(listener),
            ServerKind::Listening => {
                let (over, endpoints) = (over.clone(), Arc::new(spec.endpoints.clone()));
                thread::spawn(move || {
                    for connection in listener.incoming() {
                        if over.load(Ordering::Acquire) {
                            return;
                        }
                        let endpoints = endpoints.clone();
                        // A client that goes away is no fault of the server's; the test will tell.
                        thread::spawn(move || connection.and_then(|it| serve(&it, &endpoints)));
                    }
                });
            }
        }
        Ok(Self { name: spec.name.to_uppercase(), address, over })
    }

    /// The environment variable that tells a program where the server is.
    #[must_use]
    pub fn variable(&self) -> (String, String) {
        (format!("HTTP_SERVER_{}", self.name), self.address.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // Wakes the thread that accepts. A closed server has none, and nobody answers.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(connection: &TcpStream, endpoints: &[Endpoint]) -> io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    let request = Message::read(&mut BufReader::new(connection), false)?;
    let mut words = request.start.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let found = endpoints.iter().find(|endpoint| endpoint.method == method && endpoint.path == path);
    let answer = answer(found, &request, method, path);
    let mut bytes = Vec::new();
    answer.write(&mut bytes, method != "HEAD")?;
    (&*connection).write_all(&bytes)
}

/// What is to be sent.
#[derive(Default)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The body in pieces, instead.
    chunks: Option<Vec<String>>,
    trailers: Vec<(String, String)>,
}

fn answer(endpoint: Option<&Endpoint>, request: &Message, method: &str, path: &str) -> Answer {
    let Some(endpoint) = endpoint else { return Answer { status: 404, ..Answer::default() } };
    match endpoint.mode {
        Mode::Static => {
            let response = &endpoint.response;
            Answer {
                status: response.status,
                headers: response.headers.clone().into_iter().collect(),
                body: response.body.clone().into_bytes(),
                chunks: response.chunks.clone(),
                trailers: response.trailers.clone().into_iter().collect(),
            }
        }
        Mode::EchoBody => Answer { status: 200, body: request.body.clone(), ..Answer::default() },
        Mode::EchoHeaders => {
            let mut headers =
                vec![("x-request-method".into(), method.into()), ("x-request-path".into(), path.into())];
            let prefixed = |prefix: &str, fields: &[(String, String)]| -> Vec<_> {
                let name = |name: &String| format!("{prefix}{}", name.to_lowercase());
                fields.iter().map(|(key, value)| (name(key), value.clone())).collect()
            };
            headers.extend(prefixed("x-echo-", &request.headers));
            headers.extend(prefixed("x-trailer-", &request.trailers));
            Answer { status: 200, headers, ..Answer::default() }
        }
    }
}

impl Answer {
    fn write(mut self, to: &mut Vec<u8>, with_body: bool) -> io::Result<()> {
        match &self.chunks {
            None => self.headers.push(("Content-Length".into(), self.body.len().to_string())),
            Some(_) => self.headers.push(("Transfer-Encoding".into(), "chunked".into())),
        }
        if !self.trailers.is_empty() {
            let names: Vec<_> = self.trailers.iter().map(|(name, _)| name.as_str()).collect();
            self.headers.push(("Trailer".into(), names.join(", ")));
        }
        self.headers.push(("Connection".into(), "close".into()));
        let start = format!("HTTP/1.1 {} Answer", self.status);
        Message { start, headers: self.headers, ..Message::default() }.write_head(to)?;
        match self.chunks {
            _ if !with_body => Ok(()),
            None => to.write_all(&self.body),
            Some(chunks) => {
                for chunk in chunks {
                    write!(to, "{:x}\r\n{chunk}\r\n", chunk.len())?;
                }
                to.write_all(b"0\r\n")?;
                write_fields(to, &self.trailers)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::ask;
    use super::*;
    use crate::spec::{Request, Response};

    fn server() -> Server {
        let endpoint = |mode, method: &str, path: &str, response| Endpoint {
            mode,
            method: method.into(),
            path: path.into(),
            response,
        };
        let chunks = Response {
            status: 201,
            chunks: Some(vec!["a".into(), "bc".into()]),
            trailers: BTreeMap::from([("x-sum".into(), "3".into())]),
            ..Response::default()
        };
        let endpoints = vec![
            endpoint(Mode::Static, "GET", "/chunks", chunks),
            endpoint(Mode::EchoBody, "POST", "/body", Response::default()),
            endpoint(Mode::EchoHeaders, "GET", "/headers", Response::default()),
        ];
        Server::start(&spec::Server { name: "main".into(), kind: ServerKind::Listening, endpoints }).unwrap()
    }

    fn get(server: &Server, path: &str) -> Message {
        let headers = BTreeMap::from([("X-Key".to_owned(), "value".to_owned())]);
        let request = Request { path: path.into(), headers, ..Request::default() };
        ask(&server.variable().1, &request, PATIENCE).unwrap()
    }

    #[test]
    fn each_kind_of_endpoint_answers() {
        let server = server();
        assert_eq!(server.variable().0, "HTTP_SERVER_MAIN");
        let chunks = get(&server, "/chunks");
        assert_eq!((chunks.status().unwrap(), chunks.body.as_slice()), (201, b"abc".as_slice()));
        assert_eq!(chunks.trailers, [("x-sum".into(), "3".into())]);
        assert_eq!(get(&server, "/headers").header("x-echo-x-key"), Some("value"));
        assert_eq!(get(&server, "/none").status().unwrap(), 404);
        let request = Request {
            method: "POST".into(),
            path: "/body".into(),
            body: "hello".into(),
            ..Request::default()
        };
        assert_eq!(ask(&server.variable().1, &request, PATIENCE).unwrap().body, b"hello");
    }

    #[test]
    fn nobody_listens_at_a_closed_server() {
        let spec = spec::Server { name: "dead".into(), kind: ServerKind::Closed, endpoints: Vec::new() };
        let server = Server::start(&spec).unwrap();
        assert!(ask(&server.variable().1, &Request::default(), PATIENCE).is_err());
    }
}
