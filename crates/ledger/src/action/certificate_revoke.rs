//! `certificate.revoke`: a certificate that holds no more.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{CertificateId, ChainId, Digest, ObjectRef};
use crate::measure::Cause;
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::certificate::{Certificate, CertificateRefusal};
use crate::state::key::Key;
use crate::transaction::Body;

/// Revokes a certificate of the caller's organisation, for ever: that of the caller's own account, or as an administrator a colleague's.
///
/// # Rules
/// > CERT-8: a certificate is revoked by its account, by an administrator of its organisation, or by a vote; what was revoked is not registered again.
///
/// See `docs/spec/certificates.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CertificateRevoke {
    /// The certificate of a key ...
    pub certificate: CertificateId,
    /// ... and which of them: another may have taken its place.
    pub fingerprint: Digest,
    /// Why.
    pub cause: Cause,
}

impl Execute for CertificateRevoke {
    const SPEC: ActionSpec = ActionSpec {
        number: 161,
        name: "certificate.revoke",
        doc: Text {
            en: "revokes a certificate of the caller's organisation", zh: "吊销本机构的证书"
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["CERT-8"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let before = call.state.standing_certificate(self.certificate, self.fingerprint)?;
        let (certificate, organisation) = (self.certificate, before.value.organisation);
        let caller = &call.caller.account;
        let colleague = caller.capacity == Capacity::Administrator && caller.organisation == organisation;
        if before.value.account != call.caller.id && !colleague {
            return Err(CertificateRefusal::NotYours { certificate, organisation }.into());
        }
        call.state.revoke(&certificate, before, self.cause);
        call.emit(
            "certificate.revoked",
            ObjectRef::certificate(certificate),
            vec![fact("fingerprint", self.fingerprint), fact("cause", self.cause)],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Certificate::head_key(&self.certificate));
    }
}
