//! `admit-issuer`: a certification authority whose certificates count.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, MeasureSpec};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef};
use crate::refusal::fact;
use crate::state::certificate::CertificateRefusal;
use crate::state::issuer::{Issuer, IssuerRefusal};
use crate::x509::{CertificateDer, X509};

/// Admits a certification authority, or admits one again. Certificates that it has signed may be registered from then on.
///
/// # Rules
/// > CERT-1: an issuer is admitted by the genesis or by a vote; its id is the SHA-256 fingerprint of its certificate.
/// >
/// > CERT-2: a certificate is X.509 of version 3 in canonical DER, of an SM2 key, signed by SM2 with SM3, without critical extensions that are not understood.
///
/// See `docs/spec/certificates.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AdmitIssuer {
    /// Its certificate.
    pub certificate: CertificateDer,
}

impl Enact for AdmitIssuer {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "admit-issuer",
        class: Class::Membership,
        doc: Text { en: "admits a certification authority", zh: "接纳证书签发机构" },
        rules: &["CERT-1", "CERT-2", "CERT-4"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Issuer::of(&X509::read(self.certificate.as_ref())?, 0)?;
        Ok(())
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        let certificate = X509::read(self.certificate.as_ref())?;
        let (issuer, not_after_ms, now_ms) =
            (certificate.issuer_id(), certificate.not_after_ms, call.now_ms());
        if now_ms > not_after_ms {
            return Err(CertificateRefusal::Expired { not_after_ms, now_ms }.into());
        }
        match call.state.latest::<Issuer>(&issuer)? {
            Some(found) if found.value.removed.is_none() => {
                Err(IssuerRefusal::Exists { issuer, since: found.value.since }.into())
            }
            _ => Ok(()),
        }
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let certificate = X509::read(self.certificate.as_ref())?;
        let (id, issuer) = (certificate.issuer_id(), Issuer::of(&certificate, call.height())?);
        let before = call.state.latest::<Issuer>(&id)?.map_or(0, |before| before.version);
        let facts = vec![fact("key", issuer.key), fact("not_after_ms", issuer.not_after_ms)];
        call.state.succeed(&id, before, issuer);
        call.emit("issuer.admitted", ObjectRef::issuer(id), facts);
        Ok(())
    }
}
