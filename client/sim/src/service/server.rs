use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Answer, Service};

/// What goes wrong with one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 429, to come back after so many seconds.
    TooManyRequests(u32),
    /// 503, without a word when to come back.
    Unavailable,
    /// The second half of the body is missing.
    HalfBody,
    /// The connection is closed without an answer.
    HangUp,
}

/// A [`Service`] on a port of this machine, until it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    service: Service,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: u64,
    troubles: VecDeque<Trouble>,
    requests: Vec<String>,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request, or hangs up.
    fn respond(&self, method: &Method, target: &str) -> Option<Answer> {
        let (trouble, now) = {
            let mut state = self.state();
            state.requests.push(target.to_owned());
            (state.troubles.pop_front(), state.now)
        };
        if method != Method::GET {
            return Some(Answer::refusal(405));
        }
        match trouble {
            Some(Trouble::TooManyRequests(seconds)) => {
                Some(Answer::refusal(429).with("retry-after", seconds.to_string()))
            }
            Some(Trouble::Unavailable) => Some(Answer::refusal(503)),
            Some(Trouble::HalfBody) => {
                let mut answer = self.service.answer(target, now);
                answer.body.truncate(answer.body.len() / 2);
                Some(answer)
            }
            Some(Trouble::HangUp) => None,
            None => Some(self.service.answer(target, now)),
        }
    }
}

impl Server {
    /// Listens on a free port of 127.0.0.1; `now` is what the service takes for the time, in seconds since 1970.
    ///
    /// # Errors
    /// There is no port, or no thread.
    pub fn start(service: Service, now: u64) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let shared = Arc::new(Shared { service, state: Mutex::new(State { now, ..State::default() }) });
        let (stop, stopped) = oneshot::channel();
        let thread = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("simulated vendors".to_owned()).spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, shared) => (),
                        _ = stopped => (),
                    }
                });
            })?
        };
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it is: `http://127.0.0.1:port`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next answers, one each, go wrong in these ways.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.shared.state().troubles.extend(troubles);
    }

    /// Sets what the service takes for the time.
    pub fn set_time(&self, now: u64) {
        self.shared.state().now = now;
    }

    /// What was asked for since the last call, in order: paths with their queries.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state().requests)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the thread has ended by itself.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
                let answer = shared.respond(request.method(), target).ok_or(HungUp);
                async move { answer.map(response) }
            });
            // A client that goes away is its own affair.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

/// Makes the connection's future end without an answer.
#[derive(Debug)]
struct HungUp;

impl std::fmt::Display for HungUp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for HungUp {}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(Bytes::from(answer.body)))
        .expect("the statuses and header fields of this module are well-formed")
}
