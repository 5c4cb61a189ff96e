//! Which rule governs which element: rules compiled over the model into an automaton that reads property names.
//!
//! # Semantics
//! **The first rule that matches an element or anything above it, within its resource, governs the element.** So
//! `nodesByType('Address').country` *keep* before `nodesByType('Address')` *redact* keeps the country of a redacted address,
//! and the other way round it does not. This is what the FHIR anonymizer of Microsoft documents (rules run in order; what a rule has
//! processed, with all below it, is left alone by later ones), said without the order of execution. Rules do not reach through the root of a
//! contained resource or Bundle entry, which is processed on its own; one that names its very place, such as `Patient.contained`, governs it
//! like a rule of its own.
//!
//! # Construction
//! Each alternative of each rule's path is a chain of steps; a *position* is a step that waits for a child. A state is the node's
//! type, the positions that live there and the governing rule so far: the subset construction over FHIR's types. States and
//! edges come into being when data first takes them, so that a run pays for the few hundred that it meets. Positions whose rule
//! can no longer win are dropped, which keeps the states few.

use std::collections::HashMap;
use std::sync::Arc;

use medveil_deid::kind::Kind;

use super::model::{Category, Model, TypeId};
use super::name::Name;
use super::path::{Criteria, Path, Step};
use super::recurring::Recurring;

/// A rule's place in the plan's list of FHIR rules.
pub type RuleId = u32;

/// A state of the [`Automaton`].
pub type StateId = u32;

/// What a rule does, as far as the structure is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleEffect {
    /// Elements stay as they are.
    Keep,
    /// Elements go, whatever they hold.
    Remove,
    /// Values are transformed one by one, if their type is of the scope.
    Apply(Scope),
}

/// The types that an action can read; an element of another type stays unmatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Any,
    /// `date`, `dateTime`, `instant`.
    Dates,
    /// `decimal`, `integer` and its kin.
    Numbers,
}

/// What happens to what no rule governs, or the model does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// It is not released.
    Drop,
    /// It is released.
    Keep,
}

/// Compiled rules.
#[derive(Debug)]
pub struct Program {
    model: &'static Model,
    steps: Vec<Instruction>,
    /// The rule that each step belongs to.
    rules: Vec<RuleId>,
    starts: Vec<u32>,
    effects: Vec<RuleEffect>,
    unmatched: Policy,
    unknown: Policy,
}

#[derive(Debug)]
enum Instruction {
    Step(Step),
    Accept,
}

impl Program {
    /// Compiles rules, in order of precedence.
    pub fn new(rules: &[(Path, RuleEffect)], unmatched: Policy, unknown: Policy) -> Program {
        let mut program = Program {
            model: Model::r4(),
            steps: Vec::new(),
            rules: Vec::new(),
            starts: Vec::new(),
            effects: rules.iter().map(|(_, effect)| *effect).collect(),
            unmatched,
            unknown,
        };
        for (rule, (path, _)) in (0..).zip(rules) {
            for steps in &path.alternatives {
                program.starts.push(index(program.steps.len()));
                program.steps.extend(steps.iter().cloned().map(Instruction::Step));
                program.steps.push(Instruction::Accept);
                program.rules.resize(program.steps.len(), rule);
            }
        }
        program
    }

    /// How many rules there are.
    pub fn rule_count(&self) -> usize {
        self.effects.len()
    }

    /// What becomes of a value of this type under its governing rule.
    fn effect(&self, govern: Option<RuleId>, ty: TypeId) -> RuleEffect {
        let unmatched = match self.unmatched {
            Policy::Drop => RuleEffect::Remove,
            Policy::Keep => RuleEffect::Keep,
        };
        match govern.map(|rule| self.effects[rule as usize]) {
            None => unmatched,
            Some(RuleEffect::Apply(scope)) if !scope.contains(self.model.instance_name(ty)) => unmatched,
            Some(effect) => effect,
        }
    }

