//! Making and moving the committee's key, over transactions that everybody sees.
//!
//! ```text
//!  phase       who posts        what                                                            the ledger checks
//!  Joining     candidates       one-time keys, one for each possible dealer; whether to deal     keys keep secrets
//!  Dealing     dealers          commitment to a polynomial; its value for each player, sealed    degree; in a reshare: the dealer's own share
//!  Answering   players          for each deal: acceptance, or the disclosed one-time key         signature; or who of the two has cheated
//!  Closing     dealers          signed log: acceptances, and the values of those who are silent  that it says what was posted
//!  finish      the ledger       Committee                                                        a quorum of honest dealers
//! ```
//!
//! A [`Ceremony`] is a plain value for the ledger's state. Its methods take one message each, change nothing when they refuse it, and are deterministic; the ledger says when
//! a phase has lasted long enough ([`Ceremony::advance`]) and who posted what. [`Seat`] is a member's side: it keeps one seed and its key, and computes everything else from the
//! ceremony, so that a restart loses nothing.
//!
//! A dealer that seals a wrong value is found out by the player who got it: the player discloses the one-time key for that dealer, everybody opens the
//! sealed value, and either the dealer is excluded or the accusation was false. Since commitments and sealed values are on the ledger, no dealer can tell two players two things.
//!
//! In a first ceremony the dealers choose the key; in a reshare members of the previous committee deal their shares anew: the key stays,
//! the shares change, and members that have lost theirs or are new get one. A quorum of the previous members must deal.
//!
//! Who has not joined is not a player: a member that is down costs no secrecy. Who joins and then falls silent has its share made public by the dealers, at most
//! `(n-1)/3` of them ([`Committee::revealed`]).

mod message;
mod seat;

pub use message::{Answer, Answers, Closing, Deal, Join};
pub use seat::{Seat, SeatError};

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use borsh::{BorshDeserialize, BorshSerialize};
use chacha20::ChaCha20Rng;
use commonware_codec::{Copying, Decode, Encode, RangeCfg, modes};
use commonware_cryptography::Verifier as _;
use commonware_cryptography::bls12381::dkg::feldman_desmedt::{
    DealerLog, DealerLogSummary, DealerPubMsg, Failure, Info, Logs, Reveal, SignedDealerLog, observe,
};
use commonware_cryptography::bls12381::primitives::group::{G1, Scalar, ScalarReadCfg};
use commonware_cryptography::bls12381::primitives::sharing::Mode;
use commonware_cryptography::bls12381::primitives::variant::MinPk;
use commonware_cryptography::ed25519;
use commonware_cryptography::transcript::{Transcript, Version};
use commonware_math::algebra::CryptoGroup;
use commonware_math::poly::Poly;
use commonware_parallel::Sequential;
use commonware_utils::N3f1;
use commonware_utils::ordered::Set;
use rand_core::SeedableRng;

use super::group::{Committee, MAX_MEMBERS};
use super::member_key::{member, public};
use super::sealed::{BadSealKey, OneTimeSecret, SealKey};
use crate::digest::tagged_hash;
use crate::{Digest, Member};

/// Where a ceremony is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Phase {
    /// Candidates say that they are there.
    Joining,
    /// Dealers deal.
    Dealing,
    /// Players accept or complain.
    Answering,
    /// Dealers sum up.
    Closing,
}

/// What a member was caught at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Guilt {
    /// It sealed a wrong value to a player, who proved it.
    BadShare {
        /// The player.
        player: Member,
    },
    /// It accused a dealer of that, and the value was right.
    FalseComplaint {
        /// The accused.
        dealer: Member,
    },
    /// Its log makes a value public that does not fit its commitment, or an acceptance that is none.
    BadClosing,
}

/// A ceremony under way: a value of the ledger's state.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Ceremony {
    chain: Digest,
    number: u64,
    minimum: u32,
    candidates: BTreeSet<Member>,
    previous: Option<Committee>,
    phase: Phase,
    joins: BTreeMap<Member, Join>,
    deals: BTreeMap<Member, Deal>,
    answers: BTreeMap<Member, Answers>,
    closings: BTreeMap<Member, Closing>,
    guilty: BTreeMap<Member, Guilt>,
}

