//! Ceremonies as the ledger tells them.
//!
//! `committee.post` only orders what members say; this reads it. A pure function of the messages in the order of the chain and of the seats at their heights: every node comes to
//! the same committee.
//!
//! ```text
//!  round  phase       is over when                                          or after
//!  0      Announcing  every organisation with a seat has given its key,     ANNOUNCE heights
//!                     or one says that enough have, in time (round 5)
//!  1      Joining     every member that announced has joined                PHASE heights
//!  2      Dealing     every dealer has dealt                                PHASE heights
//!  3      Answering   every player has answered                             PHASE heights
//!  4      Closing     every dealer that was not caught has closed           PHASE heights
//! ```
//!
//! A session begins with the first announcement of the next number, at least [`GAP`] heights after the last one ended. A member that is down delays it, and is no player then: [`WAIT`] heights
//! and [`WAIT_MS`] of the ledger's time after the first announcement, when as many have announced as a ceremony needs at least, anybody who has may say that it goes on. Who comes later is left out
//! until the next session, for which it asks. A message that is late, repeated or not understood changes nothing.
//!
//! Nodes follow it, and so can an auditor who has the posts.
//!
//! A message is one or more posts: the first byte of each is the number of posts that follow it.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use medveil_ledger::{ChainId, Digest, OrganisationId};
use medveil_vault::{
    Canonical as _, Digest as VaultDigest, Member,
    committee::ceremony::{Answers, Ceremony, Closing, Deal, Guilt, Join, Phase},
};

use super::roster::Roster;

/// Heights for announcements.
pub const ANNOUNCE: u64 = 60;

/// Heights for which members that have not announced are waited for: several leaders can have proposed, so that no few of them keep an announcement out.
pub const WAIT: u64 = 16;

/// Milliseconds of the ledger's time for which they are waited for, however fast blocks come: as long as [`ANNOUNCE`] heights take on a busy chain.
pub const WAIT_MS: u64 = 15_000;

/// Heights for each other phase.
pub const PHASE: u64 = 40;

/// Heights between two sessions at least.
pub const GAP: u64 = 20;

/// Bytes of one post.
const POST: usize = 12_288;

/// Bytes of a message at most.
const MAX_MESSAGE: usize = 32 * POST;

/// The rounds of a session.
pub mod round {
    /// Of announcements.
    pub const ANNOUNCE: u8 = 0;
    /// Of joins.
    pub const JOIN: u8 = 1;
    /// Of deals.
    pub const DEAL: u8 = 2;
    /// Of answers.
    pub const ANSWER: u8 = 3;
    /// Of logs.
    pub const CLOSE: u8 = 4;
    /// Of saying that the announcements are over.
    pub const ENOUGH: u8 = 5;
}

/// A member says with which key it takes part.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Announcement {
    /// The custody key.
    pub member: Member,
    /// That key's signature over [`announced`]: nobody takes part with another's key.
    pub signature: [u8; 64],
}

/// What a custody key signs to take part in a session for an organisation.
pub fn announced(chain: ChainId, session: u64, organisation: OrganisationId, member: &Member) -> VaultDigest {
    let parts: [&[u8]; 4] = [&chain.0, &session.to_be_bytes(), organisation.padded(), &member.0];
    VaultDigest(Digest::of("medveil/custody-announcement/1", &parts).0)
}

/// A post of the chain.
#[derive(Clone, Debug)]
pub struct Post {
    /// Its height.
    pub height: u64,
    /// The time of its block, in milliseconds since 1970.
    pub time_ms: u64,
    /// The ceremony that it names.
    pub session: u64,
    /// The round that it names.
    pub round: u8,
    /// Who posted it.
    pub organisation: OrganisationId,
    /// What was posted.
    pub payload: Vec<u8>,
}

/// All ceremonies so far.
#[derive(Debug)]
pub struct Sessions {
    chain: ChainId,
    /// What has come out of them.
    pub rosters: Vec<Roster>,
    /// The ceremony of the last roster: what members compute their shares from.
    pub finished: Option<Ceremony>,
    /// The one under way.
    pub current: Option<Session>,
    /// The number of the last one that began; 0 for none.
    pub number: u64,
    /// The height at which the last one ended.
    pub ended: Option<u64>,
}