    /// Follows position `at` into a node, without leaving the node.
    fn enter(&self, at: u32, node: &Node<'_>, entered: &mut Entered) {
        let Instruction::Step(step) = &self.steps[at as usize] else {
            let rule = self.rules[at as usize];
            entered.govern = Some(entered.govern.map_or(rule, |govern| govern.min(rule)));
            return;
        };
        let here = match step {
            Step::OfType(ty) => self.model.is_a(node.ty, *ty),
            Step::Child(_) | Step::Children | Step::Descendants => {
                entered.live.push(at);
                false
            }
            Step::NodesByType(name) => {
                entered.live.push(at);
                self.model.instance_name(node.ty) == name
            }
            Step::NodesByName(name) => {
                entered.live.push(at);
                node.is_named(name)
            }
            Step::Where(_) => {
                entered.pending.push(at);
                false
            }
        };
        if here {
            self.enter(at + 1, node, entered);
        }
    }

    /// Follows position `at` of the parent to a child.
    fn advance(&self, at: u32, child: &Node<'_>, entered: &mut Entered) {
        let Instruction::Step(step) = &self.steps[at as usize] else { return };
        match step {
            Step::Child(name) if child.is_named(name) => self.enter(at + 1, child, entered),
            Step::Children => self.enter(at + 1, child, entered),
            Step::Descendants => {
                entered.live.push(at);
                self.enter(at + 1, child, entered);
            }
            Step::NodesByType(_) | Step::NodesByName(_) => self.enter(at, child, entered),
            Step::Child(_) | Step::OfType(_) | Step::Where(_) => {}
        }
    }

    fn criteria(&self, at: u32) -> &Criteria {
        match &self.steps[at as usize] {
            Instruction::Step(Step::Where(criteria)) => criteria,
            _ => unreachable!("only criteria wait in `pending`"),
        }
    }
}

impl Scope {
    fn contains(self, ty: &str) -> bool {
        match self {
            Scope::Any => true,
            Scope::Dates => matches!(ty, "date" | "dateTime" | "instant"),
            Scope::Numbers => matches!(ty, "decimal" | "integer" | "unsignedInt" | "positiveInt"),
        }
    }
}

/// A node as far as paths look at it.
struct Node<'a> {
    ty: TypeId,
    property: &'a str,
    name: &'a str,
}

impl Node<'_> {
    fn is_named(&self, name: &str) -> bool {
        self.name == name || self.property == name
    }
}

/// The positions that reach a node.
#[derive(Default)]
struct Entered {
    live: Vec<u32>,
    pending: Vec<u32>,
    govern: Option<RuleId>,
}

/// What identifies a state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    ty: TypeId,
    part: Part,
    role: Role,
    form: Form,
    live: Box<[u32]>,
    pending: Box<[u32]>,
    govern: Option<RuleId>,
}

/// Which JSON a node is seen in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    /// Its value.
    Value,
    /// The `_` sibling of a primitive, which holds its id and extensions.
    Sibling,
}

/// What a node is to the record, beside its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Nothing particular.
    None,
    /// The resource's own id.
    Id,
    /// The reference object that may name the patient; the smallest number wins.
    Subject(u8),
    /// The text in it.
    SubjectReference(u8),
    /// `meta`.
    Meta,
    /// `meta.security`.
    Security,
}

/// How the text of a value is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// In no way that matters.
    Plain,
    /// A reference or url, of which only the id is an identifier.
    Reference,
    /// The day of a birth.
    BirthDate,
    /// Another date, with or without a time.
    Date,
    /// The figure of an age.
    Age,
    /// A postcode.
    Postcode,
}

impl Form {
    /// The kinds that FHIR's types and elements tell, for actions that treat a value by what it is.
    pub const KINDS: [Kind; 4] = [Kind::BirthDate, Kind::EventDate, Kind::Age, Kind::Postcode];

