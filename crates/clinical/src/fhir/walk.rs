//! The one pass over a record: validates every byte, follows the automaton and notes what is to change.
//!
//! The outcome is a [`Tape`]: the values to transform or remove, with the objects and lists around them, in the order of
//! the bytes. Nothing is decided here that depends on the patient, who may be named after the first date; [`super::splice`] does that.

use super::automaton::{Automaton, Edge, NO_EDGE, Policy, Role, RuleId, StateId, Target, Verdict};
use super::model::{Model, TypeId};
use super::reference::Reference;
use super::scan::{self, Fault, FaultKind, MAX_DEPTH, Skimmer, Token, fault, space};

/// No entry, record or the like.
pub const NONE: u32 = u32::MAX;

/// In [`Tape::pairs`]: no such list.
pub const ABSENT: u32 = u32::MAX - 1;

/// What a pass over a record found.
#[derive(Debug, Default)]
pub struct Tape {
    /// In the order of the bytes, containers before their content.
    pub entries: Vec<Entry>,
    /// The resources; contained ones are part of the resource around them.
    pub resources: Vec<Resource>,
    /// Lists of primitives and the lists of their `_` siblings, which are aligned by position: entries, [`NONE`] where
    /// nothing in them changes, or [`ABSENT`].
    pub pairs: Vec<(u32, u32)>,
    /// Whether the record itself has a property that FHIR R4 does not have.
    pub unknown_property: bool,
    /// Resources of unknown types that were removed.
    pub unknown_resources: u64,
    /// Elements governed by each rule, then those governed by none that were removed.
    pub counts: Vec<u64>,
}

impl Tape {
    /// Forgets the record, but not the counts.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.resources.clear();
        self.pairs.clear();
        self.unknown_property = false;
    }

    /// How much has been noted.
    #[inline]
    fn mark(&self) -> (usize, usize, usize) {
        (self.entries.len(), self.resources.len(), self.pairs.len())
    }
}

/// A value that changes, or an object or list with such values.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The key's opening quote; for an item of a list, its first byte.
    pub start: u32,
    /// The value's first byte.
    pub value: u32,
    /// The byte after the value.
    pub end: u32,
    /// The entry of the object or list around it.
    pub parent: u32,
    /// Which member of it this is, counted from 0.
    pub ordinal: u32,
    /// The entry after all that are inside this one.
    pub after: u32,
    /// The resource that it belongs to.
    pub resource: u32,
    /// What it is.
    pub what: What,
    /// Whether what is around it is invalid without it.
    pub required: bool,
    /// Whether what is around it is empty with only this in it.
    pub inert: bool,
    /// Whether it is a string with escapes.
    pub escaped: bool,
    /// What becomes of it.
    pub fate: Fate,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An object or list, with what is left in it: all members, and those that are not inert.
    Container {
        /// Members.
        left: u32,
        /// Members that are not inert.
        content: u32,
        /// Whether it is a resource that must not go because it is empty.
        resource: bool,
    },
    /// Goes.
    Remove,
    /// A `null` in a list of primitives.
    Null,
    /// To be transformed.
    Apply(RuleId, StateId),
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays (what is inside may change).
    Stay,
    /// It goes with its comma.
    Cut,
    /// It goes, and everything before it in its object or list does, too.
    CutLeading,
    /// It becomes `null`.
    Null,
    /// It becomes these bytes of the replacements.
    Replace(u32, u32),
}

/// A resource of the record.
#[derive(Debug)]
pub struct Resource {
    /// Its type.
    pub ty: TypeId,
    /// Its entry.
    pub entry: u32,
    /// The resource around it, such as its Bundle.
    pub parent: u32,
    /// The byte after the value of `resourceType`.
    pub type_end: u32,
    /// Its id.
    pub id: Option<Token>,
    /// The reference to its patient.
    pub subject: Option<(u8, Token)>,
    /// Its `meta`.
    pub meta: Option<Area>,
    /// Its `meta.security`.
    pub security: Option<Area>,
}

