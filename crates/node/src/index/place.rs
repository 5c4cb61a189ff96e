//! Where something is in the chain.

use std::fmt;
use std::str::FromStr;

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef},
};

/// An entry's block and its index there. Ordered as the chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The block's height.
    pub height: u64,
    /// The index in the block's list, from 0.
    pub index: u16,
}

/// Bits of the index: a block has at most [`medveil_chain::MAX_ENTRIES`] entries of a kind.
const INDEX_BITS: u32 = 16;

const _: () = assert!(medveil_chain::MAX_ENTRIES <= 1 << INDEX_BITS);

impl Place {
    /// Above every place of the chain.
    pub const END: Self = Self { height: (1 << (63 - INDEX_BITS)) - 1, index: u16::MAX };

    /// The first place of a block.
    pub fn first(height: u64) -> Self {
        Self { height: height.min(Self::END.height), index: 0 }
    }

    /// The number by which the tables know it.
    pub(crate) fn number(self) -> i64 {
        // INVARIANT: the height has at most 47 bits; at one block a millisecond that is four thousand years.
        ((self.height.min(Self::END.height) as i64) << INDEX_BITS) | i64::from(self.index)
    }

    pub(crate) fn of_number(number: i64) -> Self {
        Self { height: (number >> INDEX_BITS) as u64, index: number as u16 }
    }
}

impl fmt::Display for Place {
    /// `HEIGHT:INDEX`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.height, self.index)
    }
}

/// Why a text is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `HEIGHT:INDEX`")]
pub struct PlaceError;

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (height, index) = text.split_once(':').ok_or(PlaceError)?;
        let height = height.parse().ok().filter(|height| *height <= Self::END.height).ok_or(PlaceError)?;
        let place = Self { height, index: index.parse().map_err(|_| PlaceError)? };
        // One spelling: no signs, no leading zeros.
        if place.to_string() == text { Ok(place) } else { Err(PlaceError) }
    }
}

impl ToSql for Place {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.number().into())
    }
}

impl FromSql for Place {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self::of_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_as_places_are() {
        let places = [(0, 0), (0, 65535), (1, 0), (70_000, 3), (70_000, 65535), (Place::END.height, 65535)];
        let places = places.map(|(height, index)| Place { height, index });
        for place in places {
            assert_eq!(Place::of_number(place.number()), place);
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        assert!(places.windows(2).all(|pair| pair[0].number() < pair[1].number()));
    }

    #[test]
    fn places_have_one_spelling() {
        for bad in ["", "1", "1:", ":1", "01:1", "1:+1", "1:65536", "140737488355328:0", "1:1:1", "-1:0"] {
            assert_eq!(bad.parse::<Place>(), Err(PlaceError), "{bad}");
        }
    }
}
