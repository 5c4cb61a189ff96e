//! `committee.post`: a message of the custody committee's key generation.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::custody::{
    CommitteeMessage, CommitteePayload, CustodyRefusal, MAX_MESSAGES, MAX_ROUNDS, message_id,
};

/// Says something in a round of a key generation or resharing, to all members, in an order that all agree on. What is said is custody's: the ledger keeps who said it, when, and that
/// nobody says more than fits.
///
/// # Rules
/// > CUS-5: organisations with a seat speak; a session has at most 8 rounds, an organisation at most 64 messages in each; they are numbered, and never change.
///
/// See `docs/spec/custody.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommitteePost {
    /// The session: a generation or resharing.
    pub session: u64,
    /// The round, counted from 0.
    pub round: u8,
    /// The message.
    pub payload: CommitteePayload,
}

impl Execute for CommitteePost {
    const SPEC: ActionSpec = ActionSpec {
        number: 150,
        name: "committee.post",
        doc: Text {
            en: "says something in the committee's key generation",
            zh: "发布托管委员会密钥生成消息",
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["CUS-5"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        if self.round < MAX_ROUNDS {
            return Ok(());
        }
        Err(CustodyRefusal::Round { round: self.round.into(), max: (MAX_ROUNDS - 1).into() }.into())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let organisation = call.caller.account.organisation;
        if !call.state.validators()?.value.has(organisation) {
            return Err(CustodyRefusal::NoSeat { organisation }.into());
        }
        let id = message_id(self.session, self.round, organisation);
        let count = call.state.latest::<CommitteeMessage>(&id)?.map_or(0, |message| message.version);
        if count >= MAX_MESSAGES {
            return Err(CustodyRefusal::Messages { count, max: MAX_MESSAGES }.into());
        }
        let payload = self.payload.clone();
        call.state.succeed(&id, count, CommitteeMessage { organisation, payload });
        call.emit(
            "committee.posted",
            ObjectRef::organisation(organisation),
            vec![
                fact("session", self.session),
                fact("round", u64::from(self.round)),
                fact("message", count + 1),
            ],
        );
        Ok(())
    }
}
