//! Which member holds which shard.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::digest::tagged_hash;
use crate::{Digest, Member, ObjectId};

/// The holders of an object's shards: everybody computes the same. No member holds two shards of an object, since losing it would then be losing two.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Placement {
    holders: Vec<Option<Member>>,
}

/// A shard that is to go to another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The shard.
    pub shard: u8,
    /// Who held it. It may still give it away if it left in peace; otherwise the shard is rebuilt.
    pub from: Option<Member>,
    /// Who is to hold it.
    pub to: Member,
}

impl Placement {
    /// Places `total` shards by rendezvous hashing [TR98](https://doi.org/10.1109/90.663936): each object ranks the members in an order of its own, and shard i goes to the i-th. With
    /// fewer members than shards the last shards have no holder.
    pub fn new(object: &ObjectId, members: &BTreeSet<Member>, total: u8) -> Placement {
        let mut ranked = ranked(object, members);
        ranked.truncate(total.into());
        let mut holders: Vec<_> = ranked.into_iter().map(Some).collect();
        holders.resize(total.into(), None);
        Placement { holders }
    }

    /// The placement when `members` are the members, and what has to move: only shards whose holder is no longer a member or that had none. They go to the object's
    /// first choices among those that hold nothing.
    pub fn after(&self, object: &ObjectId, members: &BTreeSet<Member>) -> (Placement, Vec<Move>) {
        let staying: BTreeSet<Member> =
            self.holders.iter().flatten().copied().filter(|member| members.contains(member)).collect();
        let mut free = ranked(object, &(members - &staying)).into_iter();
        let mut moves = Vec::new();
        let mut holders = Vec::with_capacity(self.holders.len());
        for (shard, holder) in (0u8..).zip(&self.holders) {
            holders.push(match holder {
                Some(member) if staying.contains(member) => Some(*member),
                from => free.next().inspect(|to| moves.push(Move { shard, from: *from, to: *to })),
            });
        }
        (Placement { holders }, moves)
    }

    /// Who holds a shard.
    pub fn holder(&self, shard: u8) -> Option<Member> {
        self.holders.get(usize::from(shard)).copied().flatten()
    }

    /// The shard that a member holds.
    pub fn shard_of(&self, member: &Member) -> Option<u8> {
        (0u8..).zip(&self.holders).find(|(_, holder)| *holder == &Some(*member)).map(|(shard, _)| shard)
    }

    /// Shards and their holders.
    pub fn holders(&self) -> BTreeMap<u8, Option<Member>> {
        (0u8..).zip(self.holders.iter().copied()).collect()
    }
}

fn ranked(object: &ObjectId, members: &BTreeSet<Member>) -> Vec<Member> {
    let mut ranked: Vec<(Digest, Member)> = members
        .iter()
        .map(|member| (tagged_hash("medveil/vault/placement/v1", &[&object.0, &member.0]), *member))
        .collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    ranked.into_iter().map(|(_, member)| member).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(of: impl IntoIterator<Item = u8>) -> BTreeSet<Member> {
        of.into_iter().map(|at| Member([at; 32])).collect()
    }

    #[test]
    fn every_member_of_seven_holds_one_shard_and_not_always_the_same() {
        let all = members(0..7);
        let mut first = BTreeSet::new();
        for object in 0..50 {
            let placement = Placement::new(&ObjectId([object; 32]), &all, 7);
            let holders: BTreeSet<Member> = placement.holders().into_values().flatten().collect();
            assert_eq!(holders, all);
            first.insert(placement.holder(0).unwrap());
        }
        assert!(first.len() > 4, "{first:?}");
    }

    #[test]
    fn with_too_few_members_nobody_holds_two_shards() {
        let placement = Placement::new(&ObjectId([1; 32]), &members(0..6), 7);
        assert_eq!(placement.holders().into_values().flatten().count(), 6);
        assert_eq!(placement.holder(6), None);
        // When the seventh comes, only the shard without a holder moves.
        let (after, moves) = placement.after(&ObjectId([1; 32]), &members(0..7));
        let to = Member([6; 32]);
        assert_eq!(moves, [Move { shard: 6, from: None, to }]);
        assert_eq!(after.shard_of(&to), Some(6));
    }

    #[test]
    fn one_member_that_is_replaced_moves_one_shard() {
        let object = ObjectId([1; 32]);
        let placement = Placement::new(&object, &members(0..7), 7);
        let gone = Member([3; 32]);
        let shard = placement.shard_of(&gone).unwrap();
        let (after, moves) = placement.after(&object, &members([0, 1, 2, 4, 5, 6, 9]));
        assert_eq!(moves, [Move { shard, from: Some(gone), to: Member([9; 32]) }]);
        assert_eq!(after.shard_of(&gone), None);
    }

    proptest! {
        #[test]
        fn what_stays_does_not_move_and_what_can_be_placed_is(
            before in proptest::collection::btree_set(0u8..20, 0..12),
            later in proptest::collection::btree_set(0u8..20, 0..12),
            total in 2u8..9, object in any::<[u8; 32]>(),
        ) {
            let (before, later) = (members(before), members(later));
            let object = ObjectId(object);
            let placement = Placement::new(&object, &before, total);
            let (after, moves) = placement.after(&object, &later);
            for shard in 0..total {
                let (was, is) = (placement.holder(shard), after.holder(shard));
                let moved = moves.iter().find(|moved| moved.shard == shard);
                match was {
                    Some(member) if later.contains(&member) => prop_assert_eq!(is, was),
                    _ => prop_assert_eq!(is, moved.map(|moved| moved.to)),
                }
            }
            let holders: Vec<Member> = after.holders().into_values().flatten().collect();
            let distinct: BTreeSet<Member> = holders.iter().copied().collect();
            prop_assert_eq!(distinct.len(), holders.len());
            prop_assert!(distinct.is_subset(&later));
            prop_assert_eq!(distinct.len(), later.len().min(total.into()));
        }
    }
}
