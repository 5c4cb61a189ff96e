//! t-closeness with three distances.

use std::sync::Arc;

use super::{Histogram, SensitiveCriterion};
use crate::hierarchy::Hierarchy;

/// The distribution of the sensitive attribute in each class is within the earth mover's distance t of that in the table (Li, Li and
/// Venkatasubramanian, *t-closeness: privacy beyond k-anonymity and l-diversity*, ICDE 2007).
#[derive(Clone, Debug, PartialEq)]
pub struct TCloseness {
    t: f64,
    distance: Distance,
    tree: Option<Tree>,
}

/// How far two values are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// All values equally far: half the sum of differences (section 4.1).
    Equal,
    /// By the difference of ranks, over the number of values less one (section 4.2). The rank is the order of the attribute's hierarchy file; without
    /// one, of numbers by size and of words by letters.
    Ordered,
    /// By the level of the lowest common ancestor in the attribute's hierarchy, over its height (section 4.3).
    Hierarchical,
}

/// For each level of the hierarchy, from the leaves up, the node that a node of the level below belongs to.
#[derive(Clone, Debug, PartialEq)]
struct Tree {
    parents: Vec<Vec<u32>>,
    nodes: Vec<usize>,
}

impl TCloseness {
    /// A distance from 0 to 1. A hierarchical model is [told](TCloseness::with_hierarchy) its hierarchy later.
    pub fn new(t: f64, distance: Distance) -> Option<TCloseness> {
        (0.0..=1.0).contains(&t).then_some(TCloseness { t, distance, tree: None })
    }

    /// With the hierarchy of the sensitive attribute, whose rows are the codes.
    pub fn with_hierarchy(self, hierarchy: &Arc<Hierarchy>) -> TCloseness {
        let levels = hierarchy.levels();
        let mut parents: Vec<Vec<u32>> =
            (0..levels.saturating_sub(1)).map(|level| hierarchy.parents(level).to_vec()).collect();
        let mut nodes: Vec<usize> = (0..levels).map(|level| hierarchy.labels(level).len()).collect();
        // A hierarchy without a root gets one: mass has to move between any two values.
        if nodes.last().is_some_and(|last| *last > 1) {
            parents.push(vec![0; nodes[levels - 1]]);
            nodes.push(1);
        }
        TCloseness { tree: Some(Tree { parents, nodes }), ..self }
    }

    /// The largest distance.
    pub fn t(&self) -> f64 {
        self.t
    }

    /// How far values are apart.
    pub fn distance(&self) -> Distance {
        self.distance
    }
}

impl SensitiveCriterion for TCloseness {
    fn figure(&self, class: &Histogram<'_>) -> f64 {
        match (&self.distance, &self.tree) {
            (Distance::Equal, _) => equal(class),
            (Distance::Ordered, _) => ordered(class),
            (Distance::Hierarchical, Some(tree)) => tree.distance(class),
            // No distance is known, so none is small enough.
            (Distance::Hierarchical, None) => f64::INFINITY,
        }
    }

    fn satisfied(&self, figure: f64) -> bool {
        // A sum of rounded differences may miss the bound that it equals.
        figure <= self.t + 1e-12
    }

    fn larger_is_worse(&self) -> bool {
        true
    }
}

/// Half the sum of |q - p|: that over the values that the class has more of, since both sum to 1.
fn equal(class: &Histogram<'_>) -> f64 {
    class.shares().map(|(code, q)| (q - class.table_share(code)).max(0.0)).sum()
}

/// The sum over the ranks of |sum of q - p up to there|, over the number of values less one.
fn ordered(class: &Histogram<'_>) -> f64 {
    if class.table.len() < 2 {
        return 0.0;
    }
    let mut present = class.shares().peekable();
    let (mut moved, mut distance) = (0.0, 0.0_f64);
    for code in 0..class.table.len() as u32 {
        let q = present.next_if(|(at, _)| *at == code).map_or(0.0, |(_, q)| q);
        moved += q - class.table_share(code);
        distance += f64::abs(moved);
    }
    distance / (class.table.len() - 1) as f64
}

