//! Things that are named by their id, or by their owner and label.

use std::str::FromStr;

use medveil_ledger::role::Role;
use medveil_ledger::vocabulary::{Recipients, StudyId};
use medveil_ledger::{ChainId, ContractId, DatasetId, Digest, OrganisationId, Slug};

use crate::failure::Failure;

/// A thing by its id (64 hexadecimal digits), or as `OWNER/LABEL`: `hospital-1/visits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// By its id.
    Id(Digest),
    /// By its owner and what the owner calls it.
    Label(OrganisationId, Slug),
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Named::Id(id));
        }
        let label = text.split_once('/').and_then(|(owner, label)| {
            Some(Named::Label(OrganisationId::new(owner).ok()?, Slug::new(label).ok()?))
        });
        label.ok_or_else(|| {
            "expected an id (64 hexadecimal digits) or OWNER/LABEL such as hospital-1/visits".to_owned()
        })
    }
}

impl Named {
    /// The dataset.
    pub fn dataset(self, chain: ChainId) -> DatasetId {
        match self {
            Named::Id(id) => DatasetId(id.0),
            Named::Label(owner, label) => DatasetId::derive(chain, owner, label),
        }
    }

    /// The contract.
    pub fn contract(self, chain: ChainId) -> ContractId {
        match self {
            Named::Id(id) => ContractId(id.0),
            Named::Label(owner, label) => ContractId::derive(chain, owner, label),
        }
    }

    /// The study, whose owner is its sponsor.
    pub fn study(self, chain: ChainId) -> StudyId {
        match self {
            Named::Id(id) => StudyId(id.0),
            Named::Label(sponsor, label) => StudyId::derive(chain, sponsor, label),
        }
    }
}

/// Organisations by a role, or one by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// All of a role.
    Role(Role),
    /// One.
    Organisation(OrganisationId),
}

impl FromStr for Recipient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(role) = Role::ALL.iter().find(|role| role.name() == text) {
            return Ok(Recipient::Role(*role));
        }
        OrganisationId::new(text).map(Recipient::Organisation).map_err(|error| {
            let roles: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
            format!("neither a role ({}) nor an organisation's name: {error}", roles.join(", "))
        })
    }
}

/// All that are named.
pub fn recipients(named: &[Recipient]) -> Result<Recipients, Failure> {
    let roles = named.iter().filter_map(|recipient| match recipient {
        Recipient::Role(role) => Some(*role),
        Recipient::Organisation(_) => None,
    });
    let organisations = named.iter().filter_map(|recipient| match recipient {
        Recipient::Role(_) => None,
        Recipient::Organisation(name) => Some(*name),
    });
    Recipients::new(roles, organisations).map_err(|error| Failure::unusable(format!("--recipient: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_and_a_label_name_what_the_ledger_derives_from_them() {
        let chain = ChainId([3; 32]);
        let named: Named = "hospital-1/visits".parse().unwrap();
        let (owner, label) = (OrganisationId::new("hospital-1").unwrap(), Slug::new("visits").unwrap());
        let id = DatasetId::derive(chain, owner, label);
        assert_eq!(named.dataset(chain), id);
        assert_eq!(id.to_string().parse::<Named>().unwrap().dataset(chain), id);
        for bad in ["", "visits", "hospital-1/", "/visits", "Hospital/visits", "hospital-1/a/b"] {
            assert!(bad.parse::<Named>().is_err(), "{bad}");
        }
    }

    #[test]
    fn roles_come_before_names() {
        assert_eq!("research".parse(), Ok(Recipient::Role(Role::Research)));
        assert_eq!(
            "research-1".parse(),
            Ok(Recipient::Organisation(OrganisationId::new("research-1").unwrap()))
        );
        assert!(recipients(&[]).is_err());
        let both = recipients(&["research".parse().unwrap(), "hospital-2".parse().unwrap()]).unwrap();
        assert!(both.include(OrganisationId::new("hospital-2").unwrap(), Role::Hospital));
    }
}
