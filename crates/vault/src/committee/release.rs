//! Partial releases, and what a quorum of them opens.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use commonware_codec::{Copying, DecodeExt};
use commonware_cryptography::bls12381::primitives::group::G2;
use commonware_cryptography::bls12381::primitives::ops::{self, threshold};
use commonware_cryptography::bls12381::primitives::variant::{MinPk, PartialSignature};
use commonware_parallel::Sequential;

use super::group::Committee;
use super::identity::{Identity, NAMESPACE};
use super::wrap::WrappedKey;
use crate::{DataKey, Member};

/// One member's part in opening an identity's key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Partial {
    /// Whose it is.
    pub member: Member,
    /// A point of G2: the identity, signed with the member's share.
    pub signature: [u8; 96],
}

/// What is wrong with a partial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum PartialFault {
    /// It is of nobody in the committee.
    #[error("not of a member of the committee")]
    NotAMember,
    /// It is no point of the group.
    #[error("not a point of the group")]
    Malformed,
    /// It does not match the member's public share and the identity.
    #[error("does not match the member's share and the identity")]
    Wrong,
}

impl Partial {
    /// Checks the partial against the public half of its member's share.
    ///
    /// # Errors
    /// [`PartialFault`].
    pub fn verify(&self, committee: &Committee, identity: &Identity) -> Result<(), PartialFault> {
        let key = committee.share_key(&self.member).ok_or(PartialFault::NotAMember)?;
        ops::verify_message::<MinPk>(&key, NAMESPACE, identity.0.as_ref(), &self.point()?)
            .map_err(|_| PartialFault::Wrong)
    }

    fn point(&self) -> Result<G2, PartialFault> {
        G2::decode(Copying(&self.signature)).map_err(|_| PartialFault::Malformed)
    }

    fn parse(&self, committee: &Committee) -> Result<PartialSignature<MinPk>, PartialFault> {
        let index = committee.index(&self.member).ok_or(PartialFault::NotAMember)?;
        Ok(PartialSignature { index, value: self.point()? })
    }
}

/// A data key, and the members whose partials had to be left out.
#[derive(Debug)]
pub struct Recovered {
    /// The key.
    pub key: DataKey,
    /// Partials that were found to be wrong. Not all are looked at when those that were suffice.
    pub faults: BTreeMap<Member, PartialFault>,
}

/// Why a key could not be recovered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// Fewer good partials than a quorum.
    #[error("{good} good partials, {needed} are needed ({} wrong)", faults.len())]
    TooFew {
        /// Good partials of different members.
        good: u32,
        /// The quorum.
        needed: u32,
        /// What was wrong with the others.
        faults: BTreeMap<Member, PartialFault>,
    },
    /// The partials are a release of the identity, but the wrapped key is not of this identity and committee.
    #[error("the wrapped key is not of this identity and committee")]
    NotThisKey,
}

/// Opens a wrapped key with the partials of any quorum.
///
/// # Errors
/// [`RecoverError`].
pub fn recover(
    committee: &Committee,
    identity: &Identity,
    wrapped: &WrappedKey,
    partials: &[Partial],
) -> Result<Recovered, RecoverError> {
    let needed = committee.quorum();
    let mut faults = BTreeMap::new();
    // The first partial of a member counts, unless it is found to be wrong.
    let mut seen = BTreeSet::new();
    let mut parsed = Vec::new();
    for partial in partials {
        match partial.parse(committee) {
            Ok(point) if seen.insert(partial.member) => parsed.push((partial, point)),
            Ok(_) => {}
            Err(fault) => {
                faults.insert(partial.member, fault);
            }
        }
    }

    // Usually all are good, and one check of the whole is enough.
    let release = match combine(committee, identity, parsed.iter().map(|(_, point)| point)) {
        Some(release) => release,
        None => {
            parsed.retain(|(partial, _)| match partial.verify(committee, identity) {
                Ok(()) => true,
                Err(fault) => {
                    faults.insert(partial.member, fault);
                    false
                }
            });
            let good = parsed.len() as u32;
            combine(committee, identity, parsed.iter().map(|(_, point)| point))
                .ok_or(RecoverError::TooFew { good, needed, faults: faults.clone() })?
        }
    };
    let key = wrapped.open(&release).ok_or(RecoverError::NotThisKey)?;
    Ok(Recovered { key, faults })
}

/// The committee's signature of the identity, if the partials make it up.
fn combine<'p>(
    committee: &Committee,
    identity: &Identity,
    partials: impl IntoIterator<Item = &'p PartialSignature<MinPk>>,
) -> Option<G2> {
    let sharing = committee.output().public();
    let release = threshold::recover::<MinPk, _>(sharing, partials, &Sequential).ok()?;
    ops::verify_message::<MinPk>(committee.key(), NAMESPACE, identity.0.as_ref(), &release)
        .is_ok()
        .then_some(release)
}
