//! Sources in buckets: what is there now arrives in a folder first, and is looked at there like any other source.
//!
//! A listing says whether anything has changed; only then is the source copied, as it was listed or not at all.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use medveil_clinical::dataset::{Source, is_data};
use medveil_ledger::Slug;
use medveil_vault::store::{Address, Bucket, Buckets, Found, StoreError};
use tokio::runtime::Runtime;

use crate::custodian::{make_private, remove};
use crate::error::{CustodianError, Stop, file_fault};
use crate::reason::Reason;
use crate::settings::{DatasetSettings, Place};
use crate::source::live;
use crate::versions::sight;

/// A live source at a glance.
pub(crate) enum Live {
    /// Files of this machine.
    Here(Vec<Source>),
    /// Objects in a bucket.
    Away(Vec<Found>),
}

impl Live {
    /// What the glance shows: names, sizes, and times or tags.
    pub(crate) fn seen(&self) -> String {
        match self {
            Live::Here(sources) => sight(sources),
            Live::Away(objects) => {
                let all: Vec<_> =
                    objects.iter().map(|object| (&object.name, object.size, &object.tag)).collect();
                serde_json::to_string(&all).expect("a list of names and numbers")
            }
        }
    }
}

/// How the sources in buckets stand.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Made when the first bucket is looked at.
    runtime: Option<Runtime>,
    buckets: BTreeMap<Slug, Bucket>,
    listed: BTreeMap<Slug, (Instant, Vec<Found>)>,
    /// Of stores that do not answer or let nobody in: since when, and why.
    down: BTreeMap<Slug, (Instant, Reason)>,
    /// Of what was looked at in vain: what was seen, beside which version of the ledger, and why.
    refused: BTreeMap<Slug, (String, u64, Reason)>,
}

/// Between two listings of a bucket: blocks come faster than sources change.
const LOOK: Duration = Duration::from_secs(10);

/// After which a store that did not answer is asked again: each time, all that the custodian has to do waits for the answer.
const AGAIN: Duration = Duration::from_secs(60);

/// Bytes of a part of a name, which becomes the name of a file.
const MAX_NAME: usize = 255;

impl Arrivals {
    /// A glance at a source.
    pub(crate) fn glance(&mut self, settings: &DatasetSettings, buckets: &Buckets) -> Result<Live, Stop> {
        let address = match &settings.path {
            Place::Folder(path) => return Ok(Live::Here(live(path)?)),
            Place::Bucket(address) => address,
        };
        if let Some((at, objects)) = self.listed.get(&settings.label)
            && at.elapsed() < LOOK
        {
            return Ok(Live::Away(objects.clone()));
        }
        if let Some((at, reason)) = self.down.get(&settings.label)
            && at.elapsed() < AGAIN
        {
            return Err(reason.clone().into());
        }
        self.down.remove(&settings.label);
        match self.list(settings.label, address, buckets) {
            Ok(objects) => {
                self.listed.insert(settings.label, (Instant::now(), objects.clone()));
                Ok(Live::Away(objects))
            }
            Err(Stop::Reason(reason @ (Reason::StoreDenied { .. } | Reason::StoreUnreachable { .. }))) => {
                self.down.insert(settings.label, (Instant::now(), reason.clone()));
                Err(reason.into())
            }
            Err(stop) => Err(stop),
        }
    }

    /// The files of a source: of a bucket, copied to `folder`.
    pub(crate) fn files(
        &mut self,
        settings: &DatasetSettings,
        live: Live,
        buckets: &Buckets,
        folder: &Path,
    ) -> Result<Vec<Source>, Stop> {
        match (live, &settings.path) {
            (Live::Away(objects), Place::Bucket(address)) => {
                let arrived = self.arrive(settings.label, address, buckets, &objects, folder);
                if arrived.is_err() {
                    // Whatever it was, the next turn looks again.
                    self.listed.remove(&settings.label);
                }
                arrived
            }
            (Live::Here(sources), _) => Ok(sources),
            (Live::Away(_), Place::Folder(_)) => unreachable!("a folder is here"),
        }
    }

    /// Why what is seen was refused before, beside the same version of the ledger. It is not copied again to be refused again.
    pub(crate) fn refused(&self, label: Slug, seen: &str, version: u64) -> Option<Reason> {
        let (before, beside, reason) = self.refused.get(&label)?;
        (before == seen && *beside == version).then(|| reason.clone())
    }

    /// Notes why what is seen was refused, if that follows from the bytes.
    pub(crate) fn refuse(&mut self, label: Slug, seen: String, version: u64, reason: &Reason) {
        if matches!(reason, Reason::SourceChanged { .. } | Reason::Source { .. }) {
            self.refused.insert(label, (seen, version, reason.clone()));
        }
    }

