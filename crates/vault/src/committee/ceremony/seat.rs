//! A member's side of a ceremony.

use std::fmt;

use commonware_codec::DecodeExt;
use commonware_cryptography::bls12381::dkg::feldman_desmedt::{Dealer, DealerPrivMsg, Player, PlayerAck};

use super::*;
use crate::committee::member_key::MemberKey;
use crate::committee::sealed::{OneTimeKeys, Sealed};
use crate::committee::share::KeyShare;

/// A member with the seed of one ceremony, from which its one-time keys and its dealing come: what it posts can be computed again after a restart.
///
/// Take a new seed for each ceremony and erase it when the ceremony is over: who finds it and the ledger has the share.
#[derive(Clone)]
pub struct Seat {
    key: MemberKey,
    seed: OneTimeKeys,
}

/// Why a member cannot do its part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeatError {
    /// The member has no such part in the ceremony.
    #[error("{member} has no part in this")]
    NotAParticipant {
        /// The member.
        member: Member,
    },
    /// The ceremony is not there yet, or beyond.
    #[error("the ceremony is {found:?}, this is done when it is {expected:?}")]
    WrongPhase {
        /// Where it is.
        found: Phase,
        /// Where it should be.
        expected: Phase,
    },
    /// A reshare needs the share of the previous key.
    #[error("the share of the previous key is needed")]
    NoShare,
    /// The share is of another committee or member.
    #[error("the share is not this member's in the previous committee")]
    OtherShare,
    /// The one-time keys in the ceremony are not of this seed. Nothing is answered with it: a complaint would disclose a good key or accuse the innocent.
    #[error("the keys that were posted are not of this seed")]
    OtherSeed,
    /// The ceremony failed, or is not closed.
    #[error("no share comes out of the ceremony: {what}")]
    NoOutcome {
        /// Why.
        what: String,
    },
}

impl Seat {
    /// A member with the seed of a ceremony.
    pub fn new(key: MemberKey, seed: OneTimeKeys) -> Seat {
        Seat { key, seed }
    }

    /// Who it is.
    pub fn member(&self) -> Member {
        self.key.member()
    }

    /// What to post to take part. `deals` is for members that can deal: in a reshare, those that have their share.
    pub fn join(&self, ceremony: &Ceremony, deals: bool) -> Join {
        let mut keys = BTreeMap::new();
        if ceremony.candidates.contains(&self.member()) {
            for dealer in ceremony.possible_dealers() {
                keys.insert(dealer, self.secret(ceremony, &dealer).key());
            }
        }
        Join { keys, deals }
    }

    /// What to post as a dealer; `share` is the member's in the previous committee, if there is one.
    ///
    /// # Errors
    /// [`SeatError`].
    pub fn deal(&self, ceremony: &Ceremony, share: Option<&KeyShare>) -> Result<Deal, SeatError> {
        self.expect(ceremony, Phase::Dealing)?;
        let (_, message, values) = self.start(ceremony, share)?;
        // Apart from the dealing's: what is drawn for sealing changes no polynomial.
        let mut rng = self.rng("medveil/vault/seal-seed/v1", ceremony);
        let mut sealed = BTreeMap::new();
        for (player, value) in values {
            let player = member(&player);
            let key = ceremony.joins[&player].keys.get(&self.member());
            let key = key.ok_or(SeatError::NotAParticipant { member: self.member() })?;
            let associated = ceremony.associated(&self.member(), &player);
            let value = zeroize::Zeroizing::new(Encode::encode(&value).to_vec());
            let value = Sealed::seal(key, VALUE_PURPOSE, &associated, &value, &mut rng)
                .expect("the ceremony takes only keys that something can be sealed to");
            sealed.insert(player, value);
        }
        Ok(Deal { commitment: Encode::encode(&message).to_vec(), values: sealed })
    }

    /// What to post as a player: of each deal, whether the value that it has for this member is right.
    ///
    /// # Errors
    /// [`SeatError`].
    pub fn answers(&self, ceremony: &Ceremony) -> Result<Answers, SeatError> {
        self.expect(ceremony, Phase::Answering)?;
        let (_, accepted) = self.play(ceremony)?;
        let answer = |dealer: &Member| match accepted.get(dealer) {
            Some(signature) => Answer::Accept(*signature),
            None => Answer::Complain(self.secret(ceremony, dealer).disclose()),
        };
        Ok(Answers(ceremony.deals.keys().map(|dealer| (*dealer, answer(dealer))).collect()))
    }

