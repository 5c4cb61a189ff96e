//! The optimum over the lattice, proven.
//!
//! # Method
//! Let `L(x)` be what node `x` costs if nothing is suppressed: a sum of tabulated numbers, one for each attribute, that grows upwards. A node costs at least
//! `L(x)`. And if at a checked node `n` some records violate a row-monotone model, they do so at every `x` below it; so `x` costs at least `L(x)` plus `G(n)`,
//! which is what suppressing them costs at `n` beyond generalising them (below `n` generalising them costs no more, so suppressing them costs no less). If they are more than may be suppressed, no node
//! below `n` is a solution.
//!
//! Nodes are taken in ascending order of `L`. For each that no checked node rules out, the chain from it to the top that raises `L` least is searched by
//! bisection for the highest node that rules it out, since that one rules out most others too. The last node of the chain that does not is often a solution. The search ends when `L`
//! exceeds the best score: then no node that is left can be better, and the optimum is proven. This generalises the path search of Flash (Kohlmayer, Prasser, Eckert,
//! Kemper and Kuhn, *Flash: efficient, stable and optimal k-anonymity*, PASSAT 2012) by the bound `G`, without which a search that may suppress
//! everything has to look at most of the lattice.
//!
//! Of equally good nodes the one with fewer suppressed records wins, then the one with lower levels, attribute by attribute: the outcome depends neither on threads nor on timing.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::check::{Checked, Checker, Scratch};
use super::key::Key;
use super::lattice::Node;
use super::tuples::Entries;

/// How a search is carried out. Without a stop none of it changes the outcome.
pub struct Effort<'a> {
    /// Worker threads.
    pub threads: NonZeroUsize,
    /// Memory for grouped tables that are kept to start from, in bytes.
    pub memory: usize,
    /// Asked before each check: `true` ends the search with the best that was found and a bound on what was missed.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Told how many nodes are checked.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// What came of a search.
pub(crate) struct Found {
    pub(crate) best: Option<Arc<Checked>>,
    /// Nodes that were grouped and judged.
    pub(crate) checked: u64,
    /// Whether nothing better is left.
    pub(crate) proven: bool,
    /// No node scores less than this.
    pub(crate) bound: f64,
    /// Other solutions that were checked, best first.
    pub(crate) others: Vec<Arc<Checked>>,
}

/// Scores closer than this are settled by checking, since bounds and scores are rounded differently.
const SLACK: f64 = 1e-9;
/// Grouped tables that are kept at most: each check looks through all of them for the best to start from.
const MOST_TABLES: usize = 1024;
/// Nodes that may be passed over between two looks at whether to stop.
const STOP_EVERY: u64 = 4096;
/// Solutions beside the best that are remembered.
const OTHERS: usize = 8;

struct Shared<K> {
    frontier: BinaryHeap<Reverse<Waiting>>,
    best: Option<Arc<Checked>>,
    checked: HashMap<Node, Arc<Checked>, foldhash::fast::FixedState>,
    barriers: Vec<Barrier>,
    tables: Vec<(Node, Arc<Entries<K>>)>,
    table_bytes: usize,
    stopped: bool,
}

/// A node whose turn will come.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// `L`, before it is made a score.
    total: f64,
    node: Node,
    /// Only this attribute and later ones are raised from here, so that each node is reached once.
    from: u8,
}

/// A checked node that rules out nodes below it.
struct Barrier {
    node: Node,
    /// Whether too many records violate: nothing below is a solution.
    absolute: bool,
    growth: Option<f64>,
    extra: Arc<Checked>,
}

pub(crate) struct Search<'a, K> {
    checker: &'a Checker<'a>,
    sums_cells: bool,
    effort: &'a Effort<'a>,
    parts: Vec<Vec<f64>>,
    shared: Mutex<Shared<K>>,
}

