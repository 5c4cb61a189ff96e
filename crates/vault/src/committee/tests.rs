use std::collections::{BTreeMap, BTreeSet};

use chacha20::ChaCha20Rng;
use proptest::prelude::*;
use rand_core::SeedableRng;

use super::ceremony::*;
use super::*;
use crate::envelope::Subject;
use crate::{Canonical, DataKey, Digest, Member, ObjectId};

const CHAIN: Digest = Digest([9; 32]);

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Members with their keys, and what they keep.
struct Consortium {
    seats: Vec<(MemberKey, Option<KeyShare>)>,
    committee: Option<Committee>,
    round: u64,
}

/// What a member does that it should not.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Conduct {
    Honest,
    /// Does not join.
    Down,
    /// Joins, then says nothing.
    FallsSilent,
    /// Seals a wrong value to the member with this number.
    Cheats(usize),
    /// Seals nothing that the member with this number could open.
    Garbles(usize),
    /// Complains about the right value of the member with this number.
    Slanders(usize),
    /// Has lost its share, but takes part as a player.
    LostShare,
}

use Conduct::*;

impl Consortium {
    fn new(members: u64) -> Consortium {
        let mut seats: Vec<_> = (0..members).map(|at| (MemberKey::generate(&mut rng(at)), None)).collect();
        seats.sort_by_key(|(key, _)| key.member());
        Consortium { seats, committee: None, round: 0 }
    }

    /// Seven members with a key.
    fn with_key() -> Consortium {
        let mut consortium = Consortium::new(7);
        consortium.hold(&[Honest; 7], 5).unwrap();
        consortium
    }

    fn member(&self, at: usize) -> Member {
        self.seats[at].0.member()
    }

    fn number(&self, member: &Member) -> usize {
        self.seats.iter().position(|(key, _)| key.member() == *member).unwrap()
    }

    fn all(&self) -> BTreeSet<Member> {
        self.seats.iter().map(|(key, _)| key.member()).collect()
    }

    /// Holds a ceremony among all; takes over its outcome.
    fn hold(&mut self, conduct: &[Conduct], minimum: u32) -> Result<Ceremony, CeremonyError> {
        let candidates = self.all();
        self.hold_for(candidates, conduct, minimum)
    }

    fn hold_for(
        &mut self,
        candidates: BTreeSet<Member>,
        conduct: &[Conduct],
        minimum: u32,
    ) -> Result<Ceremony, CeremonyError> {
        self.round += 1;
        let mut ceremony = Ceremony::open(CHAIN, self.round, candidates, minimum, self.committee.clone())?;
        // Everybody's state survives a restart between any two steps.
        let restart = |ceremony: &Ceremony| Ceremony::decode(&ceremony.encode()).unwrap();
        let seats: Vec<Seat> = (0u64..)
            .zip(&self.seats)
            .map(|(at, (key, _))| {
                Seat::new(key.clone(), OneTimeKeys::generate(&mut rng(1000 * self.round + at)))
            })
            .collect();
        let acts = |at: usize, phase: Phase| match conduct[at] {
            Down => false,
            FallsSilent => phase == Phase::Joining,
            _ => true,
        };

        for (at, seat) in seats.iter().enumerate() {
            let member = seat.member();
            let possible = match &self.committee {
                Some(committee) => committee.contains(&member) && conduct[at] != LostShare,
                None => true,
            };
            let plays = ceremony.awaited().contains(&member);
            if acts(at, Phase::Joining) && plays {
                ceremony.join(member, seat.join(&ceremony, possible))?;
            }
        }
        ceremony.advance()?;
        ceremony = restart(&ceremony);
        for (at, seat) in seats.iter().enumerate() {
            if !acts(at, Phase::Dealing) || !ceremony.dealers().contains(&seat.member()) {
                continue;
            }
            let mut deal = seat.deal(&ceremony, self.seats[at].1.as_ref()).unwrap();
            if let Cheats(victim) = conduct[at] {
                // The value of another polynomial, properly sealed.
                let other = Seat::new(self.seats[at].0.clone(), OneTimeKeys::generate(&mut rng(4)));
                let other = other.deal(&ceremony, self.seats[at].1.as_ref()).unwrap();
                let victim = self.member(victim);
                deal.values.insert(victim, other.values[&victim].clone());
            }
            if let Garbles(victim) = conduct[at] {
                let other = deal.values[&self.member((victim + 1) % 7)].clone();
                deal.values.insert(self.member(victim), other);
            }
            ceremony.deal(seat.member(), deal)?;
        }
        ceremony.advance()?;
        ceremony = restart(&ceremony);
        for (at, seat) in seats.iter().enumerate() {
            if !acts(at, Phase::Answering) || !ceremony.players().contains(&seat.member()) {
                continue;
            }
            let mut answers = seat.answers(&ceremony).unwrap();
            if let Slanders(victim) = conduct[at] {
                let secret = OneTimeKeys::generate(&mut rng(1000 * self.round + at as u64));
                let context = crate::digest::tagged_hash(
                    "medveil/vault/ceremony/v1",
                    &[&CHAIN.0, &self.round.to_le_bytes()],
                );
                let dealer = self.member(victim);
                answers.0.insert(dealer, Answer::Complain(secret.secret(&context, &dealer).disclose()));
            }
            ceremony.answer(seat.member(), answers)?;
        }
        ceremony.advance()?;
        ceremony = restart(&ceremony);
        for (at, seat) in seats.iter().enumerate() {
            if acts(at, Phase::Closing) && ceremony.awaited().contains(&seat.member()) {
                let closing = seat.close(&ceremony, self.seats[at].1.as_ref()).unwrap();
                assert_eq!(ceremony.close(seat.member(), closing)?, None);
            }
        }
        let committee = ceremony.finish()?;
        for (at, seat) in seats.iter().enumerate() {
            self.seats[at].1 =
                committee.contains(&seat.member()).then(|| seat.share(&ceremony).ok()).flatten();
        }
        self.committee = Some(committee);
        Ok(ceremony)
    }