/// Why a ceremony refuses a message, or came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// Too few or too many candidates for the least number of players.
    #[error("{candidates} candidates for at least {minimum} players, at most {MAX_MEMBERS} are possible")]
    Candidates {
        /// Candidates given.
        candidates: u32,
        /// Players wanted.
        minimum: u32,
    },
    /// The key of a member is no point of the curve.
    #[error("{member} is not an Ed25519 key")]
    NotAKey {
        /// The member.
        member: Member,
    },
    /// The message belongs to another phase.
    #[error("the ceremony is {found:?}, the message is of {expected:?}")]
    WrongPhase {
        /// Where the ceremony is.
        found: Phase,
        /// Where the message belongs.
        expected: Phase,
    },
    /// The member has no such part in the ceremony.
    #[error("{member} has no part in this")]
    NotAParticipant {
        /// The member.
        member: Member,
    },
    /// The member has posted this before.
    #[error("{member} has posted this before")]
    Again {
        /// The member.
        member: Member,
    },
    /// One-time keys are not one for each possible dealer, or repeat.
    #[error("{found} one-time keys for {expected} possible dealers, or some repeat")]
    Keys {
        /// Keys given.
        found: u32,
        /// Possible dealers.
        expected: u32,
    },
    /// Nothing is secret with a one-time key.
    #[error("the one-time key for {dealer} keeps no secret")]
    BadKey {
        /// For whom it is.
        dealer: Member,
    },
    /// The commitment is no polynomial of the degree that is asked for.
    #[error("the commitment is no polynomial of degree {expected}")]
    Commitment {
        /// The quorum less one.
        expected: u32,
    },
    /// In a reshare: the dealer deals something else than its share.
    #[error("the dealer does not deal its own share of the previous key")]
    NotItsShare,
    /// Sealed values are not one for each player, or of another size.
    #[error("the sealed values are not one for each player")]
    Values,
    /// An answer to a deal that is none.
    #[error("there is no deal of {dealer}")]
    NoDeal {
        /// The dealer.
        dealer: Member,
    },
    /// An acceptance whose signature does not hold.
    #[error("the acceptance of {dealer}'s deal is not signed by the player")]
    BadAcceptance {
        /// The dealer.
        dealer: Member,
    },
    /// A complaint that discloses another key than the one to which the value was sealed.
    #[error("the key disclosed about {dealer} is not the one that the player gave when it joined")]
    NotTheKey {
        /// The dealer.
        dealer: Member,
    },
    /// A log that is none of this ceremony and dealer.
    #[error("not a log of this dealer in this ceremony")]
    NotALog,
    /// A log that says something else than what was posted.
    #[error("the log does not say what was posted")]
    OtherLog,
    /// Too few players joined.
    #[error("{found} players, {needed} are needed")]
    TooFewPlayers {
        /// Players that joined.
        found: u32,
        /// Players needed.
        needed: u32,
    },
    /// Too few dealers are left.
    #[error("{found} dealers, {needed} are needed")]
    TooFewDealers {
        /// Dealers left.
        found: u32,
        /// Dealers needed.
        needed: u32,
    },
}

impl Ceremony {
    /// Opens a ceremony on ledger `chain`. `number` must be higher than that of every ceremony before, failed ones included; at least `minimum`
    /// of the `candidates` must join. With a `previous` committee its key is reshared.
    ///
    /// # Errors
    /// When there are too few or too many candidates, or one is no key.
    pub fn open(
        chain: Digest,
        number: u64,
        candidates: BTreeSet<Member>,
        minimum: u32,
        previous: Option<Committee>,
    ) -> Result<Ceremony, CeremonyError> {
        let count = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
        if minimum == 0 || count < minimum || count > MAX_MEMBERS {
            return Err(CeremonyError::Candidates { candidates: count, minimum });
        }
        if let Some(member) = candidates.iter().find(|member| public(member).is_none()) {
            return Err(CeremonyError::NotAKey { member: *member });
        }
        Ok(Ceremony {
            chain,
            number,
            minimum,
            candidates,
            previous,
            phase: Phase::Joining,
            joins: BTreeMap::new(),
            deals: BTreeMap::new(),
            answers: BTreeMap::new(),
            closings: BTreeMap::new(),
            guilty: BTreeMap::new(),
        })
    }