/// An object or list that labels may be inserted into.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// The byte after the opening bracket.
    pub open: u32,
    /// The byte after the closing one.
    pub end: u32,
    /// Its entry, if anything in it changes.
    pub entry: u32,
    /// Whether nothing is in it.
    pub empty: bool,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    parent: u32,
    ordinal: u32,
    required: bool,
    inert: bool,
    item: bool,
}

/// One pass.
pub struct Walker<'a> {
    text: &'a str,
    bytes: &'a [u8],
    automaton: &'a mut Automaton,
    tape: &'a mut Tape,
    skimmer: &'a mut Skimmer,
    /// Whether a nested resource of an unknown type is refused rather than removed.
    strict: bool,
    resource: u32,
    contained: u32,
    siblings: Vec<(Token, u32)>,
}

impl<'a> Walker<'a> {
    /// A pass over a record that appends to an empty tape.
    pub fn new(
        text: &'a str,
        automaton: &'a mut Automaton,
        tape: &'a mut Tape,
        skimmer: &'a mut Skimmer,
        strict: bool,
    ) -> Self {
        Walker {
            text,
            bytes: text.as_bytes(),
            automaton,
            tape,
            skimmer,
            strict,
            resource: NONE,
            contained: 0,
            siblings: Vec::new(),
        }
    }

    /// Walks the whole record, which must be one resource.
    pub fn record(&mut self) -> Result<(), Fault> {
        if self.bytes.len() >= 1 << 31 {
            return fault(0, FaultKind::Size);
        }
        let at = space(self.bytes, 0);
        match self.bytes.get(at) {
            Some(b'{') => {}
            Some(_) => return fault(at, FaultKind::Expected("`{`")),
            None => return fault(at, FaultKind::Truncated),
        }
        let Some(ty) = self.resource_type(at, 0)? else { return fault(at, FaultKind::UnknownResource) };
        let state = self.automaton.root(ty, None);
        let place = Place { start: at, parent: NONE, ordinal: 0, required: false, inert: false, item: true };
        let end = self.enter_resource(place, ty, state, at, 0)?;
        match space(self.bytes, end) {
            rest if rest == self.bytes.len() => Ok(()),
            rest => fault(rest, FaultKind::Trailing),
        }
    }

    /// The value at `at`; gives the byte after it.
    fn value(&mut self, place: Place, state: StateId, at: usize, depth: u32) -> Result<usize, Fault> {
        let first = self.bytes.get(at);
        match (self.automaton.verdict(state), first) {
            (Verdict::Walk, Some(b'{')) => self.object(place, state, at, depth),
            (Verdict::Value, Some(b'"')) => {
                let token = scan::string(self.bytes, at)?;
                self.note(self.automaton.role(state), token);
                Ok(token.end + 1)
            }
            (Verdict::Walk | Verdict::Value | Verdict::Apply(_) | Verdict::Undecided, Some(b'['))
                if !place.item =>
            {
                self.list(place, state, at, depth)
            }
            (Verdict::Apply(_) | Verdict::Value, Some(b'n')) | (Verdict::Walk, Some(b'n'))
                if place.item || self.automaton.verdict(state) != Verdict::Walk =>
            {
                let end = scan::scalar(self.bytes, at)?;
                if place.item {
                    self.push(place, at, end, What::Null);
                }
                Ok(end)
            }
            (Verdict::Apply(rule), Some(b'"')) => self.apply_to_string(place, state, rule, at),
            (Verdict::Apply(rule), Some(b'-' | b'0'..=b'9' | b't' | b'f')) => {
                let end = scan::scalar(self.bytes, at)?;
                self.tape.counts[rule as usize] += 1;
                self.push(place, at, end, What::Apply(rule, state));
                Ok(end)
            }
            (Verdict::Value, Some(b'-' | b'0'..=b'9' | b't' | b'f')) => scan::scalar(self.bytes, at),
            (Verdict::Keep, _) => self.skimmer.value(self.bytes, at, depth),
            (Verdict::Remove, _) => {
                let role = self.automaton.role(state);
                if role != Role::None && first == Some(&b'"') {
                    self.note(role, scan::string(self.bytes, at)?);
                }
                self.remove(place, state, at, depth)
            }
            (Verdict::Undecided, _) => {
                let end = self.skimmer.value(self.bytes, at, depth)?;
                let node: serde_json::Value =
                    serde_json::from_slice(&self.bytes[at..end]).unwrap_or(serde_json::Value::Null);
                let decided = self.automaton.resolve(state, |criteria| criteria.holds(&node));
                self.value(place, decided, at, depth)
            }
            // The JSON is not of the shape that the element has.
            (Verdict::Walk | Verdict::Value | Verdict::Apply(_), _) => match self.automaton.mismatch(state) {
                Policy::Keep => self.skimmer.value(self.bytes, at, depth),
                Policy::Drop => self.remove(place, state, at, depth),
            },
        }
    }