    fn committee(&self) -> &Committee {
        self.committee.as_ref().unwrap()
    }

    fn partials(&self, identity: &Identity, of: &[usize]) -> Vec<Partial> {
        let mut willing = Willingness::default();
        willing.admit(*identity).unwrap();
        let share = |at: &usize| self.seats[*at].1.as_ref().unwrap();
        of.iter().map(|at| share(at).release(identity, &willing).unwrap()).collect()
    }
}

fn identity(version: u64) -> Identity {
    let subject = Subject { object: ObjectId([1; 32]), version };
    Identity::new(&CHAIN, &subject, &Digest([2; 32]), &Digest([3; 32]))
}

fn wrap(committee: &Committee, identity: &Identity) -> (DataKey, WrappedKey) {
    let key = DataKey::generate(&mut rng(77));
    let wrapped = WrappedKey::wrap(committee, identity, &key, &mut rng(78)).unwrap();
    (key, wrapped)
}

#[test]
fn any_quorum_opens_a_wrapped_key_and_fewer_do_not() {
    let consortium = Consortium::with_key();
    let committee = consortium.committee();
    assert_eq!((committee.quorum(), committee.members().len(), committee.revealed()), (5, 7, vec![]));
    let identity = identity(1);
    let (key, wrapped) = wrap(committee, &identity);
    for first in 0..7 {
        for second in first + 1..7 {
            let of: Vec<usize> = (0..7).filter(|at| *at != first && *at != second).collect();
            let partials = consortium.partials(&identity, &of);
            let recovered = recover(committee, &identity, &wrapped, &partials).unwrap();
            assert_eq!(recovered.key.expose(), key.expose());
            // The curious quorum less one, even when one of them counts twice.
            let few = [&partials[..4], &partials[..1]].concat();
            assert!(matches!(
                recover(committee, &identity, &wrapped, &few),
                Err(RecoverError::TooFew { good: 4, needed: 5, .. })
            ));
        }
    }
}

#[test]
fn a_release_opens_its_identity_and_no_other() {
    let consortium = Consortium::with_key();
    let committee = consortium.committee();
    let (_, wrapped) = wrap(committee, &identity(1));
    let partials = consortium.partials(&identity(2), &[0, 1, 2, 3, 4]);
    assert!(matches!(recover(committee, &identity(2), &wrapped, &partials), Err(RecoverError::NotThisKey)));
    assert!(matches!(
        recover(committee, &identity(1), &wrapped, &partials),
        Err(RecoverError::TooFew { good: 0, .. })
    ));
}