/// A ceremony under way.
#[derive(Debug)]
pub struct Session {
    /// Its number.
    pub number: u64,
    /// The organisations that had a seat when it began.
    pub seats: BTreeSet<OrganisationId>,
    /// The keys that they take part with.
    pub announced: BTreeMap<OrganisationId, Member>,
    /// After the announcements.
    pub ceremony: Option<Ceremony>,
    /// Height and time of the first announcement.
    begun: (u64, u64),
    /// The last height whose posts count in this phase.
    deadline: u64,
    /// Messages of which posts are missing.
    partial: BTreeMap<(OrganisationId, u8), Vec<u8>>,
}

impl Sessions {
    /// No ceremony yet.
    pub fn new(chain: ChainId) -> Self {
        Self { chain, rosters: Vec::new(), finished: None, current: None, number: 0, ended: None }
    }

    /// The committee now.
    pub fn roster(&self) -> Option<&Roster> {
        self.rosters.last()
    }

    /// Whether a session may begin at a height.
    pub fn may_begin(&self, height: u64) -> bool {
        self.current.is_none() && self.ended.is_none_or(|ended| height >= ended + GAP)
    }

    /// Takes a post. `seats` are those at its height.
    pub fn take(&mut self, post: &Post, seats: &BTreeSet<OrganisationId>) {
        self.reach(post.height);
        if post.round == round::ANNOUNCE && post.session == self.number + 1 && self.may_begin(post.height) {
            self.number = post.session;
            self.current = Some(Session {
                number: post.session,
                seats: seats.clone(),
                announced: BTreeMap::new(),
                ceremony: None,
                begun: (post.height, post.time_ms),
                deadline: post.height + ANNOUNCE,
                partial: BTreeMap::new(),
            });
        }
        let chain = self.chain;
        let Some(session) = self.current.as_mut().filter(|session| session.number == post.session) else {
            return;
        };
        let Some(message) = session.assemble(post) else { return };
        if post.round == round::ENOUGH {
            if session.announced.contains_key(&post.organisation)
                && session.may_go_on(post.height, post.time_ms)
            {
                self.go_on(post.height);
            }
            return;
        }
        session.understand(chain, post, &message);
        if session.is_complete() {
            self.go_on(post.height);
        }
    }

    /// Ends phases whose time is over when all posts before a height are known.
    pub fn reach(&mut self, height: u64) {
        while let Some(deadline) = self.current.as_ref().map(|session| session.deadline)
            && deadline < height
        {
            self.go_on(deadline);
        }
    }

    /// Goes on to the next phase, which begins at a height.
    fn go_on(&mut self, height: u64) {
        let Some(mut session) = self.current.take() else { return };
        let closing = session.ceremony.as_ref().is_some_and(|ceremony| ceremony.phase() == Phase::Closing);
        if closing {
            self.ended = Some(height);
            let Some(ceremony) = session.ceremony else { return };
            match ceremony.finish() {
                Ok(committee) => {
                    let members = session
                        .announced
                        .into_iter()
                        .filter(|(_, member)| committee.contains(member))
                        .collect();
                    let (number, seats) = (session.number, session.seats);
                    self.rosters.push(Roster { session: number, height, committee, members, seats });
                    self.finished = Some(ceremony);
                }
                Err(error) => tracing::warn!(session = session.number, %error, "a key ceremony has failed"),
            }
            return;
        }
        let next = match session.ceremony.take() {
            Some(mut ceremony) => ceremony.advance().map(|_| ceremony),
            None => {
                let candidates = session.announced.values().copied().collect();
                let previous = self.roster().map(|roster| roster.committee.clone());
                let minimum = session.minimum();
                Ceremony::open(VaultDigest(self.chain.0), session.number, candidates, minimum, previous)
            }
        };
        match next {
            Ok(ceremony) => {
                session.ceremony = Some(ceremony);
                session.deadline = height + PHASE;
                let complete = session.is_complete();
                self.current = Some(session);
                if complete {
                    // Nobody is left who could post.
                    self.go_on(height);
                }
            }
            Err(error) => {
                tracing::warn!(session = session.number, %error, "a key ceremony has failed");
                self.ended = Some(height);
            }
        }
    }
}

impl Session {
    /// Players that a ceremony needs at least.
    fn minimum(&self) -> u32 {
        let seats = u32::try_from(self.seats.len()).unwrap_or(u32::MAX);
        seats - seats.saturating_sub(1) / 3
    }

