//! The plan again, on the rows that were opened and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use medveil_clinical::dataset::Settled;
use medveil_deid::plan::Plan;

use crate::layout::{Layout, SchemaFile};
use crate::openings::OpenedFile;
use crate::reason::Reason;
use crate::records::{Records, write_opened};
use crate::run::{Purpose, deidentify, loss_of};
use crate::settings::Settings;

/// What a plan makes of opened records of one file.
pub(super) struct Again {
    /// The header that it writes.
    pub(super) header: Option<Vec<u8>>,
    /// By the record's number in the source: what is released of it, or none where the plan drops it.
    pub(super) records: BTreeMap<u64, Option<Vec<u8>>>,
    /// What noise costs the released record that it costs most, in millionths of epsilon.
    pub(super) epsilon: u64,
}

/// A file of which records were opened.
pub(super) struct Opened<'a> {
    pub(super) file: &'a OpenedFile,
    pub(super) schema: &'a SchemaFile,
    pub(super) layout: Layout,
    pub(super) records: BTreeMap<u64, &'a [u8]>,
    /// Those of them that are said to be in the release.
    pub(super) released: BTreeSet<u64>,
}

/// Runs a plan on the opened records of a file, each with the place that it has in the source. `plan` asks nothing of the table as a whole.
pub(super) fn again(opened: &Opened<'_>, purpose: &Purpose<'_>, scratch: &Path) -> Result<Again, Reason> {
    let all: BTreeSet<u64> = opened.records.keys().copied().collect();
    let Written { header, records: written, mut epsilon } = run(opened, &all, purpose, scratch)?;
    // Records of FHIR cost what their values are many: those count that are in the release.
    if opened.layout.is_fhir() && opened.released.len() < all.len() {
        epsilon = match opened.released.is_empty() {
            true => 0,
            false => run(opened, &opened.released, purpose, scratch)?.epsilon,
        };
    }
    if written.len() == all.len() {
        let records = all.into_iter().zip(written).map(|(record, made)| (record, Some(made)));
        return Ok(Again { header, records: records.collect(), epsilon });
    }
    // Some were dropped; one by one tells which.
    let mut records = BTreeMap::new();
    for record in all {
        let written = run(opened, &BTreeSet::from([record]), purpose, scratch)?;
        records.insert(record, written.records.into_iter().next());
    }
    Ok(Again { header, records, epsilon })
}

struct Written {
    header: Option<Vec<u8>>,
    records: Vec<Vec<u8>>,
    epsilon: u64,
}

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
    let header = opened.file.header.as_ref().map(|header| header.record.as_slice());
    let records: Vec<&[u8]> =
        chosen.iter().filter_map(|record| opened.records.get(record).copied()).collect();
    write_opened(opened.layout, header, &records, &path).map_err(|fault| Reason::Source { fault })?;
    let positions: Vec<u64> = chosen.iter().copied().collect();
    let settled = Settled {
        format: Some(opened.layout.format()),
        hints: opened.layout.hints(),
        kinds: opened.schema.kinds(),
        positions: positions.into(),
    };
    let settled = BTreeMap::from([(opened.file.path.clone(), settled)]);
    let released = deidentify(&input, &settled, purpose, &output, &Settings::default())?;
    let made = Records::read(&output.join(&opened.file.path), &opened.file.path, opened.layout)?;
    let mut records = Vec::new();
    made.each(|_, record| records.push(record.to_vec()))?;
    Ok(Written { header: made.header().map(<[u8]>::to_vec), records, epsilon: loss_of(&released) })
}

/// Whether a plan decides about records by the table as a whole.
pub(super) fn looks_at_table(plan: &Plan) -> bool {
    plan.privacy.as_ref().is_some_and(|privacy| privacy.asks() && privacy.searches())
}
