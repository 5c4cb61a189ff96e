//! Decimal text to integers, exactly.

/// A decimal number in units of `10^-decimals`.
pub(crate) struct Scaled {
    /// Whether it has a minus sign (zero may have one).
    pub negative: bool,
    /// The whole units towards zero; nothing when they exceed 64 bits.
    pub magnitude: Option<u64>,
    /// What the digits behind the last unit add to it.
    pub remainder: Remainder,
}

/// A part of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remainder {
    Zero,
    LessThanHalf,
    HalfOrMore,
}

/// Reads an optional sign, digits and at most one point; fails with the place of the first byte that does not belong.
pub(crate) fn scale(text: &str, decimals: u8) -> Result<Scaled, usize> {
    let bytes = text.as_bytes();
    let negative = bytes.first() == Some(&b'-');
    let first = usize::from(negative || bytes.first() == Some(&b'+'));
    let mut magnitude = Some(0u64);
    let mut remainder = Remainder::Zero;
    let mut digits = 0;
    let mut fraction: Option<u64> = None; // digits seen behind the point
    for (at, &byte) in bytes.iter().enumerate().skip(first) {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                let digit = byte - b'0';
                match fraction {
                    Some(seen) if seen >= u64::from(decimals) => {
                        if seen == u64::from(decimals) && digit >= 5 {
                            remainder = Remainder::HalfOrMore;
                        } else if digit > 0 && remainder == Remainder::Zero {
                            remainder = Remainder::LessThanHalf;
                        }
                    }
                    _ => magnitude = append(magnitude, digit),
                }
                fraction = fraction.map(|seen| seen + 1);
            }
            b'.' if fraction.is_none() => fraction = Some(0),
            _ => return Err(at),
        }
    }
    if digits == 0 {
        return Err(bytes.len());
    }
    for _ in fraction.unwrap_or(0)..u64::from(decimals) {
        magnitude = append(magnitude, 0);
    }
    Ok(Scaled { negative, magnitude, remainder })
}

fn append(magnitude: Option<u64>, digit: u8) -> Option<u64> {
    magnitude?.checked_mul(10)?.checked_add(digit.into())
}