#[test]
fn wrong_partials_are_named_and_the_others_suffice() {
    let consortium = Consortium::with_key();
    let committee = consortium.committee();
    let identity = identity(1);
    let (key, wrapped) = wrap(committee, &identity);
    let mut partials = consortium.partials(&identity, &[0, 1, 2, 3, 4, 5, 6]);
    partials[2] =
        Partial { member: partials[2].member, ..consortium.partials(&self::identity(2), &[2])[0].clone() };
    partials[4].signature[0] ^= 0xff;
    let recovered = recover(committee, &identity, &wrapped, &partials).unwrap();
    assert_eq!(recovered.key.expose(), key.expose());
    let faults = BTreeMap::from([
        (consortium.member(2), PartialFault::Wrong),
        (consortium.member(4), PartialFault::Malformed),
    ]);
    assert_eq!(recovered.faults, faults);
    // With a third that is wrong there is no quorum, and all three are named.
    partials[6].member = Member([5; 32]);
    let Err(RecoverError::TooFew { good: 4, needed: 5, faults }) =
        recover(committee, &identity, &wrapped, &partials)
    else {
        panic!("four good partials opened a key")
    };
    assert_eq!(faults.len(), 3);
    assert_eq!(faults[&Member([5; 32])], PartialFault::NotAMember);
}

#[test]
fn wrapped_keys_that_are_altered_open_nothing() {
    let consortium = Consortium::with_key();
    let identity = identity(1);
    let (_, wrapped) = wrap(consortium.committee(), &identity);
    let partials = consortium.partials(&identity, &[0, 1, 2, 3, 4]);
    let bytes = wrapped.encode();
    assert_eq!(bytes.len(), 112);
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let altered = WrappedKey::decode(&bytes).unwrap();
        let opened = recover(consortium.committee(), &identity, &altered, &partials);
        assert!(matches!(opened, Err(RecoverError::NotThisKey)), "byte {at}");
    }
}

#[test]
fn a_member_that_is_down_is_no_player_and_nothing_is_revealed() {
    let mut consortium = Consortium::new(7);
    let conduct = [Honest, Honest, Down, Honest, Honest, Honest, Honest];
    let ceremony = consortium.hold(&conduct, 5).unwrap();
    assert_eq!(ceremony.guilty(), &BTreeMap::new());
    let committee = consortium.committee();
    assert_eq!((committee.quorum(), committee.members().len(), committee.revealed().len()), (5, 6, 0));
    assert!(!committee.contains(&consortium.member(2)));
}

#[test]
fn a_member_that_falls_silent_gets_its_share_but_it_is_public() {
    let mut consortium = Consortium::new(7);
    let conduct = [Honest, Honest, FallsSilent, Honest, Honest, Honest, Honest];
    consortium.hold(&conduct, 5).unwrap();
    let committee = consortium.committee();
    assert_eq!(committee.revealed(), [consortium.member(2)]);
    // It is back later, and computes its share from the ledger.
    let identity = identity(1);
    let (key, wrapped) = wrap(committee, &identity);
    let partials = consortium.partials(&identity, &[2, 3, 4, 5, 6]);
    assert_eq!(recover(committee, &identity, &wrapped, &partials).unwrap().key.expose(), key.expose());
}

#[test]
fn a_cheating_dealer_is_proven_guilty_and_excluded() {
    let mut consortium = Consortium::new(7);
    let conduct = [Honest, Cheats(3), Honest, Honest, Honest, Honest, Honest];
    let ceremony = consortium.hold(&conduct, 5).unwrap();
    let guilt = Guilt::BadShare { player: consortium.member(3) };
    assert_eq!(ceremony.guilty(), &BTreeMap::from([(consortium.member(1), guilt)]));
    let committee = consortium.committee();
    assert!(!committee.dealers().contains(&consortium.member(1)));
    assert!(committee.revealed().is_empty());
    let identity = identity(1);
    let (key, wrapped) = wrap(committee, &identity);
    // It is still a player: excluding it from the committee is for the members to decide.
    let partials = consortium.partials(&identity, &[1, 3, 4, 5, 6]);
    assert_eq!(recover(committee, &identity, &wrapped, &partials).unwrap().key.expose(), key.expose());
}

