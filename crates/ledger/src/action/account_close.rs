//! `account.close`: an account that signs nothing any more.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::account_create::AccountRefusal;
use super::account_set_keys::is_colleague;
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{AccountId, ChainId, ObjectRef};
use crate::measure::open_account;
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::account::Account;
use crate::state::key::Key;
use crate::state::patient::{Patient, PatientRefusal};
use crate::transaction::Body;

/// Closes an account for ever: that of a colleague who leaves, another administrator's, or a patient's own.
///
/// # Rules
/// > ACC-5: a closed account is refused every action and is never opened again.
/// >
/// > ACC-8: an administrator closes accounts of its organisation but not its own, so that one always remains; a patient closes only their own.
/// >
/// > PAT-7: a patient withdraws their consents before closing the account.
///
/// See `docs/spec/accounts.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccountClose {
    /// Which account.
    pub account: AccountId,
}

impl Execute for AccountClose {
    const SPEC: ActionSpec = ActionSpec {
        number: 3,
        name: "account.close",
        doc: Text { en: "closes an account for ever", zh: "永久关闭账户" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Patient],
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["ACC-3", "ACC-5", "ACC-8", "PAT-7"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let account = self.account;
        let before = open_account(call, account)?;
        let own = account == call.caller.id;
        let allowed = match call.caller.account.capacity {
            Capacity::Patient => own,
            _ => !own && (is_colleague(call, &before.value) || is_fellow_administrator(call, &before.value)),
        };
        if !allowed {
            return Err(AccountRefusal::NotYours { account, capacity: before.value.capacity }.into());
        }
        let patient = call.state.latest::<Patient>(&account)?;
        if let Some(count) = patient.map(|patient| patient.value.open.len() as u64).filter(|count| *count > 0)
        {
            return Err(PatientRefusal::ConsentsOpen { count }.into());
        }
        let closed = Some(call.height());
        call.state.succeed(&account, before.version, Account { closed, ..before.value });
        call.emit("account.closed", ObjectRef::account(account), vec![fact("own", own)]);
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.extend([Account::head_key(&self.account), Patient::head_key(&self.account)]);
    }
}

fn is_fellow_administrator(call: &Call<'_, '_>, account: &Account) -> bool {
    account.capacity == Capacity::Administrator && account.organisation == call.caller.account.organisation
}
