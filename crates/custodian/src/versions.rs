//! Sources and their versions: what is registered is copied first, so that what a release is made of is what the ledger has a fingerprint of.
//!
//! Additions (new files, records after the last) become versions of their own accord. A source of which something that was registered has changed or is gone is not
//! released from until somebody registers it as it is (`medveil dataset register`): then that version is taken over.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Instant, UNIX_EPOCH};

use medveil_clinical::dataset::{Format, Source, fingerprint};
use medveil_deid::study::Study;
use medveil_deid::table::{Hints, Job};
use medveil_ledger::action::DatasetRegister;
use medveil_ledger::state::dataset::{Dataset as Registered, Fingerprint, Level};
use medveil_ledger::{DatasetId, Digest, Outcome, Versioned};

use crate::arrivals::{self, Live};
use crate::custodian::{Custodian, make_private, remove};
use crate::error::{CustodianError, Stop, file_fault};
use crate::interrupt::{Interrupt, Point};
use crate::layout::Layout;
use crate::ledger::{Ledger, latest};
use crate::reason::Reason;
use crate::records::{MAX_RECORD, parquet};
use crate::settings::{DatasetSettings, Place};
use crate::source::{Dataset, live};
use crate::vault::Vault;

/// How a live source stands to the copy of its latest version.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    None,
    Added,
    /// Something that was registered is not there any more.
    Altered {
        file: String,
    },
}

