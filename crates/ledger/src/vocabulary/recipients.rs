//! Recipients: who may use data.

use std::collections::BTreeSet;

use borsh::io::{Read, Result as IoResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::encoding::invalid;
use crate::id::OrganisationId;
use crate::role::Role;

/// Organisations by role or by name: whoever has one of the roles or names is one. At least one, at most 32 names.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize)]
pub struct Recipients {
    roles: BTreeSet<Role>,
    organisations: BTreeSet<OrganisationId>,
}

#[derive(BorshDeserialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Unchecked {
    #[serde(default)]
    roles: BTreeSet<Role>,
    #[serde(default)]
    organisations: BTreeSet<OrganisationId>,
}

/// Why these are no recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a role or an organisation, and at most {max} organisations; found {found}")]
pub struct RecipientsError {
    /// Organisations found.
    pub found: usize,
    /// Organisations allowed.
    pub max: usize,
}

impl Recipients {
    /// The most names.
    pub const MAX: usize = 32;

    /// Organisations of these roles and of these names.
    ///
    /// # Errors
    /// [`RecipientsError`] when there are none or too many.
    pub fn new(
        roles: impl IntoIterator<Item = Role>,
        organisations: impl IntoIterator<Item = OrganisationId>,
    ) -> Result<Self, RecipientsError> {
        Recipients::checked(Unchecked {
            roles: roles.into_iter().collect(),
            organisations: organisations.into_iter().collect(),
        })
    }

    /// Any organisation.
    pub fn anyone() -> Self {
        Recipients { roles: Role::ALL.iter().copied().collect(), organisations: BTreeSet::new() }
    }

    fn checked(Unchecked { roles, organisations }: Unchecked) -> Result<Self, RecipientsError> {
        let found = organisations.len();
        if (roles.is_empty() && found == 0) || found > Recipients::MAX {
            return Err(RecipientsError { found, max: Recipients::MAX });
        }
        Ok(Recipients { roles, organisations })
    }

    /// Whether an organisation of a role is one of them.
    pub fn include(&self, organisation: OrganisationId, role: Role) -> bool {
        self.roles.contains(&role) || self.organisations.contains(&organisation)
    }

    /// Whether all of these are among `others`, whatever the roles of those that are named.
    pub fn are_within(&self, others: &Recipients) -> bool {
        let anyone = others.roles.len() == Role::ALL.len();
        self.roles.is_subset(&others.roles) && (anyone || self.organisations.is_subset(&others.organisations))
    }

    /// Whether they are told by name alone.
    pub fn are_named(&self) -> bool {
        self.roles.is_empty()
    }
}

impl BorshDeserialize for Recipients {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        Recipients::checked(Unchecked::deserialize_reader(reader)?)
            .map_err(|error| invalid(error.to_string()))
    }
}

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Recipients::checked(<Unchecked as Deserialize>::deserialize(d)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Canonical;

    fn organisation(name: &str) -> OrganisationId {
        OrganisationId::new(name).unwrap()
    }

    #[test]
    fn a_role_or_a_name_is_enough() {
        let both = Recipients::new([Role::Research], [organisation("hospital-2")]).unwrap();
        assert!(both.include(organisation("institute"), Role::Research));
        assert!(both.include(organisation("hospital-2"), Role::Hospital));
        assert!(!both.include(organisation("hospital-3"), Role::Hospital));
        assert!(both.are_within(&both) && both.are_within(&Recipients::anyone()));
        assert!(!Recipients::anyone().are_within(&both));
    }

    #[test]
    fn nobody_and_too_many_are_refused() {
        assert!(Recipients::new([], []).is_err());
        let many = (0..33).map(|n| organisation(&format!("o{n}")));
        assert!(Recipients::new([], many).is_err());
        assert!(Recipients::decode(&[0; 8]).is_err());
        assert!(serde_json::from_str::<Recipients>("{}").is_err());
    }
}
