//! The schema of a registered version: its files, how their records are written, and what their columns hold.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::sync::Arc;

use medveil_clinical::dataset::Format;
use medveil_deid::kind::Kind;
use medveil_deid::table::{Dialect, Hints};
use serde::Deserialize;

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
    /// Reads a schema's text; none if it is not one: its files lie in the source, in the order of their paths.
    pub(crate) fn parse(text: &str) -> Option<Vec<SchemaFile>> {
        let files: Vec<SchemaFile> = serde_json::from_str(text).ok()?;
        let inside = |path: &str| {
            !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
        };
        let fit = files.iter().all(|file| inside(&file.path))
            && files.windows(2).all(|pair| pair[0].path < pair[1].path);
        fit.then_some(files)
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
            "fhir r4 (json)" => Some(Layout::Json),
            text if text.starts_with("parquet (") => Some(Layout::Parquet),
            text => Dialect::from_description(text).map(Layout::Csv),
        }
    }
}

/// How the records of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Csv(Dialect),
    /// A record is a row. The header is of names and types; leaves are made of values.
    Parquet,
    /// A record is a line: a resource or a Bundle.
    Ndjson,
    /// A record is the file: a resource or a Bundle.
    Json,
}

impl Layout {
    /// Whether the first leaf of a file is its header.
    pub(crate) fn has_header(self) -> bool {
        match self {
            Layout::Csv(dialect) => dialect.header,
            Layout::Parquet => true,
            Layout::Ndjson | Layout::Json => false,
        }
    }

    pub(crate) fn format(self) -> Format {
        match self {
            Layout::Csv(_) => Format::Csv,
            Layout::Parquet => Format::Parquet,
            Layout::Ndjson => Format::FhirNdjson,
            Layout::Json => Format::FhirJson,
        }
    }

    pub(crate) fn is_fhir(self) -> bool {
        matches!(self, Layout::Ndjson | Layout::Json)
    }

    /// Bytes before the first record.
    pub(crate) fn mark_len(self) -> usize {
        match self {
            Layout::Csv(dialect) => dialect.mark_len(),
            _ => 0,
        }
    }

    pub(crate) fn hints(self) -> Hints {
        match self {
            Layout::Csv(dialect) => Hints {
                encoding: Some(dialect.encoding),
                delimiter: Some(dialect.delimiter),
                header: Some(dialect.header),
            },
            _ => Hints::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_names_files_of_the_source_and_no_others() {
        let schema = |paths: &[&str]| {
            let files = paths
                .iter()
                .map(|path| serde_json::json!({ "path": path, "format": "fhir r4 (ndjson)", "columns": [] }));
            SchemaFile::parse(&serde_json::to_string(&files.collect::<Vec<_>>()).unwrap())
                .map(|files| files.len())
        };
        assert_eq!((schema(&[]), schema(&["a.csv", "b/c.csv"])), (Some(0), Some(2)));
        for paths in
            [&["/etc/passwd"][..], &["../a.csv"], &["a/../../b.csv"], &[""], &["a", "a"], &["b", "a"]]
        {
            assert_eq!(schema(paths), None, "{paths:?}");
        }
    }
}
