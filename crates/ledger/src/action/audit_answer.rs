//! `audit.answer`: the custodian has opened what was challenged.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ChallengeId, Digest, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::challenge::{Challenge, ChallengeRefusal};
use crate::state::key::Key;
use crate::transaction::Body;

/// Commits the owner of a release to the openings that it sends to the auditor, sealed: neither can say later that they were others.
///
/// # Rules
/// > CHA-2: the owner answers once, within 10,000 heights, with the digest of the sealed openings.
///
/// See `docs/spec/challenges.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuditAnswer {
    /// Which challenge.
    pub challenge: ChallengeId,
    /// Digest of the sealed openings.
    pub openings: Digest,
}

impl Execute for AuditAnswer {
    const SPEC: ActionSpec = ActionSpec {
        number: 111,
        name: "audit.answer",
        doc: Text { en: "answers a challenge with the digest of what was opened", zh: "答复质询" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["CHA-2"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let before = call.state.challenge(&self.challenge)?;
        let (challenge, height) = (before.value, call.height());
        if challenge.owner != call.caller.account.organisation {
            return Err(ChallengeRefusal::NotYours { organisation: challenge.owner }.into());
        }
        if challenge.answer.is_some() {
            return Err(ChallengeRefusal::Answered { challenge: self.challenge }.into());
        }
        if let Some(verdict) = challenge.verdict {
            return Err(ChallengeRefusal::Decided { challenge: self.challenge, verdict }.into());
        }
        if height > challenge.due {
            return Err(ChallengeRefusal::Late { due: challenge.due, height }.into());
        }
        let answer = Some(self.openings);
        call.state.succeed(&self.challenge, before.version, Challenge { answer, ..challenge });
        call.emit(
            "audit.answered",
            ObjectRef::challenge(self.challenge),
            vec![fact("openings", self.openings)],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Challenge::head_key(&self.challenge));
    }
}