    /// Whether members that have not announced have been waited for long enough at a height, and its time.
    pub fn may_go_on(&self, height: u64, time_ms: u64) -> bool {
        let (first, first_ms) = self.begun;
        self.ceremony.is_none()
            && self.announced.len() >= self.minimum() as usize
            && height >= first + WAIT
            && time_ms >= first_ms.saturating_add(WAIT_MS)
    }

    /// The message that a post completes.
    fn assemble(&mut self, post: &Post) -> Option<Vec<u8>> {
        let (following, bytes) = post.payload.split_first()?;
        let key = (post.organisation, post.round);
        let whole = self.partial.entry(key).or_default();
        if whole.len() + bytes.len() > MAX_MESSAGE {
            self.partial.remove(&key);
            return None;
        }
        whole.extend_from_slice(bytes);
        if *following > 0 { None } else { self.partial.remove(&key) }
    }

    fn understand(&mut self, chain: ChainId, post: &Post, message: &[u8]) {
        let fault = match self.apply(chain, post, message) {
            Ok(guilty) => {
                for (member, guilt) in guilty {
                    let organisation = self.organisation(&member);
                    tracing::warn!(
                        session = self.number,
                        ?organisation,
                        ?guilt,
                        "a member was caught in a key ceremony"
                    );
                }
                return;
            }
            Err(fault) => fault,
        };
        let (session, organisation, round) = (self.number, post.organisation, post.round);
        tracing::warn!(session, %organisation, round, fault, "a message of a key ceremony does not count");
    }

    fn apply(&mut self, chain: ChainId, post: &Post, message: &[u8]) -> Result<Vec<(Member, Guilt)>, String> {
        fn text(error: impl std::fmt::Display) -> String {
            error.to_string()
        }
        let organisation = post.organisation;
        if post.round == round::ANNOUNCE {
            if self.ceremony.is_some() {
                return Err("announcements are over".into());
            }
            let Announcement { member, signature } = Announcement::decode(message).map_err(text)?;
            let statement = announced(chain, self.number, organisation, &member);
            if !member.has_stated(&statement, &signature) {
                return Err("the announcement is not signed with its key".into());
            }
            if !self.seats.contains(&organisation) || self.announced.values().any(|known| *known == member) {
                return Err("no seat, or announced before".into());
            }
            self.announced.entry(organisation).or_insert(member);
            return Ok(Vec::new());
        }
        let member = *self.announced.get(&organisation).ok_or("the organisation has not announced itself")?;
        let ceremony = self.ceremony.as_mut().ok_or("the announcements are not over")?;
        match post.round {
            round::JOIN => {
                ceremony.join(member, Join::decode(message).map_err(text)?).map_err(text)?;
            }
            round::DEAL => {
                ceremony.deal(member, Deal::decode(message).map_err(text)?).map_err(text)?;
            }
            round::ANSWER => {
                return ceremony.answer(member, Answers::decode(message).map_err(text)?).map_err(text);
            }
            round::CLOSE => {
                let guilt = ceremony.close(member, Closing::decode(message).map_err(text)?).map_err(text)?;
                return Ok(guilt.map(|guilt| (member, guilt)).into_iter().collect());
            }
            _ => return Err("there is no such round".into()),
        }
        Ok(Vec::new())
    }

    /// Whether nobody is left who could post in this phase.
    fn is_complete(&self) -> bool {
        match &self.ceremony {
            None => self.seats.iter().all(|seat| self.announced.contains_key(seat)),
            // Only who has announced itself can post: members that have left cannot.
            Some(ceremony) => {
                let awaited = ceremony.awaited();
                !self.announced.values().any(|member| awaited.contains(member))
            }
        }
    }

    fn organisation(&self, member: &Member) -> Option<OrganisationId> {
        self.announced.iter().find(|(_, found)| *found == member).map(|(organisation, _)| *organisation)
    }
}

/// A message as posts.
pub fn posts(message: &[u8]) -> Vec<Vec<u8>> {
    let parts: Vec<&[u8]> = message.chunks(POST - 1).collect();
    let last = parts.len().saturating_sub(1);
    parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            let following = u8::try_from(last - index).unwrap_or(u8::MAX);
            [&[following], *part].concat()
        })
        .collect()
}

#[cfg(test)]
mod tests;
