//! `custody.request-key`: the owner asks for the key of its own object.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, CustodyId, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::custody::{Custody, CustodyRefusal, KEY_REQUEST_MS, KeyRequest, OneTimeKeys, check_keys};
use crate::state::destruction::Destruction;
use crate::state::key::Key;
use crate::transaction::Body;

/// Asks members for their partial keys of an object of the caller's organisation. Others ask by `access.request`.
///
/// # Rules
/// > CUS-2: the owner asks for the latest version, with a one-time key for each of 1 to 128 members; partials are given for an hour.
/// >
/// > CUS-3: what is to be destroyed is not opened.
///
/// See `docs/spec/custody.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CustodyRequestKey {
    /// Which object ...
    pub object: CustodyId,
    /// ... and which version of it.
    pub version: u64,
    /// One-time public keys by organisation.
    pub keys: OneTimeKeys,
}

impl Execute for CustodyRequestKey {
    const SPEC: ActionSpec = ActionSpec {
        number: 141,
        name: "custody.request-key",
        doc: Text {
            en: "asks for the key of an own object in custody", zh: "申请本机构托管对象的密钥"
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["CUS-2", "CUS-3"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(check_keys(&self.keys)?)
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let object = ObjectRef::custody(self.object);
        let custody = call.state.custody(&self.object)?;
        let organisation = call.caller.account.organisation;
        if custody.value.organisation != organisation {
            let owner = custody.value.organisation;
            return Err(CustodyRefusal::NotYours { object: self.object, organisation: owner }.into());
        }
        if self.version != custody.version {
            return Err(CustodyRefusal::Version { expected: custody.version, got: self.version }.into());
        }
        if let Some(since) = call.state.destruction_since(&object)? {
            return Err(CustodyRefusal::Destroyed { object: self.object, since }.into());
        }
        let until_ms = call.now_ms().saturating_add(KEY_REQUEST_MS);
        let request = KeyRequest {
            object: self.object,
            version: self.version,
            grant: object,
            requester: call.caller.id,
            organisation,
            keys: self.keys.clone(),
            until_ms,
        };
        call.state.create(&call.transaction, request);
        call.emit(
            "custody.key-requested",
            object,
            vec![fact("version", self.version), fact("members", self.keys.len()), fact("until_ms", until_ms)],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Custody::head_key(&self.object));
        keys.push(Destruction::head_key(&ObjectRef::custody(self.object)));
    }
}
