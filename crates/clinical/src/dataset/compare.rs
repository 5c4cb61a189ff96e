//! Where two files of a release differ, said without a value.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The first difference between the file of a release and the one that was made again; `None` where they are equal.
pub(super) fn first_difference(released: &Path, expected: &Path) -> io::Result<Option<String>> {
    let (mut a, mut b) = (BufReader::new(File::open(released)?), BufReader::new(File::open(expected)?));
    let mut line = 0u64;
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    loop {
        mine.clear();
        theirs.clear();
        // Lines are for naming the place only; a record over several lines is found all the same.
        let (n, m) = (read_line(&mut a, &mut mine)?, read_line(&mut b, &mut theirs)?);
        line += 1;
        match (n, m) {
            (0, 0) => return Ok(None),
            (0, _) => return Ok(Some(format!("it ends before line {line}: records are missing at the end"))),
            (_, 0) => {
                return Ok(Some(format!("line {line} should not be there: the file ought to end before it")));
            }
            _ if mine == theirs => {}
            _ => {
                let (mut next_mine, mut next_theirs) = (Vec::new(), Vec::new());
                read_line(&mut a, &mut next_mine)?;
                read_line(&mut b, &mut next_theirs)?;
                return Ok(Some(if mine == next_theirs {
                    format!("a record is missing: the one that ought to be line {line}")
                } else if next_mine == theirs {
                    format!("line {line} was added")
                } else {
                    edited(line, &mine, &theirs)
                }));
            }
        }
    }
}

/// Names the fields that differ, where both lines have the same number of them.
fn edited(line: u64, mine: &[u8], theirs: &[u8]) -> String {
    if !mine.starts_with(b"{") {
        for delimiter in [b',', b';', b'\t', b'|'] {
            let split =
                |text: &[u8]| text.split(|byte| *byte == delimiter).map(<[u8]>::to_vec).collect::<Vec<_>>();
            let (a, b) = (split(mine), split(theirs));
            if a.len() > 1 && a.len() == b.len() {
                let fields: Vec<String> =
                    (0..a.len()).filter(|i| a[*i] != b[*i]).map(|i| (i + 1).to_string()).collect();
                return format!("line {line} was edited: field {}", fields.join(", "));
            }
        }
    }
    let byte = mine.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    format!("line {line} was edited, from byte {byte} of the line on")
}

/// Reads a line, at most 64 MiB of it.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    const LONGEST: u64 = 64 << 20;
    input.by_ref().take(LONGEST).read_until(b'\n', line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(released: &str, expected: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&a, released).unwrap();
        std::fs::write(&b, expected).unwrap();
        first_difference(&a, &b).unwrap()
    }

    #[test]
    fn dropped_added_and_edited_records_are_told_apart() {
        let expected = "a,b\n1,2\n3,4\n5,6\n";
        assert_eq!(compare(expected, expected), None);
        assert_eq!(
            compare("a,b\n3,4\n5,6\n", expected).unwrap(),
            "a record is missing: the one that ought to be line 2"
        );
        assert_eq!(compare("a,b\n1,2\n9,9\n3,4\n5,6\n", expected).unwrap(), "line 3 was added");
        assert_eq!(compare("a,b\n1,2\n3,9\n5,6\n", expected).unwrap(), "line 3 was edited: field 2");
        assert!(compare("a,b\n1,2\n3,4\n", expected).unwrap().contains("ends before line 4"));
        assert!(compare("{\"a\":1}\n", "{\"a\":2}\n").unwrap().contains("line 1 was edited, from byte 5"));
    }

    #[test]
    fn no_value_is_in_a_difference() {
        assert!(!compare("name\nsecret\n", "name\npublic\n").unwrap().contains("secret"));
    }
}
