//! Who may do what: roles of organisations, capacities of accounts, uses of keys.

use crate::refusal::{FactValue, refusals};

macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $number:literal, $text:literal, $zh:literal;)* }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord,
            borsh::BorshSerialize, borsh::BorshDeserialize, serde::Serialize, serde::Deserialize,
        )]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum $name {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $variant = $number,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// The name in files, events and on the command line.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }

            /// The name in Chinese.
            pub const fn chinese(self) -> &'static str {
                match self { $($name::$variant => $zh),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl From<$name> for $crate::refusal::FactValue {
            fn from(value: $name) -> Self {
                value.name().into()
            }
        }
    };
}

pub(crate) use vocabulary;

vocabulary! {
    /// What an organisation is in the consortium.
    Role {
        /// Keeps patients' records and releases them.
        Hospital = 0, "hospital", "医院";
        /// Watches and decides with the others.
        Regulator = 1, "regulator", "监管机构";
        /// Asks for data and studies it.
        Research = 2, "research", "研究机构";
        /// Watches the health of a population.
        PublicHealth = 3, "public-health", "公共卫生机构";
        /// Licenses data for insurance.
        Insurer = 4, "insurer", "保险机构";
        /// Runs machines for the others.
        Operator = 5, "operator", "运营机构";
    }
}

vocabulary! {
    /// What an account is in its organisation.
    Capacity {
        /// Acts for the organisation: votes, accounts, validator.
        Administrator = 0, "administrator", "管理员";
        /// A person who works there.
        Staff = 1, "staff", "工作人员";
        /// The organisation's node: it acts on what the ledger decided.
        Custodian = 2, "custodian", "托管节点";
        /// A patient, with rights of their own: the organisation only enrolled them.
        Patient = 3, "patient", "患者";
    }
}

vocabulary! {
    /// What a key of an account may sign.
    KeyUse {
        /// Everything, the account's keys included.
        Master = 0, "master", "主密钥";
        /// What does not ask for a master key.
        Everyday = 1, "everyday", "日常密钥";
    }
}

/// Who may ask for an action.
#[derive(Clone, Copy, Debug)]
pub struct Authority {
    /// Capacities of the account.
    pub capacities: &'static [Capacity],
    /// Roles of its organisation.
    pub roles: &'static [Role],
    /// The least key use that signs it.
    pub key: KeyUse,
    /// Whether a freeze of account or organisation leaves it possible (GOV-9).
    pub while_frozen: bool,
}

refusals! {
    /// Why an account may not ask for an action.
    pub enum AuthorityRefusal in "authority" {
        /// ACC-4: the account's capacity is not one of the action's.
        Capacity { capacity: Capacity, allowed: String } = "capacity",
            "an account of capacity `{capacity}` may not do this, only {allowed}", "账户身份无权执行此操作";
        /// ACC-4: the organisation's role is not one of the action's.
        Role { role: Role, allowed: String } = "role",
            "an organisation of role `{role}` may not do this, only {allowed}", "机构角色无权执行此操作";
        /// ACC-3: the key may not sign the action.
        Key { found: KeyUse, needed: KeyUse } = "key",
            "signed by a key for `{found}` use, a `{needed}` key is needed", "该密钥无权签署此操作";
        /// ACC-5: the account is closed.
        Closed { since: u64 } = "account_closed",
            "the account has been closed since height {since}", "账户已关闭";
        /// GOV-9: the account is frozen.
        AccountFrozen { since: u64 } = "account_frozen",
            "the account has been frozen since height {since}", "账户已冻结";
        /// GOV-9: the organisation is frozen.
        OrganisationFrozen { since: u64 } = "organisation_frozen",
            "the organisation has been frozen since height {since}", "机构已冻结";
        /// ORG-3: the organisation is suspended or removed.
        OrganisationInactive { status: String, since: u64 } = "organisation_inactive",
            "the organisation has been {status} since height {since}", "机构已暂停或移除";
    }
}

impl Authority {
    /// Refuses capacity, role or key use that the action does not take.
    pub(crate) fn check(&self, capacity: Capacity, role: Role, key: KeyUse) -> Result<(), AuthorityRefusal> {
        if !self.capacities.contains(&capacity) {
            return Err(AuthorityRefusal::Capacity {
                capacity,
                allowed: names(self.capacities, |c| c.name()),
            });
        }
        if !self.roles.contains(&role) {
            return Err(AuthorityRefusal::Role { role, allowed: names(self.roles, |role| role.name()) });
        }
        // Master is the lower number: it signs everything.
        if key > self.key {
            return Err(AuthorityRefusal::Key { found: key, needed: self.key });
        }
        Ok(())
    }
}

fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    all.iter().map(|value| name(*value)).collect::<Vec<_>>().join(", ")
}

impl From<bool> for FactValue {
    fn from(value: bool) -> Self {
        if value { "true" } else { "false" }.into()
    }
}