#[test]
fn a_dealer_whose_value_does_not_open_is_proven_guilty() {
    let mut consortium = Consortium::new(7);
    let conduct = [Honest, Garbles(3), Honest, Honest, Honest, Honest, Honest];
    let ceremony = consortium.hold(&conduct, 5).unwrap();
    let guilt = Guilt::BadShare { player: consortium.member(3) };
    assert_eq!(ceremony.guilty(), &BTreeMap::from([(consortium.member(1), guilt)]));
}

#[test]
fn a_cheating_dealer_does_not_get_through_a_reshare_either() {
    let mut consortium = Consortium::with_key();
    let before = consortium.committee().public_key();
    let conduct = [Honest, Cheats(3), Honest, Honest, Down, Honest, Honest];
    let ceremony = consortium.hold(&conduct, 5).unwrap();
    assert!(ceremony.guilty().contains_key(&consortium.member(1)));
    assert_eq!(consortium.committee().public_key(), before);
}

#[test]
fn a_false_complaint_falls_back_on_who_made_it() {
    let mut consortium = Consortium::new(7);
    let conduct = [Honest, Slanders(3), Honest, Honest, Honest, Honest, Honest];
    let ceremony = consortium.hold(&conduct, 5).unwrap();
    let guilt = Guilt::FalseComplaint { dealer: consortium.member(3) };
    assert_eq!(ceremony.guilty(), &BTreeMap::from([(consortium.member(1), guilt)]));
    assert!(consortium.seats.iter().all(|(_, share)| share.is_some()));
}

#[test]
fn with_one_down_and_one_cheating_there_is_still_a_key() {
    let mut consortium = Consortium::new(7);
    let conduct = [Down, Cheats(3), Honest, Honest, Honest, Honest, Honest];
    consortium.hold(&conduct, 5).unwrap();
    assert_eq!(consortium.committee().quorum(), 5);
}

#[test]
fn too_few_members_make_no_key() {
    let mut consortium = Consortium::new(7);
    let down = [Down, Down, Down, Honest, Honest, Honest, Honest];
    let failed = consortium.hold(&down, 5).map(|_| ());
    assert_eq!(failed, Err(CeremonyError::TooFewPlayers { found: 4, needed: 5 }));
    let silent = [FallsSilent, FallsSilent, FallsSilent, Honest, Honest, Honest, Honest];
    let failed = consortium.hold(&silent, 5).map(|_| ());
    assert_eq!(failed, Err(CeremonyError::TooFewDealers { found: 4, needed: 5 }));
    // The next ceremony has its own number.
    consortium.hold(&[Honest; 7], 5).unwrap();
}

#[test]
fn resharing_keeps_the_key_and_old_shares_do_not_mix_with_new_ones() {
    let mut consortium = Consortium::with_key();
    let before = consortium.committee().clone();
    let identity = identity(1);
    let (key, wrapped) = wrap(&before, &identity);
    let old = consortium.partials(&identity, &[0, 1]);
    consortium.hold(&[Honest; 7], 5).unwrap();
    let after = consortium.committee();
    assert_eq!(after.public_key(), before.public_key());
    assert_ne!(after.digest(), before.digest());

    let new = consortium.partials(&identity, &[2, 3, 4, 5, 6]);
    assert_eq!(recover(after, &identity, &wrapped, &new).unwrap().key.expose(), key.expose());
    let mixed = [&old[..], &new[..3]].concat();
    assert!(recover(after, &identity, &wrapped, &mixed).is_err());
    assert!(recover(&before, &identity, &wrapped, &mixed).is_err());
}

#[test]
fn two_members_that_lost_their_shares_get_new_ones() {
    let mut consortium = Consortium::with_key();
    let before = consortium.committee().public_key();
    consortium.seats[0].1 = None;
    consortium.seats[5].1 = None;
    let conduct = [LostShare, Honest, Honest, Honest, Honest, LostShare, Honest];
    consortium.hold(&conduct, 5).unwrap();
    assert_eq!(consortium.committee().public_key(), before);
    assert!(consortium.seats.iter().all(|(_, share)| share.is_some()));

    // A third is too many: the key cannot be moved any more.
    let conduct = [LostShare, Honest, LostShare, Honest, Honest, LostShare, Honest];
    let failed = consortium.hold(&conduct, 5).map(|_| ());
    assert_eq!(failed, Err(CeremonyError::TooFewDealers { found: 4, needed: 5 }));
}

