//! Messages of a key ceremony, ceremonies, committees and key shares from any bytes. The first byte says in which phase a message comes, and whose it is.
//!
//! Claims: nothing panics; what is read is written the same, byte for byte; a message that is refused changes nothing; nobody but who posted it is found guilty of anything, since all others are honest; and
//! what three honest members do gives a committee, whatever the fourth posts, or a named failure.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use medveil_vault::Canonical;
use medveil_vault::committee::ceremony::{Answers, Ceremony, CeremonyError, Closing, Deal, Join};
use medveil_vault::committee::{Committee, KeyShare};

#[path = "common/custody.rs"]
#[allow(dead_code, reason = "each target uses a part")]
mod custody;

fuzz_target!(|data: &[u8]| {
    if let Some(ceremony) = same::<Ceremony>(data) {
        let _ = (ceremony.finish(), ceremony.awaited(), ceremony.dealers());
    }
    if let Some(committee) = same::<Committee>(data) {
        let _ = (committee.members(), committee.digest(), committee.public_key(), committee.revealed());
    }
    let [choice, message @ ..] = data else { return };
    let known = known();
    let (phase, by) = (usize::from(choice % 4), usize::from(choice / 4 % 4));
    let before = &known.at[phase];
    let (mut after, member) = (before.clone(), known.seats[by].member());
    if let Ok(share) = KeyShare::from_secret_bytes(message, member, &known.committee) {
        assert_eq!(*share.to_secret_bytes(), *message, "one share, one spelling");
    }
    let taken: Option<Result<(), CeremonyError>> = match phase {
        0 => same::<Join>(message).map(|join| after.join(member, join)),
        1 => same::<Deal>(message).map(|deal| after.deal(member, deal)),
        2 => same::<Answers>(message).map(|answers| after.answer(member, answers).map(drop)),
        _ => same::<Closing>(message).map(|closing| after.close(member, closing).map(drop)),
    };
    match taken {
        None => {}
        Some(Err(_)) => assert!(after == *before, "what was refused has changed something"),
        Some(Ok(())) => {
            let caught = |after: &Ceremony| after.guilty().keys().all(|guilty| *guilty == member);
            assert!(caught(&after), "somebody honest is found guilty");
            assert_eq!(Ceremony::decode(&after.encode()).as_ref(), Ok(&after));
            if let Some(ended) = others_go_on(after, by) {
                assert!(caught(&ended), "somebody honest is found guilty");
            }
        }
    }
});

/// The other three do what honest members do.
fn others_go_on(mut ceremony: Ceremony, by: usize) -> Option<Ceremony> {
    let honest = || known().seats.iter().enumerate().filter(|(seat, _)| *seat != by).map(|(_, seat)| seat);
    loop {
        use medveil_vault::committee::ceremony::Phase;
        for seat in honest() {
            let member = seat.member();
            match ceremony.phase() {
                Phase::Joining => ceremony.join(member, seat.join(&ceremony, true)).ok()?,
                Phase::Dealing => ceremony.deal(member, seat.deal(&ceremony, None).ok()?).ok()?,
                Phase::Answering => {
                    ceremony.answer(member, seat.answers(&ceremony).ok()?).ok()?;
                }
                Phase::Closing => {
                    ceremony.close(member, seat.close(&ceremony, None).ok()?).ok()?;
                }
            }
        }
        if ceremony.phase() == Phase::Closing {
            let _ = ceremony.finish();
            return Some(ceremony);
        }
        ceremony.advance().ok()?;
    }
}

fn same<T: Canonical>(data: &[u8]) -> Option<T> {
    let value = T::decode(data).ok()?;
    assert_eq!(value.encode(), data, "one value, one encoding");
    Some(value)
}

fn known() -> &'static custody::Ceremonies {
    static KNOWN: OnceLock<custody::Ceremonies> = OnceLock::new();
    KNOWN.get_or_init(custody::ceremonies)
}
