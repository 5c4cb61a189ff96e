//! Answers to challenges: the rows that were drawn are opened to the auditor, and to nobody else.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::Instant;

use chacha20::ChaCha20Rng;
use medveil_deid::merkle::{Hash, Tree};
use medveil_deid::receipt::Receipt;
use medveil_deid::study::Prf;
use medveil_ledger::action::AuditAnswer;
use medveil_ledger::state::challenge::{Challenge, row};
use medveil_ledger::state::release::Release;
use medveil_ledger::{ChallengeId, Outcome, Versioned};
use rand_core::SeedableRng as _;

use crate::custodian::{Custodian, openings_file};
use crate::error::{CustodianError, Stop, file_fault};
use crate::interrupt::{Interrupt, Point};
use crate::keys::{ReleaseKeys, suite};
use crate::ledger::{Ledger, latest, version};
use crate::openings::{Fate, OpenedFile, OpenedRecord, OpenedRow, Openings, digest};
use crate::reason::Reason;
use crate::run::Private;
use crate::source::{Dataset, Records, place};
use crate::vault::Vault;

/// Both sides of a release, with their trees.
struct Sides {
    source: Dataset,
    source_trees: Vec<Tree>,
    patients: Vec<Vec<Option<String>>>,
    /// The files of the release, and for each record of one the record of the source that it was made of.
    output: Vec<(Records, Tree, Vec<u64>)>,
    private: Private,
}

impl<L: Ledger, V: Vault, I: Interrupt> Custodian<L, V, I> {
    /// Opens what a challenge drew, and answers it.
    pub(crate) fn answer(&mut self, id: ChallengeId) -> Result<(), Stop> {
        let challenge = latest::<Challenge>(&self.ledger, &id)?
            .ok_or_else(|| Reason::Ledger { name: "challenge.unknown".into() })?
            .value;
        if challenge.answer.is_some() || challenge.verdict.is_some() {
            return Ok(());
        }
        let since = Instant::now();
        let path = openings_file(&self.settings.folder, id);
        // What was sealed once is what is answered with.
        if !path.exists() {
            let sealed = self.seal(id, &challenge)?;
            let partial = path.with_extension("partial");
            let mut file = File::create(&partial).map_err(file_fault(&partial))?;
            file.write_all(&sealed).and_then(|()| file.sync_all()).map_err(file_fault(&partial))?;
            fs::rename(&partial, &path).map_err(file_fault(&path))?;
            self.interrupt.at(Point::Opened)?;
        }
        let sealed = fs::read(&path).map_err(file_fault(&path))?;
        let outcome = self.act(AuditAnswer { challenge: id, openings: digest(&sealed) })?;
        self.took("answer", since);
        match outcome {
            Outcome::Applied => Ok(()),
            // It was answered before the custodian was stopped.
            Outcome::Refused(refusal) if refusal.name == "challenge.answered" => Ok(()),
            Outcome::Refused(refusal) => Err(Reason::Ledger { name: refusal.name.into_owned() }.into()),
        }
    }

    fn seal(&self, id: ChallengeId, challenge: &Challenge) -> Result<Vec<u8>, Stop> {
        let release = version::<Release>(&self.ledger, &challenge.release, challenge.version)?
            .ok_or_else(|| Reason::Ledger { name: "release.unknown".into() })?;
        let openings = self.openings(id, challenge, &release)?;
        // From the dataset's key and from what is sealed: the same openings sealed again are the same bytes, and no others share the randomness. Whoever has the key alone
        // does not have what is sealed.
        let (_, study) = self.dataset(release.value.dataset)?;
        let content = openings.content().to_string();
        let seed = study.subkey(&["openings-seal", &id.to_string(), &content]);
        let sealed = openings.seal(challenge.reader, &mut ChaCha20Rng::from_seed(*seed));
        // To a key that keeps no secret nothing is opened.
        Ok(sealed.map_err(|_| Reason::Ledger { name: "custodian.reader".into() })?)
    }