#[test]
fn a_member_leaves_and_another_comes_and_the_key_stays() {
    let mut consortium = Consortium::new(8);
    let eight = consortium.all();
    let (leaving, coming) = (consortium.member(2), consortium.member(6));
    let first: BTreeSet<Member> = eight.iter().copied().filter(|member| *member != coming).collect();
    let mut conduct = [Honest; 8];
    conduct[6] = Down;
    consortium.hold_for(first, &conduct, 7).unwrap();
    let before = consortium.committee().clone();
    assert!(before.contains(&leaving) && !before.contains(&coming));

    let second = eight.into_iter().filter(|member| *member != leaving).collect();
    consortium.hold_for(second, &[Honest; 8], 7).unwrap();
    let after = consortium.committee();
    assert_eq!(after.public_key(), before.public_key());
    assert!(!after.contains(&leaving) && after.contains(&coming));
    assert!(consortium.seats[consortium.number(&leaving)].1.is_none());
    let identity = identity(1);
    let (key, wrapped) = wrap(&before, &identity);
    let partials = consortium.partials(&identity, &[0, 1, 3, 4, 6]);
    assert_eq!(recover(after, &identity, &wrapped, &partials).unwrap().key.expose(), key.expose());
}

#[test]
fn a_dealer_must_deal_its_own_share_in_a_reshare() {
    let consortium = Consortium::with_key();
    let mut ceremony = Ceremony::open(CHAIN, 2, consortium.all(), 7, consortium.committee.clone()).unwrap();
    let fresh = Ceremony::open(CHAIN, 2, consortium.all(), 7, None).unwrap();
    let seats: Vec<Seat> = (0u64..)
        .zip(&consortium.seats)
        .map(|(at, (key, _))| Seat::new(key.clone(), OneTimeKeys::generate(&mut rng(500 + at))))
        .collect();
    let mut fresh = fresh;
    for seat in &seats {
        ceremony.join(seat.member(), seat.join(&ceremony, true)).unwrap();
        fresh.join(seat.member(), seat.join(&fresh, true)).unwrap();
    }
    ceremony.advance().unwrap();
    fresh.advance().unwrap();
    let other = seats[0].deal(&fresh, None).unwrap();
    assert_eq!(ceremony.deal(seats[0].member(), other), Err(CeremonyError::NotItsShare));
    assert!(matches!(seats[0].deal(&ceremony, None), Err(SeatError::NoShare)));
    let others = consortium.seats[1].1.as_ref();
    assert!(matches!(seats[0].deal(&ceremony, others), Err(SeatError::OtherShare)));
}

