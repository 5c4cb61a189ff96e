//! `audit.verdict`: what came of a challenge.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ChallengeId, Digest, IncidentId, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::challenge::{Challenge, ChallengeRefusal, Verdict};
use crate::state::incident::{Incident, IncidentCause};
use crate::state::key::Key;
use crate::state::release::Release;
use crate::transaction::Body;

/// Says whether what was opened gives what was released. A release that failed is used no more, and an incident names its owner.
///
/// # Rules
/// > CHA-3: the auditor gives a verdict once, after the answer; that there was none, after the last height for it.
/// >
/// > CHA-4: a release that fails is not used any more, and an incident is opened for which its owner is liable. A release that was replaced since keeps its later versions.
///
/// See `docs/spec/challenges.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuditVerdict {
    /// Which challenge.
    pub challenge: ChallengeId,
    /// What came of it.
    pub verdict: Verdict,
    /// Digest of the report.
    pub report: Digest,
}

impl Execute for AuditVerdict {
    const SPEC: ActionSpec = ActionSpec {
        number: 112,
        name: "audit.verdict",
        doc: Text { en: "gives the verdict on a challenge", zh: "作出质询结论" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["CHA-3", "CHA-4"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let id = self.challenge;
        let before = call.state.challenge(&id)?;
        let (challenge, height) = (before.value, call.height());
        if challenge.organisation != call.caller.account.organisation {
            return Err(ChallengeRefusal::NotYours { organisation: challenge.organisation }.into());
        }
        if let Some(verdict) = challenge.verdict {
            return Err(ChallengeRefusal::Decided { challenge: id, verdict }.into());
        }
        let due = challenge.due;
        match (challenge.answer, self.verdict) {
            (Some(_), Verdict::NoAnswer) => return Err(ChallengeRefusal::Answered { challenge: id }.into()),
            (None, Verdict::NoAnswer) if height > due => {}
            (None, _) => return Err(ChallengeRefusal::Unanswered { due, height }.into()),
            (Some(_), _) => {}
        }
        let (release, version, owner) = (challenge.release, challenge.version, challenge.owner);
        let verdict = Some(self.verdict);
        call.state.succeed(&id, before.version, Challenge { verdict, ..challenge });
        call.emit(
            "audit.decided",
            ObjectRef::challenge(id),
            vec![fact("verdict", self.verdict), fact("release", release), fact("report", self.report)],
        );
        if self.verdict == Verdict::Passed {
            return Ok(());
        }
        let posted = call.state.release(&release)?;
        let object = ObjectRef::release(release);
        let act_at = posted.height;
        if posted.version == version {
            call.state.succeed(&release, posted.version, Release { failed: Some(id), ..posted.value });
            call.emit("release.failed", object, vec![fact("challenge", id)]);
        }
        let incident = IncidentId(call.transaction.0);
        let record = Incident {
            cause: IncidentCause::ReleaseFault,
            object,
            liable: owner,
            act_at,
            reporter: call.caller.id,
            organisation: call.caller.account.organisation,
            details: self.report,
        };
        call.state.create(&incident, record);
        call.emit(
            "incident.opened",
            ObjectRef::incident(incident),
            vec![fact("cause", IncidentCause::ReleaseFault), fact("liable", owner), fact("object", object)],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Challenge::head_key(&self.challenge));
    }
}
