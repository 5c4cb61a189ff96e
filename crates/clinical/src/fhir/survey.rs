//! What is in FHIR data: identifier kinds by path, as a scan of a table gives them by column.

use std::collections::BTreeMap;
use std::io::Read;

use medveil_deid::detect::{ColumnFinding, Options, TableScanner, Thoroughness};
use medveil_deid::table::Job;
use serde_json::Value;

use super::file::{FhirFileError, Lines};

/// Records that are all read before sampling begins, and every how many are read from then on.
const HEAD: u64 = 10_000;
const STRIDE: u64 = 64;

/// Finds what each path of a FHIR file holds.
pub fn scan(
    input: impl Read + Send,
    lines: bool,
    options: Options,
    job: &Job<'_>,
) -> Result<(String, Vec<ColumnFinding>), FhirFileError> {
    let mut source = Lines::new(input, lines, job);
    let mut paths: BTreeMap<String, TableScanner> = BTreeMap::new();
    let mut path = String::new();
    while let Some(block) = source.next_block()? {
        if job.check().is_err() {
            return Err(FhirFileError::Interrupted);
        }
        let mut size = 0;
        for (line, record) in block.records() {
            size += record.len() as u64;
            if options.thoroughness == Thoroughness::Sample && line > HEAD && line % STRIDE != 0 {
                continue;
            }
            // What is no JSON is named by `deid` with its place; a scan passes it over.
            let Ok(json) = serde_json::from_slice::<Value>(record.trim_ascii()) else { continue };
            path.clear();
            walk(&json, &mut path, &mut paths, options);
        }
        (job.progress)(size);
    }
    let findings = paths.into_iter().flat_map(|(path, scanner)| {
        scanner.finish().into_iter().map(move |finding| ColumnFinding { name: path.clone(), ..finding })
    });
    let findings = findings.collect();
    Ok((if lines { "fhir r4 (ndjson)" } else { "fhir r4 (json)" }.to_owned(), findings))
}

fn walk(value: &Value, path: &mut String, paths: &mut BTreeMap<String, TableScanner>, options: Options) {
    match value {
        Value::Object(members) => {
            let outer = path.len();
            if let Some(Value::String(kind)) = members.get("resourceType") {
                // A resource starts a path of its own, wherever it stands.
                let before = std::mem::replace(path, kind.clone());
                members.iter().for_each(|(name, member)| step(name, member, path, paths, options));
                *path = before;
                return;
            }
            members.iter().for_each(|(name, member)| step(name, member, path, paths, options));
            path.truncate(outer);
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, paths, options)),
        Value::Null => {}
        Value::String(text) => see(text, path, paths, options),
        other => see(&other.to_string(), path, paths, options),
    }
}

fn step(
    name: &str,
    member: &Value,
    path: &mut String,
    paths: &mut BTreeMap<String, TableScanner>,
    options: Options,
) {
    if name == "resourceType" {
        return;
    }
    let outer = path.len();
    path.push('.');
    path.push_str(name);
    walk(member, path, paths, options);
    path.truncate(outer);
}

fn see(text: &str, path: &str, paths: &mut BTreeMap<String, TableScanner>, options: Options) {
    if !paths.contains_key(path) {
        // The resource's name says nothing of the element: not everything in a Patient is a patient's id.
        let element = path.split_once('.').map_or(path, |(_, element)| element);
        paths.insert(path.to_owned(), TableScanner::new(&[element], options));
    }
    if let Some(scanner) = paths.get_mut(path) {
        scanner.cell(0, text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::atomic::AtomicBool;

    use medveil_deid::kind::Kind;
    use medveil_deid::table::Hints;

    use super::*;

    #[test]
    fn kinds_are_found_by_path() {
        let mut text = String::new();
        for i in 0..50 {
            text += &format!(
                "{{\"resourceType\":\"Patient\",\"gender\":\"male\",\"telecom\":[{{\"value\":\"1381234{:04}\"}}]}}\n",
                i * 7919 % 10_000
            );
        }
        let cancelled = AtomicBool::new(false);
        let job = Job {
            threads: NonZeroUsize::MIN,
            memory: 1 << 20,
            max_record: 1 << 20,
            hints: Hints::default(),
            cancelled: &cancelled,
            progress: &|_| {},
        };
        let (_, findings) = scan(text.as_bytes(), true, Options::default(), &job).unwrap();
        let kind = |name: &str| {
            findings.iter().find(|finding| finding.name == name).and_then(|finding| finding.kind)
        };
        assert_eq!(kind("Patient.telecom.value"), Some(Kind::Phone));
        assert_eq!(kind("Patient.gender"), Some(Kind::Sex));
    }
}
