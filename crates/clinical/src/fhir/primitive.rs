//! What the text of a FHIR primitive may be, where a transformed value could leave it (FHIR R4, 2.24.0.1).

/// Whether the text is a value of the FHIR type. Types whose values are any text, or nearly, take all.
pub fn fits(ty: &str, text: &str) -> bool {
    match ty {
        "date" => is_date(text),
        "dateTime" => is_date_time(text, false),
        "instant" => is_date_time(text, true),
        "time" => is_time(text.as_bytes()),
        "boolean" => matches!(text, "true" | "false"),
        _ => !text.is_empty(),
    }
}

/// Whether the text is a year, or a year and month: a date that no number of days can be added to.
pub fn is_partial_date(text: &str) -> bool {
    matches!(text.len(), 4 | 7) && is_date(text)
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |at: usize, count: usize| {
        bytes.get(at..at + count).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    match bytes.len() {
        4 => digits(0, 4),
        7 => digits(0, 4) && bytes[4] == b'-' && digits(5, 2),
        10 => digits(0, 4) && bytes[4] == b'-' && digits(5, 2) && bytes[7] == b'-' && digits(8, 2),
        _ => false,
    }
}

fn is_date_time(text: &str, instant: bool) -> bool {
    let Some((date, rest)) = text.split_once('T') else { return !instant && is_date(text) };
    // Data without a time zone is common, though only an instant may not go without by any reading.
    let zone = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone);
    let zone_fits = match zone.as_bytes() {
        [] => !instant,
        [b'Z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()),
        _ => false,
    };
    date.len() == 10 && is_date(date) && is_time(time.as_bytes()) && zone_fits
}

fn is_time(text: &[u8]) -> bool {
    match text {
        [a, b, b':', c, d, b':', e, f, rest @ ..] => {
            [a, b, c, d, e, f].iter().all(|digit| digit.is_ascii_digit())
                && match rest {
                    [] => true,
                    [b'.', fraction @ ..] => !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit),
                    _ => false,
                }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_forms_of_fhir() {
        for (ty, text, expected) in [
            ("date", "2020", true),
            ("date", "2020-05", true),
            ("date", "2020-05-17", true),
            ("date", "2020-05-17T10:00:00Z", false),
            ("date", "17.5.2020", false),
            ("dateTime", "2020", true),
            ("dateTime", "2020-05-17T10:00:00+08:00", true),
            ("dateTime", "2020-05-17T10:00:00.123Z", true),
            ("dateTime", "2020-05-17T10:00", false),
            ("instant", "2020-05-17", false),
            ("instant", "2020-05-17T10:00:00.1Z", true),
            ("instant", "2020-05-17T10:00:00", false),
            ("time", "10:00:00", true),
            ("time", "ten", false),
            ("string", "", false),
            ("boolean", "yes", false),
        ] {
            assert_eq!(fits(ty, text), expected, "{ty} {text}");
        }
        assert!(is_partial_date("2020-05") && !is_partial_date("2020-05-17"));
    }
}