#[test]
fn messages_out_of_turn_are_refused_by_name() {
    let consortium = Consortium::new(4);
    let mut ceremony = Ceremony::open(CHAIN, 1, consortium.all(), 3, None).unwrap();
    let seats: Vec<Seat> = (0u64..)
        .zip(&consortium.seats)
        .map(|(at, (key, _))| Seat::new(key.clone(), OneTimeKeys::generate(&mut rng(at))))
        .collect();
    let stranger = Member([1; 32]);
    let join = seats[0].join(&ceremony, true);
    assert_eq!(
        ceremony.join(stranger, join.clone()),
        Err(CeremonyError::NotAParticipant { member: stranger })
    );
    let mut few = join.clone();
    few.keys.pop_first();
    assert!(matches!(
        ceremony.join(seats[0].member(), few),
        Err(CeremonyError::Keys { found: 3, expected: 4 })
    ));
    let mut same = join.clone();
    let key = *same.keys.values().next().unwrap();
    same.keys.values_mut().for_each(|at| *at = key);
    assert!(matches!(ceremony.join(seats[0].member(), same), Err(CeremonyError::Keys { .. })));
    // A point of low order: everybody knows what it agrees on.
    let mut low = join.clone();
    *low.keys.get_mut(&seats[1].member()).unwrap() = SealKey([0; 32]);
    let dealer = seats[1].member();
    assert_eq!(ceremony.join(seats[0].member(), low), Err(CeremonyError::BadKey { dealer }));
    ceremony.join(seats[0].member(), join.clone()).unwrap();
    let member = seats[0].member();
    assert_eq!(ceremony.join(member, join), Err(CeremonyError::Again { member }));
    assert!(matches!(ceremony.finish(), Err(CeremonyError::WrongPhase { .. })));
    assert!(matches!(seats[0].deal(&ceremony, None), Err(SeatError::WrongPhase { .. })));
    for seat in &seats[1..] {
        ceremony.join(seat.member(), seat.join(&ceremony, true)).unwrap();
    }
    assert!(ceremony.is_complete());
    ceremony.advance().unwrap();

    let deal = seats[0].deal(&ceremony, None).unwrap();
    let mut short = deal.clone();
    short.commitment.pop();
    assert!(matches!(ceremony.deal(seats[0].member(), short), Err(CeremonyError::Commitment { .. })));
    let mut few = deal.clone();
    few.values.pop_first();
    assert_eq!(ceremony.deal(seats[0].member(), few), Err(CeremonyError::Values));
    for seat in &seats {
        ceremony.deal(seat.member(), seat.deal(&ceremony, None).unwrap()).unwrap();
    }
    ceremony.advance().unwrap();

    // Another seed than that with which it joined: nothing is disclosed.
    let amnesiac = Seat::new(consortium.seats[0].0.clone(), OneTimeKeys::generate(&mut rng(99)));
    assert!(matches!(amnesiac.answers(&ceremony), Err(SeatError::OtherSeed)));
    let answers = seats[0].answers(&ceremony).unwrap();
    let dealer = seats[1].member();
    let mut forged = answers.clone();
    forged.0.insert(dealer, Answer::Accept([7; 64]));
    assert_eq!(ceremony.answer(seats[0].member(), forged), Err(CeremonyError::BadAcceptance { dealer }));
    let mut wrong_key = answers.clone();
    wrong_key.0.insert(dealer, Answer::Complain([7; 32]));
    assert_eq!(ceremony.answer(seats[0].member(), wrong_key), Err(CeremonyError::NotTheKey { dealer }));
    for seat in &seats {
        assert_eq!(ceremony.answer(seat.member(), seat.answers(&ceremony).unwrap()), Ok(vec![]));
    }
    ceremony.advance().unwrap();

    let closing = seats[0].close(&ceremony, None).unwrap();
    assert_eq!(ceremony.close(seats[1].member(), closing.clone()), Err(CeremonyError::NotALog));
    let mut cut = closing.clone();
    cut.0.pop();
    assert_eq!(ceremony.close(seats[0].member(), cut), Err(CeremonyError::NotALog));
    for seat in &seats {
        assert_eq!(ceremony.close(seat.member(), seat.close(&ceremony, None).unwrap()), Ok(None));
    }
    let committee = ceremony.finish().unwrap();
    for seat in &seats {
        assert_eq!(seat.share(&ceremony).unwrap().committee(), committee.digest());
    }
}

#[test]
fn a_dealer_cannot_make_public_what_was_accepted() {
    let consortium = Consortium::new(4);
    let mut ceremony = Ceremony::open(CHAIN, 1, consortium.all(), 4, None).unwrap();
    let seats: Vec<Seat> = (0u64..)
        .zip(&consortium.seats)
        .map(|(at, (key, _))| Seat::new(key.clone(), OneTimeKeys::generate(&mut rng(at))))
        .collect();
    for seat in &seats {
        ceremony.join(seat.member(), seat.join(&ceremony, true)).unwrap();
    }
    ceremony.advance().unwrap();
    for seat in &seats {
        ceremony.deal(seat.member(), seat.deal(&ceremony, None).unwrap()).unwrap();
    }
    ceremony.advance().unwrap();
    // What the dealer would post if the last player had not answered.
    for seat in &seats[..3] {
        ceremony.answer(seat.member(), seat.answers(&ceremony).unwrap()).unwrap();
    }
    let mut without = ceremony.clone();
    without.advance().unwrap();
    let revealing = seats[0].close(&without, None).unwrap();
    assert_eq!(without.close(seats[0].member(), revealing.clone()), Ok(None));
    ceremony.answer(seats[3].member(), seats[3].answers(&ceremony).unwrap()).unwrap();
    ceremony.advance().unwrap();
    assert_eq!(ceremony.close(seats[0].member(), revealing), Err(CeremonyError::OtherLog));
}

