//! `audit.challenge`: an auditor picks rows of a release.

use borsh::{BorshDeserialize, BorshSerialize};
use curve25519_dalek::{MontgomeryPoint, Scalar};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ChallengeId, Digest, ObjectRef, ReleaseId};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::challenge::{ANSWER_HEIGHTS, Challenge, ChallengeRefusal, MAX_ROWS};
use crate::state::key::Key;
use crate::state::release::Release;
use crate::transaction::Body;

/// Has rows of a release's source opened to the auditor alone, picked by the transaction's digest after the release was final.
///
/// # Rules
/// > CHA-1: a regulator or an organisation of the contract's committee challenges the latest version of a release; 1 to 10,000 rows follow from the transaction's digest, and are opened to the one-time key that it names.
///
/// See `docs/spec/challenges.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuditChallenge {
    /// Which release ...
    pub release: ReleaseId,
    /// ... and which version of it.
    pub version: u64,
    /// How many rows.
    pub rows: u32,
    /// The auditor's one-time key (X25519) for this challenge: the openings are sealed to it, and nobody else reads them.
    pub reader: Digest,
}

impl Execute for AuditChallenge {
    const SPEC: ActionSpec = ActionSpec {
        number: 110,
        name: "audit.challenge",
        doc: Text { en: "challenges rows of a release", zh: "对发布抽样质询" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["CHA-1"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        let (rows, max) = (self.rows, MAX_ROWS);
        if rows == 0 || rows > max {
            return Err(ChallengeRefusal::Rows { rows, max }.into());
        }
        // An owner that cannot seal cannot answer, and would be liable for it.
        let point = MontgomeryPoint(self.reader.0) * Scalar::from(8_u8);
        if point.0 == [0; 32] { Err(ChallengeRefusal::Reader {}.into()) } else { Ok(()) }
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let release = call.state.release(&self.release)?;
        let (version, latest) = (self.version, release.version);
        if version != latest {
            return Err(ChallengeRefusal::Version { version, latest }.into());
        }
        let organisation = call.caller.account.organisation;
        if call.caller.role != Role::Regulator {
            let request = call.state.request(&release.value.request)?.value;
            let contract = call.state.contract(&request.ask.contract)?.value;
            if !contract.terms.approvals.committee.contains(&organisation) {
                return Err(ChallengeRefusal::NotAuditor { organisation }.into());
            }
        }
        let id = ChallengeId(call.transaction.0);
        let due = call.height().saturating_add(ANSWER_HEIGHTS);
        let challenge = Challenge {
            release: self.release,
            version,
            owner: release.value.organisation,
            auditor: call.caller.id,
            organisation,
            rows: self.rows,
            reader: self.reader,
            seed: call.transaction,
            due,
            answer: None,
            verdict: None,
        };
        call.state.create(&id, challenge);
        call.emit(
            "audit.challenged",
            ObjectRef::challenge(id),
            vec![
                fact("release", self.release),
                fact("version", version),
                fact("owner", release.value.organisation),
                fact("rows", self.rows),
                fact("due", due),
            ],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Release::head_key(&self.release));
    }
}
