//! `access.request`: a release is used.

use borsh::{BorshDeserialize, BorshSerialize};
use medveil_policy::Released;
use serde::{Deserialize, Serialize};

use super::release_post::{check_fresh, check_usable};
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::decision::decide;
use crate::id::{AccessId, ChainId, ObjectRef, ReleaseId};
use crate::policy::Step;
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::access::{Access, AccessRefusal};
use crate::state::coverage::Withdrawals;
use crate::state::custody::{Custody, CustodyRefusal, KeyRequest, OneTimeKeys, check_keys};
use crate::state::destruction::Destruction;
use crate::state::key::Key;
use crate::state::release::Release;
use crate::state::request::Subject;
use crate::transaction::Body;

/// Asks to use a release, with one-time keys for the partial keys of the custody committee. Everything is decided anew: contract, freezes, terms, consents.
///
/// # Rules
/// > ACS-1: the account that made the request uses the latest version of what was released for it.
/// >
/// > ACS-2: an access is granted when the request would be decided the same now, the grant is not over, no consent that the release can stand on has ceased since its patients were picked, and it neither failed a challenge nor is to be destroyed.
/// >
/// > CUS-2: of what is in custody, members are asked for partial keys, each sealed to a one-time key of its own.
///
/// See `docs/spec/releases.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccessRequest {
    /// Which release ...
    pub release: ReleaseId,
    /// ... and which version of it.
    pub version: u64,
    /// One-time public keys by organisation; none where nothing is in custody.
    pub keys: OneTimeKeys,
}

impl Execute for AccessRequest {
    const SPEC: ActionSpec = ActionSpec {
        number: 100,
        name: "access.request",
        doc: Text { en: "asks to use a release", zh: "申请访问发布" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["ACS-1", "ACS-2", "CUS-2"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        if self.keys.is_empty() { Ok(()) } else { Ok(check_keys(&self.keys)?) }
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let id = AccessId(call.transaction.0);
        let object = ObjectRef::release(self.release);
        call.state.need([Release::head_key(&self.release), Destruction::head_key(&object)])?;
        let release = call.state.release(&self.release)?;
        let (version, latest) = (self.version, release.version);
        if version != latest {
            return Err(AccessRefusal::Superseded { version, latest }.into());
        }
        let release = release.value;
        check_usable(call.state, self.release, Some(&release))?;
        let request = call.state.request(&release.request)?.value;
        if request.requester != call.caller.id {
            return Err(AccessRefusal::NotYours { account: request.requester }.into());
        }
        let until_ms = request.granted(call.now_ms())?.until_ms;
        let (patients, records) = (release.figures.patients, release.figures.records);
        let step = Step::Access(release.dataset, Released { patients, records });
        let decided = decide(call.state, &request.ask, request.by(), step, Some(until_ms))?;
        let terms = &decided.contract.value.terms;
        let (owner, cohort_at) = (release.organisation, release.figures.cohort_at);
        check_fresh(call.state, &request, terms, owner, cohort_at, Withdrawals::OfPosted)?;
        let organisation = request.organisation;
        if !self.keys.is_empty() {
            let custody = release.figures.custody.ok_or(CustodyRefusal::NotInCustody {})?;
            let kept: u64 = call.state.latest::<Custody>(&custody)?.map_or(0, |kept| kept.version);
            let key_request = KeyRequest {
                object: custody,
                version: kept,
                grant: ObjectRef::access(id),
                requester: call.caller.id,
                organisation,
                keys: self.keys.clone(),
                until_ms,
            };
            call.state.create(&call.transaction, key_request);
        }
        let access =
            Access { release: self.release, version, account: call.caller.id, organisation, until_ms };
        call.state.create(&id, access);
        let mut facts = vec![
            fact("release", self.release),
            fact("version", version),
            fact("request", release.request),
            fact("owner", release.organisation),
            fact("until_ms", until_ms),
        ];
        facts.extend(request.ask.purposes.iter().map(|purpose| fact("purpose", *purpose)));
        if let Subject::Patient { patient, .. } = request.ask.subject {
            facts.push(fact("patient", patient));
        }
        call.emit("access.granted", ObjectRef::access(id), facts);
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Release::head_key(&self.release));
        keys.push(Destruction::head_key(&ObjectRef::release(self.release)));
    }
}