    /// A text that a rule transforms.
    #[inline]
    fn apply_to_string(
        &mut self,
        place: Place,
        state: StateId,
        rule: RuleId,
        at: usize,
    ) -> Result<usize, Fault> {
        let token = scan::string(self.bytes, at)?;
        self.note(self.automaton.role(state), token);
        self.tape.counts[rule as usize] += 1;
        let entry = self.push(place, at, token.end + 1, What::Apply(rule, state));
        self.tape.entries[entry as usize].escaped = token.escaped;
        Ok(token.end + 1)
    }

    fn object(&mut self, place: Place, state: StateId, open: usize, depth: u32) -> Result<usize, Fault> {
        let role = self.automaton.role(state);
        let entry = self.open(place, open, depth)?;
        let first_key = self.skimmer.mark();
        let first_sibling = self.siblings.len();
        let mut seen = 0u64;
        let mut ordinal = 0;
        let mut content = 0;
        let mut previous = NO_EDGE;
        let mut at = space(self.bytes, open + 1);
        let end = if self.bytes.get(at) == Some(&b'}') {
            at + 1
        } else {
            loop {
                let (edge, key, value) = self.key(state, previous, at)?;
                let mut member =
                    Place { start: at, parent: entry, ordinal, required: false, inert: false, item: false };
                let end = match edge {
                    Some(edge) => {
                        if edge.number < u64::BITS {
                            if seen >> edge.number & 1 == 1 {
                                return fault(at, FaultKind::Duplicate);
                            }
                            seen |= 1 << edge.number;
                        } else {
                            self.skimmer.push(key);
                        }
                        previous = edge.number;
                        member.required = edge.required;
                        member.inert = edge.inert;
                        self.member(member, edge, key, value, depth + 1)?
                    }
                    None => {
                        self.skimmer.push(key);
                        self.tape.unknown_property |= depth == 0;
                        let name = key.of(self.text);
                        let child = self.automaton.unknown(state, &name);
                        self.value(member, child, value, depth + 1)?
                    }
                };
                ordinal += 1;
                content += u32::from(!member.inert);
                match scan::next(self.bytes, end, b'}', "`,` or `}`")? {
                    Ok(next) => at = next,
                    Err(end) => break end,
                }
            }
        };
        if self.skimmer.mark() > first_key {
            self.skimmer.check(self.bytes, first_key)?;
        }
        if self.siblings.len() > first_sibling {
            self.pair(entry, first_sibling);
        }
        let entry = self.close(entry, end, ordinal, content);
        if role == Role::Meta && self.contained == 0 {
            let area = Area { open: offset(open + 1), end: offset(end), entry, empty: ordinal == 0 };
            self.tape.resources[self.resource as usize].meta = Some(area);
        }
        Ok(end)
    }

    /// The key at `at` with what it leads to, and where its value starts.
    #[inline]
    fn key(
        &mut self,
        state: StateId,
        previous: u32,
        at: usize,
    ) -> Result<(Option<Edge>, Token, usize), Fault> {
        if let Some((edge, length)) = self.automaton.expected(state, previous, &self.bytes[at..]) {
            let key = Token { start: at + 1, end: at + length - 2, escaped: false };
            return Ok((Some(edge), key, space(self.bytes, at + length)));
        }
        let (key, value) = scan::key(self.bytes, at)?;
        let edge = self.edge(state, key);
        if let Some(edge) = edge {
            self.automaton.expect(state, previous, edge.number);
        }
        Ok((edge, key, value))
    }

