//! The messages, by direction, and their frames.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Application, Configuration, Digest, Entry, Exit, Frame, ProtocolError, VERSION};

const HELLO: u8 = 1;
const CONFIGURATION: u8 = 2;
const APPLICATION: u8 = 3;
const DATA: u8 = 4;
const ENTRY: u8 = 5;
const FILES_END: u8 = 6;
const START: u8 = 7;
const STDIN: u8 = 8;
const STDIN_END: u8 = 9;
const CREDIT: u8 = 10;
const READY: u8 = 11;
const STDOUT: u8 = 12;
const STDERR: u8 = 13;
const OUT_END: u8 = 14;
const EXIT: u8 = 15;

/// What a client says to a Keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToKeep<'a> {
    /// The first message.
    Hello(Hello),
    /// The second.
    Configuration(Configuration),
    /// The third; its bytes follow as `Data`.
    Application(Application),
    /// The next bytes of the application or file before it.
    Data(&'a [u8]),
    /// A file, directory or link; a file's bytes follow as `Data`.
    Entry(Entry),
    /// That was the last entry.
    FilesEnd,
    /// Run.
    Start,
    /// The next bytes of standard input.
    Stdin(&'a [u8]),
    /// The end of standard input.
    StdinEnd,
    /// Room for more standard output or error.
    Credit(Credit),
}

/// What a Keep says to its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToClient<'a> {
    /// The first message.
    Hello(Hello),
    /// All has arrived and is loaded.
    Ready(Ready),
    /// The next bytes of standard output.
    Stdout(&'a [u8]),
    /// The next bytes of standard error.
    Stderr(&'a [u8]),
    /// Room for more standard input.
    Credit(Credit),
    /// A file, directory or link that goes back; a file's bytes follow as `Data`.
    Entry(Entry),
    /// The next bytes of the file before it.
    Data(&'a [u8]),
    /// That was the last entry.
    OutEnd,
    /// The last message.
    Exit(Exit),
}

/// The first message each way. Its form is the same in all versions: four bytes, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// [`VERSION`].
    pub version: u32,
}

impl Default for Hello {
    fn default() -> Self {
        Self { version: VERSION }
    }
}

/// What a Keep got: SHA-256 over the payloads of frames, so that both sides compute it as they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Of the payload of `Configuration`.
    pub configuration: Digest,
    /// Of the application's bytes.
    pub application: Digest,
    /// Of the payloads of all `Entry` and their `Data`, one after the other.
    pub files: Digest,
}

/// Room for more of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Which stream: the receiver of this message sends it.
    pub stream: Stream,
    /// So many more bytes.
    pub bytes: u32,
}

/// A stdio stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard input.
    Stdin,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl<'a> ToKeep<'a> {
    /// The message in a frame.
    ///
    /// # Errors
    /// A kind that a client does not send, or a payload that is not what its kind says.
    pub fn parse(frame: Frame<'a>) -> Result<Self, ProtocolError> {
        Ok(match frame.kind {
            HELLO => Self::Hello(hello(frame)?),
            CONFIGURATION => {
                let configuration: Configuration = value(frame)?;
                configuration.check()?;
                Self::Configuration(configuration)
            }
            APPLICATION => {
                let application: Application = value(frame)?;
                application.check()?;
                Self::Application(application)
            }
            DATA => Self::Data(frame.payload),
            ENTRY => Self::Entry(entry(frame)?),
            FILES_END => empty(frame, Self::FilesEnd)?,
            START => empty(frame, Self::Start)?,
            STDIN => Self::Stdin(frame.payload),
            STDIN_END => empty(frame, Self::StdinEnd)?,
            CREDIT => match value(frame)? {
                Credit { stream: Stream::Stdin, .. } => return Err(ProtocolError::Malformed(CREDIT)),
                credit => Self::Credit(credit),
            },
            kind => return Err(ProtocolError::Kind(kind)),
        })
    }

    /// What it is called in errors.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "Hello",
            Self::Configuration(_) => "Configuration",
            Self::Application(_) => "Application",
            Self::Data(_) => "Data",
            Self::Entry(_) => "Entry",
            Self::FilesEnd => "FilesEnd",
            Self::Start => "Start",
            Self::Stdin(_) => "Stdin",
            Self::StdinEnd => "StdinEnd",
            Self::Credit(_) => "Credit",
        }
    }
}

impl<'a> ToClient<'a> {
    /// The message in a frame.
    ///
    /// # Errors
    /// A kind that a Keep does not send, or a payload that is not what its kind says.
    pub fn parse(frame: Frame<'a>) -> Result<Self, ProtocolError> {
        Ok(match frame.kind {
            HELLO => Self::Hello(hello(frame)?),
            READY => Self::Ready(value(frame)?),
            STDOUT => Self::Stdout(frame.payload),
            STDERR => Self::Stderr(frame.payload),
            CREDIT => match value(frame)? {
                credit @ Credit { stream: Stream::Stdin, .. } => Self::Credit(credit),
                _ => return Err(ProtocolError::Malformed(CREDIT)),
            },
            ENTRY => Self::Entry(entry(frame)?),
            DATA => Self::Data(frame.payload),
            OUT_END => empty(frame, Self::OutEnd)?,
            EXIT => {
                let exit: Exit = value(frame)?;
                if !exit.fits() {
                    return Err(ProtocolError::Malformed(EXIT));
                }
                Self::Exit(exit)
            }
            kind => return Err(ProtocolError::Kind(kind)),
        })
    }