impl<L: Ledger, V: Vault, I: Interrupt> Custodian<L, V, I> {
    /// Brings the ledger's version of a dataset and its copy up to the live source.
    pub(crate) fn sync(&mut self, id: DatasetId) -> Result<(), CustodianError> {
        let Ok((settings, _)) = self.dataset(id) else { return Ok(()) };
        let settings = settings.clone();
        let fault = match self.look_at(id, &settings) {
            Ok(()) => return Ok(()),
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Reason(reason)) => reason,
        };
        let before = self.store.source(settings.label)?;
        if before.as_ref().and_then(|(_, fault)| fault.as_deref()) != Some(fault.to_string().as_str()) {
            tracing::warn!(label = %settings.label, reason = fault.name(), "{fault}");
        }
        // What was seen is not remembered: the next turn looks again.
        self.store.set_source(settings.label, "", Some(&fault.to_string()))?;
        self.turn.faulty.push((id, fault.name().to_owned()));
        Ok(())
    }

    fn look_at(&mut self, id: DatasetId, settings: &DatasetSettings) -> Result<(), Stop> {
        let label = settings.label;
        let live = self.arrivals.glance(settings, &self.settings.buckets)?;
        let seen = live.seen();
        let registered = latest::<Registered>(&self.ledger, &id)?;
        let version = registered.as_ref().map_or(0, |registered| registered.version);
        let copied = self.store.versions(label)?.last().map_or(0, |(version, ..)| *version);
        let known = self.store.source(label)?;
        if copied == version && version > 0 && known == Some((seen.clone(), None)) {
            return Ok(());
        }
        if let Some(reason) = self.arrivals.refused(label, &seen, version) {
            return Err(reason.into());
        }
        let since = Instant::now();
        let away = matches!(live, Live::Away(_));
        let brought = self.bring_up(id, settings, live, registered, copied);
        if away {
            remove(&arrivals::folder(&self.settings.folder, label))?;
            if let Err(Stop::Reason(reason)) = &brought {
                self.arrivals.refuse(label, seen.clone(), version, reason);
            }
        }
        brought?;
        self.store.set_source(label, &seen, None)?;
        self.took("source", since);
        Ok(())
    }

    /// Brings the ledger's version, the copy and the live source together.
    fn bring_up(
        &mut self,
        id: DatasetId,
        settings: &DatasetSettings,
        live: Live,
        registered: Option<Versioned<Registered>>,
        copied: u64,
    ) -> Result<(), Stop> {
        let mut version = registered.as_ref().map_or(0, |registered| registered.version);
        if copied > version {
            // It was copied and never registered, or not finally.
            self.register(id, settings, copied)?;
            version = copied;
        }
        let arriving = arrivals::folder(&self.settings.folder, settings.label);
        let sources = self.arrivals.files(settings, live, &self.settings.buckets, &arriving)?;
        if copied < version {
            // Somebody else registered it: is it what is here?
            self.take_over(settings, version, &sources)?;
            let registered = registered.map(|registered| registered.value.fingerprint);
            let found = self.fingerprint(id, settings, version)?;
            if registered.as_ref().is_none_or(|registered| registered.root != found.0.root) {
                remove(&self.copy(settings, version))?;
                return Err(Reason::SourceChanged { file: settings.label.to_string() }.into());
            }
            let print = registered.unwrap_or(found.0);
            self.note_version(settings, version, &print, &found.1)?;
        } else if version == 0 {
            self.take_over(settings, 1, &sources)?;
            self.register(id, settings, 1)?;
        } else {
            match compare(&self.copy(settings, version), &sources)? {
                Change::None => {}
                Change::Altered { file } => return Err(Reason::SourceChanged { file }.into()),
                Change::Added if !settings.watch => {}
                Change::Added => {
                    self.take_over(settings, version + 1, &sources)?;
                    self.register(id, settings, version + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Copies the live source beside the other versions: there whole, or not at all.
    fn take_over(&self, settings: &DatasetSettings, version: u64, sources: &[Source]) -> Result<(), Stop> {
        let to = self.copy(settings, version);
        if to.exists() {
            return Ok(());
        }
        let partial = to.with_extension("partial");
        remove(&partial)?;
        make_private(&partial)?;
        for source in sources {
            let path = partial.join(&source.name);
            if let Some(folder) = path.parent() {
                make_private(folder)?;
            }
            match settings.path {
                Place::Folder(_) => std::fs::copy(&source.path, &path).map(drop),
                // It arrived for this.
                Place::Bucket(_) => std::fs::rename(&source.path, &path),
            }
            .map_err(file_fault(&source.path))?;
            File::open(&path).and_then(|file| file.sync_all()).map_err(file_fault(&path))?;
        }
        std::fs::rename(&partial, &to).map_err(file_fault(&to))?;
        Ok(self.interrupt.at(Point::Copied)?)
    }

    /// Registers the copy of a version, and notes it.
    fn register(&mut self, id: DatasetId, settings: &DatasetSettings, version: u64) -> Result<(), Stop> {
        let found = self.fingerprint(id, settings, version).and_then(|(fingerprint, schema)| {
            // What could not be released of, as a Bundle of several patients, is not registered.
            let fhir = Dataset::read_some(&self.copy(settings, version), &schema, Layout::is_fhir)?;
            fhir.patients(&settings.patient)?;
            Ok((fingerprint, schema))
        });
        let (fingerprint, schema) = match found {
            Ok(found) => found,
            // What cannot be read is not kept: it may be mended.
            Err(stop) => {
                remove(&self.copy(settings, version))?;
                return Err(stop);
            }
        };
        // Before it is registered: a version on the ledger always has its copy here.
        self.note_version(settings, version, &fingerprint, &schema)?;
        let action = DatasetRegister { label: settings.label, version, fingerprint: fingerprint.clone() };
        match self.act(action)? {
            Outcome::Applied => Ok(()),
            // It was registered before the custodian was stopped.
            Outcome::Refused(refusal) => {
                let found = latest::<Registered>(&self.ledger, &id)?;
                let same = |found: &Versioned<Registered>| {
                    found.version == version && found.value.fingerprint == fingerprint
                };
                if found.as_ref().is_some_and(same) {
                    return Ok(());
                }
                Err(Reason::Ledger { name: refusal.name.into_owned() }.into())
            }
        }
    }

    fn note_version(
        &self,
        settings: &DatasetSettings,
        version: u64,
        fingerprint: &Fingerprint,
        schema: &str,
    ) -> Result<(), CustodianError> {
        let print = serde_json::to_string(fingerprint).expect("a fingerprint has string keys only");
        Ok(self.store.add_version(settings.label, version, &print, schema)?)
    }

    /// The fingerprint of a copy, as `medveil dataset register` makes it, and the schema that it has the digest of.
    fn fingerprint(
        &self,
        id: DatasetId,
        settings: &DatasetSettings,
        version: u64,
    ) -> Result<(Fingerprint, String), Stop> {
        let (_, study) = self.dataset(id)?;
        let found = print_of(
            &self.copy(settings, version),
            &study,
            self.settings.threads,
            self.settings.memory_mib.get(),
        )?;
        let default = if found.has_direct_identifiers() { 4 } else { 3 };
        let level = settings.level.or(Level::new(default)).expect("3 and 4 are levels");
        let schema = found.schema();
        let fingerprint = Fingerprint {
            root: Digest(found.root),
            count: found.records,
            schema: Digest::of("medveil/schema/1", &[schema.as_bytes()]),
            level,
            suite: settings.hashes,
        };
        Ok((fingerprint, schema))
    }
}

fn print_of(
    copy: &Path,
    study: &Study,
    threads: std::num::NonZeroUsize,
    memory_mib: usize,
) -> Result<medveil_clinical::dataset::Fingerprint, Reason> {
    let job = Job {
        threads,
        memory: memory_mib << 20,
        max_record: MAX_RECORD,
        hints: Hints::default(),
        cancelled: &AtomicBool::new(false),
        progress: &|_| (),
    };
    fingerprint(&[copy.to_owned()], study, &job).map_err(|error| Reason::Source { fault: error.to_string() })
}

/// What a glance at a live source shows: names, sizes, times.
pub(crate) fn sight(sources: &[Source]) -> String {
    let of = |source: &Source| {
        let changed = std::fs::metadata(&source.path).and_then(|metadata| metadata.modified());
        let changed = changed.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        (source.name.clone(), source.size, changed.map(|time| time.as_nanos() as u64))
    };
    let all: Vec<_> = sources.iter().map(of).collect();
    serde_json::to_string(&all).expect("a list of names and numbers")
}

/// Compares the copy of a version with the live source: files may have come, and records after the last.
fn compare(copy: &Path, sources: &[Source]) -> Result<Change, Stop> {
    let mut change = Change::None;
    let before = live(copy)?;
    if sources.iter().any(|source| before.iter().all(|old| old.name != source.name)) {
        change = Change::Added;
    }
    for old in &before {
        let altered = || Change::Altered { file: old.name.clone() };
        let Some(new) = sources.iter().find(|source| source.name == old.name) else { return Ok(altered()) };
        match more_than(new, old)? {
            None => return Ok(altered()),
            Some(true) => change = Change::Added,
            Some(false) => {}
        }
    }
    Ok(change)
}

/// Whether a file is another one with records after its last; none if something of that one is not there.
fn more_than(new: &Source, old: &Source) -> Result<Option<bool>, Stop> {
    let boundary = begins_with(&new.path, &old.path).map_err(file_fault(&new.path))?;
    let longer = new.size > old.size;
    match (old.format, boundary) {
        (_, Some(_)) if !longer => Ok(Some(false)),
        // Written again, a file of Parquet has other bytes, and its records where they were.
        (Format::Parquet, _) if new.format == Format::Parquet => {
            let more = parquet::more_than(&new.path, &old.path);
            let more = more.map_err(|fault| Reason::Source { fault: format!("{}: {fault}", new.name) })?;
            Ok(more.map(|more| more > 0))
        }
        // The file is the record.
        (Format::FhirJson, _) if new.format == Format::FhirJson => Ok(None),
        (_, Some(true)) => Ok(Some(true)),
        _ => Ok(None),
    }
}

/// Whether a file begins with another; and if so, whether a line ends where that one does.
fn begins_with(longer: &Path, shorter: &Path) -> std::io::Result<Option<bool>> {
    let (mut a, mut b) = (BufReader::new(File::open(longer)?), BufReader::new(File::open(shorter)?));
    let (mut one, mut other) = ([0; 64 << 10], [0; 64 << 10]);
    let mut last = b'\n';
    loop {
        let read = b.read(&mut other)?;
        if read == 0 {
            break;
        }
        let same = match a.read_exact(&mut one[..read]) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(error),
            Ok(()) => one[..read] == other[..read],
        };
        if !same {
            return Ok(None);
        }
        last = other[read - 1];
    }
    let mut next = [0];
    let more = a.read(&mut next)? > 0;
    Ok(Some(last == b'\n' || !more || matches!(next[0], b'\n' | b'\r')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_parquet_records_are_compared_and_a_file_of_json_is_one() {
        use medveil_deid::table::parquet_record::record;
        let home = tempfile::tempdir().unwrap();
        let (copy, now) = (home.path().join("copy"), home.path().join("now"));
        let write = |folder: &Path, rows: &[(&str, &str)], of: &str| {
            let header = record(["id", "text", "x", of].map(|word| Some(word.as_bytes())));
            let rows: Vec<_> =
                rows.iter().map(|(id, x)| record([id, x].map(|cell| Some(cell.as_bytes())))).collect();
            let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
            let _ = std::fs::create_dir(folder);
            crate::records::write_opened(Layout::Parquet, Some(&header), &rows, &folder.join("a.parquet"))
                .unwrap();
        };
        let change = || compare(&copy, &live(&now).unwrap()).unwrap();
        let altered = |file: &str| Change::Altered { file: file.into() };
        write(&copy, &[("P1", "1"), ("P2", "2")], "int32");
        write(&now, &[("P1", "1"), ("P2", "2")], "int32");
        assert_eq!(change(), Change::None);
        write(&now, &[("P1", "1"), ("P2", "2"), ("P3", "3")], "int32");
        assert_eq!(change(), Change::Added);
        write(&now, &[("P1", "1"), ("P2", "7"), ("P3", "3")], "int32");
        assert_eq!(change(), altered("a.parquet"));
        write(&now, &[("P1", "1")], "int32");
        assert_eq!(change(), altered("a.parquet"), "a record is gone");
        write(&now, &[("P1", "1"), ("P2", "2")], "int64");
        assert_eq!(change(), altered("a.parquet"), "a type is another");
        write(&now, &[("P1", "1"), ("P2", "2")], "int32");
        let json = |folder: &Path, name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        json(&copy, "b.json", "{\n\"resourceType\":\"Patient\"}");
        json(&now, "b.json", "{\n\"resourceType\":\"Patient\"}");
        json(&now, "c.json", "{\n\"resourceType\":\"Patient\"}");
        assert_eq!(change(), Change::Added);
        json(&now, "b.json", "{\n\"resourceType\":\"Patient\"}\n");
        assert_eq!(change(), altered("b.json"), "the record is not what it was");
    }

    #[test]
    fn additions_are_told_from_changes() {
        let home = tempfile::tempdir().unwrap();
        let (copy, now) = (home.path().join("copy"), home.path().join("now"));
        for folder in [&copy, &now] {
            std::fs::create_dir(folder).unwrap();
        }
        let write = |folder: &Path, name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write(&copy, "a.csv", "id,x\nP1,1\n");
        write(&copy, "b.csv", "id,y\nP1,2");
        let change = || compare(&copy, &live(&now).unwrap()).unwrap();
        let altered = |file: &str| Change::Altered { file: file.into() };
        write(&now, "a.csv", "id,x\nP1,1\n");
        assert_eq!(change(), altered("b.csv"), "a file is gone");
        write(&now, "b.csv", "id,y\nP1,2");
        assert_eq!(change(), Change::None);
        write(&now, "b.csv", "id,y\nP1,25\n");
        assert_eq!(change(), altered("b.csv"), "the last value was continued");
        write(&now, "b.csv", "id,y\nP1,2\nP2,5\n");
        assert_eq!(change(), Change::Added);
        write(&now, "b.csv", "id,y\nP1,2");
        write(&now, "c.csv", "id,z\nP1,2\n");
        assert_eq!(change(), Change::Added);
        write(&now, "a.csv", "id,x\nP1,7\n");
        assert_eq!(change(), altered("a.csv"));
        write(&now, "a.csv", "id,x\n");
        assert_eq!(change(), altered("a.csv"), "a record is gone");
    }
}