#[test]
fn shares_are_kept_as_bytes_and_refused_for_another_member_or_committee() {
    let mut consortium = Consortium::with_key();
    let (member, committee) = (consortium.member(0), consortium.committee().clone());
    let share = consortium.seats[0].1.clone().unwrap();
    let bytes = share.to_secret_bytes();
    let again = KeyShare::from_secret_bytes(&bytes, member, &committee).unwrap();
    assert_eq!(again.to_secret_bytes(), bytes);
    let other = consortium.member(1);
    let refused = |bytes: &[u8], member, committee| {
        KeyShare::from_secret_bytes(bytes, member, committee).map(|_| ()).unwrap_err()
    };
    assert_eq!(refused(&bytes, other, &committee), ShareError::NotThisShare { member: other });
    let stranger = Member([1; 32]);
    assert_eq!(refused(&bytes, stranger, &committee), ShareError::NotAMember { member: stranger });
    assert_eq!(refused(&bytes[1..], member, &committee), ShareError::Malformed);
    consortium.hold(&[Honest; 7], 5).unwrap();
    assert_eq!(refused(&bytes, member, consortium.committee()), ShareError::NotThisShare { member });
    assert!(!format!("{share:?}").contains(&hex::encode(&bytes[1..])));
}

#[test]
fn a_sealed_partial_reaches_its_requester_and_nobody_else() {
    let consortium = Consortium::with_key();
    let committee = consortium.committee();
    let identity = identity(1);
    let (key, wrapped) = wrap(committee, &identity);
    let request = Digest([6; 32]);
    let requester = RequestSecrets::new(OneTimeKeys::generate(&mut rng(40)), identity);
    let other = RequestSecrets::new(OneTimeKeys::generate(&mut rng(41)), identity);
    let keys = requester.public(committee);
    keys.check(committee).unwrap();

    let mut partials = Vec::new();
    for partial in consortium.partials(&identity, &[1, 2, 3, 4, 5]) {
        let to = &keys.0[&partial.member];
        let posted = SealedPartial::seal(&partial, to, &identity, &request, &mut rng(42)).unwrap();
        let posted = SealedPartial::decode(&posted.encode()).unwrap();
        assert!(other.open(&posted, committee, &request).is_err());
        assert!(requester.open(&posted, committee, &Digest([7; 32])).is_err(), "another request");
        partials.push(requester.open(&posted, committee, &request).unwrap());
    }
    assert_eq!(recover(committee, &identity, &wrapped, &partials).unwrap().key.expose(), key.expose());
}

#[test]
fn a_bad_partial_is_proven_and_a_good_one_cannot_be() {
    let consortium = Consortium::with_key();
    let committee = consortium.committee();
    let identity = identity(1);
    let request = Digest([6; 32]);
    let requester = RequestSecrets::new(OneTimeKeys::generate(&mut rng(40)), identity);
    let keys = requester.public(committee);
    let seal = |partial: &Partial, to: &SealKey| {
        SealedPartial::seal(partial, to, &identity, &request, &mut rng(42)).unwrap()
    };
    let good = &consortium.partials(&identity, &[0])[0];
    let posted = seal(good, &keys.0[&good.member]);

    // A partial of another identity, and one that was sealed to somebody else.
    let stale = &consortium.partials(&self::identity(2), &[0])[0];
    let wrong = seal(stale, &keys.0[&stale.member]);
    let elsewhere = seal(good, &keys.0[&consortium.member(1)]);
    for (bad, fault) in
        [(wrong, SealedFault::Partial(PartialFault::Wrong)), (elsewhere, SealedFault::DoesNotOpen)]
    {
        let proof = requester.open(&bad, committee, &request).unwrap_err();
        assert_eq!(proof.judge(&bad, &keys, committee, &identity, &request), Verdict::Guilty(fault));
        // The disclosed key opens nothing of other members.
        assert_ne!(OneTimeSecret::from_bytes(&proof.secret).key(), keys.0[&consortium.member(1)]);
        // It says nothing against what the member really posted.
        assert_eq!(proof.judge(&posted, &keys, committee, &identity, &request), Verdict::Innocent);
    }
    let forged = BadPartial { member: good.member, secret: [8; 32] };
    assert_eq!(forged.judge(&posted, &keys, committee, &identity, &request), Verdict::NotTheKey);
}