    /// What it is called in errors.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "Hello",
            Self::Ready(_) => "Ready",
            Self::Stdout(_) => "Stdout",
            Self::Stderr(_) => "Stderr",
            Self::Credit(_) => "Credit",
            Self::Entry(_) => "Entry",
            Self::Data(_) => "Data",
            Self::OutEnd => "OutEnd",
            Self::Exit(_) => "Exit",
        }
    }
}

/// Keeps [`Message`] to the messages of this crate.
pub trait Sealed {}
impl Sealed for ToKeep<'_> {}
impl Sealed for ToClient<'_> {}

/// A message that can be put into a frame.
pub trait Message: Sealed {
    /// The frame's kind.
    fn kind(&self) -> u8;

    /// Appends the payload to `out`.
    ///
    /// # Errors
    /// What the parser on the other side would refuse.
    fn payload(&self, out: &mut Vec<u8>) -> Result<(), ProtocolError>;
}

impl Message for ToKeep<'_> {
    fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => HELLO,
            Self::Configuration(_) => CONFIGURATION,
            Self::Application(_) => APPLICATION,
            Self::Data(_) => DATA,
            Self::Entry(_) => ENTRY,
            Self::FilesEnd => FILES_END,
            Self::Start => START,
            Self::Stdin(_) => STDIN,
            Self::StdinEnd => STDIN_END,
            Self::Credit(_) => CREDIT,
        }
    }

    fn payload(&self, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        match self {
            Self::Hello(hello) => out.extend(hello.version.to_le_bytes()),
            Self::Configuration(configuration) => {
                configuration.check()?;
                append(configuration, CONFIGURATION, out)?;
            }
            Self::Application(application) => {
                application.check()?;
                append(application, APPLICATION, out)?;
            }
            Self::Data(bytes) | Self::Stdin(bytes) => out.extend_from_slice(bytes),
            Self::Entry(entry) => {
                entry.check()?;
                append(entry, ENTRY, out)?;
            }
            Self::Credit(credit) => append(credit, CREDIT, out)?,
            Self::FilesEnd | Self::Start | Self::StdinEnd => {}
        }
        Ok(())
    }
}

impl Message for ToClient<'_> {
    fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => HELLO,
            Self::Ready(_) => READY,
            Self::Stdout(_) => STDOUT,
            Self::Stderr(_) => STDERR,
            Self::Credit(_) => CREDIT,
            Self::Entry(_) => ENTRY,
            Self::Data(_) => DATA,
            Self::OutEnd => OUT_END,
            Self::Exit(_) => EXIT,
        }
    }

    fn payload(&self, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        match self {
            Self::Hello(hello) => out.extend(hello.version.to_le_bytes()),
            Self::Ready(ready) => append(ready, READY, out)?,
            Self::Stdout(bytes) | Self::Stderr(bytes) | Self::Data(bytes) => out.extend_from_slice(bytes),
            Self::Credit(credit) => append(credit, CREDIT, out)?,
            Self::Entry(entry) => {
                entry.check()?;
                append(entry, ENTRY, out)?;
            }
            Self::OutEnd => {}
            Self::Exit(exit) if exit.fits() => append(exit, EXIT, out)?,
            Self::Exit(_) => return Err(ProtocolError::Malformed(EXIT)),
        }
        Ok(())
    }
}

fn hello(frame: Frame<'_>) -> Result<Hello, ProtocolError> {
    let bytes = frame.payload.try_into().map_err(|_| ProtocolError::Malformed(HELLO))?;
    match u32::from_le_bytes(bytes) {
        VERSION => Ok(Hello::default()),
        other => Err(ProtocolError::Version(other)),
    }
}

fn entry(frame: Frame<'_>) -> Result<Entry, ProtocolError> {
    let entry: Entry = value(frame)?;
    entry.check()?;
    Ok(entry)
}

fn empty<T>(frame: Frame<'_>, message: T) -> Result<T, ProtocolError> {
    if frame.payload.is_empty() { Ok(message) } else { Err(ProtocolError::Malformed(frame.kind)) }
}

/// The one value that fills the payload.
fn value<T: DeserializeOwned>(frame: Frame<'_>) -> Result<T, ProtocolError> {
    match postcard::take_from_bytes(frame.payload) {
        Ok((value, [])) => Ok(value),
        _ => Err(ProtocolError::Malformed(frame.kind)),
    }
}

fn append<T: Serialize>(value: &T, kind: u8, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
    // The serializers of these types cannot fail; a failure would show as a malformed message.
    postcard::to_extend(value, Appender(out)).map_err(|_| ProtocolError::Malformed(kind))?;
    Ok(())
}

/// `postcard` wants to own what it extends.
struct Appender<'a>(&'a mut Vec<u8>);

impl Extend<u8> for Appender<'_> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        self.0.extend(bytes);
    }
}
