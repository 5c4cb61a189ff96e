//! Measures: what a proposal carries out when enough members approve. One file each.
//!
//! `verify` looks at the measure alone, `check` at the state, `enact` does it. `check` runs when the measure is proposed, so that nothing
//! impossible is voted on, and again when the votes are there.

mod admit_issuer;
mod admit_organisation;
mod change_parameters;
mod freeze;
mod reinstate_organisation;
mod remove_issuer;
mod remove_organisation;
mod reset_account;
mod revoke_certificate;
mod seat_validator;
mod suspend_organisation;
mod unfreeze;
mod unseat_validator;

pub use admit_issuer::AdmitIssuer;
pub use admit_organisation::AdmitOrganisation;
pub use change_parameters::ChangeParameters;
pub use freeze::Freeze;
pub use reinstate_organisation::ReinstateOrganisation;
pub use remove_issuer::RemoveIssuer;
pub use remove_organisation::RemoveOrganisation;
pub use reset_account::ResetAccount;
pub(crate) use reset_account::open_account;
pub use revoke_certificate::RevokeCertificate;
pub use seat_validator::SeatValidator;
pub use suspend_organisation::SuspendOrganisation;
pub use unfreeze::Unfreeze;
pub use unseat_validator::UnseatValidator;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, Digest, OrganisationId};
use crate::refusal::refusals;
use crate::role::vocabulary;
use crate::state::organisation::{Organisation, Status};
use crate::state::{State, Versioned};

/// What is registered of a measure.
#[derive(Clone, Copy, Debug)]
pub struct MeasureSpec {
    /// The name: `admit-organisation`.
    pub name: &'static str,
    /// Which threshold it takes.
    pub class: Class,
    /// What it does.
    pub doc: Text,
    /// The rules that it keeps, in `docs/spec`.
    pub rules: &'static [&'static str],
}

/// Which threshold a measure takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Members, seats, accounts.
    Membership,
    /// Parameters.
    Parameters,
    /// Freezing.
    Freeze,
    /// Unfreezing.
    Unfreeze,
}

/// A measure's behaviour.
pub(crate) trait Enact {
    const SPEC: MeasureSpec;

    /// Looks at the measure alone.
    fn verify(&self, chain: ChainId) -> Result<(), Halt>;

    /// Whether it can be carried out as things stand.
    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt>;

    /// Carries it out. Called after `check` said yes.
    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt>;
}

macro_rules! measures {
    ($($number:literal $name:literal $variant:ident;)*) => {
        /// What a proposal carries out.
        #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
        #[serde(tag = "type")]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum Measure {
            $(
                #[doc = concat!("`", $name, "`")]
                #[serde(rename = $name)]
                $variant($variant) = $number,
            )*
        }

        /// Every measure, in the order of their numbers.
        pub const MEASURES: &[MeasureSpec] = &[$($variant::SPEC),*];

        impl Measure {
            /// What is registered of it.
            pub fn spec(&self) -> MeasureSpec {
                match self { $(Measure::$variant(_) => $variant::SPEC),* }
            }

            pub(crate) fn verify(&self, chain: ChainId) -> Result<(), Halt> {
                match self { $(Measure::$variant(measure) => measure.verify(chain)),* }
            }

            pub(crate) fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
                match self { $(Measure::$variant(measure) => measure.check(call)),* }
            }

            pub(crate) fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
                match self { $(Measure::$variant(measure) => measure.enact(call)),* }
            }
        }

        $(
            impl From<$variant> for Measure {
                fn from(measure: $variant) -> Self {
                    Measure::$variant(measure)
                }
            }
        )*

        #[cfg(test)]
        const NAMES: &[&str] = &[$($name),*];
    };
}

measures! {
    0 "admit-organisation" AdmitOrganisation;
    1 "suspend-organisation" SuspendOrganisation;
    2 "reinstate-organisation" ReinstateOrganisation;
    3 "remove-organisation" RemoveOrganisation;
    4 "seat-validator" SeatValidator;
    5 "unseat-validator" UnseatValidator;
    6 "change-parameters" ChangeParameters;
    7 "freeze" Freeze;
    8 "unfreeze" Unfreeze;
    9 "reset-account" ResetAccount;
    10 "admit-issuer" AdmitIssuer;
    11 "remove-issuer" RemoveIssuer;
    12 "revoke-certificate" RevokeCertificate;
}

impl Measure {
    /// The name.
    pub fn name(&self) -> &'static str {
        self.spec().name
    }

    /// Which threshold it takes.
    pub fn class(&self) -> Class {
        self.spec().class
    }
}

/// Why something is taken away: a word from a vocabulary and the digest of what was put before the voters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grounds {
    /// The cause.
    pub cause: Cause,
    /// Digest of the details, which stay off the ledger.
    pub details: Digest,
}

vocabulary! {
    /// Why something is taken away.
    Cause {
        /// The organisation asked for it.
        Request = 0, "request", "本机构申请";
        /// A rule of the consortium was broken.
        Breach = 1, "breach", "违反规则";
        /// Keys or machines are in other hands.
        Compromise = 2, "compromise", "密钥或节点失陷";
        /// Data came out, or may.
        Leak = 3, "leak", "数据泄露";
        /// The node fails too often.
        Unavailable = 4, "unavailable", "长期不可用";
        /// The law or an authority orders it.
        Order = 5, "order", "主管机关命令";
    }
}

refusals! {
    /// Why an organisation cannot be dealt with so.
    pub enum OrganisationRefusal in "organisation" {
        /// ORG-1: the name is taken, for ever.
        Exists { organisation: OrganisationId, status: Status } = "exists",
            "there is an organisation `{organisation}` already, and it is {status}", "机构标识已被使用";
        /// ORG-2: there is no such organisation.
        Unknown { organisation: OrganisationId } = "unknown",
            "there is no organisation `{organisation}`", "机构不存在";
        /// ORG-3: its status is another.
        Status { organisation: OrganisationId, status: Status, needed: String } = "status",
            "`{organisation}` is {status}, it must be {needed}", "机构状态不符";
        /// ORG-1: an organisation begins with administrators.
        Administrators { count: u64, max: u64 } = "administrators",
            "{count} administrators, 1 to {max} are allowed", "管理员数量不符";
    }
}

impl State<'_> {
    /// The organisation, which must be in one of the states.
    pub(crate) fn organisation_in(
        &self,
        organisation: OrganisationId,
        needed: &[Status],
    ) -> Result<Versioned<Organisation>, Halt> {
        let found: Versioned<Organisation> =
            self.latest(&organisation)?.ok_or(OrganisationRefusal::Unknown { organisation })?;
        if !needed.contains(&found.value.status) {
            let needed = needed.iter().map(|status| status.name()).collect::<Vec<_>>().join(" or ");
            return Err(
                OrganisationRefusal::Status { organisation, status: found.value.status, needed }.into()
            );
        }
        Ok(found)
    }

    /// Gives the organisation another status, from this block on.
    pub(crate) fn set_status(&mut self, organisation: OrganisationId, status: Status) -> Result<(), Halt> {
        let since = self.block().height;
        let before: Versioned<Organisation> =
            self.latest(&organisation)?.ok_or(OrganisationRefusal::Unknown { organisation })?;
        self.succeed(&organisation, before.version, Organisation { status, since, ..before.value });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_measure_is_registered_under_the_name_it_is_written_with() {
        let registered: Vec<&str> = MEASURES.iter().map(|spec| spec.name).collect();
        assert_eq!(registered, NAMES);
    }
}