#[test]
fn keys_of_a_request_are_one_for_each_member() {
    let consortium = Consortium::with_key();
    let committee = consortium.committee();
    let keys = RequestSecrets::new(OneTimeKeys::generate(&mut rng(40)), identity(1)).public(committee);
    let mut few = keys.clone();
    few.0.pop_first();
    assert_eq!(few.check(committee), Err(RequestKeysError::NotTheMembers { found: 6, expected: 7 }));
    let mut low = keys.clone();
    let member = consortium.member(3);
    // u = 0 is of low order: with it everybody agrees on zero (RFC 7748, 6.1).
    low.0.insert(member, SealKey([0; 32]));
    assert_eq!(low.check(committee), Err(RequestKeysError::BadKey { member }));
    let mut same = keys.clone();
    let key = same.0[&consortium.member(1)];
    same.0.insert(member, key);
    assert_eq!(same.check(committee), Err(RequestKeysError::Repeated));
}

#[test]
fn what_was_destroyed_is_never_released_again() {
    let consortium = Consortium::with_key();
    let share = consortium.seats[0].1.as_ref().unwrap();
    let identity = identity(1);
    let mut willing = Willingness::default();
    assert_eq!(share.release(&identity, &willing), Err(WillingnessError::Unknown { identity }));
    willing.admit(identity).unwrap();
    share.release(&identity, &willing).unwrap();
    willing.destroy(identity);
    let willing = Willingness::decode(&willing.encode()).unwrap();
    assert_eq!(share.release(&identity, &willing), Err(WillingnessError::Destroyed { identity }));
    assert_eq!(willing.clone().admit(identity), Err(WillingnessError::Destroyed { identity }));
}

#[test]
fn identities_differ_in_each_of_their_parts() {
    let subject = Subject { object: ObjectId([1; 32]), version: 1 };
    let (a, b) = (Digest([2; 32]), Digest([3; 32]));
    let identity = Identity::new(&CHAIN, &subject, &a, &b);
    let others = [
        Identity::new(&a, &subject, &a, &b),
        Identity::new(&CHAIN, &Subject { version: 2, ..subject }, &a, &b),
        Identity::new(&CHAIN, &Subject { object: ObjectId([4; 32]), ..subject }, &a, &b),
        Identity::new(&CHAIN, &subject, &b, &b),
        Identity::new(&CHAIN, &subject, &a, &a),
    ];
    assert!(others.iter().all(|other| *other != identity));
}

#[test]
fn a_committee_is_its_bytes_and_every_flipped_byte_is_refused_or_another() {
    let consortium = Consortium::with_key();
    let bytes = consortium.committee().encode();
    assert_eq!(&Committee::decode(&bytes).unwrap(), consortium.committee());
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        if let Ok(other) = Committee::decode(&bytes) {
            assert_ne!(&other, consortium.committee(), "byte {at}");
            assert_eq!(other.encode(), bytes, "byte {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn messages_of_any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Ceremony::decode(&bytes);
        let _ = Committee::decode(&bytes);
        let _ = Join::decode(&bytes);
        let _ = Answers::decode(&bytes);
        let consortium = Consortium::new(4);
        let mut ceremony = Ceremony::open(CHAIN, 1, consortium.all(), 3, None).unwrap();
        for (at, (key, _)) in (0u64..).zip(&consortium.seats) {
            let seat = Seat::new(key.clone(), OneTimeKeys::generate(&mut rng(at)));
            ceremony.join(seat.member(), seat.join(&ceremony, true)).unwrap();
        }
        ceremony.advance().unwrap();
        let deal = Deal { commitment: bytes.clone(), values: BTreeMap::new() };
        prop_assert!(ceremony.deal(consortium.member(0), deal).is_err());
    }
}