    /// A known member of an object.
    #[inline]
    fn member(
        &mut self,
        place: Place,
        edge: Edge,
        key: Token,
        at: usize,
        depth: u32,
    ) -> Result<usize, Fault> {
        let first = self.bytes.get(at);
        // Most members by far are texts that stay.
        if edge.verdict == Verdict::Value && edge.role == Role::None && first == Some(&b'"') {
            let end = scan::string(self.bytes, at)?.end + 1;
            if edge.target == Target::ResourceType && self.contained == 0 {
                self.tape.resources[self.resource as usize].type_end = offset(end);
            }
            return Ok(end);
        }
        match edge.target {
            Target::Element if edge.role == Role::None && matches!(first, Some(b'{' | b'[')) => {
                self.structure(place, edge.child, edge.verdict, at, depth)
            }
            // `meta.security` must be a list, or labels could not be added to it.
            Target::Element if edge.role == Role::Security && self.bytes.get(at) != Some(&b'[') => {
                self.remove(place, edge.child, at, depth)
            }
            Target::Element if edge.verdict == Verdict::Walk && first == Some(&b'{') => {
                self.object(place, edge.child, at, depth)
            }
            Target::Element => self.value(place, edge.child, at, depth),
            Target::Sibling => {
                let before = self.tape.entries.len();
                let end = self.value(place, edge.child, at, depth)?;
                if first == Some(&b'[') {
                    let noted = self.tape.entries.len() > before;
                    self.siblings.push((key, if noted { offset(before) } else { NONE }));
                }
                Ok(end)
            }
            Target::ResourceType => fault(at, FaultKind::NoResource),
            Target::Resource | Target::Contained if first == Some(&b'[') => {
                self.list_of_resources(place, edge, at, depth)
            }
            Target::Resource | Target::Contained => self.nested(place, edge, at, depth),
        }
    }

    /// An object, or the list that is a member, with no role: most of them have been met before.
    #[inline]
    fn structure(
        &mut self,
        place: Place,
        state: StateId,
        verdict: Verdict,
        at: usize,
        depth: u32,
    ) -> Result<usize, Fault> {
        if verdict == Verdict::Remove {
            return self.remove(place, state, at, depth);
        }
        if let Some(end) = self.automaton.recurs(state, self.bytes, at, depth) {
            return Ok(end);
        }
        let before = self.tape.mark();
        let end = self.value(place, state, at, depth)?;
        // INVARIANT: whatever the walk of a value leaves beside its end is on the tape, as long as the value has no role.
        if self.tape.mark() == before {
            self.automaton.remember(state, self.bytes, at, end, depth);
        }
        Ok(end)
    }

    fn list(&mut self, place: Place, state: StateId, open: usize, depth: u32) -> Result<usize, Fault> {
        let role = self.automaton.role(state);
        if role == Role::Meta {
            return self.remove(place, state, open, depth);
        }
        let entry = self.open(place, open, depth)?;
        let (end, items, content) =
            self.items(open, entry, |walker, item, at| match (role, walker.bytes.get(at)) {
                (Role::None, Some(b'{')) => {
                    let verdict = walker.automaton.verdict(state);
                    walker.structure(item, state, verdict, at, depth + 1)
                }
                _ => walker.value(item, state, at, depth + 1),
            })?;
        let entry = self.close(entry, end, items, content);
        if role == Role::Security && self.contained == 0 {
            let area = Area { open: offset(open + 1), end: offset(end), entry, empty: items == 0 };
            self.tape.resources[self.resource as usize].security = Some(area);
        }
        Ok(end)
    }

    fn list_of_resources(
        &mut self,
        place: Place,
        edge: Edge,
        open: usize,
        depth: u32,
    ) -> Result<usize, Fault> {
        let entry = self.open(place, open, depth)?;
        let (end, items, content) =
            self.items(open, entry, |walker, item, at| walker.nested(item, edge, at, depth + 1))?;
        self.close(entry, end, items, content);
        Ok(end)
    }

