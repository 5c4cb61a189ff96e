//! Facts of events in few bytes.
//!
//! ```text
//! fact    name << 2 | type (varint) | value      type 0: a number (varint), 1: a text (varint length, UTF-8), 2: 32 bytes
//! ```

use std::borrow::Cow;

use medveil_ledger::{Fact, FactValue};

use super::names::Names;

const NUMBER: u64 = 0;
const TEXT: u64 = 1;
const BYTES: u64 = 2;

/// Appends a fact whose name has the number `name`.
pub(crate) fn write(name: i64, value: &FactValue, bytes: &mut Vec<u8>) {
    let name = name.unsigned_abs() << 2;
    match value {
        FactValue::Number(number) => {
            write_varint(name | NUMBER, bytes);
            write_varint(*number, bytes);
        }
        FactValue::Text(text) => {
            write_varint(name | TEXT, bytes);
            write_varint(text.len() as u64, bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
        FactValue::Bytes(digest) => {
            write_varint(name | BYTES, bytes);
            bytes.extend_from_slice(digest);
        }
    }
}

/// The facts; `None` if these bytes were not written by [`write`].
pub(crate) fn read(mut bytes: &[u8], names: &Names) -> Option<Vec<Fact>> {
    let mut facts = Vec::new();
    while !bytes.is_empty() {
        let head = read_varint(&mut bytes)?;
        let name = names.text(i64::try_from(head >> 2).ok()?);
        let value = match head & 3 {
            NUMBER => FactValue::Number(read_varint(&mut bytes)?),
            TEXT => {
                let length = usize::try_from(read_varint(&mut bytes)?).ok()?;
                let (text, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                FactValue::Text(Cow::Owned(std::str::from_utf8(text).ok()?.to_owned()))
            }
            BYTES => {
                let (digest, rest) = bytes.split_first_chunk()?;
                bytes = rest;
                FactValue::Bytes(*digest)
            }
            _ => return None,
        };
        facts.push(Fact { name: Cow::Owned(name.to_owned()), value });
    }
    Some(facts)
}

fn write_varint(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_read_as_they_were_written() {
        let mut names = Names::default();
        let values = [
            FactValue::Number(0),
            FactValue::Number(u64::MAX),
            FactValue::Text("de-identify".into()),
            FactValue::Text("".into()),
            FactValue::Bytes([7; 32]),
        ];
        let (mut bytes, mut facts) = (Vec::new(), Vec::new());
        for (index, value) in values.into_iter().enumerate() {
            let name = format!("fact-{index}");
            write(names.push(name.clone()), &value, &mut bytes);
            facts.push(Fact { name: name.into(), value });
        }
        assert_eq!(read(&bytes, &names), Some(facts));
        for end in 1..bytes.len() {
            // A cut between two facts leaves fewer of them; every other is noticed. Nothing panics.
            let _ = read(&bytes[..end], &names);
        }
    }
}
