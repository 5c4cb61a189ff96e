//! Sets, lists and bytes with bounds, whose decoders refuse the rest.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;

use borsh::io::{Read, Result as IoResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::encoding::invalid;

/// Why there are too many of something, or too few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {min} to {max}, found {found}")]
pub struct BoundsError {
    /// Found.
    pub found: usize,
    /// At least.
    pub min: usize,
    /// At most.
    pub max: usize,
}

fn within(found: usize, min: usize, max: usize) -> Result<(), BoundsError> {
    if found < min || found > max { Err(BoundsError { found, min, max }) } else { Ok(()) }
}

/// A set of `MIN` to `MAX` values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, Serialize)]
pub struct BoundedSet<T, const MIN: usize, const MAX: usize>(BTreeSet<T>);

impl<T: Ord, const MIN: usize, const MAX: usize> BoundedSet<T, MIN, MAX> {
    /// The set of these values.
    ///
    /// # Errors
    /// [`BoundsError`] when there are too few or too many.
    pub fn new(values: impl IntoIterator<Item = T>) -> Result<Self, BoundsError> {
        let set: BTreeSet<T> = values.into_iter().collect();
        within(set.len(), MIN, MAX)?;
        Ok(BoundedSet(set))
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for BoundedSet<T, MIN, MAX> {
    type Target = BTreeSet<T>;

    fn deref(&self) -> &BTreeSet<T> {
        &self.0
    }
}

impl<T: BorshDeserialize + Ord, const MIN: usize, const MAX: usize> BorshDeserialize
    for BoundedSet<T, MIN, MAX>
{
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        BoundedSet::new(BTreeSet::deserialize_reader(reader)?).map_err(|error| invalid(error.to_string()))
    }
}

impl<'de, T: Deserialize<'de> + Ord, const MIN: usize, const MAX: usize> Deserialize<'de>
    for BoundedSet<T, MIN, MAX>
{
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        // A value that stands twice is a mistake of whoever wrote it: it is told, not mended.
        let values = <Vec<T> as Deserialize>::deserialize(d)?;
        let written = values.len();
        let set = BoundedSet::new(values).map_err(D::Error::custom)?;
        if set.len() == written { Ok(set) } else { Err(D::Error::custom("a value stands twice")) }
    }
}

/// A list of `MIN` to `MAX` values.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize)]
pub struct BoundedList<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> BoundedList<T, MIN, MAX> {
    /// The list of these values.
    ///
    /// # Errors
    /// [`BoundsError`] when there are too few or too many.
    pub fn new(values: Vec<T>) -> Result<Self, BoundsError> {
        within(values.len(), MIN, MAX)?;
        Ok(BoundedList(values))
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for BoundedList<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: BorshDeserialize, const MIN: usize, const MAX: usize> BorshDeserialize for BoundedList<T, MIN, MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        BoundedList::new(Vec::deserialize_reader(reader)?).map_err(|error| invalid(error.to_string()))
    }
}

impl<'de, T: Deserialize<'de>, const MIN: usize, const MAX: usize> Deserialize<'de>
    for BoundedList<T, MIN, MAX>
{
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        BoundedList::new(Deserialize::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// Bytes whose meaning is not the ledger's: `MIN` to `MAX` of them, hexadecimal for people.
#[derive(Clone, PartialEq, Eq, BorshSerialize)]
pub struct OpaqueBytes<const MIN: usize, const MAX: usize>(Vec<u8>);

impl<const MIN: usize, const MAX: usize> OpaqueBytes<MIN, MAX> {
    /// These bytes.
    ///
    /// # Errors
    /// [`BoundsError`] when there are too few or too many.
    pub fn new(bytes: Vec<u8>) -> Result<Self, BoundsError> {
        within(bytes.len(), MIN, MAX)?;
        Ok(OpaqueBytes(bytes))
    }
}

impl<const MIN: usize, const MAX: usize> AsRef<[u8]> for OpaqueBytes<MIN, MAX> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Debug for OpaqueBytes<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<const MIN: usize, const MAX: usize> BorshDeserialize for OpaqueBytes<MIN, MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        OpaqueBytes::new(Vec::deserialize_reader(reader)?).map_err(|error| invalid(error.to_string()))
    }
}

impl<const MIN: usize, const MAX: usize> Serialize for OpaqueBytes<MIN, MAX> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for OpaqueBytes<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str> as Deserialize>::deserialize(d)?;
        let bytes =
            hex::decode(text.as_ref()).map_err(|_| D::Error::custom("expected hexadecimal digits"))?;
        OpaqueBytes::new(bytes).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Canonical;

    #[test]
    fn what_is_out_of_bounds_is_refused_in_every_spelling() {
        type Set = BoundedSet<u8, 1, 2>;
        type List = BoundedList<u8, 1, 2>;
        type Bytes = OpaqueBytes<1, 2>;
        for count in [0u8, 3] {
            let values: Vec<u8> = (0..count).collect();
            assert!(Set::new(values.clone()).is_err() && Set::decode(&values.encode()).is_err());
            assert!(List::new(values.clone()).is_err() && List::decode(&values.encode()).is_err());
            assert!(Bytes::new(values.clone()).is_err() && Bytes::decode(&values.encode()).is_err());
            let json = serde_json::to_string(&values).unwrap();
            assert!(serde_json::from_str::<Set>(&json).is_err());
            assert!(serde_json::from_str::<List>(&json).is_err());
            assert!(serde_json::from_str::<Bytes>(&format!("\"{}\"", hex::encode(&values))).is_err());
        }
        let set = Set::new([7, 3]).unwrap();
        assert_eq!(Set::decode(&set.encode()), Ok(set.clone()));
        assert_eq!(serde_json::from_str::<Set>("[7,3]").unwrap(), set);
        assert!(serde_json::from_str::<Set>("[7,7]").is_err(), "a value stands twice");
        let bytes = Bytes::new(vec![0xab]).unwrap();
        assert_eq!(serde_json::to_string(&bytes).unwrap(), "\"ab\"");
        assert_eq!(format!("{bytes:?}"), "1 bytes");
    }
}
