//! The charter: what the genesis fixes for ever.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::Record;
use super::key::Domain;
use crate::id::{ChainId, Slug, text_serde};
use crate::signature::RelyingParty;

/// Constants of the chain.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Charter {
    /// The chain's id: the digest of its genesis.
    pub chain: ChainId,
    /// The name that its members gave it.
    pub name: Slug,
    /// Blocks in an epoch.
    pub epoch_length: u64,
    /// Votes that proposals take.
    pub thresholds: Thresholds,
    /// For whom passkeys sign.
    pub relying_party: RelyingParty,
}

impl Record for Charter {
    const DOMAIN: Domain = Domain::Charter;
    type Id = ();
}

/// Votes that proposals of each class take, as parts of the voters. Constants: a vote cannot lower them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Thresholds {
    /// Admitting, suspending, reinstating, removing members; seating and unseating validators; resetting accounts. More than a half.
    pub membership: Threshold,
    /// Changing parameters. More than a half.
    pub parameters: Threshold,
    /// Freezing. More than a third, so that an emergency needs no majority, but at least one honest organisation.
    pub freeze: Threshold,
    /// Unfreezing. More than a half.
    pub unfreeze: Threshold,
}

impl Default for Thresholds {
    /// 4 of 7 for everything.
    fn default() -> Self {
        let four_of_seven = Threshold { votes: 4, of: 7 };
        Thresholds {
            membership: four_of_seven,
            parameters: four_of_seven,
            freeze: four_of_seven,
            unfreeze: four_of_seven,
        }
    }
}

/// A part of the voters, as `"4 of 7"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Threshold {
    /// Votes needed ...
    pub votes: u32,
    /// ... when there are this many voters.
    pub of: u32,
}

impl Threshold {
    /// Approvals needed among `voters`: the part, rounded up, at least 1.
    pub fn needed(&self, voters: u64) -> u64 {
        let needed = (u128::from(voters) * u128::from(self.votes)).div_ceil(u128::from(self.of).max(1));
        u64::try_from(needed).unwrap_or(u64::MAX).max(1)
    }

    /// Whether it is more than `numerator / denominator` and at most everybody.
    pub fn is_above(&self, numerator: u32, denominator: u32) -> bool {
        let more = u64::from(self.votes) * u64::from(denominator) > u64::from(numerator) * u64::from(self.of);
        more && self.votes <= self.of
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.votes, self.of)
    }
}

/// Why a text is no threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a threshold such as `4 of 7`")]
pub struct ThresholdError;

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let (votes, of) = text.split_once(" of ").ok_or(ThresholdError)?;
        let number = |text: &str| text.trim().parse().map_err(|_| ThresholdError);
        Ok(Threshold { votes: number(votes)?, of: number(of)? })
    }
}

text_serde!(Threshold);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_of_seven_scales_with_the_voters() {
        let threshold = Threshold { votes: 4, of: 7 };
        let needed: Vec<u64> = (0..=10).map(|voters| threshold.needed(voters)).collect();
        assert_eq!(needed, [1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 6]);
        assert_eq!("4 of 7".parse(), Ok(threshold));
        assert_eq!(threshold.to_string(), "4 of 7");
        assert_eq!("4/7".parse::<Threshold>(), Err(ThresholdError));
    }

    #[test]
    fn a_threshold_is_compared_with_a_part_exactly() {
        let above_half = |votes, of| Threshold { votes, of }.is_above(1, 2);
        assert!(above_half(4, 7) && above_half(1, 1) && above_half(u32::MAX, u32::MAX));
        assert!(!above_half(2, 4) && !above_half(3, 7) && !above_half(8, 7) && !above_half(0, 0));
    }
}
