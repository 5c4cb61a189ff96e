//! Which files a run reads, and what they are.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One input file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// Its path in the release, with `/` between parts.
    pub name: String,
    /// What it is.
    pub format: Format,
    /// Its size in bytes.
    pub size: u64,
}

/// The formats that are read, told by content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Delimited text.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// FHIR, one resource or Bundle a line.
    FhirNdjson,
    /// FHIR, one resource or Bundle.
    FhirJson,
}

/// Why the inputs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Reading failed.
    #[error("{path}: cannot read: {error}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// Nothing to read.
    #[error("{path}: the folder holds no file that can be read (CSV, Parquet, FHIR JSON, FHIR NDJSON)")]
    Nothing {
        /// The folder.
        path: String,
    },
    /// Two inputs would be written to one place.
    #[error(
        "two inputs would both be written as `{name}`; give their common folder instead, or run them apart"
    )]
    Twice {
        /// The place.
        name: String,
    },
    /// Compressed data.
    #[error("{path}: the file is compressed; decompress it first")]
    Compressed {
        /// The file.
        path: String,
    },
    /// JSON that is no FHIR.
    #[error(
        "{path}: JSON, but neither a FHIR resource nor FHIR NDJSON (an object with `resourceType` is expected)"
    )]
    NotFhir {
        /// The file.
        path: String,
    },
    /// DICOM or HL7 v2, which come with a later version.
    #[error("{path}: {format} is not read by this version")]
    Later {
        /// The file.
        path: String,
        /// The format.
        format: &'static str,
    },
}

/// What was found.
#[derive(Debug, Default)]
pub struct Sources {
    /// The files, in the order of their names.
    pub files: Vec<Source>,
    /// Files of folders that are no data, by their names: they are not released.
    pub skipped: Vec<String>,
}

/// Lists the files of `inputs`: files by themselves, folders with all that is in them.
pub fn discover(inputs: &[PathBuf]) -> Result<Sources, SourceError> {
    let mut sources = Sources::default();
    for input in inputs {
        let metadata = std::fs::metadata(input).map_err(|error| read_error(input, error))?;
        if metadata.is_dir() {
            let before = sources.files.len();
            walk(input, input, &mut sources)?;
            if sources.files.len() == before {
                return Err(SourceError::Nothing { path: input.display().to_string() });
            }
        } else {
            let name = input.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let format = detect(input)?;
            sources.files.push(Source { path: input.clone(), name, format, size: metadata.len() });
        }
    }
    sources.files.sort_by(|a, b| a.name.cmp(&b.name));
    sources.skipped.sort();
    match sources.files.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(SourceError::Twice { name: pair[0].name.clone() }),
        None => Ok(sources),
    }
}

/// Endings of data files; in a folder everything else is left aside and named in the report.
const ENDINGS: [&str; 6] = ["csv", "tsv", "txt", "parquet", "json", "ndjson"];

fn walk(root: &Path, folder: &Path, sources: &mut Sources) -> Result<(), SourceError> {
    let entries = std::fs::read_dir(folder).map_err(|error| read_error(folder, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| read_error(folder, error))?;
        let path = entry.path();
        let metadata = std::fs::metadata(&path).map_err(|error| read_error(&path, error))?;
        if metadata.is_dir() {
            walk(root, &path, sources)?;
            continue;
        }
        let relative = path.strip_prefix(root).unwrap_or(&path);
        let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        let name = parts.join("/");
        if is_data(&path) {
            let format = detect(&path)?;
            sources.files.push(Source { path, name, format, size: metadata.len() });
        } else {
            sources.skipped.push(name);
        }
    }
    Ok(())
}

/// Whether a name is that of a data file.
pub fn is_data(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// Tells the format from the first bytes.
pub fn detect(path: &Path) -> Result<Format, SourceError> {
    let shown = || path.display().to_string();
    let mut head = vec![0; 64 << 10];
    let mut file = File::open(path).map_err(|error| read_error(path, error))?;
    let mut filled = 0;
    while filled < head.len() {
        match file.read(&mut head[filled..]).map_err(|error| read_error(path, error))? {
            0 => break,
            read => filled += read,
        }
    }
    head.truncate(filled);
    if head.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    if head.starts_with(b"\x1f\x8b")
        || head.starts_with(b"PK\x03\x04")
        || head.starts_with(b"\x28\xb5\x2f\xfd")
    {
        return Err(SourceError::Compressed { path: shown() });
    }
    if head.get(128..132) == Some(b"DICM") {
        return Err(SourceError::Later { path: shown(), format: "DICOM" });
    }
    if head.starts_with(b"MSH|") {
        return Err(SourceError::Later { path: shown(), format: "HL7 v2" });
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    match text.get(start) {
        Some(b'{') => {}
        Some(b'[') if path.extension().is_some_and(|ending| ending == "json") => {
            return Err(SourceError::NotFhir { path: shown() });
        }
        _ => return Ok(Format::Csv),
    }
    if path.extension().is_some_and(|ending| ending == "ndjson") {
        return Ok(Format::FhirNdjson);
    }
    // A resource written over several lines does not end on its first line; NDJSON does.
    let line_end = text[start..].iter().position(|byte| *byte == b'\n').map(|at| start + at);
    let ndjson = line_end.is_some_and(|end| {
        let more = text[end..].iter().any(|byte| !byte.is_ascii_whitespace());
        more && serde_json::from_slice::<serde::de::IgnoredAny>(&text[start..end]).is_ok()
    });
    Ok(if ndjson { Format::FhirNdjson } else { Format::FhirJson })
}

fn read_error(path: &Path, error: std::io::Error) -> SourceError {
    SourceError::Read { path: path.display().to_string(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    #[test]
    fn formats_are_told_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str, content: &[u8]| detect(&file(folder.path(), name, content));
        assert_eq!(of("a.txt", b"a,b\n1,2\n").unwrap(), Format::Csv);
        assert_eq!(of("b.csv", b"PAR1....").unwrap(), Format::Parquet);
        assert_eq!(of("c.json", b"{\"resourceType\":\"Patient\"}\n").unwrap(), Format::FhirJson);
        assert_eq!(of("d.json", b"{\n \"resourceType\": \"Patient\"\n}").unwrap(), Format::FhirJson);
        assert_eq!(of("e.txt", b"{\"resourceType\":\"Patient\"}\n{}\n").unwrap(), Format::FhirNdjson);
        assert!(of("f.csv.gz", b"\x1f\x8b..").unwrap_err().to_string().contains("compressed"));
        assert!(of("g.hl7", b"MSH|^~\\&|").unwrap_err().to_string().contains("HL7 v2"));
    }

    #[test]
    fn folders_keep_their_shape_and_name_what_is_left_aside() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "b/x.csv", b"a\n1\n");
        file(folder.path(), "a.csv", b"a\n1\n");
        file(folder.path(), "readme.md", b"hello");
        let sources = discover(&[folder.path().to_owned()]).unwrap();
        let names: Vec<&str> = sources.files.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["a.csv", "b/x.csv"]);
        assert_eq!(sources.skipped, ["readme.md"]);
    }

    #[test]
    fn two_inputs_of_one_name_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (file(folder.path(), "1/x.csv", b"a\n"), file(folder.path(), "2/x.csv", b"a\n"));
        assert!(matches!(discover(&[a, b]), Err(SourceError::Twice { .. })));
    }
}
