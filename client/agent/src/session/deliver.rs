use std::io::Read;

use holdfast_protocol::{Entry, Hello, Ready, ToKeep, frame::MAX_PAYLOAD};
use sha2::{Digest as _, Sha256};

use super::{Job, SessionError, sender::Sender};
use crate::pack::{PackError, Tree};

/// Sends all that comes before `Start`. The answer is what the Keep must say that it has. `progress` hears
/// how many of the directories' messages are sent, of how many.
pub(super) fn deliver(
    sender: &Sender,
    job: &Job<'_>,
    progress: &dyn Fn(u64, u64),
) -> Result<Ready, SessionError> {
    let mut configuration = Sha256::new();
    let mut files = Sha256::new();
    sender.send(&ToKeep::Hello(Hello::default()))?;
    sender.send_hashed(&ToKeep::Configuration(job.configuration.clone()), |payload| {
        configuration.update(payload);
    })?;
    sender.send(&ToKeep::Application(job.application))?;
    for piece in job.code.chunks(MAX_PAYLOAD) {
        sender.send(&ToKeep::Data(piece))?;
    }
    let mut buffer = vec![0; MAX_PAYLOAD];
    let messages = |entry: &Entry| 1 + entry.length().div_ceil(MAX_PAYLOAD as u64);
    let total = job.trees.iter().flat_map(|tree| &tree.entries).map(messages).sum();
    let mut sent = 0;
    for tree in job.trees {
        for entry in &tree.entries {
            sender.send_hashed(&ToKeep::Entry(entry.clone()), |payload| files.update(payload))?;
            if entry.length() > 0 {
                file(sender, tree, entry, &mut buffer, &mut files, &mut |piece| {
                    progress(sent + piece, total)
                })?;
            }
            sent += messages(entry);
            progress(sent, total);
        }
    }
    sender.send(&ToKeep::FilesEnd)?;
    Ok(Ready {
        configuration: configuration.finalize().into(),
        // The digest that was announced; it was checked when the artefact was opened.
        application: job.application.digest,
        files: files.finalize().into(),
    })
}

/// Sends the bytes of one file: exactly as many as its entry says. `progress` hears how many pieces are sent.
fn file(
    sender: &Sender,
    tree: &Tree,
    entry: &Entry,
    buffer: &mut [u8],
    files: &mut Sha256,
    progress: &mut dyn FnMut(u64),
) -> Result<(), SessionError> {
    let path = || tree.root.join(&entry.path);
    let mut open = tree.open(entry)?.take(entry.length());
    let mut missing = entry.length();
    while missing > 0 {
        let length = open.read(buffer).map_err(|error| PackError::Read { path: path(), error })?;
        if length == 0 {
            return Err(PackError::Changed { path: path() }.into());
        }
        let piece = buffer.get(..length).unwrap_or_default();
        sender.send_hashed(&ToKeep::Data(piece), |payload| files.update(payload))?;
        missing = missing.saturating_sub(length as u64);
        progress((entry.length() - missing) / MAX_PAYLOAD as u64);
    }
    Ok(())
}