    /// The kind of the value, where the type or the element tells.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Form::Plain | Form::Reference => None,
            Form::BirthDate => Some(Kind::BirthDate),
            Form::Date => Some(Kind::EventDate),
            Form::Age => Some(Kind::Age),
            Form::Postcode => Some(Kind::Postcode),
        }
    }
}

/// What to do with a node in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays with all below it.
    Keep,
    /// It goes with all below it.
    Remove,
    /// It is looked into.
    Walk,
    /// A value that stays, if it is one.
    Value,
    /// A value that is transformed by a rule.
    Apply(RuleId),
    /// Criteria must be decided first: see [`Automaton::resolve`].
    Undecided,
}

/// An edge: a property of objects in a state.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// Numbers the edges of one state in the order they were first met.
    pub number: u32,
    /// Where it leads; a placeholder for [`Target::Resource`].
    pub child: StateId,
    /// What to do with what stands there: that of `child`, nearer.
    pub verdict: Verdict,
    /// What it is to the record: that of `child`, nearer.
    pub role: Role,
    /// What stands there.
    pub target: Target,
    /// Whether the object is invalid without it.
    pub required: bool,
    /// Whether an object of which only such properties are left is invalid.
    pub inert: bool,
}

/// What stands behind an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An element.
    Element,
    /// The `_` sibling of a primitive.
    Sibling,
    /// `resourceType`.
    ResourceType,
    /// A resource of its own, as in a Bundle entry.
    Resource,
    /// A contained resource, part of the record around it.
    Contained,
}

#[derive(Debug)]
struct State {
    key: Key,
    verdict: Verdict,
    mismatch: Policy,
    /// Open addressing; a power of two of slots, at most half of them taken.
    table: Vec<Option<Slot>>,
    branches: Vec<Branch>,
    /// The names of the branches.
    names: Vec<Box<[u8]>>,
    /// The branch that an object began with last.
    first: u32,
    /// Objects and lists that were met here and in which nothing changes.
    recurring: [Recurring; 2],
}

/// A name and the branch that has it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    name: Name,
    branch: u32,
}

/// An edge with its key. Objects of one state mostly have the same members in the same order, so that one comparison
/// with the key that is expected next spares reading and looking up most of them. Each fills a line of the processor's cache.
#[derive(Debug)]
#[repr(align(64))]
struct Branch {
    edge: Edge,
    /// The branch that followed last.
    next: u32,
    /// How long `spelling` is; 0 where it would not fit.
    length: u32,
    /// `"name":`, and zeros.
    spelling: Spelling,
}

/// Bytes as words, which compare in few steps.
type Spelling = [u64; SPELLING / 8];

/// The longest key that is compared at once; of the keys of FHIR R4 few are longer.
const SPELLING: usize = 32;

/// For each length, ones where a spelling of this length has a byte.
static MASKS: [Spelling; SPELLING + 1] = {
    let mut masks = [[0; SPELLING / 8]; SPELLING + 1];
    let mut length = 1;
    while length <= SPELLING {
        masks[length] = masks[length - 1];
        masks[length][(length - 1) / 8] |= 0xff << ((length - 1) % 8 * 8);
        length += 1;
    }
    masks
};

