//! `remove-issuer`: a certification authority whose certificates count no more.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, Grounds, MeasureSpec};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, IssuerId, ObjectRef};
use crate::refusal::fact;
use crate::state::issuer::Issuer;

/// Removes a certification authority. No certificate that it has signed is registered any more, and those that are count as none.
///
/// # Rules
/// > CERT-7: certificates of an issuer that was removed count as none, until it is admitted again.
///
/// See `docs/spec/certificates.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RemoveIssuer {
    /// Which.
    pub issuer: IssuerId,
    /// Why.
    pub grounds: Grounds,
}

impl Enact for RemoveIssuer {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "remove-issuer",
        class: Class::Membership,
        doc: Text { en: "removes a certification authority", zh: "移除证书签发机构" },
        rules: &["CERT-1", "CERT-7"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        call.state.issuer(self.issuer).map(drop)
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let (before, removed) = (call.state.issuer(self.issuer)?, Some(call.height()));
        call.state.succeed(&self.issuer, before.version, Issuer { removed, ..before.value });
        call.emit(
            "issuer.removed",
            ObjectRef::issuer(self.issuer),
            vec![fact("cause", self.grounds.cause), fact("details", self.grounds.details)],
        );
        Ok(())
    }
}
