//! `custody.report-partial`: a partial key is bad, and everybody can see it.

use borsh::{BorshDeserialize, BorshSerialize};
use curve25519_dalek::montgomery::MontgomeryPoint;
use serde::{Deserialize, Serialize};

use super::custody_post_partial::key_request;
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, Digest, ObjectRef, OrganisationId};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::custody::{CustodyRefusal, KeyRequest, Partial, partial_id};
use crate::state::key::Key;
use crate::transaction::Body;

/// Discloses the one-time key that a partial was sealed to, so that anyone can open it and see that it is bad. The key is worth nothing else.
///
/// # Rules
/// > CUS-4: who asked for a partial reports it, once, with the secret (X25519) of the one-time key that it named. Whether it is bad, whoever reads it verifies with the member's public share.
///
/// See `docs/spec/custody.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CustodyReportPartial {
    /// The transaction that asked.
    pub request: Digest,
    /// Whose partial.
    pub organisation: OrganisationId,
    /// The secret of the one-time key, public from now on.
    pub secret: Digest,
}

impl Execute for CustodyReportPartial {
    const SPEC: ActionSpec = ActionSpec {
        number: 143,
        name: "custody.report-partial",
        doc: Text {
            en: "discloses a one-time key to show that a partial key is bad",
            zh: "举报无效密钥分片",
        },
        authority: Authority {
            capacities: Capacity::ALL,
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["CUS-4"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let request = key_request(call, self.request)?;
        if request.requester != call.caller.id {
            return Err(CustodyRefusal::NotRequester { request: self.request }.into());
        }
        let organisation = self.organisation;
        let id = partial_id(self.request, organisation);
        let partial = call.state.latest::<Partial>(&id)?;
        let partial = partial.ok_or(CustodyRefusal::NoPartial { organisation })?;
        if partial.value.disclosed.is_some() {
            return Err(CustodyRefusal::Reported { organisation }.into());
        }
        let public = MontgomeryPoint::mul_base_clamped(self.secret.0).to_bytes();
        if request.keys.get(&organisation) != Some(&Digest(public)) {
            return Err(CustodyRefusal::Secret { organisation }.into());
        }
        let disclosed = Some(self.secret);
        call.state.succeed(&id, partial.version, Partial { disclosed, ..partial.value });
        call.emit(
            "custody.partial-reported",
            ObjectRef::custody(request.object),
            vec![fact("request", self.request), fact("member", organisation)],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(KeyRequest::head_key(&self.request));
        keys.push(Partial::head_key(&partial_id(self.request, self.organisation)));
    }
}
