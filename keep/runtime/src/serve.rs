//! One conversation from the first to the last message.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;

use holdfast_protocol::{Configuration, Entry, Exit, FailureClass, Ready, ToClient};
use tokio::io::Interest;

use crate::application::Loaded;
use crate::channel::{Channel, Shared};
use crate::failure::{Lost, Stop};
use crate::files::{self, Sink};
use crate::opening::Opening;

/// Runs one application for the client at the other end of `channel`, with its files below `root`.
///
/// # Errors
/// [`Lost`] if the channel fails before the client has been told how it ended. All else is told to the
/// client.
pub fn serve(channel: UnixStream, root: &Path) -> Result<(), Lost> {
    let mut opening = Opening::new(channel);
    let (configuration, application) = match open(&mut opening, root) {
        Ok(opened) => opened,
        Err(Stop::Lost(lost)) => return Err(lost),
        Err(Stop::Tell(exit)) => {
            return match opening.send(&ToClient::Exit(exit)) {
                Err(Stop::Lost(lost)) => Err(lost),
                Ok(()) | Err(Stop::Tell(_)) => Ok(()),
            };
        }
    };
    let channel = Shared::new(opening.socket, opening.decoder)?;
    let ended = run(application, &configuration, root, &channel)
        .and_then(|exit| give_back(&configuration, root, &mut channel.lock()).map(|()| exit));
    let mut channel = channel.lock();
    match ended {
        Ok(exit) | Err(Stop::Tell(exit)) => match channel.say(&ToClient::Exit(exit)) {
            Err(Stop::Lost(lost)) => Err(lost),
            // A client that breaks the rules to the very end is told no more.
            Ok(()) | Err(Stop::Tell(_)) => channel.close(),
        },
        Err(Stop::Lost(lost)) => Err(lost),
    }
}

/// All that comes before the start.
fn open(opening: &mut Opening, root: &Path) -> Result<(Configuration, Loaded), Stop> {
    opening.hello()?;
    let (configuration, configuration_digest) = opening.configuration()?;
    let (announced, artefact) = opening.application()?;
    let application = Loaded::new(&announced, &artefact, &configuration)?;
    // Wasmtime has its own copy; the files may need the room.
    drop(artefact);
    let files = opening.files(root, configuration.directories.len())?;
    let ready = Ready { configuration: configuration_digest, application: announced.digest, files };
    opening.send(&ToClient::Ready(ready))?;
    opening.start()?;
    Ok((configuration, application))
}

fn run(
    application: Loaded,
    configuration: &Configuration,
    root: &Path,
    channel: &Shared,
) -> Result<Exit, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Stop::new(FailureClass::Internal, format!("cannot wait for events: {error}")))?;
    runtime.block_on(async {
        let mut listening = pin!(listen(channel));
        let mut running = pin!(application.run(configuration, root, channel));
        poll_fn(|context| match listening.as_mut().poll(context) {
            Poll::Ready(stop) => Poll::Ready(Err(stop)),
            Poll::Pending => running.as_mut().poll(context).map(Ok),
        })
        .await
    })
}

/// Takes what the client sends, whenever it comes, until the conversation breaks.
async fn listen(channel: &Shared) -> Stop {
    let socket = match channel.lock().socket().and_then(tokio::net::UnixStream::from_std) {
        Ok(socket) => socket,
        Err(error) => return Lost(error).into(),
    };
    loop {
        // First what came with the opening, then what comes.
        if let Err(stop) = channel.lock().receive() {
            return stop;
        }
        if let Err(error) = socket.readable().await {
            return Lost(error).into();
        }
        // `receive` reads past this object, which must be told to wait for more.
        let emptied = || Err::<(), _>(ErrorKind::WouldBlock.into());
        if let Err(error) = socket.try_io(Interest::READABLE, emptied)
            && error.kind() != ErrorKind::WouldBlock
        {
            return Lost(error).into();
        }
    }
}

/// Sends the content of the directories that the client wants back.
fn give_back(configuration: &Configuration, root: &Path, channel: &mut Channel) -> Result<(), Stop> {
    for (index, directory) in (0..).zip(&configuration.directories) {
        if directory.out {
            files::collect(root, index, channel)?;
        }
    }
    channel.say(&ToClient::OutEnd)
}

impl Sink for Channel {
    fn entry(&mut self, entry: Entry) -> Result<(), Stop> {
        self.say(&ToClient::Entry(entry))
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.say(&ToClient::Data(bytes))
    }
}
