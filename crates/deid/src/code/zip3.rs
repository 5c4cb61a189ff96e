//! ZIP codes under the Safe Harbor rule of HIPAA, 45 CFR 164.514(b)(2)(i)(B).
//!
//! The first three digits of a ZIP code may stay if all codes that share them hold more than 20,000 people by the
//! current census; for the others they become `000`. The default set is the union of the prefixes that the census of 2000
//! (named in the guidance of HHS of 26 November 2012, question on ZIP codes) and that of 2010 give, so it holds under either;
//! the 2020 figures are not in it. Prefixes that the Postal Service has not assigned are not told from assigned
//! ones: nobody lives under them.

/// Prefixes with at most 20,000 people by the census of 2000: the seventeen that the HHS guidance prints.
pub const CENSUS_2000: [&str; 17] = [
    "036", "059", "063", "102", "203", "556", "692", "790", "821", "823", "830", "831", "878", "879", "884",
    "890", "893",
];

/// Prefixes with at most 20,000 people by the census of 2010 (ZIP Code Tabulation Areas; government-only prefixes of
/// Washington with them).
pub const CENSUS_2010: [&str; 18] = [
    "036", "059", "102", "202", "203", "204", "205", "369", "556", "692", "753", "772", "821", "823", "878",
    "879", "884", "893",
];

/// What is written for a prefix with too few people.
pub const WITHHELD: &str = "000";

/// Whether the prefix must be withheld.
pub fn is_restricted(prefix: &str) -> bool {
    CENSUS_2000.contains(&prefix) || CENSUS_2010.contains(&prefix) || prefix == WITHHELD
}

/// The prefix of a ZIP code (`02139`, `02139-4307`, `021394307`, or `021` itself); `None` for anything else.
pub fn prefix(zip: &str) -> Option<&str> {
    let digits =
        |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let valid = match zip.split_once('-') {
        Some((five, four)) => digits(five, 5) && digits(four, 4),
        None => digits(zip, 3) || digits(zip, 5) || digits(zip, 9),
    };
    valid.then(|| &zip[..3])
}

/// Appends what Safe Harbor lets stand of a ZIP code. `false`, and nothing is appended, where the text is none: the
/// caller then suppresses it.
pub fn generalize(zip: &str, out: &mut String) -> bool {
    let Some(prefix) = prefix(zip) else { return false };
    out.push_str(if is_restricted(prefix) { WITHHELD } else { prefix });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generalized(zip: &str) -> Option<String> {
        let mut out = String::new();
        generalize(zip, &mut out).then_some(out)
    }

    #[test]
    fn three_digits_stay_where_enough_people_live() {
        for zip in ["02139", "02139-4307", "021394307", "021"] {
            assert_eq!(generalized(zip).as_deref(), Some("021"));
        }
    }

    #[test]
    fn restricted_prefixes_of_both_censuses_become_zeros() {
        for prefix in CENSUS_2000.iter().chain(&CENSUS_2010) {
            assert_eq!(generalized(&format!("{prefix}01")).as_deref(), Some("000"), "{prefix}");
        }
        assert_eq!(generalized("00012").as_deref(), Some("000"));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "0213", "021390", "02139-43", "-02139", "0213a", "０２１３９", "02139 ", "SW1A 1AA"]
        {
            assert_eq!(generalized(text), None, "{text}");
        }
    }

    #[test]
    fn tables_are_sorted_and_unique() {
        assert!(CENSUS_2000.is_sorted_by(|a, b| a < b));
        assert!(CENSUS_2010.is_sorted_by(|a, b| a < b));
    }
}
