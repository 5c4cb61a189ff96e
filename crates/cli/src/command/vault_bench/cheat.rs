//! A member that cheats in ceremonies, played over the API of another member's node: a node itself has no switch for it.

use std::collections::BTreeSet;

use medveil_ledger::action::CommitteePost;
use medveil_ledger::bounded::OpaqueBytes;
use medveil_ledger::state::Record as _;
use medveil_ledger::state::custody::{CommitteeMessage, message_id};
use medveil_ledger::{Canonical, OrganisationId, Versioned};
use medveil_node::AccountKey;
use medveil_node::custody::session::{Announcement, Post, Session, Sessions, announced, posts, round};
use medveil_vault::committee::ceremony::{Ceremony, Phase, Seat};
use medveil_vault::committee::{KeyShare, MemberKey, OneTimeKeys};
use serde_json::Value;

use crate::command::ledger_bench::members::Network;
use crate::console::Console;
use crate::failure::Failure;
use crate::signer::Signer;

/// A member that seals the value of another polynomial to one of the others, and does all else as it should.
pub struct Cheat<'c> {
    signer: Signer,
    console: &'c Console,
    organisation: OrganisationId,
    seats: BTreeSet<OrganisationId>,
    key: MemberKey,
    share: Option<KeyShare>,
    sessions: Sessions,
    /// The last post that was read.
    after: (u64, u64),
    posted: BTreeSet<(u64, u8)>,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Refused(error.to_string())
}

impl<'c> Cheat<'c> {
    /// Plays the part of the member with this number.
    ///
    /// # Errors
    /// Its folder has no custodian's key.
    pub fn new(network: &Network, member: usize, console: &'c Console) -> Result<Self, Failure> {
        let named = |text: &str| OrganisationId::new(text).map_err(Failure::unusable);
        let members = network.members();
        let seats = members.iter().map(|member| named(&member.organisation)).collect::<Result<_, _>>()?;
        let chain = network.genesis.chain_id();
        let key = AccountKey::open(&members[member].folder.join("keys/custodian.key"))
            .map_err(Failure::unusable)?;
        let account = key.account(chain);
        Ok(Cheat {
            signer: Signer::of(network.client(0)?, chain, key, account),
            console,
            organisation: named(&members[member].organisation)?,
            seats,
            // Nobody's secret: the network is thrown away.
            key: MemberKey::from_seed(&[member as u8 + 1; 32]),
            share: None,
            sessions: Sessions::new(chain),
            after: (0, 0),
            posted: BTreeSet::new(),
        })
    }

