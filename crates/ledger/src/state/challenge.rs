//! Challenges: an auditor picks rows of a release, and says what came of it.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::Domain;
use super::{Record, State, Versioned};
use crate::call::Halt;
use crate::id::{AccountId, ChallengeId, Digest, OrganisationId, ReleaseId};
use crate::refusal::refusals;
use crate::role::vocabulary;

/// A challenge.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Challenge {
    /// Of which release ...
    pub release: ReleaseId,
    /// ... and which version of it.
    pub version: u64,
    /// Who owes the answer.
    pub owner: OrganisationId,
    /// Who asks.
    pub auditor: AccountId,
    /// The organisation that answers for them.
    pub organisation: OrganisationId,
    /// How many rows of the source are opened.
    pub rows: u32,
    /// The one-time key (X25519) that the openings are sealed to.
    pub reader: Digest,
    /// What the rows follow from, with [`row`].
    pub seed: Digest,
    /// The last height at which the answer is in time.
    pub due: u64,
    /// Digest of the sealed openings, once the custodian has answered.
    pub answer: Option<Digest>,
    /// What came of it.
    pub verdict: Option<Verdict>,
}

vocabulary! {
    /// What came of a challenge.
    Verdict {
        /// What was opened gives what was released.
        Passed = 0, "passed", "通过";
        /// Rows are missing.
        DroppedRows = 1, "dropped-rows", "缺失记录";
        /// Rows have no source.
        InventedRows = 2, "invented-rows", "虚构记录";
        /// A value was changed.
        AlteredValue = 3, "altered-value", "篡改数值";
        /// A field was left as it was.
        UnmaskedField = 4, "unmasked-field", "字段未去标识";
        /// Noise is not that of the committed seed.
        ForeignNoise = 5, "foreign-noise", "噪声与承诺的种子不符";
        /// Another plan was run.
        OtherPlan = 6, "other-plan", "未按合同方案执行";
        /// A patient did not consent.
        NoConsent = 7, "no-consent", "未获授权的患者";
        /// No answer in time.
        NoAnswer = 8, "no-answer", "逾期未答复";
    }
}

impl Record for Challenge {
    const DOMAIN: Domain = Domain::Challenge;
    type Id = ChallengeId;
}

/// Rows that a challenge opens at most.
pub const MAX_ROWS: u32 = 10_000;
/// Heights within which a challenge is answered.
pub const ANSWER_HEIGHTS: u64 = 10_000;

/// Row `number` of a challenge of a source of `count` rows, counted from 0. The seed is the transaction's digest: it comes after the release, and the owner cannot
/// foresee it. Rows may repeat: n draws catch a fraction p of bad rows with probability 1 - (1 - p)^n.
pub fn row(seed: &Digest, number: u32, count: u64) -> u64 {
    let digest = Digest::of("medveil/challenge-row/1", &[&seed.0, &number.to_be_bytes()]);
    let drawn = u128::from_be_bytes(digest.0[..16].try_into().expect("a digest has 32 bytes"));
    // The bias is below count / 2^128.
    (drawn % u128::from(count.max(1))) as u64
}

refusals! {
    /// Why nothing is done with a challenge.
    pub enum ChallengeRefusal in "challenge" {
        /// CHA-1: who may challenge.
        NotAuditor { organisation: OrganisationId } = "not_auditor",
            "`{organisation}` is neither a regulator nor in the contract's committee", "该机构无权质询";
        /// CHA-1: how many rows.
        Rows { rows: u32, max: u32 } = "rows",
            "{rows} rows, 1 to {max} are allowed", "质询行数不当";
        /// CHA-1: nothing can be sealed to the key.
        Reader {} = "reader",
            "nothing is secret under the auditor's key: it is a point of low order", "质询密钥无法用于封装";
        /// CHA-1: not the latest version.
        Version { version: u64, latest: u64 } = "version",
            "version {version}, the latest is {latest}", "质询的发布版本不是最新";
        /// CHA-2: there is no such challenge.
        Unknown { challenge: ChallengeId } = "unknown",
            "there is no challenge `{challenge}`", "质询不存在";
        /// CHA-2: another organisation owes the answer.
        NotYours { organisation: OrganisationId } = "not_yours",
            "this is for `{organisation}`", "应由其他机构处理";
        /// CHA-2: it is answered.
        Answered { challenge: ChallengeId } = "answered",
            "the challenge `{challenge}` is answered", "质询已答复";
        /// CHA-2: the answer comes too late.
        Late { due: u64, height: u64 } = "late",
            "the answer was due at height {due}, this is {height}", "答复已逾期";
        /// CHA-3: there is a verdict.
        Decided { challenge: ChallengeId, verdict: Verdict } = "decided",
            "the verdict on the challenge `{challenge}` is `{verdict}`", "质询已有结论";
        /// CHA-3: an answer is owed.
        Unanswered { due: u64, height: u64 } = "unanswered",
            "the answer is due at height {due}, this is {height}", "尚待答复";
    }
}

impl State<'_> {
    /// The challenge of an id.
    pub(crate) fn challenge(&self, challenge: &ChallengeId) -> Result<Versioned<Challenge>, Halt> {
        Ok(self.latest(challenge)?.ok_or(ChallengeRefusal::Unknown { challenge: *challenge })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_from_the_seed_and_are_spread_over_the_source() {
        let seed = Digest([7; 32]);
        let rows: std::collections::BTreeSet<u64> = (0..1000).map(|n| row(&seed, n, 1_000_000)).collect();
        assert!(rows.len() > 990 && rows.iter().all(|row| *row < 1_000_000));
        assert_eq!(row(&seed, 3, 10), row(&seed, 3, 10));
        assert_ne!(row(&seed, 3, 1_000_000), row(&Digest([8; 32]), 3, 1_000_000));
        assert_eq!(row(&seed, 0, 1), 0);
    }
}
