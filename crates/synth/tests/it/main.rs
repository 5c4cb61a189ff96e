//! What the written hospital promises to those who read it.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod codes;
mod resources;
mod tables;

use std::path::Path;

/// A file's text.
fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

/// Records of a CSV file (RFC 4180), the header first; panics where quoting is wrong.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let record = records.last_mut().unwrap();
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                record.last_mut().unwrap().push('"');
            }
            '"' if quoted => {
                quoted = false;
                assert!(matches!(characters.peek(), Some(',' | '\n')), "text after a closing quote");
            }
            '"' => {
                assert!(record.last().unwrap().is_empty(), "a quote inside a plain field");
                quoted = true;
            }
            ',' if !quoted => record.push(String::new()),
            '\n' if !quoted => records.push(vec![String::new()]),
            _ => record.last_mut().unwrap().push(character),
        }
    }
    assert!(!quoted);
    assert_eq!(records.pop(), Some(vec![String::new()]), "the last line ends");
    records
}

/// The column of a table with this header.
fn column(table: &[Vec<String>], name: &str) -> usize {
    table[0].iter().position(|header| header == name).unwrap()
}