impl Tree {
    /// At each inner node the smaller of what its children have too much and too little moves between them, at the cost of the node's height over the
    /// tree's; what is left moves further up.
    fn distance(&self, class: &Histogram<'_>) -> f64 {
        let mut extra: Vec<f64> =
            (0..class.table.len() as u32).map(|code| -class.table_share(code)).collect();
        class.shares().for_each(|(code, q)| extra[code as usize] += q);
        let height = self.parents.len().max(1) as f64;
        let mut cost = 0.0;
        for (level, parents) in self.parents.iter().enumerate() {
            let nodes = self.nodes[level + 1];
            let (mut surplus, mut deficit) = (vec![0.0; nodes], vec![0.0; nodes]);
            for (node, parent) in extra.iter().zip(parents) {
                if *node > 0.0 {
                    surplus[*parent as usize] += node
                } else {
                    deficit[*parent as usize] -= node
                }
            }
            let moved: f64 = surplus.iter().zip(&deficit).map(|(more, less)| f64::min(*more, *less)).sum();
            cost += moved * (level + 1) as f64 / height;
            extra = surplus.iter().zip(&deficit).map(|(more, less)| more - less).collect();
        }
        cost
    }
}

#[cfg(test)]
mod tests {
    use super::super::histogram::testing::with;
    use super::*;

    fn distance(distance: Distance, class: &[u32], table: &[u64]) -> f64 {
        with(class, table, |class| TCloseness::new(1.0, distance).unwrap().figure(class))
    }

    /// Li et al. 2007, section 4.2: salaries 3k to 11k, each once in the table; {3k, 4k, 5k} is 0.375 away and {6k, 8k, 11k} 0.167.
    #[test]
    fn li_2007_salaries() {
        let table = [1; 9];
        let figure = distance(Distance::Ordered, &[1, 1, 1, 0, 0, 0, 0, 0, 0], &table);
        assert!((figure - 0.375).abs() < 1e-12);
        let figure = distance(Distance::Ordered, &[0, 0, 0, 1, 0, 1, 0, 0, 1], &table);
        assert!((figure - 1.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn with_equal_distance_it_is_total_variation() {
        let figure = distance(Distance::Equal, &[2, 0, 0, 2], &[1, 1, 1, 1]);
        assert!((figure - 0.5).abs() < 1e-12);
        assert_eq!(distance(Distance::Equal, &[1, 1, 1, 1], &[5, 5, 5, 5]), 0.0);
    }

    #[test]
    fn in_a_hierarchy_near_values_are_cheap_to_move_between() {
        let row = |value: &str, group: &str| vec![value.to_owned(), group.to_owned(), "*".to_owned()];
        let rows = vec![row("a", "ab"), row("b", "ab"), row("c", "cd"), row("d", "cd")];
        let tree = Arc::new(Hierarchy::from_rows(rows).unwrap());
        let model = TCloseness::new(1.0, Distance::Hierarchical).unwrap().with_hierarchy(&tree);
        let figure = |class: &[u32]| with(class, &[1, 1, 1, 1], |class| model.figure(class));
        // A quarter moves within each pair, at half the height.
        assert!((figure(&[1, 0, 1, 0]) - 0.25).abs() < 1e-12);
        // In the pair a, b nothing is left to move, so half goes over the root.
        assert!((figure(&[1, 1, 0, 0]) - 0.5).abs() < 1e-12);
        // A quarter of a's surplus goes to b at half the height, half over the root.
        assert!((figure(&[1, 0, 0, 0]) - (0.125 + 0.5)).abs() < 1e-12);
    }

    #[test]
    fn without_a_hierarchy_the_hierarchical_distance_holds_for_nothing() {
        let model = TCloseness::new(1.0, Distance::Hierarchical).unwrap();
        assert!(!with(&[1, 1], &[1, 1], |class| model.holds(class)));
    }
}