    /// The items of a list: the byte after it, how many, and how many that are not `null`.
    fn items(
        &mut self,
        open: usize,
        entry: u32,
        mut item: impl FnMut(&mut Self, Place, usize) -> Result<usize, Fault>,
    ) -> Result<(usize, u32, u32), Fault> {
        let mut at = space(self.bytes, open + 1);
        if self.bytes.get(at) == Some(&b']') {
            return Ok((at + 1, 0, 0));
        }
        let (mut ordinal, mut content) = (0, 0);
        loop {
            let inert = self.bytes.get(at) == Some(&b'n');
            let place = Place { start: at, parent: entry, ordinal, required: false, inert, item: true };
            let end = item(self, place, at)?;
            ordinal += 1;
            content += u32::from(!inert);
            match scan::next(self.bytes, end, b']', "`,` or `]`")? {
                Ok(next) => at = next,
                Err(end) => return Ok((end, ordinal, content)),
            }
        }
    }

    /// A resource inside another.
    fn nested(&mut self, place: Place, edge: Edge, at: usize, depth: u32) -> Result<usize, Fault> {
        if self.bytes.get(at) != Some(&b'{') {
            return self.remove(place, edge.child, at, depth);
        }
        let Some(ty) = self.resource_type(at, depth)? else {
            if self.strict {
                return fault(at, FaultKind::UnknownResource);
            }
            self.tape.unknown_resources += 1;
            return self.remove(place, edge.child, at, depth);
        };
        let state = self.automaton.root(ty, Some(edge.child));
        let outer = self.resource;
        if edge.target == Target::Contained {
            self.contained += 1;
            let end = self.object(place, state, at, depth)?;
            self.contained -= 1;
            return Ok(end);
        }
        let contained = std::mem::take(&mut self.contained);
        let end = self.enter_resource(place, ty, state, at, depth)?;
        self.contained = contained;
        self.resource = outer;
        Ok(end)
    }

    fn enter_resource(
        &mut self,
        place: Place,
        ty: TypeId,
        state: StateId,
        at: usize,
        depth: u32,
    ) -> Result<usize, Fault> {
        let resource = Resource {
            ty,
            entry: offset(self.tape.entries.len()),
            parent: self.resource,
            type_end: 0,
            id: None,
            subject: None,
            meta: None,
            security: None,
        };
        self.resource = offset(self.tape.resources.len());
        self.tape.resources.push(resource);
        self.object(place, state, at, depth)
    }

    /// The type of the resource at `at`, wherever in it `resourceType` stands; `None` for an unknown one.
    fn resource_type(&mut self, open: usize, depth: u32) -> Result<Option<TypeId>, Fault> {
        if depth >= MAX_DEPTH {
            return fault(open, FaultKind::Depth);
        }
        let mut at = space(self.bytes, open + 1);
        if self.bytes.get(at) == Some(&b'}') {
            return fault(open, FaultKind::NoResource);
        }
        loop {
            let (key, value) = scan::key(self.bytes, at)?;
            if key.of(self.text) == "resourceType" {
                if self.bytes.get(value) != Some(&b'"') {
                    return fault(value, FaultKind::NoResource);
                }
                let name = scan::string(self.bytes, value)?.of(self.text);
                return Ok(Model::r4().find_resource(&name));
            }
            let end = self.skimmer.value(self.bytes, value, depth + 1)?;
            match scan::next(self.bytes, end, b'}', "`,` or `}`")? {
                Ok(next) => at = next,
                Err(_) => return fault(open, FaultKind::NoResource),
            }
        }
    }

    #[inline]
    fn edge(&mut self, state: StateId, key: Token) -> Option<Edge> {
        if !key.escaped
            && let Some(edge) = self.automaton.edge(state, key.raw(self.bytes))
        {
            return Some(edge);
        }
        self.uncommon_edge(state, key)
    }

    #[cold]
    fn uncommon_edge(&mut self, state: StateId, key: Token) -> Option<Edge> {
        let name = key.of(self.text);
        let known = self.automaton.edge(state, name.as_bytes());
        known.or_else(|| self.automaton.new_edge(state, &name))
    }

    /// Removes the value at `at`.
    fn remove(&mut self, place: Place, state: StateId, at: usize, depth: u32) -> Result<usize, Fault> {
        let end = self.skimmer.value(self.bytes, at, depth)?;
        let unruled = self.tape.counts.len() - 1;
        let rule = self.automaton.govern(state).map_or(unruled, |rule| rule as usize);
        self.tape.counts[rule] += 1;
        self.push(place, at, end, What::Remove);
        Ok(end)
    }

