//! The application's standard streams on the channel, for WASI p1, p2 (`InputStream`, `OutputStream`)
//! and p3 (`AsyncRead`, `AsyncWrite`).

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use holdfast_protocol::{Stream, frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::channel::{Input, Shared};
use crate::failure::Stop;

/// Standard input.
#[derive(Clone, Debug)]
pub(crate) struct Stdin(pub(crate) Shared);

/// Standard output or standard error.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) channel: Shared,
    pub(crate) stream: Stream,
}

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

impl InputStream for Stdin {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.0.lock().read(size).map_err(broken)? {
            Input::Bytes(bytes) => Ok(bytes),
            Input::Nothing => Ok(Bytes::new()),
            Input::End => Err(StreamError::Closed),
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Stdin {
    async fn ready(&mut self) {
        poll_fn(|context| {
            let mut channel = self.0.lock();
            match channel.readable() {
                Ok(false) => {
                    channel.wait(context.waker());
                    Poll::Pending
                }
                // An error is for the read that follows.
                Ok(true) | Err(_) => Poll::Ready(()),
            }
        })
        .await;
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut channel = self.0.lock();
        match channel.read(to.remaining())? {
            Input::Bytes(bytes) => to.put_slice(&bytes),
            Input::End => {}
            Input::Nothing => {
                channel.wait(context.waker());
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.channel.lock().write(self.stream, &bytes).map_err(broken)
    }

    /// What is written is sent before the application goes on, so there is nothing to do.
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        // The application can make us allocate as much as this says.
        Ok(self.channel.lock().room(self.stream).min(frame::MAX_PAYLOAD))
    }
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        poll_fn(|context| {
            let mut channel = self.channel.lock();
            // An error is for the write that follows.
            if channel.room(self.stream) > 0 || channel.wait_for_room(context.waker()).is_err() {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut channel = self.channel.lock();
        let length = channel.room(self.stream).min(bytes.len());
        if length == 0 && !bytes.is_empty() {
            channel.wait_for_room(context.waker())?;
            return Poll::Pending;
        }
        channel.write(self.stream, bytes.get(..length).unwrap_or_default())?;
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(self.channel.lock().send()?))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// A broken conversation is no error that an application could handle: it ends it.
fn broken(stop: Stop) -> StreamError {
    StreamError::Trap(io::Error::from(stop).into())
}