    /// Takes part until a ceremony is over; whether the cheat was found guilty.
    ///
    /// # Errors
    /// The node cannot be asked, or does not take a post.
    pub fn play(&mut self, number: u64) -> Result<bool, Failure> {
        loop {
            self.read()?;
            if let Some(roster) = self.sessions.roster().filter(|roster| roster.session == number) {
                let finished = self.sessions.finished.as_ref().ok_or_else(|| failed("no ceremony"))?;
                let seat = self.seat(roster.session);
                self.share = seat.share(finished).ok();
                return Ok(finished.guilty().contains_key(&self.key.member()));
            }
            if let Some((session, round, message)) = self.duty()?
                && self.posted.insert((session, round))
            {
                for payload in posts(&message) {
                    let payload = OpaqueBytes::new(payload).map_err(failed)?;
                    self.signer.act(CommitteePost { session, round, payload }, self.console)?;
                }
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Follows what was posted.
    fn read(&mut self) -> Result<(), Failure> {
        let unusable = |error| Failure::unusable(format!("{error:?}"));
        let client = self.signer.client();
        // All posts up to it are listed afterwards.
        let height = client.status().map_err(unusable)?.indexed;
        let mut new: Vec<((u64, u64), Value)> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = client.get(&format!("/api/v1/events?kind=committee.posted&limit=100{cursor}"));
            let page = page.map_err(unusable)?;
            for event in page["items"].as_array().into_iter().flatten() {
                let place = (event["height"].as_u64().unwrap_or(0), event["index"].as_u64().unwrap_or(0));
                if place > self.after {
                    new.push((place, event.clone()));
                }
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        new.sort_by_key(|(place, _)| *place);
        for (place, event) in new {
            let number = |name: &str| event["facts"][name].as_u64().unwrap_or(0);
            let (session, round) = (number("session"), number("round") as u8);
            let organisation = event["organisation"].as_str().unwrap_or_default();
            let organisation = OrganisationId::new(organisation).map_err(failed)?;
            let payload = self.payload(session, round, organisation, number("message"))?;
            let time_ms = event["time_ms"].as_u64().unwrap_or(0);
            let post = Post { height: place.0, time_ms, session, round, organisation, payload };
            self.sessions.take(&post, &self.seats);
            self.after = place;
        }
        self.sessions.reach(height + 1);
        Ok(())
    }

    /// What was posted, from the state.
    fn payload(
        &self,
        session: u64,
        round: u8,
        organisation: OrganisationId,
        message: u64,
    ) -> Result<Vec<u8>, Failure> {
        let id = message_id(session, round, organisation);
        for key in [CommitteeMessage::head_key(&id), CommitteeMessage::version_key(&id, message)] {
            let answer = self.signer.client().get(&format!("/api/v1/state/{}", hex::encode(key.as_ref())));
            let answer = answer.map_err(|error| Failure::unusable(format!("{error:?}")))?;
            let Some(bytes) = answer["value"].as_str() else { continue };
            let bytes = hex::decode(bytes).map_err(failed)?;
            let found: Versioned<CommitteeMessage> = Canonical::decode(&bytes).map_err(failed)?;
            if found.version == message {
                return Ok(found.value.payload.as_ref().to_vec());
            }
        }
        Err(failed("a post is not in the state"))
    }

    fn seat(&self, session: u64) -> Seat {
        Seat::new(self.key.clone(), OneTimeKeys::from_seed(&[session as u8 + 100; 32]))
    }

    fn duty(&self) -> Result<Option<(u64, u8, Vec<u8>)>, Failure> {
        let Some(session) = &self.sessions.current else { return Ok(None) };
        let member = self.key.member();
        let Some(ceremony) = &session.ceremony else {
            if session.announced.contains_key(&self.organisation) {
                return Ok(None);
            }
            let what = announced(self.signer.chain(), session.number, self.organisation, &member);
            let message = Announcement { member, signature: self.key.state(&what) };
            return Ok(Some((session.number, round::ANNOUNCE, message.encode())));
        };
        if !ceremony.awaited().contains(&member) {
            return Ok(None);
        }
        self.message(session, ceremony).map(Some)
    }

    fn message(&self, session: &Session, ceremony: &Ceremony) -> Result<(u64, u8, Vec<u8>), Failure> {
        let (seat, share) = (self.seat(session.number), self.share.as_ref());
        let (round, message) = match ceremony.phase() {
            Phase::Joining => {
                let deals = ceremony.previous().is_none() || share.is_some();
                (round::JOIN, seat.join(ceremony, deals).encode())
            }
            Phase::Dealing => {
                let mut deal = seat.deal(ceremony, share).map_err(failed)?;
                let other = Seat::new(self.key.clone(), OneTimeKeys::from_seed(&[99; 32]));
                let other = other.deal(ceremony, share).map_err(failed)?;
                let victim = deal.values.keys().find(|member| **member != self.key.member()).copied();
                let victim = victim.ok_or_else(|| failed("nobody is there to cheat"))?;
                deal.values.insert(victim, other.values[&victim].clone());
                (round::DEAL, deal.encode())
            }
            Phase::Answering => (round::ANSWER, seat.answers(ceremony).map_err(failed)?.encode()),
            Phase::Closing => (round::CLOSE, seat.close(ceremony, share).map_err(failed)?.encode()),
        };
        Ok((session.number, round, message))
    }
}