    #[inline]
    fn push(&mut self, place: Place, value: usize, end: usize, what: What) -> u32 {
        let entry = offset(self.tape.entries.len());
        self.tape.entries.push(Entry {
            start: offset(place.start),
            value: offset(value),
            end: offset(end),
            parent: place.parent,
            ordinal: place.ordinal,
            after: entry + 1,
            resource: self.resource,
            what,
            required: place.required,
            inert: place.inert,
            escaped: false,
            fate: Fate::Stay,
        });
        entry
    }

    fn open(&mut self, place: Place, at: usize, depth: u32) -> Result<u32, Fault> {
        if depth >= MAX_DEPTH {
            return fault(at, FaultKind::Depth);
        }
        let resource =
            self.tape.resources.last().is_some_and(|last| last.entry == offset(self.tape.entries.len()));
        Ok(self.push(place, at, at, What::Container { left: 0, content: 0, resource }))
    }

    /// Ends a container; one in which nothing changes leaves no entry.
    fn close(&mut self, entry: u32, end: usize, members: u32, inner: u32) -> u32 {
        let after = offset(self.tape.entries.len());
        let found = &mut self.tape.entries[entry as usize];
        let What::Container { left, content, resource } = &mut found.what else { return entry };
        if after == entry + 1 && !*resource {
            self.tape.entries.pop();
            return NONE;
        }
        (*left, *content) = (members, inner);
        found.end = offset(end);
        found.after = after;
        entry
    }

    /// Matches the `_` lists of an object with the lists that they belong to.
    #[cold]
    fn pair(&mut self, object: u32, first: usize) {
        for (key, sibling) in self.siblings.drain(first..) {
            let name = key.text(self.bytes);
            let is_value = |entry: &Entry| {
                let start = entry.start as usize;
                entry.parent == object
                    && matches!(entry.what, What::Container { .. } | What::Remove)
                    && scan::string(self.bytes, start).is_ok_and(|k| k.text(self.bytes) == name[1..])
            };
            let inside = &self.tape.entries[object as usize + 1..];
            let value = match inside.iter().position(is_value) {
                Some(at) => object + 1 + offset(at),
                None if has_key(
                    self.bytes,
                    self.tape.entries[object as usize].value as usize,
                    &name[1..],
                ) =>
                {
                    NONE
                }
                None => ABSENT,
            };
            self.tape.pairs.push((value, sibling));
        }
    }

    /// Remembers the id of the resource, or the reference to its patient.
    #[inline]
    fn note(&mut self, role: Role, token: Token) {
        if matches!(role, Role::Id | Role::SubjectReference(_)) && self.contained == 0 {
            let resource = &mut self.tape.resources[self.resource as usize];
            match role {
                Role::Id => resource.id = Some(token),
                Role::SubjectReference(preference) => {
                    let names_a_patient = Reference::patient(&token.of(self.text)).is_some();
                    if names_a_patient && resource.subject.is_none_or(|(best, _)| preference < best) {
                        resource.subject = Some((preference, token));
                    }
                }
                Role::None | Role::Subject(_) | Role::Meta | Role::Security => {}
            }
        }
    }
}

/// Whether the object at `open`, which has been validated, has the key.
fn has_key(bytes: &[u8], open: usize, wanted: &str) -> bool {
    let mut skimmer = Skimmer::default();
    let mut at = space(bytes, open + 1);
    while let Ok((key, value)) = scan::key(bytes, at) {
        if key.text(bytes) == wanted {
            return true;
        }
        let next = skimmer.value(bytes, value, 0).and_then(|end| scan::next(bytes, end, b'}', "`,` or `}`"));
        let Ok(Ok(member)) = next else { return false };
        at = member;
    }
    false
}

/// An offset in the record, whose size was checked before the walk, or the number of an entry, of which no byte has two.
#[inline]
fn offset(value: usize) -> u32 {
    debug_assert!(u32::try_from(value).is_ok());
    value as u32
}