    /// Takes a member's declaration.
    ///
    /// # Errors
    /// [`CeremonyError`]; nothing has changed then.
    pub fn join(&mut self, member: Member, join: Join) -> Result<(), CeremonyError> {
        self.expect(Phase::Joining)?;
        let candidate = self.candidates.contains(&member);
        let deals = self.possible_dealers().contains(&member);
        // A candidate plays; who leaves the committee may still deal its share away.
        let has_part = if candidate { deals || !join.deals } else { deals && join.deals };
        if !has_part {
            return Err(CeremonyError::NotAParticipant { member });
        }
        let dealers = self.possible_dealers();
        let expected = if candidate { dealers.len() } else { 0 };
        let distinct: BTreeSet<&SealKey> = join.keys.values().collect();
        let known = join.keys.keys().all(|dealer| dealers.contains(dealer));
        if join.keys.len() != expected || distinct.len() != expected || !known {
            let (found, expected) = (join.keys.len() as u32, expected as u32);
            return Err(CeremonyError::Keys { found, expected });
        }
        for (dealer, key) in &join.keys {
            key.check().map_err(|BadSealKey| CeremonyError::BadKey { dealer: *dealer })?;
        }
        Self::post(&mut self.joins, member, join)
    }

    /// Takes a dealer's deal.
    ///
    /// # Errors
    /// [`CeremonyError`]; nothing has changed then.
    pub fn deal(&mut self, dealer: Member, deal: Deal) -> Result<(), CeremonyError> {
        self.expect(Phase::Dealing)?;
        if !self.dealers().contains(&dealer) {
            return Err(CeremonyError::NotAParticipant { member: dealer });
        }
        let players = self.players();
        let degree = quorum(players.len()) - 1;
        let commitment = deal.polynomial().ok_or(CeremonyError::Commitment { expected: degree })?;
        if commitment.degree_exact() != degree {
            return Err(CeremonyError::Commitment { expected: degree });
        }
        if let Some(previous) = &self.previous
            && previous.share_key(&dealer).as_ref() != Some(commitment.constant())
        {
            return Err(CeremonyError::NotItsShare);
        }
        if deal.values.len() != players.len()
            || !deal.values.iter().all(|(player, value)| {
                players.contains(player) && value.len() == VALUE_BYTES + SEAL_TAG_BYTES
            })
        {
            return Err(CeremonyError::Values);
        }
        Self::post(&mut self.deals, dealer, deal)
    }

    /// Takes a player's answers, and judges its complaints. Says who was found guilty of what.
    ///
    /// # Errors
    /// [`CeremonyError`]; nothing has changed then.
    pub fn answer(
        &mut self,
        player: Member,
        answers: Answers,
    ) -> Result<Vec<(Member, Guilt)>, CeremonyError> {
        self.expect(Phase::Answering)?;
        if !self.players().contains(&player) {
            return Err(CeremonyError::NotAParticipant { member: player });
        }
        if self.answers.contains_key(&player) {
            return Err(CeremonyError::Again { member: player });
        }
        let round = self.round_summary();
        let mut guilty = Vec::new();
        for (dealer, answer) in &answers.0 {
            let dealer = *dealer;
            let deal = self.deals.get(&dealer).ok_or(CeremonyError::NoDeal { dealer })?;
            match answer {
                Answer::Accept(signature) => {
                    if !accepts(&round, &player, &dealer, deal, signature) {
                        return Err(CeremonyError::BadAcceptance { dealer });
                    }
                }
                Answer::Complain(secret) => {
                    let secret = OneTimeSecret::from_bytes(secret);
                    if self.joins[&player].keys.get(&dealer) != Some(&secret.key()) {
                        return Err(CeremonyError::NotTheKey { dealer });
                    }
                    guilty.push(match self.value_is_right(&player, &dealer, deal, &secret) {
                        true => (player, Guilt::FalseComplaint { dealer }),
                        false => (dealer, Guilt::BadShare { player }),
                    });
                }
            }
        }
        for (member, guilt) in &guilty {
            self.guilty.entry(*member).or_insert(*guilt);
        }
        self.answers.insert(player, answers);
        Ok(guilty)
    }

