//! The steps of the committee's key, all members and the ledger's part on one thread. A dealer that cheats is played here: nodes have no switch for it.

use std::collections::BTreeSet;
use std::time::Instant;

use chacha20::ChaCha20Rng;
use medveil_vault::committee::ceremony::{Ceremony, Phase, Seat};
use medveil_vault::committee::{
    Committee, Identity, KeyShare, MemberKey, OneTimeKeys, Willingness, WrappedKey, recover,
};
use medveil_vault::envelope::Subject;
use medveil_vault::{DataKey, Digest, ObjectId};
use rand_core::SeedableRng as _;
use serde_json::json;

use super::{Found, quantiles};
use crate::failure::Failure;

/// Members.
const COUNT: u8 = 7;

/// Each step is taken so often.
const TIMES: usize = 100;

/// Measures all.
pub fn measure() -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut party = Party::new();
    let mut held = |party: &mut Party, name: &str, text: &str, conduct: Conduct| -> Result<(), Failure> {
        let before = party.committee.as_ref().map(Committee::public_key);
        let (took, guilty) = party.hold(conduct)?;
        let expected = usize::from(conduct == Conduct::Cheats);
        let committee = party.committee.as_ref().map(Committee::public_key);
        if guilty != expected || before.is_some_and(|before| committee != Some(before)) {
            return Err(Failure::Refused(format!("{text}: {guilty} members found guilty, or another key")));
        }
        let line = format!(
            "{text}: {took:.0} ms of one thread for all members and the ledger, {guilty} found guilty"
        );
        found.note(name, json!({ "milliseconds": took, "found_guilty": guilty }), line);
        Ok(())
    };
    held(&mut party, "dkg", "key made by seven", Conduct::Honest)?;
    held(&mut party, "reshare", "key moved to new shares", Conduct::Honest)?;
    held(&mut party, "reshare_one_down", "the same, one member down", Conduct::Down)?;
    held(&mut party, "reshare_cheat", "the same, one dealer cheats", Conduct::Cheats)?;
    held(&mut Party::new(), "dkg_one_down", "key made, one member down", Conduct::Down)?;
    held(&mut Party::new(), "dkg_cheat", "key made, one dealer cheats", Conduct::Cheats)?;
    steps(&party, &mut found)?;
    Ok(found)
}

/// What one of the members does.
#[derive(Clone, Copy, PartialEq)]
enum Conduct {
    Honest,
    /// The last does not take part.
    Down,
    /// The first seals the value of another polynomial to the second.
    Cheats,
}

/// Members with keys and shares.
struct Party {
    members: Vec<(MemberKey, Option<KeyShare>)>,
    committee: Option<Committee>,
    number: u64,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Refused(error.to_string())
}

impl Party {
    fn new() -> Self {
        let mut members: Vec<_> = (1..=COUNT).map(|at| (MemberKey::from_seed(&[at; 32]), None)).collect();
        members.sort_by_key(|(key, _)| key.member());
        Party { members, committee: None, number: 0 }
    }

