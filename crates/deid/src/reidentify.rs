//! The authorised way back: reversible pseudonyms in a released file become values again.
//!
//! A reversible pseudonym authenticates itself (AES-SIV), so it is found by its mark wherever it stands: in a CSV cell, in a FHIR id,
//! in a text. What merely looks like one, or belongs to another study, stays as it is.

use std::io::{self, BufRead, Read, Write};

use crate::action::{REVERSIBLE_MARK, Restorer};
use crate::study::Study;

/// How a restored value must be written where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Quotes are doubled inside a quoted field, and a field that needs quotes gets them.
    Csv,
    /// Quotes, backslashes and control characters are escaped.
    Json,
}

impl Syntax {
    /// By the file's ending: `.json` and `.ndjson` are JSON.
    pub fn of_name(name: &str) -> Syntax {
        if name.ends_with(".json") || name.ends_with(".ndjson") { Syntax::Json } else { Syntax::Csv }
    }
}

/// Copies `input` to `output` with every pseudonym of `study` restored, and says how many there were.
///
/// Memory is bounded by the longest line, of which at most 64 MiB are read.
pub fn restore(
    mut input: impl BufRead,
    output: &mut impl Write,
    study: &Study,
    syntax: Syntax,
) -> io::Result<u64> {
    const LONGEST: u64 = 64 << 20;
    let restorer = Restorer::new(study);
    let mut line = Vec::new();
    let mut restored = 0;
    loop {
        line.clear();
        if input.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(restored);
        }
        restored += restore_line(&line, output, &restorer, syntax)?;
    }
}

fn restore_line(
    line: &[u8],
    output: &mut impl Write,
    restorer: &Restorer,
    syntax: Syntax,
) -> io::Result<u64> {
    let mark = REVERSIBLE_MARK.as_bytes();
    let (mut copied, mut from, mut restored) = (0, 0, 0);
    while let Some(start) = memchr::memmem::find(&line[from..], mark).map(|at| from + at) {
        let letters =
            line[start..].iter().take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit()).count();
        let end = start + letters;
        let value = std::str::from_utf8(&line[start..end]).ok().and_then(|text| restorer.restore(text));
        let Some(value) = value else {
            from = start + mark.len();
            continue;
        };
        output.write_all(&line[copied..start])?;
        let text = match syntax {
            Syntax::Json => {
                let quoted = serde_json::Value::from(value.as_str()).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Syntax::Csv => {
                let doubled = value.replace('"', "\"\"");
                let quoted = line[..start].iter().filter(|b| **b == b'"').count() % 2 == 1;
                let special = value.contains([',', ';', '\t', '|', '"', '\n', '\r']);
                if special && !quoted { format!("\"{doubled}\"") } else { doubled }
            }
        };
        output.write_all(text.as_bytes())?;
        restored += 1;
        copied = end;
        from = end;
    }
    output.write_all(&line[copied..])?;
    Ok(restored)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::action::tests::run;
    use crate::study::{MasterKey, Suite};

    fn study(id: &str) -> Study {
        Study::new(&MasterKey::from_bytes([1; 32]), id, Suite::International, None)
    }

    fn restored(text: &str, id: &str, syntax: Syntax) -> (String, u64) {
        let mut out = Vec::new();
        let n = restore(text.as_bytes(), &mut out, &study(id), syntax).unwrap();
        (String::from_utf8(out).unwrap(), n)
    }

    fn seal(value: &str) -> String {
        run("pseudonymize", json!({ "reversible": true }), None, value).unwrap().unwrap()
    }

    #[test]
    fn pseudonyms_come_back_in_the_syntax_of_the_file() {
        let (plain, odd) = (seal("P001"), seal("a\"b,c"));
        let csv = format!("id,x\n{plain},1\n{odd},2\n\"see {odd}\",3\n");
        let (text, n) = restored(&csv, "s", Syntax::Csv);
        assert_eq!((text.as_str(), n), ("id,x\nP001,1\n\"a\"\"b,c\",2\n\"see a\"\"b,c\",3\n", 3));
        let (text, _) = restored(&format!("{{\"id\":\"{odd}\"}}"), "s", Syntax::Json);
        assert_eq!(text, "{\"id\":\"a\\\"b,c\"}");
    }

    #[test]
    fn pseudonyms_of_other_studies_and_look_alikes_stay() {
        let csv = format!("{}\nMVR123\nMVRMVR\n", seal("P001"));
        assert_eq!(restored(&csv, "other", Syntax::Csv), (csv.clone(), 0));
    }
}