    /// What to post as a dealer when the answers are there.
    ///
    /// # Errors
    /// [`SeatError`].
    pub fn close(&self, ceremony: &Ceremony, share: Option<&KeyShare>) -> Result<Closing, SeatError> {
        self.expect(ceremony, Phase::Closing)?;
        let (mut dealer, ..) = self.start(ceremony, share)?;
        for (player, answers) in &ceremony.answers {
            if let Some(Answer::Accept(signature)) = answers.0.get(&self.member())
                && let (Some(player), Ok(acceptance)) =
                    (public(player), PlayerAck::decode(Copying(signature)))
            {
                // What does not fit stays unaccepted; the ledger takes no such answer.
                let _ = dealer.receive_player_ack(player, acceptance);
            }
        }
        Ok(Closing(Encode::encode(&dealer.finalize::<N3f1>()).to_vec()))
    }

    /// The member's share, when the ceremony is finished.
    ///
    /// # Errors
    /// [`SeatError`].
    pub fn share(&self, ceremony: &Ceremony) -> Result<KeyShare, SeatError> {
        self.expect(ceremony, Phase::Closing)?;
        let (player, _) = self.play(ceremony)?;
        let (output, share) = player
            .finalize::<N3f1>(&mut ceremony.weights(&[]), ceremony.logs(), &Sequential)
            .map_err(|error| SeatError::NoOutcome { what: error.to_string() })?;
        KeyShare::new(share, self.member(), &Committee::new(output))
            .map_err(|error| SeatError::NoOutcome { what: error.to_string() })
    }

    #[expect(clippy::type_complexity, reason = "it is the library's")]
    fn start(
        &self,
        ceremony: &Ceremony,
        share: Option<&KeyShare>,
    ) -> Result<
        (Dealer<MinPk, ed25519::PrivateKey>, DealerPubMsg<MinPk>, Vec<(ed25519::PublicKey, DealerPrivMsg)>),
        SeatError,
    > {
        let me = self.member();
        if !ceremony.dealers().contains(&me) {
            return Err(SeatError::NotAParticipant { member: me });
        }
        let share = match (&ceremony.previous, share) {
            (None, _) => None,
            (Some(_), None) => return Err(SeatError::NoShare),
            (Some(previous), Some(share))
                if share.committee() == previous.digest() && share.member() == me =>
            {
                Some(share.share().clone())
            }
            _ => return Err(SeatError::OtherShare),
        };
        let rng = self.rng("medveil/vault/deal-seed/v1", ceremony);
        let started = Dealer::start::<N3f1>(rng, ceremony.info(), self.key.signer().clone(), share);
        Ok(started.expect("the member is a dealer, and has its share where one is needed"))
    }

    /// Opens every deal's value for this member. Returns the player who took the right ones, with the acceptances.
    #[expect(clippy::type_complexity, reason = "it is the library's")]
    fn play(
        &self,
        ceremony: &Ceremony,
    ) -> Result<(Player<MinPk, ed25519::PrivateKey>, BTreeMap<Member, [u8; 64]>), SeatError> {
        let me = self.member();
        let not_here = SeatError::NotAParticipant { member: me };
        let join = ceremony.joins.get(&me).ok_or(not_here.clone())?;
        let mut player = Player::new(ceremony.info(), self.key.signer().clone()).map_err(|_| not_here)?;
        let mut accepted = BTreeMap::new();
        for (dealer, deal) in &ceremony.deals {
            let secret = self.secret(ceremony, dealer);
            if join.keys.get(dealer) != Some(&secret.key()) {
                return Err(SeatError::OtherSeed);
            }
            let value = deal
                .values
                .get(&me)
                .and_then(|sealed| sealed.open(&secret, VALUE_PURPOSE, &ceremony.associated(dealer, &me)))
                .and_then(|bytes| DealerPrivMsg::decode(Copying(&bytes)).ok());
            let (Some(value), Some(message), Some(key)) = (value, deal.public_message(), public(dealer))
            else {
                continue;
            };
            if let Ok(Some(acceptance)) = player.dealer_message::<N3f1>(key, message, value) {
                let signature = Encode::encode(&acceptance);
                accepted.insert(*dealer, signature.as_ref().try_into().expect("64 bytes"));
            }
        }
        Ok((player, accepted))
    }

    fn secret(&self, ceremony: &Ceremony, dealer: &Member) -> OneTimeSecret {
        self.seed.secret(&ceremony.context(), dealer)
    }

    fn rng(&self, purpose: &str, ceremony: &Ceremony) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(*self.seed.derive(purpose, &ceremony.round(), None))
    }

    fn expect(&self, ceremony: &Ceremony, expected: Phase) -> Result<(), SeatError> {
        let found = ceremony.phase;
        if found == expected { Ok(()) } else { Err(SeatError::WrongPhase { found, expected }) }
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seat({}, ..)", self.member())
    }
}
