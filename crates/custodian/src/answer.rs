//! Answers to challenges: the rows that were drawn are opened to the auditor, and to nobody else.

use std::collections::{BTreeMap, BTreeSet};
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
use medveil_ledger::{ChallengeId, Outcome, ReleaseId, Versioned};
use rand_core::SeedableRng as _;

use crate::custodian::{Custodian, openings_file};
use crate::error::{CustodianError, Stop, file_fault};
use crate::interrupt::{Interrupt, Point};
use crate::keys::{ReleaseKeys, suite};
use crate::layout::SchemaFile;
use crate::ledger::{Ledger, latest, version};
use crate::openings::{Fate, OpenedFile, OpenedRecord, OpenedRow, Openings, digest};
use crate::reason::Reason;
use crate::records::Records;
use crate::run::Private;
use crate::source::{Dataset, place};
use crate::vault::Vault;

/// A file of one side of a release, and those of its records that are opened.
struct Side {
    records: Records,
    tree: Tree,
    opened: BTreeMap<u64, Vec<u8>>,
}

/// A file of a release, and for each of its records the one of the source that it was made of.
struct Output {
    side: Side,
    made_of: Vec<u64>,
}

/// Both sides of a release.
struct Sides {
    source: Vec<Side>,
    schema: Vec<SchemaFile>,
    patients: Vec<Vec<Option<String>>>,
    output: Vec<Output>,
    private: Private,
}

/// Where a record of the source went.
#[derive(Clone, Copy)]
enum Way {
    Outside,
    Dropped,
    /// It is this record of this file of the release, and of the release the one of this number.
    Released {
        file: usize,
        record: u64,
        place: u64,
    },
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

        let mut sides = self.sides(release, posted, &receipt, &output_key)?;
        let count: u64 = sides.source.iter().map(|side| side.records.len()).sum();
        let rows: Vec<u64> = (0..challenge.rows).map(|number| row(&challenge.seed, number, count)).collect();
        let made_of = (0..challenge.rows).map(|number| row(&challenge.seed, number, figures.records));
        let made_of: Vec<Option<u64>> = made_of.map(|record| sides.row_of(record)).collect();
        sides.open(rows.iter().chain(made_of.iter().flatten()))?;
        let rows = rows.iter().map(|row| self.open_row(&sides, *row)).collect::<Result<_, _>>()?;
        let made_of = made_of
            .iter()
            .map(|row| row.map(|row| self.open_row(&sides, row)).transpose())
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
                .iter()
                .map(|side| side.file(leaf_key(&side.records.name), &sides.schema))
                .collect(),
            output: sides.output.iter().map(|output| output.side.file(output_key, &sides.schema)).collect(),
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

    /// Both sides of a posted release, of which nothing is opened yet.
    fn sides(
        &self,
        release: ReleaseId,
        posted: &Versioned<Release>,
        receipt: &Receipt,
        output_key: &Hash,
    ) -> Result<Sides, Stop> {
        let id = posted.value.dataset;
        let (settings, study) = self.dataset(id)?;
        let folder = self.release_folder(release, posted.version);
        let source = self.open_version(id, posted.value.figures.dataset_version)?;
        let (trees, _) = source.trees(suite(settings.hashes), |name| study.prf(&["input-leaves", name]))?;
        let patients = source.patients(&settings.patient)?;
        let private = self.read_private(release, posted.version)?;
        let mut output = Vec::with_capacity(private.given.len());
        for (name, given) in &private.given {
            let schema = source.schema.iter().find(|file| file.path == *name);
            let layout = schema.and_then(|file| file.layout());
            let layout =
                layout.ok_or_else(|| Reason::Source { fault: format!("{name}: not in the schema") })?;
            let records = Records::read(&folder.join(name), name, layout)?;
            let tree = records.tree(receipt.suite, &Prf::new(receipt.suite, output_key))?;
            let dropped = private.dropped.get(name).map_or(&[][..], Vec::as_slice);
            let made_of = (0..).zip(given).filter(|(place, _)| dropped.binary_search(place).is_err());
            let made_of = made_of.map(|(_, record)| *record).collect();
            output.push(Output { side: Side::new(records, tree), made_of });
        }
        let Dataset { files, schema } = source;
        let source = files.into_iter().zip(trees).map(|(records, tree)| Side::new(records, tree));
        Ok(Sides { source: source.collect(), schema, patients, output, private })
    }

