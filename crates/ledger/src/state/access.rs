//! Accesses to releases.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::Record;
use super::key::Domain;
use crate::id::{AccessId, AccountId, OrganisationId, ReleaseId};
use crate::refusal::refusals;

/// An access that was granted.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Access {
    /// To which release ...
    pub release: ReleaseId,
    /// ... and which version of it.
    pub version: u64,
    /// By whom.
    pub account: AccountId,
    /// The organisation that answers for them.
    pub organisation: OrganisationId,
    /// Until before when, in milliseconds since 1970.
    pub until_ms: u64,
}

impl Record for Access {
    const DOMAIN: Domain = Domain::Access;
    type Id = AccessId;
}

refusals! {
    /// Why an access is refused, beside what decisions and releases say.
    pub enum AccessRefusal in "access" {
        /// ACS-1: the request is another account's.
        NotYours { account: AccountId } = "not_yours",
            "the release was made for the account `{account}`", "该发布不属于本账户";
        /// ACS-1: there is a later version.
        Superseded { version: u64, latest: u64 } = "superseded",
            "version {version}, the latest is {latest}", "已有更新的发布版本";
    }
}
