//! Procedure codes of ICD-9-CM Volume 3 as Chinese hospitals use them (手术操作分类代码): `36.06`, `36.0601`,
//! `39.9500x001`.
//!
//! Two digits of chapter and part of body, then one or two digits, and two more and an `x` extension of the national clinical version.

/// Whether the text has the shape of a code. The point is required: without it any number would do.
pub fn is_code(text: &str) -> bool {
    let Some((part, rest)) = text.split_once('.') else { return false };
    let rest = match rest.split_once(['x', 'X']) {
        Some((rest, extension)) if rest.len() == 4 && extension.len() == 3 && digits(extension) => rest,
        Some(_) => return false,
        None => rest,
    };
    part.len() == 2 && digits(part) && matches!(rest.len(), 1 | 2 | 4) && digits(rest)
}

/// The chapter of a code, from 0 (procedures not elsewhere classified) to 16 (diagnostic and therapeutic).
pub fn chapter(text: &str) -> Option<u8> {
    let part: u8 = is_code(text).then(|| text.get(..2)?.parse().ok())??;
    // First part of each chapter: 00, 01 nervous system, 06 endocrine, 08 eye, 18 ear, 21 nose, mouth and pharynx, 30 respiratory, 35
    // cardiovascular, 40 haemic and lymphatic, 42 digestive, 55 urinary, 60 male, 65 female, 72 obstetrical, 76 musculoskeletal, 85
    // integumentary, 87 diagnostic.
    const FIRST: [u8; 17] = [0, 1, 6, 8, 18, 21, 30, 35, 40, 42, 55, 60, 65, 72, 76, 85, 87];
    u8::try_from(FIRST.partition_point(|first| *first <= part)).ok()?.checked_sub(1)
}

/// Appends the category, the two digits before the point. `false`, and nothing is appended, where the text is no code.
pub fn generalize(text: &str, out: &mut String) -> bool {
    let category = if is_code(text) { text.get(..2) } else { None };
    category.map(|category| out.push_str(category)).is_some()
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_a_category_and_a_chapter() {
        for (text, chapter_of) in
            [("36.06", 7), ("36.0601", 7), ("39.9500x001", 7), ("00.66", 0), ("99.2", 16), ("81.54", 14)]
        {
            assert!(is_code(text), "{text}");
            assert_eq!(chapter(text), Some(chapter_of), "{text}");
        }
        let mut out = String::new();
        assert!(generalize("36.0601", &mut out));
        assert_eq!(out, "36");
    }

    #[test]
    fn other_text_is_no_code() {
        for text in [
            "",
            "36",
            "3606",
            "36.",
            "36.060",
            "136.06",
            "36.06x001",
            "39.9500x01",
            "三六.06",
            "3.6",
            "36.O6",
        ] {
            assert!(!is_code(text), "{text}");
            assert_eq!(chapter(text), None);
        }
    }
}