impl<'a, K: Key> Search<'a, K> {
    pub(crate) fn new(
        checker: &'a Checker<'a>,
        sums_cells: bool,
        table: Arc<Entries<K>>,
        effort: &'a Effort<'a>,
    ) -> Search<'a, K> {
        let (lattice, costs) = (checker.lattice, checker.costs);
        let parts: Vec<Vec<f64>> = (0..lattice.attributes())
            .map(|a| (0..=lattice.heights[a]).map(|level| costs.part(a, costs.base(a, level))).collect())
            .collect();
        let bottom = lattice.bottom();
        let total = parts.iter().map(|parts| parts[0]).sum();
        let shared = Shared {
            frontier: BinaryHeap::from([Reverse(Waiting { total, node: bottom, from: 0 })]),
            best: None,
            checked: HashMap::default(),
            barriers: Vec::new(),
            tables: vec![(bottom, table)],
            table_bytes: 0,
            stopped: false,
        };
        Search { checker, sums_cells, effort, parts, shared: Mutex::new(shared) }
    }

    /// Searches until the optimum is proven, or the effort says stop.
    pub(crate) fn run(self) -> Found {
        self.start();
        std::thread::scope(|scope| {
            for _ in 1..self.effort.threads.get() {
                scope.spawn(|| self.work());
            }
            self.work();
        });
        self.finish()
    }

    /// Finds a good solution to begin with: one on a chain through the lattice, and from there downhill.
    fn start(&self) {
        let mut scratch = Scratch::default();
        let lattice = self.checker.lattice;
        // The coarsest node is most often a solution: whoever has no time for more gets that.
        self.look_at(lattice.node(&lattice.heights), &mut scratch);
        self.resolve(lattice.bottom(), &mut scratch);
        while let Some(best) = { self.lock().best.clone() } {
            for attribute in 0..self.checker.lattice.attributes() {
                for neighbour in [lattice.lower(best.node, attribute), lattice.raise(best.node, attribute)] {
                    if let Some(node) = neighbour
                        && !self.ruled_out(&self.lock(), node, self.total(node))
                    {
                        self.check(node, &mut scratch);
                    }
                }
            }
            let shared = self.lock();
            if shared.stopped || shared.best.as_ref().is_some_and(|now| now.node == best.node) {
                return;
            }
        }
    }

    fn work(&self) {
        let mut scratch = Scratch::default();
        while let Some(waiting) = self.next() {
            self.resolve(waiting.node, &mut scratch);
            let mut shared = self.lock();
            if shared.stopped {
                // It may not be settled, so what is left begins with it.
                shared.frontier.push(Reverse(waiting));
                return;
            }
        }
    }

    /// The next node that is not ruled out.
    fn next(&self) -> Option<Waiting> {
        let mut shared = self.lock();
        for passed in 1_u64.. {
            let Reverse(waiting) = *shared.frontier.peek()?;
            // In a large lattice millions of nodes may be ruled out before one is to be checked.
            if passed % STOP_EVERY == 0 && (self.effort.stop)() {
                shared.stopped = true;
            }
            if shared.stopped || (self.sums_cells && self.exceeds_best(&shared, waiting.total)) {
                return None;
            }
            shared.frontier.pop();
            self.push_coarser(&mut shared, waiting);
            let known = shared.checked.contains_key(&waiting.node);
            if !known && !self.ruled_out(&shared, waiting.node, waiting.total) {
                return Some(waiting);
            }
        }
        None
    }

    fn push_coarser(&self, shared: &mut Shared<K>, waiting: Waiting) {
        let lattice = self.checker.lattice;
        for attribute in usize::from(waiting.from)..lattice.attributes() {
            if let Some(node) = lattice.raise(waiting.node, attribute) {
                let level = usize::from(lattice.level(node, attribute));
                let parts = &self.parts[attribute];
                let total = waiting.total - parts[level - 1] + parts[level];
                shared.frontier.push(Reverse(Waiting { total, node, from: attribute as u8 }));
            }
        }
    }

    fn exceeds_best(&self, shared: &Shared<K>, total: f64) -> bool {
        let score = self.checker.costs.score(total);
        shared.best.as_ref().and_then(|best| best.score).is_some_and(|best| score > best + SLACK)
    }

    /// Whether a checked node shows that `node` is no solution, or a worse one than the best.
    fn ruled_out(&self, shared: &Shared<K>, node: Node, total: f64) -> bool {
        // The latest barriers are the nearest ones.
        shared.barriers.iter().rev().any(|barrier| self.rules_out(shared, barrier, node, total))
            || (!self.sums_cells && self.above_floor(shared, node))
    }

    fn rules_out(&self, shared: &Shared<K>, barrier: &Barrier, node: Node, total: f64) -> bool {
        let lattice = self.checker.lattice;
        if !lattice.covers(barrier.node, node) {
            return false;
        }
        if barrier.absolute {
            return true;
        }
        let Some(best) = shared.best.as_ref().and_then(|best| best.score) else { return false };
        if !self.sums_cells {
            return self.checker.costs.suppression_bound(barrier.extra.small, self.checker.criteria.k)
                > best * (1.0 + SLACK);
        }
        let growth = barrier.growth.unwrap_or_else(|| {
            let base = (0..lattice.attributes()).map(|a| self.checker.costs.base(a, lattice.level(node, a)));
            self.checker.costs.growth(base, &barrier.extra.extra)
        });
        self.checker.costs.score(total + growth) > best + SLACK
    }

    /// For metrics of class sizes: whether a finer node that was checked shows that `node` is worse than the best.
    fn above_floor(&self, shared: &Shared<K>, node: Node) -> bool {
        let Some(best) = shared.best.as_ref().and_then(|best| best.score) else { return false };
        // Of a node that failed for its population, the classes were not counted.
        let counted = shared.checked.values().filter(|checked| checked.all_classes > 0);
        counted.into_iter().any(|checked| {
            self.checker.lattice.covers(node, checked.node)
                && self.checker.costs.floor_above(checked.squares_of_all, checked.all_classes)
                    > best * (1.0 + SLACK)
        })
    }

    /// Checks `node`, or coarser nodes that rule it out.
    fn resolve(&self, node: Node, scratch: &mut Scratch) {
        let (chain, total) = (self.chain(node), self.total(node));
        let (mut rules_out, mut does_not) = (0, chain.len());
        // INVARIANT: chain[..rules_out] has a node that rules `node` out as its last, chain[does_not] does not.
        while rules_out < does_not {
            let middle = rules_out + (does_not - rules_out) / 2;
            let Some(checked) = self.check(chain[middle], scratch) else { return };
            let shared = self.lock();
            let barrier = self.barrier(&checked);
            if barrier.is_some_and(|barrier| self.rules_out(&shared, &barrier, node, total)) {
                rules_out = middle + 1;
            } else {
                does_not = middle;
            }
        }
    }

    /// From `node` to the top, raising the attribute that costs least each time.
    fn chain(&self, node: Node) -> Vec<Node> {
        let lattice = self.checker.lattice;
        let mut chain = vec![node];
        let mut at = node;
        let rise = |at: Node, attribute: usize| {
            let level = usize::from(lattice.level(at, attribute));
            self.parts[attribute].get(level + 1).map(|part| part - self.parts[attribute][level])
        };
        while let Some((_, attribute)) = (0..lattice.attributes())
            .filter_map(|attribute| rise(at, attribute).map(|rise| (rise, attribute)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
        {
            at = lattice.raise(at, attribute).expect("the attribute has a part one level higher");
            chain.push(at);
        }
        chain
    }

    fn total(&self, node: Node) -> f64 {
        let lattice = self.checker.lattice;
        (0..lattice.attributes()).map(|a| self.parts[a][usize::from(lattice.level(node, a))]).sum()
    }

    fn barrier(&self, checked: &Arc<Checked>) -> Option<Barrier> {
        let absolute = self.checker.criteria.excludes_finer(checked.suppressed, checked.small);
        (absolute || checked.small > 0).then(|| Barrier {
            node: checked.node,
            absolute,
            growth: self.checker.costs.linear_growth(&checked.extra),
            extra: Arc::clone(checked),
        })
    }

    /// Groups and judges a node, unless that was done before. `None` if the search is to stop.
    fn check(&self, node: Node, scratch: &mut Scratch) -> Option<Arc<Checked>> {
        {
            let mut shared = self.lock();
            if shared.stopped || (self.effort.stop)() {
                shared.stopped = true;
                return None;
            }
        }
        Some(self.look_at(node, scratch))
    }

    /// Groups and judges a node, unless that was done before, even if the search is to stop.
    fn look_at(&self, node: Node, scratch: &mut Scratch) -> Arc<Checked> {
        let (from, source) = {
            let shared = self.lock();
            if let Some(checked) = shared.checked.get(&node) {
                return Arc::clone(checked);
            }
            let covered = shared.tables.iter().filter(|(from, _)| self.checker.lattice.covers(node, *from));
            let (from, table) =
                covered.min_by_key(|(_, table)| table.len()).expect("the table itself is below every node");
            (*from, Arc::clone(table))
        };
        let table = match from == node {
            true => Arc::clone(&source),
            false => Arc::new(self.checker.roll_up(from, &source, node, scratch)),
        };
        let checked = Arc::new(self.checker.check(node, &table, scratch));
        let mut shared = self.lock();
        if shared.checked.insert(node, Arc::clone(&checked)).is_some() {
            return checked;
        }
        self.keep(&mut shared, node, &source, table);
        shared.barriers.extend(self.barrier(&checked));
        if checked.score.is_some()
            && shared.best.as_ref().is_none_or(|best| self.order(&checked, best).is_lt())
        {
            shared.best = Some(Arc::clone(&checked));
        }
        (self.effort.progress)(shared.checked.len() as u64);
        checked
    }

    /// Keeps a grouped table if later nodes will be cheaper to group from it than from where it came from.
    fn keep(&self, shared: &mut Shared<K>, node: Node, source: &Entries<K>, table: Arc<Entries<K>>) {
        let bytes = table.bytes();
        let smaller = table.len() * 5 < source.len() * 4;
        if smaller && shared.tables.len() < MOST_TABLES && shared.table_bytes + bytes <= self.effort.memory {
            shared.table_bytes += bytes;
            shared.tables.push((node, table));
        }
    }

    /// Better solutions first.
    fn order(&self, a: &Checked, b: &Checked) -> Ordering {
        let score = |checked: &Checked| checked.score.unwrap_or(f64::INFINITY);
        let levels = |checked: &Checked| self.checker.lattice.levels(checked.node);
        (score(a).total_cmp(&score(b)))
            .then(a.suppressed.cmp(&b.suppressed))
            .then_with(|| levels(a).cmp(&levels(b)))
    }

    fn finish(self) -> Found {
        let mut bound = f64::INFINITY;
        {
            let mut shared = self.lock();
            let best = shared.best.as_ref().and_then(|best| best.score);
            let mut passed = 0;
            while shared.stopped
                && let Some(Reverse(waiting)) = shared.frontier.pop()
            {
                passed += 1;
                self.push_coarser(&mut shared, waiting);
                // Whoever stops wants an answer now: what is left begins here at the earliest.
                if passed == STOP_EVERY
                    || !self.ruled_out(&shared, waiting.node, waiting.total)
                        && !shared.checked.contains_key(&waiting.node)
                {
                    bound = if self.sums_cells { self.checker.costs.score(waiting.total) } else { 0.0 };
                    break;
                }
            }
            bound = best.map_or(bound, |best| bound.min(best));
        }
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others: Vec<Arc<Checked>> =
            shared.checked.values().filter(|checked| checked.score.is_some()).cloned().collect();
        others.sort_by(|a, b| self.order(a, b));
        others = others.into_iter().skip(1).take(OTHERS).collect();
        let proven = match shared.best.as_ref().and_then(|best| best.score) {
            Some(best) => !shared.stopped || bound >= best,
            None => !shared.stopped,
        };
        Found { best: shared.best.clone(), checked: shared.checked.len() as u64, proven, bound, others }
    }

    fn lock(&self) -> MutexGuard<'_, Shared<K>> {
        // A worker that panicked leaves what it had finished; the panic itself is passed on when the scope ends.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> Ordering {
        self.total.total_cmp(&other.total).then(self.node.cmp(&other.node))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}
