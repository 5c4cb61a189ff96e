//! `custody.register`: an object, or its next version, is in custody.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, CustodyId, Digest, ObjectRef, Slug};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::custody::{Custody, CustodyRefusal, WrappedKey};
use crate::state::destruction::Destruction;

/// Puts the manifest and the wrapped data key of an object on the ledger: its shards are with the members, its key with the committee.
///
/// # Rules
/// > CUS-1: an object is its owner's; its id is the digest of chain, owner and label. Versions are numbered from 1.
/// >
/// > CUS-3: what is to be destroyed gets no new version.
///
/// See `docs/spec/custody.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CustodyRegister {
    /// What the owner calls it.
    pub label: Slug,
    /// The version that this is.
    pub version: u64,
    /// Digest of the manifest.
    pub manifest: Digest,
    /// The data key, wrapped to the committee.
    pub wrapped_key: WrappedKey,
    /// Digest of the policy that is bound into the key's identity.
    pub policy: Digest,
}

impl Execute for CustodyRegister {
    const SPEC: ActionSpec = ActionSpec {
        number: 140,
        name: "custody.register",
        doc: Text { en: "puts an object's manifest and wrapped key on the ledger", zh: "登记托管对象" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["CUS-1", "CUS-3"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let organisation = call.caller.account.organisation;
        let id = CustodyId::derive(call.state.block().chain, organisation, self.label);
        let object = ObjectRef::custody(id);
        call.state.need([Custody::head_key(&id), Destruction::head_key(&object)])?;
        let before = call.state.latest::<Custody>(&id)?.map_or(0, |before| before.version);
        if self.version != before + 1 {
            return Err(CustodyRefusal::Version { expected: before + 1, got: self.version }.into());
        }
        if let Some(since) = call.state.destruction_since(&object)? {
            return Err(CustodyRefusal::Destroyed { object: id, since }.into());
        }
        let custody = Custody {
            organisation,
            label: self.label,
            manifest: self.manifest,
            wrapped_key: self.wrapped_key.clone(),
            policy: self.policy,
        };
        call.state.succeed(&id, before, custody);
        call.emit(
            "custody.registered",
            object,
            vec![fact("version", self.version), fact("manifest", self.manifest), fact("policy", self.policy)],
        );
        Ok(())
    }
}