    fn arrive(
        &mut self,
        label: Slug,
        address: &Address,
        buckets: &Buckets,
        objects: &[Found],
        folder: &Path,
    ) -> Result<Vec<Source>, Stop> {
        remove(folder)?;
        for object in objects {
            let path = folder.join(&object.name);
            make_private(path.parent().unwrap_or(folder))?;
            let mut file = File::create(&path).map_err(file_fault(&path))?;
            let (runtime, bucket) = self.bucket(label, address, buckets)?;
            let copied = runtime.block_on(bucket.copy(object, &mut file));
            copied.map_err(|error| fault(address, &path, error))?;
        }
        // Each object was whole; that they belong together, the listing after the last of them says.
        let after = self.list(label, address, buckets)?;
        if let Some(file) = difference(objects, &after) {
            return Err(Reason::SourceUnsteady { file }.into());
        }
        Ok(live(folder)?)
    }

    fn list(&mut self, label: Slug, address: &Address, buckets: &Buckets) -> Result<Vec<Found>, Stop> {
        let (runtime, bucket) = self.bucket(label, address, buckets)?;
        let listed = runtime.block_on(bucket.list());
        let mut objects = listed.map_err(|error| fault(address, Path::new(""), error))?;
        objects.retain(|object| is_data(Path::new(&object.name)));
        if objects.is_empty() {
            return Err(Reason::Source { fault: format!("{address} has no data files") }.into());
        }
        if !fit_files(objects.iter().map(|object| object.name.as_str())) {
            let fault = format!("{address} has objects whose names cannot all be names of files");
            return Err(Reason::Source { fault }.into());
        }
        Ok(objects)
    }

    fn bucket(
        &mut self,
        label: Slug,
        address: &Address,
        buckets: &Buckets,
    ) -> Result<(&Runtime, &Bucket), Stop> {
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            none => {
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
                none.insert(runtime.map_err(file_fault(Path::new("a thread for buckets")))?)
            }
        };
        let bucket = match self.buckets.entry(label) {
            Entry::Occupied(bucket) => bucket.into_mut(),
            Entry::Vacant(place) => {
                place.insert(buckets.open(address).map_err(|error| fault(address, Path::new(""), error))?)
            }
        };
        Ok((runtime, bucket))
    }
}

/// Whether objects can lie in a folder under their names: no part of one is too long, and none is the folder of another.
fn fit_files<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let names: BTreeSet<&str> = names.collect();
    names.iter().all(|name| {
        let mut folders = name.match_indices('/').map(|(at, _)| &name[..at]);
        name.split('/').all(|part| part.len() <= MAX_NAME) && !folders.any(|folder| names.contains(folder))
    })
}

/// Where a source arrives.
pub(crate) fn folder(home: &Path, label: Slug) -> PathBuf {
    // A name that is swept away when the custodian starts, and is no version.
    home.join("sources").join(label.as_str()).join("arriving.partial")
}

/// The first object that is not the same in both listings.
fn difference(before: &[Found], after: &[Found]) -> Option<String> {
    let lost = before.iter().find(|object| !after.contains(object));
    lost.or_else(|| after.iter().find(|object| !before.contains(object))).map(|object| object.name.clone())
}

fn fault(address: &Address, path: &Path, error: StoreError) -> Stop {
    let place = address.to_string();
    match error {
        StoreError::Local(error) => CustodianError::File { path: path.display().to_string(), error }.into(),
        StoreError::Changed { path } | StoreError::Absent { path } => {
            Reason::SourceUnsteady { file: path }.into()
        }
        StoreError::Denied { what, .. } => Reason::StoreDenied { place, fault: what }.into(),
        StoreError::Failed { source, .. } => {
            Reason::StoreUnreachable { place, fault: source.to_string() }.into()
        }
        error => Reason::StoreUnreachable { place, fault: error.to_string() }.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_all_be_names_of_files_are_found() {
        let fit = |names: &[&str]| fit_files(names.iter().copied());
        assert!(fit(&[]) && fit(&["a.csv", "a.csv.bak", "b/a.csv", "b/c.csv"]) && fit(&[&"x".repeat(255)]));
        assert!(!fit(&["a.csv", "a.csv/b.csv"]) && !fit(&["x/y", "x/y/z/a.csv"]));
        assert!(!fit(&[&"x".repeat(256)]) && !fit(&[&format!("b/{}/a.csv", "数".repeat(86))]));
    }
}
