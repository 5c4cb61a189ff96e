//! Writing numbers, dates and escaped strings straight into a byte buffer.

use crate::date::Date;

/// What the writers append to their buffers.
pub(crate) trait Put {
    /// Text as it is.
    fn put(&mut self, text: &str);
    /// A number with leading zeros up to `width` digits.
    fn put_padded(&mut self, number: u64, width: usize);
    /// `value` / 10^`decimals`.
    fn put_fixed(&mut self, value: i64, decimals: u8);
    /// YYYY-MM-DD.
    fn put_date(&mut self, date: Date);
    /// A CSV field (RFC 4180), quoted where it must be.
    fn put_csv(&mut self, text: &str);
    /// A JSON string with its quotes (RFC 8259 section 7).
    fn put_json(&mut self, text: &str);
    /// The inside of a JSON string.
    fn put_json_part(&mut self, text: &str);
}

impl Put for Vec<u8> {
    fn put(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }

    fn put_padded(&mut self, mut number: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let mut at = digits.len();
        while number > 0 {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.extend_from_slice(&digits[at.min(digits.len() - width.clamp(1, 20))..]);
    }

    fn put_fixed(&mut self, value: i64, decimals: u8) {
        if value < 0 {
            self.push(b'-');
        }
        let unit = 10_u64.pow(decimals.into());
        let size = value.unsigned_abs();
        self.put_padded(size / unit, 1);
        if decimals > 0 {
            self.push(b'.');
            self.put_padded(size % unit, decimals.into());
        }
    }

    fn put_date(&mut self, date: Date) {
        let (year, month, day) = date.civil();
        let year = year.unsigned_abs();
        let digit = |number: u32| b'0' + (number % 10) as u8;
        let two = |number: u8| [digit(u32::from(number) / 10), digit(number.into())];
        let ([m1, m2], [d1, d2]) = (two(month), two(day));
        let [y1, y2, y3, y4] = [year / 1000, year / 100, year / 10, year].map(digit);
        self.extend_from_slice(&[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]);
    }

    fn put_csv(&mut self, text: &str) {
        if !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
            return self.put(text);
        }
        self.push(b'"');
        for (n, part) in text.split('"').enumerate() {
            if n > 0 {
                self.put("\"\"");
            }
            self.put(part);
        }
        self.push(b'"');
    }

    fn put_json(&mut self, text: &str) {
        self.push(b'"');
        self.put_json_part(text);
        self.push(b'"');
    }

    fn put_json_part(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut from = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.extend_from_slice(&bytes[from..at]);
            from = at + 1;
            match byte {
                b'"' => self.put("\\\""),
                b'\\' => self.put("\\\\"),
                b'\n' => self.put("\\n"),
                b'\r' => self.put("\\r"),
                b'\t' => self.put("\\t"),
                _ => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    self.put("\\u00");
                    self.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                }
            }
        }
        self.extend_from_slice(&bytes[from..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::TODAY;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_and_dates_are_written_out() {
        assert_eq!(text(|o| o.put_padded(0, 1)), "0");
        assert_eq!(text(|o| o.put_padded(7, 3)), "007");
        assert_eq!(text(|o| o.put_padded(12_345, 3)), "12345");
        assert_eq!(text(|o| o.put_padded(u64::MAX, 1)), u64::MAX.to_string());
        assert_eq!(text(|o| o.put_fixed(705, 2)), "7.05");
        assert_eq!(text(|o| o.put_fixed(-5, 1)), "-0.5");
        assert_eq!(text(|o| o.put_fixed(88, 0)), "88");
        assert_eq!(text(|o| o.put_date(TODAY)), "2026-06-30");
    }

    #[test]
    fn csv_fields_are_quoted_where_they_must_be() {
        assert_eq!(text(|o| o.put_csv("发热，3天")), "发热，3天");
        assert_eq!(text(|o| o.put_csv("a,b")), "\"a,b\"");
        assert_eq!(text(|o| o.put_csv("a\nb")), "\"a\nb\"");
        assert_eq!(text(|o| o.put_csv("\"a\"b")), "\"\"\"a\"\"b\"");
    }

    #[test]
    fn json_strings_read_back() {
        for sample in ["", "患者\n\"咳嗽\"\\", "\u{0}\u{1f}\t\r\u{7f}", "王,李"] {
            let written = text(|o| o.put_json(sample));
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), sample);
        }
    }
}
