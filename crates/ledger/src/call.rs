//! A transaction under way: who calls, what it may read, write and tell.

use std::borrow::Cow;

use crate::event::Event;
use crate::id::{AccountId, Digest, ObjectRef};
use crate::refusal::{Fact, Named, Refusal};
use crate::role::Role;
use crate::state::account::Account;
use crate::state::parameters::Parameters;
use crate::state::{Missing, State};

/// Why execution stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// A key must be loaded first.
    Missing(Missing),
    /// A rule says no.
    Refused(Refusal),
}

impl From<Missing> for Halt {
    fn from(missing: Missing) -> Self {
        Halt::Missing(missing)
    }
}

impl<R: Named> From<R> for Halt {
    fn from(reason: R) -> Self {
        Halt::Refused(Refusal::of(&reason))
    }
}

/// The account that calls, as it was when its transaction began.
pub(crate) struct Caller {
    pub(crate) id: AccountId,
    pub(crate) account: Account,
    /// The role of its organisation.
    pub(crate) role: Role,
}

/// A transaction that is admissible and whose caller may ask for its action.
pub(crate) struct Call<'c, 'a> {
    pub(crate) state: &'c mut State<'a>,
    pub(crate) caller: &'c Caller,
    pub(crate) transaction: Digest,
    /// Those at the beginning of the block.
    pub(crate) parameters: &'c Parameters,
    pub(crate) events: &'c mut Vec<Event>,
}

impl Call<'_, '_> {
    /// The height of the block under way.
    pub(crate) fn height(&self) -> u64 {
        self.state.block().height
    }

    /// The time of the block under way, in milliseconds since 1970: terms are compared with it (TX-11).
    pub(crate) fn now_ms(&self) -> u64 {
        self.state.block().time_ms
    }

    /// Tells what the caller did.
    pub(crate) fn emit(&mut self, kind: &'static str, object: ObjectRef, facts: Vec<Fact>) {
        self.events.push(Event {
            kind: Cow::Borrowed(kind),
            height: self.height(),
            transaction: Some(self.transaction),
            actor: Some(self.caller.id),
            organisation: Some(self.caller.account.organisation),
            object,
            facts,
        });
    }
}
