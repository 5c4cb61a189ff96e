//! Rates: how often something was asked for in a window of time.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::{self, Key};
use super::{Missing, State};
use crate::encoding::Canonical;
use crate::id::{ContractId, Digest, ObjectRef};

/// What was asked for in the window under way. Windows of a limit follow each other without a gap since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Rate {
    /// The window's number.
    pub window: u64,
    /// Requests in it.
    pub count: u32,
}

/// The key of what an account or organisation asks for under a contract.
pub(crate) fn rate_key(contract: ContractId, of: ObjectRef) -> Key {
    key::rate(&Digest::of("medveil/rate/1", &[&contract.0, &[of.kind as u8], &of.id]))
}

impl State<'_> {
    /// Requests of the window that a time is in.
    pub(crate) fn rate(&self, contract: ContractId, of: ObjectRef, window_ms: u64) -> Result<Rate, Missing> {
        let window = self.block().time_ms / window_ms;
        let rate: Rate = self.read(&rate_key(contract, of))?.unwrap_or_default();
        Ok(if rate.window == window { rate } else { Rate { window, count: 0 } })
    }

    /// Counts a request.
    pub(crate) fn count(&mut self, contract: ContractId, of: ObjectRef, rate: Rate) {
        self.write(rate_key(contract, of), Rate { count: rate.count + 1, ..rate }.encode());
    }
}