    fn openings(
        &self,
        id: ChallengeId,
        challenge: &Challenge,
        posted: &Versioned<Release>,
    ) -> Result<Openings, Stop> {
        let (release, dataset_id) = (challenge.release, posted.value.dataset);
        let figures = &posted.value.figures;
        let (settings, study) = self.dataset(dataset_id)?;
        let folder = self.release_folder(release, posted.version);
        let receipt = fs::read_to_string(folder.join("receipt.json")).map_err(|_| Reason::Destroyed)?;
        let receipt = Receipt::parse(&receipt).map_err(|error| CustodianError::Job(error.to_string()))?;
        let keys = ReleaseKeys::derive(&study, posted.value.request, dataset_id);
        let output_key = keys.output_leaf_key(release, receipt.suite, posted.version);

        let source = self.open_version(dataset_id, figures.dataset_version)?;
        let (source_trees, _) =
            source.trees(suite(settings.hashes), |name| study.prf(&["input-leaves", name]));
        let patients = self.patients_of(dataset_id, &source)?;
        let private = self.read_private(release, posted.version)?;
        let mut output = Vec::with_capacity(private.given.len());
        for (name, given) in &private.given {
            let schema = source.schema.iter().find(|file| file.path == *name);
            let layout = schema.and_then(|file| file.layout());
            let layout =
                layout.ok_or_else(|| Reason::Source { fault: format!("{name}: not in the schema") })?;
            let records = Records::read(&folder.join(name), name, layout)?;
            let tree = records.tree(receipt.suite, &Prf::new(receipt.suite, &output_key));
            let dropped = private.dropped.get(name).map_or(&[][..], Vec::as_slice);
            let made_of = (0..).zip(given).filter(|(place, _)| dropped.binary_search(place).is_err());
            let made_of = made_of.map(|(_, record)| *record).collect();
            output.push((records, tree, made_of));
        }
        let sides = Sides { source, source_trees, patients, output, private };

        let count = sides.source.count();
        let rows = (0..challenge.rows)
            .map(|number| self.open_row(&sides, row(&challenge.seed, number, count)))
            .collect::<Result<_, _>>()?;
        let made_of = (0..challenge.rows)
            .map(|number| {
                let place = row(&challenge.seed, number, figures.records);
                sides.row_of(place).map(|row| self.open_row(&sides, row)).transpose()
            })
            .collect::<Result<_, _>>()?;
        let leaf_key = |name: &str| *study.subkey(&["input-leaves", name]);
        let schema = self.store.versions(settings.label)?.into_iter();
        let mut schema =
            schema.filter(|(number, ..)| *number == figures.dataset_version).map(|(.., schema)| schema);
        Ok(Openings {
            challenge: id,
            release,
            plan: receipt.plan.to_string(),
            key: keys.key,
            seed: keys.seed,
            schema: schema.next_back().unwrap_or_default(),
            patient: settings.patient.clone(),
            source: sides
                .source
                .files
                .iter()
                .zip(&sides.source_trees)
                .map(|(file, tree)| {
                    opened_file(file, tree, leaf_key(&file.name), sides.source.format(&file.name))
                })
                .collect(),
            output: sides
                .output
                .iter()
                .map(|(file, tree, _)| opened_file(file, tree, output_key, sides.source.format(&file.name)))
                .collect(),
            generalised: sides
                .private
                .generalised
                .iter()
                .map(|(name, columns)| (name.clone(), columns.clone()))
                .collect(),
            rows,
            made_of,
        })
    }

    fn open_row(&self, sides: &Sides, row: u64) -> Result<OpenedRow, Stop> {
        let (file, record) = place(row, sides.source.files.iter().map(Records::len))
            .ok_or_else(|| Reason::Source { fault: "a row that was drawn is not in the source".into() })?;
        let patient = sides.patients[file].get(record as usize).and_then(Option::as_deref);
        Ok(OpenedRow {
            row,
            raw: opened(&sides.source.files[file], &sides.source_trees[file], record)?,
            tie: self.tie_of(patient)?,
            fate: sides.fate(file, record)?,
        })
    }
}

impl Sides {
    /// Where a record of the source went.
    fn fate(&self, file: usize, record: u64) -> Result<Fate, Stop> {
        let name = &self.source.files[file].name;
        let given = self.private.given.get(name).map_or(&[][..], Vec::as_slice);
        if given.binary_search(&record).is_err() {
            return Ok(Fate::Outside);
        }
        let mut before = 0;
        for (records, tree, made_of) in &self.output {
            if records.name == *name {
                let Ok(at) = made_of.binary_search(&record) else { return Ok(Fate::Dropped) };
                let place = before + at as u64;
                return Ok(Fate::Released { place, released: opened(records, tree, at as u64)? });
            }
            before += records.len();
        }
        Ok(Fate::Dropped)
    }

    /// The row of the source that a record of the release was made of.
    fn row_of(&self, record: u64) -> Option<u64> {
        let (file, at) = place(record, self.output.iter().map(|(records, ..)| records.len()))?;
        let (records, _, made_of) = &self.output[file];
        let source = made_of.get(usize::try_from(at).ok()?)?;
        let files = &self.source.files;
        let before = files.iter().take_while(|file| file.name != records.name).map(Records::len);
        Some(before.sum::<u64>() + source)
    }
}

impl Dataset {
    /// The registered format of a file.
    fn format(&self, name: &str) -> &str {
        self.schema.iter().find(|file| file.path == name).map_or("", |file| file.format.as_str())
    }
}

fn opened(records: &Records, tree: &Tree, record: u64) -> Result<OpenedRecord, Stop> {
    let found = records.record(record).zip(tree.path(records.leaf_of(record)));
    let (bytes, path) =
        found.ok_or_else(|| Reason::Source { fault: format!("{}: a record is missing", records.name) })?;
    Ok(OpenedRecord { record: bytes.to_vec(), path })
}

fn opened_file(records: &Records, tree: &Tree, leaf_key: Hash, format: &str) -> OpenedFile {
    let header = records.header().zip(tree.path(0));
    OpenedFile {
        path: records.name.clone(),
        format: format.to_owned(),
        records: records.len(),
        root: tree.root(),
        leaf_key,
        header: header.map(|(record, path)| OpenedRecord { record: record.to_vec(), path }),
    }
}
