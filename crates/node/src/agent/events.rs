//! Final events for a service that goes on where it stopped.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    agent::Agent,
    folder::create_private,
    index::{EventFilter, EventRow, IndexError, Place},
};

/// Events of a kind that are read at once.
const LIMIT: u32 = 256;

/// Why events cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The place on disk is none.
    #[error("{}: expected `HEIGHT:INDEX`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("{}: {error}", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What it says.
        error: std::io::Error,
    },
    /// The index does not answer.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Final events, in the order of the chain, and how far a service has got.
pub struct Events {
    agent: Agent,
    file: PathBuf,
    kinds: Vec<&'static str>,
    after: Place,
}

/// Events that follow each other, and the place up to which there are no others.
#[derive(Clone, Debug)]
pub struct Batch {
    /// In the order of the chain. Not empty.
    pub events: Vec<EventRow>,
    /// Save this when all have been dealt with.
    pub upto: Place,
}

impl Events {
    pub(super) fn open(agent: Agent, file: PathBuf, kinds: &[&'static str]) -> Result<Self, EventsError> {
        let after = match std::fs::read_to_string(&file) {
            Ok(text) => text.trim_end().parse().map_err(|_| EventsError::Damaged { path: file.clone() })?,
            // Nothing happens in the genesis.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Place::first(0),
            Err(error) => return Err(EventsError::System { path: file, error }),
        };
        Ok(Self { agent, file, kinds: kinds.to_vec(), after })
    }

    /// The place up to which everything has been dealt with.
    pub fn place(&self) -> Place {
        self.after
    }

    /// Waits for the next events. Asked again without [`save`](Self::save), it gives the same ones. `None` when the services of the node are to end.
    ///
    /// # Errors
    /// The index does not answer.
    pub async fn next(&mut self) -> Result<Option<Batch>, EventsError> {
        let mut progress = self.agent.node().index().progress();
        loop {
            if self.agent.is_closing() {
                return Ok(None);
            }
            // Marked as seen before the look, so that no block falls between.
            let height = progress.borrow_and_update().height;
            let batch = self.read(height).await?;
            if !batch.events.is_empty() {
                return Ok(Some(batch));
            }
            // Not worth a write: a restart looks once more at what has nothing.
            self.after = batch.upto;
            tokio::select! {
                () = self.agent.closed() => return Ok(None),
                changed = progress.changed() => if changed.is_err() { return Ok(None) },
                () = tokio::time::sleep(Duration::from_secs(60)) => {}
            }
        }
    }

    async fn read(&self, height: u64) -> Result<Batch, EventsError> {
        let (kinds, after) = (self.kinds.clone(), self.after);
        let mut upto = Place { height, index: u16::MAX }.max(after);
        let read = move |index: &crate::Index| {
            let mut events: Vec<EventRow> = Vec::new();
            for kind in kinds {
                let filter = EventFilter { kind: Some(kind.to_owned()), ..EventFilter::default() };
                let found = index.events_after(&filter, after, LIMIT)?;
                if let Some(last) = found.last().filter(|_| found.len() >= LIMIT as usize) {
                    upto = upto.min(last.place);
                }
                events.extend(found);
            }
            events.retain(|row| row.place <= upto);
            events.sort_by_key(|row| row.place);
            Ok(Batch { events, upto })
        };
        Ok(self.agent.node().ask_index(read).await?)
    }

    /// Goes on after a place without noting it on disk: for who deals with several batches at once.
    pub fn advance(&mut self, upto: Place) {
        self.after = self.after.max(upto);
    }

    /// Notes on disk that everything up to a place has been dealt with.
    ///
    /// # Errors
    /// The system refuses. Then the events come again after a restart.
    pub fn save(&mut self, upto: Place) -> Result<(), EventsError> {
        let fail = |error| EventsError::System { path: self.file.clone(), error };
        if let Some(folder) = self.file.parent() {
            create_private(folder).map_err(|refusal| fail(std::io::Error::other(refusal)))?;
        }
        replace(&self.file, format!("{upto}\n").as_bytes()).map_err(fail)?;
        self.after = self.after.max(upto);
        Ok(())
    }
}

/// Replaces a file by another, whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let partial = path.with_extension("partial");
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
