//! `account.create`: an account for a colleague, a node or a patient.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{AccountId, ChainId, ObjectRef};
use crate::public_key::PublicKey;
use crate::refusal::{fact, refusals};
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::account::{Account, KeySet, KeySetFault};
use crate::state::key::Key;
use crate::transaction::Body;

/// Creates an account of the caller's organisation, with one master key. Its holder may add others.
///
/// # Rules
/// > ACC-1: an account is made by its organisation; its id is the digest of chain and first key, so it is made once.
/// >
/// > ACC-6: patients are enrolled by hospitals, by an administrator or the custodian; every other account is made by an administrator.
///
/// See `docs/spec/accounts.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccountCreate {
    /// The first key.
    pub key: PublicKey,
    /// What the account is.
    pub capacity: Capacity,
}

refusals! {
    /// Why nothing is done with an account.
    pub enum AccountRefusal in "account" {
        /// ACC-1: the account exists.
        Exists { account: AccountId } = "exists",
            "there is an account `{account}` already", "账户已存在";
        /// ACC-1: there is no such account.
        Unknown { account: AccountId } = "unknown",
            "there is no account `{account}`", "账户不存在";
        /// ACC-5: the account is closed.
        Closed { account: AccountId, since: u64 } = "closed",
            "the account `{account}` has been closed since height {since}", "账户已关闭";
        /// ACC-6: who may make accounts of a capacity.
        CannotCreate { capacity: Capacity, caller: Capacity, role: Role } = "cannot_create",
            "an account of capacity `{caller}` of a `{role}` makes no `{capacity}` accounts", "无权创建此类账户";
        /// ACC-7: the account is not one that the caller may change.
        NotYours { account: AccountId, capacity: Capacity } = "not_yours",
            "the caller may not change the account `{account}` of capacity `{capacity}`", "无权变更该账户";
        /// ACC-7: the keys are the same.
        SameKeys { account: AccountId } = "same_keys",
            "the account `{account}` has these keys already", "密钥没有变化";
    }
}

impl Execute for AccountCreate {
    const SPEC: ActionSpec = ActionSpec {
        number: 1,
        name: "account.create",
        doc: Text { en: "creates an account of the caller's organisation", zh: "为本机构创建账户" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["ACC-1", "ACC-2", "ACC-6"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        if self.key.check() { Ok(()) } else { Err(KeySetFault::Invalid { key: self.key }.into()) }
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let (caller, role) = (call.caller.account.capacity, call.caller.role);
        let allowed = match self.capacity {
            Capacity::Patient => role == Role::Hospital,
            _ => caller == Capacity::Administrator,
        };
        if !allowed {
            return Err(AccountRefusal::CannotCreate { capacity: self.capacity, caller, role }.into());
        }
        let account = AccountId::derive(call.state.block().chain, &self.key);
        if call.state.latest::<Account>(&account)?.is_some() {
            return Err(AccountRefusal::Exists { account }.into());
        }
        let organisation = call.caller.account.organisation;
        call.state.create(&account, Account::new(organisation, self.capacity, KeySet::of(self.key)));
        call.emit(
            "account.created",
            ObjectRef::account(account),
            vec![fact("capacity", self.capacity), fact("suite", self.key.suite())],
        );
        Ok(())
    }

    fn reads(&self, body: &Body, keys: &mut Vec<Key>) {
        keys.push(Account::head_key(&AccountId::derive(body.chain, &self.key)));
    }
}