    /// Holds a ceremony; milliseconds, and how many were found guilty.
    fn hold(&mut self, conduct: Conduct) -> Result<(f64, usize), Failure> {
        self.number += 1;
        let seats: Vec<(Seat, Option<&KeyShare>)> = (1..)
            .zip(&self.members)
            .map(|(at, (key, share))| {
                let seed = OneTimeKeys::from_seed(&[self.number as u8 * 10 + at; 32]);
                (Seat::new(key.clone(), seed), share.as_ref())
            })
            .collect();
        let present = if conduct == Conduct::Down { seats.len() - 1 } else { seats.len() };
        let all: BTreeSet<_> = seats.iter().map(|(seat, _)| seat.member()).collect();
        let start = Instant::now();
        let mut ceremony =
            Ceremony::open(CHAIN, self.number, all, 5, self.committee.clone()).map_err(failed)?;
        let seats = &seats[..present];
        for (seat, share) in seats {
            let deals = ceremony.previous().is_none() || share.is_some();
            ceremony.join(seat.member(), seat.join(&ceremony, deals)).map_err(failed)?;
        }
        ceremony.advance().map_err(failed)?;
        for (at, (seat, share)) in seats.iter().enumerate() {
            if !ceremony.dealers().contains(&seat.member()) {
                continue;
            }
            let mut deal = seat.deal(&ceremony, *share).map_err(failed)?;
            if conduct == Conduct::Cheats && at == 0 {
                let other = Seat::new(self.members[0].0.clone(), OneTimeKeys::from_seed(&[200; 32]));
                let other = other.deal(&ceremony, *share).map_err(failed)?;
                let victim = seats[1].0.member();
                deal.values.insert(victim, other.values[&victim].clone());
            }
            ceremony.deal(seat.member(), deal).map_err(failed)?;
        }
        ceremony.advance().map_err(failed)?;
        for (seat, _) in seats {
            let answers = seat.answers(&ceremony).map_err(failed)?;
            ceremony.answer(seat.member(), answers).map_err(failed)?;
        }
        if ceremony.advance().map_err(failed)? != Phase::Closing {
            return Err(failed("the ceremony is not about to close"));
        }
        for (seat, share) in seats {
            if ceremony.awaited().contains(&seat.member()) {
                let closing = seat.close(&ceremony, *share).map_err(failed)?;
                ceremony.close(seat.member(), closing).map_err(failed)?;
            }
        }
        let committee = ceremony.finish().map_err(failed)?;
        let mut shares = seats
            .iter()
            .map(|(seat, _)| seat.share(&ceremony).map(Some).map_err(failed))
            .collect::<Result<Vec<_>, _>>()?;
        let took = start.elapsed().as_secs_f64() * 1e3;
        shares.resize_with(self.members.len(), || None);
        self.members.iter_mut().zip(shares).for_each(|((_, kept), share)| *kept = share);
        self.committee = Some(committee);
        Ok((took, ceremony.guilty().len()))
    }
}

/// What it takes to wrap a key and to open it.
fn steps(party: &Party, found: &mut Found) -> Result<(), Failure> {
    let committee = party.committee.as_ref().ok_or_else(|| failed("there is no committee"))?;
    let subject = Subject { object: ObjectId([1; 32]), version: 1 };
    let identity = Identity::new(&CHAIN, &subject, &Digest([4; 32]), &Digest([5; 32]));
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    let key = DataKey::generate(&mut rng);
    let mut willing = Willingness::default();
    willing.admit(identity).map_err(failed)?;
    let wrapped = WrappedKey::wrap(committee, &identity, &key, &mut rng).map_err(failed)?;
    let shares: Vec<&KeyShare> = party.members.iter().filter_map(|(_, share)| share.as_ref()).collect();
    let partials = shares[..5]
        .iter()
        .map(|share| share.release(&identity, &willing))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    let mut each = |name: &str, text: &str, act: &mut dyn FnMut() -> bool| -> Result<(), Failure> {
        let mut times = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            let start = Instant::now();
            if !act() {
                return Err(failed(text));
            }
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        let (median, _) = quantiles(times);
        found.note(
            name,
            json!({ "milliseconds": median }),
            format!("{text}: {median:.2} ms (median of {TIMES})"),
        );
        Ok(())
    };
    each("wrap", "a data key wrapped", &mut || {
        WrappedKey::wrap(committee, &identity, &key, &mut rng).is_ok()
    })?;
    each("partial", "a partial made", &mut || shares[0].release(&identity, &willing).is_ok())?;
    each("verify", "a partial checked", &mut || partials[0].verify(committee, &identity).is_ok())?;
    each("recover", "a key opened with five partials", &mut || {
        recover(committee, &identity, &wrapped, &partials)
            .is_ok_and(|recovered| recovered.key.expose() == key.expose())
    })
}

const CHAIN: Digest = Digest([3; 32]);
