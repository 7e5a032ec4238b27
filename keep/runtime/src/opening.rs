//! What comes before the start: the client delivers configuration, application and files, each in its
//! turn. Nothing runs yet, so reads and writes simply block.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use holdfast_protocol::{
    Application, Configuration, Decoder, Digest, Encoder, Entry, FailureClass, Frame, Hello, MAX_ENTRIES,
    Message, ProtocolError, ToClient, ToKeep,
};
use sha2::{Digest as _, Sha256};

use crate::failure::{Lost, Stop};
use crate::files::Layout;

/// The channel before the start.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) socket: UnixStream,
    pub(crate) decoder: Decoder,
    encoder: Encoder,
}

impl Opening {
    /// A conversation that has not begun.
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self { socket, decoder: Decoder::new(), encoder: Encoder::new() }
    }

    /// Exchanges versions.
    pub(crate) fn hello(&mut self) -> Result<(), Stop> {
        self.send(&ToClient::Hello(Hello::default()))?;
        match self.next()? {
            ToKeep::Hello(_) => Ok(()),
            other => Err(out_of_order(&other, "Hello")),
        }
    }

    /// Receives the configuration; the digest is that of its payload.
    pub(crate) fn configuration(&mut self) -> Result<(Configuration, Digest), Stop> {
        let frame = self.frame()?;
        let digest = Sha256::digest(frame.payload).into();
        match ToKeep::parse(frame)? {
            ToKeep::Configuration(configuration) => Ok((configuration, digest)),
            other => Err(out_of_order(&other, "Configuration")),
        }
    }

    /// Receives the application and checks that it is what the client announced.
    pub(crate) fn application(&mut self) -> Result<(Application, Vec<u8>), Stop> {
        let announced = match self.next()? {
            ToKeep::Application(application) => application,
            other => return Err(out_of_order(&other, "Application")),
        };
        let length = usize::try_from(announced.length).unwrap_or(usize::MAX);
        let mut artefact = Vec::new();
        artefact.try_reserve_exact(length).map_err(|_| {
            let text =
                format!("the application's {length} bytes of code do not fit; give the Keep more memory");
            Stop::new(FailureClass::OutOfMemory, text)
        })?;
        while artefact.len() < length {
            let bytes = self.data(length - artefact.len())?;
            artefact.extend_from_slice(bytes);
        }
        if <Digest>::from(Sha256::digest(&artefact)) != announced.digest {
            let text = "the application arrived damaged: its digest is not the one announced";
            return Err(Stop::new(FailureClass::Damaged, text));
        }
        Ok((announced, artefact))
    }

    /// Receives the directories' content and lays it out below `root`; the digest is that of all payloads.
    pub(crate) fn files(&mut self, root: &Path, directories: usize) -> Result<Digest, Stop> {
        let mut layout = Layout::new(root, directories)?;
        let mut digest = Sha256::new();
        let mut count = 0_usize;
        while let Some(entry) = self.entry(&mut digest)? {
            count += 1;
            if count > MAX_ENTRIES {
                return Err(ProtocolError::TooMany { what: "files", limit: MAX_ENTRIES }.into());
            }
            let mut file = layout.add(&entry)?;
            let mut missing = entry.length();
            while missing > 0 {
                let bytes = self.data(usize::try_from(missing).unwrap_or(usize::MAX))?;
                digest.update(bytes);
                missing -= bytes.len() as u64;
                file.write(bytes)?;
            }
            file.finish()?;
        }
        layout.finish()?;
        Ok(digest.finalize().into())
    }

    /// Waits for the word to start.
    pub(crate) fn start(&mut self) -> Result<(), Stop> {
        match self.next()? {
            ToKeep::Start => Ok(()),
            other => Err(out_of_order(&other, "Start")),
        }
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, message: &impl Message) -> Result<(), Stop> {
        self.encoder.push(message)?;
        self.socket.write_all(self.encoder.pending()).map_err(Lost)?;
        self.encoder.consume(self.encoder.len());
        Ok(())
    }

    fn entry(&mut self, digest: &mut Sha256) -> Result<Option<Entry>, Stop> {
        let frame = self.frame()?;
        let payload = frame.payload;
        match ToKeep::parse(frame)? {
            ToKeep::Entry(entry) => {
                digest.update(payload);
                Ok(Some(entry))
            }
            ToKeep::FilesEnd => Ok(None),
            other => Err(out_of_order(&other, "Entry or FilesEnd")),
        }
    }

    /// The next part of something of which `missing` bytes are to come.
    fn data(&mut self, missing: usize) -> Result<&[u8], Stop> {
        match self.next()? {
            ToKeep::Data(bytes) if bytes.len() <= missing => Ok(bytes),
            ToKeep::Data(_) => {
                Err(ProtocolError::Order { found: "more Data", expected: "the announced length" }.into())
            }
            other => Err(out_of_order(&other, "Data")),
        }
    }

    fn next(&mut self) -> Result<ToKeep<'_>, Stop> {
        Ok(ToKeep::parse(self.frame()?)?)
    }

    fn frame(&mut self) -> Result<Frame<'_>, Stop> {
        while !self.decoder.has_frame()? {
            match self.socket.read(self.decoder.space()) {
                Ok(0) => return Err(ProtocolError::Truncated.into()),
                Ok(length) => self.decoder.filled(length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Lost(error).into()),
            }
        }
        Ok(self.decoder.frame()?.ok_or(ProtocolError::Truncated)?)
    }
}

fn out_of_order(found: &ToKeep<'_>, expected: &'static str) -> Stop {
    ProtocolError::Order { found: found.name(), expected }.into()
}
