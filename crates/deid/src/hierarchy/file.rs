//! Hierarchy files, as ARX reads and writes them: one row a value, most specific first, `;` or `,` between the labels, no header.
//!
//! A folder of them has one file a column, called `<anything>hierarchy_<column>.csv` or `<column>.csv`.

use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::assembly::Assembly;
use super::{Hierarchy, HierarchyError};
use crate::table::csv::{Block, Blocks, write_field};
use crate::table::{Dialect, Encoding, Hints, TableError, Trouble};

/// A hierarchy file that cannot be used, and why.
#[derive(Debug)]
pub struct FileError {
    /// The file, or the folder.
    pub path: PathBuf,
    /// What is wrong.
    pub trouble: FileTrouble,
}

/// What is wrong with a hierarchy file or a folder of them.
#[derive(Debug, thiserror::Error)]
pub enum FileTrouble {
    /// Reading failed.
    #[error("cannot read: {0}")]
    Read(#[from] std::io::Error),
    /// No table of text.
    #[error(transparent)]
    Table(Box<TableError>),
    /// No hierarchy.
    #[error(transparent)]
    Hierarchy(#[from] HierarchyError),
    /// More than is held in memory.
    #[error("the hierarchy is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// No file for a column.
    #[error(
        "no hierarchy for column `{}`: no file is called `<anything>hierarchy_{column}.csv` or `{column}.csv`",
        column.escape_debug()
    )]
    Missing {
        /// The column.
        column: String,
    },
    /// Several files for a column.
    #[error("several hierarchies for column `{}`: {}", column.escape_debug(), names(files))]
    Ambiguous {
        /// The column.
        column: String,
        /// The names of the files.
        files: Vec<String>,
    },
    /// One file for several columns.
    #[error("the file `{}` is for columns `{}` and `{}`", file.escape_debug(), columns.0.escape_debug(), columns.1.escape_debug())]
    Shared {
        /// The name of the file.
        file: String,
        /// The columns.
        columns: (String, String),
    },
    /// Another file than the one that was meant.
    #[error("the file has the SHA-256 {found}, the plan asks for {expected}")]
    Digest {
        /// Of the file, in hexadecimal digits.
        found: String,
        /// In the plan.
        expected: String,
    },
}

impl From<TableError> for FileTrouble {
    fn from(error: TableError) -> FileTrouble {
        FileTrouble::Table(Box::new(error))
    }
}

fn names(files: &[String]) -> String {
    let names: Vec<String> = files.iter().map(|name| format!("`{}`", name.escape_debug())).collect();
    names.join(", ")
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.trouble)
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.trouble)
    }
}

/// The largest file that is read: a million values of ten levels have some 100 MB.
pub const MAX_BYTES: u64 = 512 << 20;

/// Reads one hierarchy file. UTF-8 (with or without a byte-order mark) and GB 18030, LF and CRLF, quoted fields.
///
/// # Errors
/// The file, with row and column of the first fault; never a label of it.
pub fn read_file(path: &Path) -> Result<Hierarchy, FileError> {
    read_bytes_of(path)
        .and_then(|bytes| read(&bytes))
        .map_err(|trouble| FileError { path: path.into(), trouble })
}

/// Reads one hierarchy file whose bytes have this SHA-256, in hexadecimal digits.
pub(super) fn read_file_with_digest(path: &Path, expected: &str) -> Result<Hierarchy, FileError> {
    let checked = |bytes: Vec<u8>| {
        let found = hex::encode(Sha256::digest(&bytes));
        if found.eq_ignore_ascii_case(expected) {
            read(&bytes)
        } else {
            Err(FileTrouble::Digest { found, expected: expected.to_owned() })
        }
    };
    read_bytes_of(path).and_then(checked).map_err(|trouble| FileError { path: path.into(), trouble })
}

fn read_bytes_of(path: &Path) -> Result<Vec<u8>, FileTrouble> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileTrouble::TooLarge { limit: MAX_BYTES });
    }
    Ok(bytes)
}

