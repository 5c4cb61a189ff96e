//! The records of a file: what leaves are made of, whose each is, and a file of some of them alone.

pub(crate) mod csv;
pub(crate) mod fhir;
pub(crate) mod parquet;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use medveil_deid::merkle::{Hash, Tree, leaf};
use medveil_deid::study::{Prf, Suite};
use medveil_deid::table::Dialect;

use crate::layout::Layout;
use crate::reason::Reason;

/// The longest record that is read, in bytes.
pub(crate) const MAX_RECORD: usize = 16 << 20;

/// A file, by its records.
pub(crate) struct Records {
    /// The path in the dataset.
    pub(crate) name: String,
    pub(crate) layout: Layout,
    body: Body,
}

/// Where records come from when they are asked for.
enum Body {
    /// The file, with the places of header and records.
    Text { bytes: Vec<u8>, header: Option<Range<usize>>, records: Vec<Range<usize>> },
    /// A file on disk that is the record, if there is anything in it.
    Whole(PathBuf, bool),
    /// Columns on disk.
    Parquet(parquet::Table),
}

impl Records {
    /// Finds the records of a file.
    pub(crate) fn read(path: &Path, name: &str, layout: Layout) -> Result<Self, Reason> {
        let fault = |fault: String| Reason::Source { fault: format!("{name}: {fault}") };
        let bytes = || fs::read(path).map_err(|error| error.to_string());
        let body = match layout {
            Layout::Csv(dialect) => bytes().and_then(|bytes| {
                let (header, records) = csv::records(&bytes, &dialect)?;
                Ok(Body::Text { bytes, header, records })
            }),
            Layout::Ndjson => bytes().map(|bytes| {
                let records = fhir::lines(&bytes);
                Body::Text { bytes, header: None, records }
            }),
            Layout::Json => fs::metadata(path)
                .map(|file| Body::Whole(path.to_owned(), file.len() > 0))
                .map_err(|error| error.to_string()),
            Layout::Parquet => parquet::Table::open(path).map(Body::Parquet),
        };
        Ok(Records { name: name.to_owned(), layout, body: body.map_err(fault)? })
    }

    pub(crate) fn len(&self) -> u64 {
        match &self.body {
            Body::Text { records, .. } => records.len() as u64,
            Body::Whole(_, written) => u64::from(*written),
            Body::Parquet(table) => table.rows(),
        }
    }

