//! `custody.post-partial`: a member gives its partial key.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, Digest, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::custody::{CustodyRefusal, KeyRequest, Partial, SealedPartial, partial_id};
use crate::state::destruction::Destruction;
use crate::state::key::Key;
use crate::transaction::Body;

/// Posts the partial key of the caller's organisation for a granted request, sealed to the one-time key that the request names for it.
///
/// # Rules
/// > CUS-3: a member that was asked posts its partial once, as long as the request lasts and the object is not to be destroyed. Whether the partial is a good one, its reader checks.
///
/// See `docs/spec/custody.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CustodyPostPartial {
    /// The transaction that asked.
    pub request: Digest,
    /// The partial, sealed.
    pub sealed: SealedPartial,
}

impl Execute for CustodyPostPartial {
    const SPEC: ActionSpec = ActionSpec {
        number: 142,
        name: "custody.post-partial",
        doc: Text { en: "gives a partial key, sealed to the requester", zh: "提交密钥分片" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["CUS-3"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let request: KeyRequest = key_request(call, self.request)?;
        let organisation = call.caller.account.organisation;
        if !request.keys.contains_key(&organisation) {
            return Err(CustodyRefusal::NotAsked { organisation }.into());
        }
        let (until_ms, now_ms) = (request.until_ms, call.now_ms());
        if now_ms >= until_ms {
            return Err(CustodyRefusal::Over { until_ms, now_ms }.into());
        }
        let object = ObjectRef::custody(request.object);
        let id = partial_id(self.request, organisation);
        call.state.need([Destruction::head_key(&object), Partial::head_key(&id)])?;
        if let Some(since) = call.state.destruction_since(&object)? {
            return Err(CustodyRefusal::Destroyed { object: request.object, since }.into());
        }
        if call.state.latest::<Partial>(&id)?.is_some() {
            return Err(CustodyRefusal::Posted { organisation }.into());
        }
        let sealed = self.sealed.clone();
        call.state.create(&id, Partial { request: self.request, organisation, sealed, disclosed: None });
        call.emit("custody.partial-posted", object, vec![fact("request", self.request)]);
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(KeyRequest::head_key(&self.request));
    }
}

/// The key request that a transaction made.
pub(super) fn key_request(call: &Call<'_, '_>, request: Digest) -> Result<KeyRequest, Halt> {
    let found = call.state.latest::<KeyRequest>(&request)?;
    Ok(found.ok_or(CustodyRefusal::UnknownRequest { request })?.value)
}
