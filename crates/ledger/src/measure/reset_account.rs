//! `reset-account`: other keys for an account whose keys are lost or stolen.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, Grounds, MeasureSpec};
use crate::Text;
use crate::action::account_create::AccountRefusal;
use crate::call::{Call, Halt};
use crate::id::{AccountId, ChainId, ObjectRef};
use crate::refusal::fact;
use crate::state::Versioned;
use crate::state::account::{Account, KeySet};

/// Gives an account other keys without its own signature. The old keys are refused from the next transaction on.
///
/// # Rules
/// > ACC-7: keys that are lost are replaced by an administrator of the account's organisation; those of administrators and patients only by a vote.
///
/// See `docs/spec/accounts.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResetAccount {
    /// Which.
    pub account: AccountId,
    /// The keys from then on.
    pub keys: KeySet,
    /// Why.
    pub grounds: Grounds,
}

impl Enact for ResetAccount {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "reset-account",
        class: Class::Membership,
        doc: Text { en: "replaces the keys of an account", zh: "重置账户密钥" },
        rules: &["ACC-2", "ACC-5", "ACC-7"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(self.keys.check()?)
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        open_account(call, self.account).map(drop)
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let before = open_account(call, self.account)?;
        call.state.succeed(
            &self.account,
            before.version,
            Account { keys: self.keys.clone(), ..before.value },
        );
        call.emit(
            "account.reset",
            ObjectRef::account(self.account),
            vec![
                fact("keys", self.keys.len()),
                fact("cause", self.grounds.cause),
                fact("details", self.grounds.details),
            ],
        );
        Ok(())
    }
}

/// An account that exists and is not closed.
pub(crate) fn open_account(call: &Call<'_, '_>, account: AccountId) -> Result<Versioned<Account>, Halt> {
    let found: Versioned<Account> =
        call.state.latest(&account)?.ok_or(AccountRefusal::Unknown { account })?;
    match found.value.closed {
        Some(since) => Err(AccountRefusal::Closed { account, since }.into()),
        None => Ok(found),
    }
}
