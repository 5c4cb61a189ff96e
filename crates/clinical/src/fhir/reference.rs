//! The id in a reference, so that links survive.
//!
//! `Patient/123`, `urn:uuid:...`, `http://server/fhir/Patient/123/_history/2` and a Bundle's `fullUrl` name a resource by its id.
//! A rule that replaces ids replaces that part alone, by the same function as it replaces `Resource.id`: what pointed to a
//! resource still does.

use super::model::Model;

/// What a reference is made of (FHIR R4, 2.3.0.1 and 3.1.0.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// `#`: the resource around a contained one, by no id.
    Container,
    /// `Patient?identifier=...`: a search, whose parameters may be anything.
    Search,
    /// `Patient`: no single resource.
    Type,
    /// A resource by its id.
    Id {
        /// What stands before the id.
        before: &'a str,
        /// The id.
        id: &'a str,
        /// What stands after it, such as a version.
        after: &'a str,
        /// The type, where the reference says it.
        ty: Option<&'a str>,
    },
    /// Nothing of the above: an identifier as a whole.
    Opaque,
}

impl<'a> Reference<'a> {
    /// Takes a reference apart.
    pub fn parse(text: &'a str) -> Reference<'a> {
        match Reference::plain(text) {
            Some(plain) => plain,
            None => Reference::parse_any(text),
        }
    }

    /// `Type/id`, which most references are: one slash, and nothing that could mean anything else.
    #[inline]
    fn plain(text: &'a str) -> Option<Reference<'a>> {
        let slash = text.bytes().position(|b| !b.is_ascii_alphabetic())?;
        let (before, id) = text.split_at_checked(slash + 1)?;
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
        if !before.ends_with('/') || id.is_empty() || !id.bytes().all(is_plain) {
            return None;
        }
        let ty = &before[..slash];
        Model::r4().find_resource(ty)?;
        Some(Reference::Id { before, id, after: "", ty: Some(ty) })
    }

    fn parse_any(text: &'a str) -> Reference<'a> {
        let is_type = |word: &str| Model::r4().find_resource(word).is_some();
        if let Some(id) = text.strip_prefix('#') {
            // Ids of contained resources are replaced like all others, so what names one must follow; the id may be a patient's.
            return match id {
                "" => Reference::Container,
                id => Reference::Id { before: "#", id, after: "", ty: None },
            };
        }
        if text.contains('?') {
            return Reference::Search;
        }
        if !text.contains('/') && is_type(text) {
            return Reference::Type;
        }
        for prefix in ["urn:uuid:", "urn:oid:"] {
            if let Some(id) = text.strip_prefix(prefix).filter(|id| !id.is_empty()) {
                return Reference::Id { before: prefix, id, after: "", ty: None };
            }
        }
        // The plain case is told by single bytes, which is much cheaper than a search for a word.
        let version = match memchr::memrchr(b'_', text.as_bytes()) {
            Some(_) => text.rfind("/_history/"),
            None => None,
        };
        let version = version.or_else(|| memchr::memrchr(b'#', text.as_bytes())).unwrap_or(text.len());
        let (path, after) = text.split_at(version);
        let mut segments = path.rsplit('/');
        match (segments.next(), segments.next()) {
            (Some(id), Some(ty)) if !id.is_empty() && is_type(ty) => {
                Reference::Id { before: &path[..path.len() - id.len()], id, after, ty: Some(ty) }
            }
            _ => Reference::Opaque,
        }
    }

    /// The patient's id, if the reference can name a patient.
    pub fn patient(text: &'a str) -> Option<&'a str> {
        match Reference::parse(text) {
            // An id within one record is no patient of the study.
            Reference::Id { before, id, ty: None | Some("Patient"), .. } if before != "#" => Some(id),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_in_every_form_of_reference() {
        for (text, before, id, after) in [
            ("Patient/123", "Patient/", "123", ""),
            ("urn:uuid:ab54e775-4c94", "urn:uuid:", "ab54e775-4c94", ""),
            ("#p1", "#", "p1", ""),
            ("http://example.org/fhir/Patient/123", "http://example.org/fhir/Patient/", "123", ""),
            ("Patient/123/_history/2", "Patient/", "123", "/_history/2"),
            (
                "https://h/r4/Observation/a.b-c/_history/9",
                "https://h/r4/Observation/",
                "a.b-c",
                "/_history/9",
            ),
        ] {
            let Reference::Id { before: b, id: i, after: a, .. } = Reference::parse(text) else {
                panic!("{text}")
            };
            assert_eq!((b, i, a), (before, id, after), "{text}");
        }
    }

    #[test]
    fn the_short_way_gives_what_the_long_one_does() {
        for text in [
            "Patient/1",
            "Patient/a.b-C",
            "Patient/",
            "Zhang/1",
            "Patient/1/2",
            "Patient/1#x",
            "Patient/张",
            "P张/1",
            "/1",
            "Patient",
        ] {
            if let Some(plain) = Reference::plain(text) {
                assert_eq!(plain, Reference::parse_any(text), "{text}");
            }
        }
        assert!(Reference::plain("Patient/a.b-C").is_some());
    }

    #[test]
    fn other_forms_are_told_apart() {
        for (text, expected) in [
            ("#", Reference::Container),
            ("Patient?identifier=s|1", Reference::Search),
            ("Patient", Reference::Type),
            ("123", Reference::Opaque),
            ("Patient/", Reference::Opaque),
            ("Person of interest/7", Reference::Opaque),
            ("", Reference::Opaque),
        ] {
            assert_eq!(Reference::parse(text), expected, "{text}");
        }
        assert_eq!(Reference::patient("Patient/7/_history/1"), Some("7"));
        assert_eq!(Reference::patient("urn:uuid:7"), Some("7"));
        assert_eq!(Reference::patient("Group/7"), None);
        assert_eq!(Reference::patient("#p"), None);
    }
}