/// Reads a hierarchy from the bytes of a file.
///
/// # Errors
/// As [`read_file`].
pub fn read(bytes: &[u8]) -> Result<Hierarchy, FileTrouble> {
    let dialect = |delimiter| {
        let hints = Hints { delimiter: Some(delimiter), header: Some(false), ..Hints::default() };
        Dialect::detect(bytes, true, hints)
    };
    let semicolon = dialect(b';')?;
    if semicolon.mark_len() == bytes.len() {
        return Err(HierarchyError::Empty.into());
    }
    // ARX writes `;`, and intervals with a comma in them: `[0, 5[;[0, 10[`. So a table of several columns by `;` is one, unless they are cut
    // inside quotes.
    let by_semicolon = rows(bytes, &semicolon);
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut quoted = false;
    let outside_quotes = first.iter().any(|byte| {
        quoted ^= *byte == b'"';
        !quoted && *byte == b';'
    });
    let several = matches!(&by_semicolon, Ok(hierarchy) if hierarchy.levels() > 1);
    if several && outside_quotes || !bytes.contains(&b',') {
        return by_semicolon;
    }
    match rows(bytes, &dialect(b',')?) {
        // Neither fits: what the first row is cut by was meant.
        Err(_) if outside_quotes || several => by_semicolon,
        by_comma => by_comma,
    }
}

fn rows(bytes: &[u8], dialect: &Dialect) -> Result<Hierarchy, FileTrouble> {
    const BLOCK: usize = 1 << 20;
    const LONGEST_ROW: usize = 1 << 20;
    let head = &bytes[..dialect.mark_len()];
    let mut blocks = Blocks::new(&bytes[head.len()..], head, *dialect, BLOCK, LONGEST_ROW);
    let mut assembly = Assembly::new();
    let mut columns = None;
    while let Some(raw) = blocks.next_block()? {
        let block = Block::parse(&raw, dialect, columns).map_err(ragged)?;
        columns = Some(block.columns());
        for row in 0..block.records() {
            assembly.push((0..block.columns()).map(|column| block.text(row, column)))?;
        }
    }
    Ok(assembly.finish()?)
}

/// A hierarchy has no header to compare a row with.
fn ragged(error: TableError) -> FileTrouble {
    match (&error.trouble, error.place.row) {
        (Trouble::Ragged { found, expected }, Some(row)) => {
            HierarchyError::Ragged { row: row as usize, found: *found, expected: *expected }.into()
        }
        _ => error.into(),
    }
}

/// Reads the hierarchies of `columns`, in their order, from a folder.
///
/// # Errors
/// A column without a file or with several, a file for two columns, and what [`read_file`] refuses.
pub fn read_directory<S: AsRef<str>>(folder: &Path, columns: &[S]) -> Result<Vec<Hierarchy>, FileError> {
    let fail = |trouble| FileError { path: folder.into(), trouble };
    let mut files: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| fail(error.into()))? {
        let entry = entry.map_err(|error| fail(error.into()))?;
        // A name that is no text is that of no column.
        if let Some(name) = entry.file_name().to_str().filter(|_| entry.path().is_file()) {
            files.push(name.to_owned());
        }
    }
    files.sort_unstable();
    let mut chosen: Vec<&str> = Vec::with_capacity(columns.len());
    for column in columns.iter().map(AsRef::as_ref) {
        let fitting: Vec<&String> = files.iter().filter(|file| is_for(file, column)).collect();
        match fitting[..] {
            [] => return Err(fail(FileTrouble::Missing { column: column.to_owned() })),
            [file] => {
                if let Some(other) = chosen.iter().position(|earlier| earlier == file) {
                    let columns = (columns[other].as_ref().to_owned(), column.to_owned());
                    return Err(fail(FileTrouble::Shared { file: file.clone(), columns }));
                }
                chosen.push(file);
            }
            _ => {
                let files = fitting.into_iter().cloned().collect();
                return Err(fail(FileTrouble::Ambiguous { column: column.to_owned(), files }));
            }
        }
    }
    chosen.into_iter().map(|file| read_file(&folder.join(file))).collect()
}

/// Whether a file of this name is for the column.
fn is_for(file: &str, column: &str) -> bool {
    let Some((stem, extension)) = file.rsplit_once('.') else { return false };
    let named =
        stem.strip_suffix(column).is_some_and(|before| before.is_empty() || before.ends_with("hierarchy_"));
    extension.eq_ignore_ascii_case("csv") && named
}

