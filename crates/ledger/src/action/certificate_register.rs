//! `certificate.register`: the certificate of an SM2 key.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{CertificateId, ChainId, IssuerId, ObjectRef};
use crate::public_key::PublicKey;
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::certificate::{Certificate, CertificateRefusal};
use crate::state::issuer::Issuer;
use crate::state::key::{self, Key};
use crate::state::organisation::Organisation;
use crate::transaction::Body;
use crate::x509::{CertificateDer, Path, check_time, fingerprint};

/// Hands in the certificate of an SM2 key of the caller's account. Registered, it holds from this transaction on, until it expires or is revoked;
/// the next one of the key takes its place.
///
/// # Rules
/// > CERT-2: a certificate is X.509 of version 3 in canonical DER, of an SM2 key, signed by SM2 with SM3, without critical extensions that are not understood.
/// >
/// > CERT-3: that of an organisation's key is for signatures and is no authority's.
/// >
/// > CERT-4: it is signed by an issuer that is admitted, or by one authority that such an issuer has signed.
/// >
/// > CERT-5: its key is one of the account's, and the organisation in its subject has the name of the account's.
/// >
/// > CERT-6: it is valid at the block's time, and so is what it is signed by.
/// >
/// > CERT-8: what was revoked is not registered again.
///
/// See `docs/spec/certificates.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CertificateRegister {
    /// The authority that is admitted and that the path leads to.
    pub issuer: IssuerId,
    /// The certificate.
    pub certificate: CertificateDer,
    /// The certificate of the authority that signs it, if that is not the issuer itself.
    pub intermediate: Option<CertificateDer>,
}

impl CertificateRegister {
    fn path(&self) -> Result<Path, CertificateRefusal> {
        Path::read(self.certificate.as_ref(), self.intermediate.as_ref().map(AsRef::as_ref))
    }
}

impl Execute for CertificateRegister {
    const SPEC: ActionSpec = ActionSpec {
        number: 160,
        name: "certificate.register",
        doc: Text { en: "registers the certificate of an SM2 key", zh: "登记 SM2 密钥的证书" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["CERT-2", "CERT-3", "CERT-4", "CERT-5", "CERT-6", "CERT-7", "CERT-8"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        self.path()?;
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let path = self.path()?;
        let (certificate, fingerprint) = (&path.certificate, path.certificate.fingerprint);
        let (account, key) = (call.caller.id, PublicKey::Sm2(certificate.key));
        if call.caller.account.keys.used_for(&key).is_none() {
            return Err(CertificateRefusal::Key { account, key }.into());
        }
        let id = CertificateId::derive(call.state.block().chain, account, &certificate.key);
        let organisation = call.caller.account.organisation;
        call.state.need([
            Certificate::head_key(&id),
            Issuer::head_key(&self.issuer),
            key::revoked(&fingerprint),
        ])?;
        let registered = call.state.latest::<Organisation>(&organisation)?;
        let name = registered.expect("an account is made by an organisation, and none is deleted").value.name;
        let found = certificate.organisation.as_deref().unwrap_or_default();
        if found != name.as_str() {
            let found = found.chars().filter(|letter| !letter.is_control()).take(120).collect();
            return Err(CertificateRefusal::Organisation { found, needed: name.to_string() }.into());
        }
        call.state.check_not_revoked(fingerprint)?;
        let before = call.state.latest::<Certificate>(&id)?;
        // Under another issuer it is another path: the one before may have been removed, or renewed.
        let same = |before: &Certificate| before.fingerprint == fingerprint && before.issuer == self.issuer;
        if before.as_ref().is_some_and(|before| same(&before.value)) {
            return Err(CertificateRefusal::Same { fingerprint }.into());
        }
        let issuer = call.state.issuer(self.issuer)?.value;
        let (not_before_ms, not_after_ms) = path.validity(&issuer);
        check_time(not_before_ms, not_after_ms, call.now_ms())?;
        // Last, as it costs most.
        path.check_signatures(&issuer)?;
        if let Some(before) = before.as_ref().filter(|before| before.value.fingerprint != fingerprint) {
            call.state.supersede(&before.value);
        }
        let certificate = Certificate {
            account,
            organisation,
            key,
            issuer: self.issuer,
            fingerprint,
            serial: certificate.serial.clone(),
            not_before_ms,
            not_after_ms,
            revoked: None,
        };
        call.state.succeed(&id, before.map_or(0, |before| before.version), certificate);
        call.emit(
            "certificate.registered",
            ObjectRef::certificate(id),
            vec![
                fact("key", key),
                fact("fingerprint", fingerprint),
                fact("issuer", self.issuer),
                fact("not_after_ms", not_after_ms),
            ],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Issuer::head_key(&self.issuer));
        keys.push(key::revoked(&fingerprint(self.certificate.as_ref())));
    }
}