/// The bytes in words, the first of them lowest.
#[inline]
fn words(bytes: &[u8; SPELLING]) -> Spelling {
    let (words, _) = bytes.as_chunks();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

/// No branch.
pub const NO_EDGE: u32 = u32::MAX;

/// Bytes of memory that may be taken for what recurs; real data take a fraction.
const REMEMBERED: usize = 8 << 20;

/// The states that one thread's data has met.
#[derive(Debug)]
pub struct Automaton {
    program: Arc<Program>,
    states: Vec<State>,
    by_key: HashMap<Key, StateId>,
    /// Bytes of memory taken for what recurs.
    remembered: usize,
    /// The states of resources by themselves, by type.
    tops: Vec<Option<StateId>>,
    roots: HashMap<(StateId, TypeId), StateId>,
}

impl Automaton {
    /// An automaton that has met nothing yet.
    pub fn new(program: Arc<Program>) -> Automaton {
        let tops = vec![None; program.model.types().count()];
        Automaton {
            program,
            states: Vec::new(),
            by_key: HashMap::new(),
            remembered: 0,
            tops,
            roots: HashMap::new(),
        }
    }

    /// The state at the root of a resource; `inside` is the placeholder of the edge that it hangs on.
    pub fn root(&mut self, ty: TypeId, inside: Option<StateId>) -> StateId {
        let known = match inside {
            None => self.tops[ty.index()],
            Some(inside) => self.roots.get(&(inside, ty)).copied(),
        };
        if let Some(state) = known {
            return state;
        }
        let node = Node { ty, property: "", name: "" };
        // A rule that names the place of the resource governs it; one that governs something above does not.
        let mut entered = Entered { govern: inside.and_then(|s| self.key(s).govern), ..Entered::default() };
        for start in &self.program.starts {
            self.program.enter(*start, &node, &mut entered);
        }
        let state = self.intern(ty, Part::Value, Role::None, Form::Plain, entered);
        match inside {
            None => self.tops[ty.index()] = Some(state),
            Some(inside) => {
                self.roots.insert((inside, ty), state);
            }
        }
        state
    }

    /// What to do with a node in this state.
    #[inline]
    pub fn verdict(&self, state: StateId) -> Verdict {
        self.states[state as usize].verdict
    }

    /// What becomes of JSON that has not the shape of its type.
    pub fn mismatch(&self, state: StateId) -> Policy {
        self.states[state as usize].mismatch
    }

    /// What the node is to the record.
    #[inline]
    pub fn role(&self, state: StateId) -> Role {
        self.key(state).role
    }

    /// How a value's text is built.
    pub fn form(&self, state: StateId) -> Form {
        self.key(state).form
    }

    /// The node's type.
    pub fn ty(&self, state: StateId) -> TypeId {
        self.key(state).ty
    }

    /// The rule that governs the node.
    pub fn govern(&self, state: StateId) -> Option<RuleId> {
        self.key(state).govern
    }

    /// Whether an edge that has been met leads from the state by that property.
    #[inline]
    pub fn edge(&self, state: StateId, property: &[u8]) -> Option<Edge> {
        let state = &self.states[state as usize];
        let name = Name::of(property);
        let mask = state.table.len().wrapping_sub(1);
        let mut at = name.hash() & mask;
        loop {
            let slot = state.table.get(at)?.as_ref()?;
            if slot.name == name && (name.is_whole() || *state.names[slot.branch as usize] == *property) {
                return Some(state.branches[slot.branch as usize].edge);
            }
            at = (at + 1) & mask;
        }
    }

    /// The edge that was taken last after edge `previous` of the state ([`NO_EDGE`]: at the beginning of an object), if
    /// its key stands at the beginning of `bytes`, with a colon; and the byte after the colon.
    #[inline]
    pub fn expected(&self, state: StateId, previous: u32, bytes: &[u8]) -> Option<(Edge, usize)> {
        let state = &self.states[state as usize];
        let expected = match state.branches.get(previous as usize) {
            Some(branch) => branch.next,
            None => state.first,
        };
        let branch = state.branches.get(expected as usize)?;
        let found = words(bytes.first_chunk()?);
        let length = branch.length as usize;
        let mask = MASKS.get(length)?;
        let differs = |i: usize| (found[i] ^ branch.spelling[i]) & mask[i];
        let difference = differs(0) | differs(1) | differs(2) | differs(3);
        (difference == 0 && length > 0).then_some((branch.edge, length))
    }

    /// Remembers which edge was taken after `previous`.
    #[inline]
    pub fn expect(&mut self, state: StateId, previous: u32, edge: u32) {
        let state = &mut self.states[state as usize];
        match state.branches.get_mut(previous as usize) {
            Some(branch) => branch.next = edge,
            None => state.first = edge,
        }
    }

    /// The byte after the object or list at `at` of a value in this state, if it is one that was met before, was valid and left nothing
    /// to change.
    #[inline]
    pub fn recurs(&mut self, state: StateId, bytes: &[u8], at: usize, depth: u32) -> Option<usize> {
        let list = usize::from(bytes.get(at) == Some(&b'['));
        self.states[state as usize].recurring[list].find(bytes, at, depth)
    }

    /// Remembers an object or list of a value in this state, which was valid and in which nothing changes.
    #[inline]
    pub fn remember(&mut self, state: StateId, bytes: &[u8], at: usize, end: usize, depth: u32) {
        if self.remembered < REMEMBERED {
            let list = usize::from(bytes.get(at) == Some(&b'['));
            let recurring = &mut self.states[state as usize].recurring[list];
            self.remembered += recurring.remember(bytes, at, end, depth);
        }
    }

    /// The edge that leads from the state by that property, met for the first time; `None` for what the model does not know.
    pub fn new_edge(&mut self, state: StateId, property: &str) -> Option<Edge> {
        let model = self.program.model;
        let parent = self.key(state).clone();
        let is_resource = model.category(parent.ty) == Category::Resource;
        let edge = if is_resource && property == "resourceType" {
            let (verdict, role) = (Verdict::Value, Role::None);
            Edge {
                child: state,
                verdict,
                role,
                target: Target::ResourceType,
                required: true,
                inert: true,
                number: 0,
            }
        } else {
            let (of, wanted_part) = match parent.part {
                Part::Value => (parent.ty, property.strip_prefix('_')),
                Part::Sibling => (model.base_element(), property.strip_prefix('_')),
            };
            let (element, part) = match wanted_part {
                None => (model.element(of, property)?, Part::Value),
                Some(primitive) => (model.element(of, primitive)?, Part::Sibling),
            };
            if part == Part::Sibling && model.category(element.ty) != Category::Primitive {
                return None;
            }
            let of_name = model.get(of).name;
            let target = match (part, element.name) {
                (Part::Sibling, _) => Target::Sibling,
                (_, "contained") if element.ty == model.resource() => Target::Contained,
                _ if element.ty == model.resource() => Target::Resource,
                _ => Target::Element,
            };
            // What governs the place of a resource from above does not reach into it; what names it does.
            let from = match target {
                Target::Resource | Target::Contained => &Key { govern: None, ..parent.clone() },
                _ => &parent,
            };
            let node = Node { ty: element.ty, property: &element.property, name: element.name };
            let mut entered = self.step(from, &node);
            if part == Part::Sibling {
                // The criteria speak of the value, which is not here: what would be removed goes with its extensions.
                for at in std::mem::take(&mut entered.pending) {
                    if self.program.effects[self.program.rules[at as usize] as usize] != RuleEffect::Keep {
                        let node = Node { ty: element.ty, property, name: element.name };
                        self.program.enter(at + 1, &node, &mut entered);
                    }
                }
                entered.pending.clear();
            }
            let role = if part == Part::Value { role(model, &parent, element) } else { Role::None };
            let form = form(of_name, element.name, model.instance_name(element.ty));
            let child = self.intern(element.ty, part, role, form, entered);
            Edge {
                child,
                verdict: self.verdict(child),
                role,
                target,
                required: part == Part::Value
                    && (element.required || target == Target::Resource && of_name == "Bundle.entry"),
                inert: match element.name {
                    "id" => !is_resource || parent.part == Part::Sibling,
                    "url" => of_name == "Extension",
                    "status" => of_name == "Narrative",
                    _ => false,
                },
                number: 0,
            }
        };
        Some(self.states[state as usize].add(edge, property))
    }

    /// The state of a property that the model does not know.
    pub fn unknown(&mut self, state: StateId, property: &str) -> StateId {
        let parent = self.key(state).clone();
        let mut entered = self.step(&parent, &Node { ty: TypeId::UNKNOWN, property, name: property });
        // Below here nothing has a type.
        let typed =
            |at: &u32| matches!(self.program.steps[*at as usize], Instruction::Step(Step::NodesByType(_)));
        entered.live.retain(|at| !typed(at));
        self.intern(TypeId::UNKNOWN, Part::Value, Role::None, Form::Plain, entered)
    }

    /// The state of a node whose criteria have been decided.
    pub fn resolve(&mut self, state: StateId, holds: impl Fn(&Criteria) -> bool) -> StateId {
        let key = self.key(state).clone();
        let node = Node { ty: key.ty, property: "", name: "" };
        let mut entered = Entered { live: key.live.to_vec(), pending: Vec::new(), govern: key.govern };
        let mut waiting = key.pending.to_vec();
        while let Some(at) = waiting.pop() {
            if holds(self.program.criteria(at)) {
                self.program.enter(at + 1, &node, &mut entered);
                waiting.append(&mut entered.pending);
            }
        }
        self.intern(key.ty, key.part, key.role, key.form, entered)
    }

    fn key(&self, state: StateId) -> &Key {
        &self.states[state as usize].key
    }

    /// The positions that reach a child.
    fn step(&self, parent: &Key, child: &Node<'_>) -> Entered {
        let mut entered = Entered { govern: parent.govern, ..Entered::default() };
        for at in &parent.live {
            self.program.advance(*at, child, &mut entered);
        }
        entered
    }

    fn intern(&mut self, ty: TypeId, part: Part, role: Role, form: Form, entered: Entered) -> StateId {
        let Entered { mut live, mut pending, govern } = entered;
        // Behind the root of a resource further inside, nothing governs yet.
        let all_count = ty != TypeId::UNKNOWN && self.program.model.get(ty).holds_resources;
        for positions in [&mut live, &mut pending] {
            let can_win = |at: &u32| govern.is_none_or(|govern| self.program.rules[*at as usize] < govern);
            positions.retain(|at| all_count || can_win(at));
            positions.sort_unstable();
            positions.dedup();
        }
        let key = Key { ty, part, role, form, live: live.into(), pending: pending.into(), govern };
        if let Some(state) = self.by_key.get(&key) {
            return *state;
        }
        let (verdict, mismatch) = self.judge(&key);
        let state = index(self.states.len());
        self.states.push(State {
            key: key.clone(),
            verdict,
            mismatch,
            table: Vec::new(),
            branches: Vec::new(),
            names: Vec::new(),
            first: NO_EDGE,
            recurring: Default::default(),
        });
        self.by_key.insert(key, state);
        state
    }

    fn judge(&self, key: &Key) -> (Verdict, Policy) {
        let program = &*self.program;
        let effect = program.effect(key.govern, key.ty);
        let mismatch =
            if effect == RuleEffect::Keep && program.unknown == Policy::Keep && key.role == Role::None {
                Policy::Keep
            } else {
                Policy::Drop
            };
        let category = match key.part {
            Part::Value => program.model.category(key.ty),
            Part::Sibling => Category::Complex,
        };
        let verdict = match (category, effect) {
            _ if !key.pending.is_empty() => Verdict::Undecided,
            (Category::Resource, _) => Verdict::Walk,
            (Category::Primitive, RuleEffect::Keep) => Verdict::Value,
            (Category::Primitive, RuleEffect::Remove) => Verdict::Remove,
            (Category::Primitive, RuleEffect::Apply(_)) => {
                Verdict::Apply(key.govern.expect("no action without its rule"))
            }
            (Category::Complex, _) if key.ty == TypeId::UNKNOWN && program.unknown == Policy::Drop => {
                Verdict::Remove
            }
            // An action acts on the values inside, whatever it would do to a value of this type.
            _ if matches!(key.govern, Some(rule) if is_action(program.effects[rule as usize])) => {
                Verdict::Walk
            }
            (Category::Complex, effect) => {
                let uniform =
                    key.live.iter().all(|at| program.effects[program.rules[*at as usize] as usize] == effect);
                let holds_resources = key.ty != TypeId::UNKNOWN && program.model.get(key.ty).holds_resources;
                let opaque = key.role != Role::None || holds_resources;
                match effect {
                    RuleEffect::Remove if uniform && !opaque => Verdict::Remove,
                    RuleEffect::Keep if uniform && !opaque && program.unknown == Policy::Keep => {
                        Verdict::Keep
                    }
                    _ => Verdict::Walk,
                }
            }
        };
        (verdict, mismatch)
    }
}

fn is_action(effect: RuleEffect) -> bool {
    matches!(effect, RuleEffect::Apply(_))
}

/// The elements by which a resource names its patient, by preference.
const SUBJECTS: [&str; 5] = ["patient", "subject", "beneficiary", "individual", "for"];

fn role(model: &Model, parent: &Key, element: &super::model::Element) -> Role {
    match parent.role {
        Role::Subject(preference) if element.name == "reference" => {
            return Role::SubjectReference(preference);
        }
        Role::Meta if element.name == "security" => return Role::Security,
        _ if parent.part == Part::Sibling || model.category(parent.ty) != Category::Resource => {
            return Role::None;
        }
        _ => {}
    }
    match element.name {
        "id" => Role::Id,
        "meta" => Role::Meta,
        name if model.instance_name(element.ty) == "Reference" => {
            let preference = SUBJECTS.iter().position(|subject| *subject == name);
            preference.map_or(Role::None, |at| Role::Subject(u8::try_from(at).expect("there are five")))
        }
        _ => Role::None,
    }
}

fn form(of: &str, element: &str, ty: &str) -> Form {
    match (of, element) {
        ("Reference", "reference")
        | ("Bundle.entry", "fullUrl")
        | ("Bundle.entry.request", "url")
        | ("Bundle.entry.response", "location") => Form::Reference,
        ("Age", "value") => Form::Age,
        ("Address", "postalCode") => Form::Postcode,
        (_, "birthDate") if ty == "date" => Form::BirthDate,
        _ if matches!(ty, "date" | "dateTime" | "instant") => Form::Date,
        _ => Form::Plain,
    }
}

impl State {
    fn add(&mut self, edge: Edge, property: &str) -> Edge {
        let edge = Edge { number: index(self.branches.len()), ..edge };
        self.branches.push(Branch::new(edge, property));
        self.names.push(property.as_bytes().into());
        if self.branches.len() * 2 > self.table.len() {
            let slots = std::mem::take(&mut self.table);
            self.table = vec![None; (self.branches.len() * 4).next_power_of_two().max(16)];
            slots.into_iter().flatten().for_each(|slot| self.insert(slot));
        }
        self.insert(Slot { name: Name::of(property.as_bytes()), branch: edge.number });
        edge
    }

    fn insert(&mut self, slot: Slot) {
        let mask = self.table.len() - 1;
        let mut at = slot.name.hash() & mask;
        while self.table[at].is_some() {
            at = (at + 1) & mask;
        }
        self.table[at] = Some(slot);
    }
}

impl Branch {
    fn new(edge: Edge, property: &str) -> Branch {
        // Names of the model are letters, digits and `_`, so none is written with escapes by need.
        let key = format!("\"{property}\":");
        let (mut spelling, mut length) = ([0; SPELLING], 0);
        if let Some(place) = spelling.get_mut(..key.len()) {
            place.copy_from_slice(key.as_bytes());
            length = index(key.len());
        }
        Branch { edge, next: NO_EDGE, length, spelling: words(&spelling) }
    }
}

fn index(value: usize) -> u32 {
    u32::try_from(value).expect("far fewer than 2^32 of them fit into memory")
}
