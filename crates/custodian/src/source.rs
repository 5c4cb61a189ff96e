//! A registered version of a dataset, in memory: its records in source order, whose each is, and the trees over them.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use medveil_clinical::dataset::{Format, Source, discover};
use medveil_deid::kind::Kind;
use medveil_deid::merkle::{Checkpoints, Hash, Tree, leaf};
use medveil_deid::receipt::files_root;
use medveil_deid::study::{Prf, Suite};
use medveil_deid::table::csv::{Block, Blocks};
use medveil_deid::table::{Dialect, Hints, Side};
use serde::Deserialize;

use crate::reason::Reason;

/// The longest record that is read, in bytes.
pub(crate) const MAX_RECORD: usize = 16 << 20;

/// The schema that was registered: what files are, and what their columns hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct SchemaFile {
    pub(crate) path: String,
    pub(crate) format: String,
    columns: Vec<SchemaColumn>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct SchemaColumn {
    name: String,
    kind: Option<String>,
}

impl SchemaFile {
    /// Reads a schema's text; none if it is not one.
    pub(crate) fn parse(text: &str) -> Option<Vec<SchemaFile>> {
        serde_json::from_str(text).ok()
    }

    /// The kinds of its columns.
    pub(crate) fn kinds(&self) -> Arc<BTreeMap<String, Option<Kind>>> {
        let kind =
            |column: &SchemaColumn| (column.name.clone(), column.kind.as_deref().and_then(Kind::from_name));
        Arc::new(self.columns.iter().map(kind).collect())
    }

    /// How its records are written; none where that is not read here.
    pub(crate) fn layout(&self) -> Option<Layout> {
        match self.format.as_str() {
            "fhir r4 (ndjson)" => Some(Layout::Ndjson),
            text => Dialect::from_description(text).map(Layout::Csv),
        }
    }
}

/// How the records of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Csv(Dialect),
    Ndjson,
}

impl Layout {
    /// Whether the first leaf of a file is its header.
    pub(crate) fn has_header(self) -> bool {
        matches!(self, Layout::Csv(dialect) if dialect.header)
    }

    /// Bytes before the first record.
    pub(crate) fn mark_len(self) -> usize {
        match self {
            Layout::Csv(dialect) => dialect.mark_len(),
            Layout::Ndjson => 0,
        }
    }

    /// The same without a byte-order mark.
    pub(crate) fn without_mark(self) -> Layout {
        match self {
            Layout::Csv(dialect) => Layout::Csv(Dialect { mark: false, ..dialect }),
            other => other,
        }
    }

    pub(crate) fn hints(self) -> Hints {
        match self {
            Layout::Ndjson => Hints::default(),
            Layout::Csv(dialect) => Hints {
                encoding: Some(dialect.encoding),
                delimiter: Some(dialect.delimiter),
                header: Some(dialect.header),
            },
        }
    }
}

/// A file, with the places of its records.
pub(crate) struct Records {
    /// The path in the dataset.
    pub(crate) name: String,
    pub(crate) layout: Layout,
    bytes: Vec<u8>,
    header: Option<Range<usize>>,
    records: Vec<Range<usize>>,
}

impl Records {
    /// Finds the records of a file.
    pub(crate) fn read(path: &Path, name: &str, layout: Layout) -> Result<Self, Reason> {
        let fault = |fault: String| Reason::Source { fault: format!("{name}: {fault}") };
        let bytes = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
        Self::of(bytes, name, layout).map_err(fault)
    }

    /// Finds the records of a file's bytes.
    pub(crate) fn of(bytes: Vec<u8>, name: &str, layout: Layout) -> Result<Self, String> {
        let (header, records) = match layout {
            Layout::Csv(dialect) => csv_records(&bytes, &dialect)?,
            Layout::Ndjson => (None, lines(&bytes)),
        };
        Ok(Records { name: name.to_owned(), layout, bytes, header, records })
    }

    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// A record as it stands, its line end included.
    pub(crate) fn record(&self, index: u64) -> Option<&[u8]> {
        let range = self.records.get(usize::try_from(index).ok()?)?;
        Some(&self.bytes[range.clone()])
    }

    /// The header as it stands.
    pub(crate) fn header(&self) -> Option<&[u8]> {
        self.header.clone().map(|range| &self.bytes[range])
    }

    /// The beginning of the file, up to the first record.
    fn beginning(&self) -> &[u8] {
        let end = self.header.as_ref().map_or(self.layout.mark_len(), |header| header.end);
        &self.bytes[..end]
    }