    fn open_row(&self, sides: &Sides, row: u64) -> Result<OpenedRow, Stop> {
        let (file, record) = sides.place(row)?;
        let patient = sides.patients[file].get(record as usize).and_then(Option::as_deref);
        Ok(OpenedRow {
            row,
            raw: sides.source[file].record(record)?,
            tie: self.tie_of(patient)?,
            fate: match sides.way(file, record) {
                Way::Outside => Fate::Outside,
                Way::Dropped => Fate::Dropped,
                Way::Released { file, record, place } => {
                    Fate::Released { place, released: sides.output[file].side.record(record)? }
                }
            },
        })
    }
}

impl Sides {
    /// File and record of a row of the source.
    fn place(&self, row: u64) -> Result<(usize, u64), Reason> {
        place(row, self.source.iter().map(|side| side.records.len()))
            .ok_or_else(|| Reason::Source { fault: "a row that was drawn is not in the source".into() })
    }

    /// Where a record of the source went.
    fn way(&self, file: usize, record: u64) -> Way {
        let name = &self.source[file].records.name;
        let given = self.private.given.get(name).map_or(&[][..], Vec::as_slice);
        if given.binary_search(&record).is_err() {
            return Way::Outside;
        }
        let mut before = 0;
        for (file, Output { side, made_of }) in self.output.iter().enumerate() {
            if side.records.name == *name {
                let Ok(at) = made_of.binary_search(&record) else { return Way::Dropped };
                return Way::Released { file, record: at as u64, place: before + at as u64 };
            }
            before += side.records.len();
        }
        Way::Dropped
    }

    /// The row of the source that a record of the release was made of.
    fn row_of(&self, record: u64) -> Option<u64> {
        let (file, at) = place(record, self.output.iter().map(|output| output.side.records.len()))?;
        let Output { side, made_of } = &self.output[file];
        let record = made_of.get(usize::try_from(at).ok()?)?;
        let before = self.source.iter().take_while(|source| source.records.name != side.records.name);
        Some(before.map(|source| source.records.len()).sum::<u64>() + record)
    }

    /// Reads rows, and what was made of them, from each file at once.
    fn open<'a>(&mut self, rows: impl Iterator<Item = &'a u64>) -> Result<(), Reason> {
        let (mut raw, mut made): (BTreeMap<usize, BTreeSet<u64>>, BTreeMap<usize, BTreeSet<u64>>) =
            Default::default();
        for row in rows {
            let (file, record) = self.place(*row)?;
            raw.entry(file).or_default().insert(record);
            if let Way::Released { file, record, .. } = self.way(file, record) {
                made.entry(file).or_default().insert(record);
            }
        }
        for (file, records) in &raw {
            self.source[*file].open(records)?;
        }
        made.iter().try_for_each(|(file, records)| self.output[*file].side.open(records))
    }
}

impl Side {
    fn new(records: Records, tree: Tree) -> Self {
        Side { records, tree, opened: BTreeMap::new() }
    }

    fn open(&mut self, wanted: &BTreeSet<u64>) -> Result<(), Reason> {
        self.opened = self.records.some(wanted)?;
        Ok(())
    }

    /// A record that was opened, with its proof.
    fn record(&self, record: u64) -> Result<OpenedRecord, Reason> {
        let found = self.opened.get(&record).zip(self.tree.path(self.records.leaf_of(record)));
        let missing = || Reason::Source { fault: format!("{}: a record is missing", self.records.name) };
        let (bytes, path) = found.ok_or_else(missing)?;
        Ok(OpenedRecord { record: bytes.clone(), path })
    }

    /// The file, in the registered format.
    fn file(&self, leaf_key: Hash, schema: &[SchemaFile]) -> OpenedFile {
        let Side { records, tree, .. } = self;
        let header = records.header().zip(tree.path(0));
        let format = schema.iter().find(|file| file.path == records.name);
        OpenedFile {
            path: records.name.clone(),
            format: format.map_or(String::new(), |file| file.format.clone()),
            records: records.len(),
            root: tree.root(),
            leaf_key,
            header: header.map(|(record, path)| OpenedRecord { record: record.to_vec(), path }),
        }
    }
}