/// The name of the file that [`read_directory`] finds for a column; `None` where the column's name cannot be part of a file's.
pub fn file_name(column: &str) -> Option<String> {
    // `/` and `\` lead elsewhere, `:` and the others are refused by some file systems.
    let unfit = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let name = format!("hierarchy_{column}.csv");
    // What most file systems take.
    (!column.is_empty() && !column.contains(unfit) && name.len() <= 255).then_some(name)
}

/// Writes a hierarchy as ARX and [`read_file`] read it: UTF-8, `;`, LF.
///
/// # Errors
/// What `out` says.
pub fn write(hierarchy: &Hierarchy, out: &mut dyn Write) -> std::io::Result<()> {
    let dialect = Dialect { encoding: Encoding::Utf8, mark: false, delimiter: b';', header: false };
    let alone = hierarchy.levels() == 1;
    let mut line = Vec::new();
    for value in 0..hierarchy.values() as u32 {
        line.clear();
        for (level, label) in hierarchy.row(value).enumerate() {
            if level > 0 {
                line.push(dialect.delimiter);
            }
            // Without a second column `,` would be taken for the delimiter; space alone would be taken for nothing.
            let first = level == 0
                && (label.starts_with('\u{feff}')
                    || alone && (label.contains(',') || label.trim().is_empty()));
            let quotable = label.contains(['"', ';', '\n', '\r']);
            if first && !quotable && !label.is_empty() {
                line.push(b'"');
                line.extend_from_slice(label.as_bytes());
                line.push(b'"');
            } else {
                write_field(label, &dialect, alone, &mut line);
            }
        }
        line.push(b'\n');
        out.write_all(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        read(bytes).unwrap_err().to_string()
    }

    fn rows(hierarchy: &Hierarchy) -> Vec<Vec<&str>> {
        (0..hierarchy.values() as u32).map(|value| hierarchy.row(value).collect()).collect()
    }

    #[test]
    fn both_delimiters_marks_line_ends_and_quotes_are_read() {
        let expected = [["a", "x", "*"], ["b", "x", "*"]];
        for text in
            ["a;x;*\nb;x;*\n", "a,x,*\nb,x,*", "\u{feff}a;x;*\r\nb;x;*\r\n", "\"a\",x,*\n\"b\",\"x\",*\n\n"]
        {
            assert_eq!(rows(&read(text.as_bytes()).unwrap()), expected, "{text:?}");
        }
        let (bytes, _, _) = encoding_rs::GB18030.encode("男;*\n女;*\n");
        assert_eq!(rows(&read(&bytes).unwrap()), [["男", "*"], ["女", "*"]]);
    }

    #[test]
    fn labels_may_hold_the_other_delimiter() {
        let intervals = "3;[0, 5[;[0, 10[;*\n7;[5, 10[;[0, 10[;*\n";
        assert_eq!(read(intervals.as_bytes()).unwrap().levels(), 4);
        assert_eq!(rows(&read(b"a,\"x;y\"\nb,\"z;w\"\n").unwrap()), [["a", "x;y"], ["b", "z;w"]]);
        assert_eq!(read(b"\"a,b\"\nc\n").unwrap().levels(), 1);
    }

    #[test]
    fn faults_are_named_by_row_and_column_without_labels() {
        for (bytes, expected) in [
            (&b""[..], "the file is empty"),
            (b"\n\n", "the file is empty"),
            (b"\xef\xbb\xbf", "the file is empty"),
            (b"secret;x;*\nb;*\n", "row 2 of the hierarchy has 2 columns where the first row has 3"),
            (b"secret,x,*\nb,*\n", "row 2 of the hierarchy has 2 columns where the first row has 3"),
            (b"secret;x;*\nsecret;y;*\n", "rows 1 and 2 of the hierarchy are for the same value"),
            (b"a;secret;1\nb;secret;2\n", "rows 1 and 2 of the hierarchy have one label at level 1"),
            (b"a;*\nb;\"secret\n", "row 2: a quoted field is opened here"),
            (b"a;*\nb;\"secret\"x\n", "row 2, column 2: text after the closing quote"),
            (b"a;*\nb\x00;*\n", "byte 5 is zero"),
            (b"\xff\xfea\0;\0", "UTF-16"),
            (b"a;*\rb;*\r", "carriage return"),
            (b"a;\xff\xff*\n", "neither UTF-8 nor GB 18030"),
        ] {
            let error = refused(bytes);
            assert!(error.contains(expected) && !error.contains("secret"), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn a_fault_beyond_the_first_block_has_its_row() {
        let mut text: String = (0..200_000).map(|n| format!("{n};{};*\n", n / 10)).collect();
        assert!(text.len() > 2 << 20);
        assert_eq!(read(text.as_bytes()).unwrap().values(), 200_000);
        text.push_str("200000;x\n");
        assert!(refused(text.as_bytes()).contains("row 200001 of the hierarchy has 2 columns"));
    }

    #[test]
    fn a_folder_has_one_file_a_column() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        put("adult_hierarchy_age.csv", "1;*\n");
        put("sex.csv", "M;*\nF;*\n");
        put("my-hierarchy_性别.CSV", "男;*\n");
        put("readme.txt", "nothing");
        let read =
            |columns: &[&str]| read_directory(folder.path(), columns).map_err(|error| error.to_string());
        let found = read(&["sex", "age", "性别"]).unwrap();
        assert_eq!(found.iter().map(Hierarchy::values).collect::<Vec<_>>(), [2, 1, 1]);
        let error = read(&["age", "ag"]).unwrap_err();
        assert!(error.contains("no hierarchy for column `ag`"), "{error}");
        put("age.csv", "1;*\n");
        let error = read(&["sex", "age"]).unwrap_err();
        assert!(
            error.contains("several hierarchies for column `age`: `adult_hierarchy_age.csv`, `age.csv`"),
            "{error}"
        );
        put("hierarchy_a_hierarchy_b.csv", "1;*\n");
        let error = read(&["b", "a_hierarchy_b"]).unwrap_err();
        assert!(error.contains("is for columns `b` and `a_hierarchy_b`"), "{error}");
        put("bad.csv", "1;*\n1;*\n");
        let error = read(&["bad"]).unwrap_err();
        assert!(error.contains("bad.csv: rows 1 and 2"), "{error}");
        assert!(read_directory(&folder.path().join("none"), &["a"]).is_err());
    }

    #[test]
    fn the_name_of_a_written_file_is_the_one_that_is_looked_for() {
        for column in ["age", "marital-status", "性别", "a b.c"] {
            assert!(is_for(&file_name(column).unwrap(), column), "{column}");
        }
        for column in ["", "a/b", "..\\x", "a:b", "a\nb", "a*"] {
            assert_eq!(file_name(column), None, "{column:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_the_same() {
        for given in [
            &[&["a;b", "x\"y", "*"][..], &["c\nd", "", "*"], &["", "", "*"]][..],
            &[&["a,b"], &["c"]],
            &[&[""], &[" "]],
            &[&["\u{feff}a"], &["b"]],
            &[&["\u{feff}a;", "x"], &["b", "x"]],
            &[&[" "]],
            &[&["\"", "*"], &["\"a\"", "*"]],
        ] {
            let hierarchy = Hierarchy::from_rows(
                given.iter().map(|row| row.iter().map(|label| (*label).to_owned()).collect()).collect(),
            )
            .unwrap();
            let mut bytes = Vec::new();
            write(&hierarchy, &mut bytes).unwrap();
            assert_eq!(read(&bytes).unwrap(), hierarchy, "{given:?}");
        }
    }

    #[test]
    fn the_hierarchies_of_the_adult_data_set_are_read() {
        let beside = ["../../..", "../../../.."]
            .map(|up| Path::new(env!("CARGO_MANIFEST_DIR")).join(up).join("shared/data/tabular/adult"));
        let Some(folder) = beside.into_iter().find(|folder| folder.is_dir()) else {
            eprintln!("skipped: no tabular/adult in ../shared/data");
            return;
        };
        let shapes = [
            ("sex", 2, 2),
            ("age", 100, 5),
            ("race", 5, 2),
            ("marital-status", 7, 3),
            ("education", 16, 4),
            ("native-country", 41, 3),
            ("workclass", 8, 3),
            ("occupation", 14, 3),
            ("salary-class", 2, 2),
        ];
        let read = read_directory(&folder, &shapes.map(|(column, ..)| column)).unwrap();
        for ((column, values, levels), hierarchy) in shapes.iter().zip(&read) {
            assert_eq!((hierarchy.values(), hierarchy.levels()), (*values, *levels), "{column}");
            assert!(hierarchy.has_root());
        }
    }
}
