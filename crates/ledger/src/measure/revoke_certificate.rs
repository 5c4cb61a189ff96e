//! `revoke-certificate`: a certificate that the members do not take any more.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, Grounds, MeasureSpec};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{CertificateId, ChainId, Digest, ObjectRef};
use crate::refusal::fact;

/// Revokes a certificate of any organisation, for ever: its authority has revoked it, or the members do not believe it.
///
/// # Rules
/// > CERT-8: a certificate is revoked by its account, by an administrator of its organisation, or by a vote; what was revoked is not registered again.
///
/// See `docs/spec/certificates.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RevokeCertificate {
    /// The certificate of a key ...
    pub certificate: CertificateId,
    /// ... and which of them: another may take its place while members vote.
    pub fingerprint: Digest,
    /// Why.
    pub grounds: Grounds,
}

impl Enact for RevokeCertificate {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "revoke-certificate",
        class: Class::Membership,
        doc: Text { en: "revokes the certificate of a key", zh: "吊销某密钥的证书" },
        rules: &["CERT-8"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        call.state.standing_certificate(self.certificate, self.fingerprint).map(drop)
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let before = call.state.standing_certificate(self.certificate, self.fingerprint)?;
        call.state.revoke(&self.certificate, before, self.grounds.cause);
        call.emit(
            "certificate.revoked",
            ObjectRef::certificate(self.certificate),
            vec![
                fact("fingerprint", self.fingerprint),
                fact("cause", self.grounds.cause),
                fact("details", self.grounds.details),
            ],
        );
        Ok(())
    }
}
