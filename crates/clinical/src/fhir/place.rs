//! The FHIR path of a byte, for messages.
//!
//! The walker keeps no path: it would cost every record something that only a faulty one needs. A path holds names of the FHIR model
//! only; a key that is none of them may be patient data, and is written `?`.

use super::model::Model;
use super::scan::{self, Token};

/// The path of the element at `offset`, such as `Patient.name[0].given[1]`, as far as the bytes before it can be read.
pub fn path(bytes: &[u8], offset: usize) -> String {
    let mut frames: Vec<Frame> = Vec::new();
    let mut root = "Resource";
    let mut at = 0;
    while at <= offset {
        match bytes.get(at) {
            None => break,
            Some(b'{') => frames.push(Frame::Object { key: None, at_key: true }),
            Some(b'[') => frames.push(Frame::List(0)),
            Some(b'}' | b']') => {
                frames.pop();
            }
            Some(b',') => match frames.last_mut() {
                Some(Frame::Object { at_key, .. }) => *at_key = true,
                Some(Frame::List(item)) => *item += 1,
                None => {}
            },
            Some(b'"') => {
                let Ok(token) = scan::string(bytes, at) else { break };
                at = token.end;
                let depth = frames.len();
                if let Some(Frame::Object { key, at_key }) = frames.last_mut() {
                    if *at_key {
                        *key = Some(token);
                        *at_key = false;
                    } else if depth == 1 && key.is_some_and(|key| key.text(bytes) == "resourceType") {
                        let ty = Model::r4().find_resource(&token.text(bytes));
                        root = ty.map_or(root, |ty| Model::r4().get(ty).name);
                    }
                }
            }
            Some(_) => {}
        }
        at += 1;
    }
    frames.iter().fold(root.to_owned(), |path, frame| match frame {
        Frame::Object { key: Some(key), .. } => {
            let name = key.text(bytes);
            let name = if Model::r4().knows(name.trim_start_matches('_')) { &name } else { "?" };
            format!("{path}.{name}")
        }
        Frame::Object { key: None, .. } => path,
        Frame::List(item) => format!("{path}[{item}]"),
    })
}

enum Frame {
    Object { key: Option<Token>, at_key: bool },
    List(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_placed_without_its_value() {
        let text = br#"{"resourceType":"Patient","name":[{"given":["A"]},{"given":["B","CC"]}],"Zhang San":{"x":1}}"#;
        let at = |needle: &str| {
            let text = std::str::from_utf8(text).unwrap();
            path(text.as_bytes(), text.find(needle).unwrap())
        };
        assert_eq!(at("CC"), "Patient.name[1].given[1]");
        assert_eq!(at("1}}"), "Patient.?.?");
        assert_eq!(path(b"\xff\xff", 1), "Resource");
        assert_eq!(path(b"{\"\xff\\n\":\"x\"}", 7), "Resource.?");
        assert_eq!(path(br#"{"resourceType":"Zhang","id":""#, 27), "Resource.id");
    }
}