    /// Takes a dealer's log. Says whether it shows the dealer guilty.
    ///
    /// # Errors
    /// [`CeremonyError`]; nothing has changed then.
    pub fn close(&mut self, dealer: Member, closing: Closing) -> Result<Option<Guilt>, CeremonyError> {
        self.expect(Phase::Closing)?;
        let Some(deal) = self.deals.get(&dealer) else {
            return Err(CeremonyError::NotAParticipant { member: dealer });
        };
        let info = self.info();
        let (key, log) = closing.log(&info).ok_or(CeremonyError::NotALog)?;
        if member(&key) != dealer {
            return Err(CeremonyError::NotALog);
        }
        // A log begins with the dealer and its commitment.
        if !closing.0[32..].starts_with(&deal.commitment) {
            return Err(CeremonyError::OtherLog);
        }
        let mut guilt = None;
        if let DealerLogSummary::Ok { acks, .. } = log.summary() {
            let found: BTreeSet<Member> = acks.iter().map(member).collect();
            // So a dealer cannot make public what a player has accepted.
            if found != self.accepted_by(&dealer) {
                return Err(CeremonyError::OtherLog);
            }
            // On its own a log is either too few or at fault.
            let mut alone = Logs::<MinPk, ed25519::PublicKey, N3f1>::new(info);
            alone.record(key.clone(), log);
            if let Err(Failure::InsufficientLogs { faults, .. }) = self.observe(alone, &closing.0)
                && faults.get_value(&key).is_some()
            {
                guilt = Some(Guilt::BadClosing);
            }
        }
        Self::post(&mut self.closings, dealer, closing)?;
        if let Some(guilt) = guilt {
            self.guilty.entry(dealer).or_insert(guilt);
        }
        Ok(guilt)
    }

    /// Goes on to the next phase, as the ledger does when a phase's time is over or [everybody has posted](Ceremony::is_complete).
    ///
    /// # Errors
    /// When too few have posted: the ceremony has failed, and another must be opened.
    pub fn advance(&mut self) -> Result<Phase, CeremonyError> {
        self.phase = match self.phase {
            Phase::Joining => {
                let (found, needed) = (self.players().len() as u32, self.minimum);
                if found < needed {
                    return Err(CeremonyError::TooFewPlayers { found, needed });
                }
                self.need_dealers(self.dealers().len())?;
                Phase::Dealing
            }
            Phase::Dealing => {
                self.need_dealers(self.deals.len())?;
                Phase::Answering
            }
            Phase::Answering => {
                self.need_dealers(self.deals.keys().filter(|dealer| self.may_close(dealer)).count())?;
                Phase::Closing
            }
            Phase::Closing => Phase::Closing,
        };
        Ok(self.phase)
    }

    /// Whether nobody is left who could post in this phase.
    pub fn is_complete(&self) -> bool {
        self.awaited().is_empty()
    }

    /// Who could still post in this phase.
    pub fn awaited(&self) -> BTreeSet<Member> {
        match self.phase {
            Phase::Joining => &(&self.candidates | &self.possible_dealers()) - &keys(&self.joins),
            Phase::Dealing => &self.dealers() - &keys(&self.deals),
            Phase::Answering => &self.players() - &keys(&self.answers),
            Phase::Closing => {
                let mut dealers = &keys(&self.deals) - &keys(&self.closings);
                dealers.retain(|dealer| self.may_close(dealer));
                dealers
            }
        }
    }

