//! `account.set-keys`: other keys for an account.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::account_create::AccountRefusal;
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{AccountId, ChainId, ObjectRef};
use crate::measure::open_account;
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::account::{Account, KeySet};
use crate::state::key::Key;
use crate::state::patient::Patient;
use crate::transaction::Body;

/// Replaces the keys of an account: the caller's own (rotation, a second passkey), or a colleague's who lost theirs.
///
/// The keys before are refused from the next transaction on, those of the same block included.
///
/// # Rules
/// > ACC-2: an account has 1 to 8 keys, at least one of them a master key.
/// >
/// > ACC-7: keys that are lost are replaced by an administrator of the account's organisation; those of administrators and patients only by a vote.
/// >
/// > PAT-3: a key is used for one patient's handle, once and for ever.
///
/// See `docs/spec/accounts.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccountSetKeys {
    /// Which account.
    pub account: AccountId,
    /// All keys that it has from then on.
    pub keys: KeySet,
}

impl Execute for AccountSetKeys {
    const SPEC: ActionSpec = ActionSpec {
        number: 2,
        name: "account.set-keys",
        doc: Text { en: "replaces the keys of an account", zh: "更换账户密钥" },
        authority: Authority {
            capacities: Capacity::ALL,
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["ACC-2", "ACC-3", "ACC-7", "PAT-3"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(self.keys.check()?)
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let account = self.account;
        let before = open_account(call, account)?;
        let own = account == call.caller.id;
        if !own && !is_colleague(call, &before.value) {
            return Err(AccountRefusal::NotYours { account, capacity: before.value.capacity }.into());
        }
        if before.value.keys == self.keys {
            return Err(AccountRefusal::SameKeys { account }.into());
        }
        if before.value.capacity == Capacity::Patient && call.state.has(&Patient::head_key(&account))? {
            for (key, _) in self.keys.iter().filter(|(key, _)| before.value.keys.used_for(key).is_none()) {
                call.state.take_wallet_key(key)?;
            }
        }
        call.state.succeed(&account, before.version, Account { keys: self.keys.clone(), ..before.value });
        call.emit(
            "account.keys-set",
            ObjectRef::account(account),
            vec![fact("keys", self.keys.len()), fact("own", own)],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.extend([Account::head_key(&self.account), Patient::head_key(&self.account)]);
    }
}

/// Whether the caller is an administrator and the account one of its organisation that an administrator looks after.
pub(super) fn is_colleague(call: &Call<'_, '_>, account: &Account) -> bool {
    call.caller.account.capacity == Capacity::Administrator
        && call.caller.account.organisation == account.organisation
        && matches!(account.capacity, Capacity::Staff | Capacity::Custodian)
}
