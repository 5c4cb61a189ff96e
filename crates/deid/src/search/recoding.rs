//! A transformation, ready to be applied to records.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::key::{Key, Layout};
use super::problem::Problem;
use crate::hierarchy::Hierarchy;

/// How each record of the table is generalised: to the same levels everywhere, or to the levels of its region.
#[derive(Clone)]
pub struct Recoding {
    hierarchies: Vec<Arc<Hierarchy>>,
    layout: Layout,
    scheme: Scheme,
}

#[derive(Clone)]
enum Scheme {
    /// One level for each attribute, but for classes that are suppressed.
    Global { levels: Vec<u8>, suppressed: SuppressedClasses },
    /// For each tuple of the table its region, and the levels of each region.
    Local { regions: Regions, levels: Vec<Box<[u8]>> },
}

/// Classes by the tuple of their labels.
#[derive(Clone)]
pub(crate) enum SuppressedClasses {
    Narrow(HashSet<u64, FixedState>),
    Wide(HashSet<u128, FixedState>),
}

/// The number of the region of each tuple of the table.
#[derive(Clone)]
pub(crate) enum Regions {
    Narrow(HashMap<u64, u32, FixedState>),
    Wide(HashMap<u128, u32, FixedState>),
}

impl From<Vec<u64>> for SuppressedClasses {
    fn from(classes: Vec<u64>) -> SuppressedClasses {
        SuppressedClasses::Narrow(classes.into_iter().collect())
    }
}

impl From<Vec<u128>> for SuppressedClasses {
    fn from(classes: Vec<u128>) -> SuppressedClasses {
        SuppressedClasses::Wide(classes.into_iter().collect())
    }
}

impl From<Vec<(u64, u32)>> for Regions {
    fn from(regions: Vec<(u64, u32)>) -> Regions {
        Regions::Narrow(regions.into_iter().collect())
    }
}

impl From<Vec<(u128, u32)>> for Regions {
    fn from(regions: Vec<(u128, u32)>) -> Regions {
        Regions::Wide(regions.into_iter().collect())
    }
}

impl Recoding {
    pub(crate) fn new(problem: &Problem, levels: &[u8], suppressed: SuppressedClasses) -> Recoding {
        Recoding::of(problem, Scheme::Global { levels: levels.to_vec(), suppressed })
    }

    pub(crate) fn local(problem: &Problem, regions: Regions, levels: Vec<Box<[u8]>>) -> Recoding {
        Recoding::of(problem, Scheme::Local { regions, levels })
    }

    fn of(problem: &Problem, scheme: Scheme) -> Recoding {
        Recoding {
            hierarchies: problem
                .attributes
                .iter()
                .map(|attribute| Arc::clone(&attribute.hierarchy))
                .collect(),
            layout: problem.tuples.layout.clone(),
            scheme,
        }
    }

    /// The levels to which a record with these codes is generalised, attribute by attribute; `None` if it is suppressed. A record that was not in the
    /// table that was searched is suppressed by a local recoding; a global one takes it for kept unless its class is suppressed.
    pub fn levels(&self, codes: &[u32]) -> Option<&[u8]> {
        match &self.scheme {
            Scheme::Global { levels, suppressed } => {
                let lifted =
                    codes.iter().zip(levels).zip(&self.hierarchies).map(|((code, level), hierarchy)| {
                        hierarchy.codes(usize::from(*level))[*code as usize]
                    });
                let gone = match suppressed {
                    SuppressedClasses::Narrow(classes) => {
                        !classes.is_empty() && classes.contains(&pack(&self.layout, lifted))
                    }
                    SuppressedClasses::Wide(classes) => {
                        !classes.is_empty() && classes.contains(&pack(&self.layout, lifted))
                    }
                };
                (!gone).then_some(levels)
            }
            Scheme::Local { regions, levels } => {
                let codes = codes.iter().copied();
                let region = match regions {
                    Regions::Narrow(regions) => regions.get(&pack(&self.layout, codes)),
                    Regions::Wide(regions) => regions.get(&pack(&self.layout, codes)),
                };
                region.map(|region| &*levels[*region as usize])
            }
        }
    }

    /// The label of a value at a level.
    pub fn label(&self, attribute: usize, level: u8, code: u32) -> &str {
        let (hierarchy, level) = (&self.hierarchies[attribute], usize::from(level));
        &hierarchy.labels(level)[hierarchy.codes(level)[code as usize] as usize]
    }

    /// The code of a value, if the attribute's hierarchy has it.
    pub fn code(&self, attribute: usize, value: &str) -> Option<u32> {
        self.hierarchies[attribute].code(value)
    }

    /// How many quasi-identifiers there are.
    pub fn attributes(&self) -> usize {
        self.hierarchies.len()
    }
}

fn pack<K: Key>(layout: &Layout, codes: impl IntoIterator<Item = u32>) -> K {
    layout.pack(codes)
}

/// Counts only: labels may be patient data.
impl std::fmt::Debug for Recoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recoding").field("attributes", &self.hierarchies.len()).finish_non_exhaustive()
    }
}