    /// The outcome, the same for everybody.
    ///
    /// # Errors
    /// When too few dealers are left, or the ceremony is not closing.
    pub fn finish(&self) -> Result<Committee, CeremonyError> {
        self.expect(Phase::Closing)?;
        match self.observe(self.logs(), &[]) {
            Ok(committee) => Ok(committee),
            Err(Failure::InsufficientLogs { required: needed, found, .. }) => {
                Err(CeremonyError::TooFewDealers { found, needed })
            }
        }
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The committee whose key is reshared.
    pub fn previous(&self) -> Option<&Committee> {
        self.previous.as_ref()
    }

    /// Who gets a share: candidates that joined.
    pub fn players(&self) -> BTreeSet<Member> {
        let joined = self.joins.keys().filter(|member| self.candidates.contains(member));
        joined.copied().collect()
    }

    /// Who deals.
    pub fn dealers(&self) -> BTreeSet<Member> {
        self.joins.iter().filter(|(_, join)| join.deals).map(|(member, _)| *member).collect()
    }

    /// Who was caught, and at what.
    pub fn guilty(&self) -> &BTreeMap<Member, Guilt> {
        &self.guilty
    }

    fn possible_dealers(&self) -> BTreeSet<Member> {
        match &self.previous {
            Some(previous) => previous.members().into_iter().collect(),
            None => self.candidates.clone(),
        }
    }

    /// At least one of the dealers that make up the key must be honest: a quorum of the players first, a quorum of the previous members in a
    /// reshare, without which the key could not be kept anyway.
    fn need_dealers(&self, found: usize) -> Result<(), CeremonyError> {
        let needed = match &self.previous {
            Some(previous) => previous.quorum(),
            None => quorum(self.players().len()),
        };
        let found = found as u32;
        if found < needed { Err(CeremonyError::TooFewDealers { found, needed }) } else { Ok(()) }
    }

    /// Who deals is not excluded by what it did as a player.
    fn may_close(&self, dealer: &Member) -> bool {
        !matches!(self.guilty.get(dealer), Some(Guilt::BadShare { .. } | Guilt::BadClosing))
    }

    fn accepted_by(&self, dealer: &Member) -> BTreeSet<Member> {
        let accepts = |answers: &Answers| matches!(answers.0.get(dealer), Some(Answer::Accept(_)));
        self.answers.iter().filter(|(_, answers)| accepts(answers)).map(|(player, _)| *player).collect()
    }

    fn expect(&self, expected: Phase) -> Result<(), CeremonyError> {
        let found = self.phase;
        if found == expected { Ok(()) } else { Err(CeremonyError::WrongPhase { found, expected }) }
    }

    fn post<T>(to: &mut BTreeMap<Member, T>, member: Member, message: T) -> Result<(), CeremonyError> {
        if to.contains_key(&member) {
            return Err(CeremonyError::Again { member });
        }
        to.insert(member, message);
        Ok(())
    }

    /// What one-time keys of this ceremony are derived for.
    fn context(&self) -> Digest {
        tagged_hash("medveil/vault/ceremony/v1", &[&self.chain.0, &self.number.to_le_bytes()])
    }

    /// Names the ceremony once it is known who takes part.
    fn round(&self) -> Digest {
        let previous = self.previous.as_ref().map(Committee::digest);
        tagged_hash(
            "medveil/vault/round/v1",
            &[&self.context().0, &bytes(&previous), &bytes(&self.dealers()), &bytes(&self.players())],
        )
    }

    /// What a value is sealed with.
    fn associated(&self, dealer: &Member, player: &Member) -> Vec<u8> {
        [self.round().0, dealer.0, player.0].concat()
    }

    fn value_is_right(&self, player: &Member, dealer: &Member, deal: &Deal, secret: &OneTimeSecret) -> bool {
        let value = deal
            .values
            .get(player)
            .and_then(|sealed| sealed.open(secret, VALUE_PURPOSE, &self.associated(dealer, player)))
            .and_then(|bytes| Scalar::decode_cfg(Copying(&bytes), &ScalarReadCfg::RejectZero).ok());
        let position = self.players().iter().position(|at| at == player);
        let (Some(value), Some(position), Some(polynomial)) = (value, position, deal.polynomial()) else {
            return false;
        };
        // Players are numbered from 1 in the order of their keys (`Mode::NonZeroCounter`).
        let at = Scalar::from_u64(position as u64 + 1);
        polynomial.eval_msm(&at, &Sequential) == G1::generator() * &value
    }

    fn info(&self) -> Info<MinPk, ed25519::PublicKey> {
        Info::new::<N3f1>(
            &self.namespace(),
            self.number,
            self.previous.as_ref().map(|previous| previous.output().clone()),
            Mode::NonZeroCounter,
            Reveal::V1,
            key_set(&self.dealers()),
            key_set(&self.players()),
        )
        .expect("the ceremony went on with enough dealers and players, and dealers are previous members")
    }

    fn namespace(&self) -> Vec<u8> {
        [NAMESPACE, &self.chain.0].concat()
    }

    /// The transcript to which acceptances are signed: what [`Info`] keeps to itself. A test compares them.
    fn round_summary(&self) -> Transcript {
        let mut transcript = Transcript::new(b"_COMMONWARE_CRYPTOGRAPHY_BLS12381_DKG", Version::V0);
        let previous = self.previous.as_ref().map(|previous| previous.output().clone());
        transcript
            .commit(self.namespace().as_slice())
            .commit(Encode::encode(&self.number))
            .commit(Encode::encode(&previous))
            .commit(Encode::encode(&key_set(&self.dealers())))
            .commit(Encode::encode(&key_set(&self.players())));
        if let Some(modes) = modes![Mode::NonZeroCounter, Reveal::V1] {
            transcript.commit(Encode::encode(&modes));
        }
        Transcript::resume(transcript.summarize(), Version::V0)
    }

    /// The logs of dealers that were not caught.
    fn logs(&self) -> Logs<MinPk, ed25519::PublicKey, N3f1> {
        let info = self.info();
        let mut logs = Logs::new(info.clone());
        for (dealer, closing) in &self.closings {
            if self.may_close(dealer)
                && let Some((key, log)) = closing.log(&info)
            {
                logs.record(key, log);
            }
        }
        logs
    }

    fn observe(
        &self,
        logs: Logs<MinPk, ed25519::PublicKey, N3f1>,
        unposted: &[u8],
    ) -> Result<Committee, Failure<ed25519::PublicKey>> {
        observe(&mut self.weights(unposted), logs, &Sequential).map(Committee::new)
    }

    /// Weights for checking many statements at once. They come from all that is checked, which is what was posted and what is `unposted`, so that everybody finds
    /// the same and nobody can choose a statement that fits its weight.
    fn weights(&self, unposted: &[u8]) -> ChaCha20Rng {
        let seed = tagged_hash("medveil/vault/weights/v1", &[&bytes(self), unposted]);
        ChaCha20Rng::from_seed(seed.0)
    }
}

/// Whether `signature` is the player's acceptance of the deal.
fn accepts(round: &Transcript, player: &Member, dealer: &Member, deal: &Deal, signature: &[u8; 64]) -> bool {
    let mut transcript = round.fork(b"ack");
    transcript.commit(dealer.0.as_slice());
    transcript.commit(deal.commitment.as_slice());
    let signature = ed25519::Signature::decode_cfg(Copying(signature), &());
    match (public(player), signature) {
        (Some(key), Ok(signature)) => key.verify(b"", transcript.summarize().as_ref(), &signature),
        _ => false,
    }
}

/// More than two thirds.
fn quorum(members: usize) -> u32 {
    let members = members as u32;
    members - members.saturating_sub(1) / 3
}

fn bytes(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing into memory does not fail")
}

fn keys<T>(map: &BTreeMap<Member, T>) -> BTreeSet<Member> {
    map.keys().copied().collect()
}

fn key_set(members: &BTreeSet<Member>) -> Set<ed25519::PublicKey> {
    Set::from_iter_dedup(members.iter().filter_map(public))
}

fn most() -> NonZeroU32 {
    NonZeroU32::new(MAX_MEMBERS).expect("64 is not zero")
}

const NAMESPACE: &[u8] = b"medveil/vault/committee/v1";
const VALUE_PURPOSE: &str = "medveil/vault/deal/v1";
/// A scalar of BLS12-381.
const VALUE_BYTES: usize = 32;
/// What ChaCha20-Poly1305 adds.
const SEAL_TAG_BYTES: usize = 16;