    /// A file of these records alone, in this order.
    pub(crate) fn part(&self, records: &[u64]) -> Vec<u8> {
        let chosen = records.iter().filter_map(|index| self.record(*index));
        let mut part = self.beginning().to_vec();
        chosen.for_each(|record| part.extend_from_slice(record));
        part
    }

    /// The leaf number of a record.
    pub(crate) fn leaf_of(&self, index: u64) -> u64 {
        index + u64::from(self.header.is_some())
    }

    /// The tree over header and records.
    pub(crate) fn tree(&self, suite: Suite, key: &Prf) -> Tree {
        let leaves: Vec<Hash> = self
            .header()
            .into_iter()
            .chain(self.records.iter().map(|range| &self.bytes[range.clone()]))
            .map(|record| leaf(key, record))
            .collect();
        Tree::new(suite, leaves)
    }

    /// Whose each record is: `column` of CSV, the subject in FHIR.
    pub(crate) fn patients(&self, column: &str) -> Result<Vec<Option<String>>, Reason> {
        let fault = |fault: String| Reason::Source { fault: format!("{}: {fault}", self.name) };
        let Layout::Csv(dialect) = self.layout else {
            return Ok(self.records.iter().map(|range| subject(&self.bytes[range.clone()])).collect());
        };
        let head = &self.bytes[..dialect.mark_len()];
        let rest = Cursor::new(&self.bytes[dialect.mark_len()..]);
        let mut blocks = Blocks::new(rest, head, dialect, BLOCK, MAX_RECORD);
        let (mut patients, mut at, mut columns) = (Vec::with_capacity(self.records.len()), None, None);
        while let Some(raw) = blocks.next_block().map_err(|error| fault(error.to_string()))? {
            let block = Block::parse(&raw, &dialect, columns).map_err(|error| fault(error.to_string()))?;
            columns = Some(block.columns());
            let mut first = 0;
            let at = match at {
                Some(at) => at,
                None => {
                    let found = if dialect.header {
                        first = 1;
                        (0..block.columns()).find(|c| block.text(0, *c).trim() == column)
                    } else {
                        (0..block.columns()).find(|c| format!("column{}", c + 1) == column)
                    };
                    let found = found.ok_or_else(|| fault(format!("there is no column `{column}`")))?;
                    at = Some(found);
                    found
                }
            };
            for record in first..block.records() {
                let patient = block.text(record, at).trim();
                patients.push((!patient.is_empty()).then(|| patient.to_owned()));
            }
        }
        Ok(patients)
    }
}

/// Bytes that are cut into records at once.
const BLOCK: usize = 1 << 20;

type Found = (Option<Range<usize>>, Vec<Range<usize>>);

fn csv_records(bytes: &[u8], dialect: &Dialect) -> Result<Found, String> {
    let mark = dialect.mark_len();
    let head = bytes.get(..mark).ok_or("shorter than its byte-order mark")?;
    let mut blocks = Blocks::new(Cursor::new(&bytes[mark..]), head, *dialect, BLOCK, MAX_RECORD);
    let (mut records, mut columns, mut at) = (Vec::new(), None, mark);
    while let Some(raw) = blocks.next_block().map_err(|error| error.to_string())? {
        let block = Block::parse(&raw, dialect, columns).map_err(|error| error.to_string())?;
        columns = Some(block.columns());
        for record in 0..block.records() {
            let end = at + block.record(record).len();
            records.push(at..end);
            at = end;
        }
    }
    let header = if dialect.header && !records.is_empty() { Some(records.remove(0)) } else { None };
    Ok((header, records))
}

fn lines(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut at = 0;
    let all = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let start = at;
        at += line.len();
        start..at
    });
    all.filter(|range| !bytes[range.clone()].trim_ascii().is_empty()).collect()
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "resourceType")]
    kind: String,
    id: Option<String>,
    subject: Option<Reference>,
    patient: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    reference: Option<String>,
}

/// Whose a resource is: the id of a `Patient`, or that of the patient to whom it refers.
fn subject(record: &[u8]) -> Option<String> {
    let resource: Resource = serde_json::from_slice(record.trim_ascii()).ok()?;
    if resource.kind == "Patient" {
        return resource.id;
    }
    let reference = resource.subject.or(resource.patient)?.reference?;
    let (_, id) = reference.rsplit_once("Patient/")?;
    Some(id.split('/').next().unwrap_or(id).to_owned()).filter(|id| !id.is_empty())
}

/// A version of a dataset.
pub(crate) struct Dataset {
    /// Its files, by their paths.
    pub(crate) files: Vec<Records>,
    pub(crate) schema: Vec<SchemaFile>,
}

