//! The plan again, on the rows that were opened and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use medveil_clinical::dataset::Settled;
use medveil_deid::plan::Plan;

use crate::openings::OpenedFile;
use crate::reason::Reason;
use crate::run::{Purpose, deidentify};
use crate::settings::Settings;
use crate::source::{Layout, Records, SchemaFile};

/// What a plan makes of opened records of one file.
pub(super) struct Again {
    /// The header that it writes.
    pub(super) header: Option<Vec<u8>>,
    /// By the record's number in the source: what is released of it, or none where the plan drops it.
    pub(super) records: BTreeMap<u64, Option<Vec<u8>>>,
}

/// A file of which records were opened.
pub(super) struct Opened<'a> {
    pub(super) file: &'a OpenedFile,
    pub(super) schema: &'a SchemaFile,
    pub(super) layout: Layout,
    pub(super) records: BTreeMap<u64, &'a [u8]>,
}

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Runs a plan on the opened records of a file, each with the place that it has in the source. `plan` asks nothing of the table as a whole.
pub(super) fn again(opened: &Opened<'_>, purpose: &Purpose<'_>, scratch: &Path) -> Result<Again, Reason> {
    let all: BTreeSet<u64> = opened.records.keys().copied().collect();
    let (header, written) = run(opened, &all, purpose, scratch)?;
    if written.len() == all.len() {
        let records = all.into_iter().zip(written).map(|(record, made)| (record, Some(made)));
        return Ok(Again { header, records: records.collect() });
    }
    // Some were dropped; one by one tells which.
    let mut records = BTreeMap::new();
    for record in all {
        let (_, written) = run(opened, &BTreeSet::from([record]), purpose, scratch)?;
        records.insert(record, written.into_iter().next());
    }
    Ok(Again { header, records })
}

type Written = (Option<Vec<u8>>, Vec<Vec<u8>>);

fn run(
    opened: &Opened<'_>,
    chosen: &BTreeSet<u64>,
    purpose: &Purpose<'_>,
    scratch: &Path,
) -> Result<Written, Reason> {
    let failed = |error: std::io::Error| Reason::PlanFailed { fault: error.to_string() };
    let work = tempfile::Builder::new().prefix("audit-").tempdir_in(scratch).map_err(failed)?;
    let (input, output) = (work.path().join("in"), work.path().join("out"));
    let path = input.join(&opened.file.path);
    std::fs::create_dir_all(path.parent().unwrap_or(&input)).map_err(failed)?;
    let mut bytes = MARK[..opened.layout.mark_len()].to_vec();
    bytes.extend(opened.file.header.iter().flat_map(|header| &header.record));
    let records = chosen.iter().filter_map(|record| opened.records.get(record));
    records.for_each(|record| bytes.extend_from_slice(record));
    std::fs::write(&path, bytes).map_err(failed)?;
    let positions: Vec<u64> = chosen.iter().copied().collect();
    let settled =
        Settled { hints: opened.layout.hints(), kinds: opened.schema.kinds(), positions: positions.into() };
    let settled = BTreeMap::from([(opened.file.path.clone(), settled)]);
    deidentify(&input, &settled, purpose, &output, &Settings::default())?;
    let made = Records::read(&output.join(&opened.file.path), &opened.file.path, opened.layout)?;
    let records = (0..made.len()).filter_map(|record| made.record(record)).map(<[u8]>::to_vec);
    Ok((made.header().map(<[u8]>::to_vec), records.collect()))
}

/// Whether a plan decides about records by the table as a whole.
pub(super) fn looks_at_table(plan: &Plan) -> bool {
    plan.privacy.as_ref().is_some_and(|privacy| privacy.asks() && privacy.searches())
}
