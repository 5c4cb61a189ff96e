//! The lattice of generalisation: one level for each attribute.

use super::problem::ProblemError;

/// A node: a level for each attribute, packed so that two nodes are compared in a few instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node(u128);

/// All nodes.
#[derive(Clone, Debug)]
pub(crate) struct Lattice {
    /// The highest level of each attribute.
    pub(crate) heights: Vec<u8>,
    shifts: Vec<u32>,
    masks: Vec<u128>,
    /// The bit above each field: in `(above | guards) - below` it stays set where the level is at least that of `below`.
    guards: u128,
}

impl Lattice {
    pub(crate) fn new(levels: impl IntoIterator<Item = usize>) -> Result<Lattice, ProblemError> {
        let levels: Vec<usize> = levels.into_iter().collect();
        let too_many = ProblemError::TooManyLevels { attributes: levels.len() };
        let mut lattice = Lattice { heights: Vec::new(), shifts: Vec::new(), masks: Vec::new(), guards: 0 };
        let mut shift = 0_u32;
        for levels in levels {
            let height = u8::try_from(levels - 1).map_err(|_| too_many.clone())?;
            let bits = u8::BITS - height.leading_zeros();
            if shift + bits + 1 > u128::BITS {
                return Err(too_many);
            }
            lattice.heights.push(height);
            lattice.shifts.push(shift);
            lattice.masks.push((1_u128 << bits) - 1);
            lattice.guards |= 1_u128 << (shift + bits);
            shift += bits + 1;
        }
        Ok(lattice)
    }

    pub(crate) fn attributes(&self) -> usize {
        self.heights.len()
    }

    /// How many nodes there are.
    pub(crate) fn size(&self) -> u64 {
        self.heights.iter().fold(1_u64, |size, height| size.saturating_mul(u64::from(*height) + 1))
    }

    /// The node at which nothing is generalised.
    pub(crate) fn bottom(&self) -> Node {
        Node(0)
    }

    pub(crate) fn node(&self, levels: &[u8]) -> Node {
        Node(
            levels
                .iter()
                .zip(&self.shifts)
                .fold(0, |node, (level, shift)| node | u128::from(*level) << shift),
        )
    }

    #[inline]
    pub(crate) fn level(&self, node: Node, attribute: usize) -> u8 {
        (node.0 >> self.shifts[attribute] & self.masks[attribute]) as u8
    }

    pub(crate) fn levels(&self, node: Node) -> Vec<u8> {
        (0..self.attributes()).map(|attribute| self.level(node, attribute)).collect()
    }

    /// The node with one attribute a level higher.
    pub(crate) fn raise(&self, node: Node, attribute: usize) -> Option<Node> {
        (self.level(node, attribute) < self.heights[attribute])
            .then(|| Node(node.0 + (1_u128 << self.shifts[attribute])))
    }

    /// The node with one attribute a level lower.
    pub(crate) fn lower(&self, node: Node, attribute: usize) -> Option<Node> {
        (self.level(node, attribute) > 0).then(|| Node(node.0 - (1_u128 << self.shifts[attribute])))
    }

    /// Whether each level of `above` is at least that of `below`: `above` is the same or coarser.
    #[inline]
    pub(crate) fn covers(&self, above: Node, below: Node) -> bool {
        ((above.0 | self.guards) - below.0) & self.guards == self.guards
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_lattice_knows_its_size_and_its_neighbours() {
        let lattice = Lattice::new([2, 5, 1]).unwrap();
        assert_eq!((lattice.size(), lattice.attributes()), (10, 3));
        let node = lattice.node(&[1, 3, 0]);
        assert_eq!(lattice.levels(node), [1, 3, 0]);
        assert_eq!(lattice.raise(node, 0), None);
        assert_eq!(lattice.raise(node, 2), None);
        assert_eq!(lattice.levels(lattice.raise(node, 1).unwrap()), [1, 4, 0]);
        assert_eq!(lattice.levels(lattice.lower(node, 0).unwrap()), [0, 3, 0]);
        assert_eq!(lattice.lower(lattice.bottom(), 1), None);
    }

    #[test]
    fn too_many_levels_are_refused() {
        assert!(Lattice::new([8; 32]).is_ok());
        assert_eq!(Lattice::new([8; 33]).unwrap_err(), ProblemError::TooManyLevels { attributes: 33 });
        assert!(Lattice::new([257]).is_err());
    }

    proptest! {
        #[test]
        fn a_node_covers_another_if_it_does_in_every_attribute(pairs in prop::collection::vec((1_u8..9, any::<u8>(), any::<u8>()), 1..20)) {
            let lattice = Lattice::new(pairs.iter().map(|(levels, _, _)| usize::from(*levels))).unwrap();
            let above: Vec<u8> = pairs.iter().map(|(levels, a, _)| a % levels).collect();
            let below: Vec<u8> = pairs.iter().map(|(levels, _, b)| b % levels).collect();
            let expected = above.iter().zip(&below).all(|(a, b)| a >= b);
            prop_assert_eq!(lattice.covers(lattice.node(&above), lattice.node(&below)), expected);
        }
    }
}
