//! Taking part in ceremonies.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use medveil_ledger::{
    FactValue, OrganisationId,
    action::CommitteePost,
    bounded::OpaqueBytes,
    state::{
        custody::{CommitteeMessage, message_id},
        validators::ValidatorSet,
    },
};
use medveil_vault::{
    Canonical as _,
    committee::{
        KeyShare,
        ceremony::{Ceremony, Phase, Seat, SeatError},
    },
};

use super::{
    Custody, Standing,
    session::{Announcement, Post, Session, Sessions, announced, posts, round},
};
use crate::{
    Refusal,
    agent::ActError,
    index::{EventFilter, EventRow, IndexError, Place},
    read::ReadError,
};

/// Posts that are read at once.
const LIMIT: u32 = 256;

/// Heights after which a member that lacks its share asks for another ceremony.
const AGAIN: u64 = 300;

/// How long it is waited after a failure.
const PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Act(#[from] ActError),
    #[error(transparent)]
    Secrets(#[from] Refusal),
    #[error(transparent)]
    Seat(#[from] SeatError),
    #[error("the post at {0} cannot be read")]
    Unreadable(Place),
}

/// Takes part in ceremonies until the services end.
pub(super) async fn run(custody: Custody) {
    while let Err(fault) = Part::new(custody.clone()).play().await {
        if matches!(fault, Fault::Act(ActError::Stopped)) || custody.agent().is_closing() {
            return;
        }
        tracing::warn!(%fault, "the part in key ceremonies is taken up again");
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = custody.agent().closed() => return,
        }
    }
}

/// A member that follows and takes part.
struct Part {
    custody: Custody,
    sessions: Sessions,
    after: Place,
    seats: Option<(u64, BTreeSet<OrganisationId>)>,
    /// The height at which this member last asked for a ceremony.
    asked: Option<u64>,
    /// What was posted: if it does not count, it is not posted again.
    posted: BTreeSet<(u64, u8)>,
}

/// What is to be posted.
struct Duty {
    session: u64,
    round: u8,
    message: Vec<u8>,
}

impl Part {
    fn new(custody: Custody) -> Self {
        let sessions = Sessions::new(custody.chain());
        Self { custody, sessions, after: Place::first(0), seats: None, asked: None, posted: BTreeSet::new() }
    }

    async fn play(mut self) -> Result<(), Fault> {
        let agent = self.custody.agent().clone();
        let mut progress = agent.node().index().progress();
        loop {
            if agent.is_closing() {
                return Ok(());
            }
            let height = progress.borrow_and_update().height;
            self.read().await?;
            self.sessions.reach(height + 1);
            self.publish().await?;
            match self.duty(height).await? {
                Some(duty) if self.posted.insert((duty.session, duty.round)) => self.post(duty).await?,
                _ => tokio::select! {
                    changed = progress.changed() => if changed.is_err() { return Ok(()) },
                    () = agent.closed() => return Ok(()),
                },
            }
        }
    }

    /// Takes all posts that are indexed.
    async fn read(&mut self) -> Result<(), Fault> {
        loop {
            let after = self.after;
            let filter = EventFilter { kind: Some("committee.posted".into()), ..EventFilter::default() };
            let node = self.custody.agent().node().clone();
            let rows = node.ask_index(move |index| index.events_after(&filter, after, LIMIT)).await?;
            for row in &rows {
                let post = self.load(row).await?;
                let seats = self.seats_at(row.place.height).await?;
                self.sessions.take(&post, &seats);
                self.after = row.place;
            }
            if rows.len() < LIMIT as usize {
                return Ok(());
            }
        }
    }

    async fn load(&self, row: &EventRow) -> Result<Post, Fault> {
        let unreadable = || Fault::Unreadable(row.place);
        let number = |name| match row.event.fact(name) {
            Some(FactValue::Number(number)) => Ok(*number),
            _ => Err(unreadable()),
        };
        let (session, message) = (number("session")?, number("message")?);
        let round = u8::try_from(number("round")?).map_err(|_| unreadable())?;
        let organisation = row.event.object.as_organisation().ok_or_else(unreadable)?;
        let id = message_id(session, round, organisation);
        let node = self.custody.agent().node();
        let message = node.version::<CommitteeMessage>(&id, message).await?.ok_or_else(unreadable)?;
        let payload = message.value.payload.as_ref().to_vec();
        Ok(Post { height: row.place.height, time_ms: row.time_ms, session, round, organisation, payload })
    }

    /// The organisations with a seat in the epoch of a height.
    async fn seats_at(&mut self, height: u64) -> Result<BTreeSet<OrganisationId>, Fault> {
        let node = self.custody.agent().node();
        let epoch = node.chain_genesis().epoch_of(height);
        if let Some((_, seats)) = self.seats.as_ref().filter(|(of, _)| *of == epoch) {
            return Ok(seats.clone());
        }
        // Version n is the set of epoch n - 1.
        let set = node.version::<ValidatorSet>(&(), epoch + 1).await?;
        let validators = set.map(|set| set.value.validators).unwrap_or_default();
        let seats: BTreeSet<_> = validators.into_iter().map(|validator| validator.organisation).collect();
        self.seats = Some((epoch, seats.clone()));
        Ok(seats)
    }

    /// Keeps the share that has come out, erases what is over, and tells the other services.
    async fn publish(&mut self) -> Result<(), Fault> {
        let custody = &self.custody;
        let known = custody.0.standing.borrow().clone();
        let new = known.rosters.len() != self.sessions.rosters.len();
        if known.read && !new {
            if self.sessions.current.is_none() && custody.0.secrets.has_seed(self.sessions.number) {
                custody.0.secrets.erase_seeds(self.sessions.number)?;
            }
            return Ok(());
        }
        let share = self.share()?;
        let over = self.sessions.current.as_ref().map_or(self.sessions.number, |session| session.number - 1);
        custody.0.secrets.erase_seeds(over)?;
        let rosters: Vec<_> = self.sessions.rosters.iter().cloned().map(Arc::new).collect();
        if let Some(roster) = rosters.last() {
            tracing::info!(
                session = roster.session,
                height = roster.height,
                members = roster.members.len(),
                quorum = roster.committee.quorum(),
                revealed = roster.committee.revealed().len(),
                share = share.is_some(),
                "the custody committee"
            );
        }
        let share = share.map(Arc::new);
        custody.0.standing.send_replace(Standing { read: true, rosters, share });
        Ok(())
    }

    /// This member's share in the last committee, from the disk or from the ceremony.
    fn share(&self) -> Result<Option<KeyShare>, Fault> {
        let secrets = &self.custody.0.secrets;
        let member = secrets.key().member();
        let Some(roster) = self.sessions.roster().filter(|roster| roster.committee.contains(&member)) else {
            return Ok(None);
        };
        if let Some(share) = secrets.share(&roster.committee)? {
            secrets.keep_share(&share)?;
            return Ok(Some(share));
        }
        let Some(ceremony) = self.sessions.finished.as_ref().filter(|_| secrets.has_seed(roster.session))
        else {
            return Ok(None);
        };
        let seat = Seat::new(secrets.key().clone(), secrets.seed(roster.session)?);
        match seat.share(ceremony) {
            Ok(share) => {
                secrets.keep_share(&share)?;
                Ok(Some(share))
            }
            Err(error) => {
                tracing::error!(session = roster.session, %error, "no share came out of the key ceremony");
                Ok(None)
            }
        }
    }

    /// What this member is to post now.
    async fn duty(&mut self, height: u64) -> Result<Option<Duty>, Fault> {
        if height == 0 {
            return Ok(None);
        }
        let seats = self.seats_at(height).await?;
        let me = self.custody.organisation();
        if !seats.contains(&me) {
            return Ok(None);
        }
        let Some(session) = &self.sessions.current else {
            if self.sessions.may_begin(height + 1) && self.wants(&seats, height) {
                self.asked = Some(height);
                return Ok(Some(self.announcement(self.sessions.number + 1)));
            }
            return Ok(None);
        };
        let secrets = &self.custody.0.secrets;
        let member = secrets.key().member();
        let Some(ceremony) = &session.ceremony else {
            if session.seats.contains(&me) && !session.announced.contains_key(&me) {
                return Ok(Some(self.announcement(session.number)));
            }
            let enough = Duty { session: session.number, round: round::ENOUGH, message: vec![1] };
            let counts = session.announced.contains_key(&me);
            return Ok((counts && self.may_go_on(session, height).await?).then_some(enough));
        };
        if session.announced.get(&me) != Some(&member) || !ceremony.awaited().contains(&member) {
            return Ok(None);
        }
        self.message(session, ceremony).map(Some)
    }

    /// Whether whoever is missing has been waited for at a height of the chain.
    async fn may_go_on(&self, session: &Session, height: u64) -> Result<bool, Fault> {
        // The block's time is looked up only when nothing else is missing.
        if !session.may_go_on(height, u64::MAX) {
            return Ok(false);
        }
        let time_ms = self.custody.agent().node().ask_index(move |index| index.time_of(height)).await?;
        Ok(time_ms.is_some_and(|time_ms| session.may_go_on(height, time_ms)))
    }

    /// Whether there should be another ceremony.
    fn wants(&self, seats: &BTreeSet<OrganisationId>, height: u64) -> bool {
        let Some(roster) = self.sessions.roster() else { return true };
        let member = self.custody.0.secrets.key().member();
        let seated =
            roster.members.get(&self.custody.organisation()) == Some(&member) && self.custody.has_share();
        let patient = self.asked.is_some_and(|asked| height < asked + AGAIN);
        roster.seats != *seats || (!seated && !patient)
    }

    fn announcement(&self, session: u64) -> Duty {
        let key = self.custody.0.secrets.key();
        let member = key.member();
        let signature =
            key.state(&announced(self.custody.chain(), session, self.custody.organisation(), &member));
        let message = Announcement { member, signature }.encode();
        Duty { session, round: round::ANNOUNCE, message }
    }

    fn message(&self, session: &Session, ceremony: &Ceremony) -> Result<Duty, Fault> {
        let secrets = &self.custody.0.secrets;
        let seat = Seat::new(secrets.key().clone(), secrets.seed(session.number)?);
        let share = self.custody.0.standing.borrow().share.clone();
        let share = share.as_deref();
        let (round, message) = match ceremony.phase() {
            Phase::Joining => {
                let deals = match ceremony.previous() {
                    None => true,
                    Some(previous) => share.is_some_and(|share| share.committee() == previous.digest()),
                };
                (round::JOIN, seat.join(ceremony, deals).encode())
            }
            Phase::Dealing => (round::DEAL, seat.deal(ceremony, share)?.encode()),
            Phase::Answering => (round::ANSWER, seat.answers(ceremony)?.encode()),
            Phase::Closing => (round::CLOSE, seat.close(ceremony, share)?.encode()),
        };
        Ok(Duty { session: session.number, round, message })
    }

    /// Posts what is not on the chain yet.
    async fn post(&self, duty: Duty) -> Result<(), Fault> {
        let agent = self.custody.agent();
        let id = message_id(duty.session, duty.round, agent.organisation());
        let there = agent.node().latest::<CommitteeMessage>(&id).await?.map_or(0, |message| message.version);
        for (index, payload) in posts(&duty.message).into_iter().enumerate() {
            if (index as u64) < there {
                continue;
            }
            let payload = OpaqueBytes::new(payload).expect("a post is as long as a payload may be");
            agent.act(CommitteePost { session: duty.session, round: duty.round, payload }).await?;
        }
        Ok(())
    }
}