impl Dataset {
    /// Reads the copy of a version.
    pub(crate) fn read(folder: &Path, schema: &str) -> Result<Self, Reason> {
        let schema = SchemaFile::parse(schema).ok_or_else(|| Reason::Source {
            fault: "the schema of the registered version is damaged".into(),
        })?;
        let mut files = Vec::with_capacity(schema.len());
        for file in &schema {
            let layout = file.layout().ok_or_else(|| unread(&file.path, &file.format))?;
            files.push(Records::read(&folder.join(&file.path), &file.path, layout)?);
        }
        Ok(Dataset { files, schema })
    }

    /// Records of all files.
    pub(crate) fn count(&self) -> u64 {
        self.files.iter().map(Records::len).sum()
    }

    /// The trees of the files, and the root over them.
    pub(crate) fn trees(&self, suite: Suite, key: impl Fn(&str) -> Prf) -> (Vec<Tree>, Hash) {
        let trees: Vec<Tree> = self.files.iter().map(|file| file.tree(suite, &key(&file.name))).collect();
        let root = root(
            suite,
            self.files.iter().zip(&trees).map(|(file, tree)| (file.name.as_str(), file.len(), tree.root())),
        );
        (trees, root)
    }
}

/// The root over files, of which path, records and root are known.
pub(crate) fn root<'a>(suite: Suite, files: impl IntoIterator<Item = (&'a str, u64, Hash)>) -> Hash {
    let sides: Vec<(&str, Side)> = files
        .into_iter()
        .map(|(name, records, root)| {
            (name, Side { records, bytes: 0, root, checkpoints: Checkpoints::default() })
        })
        .collect();
    files_root(suite, sides.iter().map(|(name, side)| (*name, side)))
}

/// The place of a row that is numbered over all files, of which these are the records.
pub(crate) fn place(row: u64, counts: impl IntoIterator<Item = u64>) -> Option<(usize, u64)> {
    let mut left = row;
    for (file, count) in counts.into_iter().enumerate() {
        if left < count {
            return Some((file, left));
        }
        left -= count;
    }
    None
}

fn unread(name: &str, format: &str) -> Reason {
    Reason::Source {
        fault: format!("{name}: {format} is not released by the custodian; CSV and FHIR NDJSON are"),
    }
}

/// The files of a live source, as far as they are data.
pub(crate) fn live(path: &Path) -> Result<Vec<Source>, Reason> {
    let sources =
        discover(&[PathBuf::from(path)]).map_err(|error| Reason::Source { fault: error.to_string() })?;
    for source in &sources.files {
        let format = match source.format {
            Format::Csv | Format::FhirNdjson => continue,
            Format::Parquet => "Parquet",
            Format::FhirJson => "FHIR JSON",
        };
        return Err(unread(&source.name, format));
    }
    Ok(sources.files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "csv (utf-8, comma, header)";

    fn file(text: &str, format: &str) -> Records {
        let layout =
            SchemaFile { path: "t".into(), format: format.into(), columns: Vec::new() }.layout().unwrap();
        Records::of(text.as_bytes().to_vec(), "t", layout).unwrap()
    }

    #[test]
    fn a_part_has_the_header_and_the_records_that_were_chosen() {
        let records = file("id,note\r\nP1,\"a\r\nb\"\r\nP2,c\r\nP1,d", CSV);
        assert_eq!(records.len(), 3);
        assert_eq!(records.part(&[0, 2]), b"id,note\r\nP1,\"a\r\nb\"\r\nP1,d");
        let patients = records.patients("id").unwrap();
        assert_eq!(patients, [Some("P1".to_owned()), Some("P2".to_owned()), Some("P1".to_owned())]);
        assert_eq!(records.patients("patient").unwrap_err().name(), "custodian.source");
    }

    #[test]
    fn the_subject_of_a_resource_is_found() {
        let text = concat!(
            "{\"resourceType\":\"Patient\",\"id\":\"p1\"}\n\n",
            "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/p2\"}}\n",
            "{\"resourceType\":\"Immunization\",\"patient\":{\"reference\":\"https://a.cn/fhir/Patient/p3/_history/2\"}}\n",
            "{\"resourceType\":\"Organization\",\"id\":\"o\"}\n",
        );
        let patients = file(text, "fhir r4 (ndjson)").patients("").unwrap();
        let of = |text: &str| Some(text.to_owned());
        assert_eq!(patients, [of("p1"), of("p2"), of("p3"), None]);
    }

    #[test]
    fn rows_are_numbered_over_files() {
        assert_eq!(place(0, [2, 0, 3]), Some((0, 0)));
        assert_eq!(place(2, [2, 0, 3]), Some((2, 0)));
        assert_eq!(place(4, [2, 0, 3]), Some((2, 2)));
        assert_eq!(place(5, [2, 0, 3]), None);
    }
}
