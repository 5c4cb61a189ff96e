//! The time of day behind a date. It is kept as it stands, so it must be nothing else: what is kept beside a
//! shifted date must not be a place where a name can hide.

/// Whether the text is a time of day and nothing else: `T10:11:12.345+08:00`, ` 10:11`, ` 10:11 AM`, ` 上午10时11分`.
/// Behind 日 it may stand without a space (`may_touch`).
pub(super) fn is_time(text: &str, may_touch: bool) -> bool {
    let bare = match text.strip_prefix(['T', 't']) {
        Some(bare) => bare,
        None => {
            let bare = text.trim_start_matches([' ', '\u{3000}']);
            if bare.len() == text.len() && !may_touch {
                return false;
            }
            bare
        }
    };
    const PERIODS: [&str; 8] = ["上午", "下午", "中午", "晚上", "凌晨", "早上", "早晨", "傍晚"];
    let clock =
        PERIODS.iter().find_map(|period| bare.strip_prefix(period)).unwrap_or(bare).trim_start_matches(' ');
    time_of_day(clock).is_some_and(is_zone)
}

/// Takes hours, minutes, seconds and fraction off the front.
fn time_of_day(text: &str) -> Option<&str> {
    if text.len() >= 4 && text.bytes().take(4).all(|byte| byte.is_ascii_digit()) {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        return is_clock_digits(&text[..digits]).then(|| fraction(&text[digits..]));
    }
    let (hour, rest) = one_or_two_digits(text)?;
    if hour > 24 {
        return None;
    }
    let (rest, chinese) = match rest.strip_prefix([':', '：']) {
        Some(rest) => (rest, false),
        None => (rest.strip_prefix(['时', '点'])?, true),
    };
    if chinese && rest.is_empty() {
        return Some(rest);
    }
    let (minute, rest) = one_or_two_digits(rest)?;
    if minute > 59 {
        return None;
    }
    let rest = if chinese { rest.strip_prefix('分').unwrap_or(rest) } else { rest };
    let seconds = match rest.strip_prefix([':', '：']) {
        Some(seconds) => seconds,
        None if chinese && !rest.is_empty() => rest,
        None => return Some(rest),
    };
    let (second, rest) = one_or_two_digits(seconds)?;
    if second > 60 {
        return None;
    }
    Some(fraction(rest.strip_prefix('秒').unwrap_or(rest)))
}

fn one_or_two_digits(text: &str) -> Option<(u8, &str)> {
    let length = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(length);
    Some((digits.parse().ok()?, rest))
}

fn fraction(text: &str) -> &str {
    match text.strip_prefix(['.', ',']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            let digits = rest.bytes().take(9).take_while(u8::is_ascii_digit).count();
            &rest[digits..]
        }
        _ => text,
    }
}

/// Whether the text is empty, or AM or PM, or an offset from UTC.
fn is_zone(text: &str) -> bool {
    let text = text.trim_start_matches(' ');
    let text = ["AM", "PM", "am", "pm", "a.m.", "p.m."]
        .iter()
        .find_map(|half| text.strip_prefix(half))
        .unwrap_or(text);
    match text.trim_start_matches(' ') {
        "" | "Z" | "z" | "UTC" | "GMT" => true,
        zone => zone.strip_prefix(['+', '-']).is_some_and(|offset| {
            let hours_minutes = match offset.as_bytes() {
                [h0, h1] => Some([*h0, *h1, b'0', b'0']),
                [h0, h1, m0, m1] | [h0, h1, b':', m0, m1] => Some([*h0, *h1, *m0, *m1]),
                _ => None,
            };
            hours_minutes.is_some_and(|digits| {
                digits.iter().all(u8::is_ascii_digit) && digits[..2] <= b"14"[..] && digits[2..] <= b"59"[..]
            })
        }),
    }
}

/// HL7 v2 and DICOM: `HH[MM[SS[.F+]]][+ZZZZ]` right after the date.
pub(super) fn is_compact_time(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    is_clock_digits(&text[..digits]) && is_zone(fraction(&text[digits..]))
}

fn is_clock_digits(text: &str) -> bool {
    let pair = |at: usize, most: &str| text.get(at..at + 2).is_none_or(|pair| pair <= most);
    matches!(text.len(), 2 | 4 | 6) && pair(0, "24") && pair(2, "59") && pair(4, "60")
}