    /// What the first leaf is made of, where it is a header.
    pub(crate) fn header(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Text { bytes, header, .. } => header.clone().map(|range| &bytes[range]),
            Body::Whole(..) => None,
            Body::Parquet(table) => Some(table.header()),
        }
    }

    /// The leaf number of a record.
    pub(crate) fn leaf_of(&self, index: u64) -> u64 {
        index + u64::from(self.header().is_some())
    }

    /// Gives each record with its number, in order.
    pub(crate) fn each(&self, mut each: impl FnMut(u64, &[u8])) -> Result<(), Reason> {
        match &self.body {
            Body::Text { bytes, records, .. } => {
                (0..).zip(records).for_each(|(number, range)| each(number, &bytes[range.clone()]));
            }
            Body::Whole(path, true) => each(0, &self.whole(path)?),
            Body::Whole(_, false) => {}
            Body::Parquet(table) => table.each(each).map_err(|fault| self.fault(fault))?,
        }
        Ok(())
    }

    /// Some records, by their numbers.
    pub(crate) fn some(&self, wanted: &BTreeSet<u64>) -> Result<BTreeMap<u64, Vec<u8>>, Reason> {
        let mut found = BTreeMap::new();
        if !wanted.is_empty() {
            self.each(|number, record| {
                if wanted.contains(&number) {
                    found.insert(number, record.to_vec());
                }
            })?;
        }
        Ok(found)
    }

    /// The tree over header and records.
    pub(crate) fn tree(&self, suite: Suite, key: &Prf) -> Result<Tree, Reason> {
        let mut leaves: Vec<Hash> = self.header().into_iter().map(|header| leaf(key, header)).collect();
        self.each(|_, record| leaves.push(leaf(key, record)))?;
        Ok(Tree::new(suite, leaves))
    }

    /// Writes a file of these records alone, of which there is one at least and which ascend.
    pub(crate) fn write_part(&self, chosen: &[u64], to: &Path) -> Result<(), Reason> {
        let written = match &self.body {
            Body::Text { bytes, header, records } => {
                let end = header.as_ref().map_or(self.layout.mark_len(), |header| header.end);
                let mut part = bytes[..end].to_vec();
                for range in chosen.iter().filter_map(|record| records.get(usize::try_from(*record).ok()?)) {
                    part.extend_from_slice(&bytes[range.clone()]);
                }
                fs::write(to, part).map_err(|error| error.to_string())
            }
            Body::Whole(path, _) => fs::copy(path, to).map(drop).map_err(|error| error.to_string()),
            Body::Parquet(table) => table.write_part(chosen, to),
        };
        written.map_err(|fault| self.fault(fault))
    }

    /// Whose each record is: `column` of a table, the subject in FHIR.
    pub(crate) fn patients(&self, column: &str) -> Result<Vec<Option<String>>, Reason> {
        let patients = match (&self.body, self.layout) {
            (Body::Text { bytes, .. }, Layout::Csv(dialect)) => csv::patients(bytes, &dialect, column),
            (Body::Text { bytes, records, .. }, _) => {
                let all = records.iter().zip(1..);
                all.map(|(range, line)| {
                    let subject = fhir::patient(&bytes[range.clone()]);
                    subject.map_err(|fault| format!("record {line}: {fault}"))
                })
                .collect()
            }
            (Body::Whole(path, true), _) => fhir::patient(&self.whole(path)?).map(|patient| vec![patient]),
            (Body::Whole(_, false), _) => Ok(Vec::new()),
            (Body::Parquet(table), _) => table.patients(column),
        };
        patients.map_err(|fault| self.fault(fault))
    }

    fn whole(&self, path: &Path) -> Result<Vec<u8>, Reason> {
        fs::read(path).map_err(|error| self.fault(error.to_string()))
    }

    fn fault(&self, fault: String) -> Reason {
        Reason::Source { fault: format!("{}: {fault}", self.name) }
    }
}

/// Whose a record is that was opened beside its header.
pub(crate) fn patient_of(
    layout: Layout,
    header: Option<&[u8]>,
    record: &[u8],
    column: &str,
) -> Option<String> {
    match layout {
        Layout::Csv(dialect) => {
            let bytes = [header.unwrap_or_default(), record].concat();
            csv::patients(&bytes, &Dialect { mark: false, ..dialect }, column).ok()?.into_iter().next()?
        }
        Layout::Parquet => parquet::patient(header?, record, column),
        Layout::Ndjson | Layout::Json => fhir::patient(record).ok()?,
    }
}

/// A file of opened records, as far as a plan makes of each what it made of it in the whole file.
pub(crate) fn write_opened(
    layout: Layout,
    header: Option<&[u8]>,
    records: &[&[u8]],
    to: &Path,
) -> Result<(), String> {
    if layout == Layout::Parquet {
        return parquet::write_opened(header.unwrap_or_default(), records, to);
    }
    let mut bytes = MARK[..layout.mark_len()].to_vec();
    bytes.extend(header.into_iter().chain(records.iter().copied()).flatten());
    fs::write(to, bytes).map_err(|error| error.to_string())
}

const MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a file of this content, which is written where it may stay.
    fn file(bytes: &[u8], layout: Layout) -> (tempfile::TempDir, Records) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("t");
        fs::write(&path, bytes).unwrap();
        let records = Records::read(&path, "t", layout).unwrap();
        (home, records)
    }

    fn part(home: &tempfile::TempDir, records: &Records, chosen: &[u64]) -> Vec<u8> {
        let to = home.path().join("part");
        records.write_part(chosen, &to).unwrap();
        fs::read(to).unwrap()
    }

    fn of(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_part_has_the_header_and_the_records_that_were_chosen() {
        let layout = Layout::Csv(Dialect::from_description("csv (utf-8, comma, header)").unwrap());
        let (home, records) = file(b"id,note\r\nP1,\"a\r\nb\"\r\nP2,c\r\nP1,d", layout);
        assert_eq!(records.len(), 3);
        assert_eq!(part(&home, &records, &[0, 2]), b"id,note\r\nP1,\"a\r\nb\"\r\nP1,d");
        assert_eq!(records.patients("id").unwrap(), [of("P1"), of("P2"), of("P1")]);
        assert_eq!(records.patients("patient").unwrap_err().name(), "custodian.source");
        let some = records.some(&BTreeSet::from([1, 7])).unwrap();
        assert_eq!(some, BTreeMap::from([(1, b"P2,c\r\n".to_vec())]));
        assert_eq!(patient_of(layout, records.header(), &some[&1], "id"), of("P2"));
    }

    #[test]
    fn a_part_of_parquet_has_the_leaves_of_the_records_that_were_chosen() {
        use medveil_deid::table::parquet_record::record;
        let header = record(["id", "text", "age", "int32"].map(|word| Some(word.as_bytes())));
        let rows =
            [(Some("P1"), Some("41")), (None, Some("7")), (Some("P1 "), None), (Some("P2"), Some("9"))];
        let rows = rows.map(|(id, age)| record([id.map(str::as_bytes), age.map(str::as_bytes)]));
        let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("t.parquet");
        write_opened(Layout::Parquet, Some(&header), &rows, &path).unwrap();
        let records = Records::read(&path, "t.parquet", Layout::Parquet).unwrap();
        assert_eq!((records.len(), records.header()), (4, Some(header.as_slice())));
        assert_eq!(records.patients("id").unwrap(), [of("P1"), None, of("P1"), of("P2")]);
        assert_eq!(patient_of(Layout::Parquet, Some(&header), rows[2], "id"), of("P1"));
        let bytes = part(&home, &records, &[0, 2]);
        assert_eq!(part(&home, &records, &[0, 2]), bytes, "the same records are the same bytes");
        let (_kept, some) = file(&bytes, Layout::Parquet);
        let found = some.some(&(0..9).collect()).unwrap();
        assert_eq!(found.values().map(Vec::as_slice).collect::<Vec<_>>(), [rows[0], rows[2]]);
        let key = Prf::new(Suite::International, &[1; 32]);
        let leaves = [&header, rows[0], rows[2]].map(|bytes| leaf(&key, bytes)).to_vec();
        let tree = some.tree(Suite::International, &key).unwrap();
        assert_eq!(tree.root(), Tree::new(Suite::International, leaves).root());
    }

    #[test]
    fn lines_are_records_and_a_file_of_json_is_one() {
        let lines = "{\"resourceType\":\"Patient\",\"id\":\"p1\"}\n\n{\"resourceType\":\"Basic\"}\n";
        let (home, records) = file(lines.as_bytes(), Layout::Ndjson);
        assert_eq!(records.patients("").unwrap(), [of("p1"), None]);
        assert_eq!(part(&home, &records, &[1]), b"{\"resourceType\":\"Basic\"}\n");
        let json = b"{\n \"resourceType\": \"Patient\",\n \"id\": \"p1\"\n}\n";
        let (home, records) = file(json, Layout::Json);
        assert_eq!((records.len(), records.patients("").unwrap()), (1, vec![of("p1")]));
        assert_eq!(part(&home, &records, &[0]), json);
        assert_eq!(file(b"", Layout::Json).1.len(), 0, "a record that was dropped");
    }
}
