//! Second step: what becomes of each entry of the tape, and the output that follows from it.
//!
//! Output is the input with ranges cut or replaced, so whatever no rule touches leaves byte for byte. What stays is
//! valid FHIR where the input was:
//! - a list or object that loses its last member goes itself, and so on upwards (FHIR has no empty ones); what is left with nothing
//!   but an id, an extension with nothing but its url, and an element whose required part is gone, go too (so a plan that keeps
//!   `Observation.component.value` must keep `Observation.component.code`);
//! - lists of primitives and their `_` siblings stay aligned by `null`, and where both sides of a position are gone, it goes;
//! - a resource keeps its `resourceType`, whatever else goes;
//! - a value that its FHIR type cannot have is removed rather than written.

use medveil_deid::action::{Cell, Effect, Reads, Refusal, Secret, Transform};
use medveil_deid::plan::Invalid;
use medveil_deid::study::Record;

use super::automaton::{Automaton, Form, RuleId, StateId};
use super::model::Model;
use super::primitive;
use super::reference::Reference;
use super::scan::{self, Token};
use super::security::Labels;
use super::walk::{ABSENT, Area, Entry, Fate, NONE, Tape, What};

/// A rule's action, bound to its study.
pub struct Prepared {
    /// What it does to one value; `None` for a rule that keeps or removes whatever there is.
    pub transform: Option<ByKind>,
    /// Whether equal values become equal, whatever stands around them.
    pub by_value: bool,
    /// The label that resources get.
    pub labels: Labels,
    /// Whether it replaces identities, and so only the id in a reference.
    pub identity: bool,
    /// Whether it moves dates, which takes a day.
    pub shifts: bool,
    /// What its noise costs a value: millionths of epsilon, and delta in units of `10^-12`.
    pub cost: (u64, u64),
}

/// An action bound to the kinds of values that its elements can have.
pub struct ByKind {
    /// For values of no particular kind.
    pub plain: Box<dyn Transform>,
    /// For values of each of [`Form::KINDS`].
    pub kinds: [Box<dyn Transform>; Form::KINDS.len()],
}

impl ByKind {
    /// Whether its outcome depends on the value alone.
    pub fn is_by_value(&self) -> bool {
        [&self.plain].into_iter().chain(&self.kinds).all(|transform| transform.reads() == Reads::Value)
    }

    fn of(&self, form: Form) -> &dyn Transform {
        let at = form.kind().and_then(|kind| Form::KINDS.iter().position(|k| *k == kind));
        at.map_or(&*self.plain, |at| &*self.kinds[at])
    }
}

/// A value that its action refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it stands.
    pub offset: usize,
    /// Why.
    pub refusal: Refusal,
}

/// What the second step needs beside the tape; kept between records for its memory.
#[derive(Default)]
pub struct Workspace {
    replacements: Vec<u8>,
    labels: Vec<Labels>,
    /// The patient's id of the resource that was asked for last, if it has one.
    subject: String,
    has_subject: bool,
    subject_of: Option<u32>,
    occurrences: Vec<u32>,
    /// The value that takes the place of the one at hand.
    value: String,
    /// Values that were replaced lately: the same patient, encounter and day stand in line after line.
    replaced: Vec<Replaced>,
    inserts: Vec<(u32, u32, u32)>,
    /// How many bytes, of what was written last, lead up to the end of the first labels, if nothing else changes among them.
    pub opening: usize,
    /// Values that were removed because their action could not read them.
    pub invalid: u64,
}

/// A value, as it stands in the record, and what took its place.
#[derive(Default)]
struct Replaced {
    /// Tells rule, type and form.
    state: StateId,
    before: Vec<u8>,
    after: Vec<u8>,
}

/// Values that are remembered: a power of two.
const REPLACED: usize = 512;

impl Workspace {
    /// How many values of the record at hand each rule was applied to, but for those that were remembered.
    pub fn values(&self) -> &[u32] {
        &self.occurrences
    }

    /// The place where a value would be remembered.
    #[inline]
    fn place(state: StateId, token: &[u8]) -> usize {
        // A collision costs a computation, never a wrong answer.
        let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        let (words, rest) = token.as_chunks();
        let hash = words.iter().fold(u64::from(state), |hash, word| mix(hash, u64::from_le_bytes(*word)));
        let rest = rest.iter().fold(token.len() as u64, |word, byte| word << 8 | u64::from(*byte));
        (mix(hash, rest) >> 32) as usize % REPLACED
    }

    /// Appends to the replacements what took the place of the token before, if that is remembered at `place`.
    #[inline]
    fn recall(&mut self, place: usize, state: StateId, token: &[u8]) -> bool {
        let Some(found) = self.replaced.get(place) else { return false };
        let known = found.state == state && found.before == token && !found.after.is_empty();
        if known {
            self.replacements.extend_from_slice(&found.after);
        }
        known
    }

    /// Remembers what took the place of the token: the replacements from `from` on.
    fn keep(&mut self, place: usize, state: StateId, token: &[u8], from: usize) {
        if self.replaced.is_empty() {
            self.replaced.resize_with(REPLACED, Replaced::default);
        }
        let found = &mut self.replaced[place];
        found.state = state;
        found.before.clear();
        found.before.extend_from_slice(token);
        found.after.clear();
        found.after.extend_from_slice(&self.replacements[from..]);
    }
}

/// The second step over one record.
pub struct Splicer<'a> {
    /// The record.
    pub text: &'a str,
    /// What the first step found.
    pub tape: &'a mut Tape,
    /// The automaton of the first step.
    pub automaton: &'a Automaton,
    /// The rules.
    pub rules: &'a [Prepared],
    /// The record, for random choices.
    pub record: &'a Record<'a>,
    /// What happens to a value that its action refuses.
    pub invalid: Invalid,
    /// Memory.
    pub work: &'a mut Workspace,
}

impl Splicer<'_> {
    /// Writes the output; `false` if the whole record is dropped.
    pub fn run(mut self, out: &mut Vec<u8>) -> Result<bool, Refused> {
        self.start();
        for at in 0..self.tape.entries.len() {
            let entry = self.tape.entries[at];
            match entry.what {
                What::Remove => self.remove(at),
                What::Apply(rule, state) => match self.replace(at, rule, state)? {
                    Effect::Kept => {}
                    Effect::Replaced => self.label(entry.resource, self.rules[rule as usize].labels),
                    Effect::Removed => self.remove(at),
                    Effect::DropRecord => {
                        let resource = self.tape.resources[entry.resource as usize].entry;
                        if resource == 0 {
                            return Ok(false);
                        }
                        self.remove(resource as usize);
                    }
                },
                What::Null | What::Container { .. } => {}
            }
        }
        self.align_pairs();
        self.find_leading();
        self.insert_labels();
        self.work.opening = self.opening();
        let (entries, work) = (&self.tape.entries, &*self.work);
        let whole = Range { from: 0, to: self.text.len(), first: 0, last: entries.len() };
        emit(self.text.as_bytes(), entries, whole, &work.inserts, &work.replacements, out);
        Ok(true)
    }

    fn start(&mut self) {
        let work = &mut *self.work;
        work.replacements.clear();
        work.inserts.clear();
        work.labels.clear();
        work.labels.resize(self.tape.resources.len(), Labels::default());
        work.occurrences.clear();
        work.occurrences.resize(self.rules.len(), 0);
        work.subject_of = None;
    }

    /// Finds the patient of a resource.
    fn find_subject(&mut self, resource: u32) {
        if self.work.subject_of == Some(resource) {
            return;
        }
        let found = &self.tape.resources[resource as usize];
        let subject = &mut self.work.subject;
        subject.clear();
        self.work.has_subject = match (found.subject, found.id) {
            (Some((_, token)), _) => {
                let reference = token.of(self.text);
                let patient = Reference::patient(&reference);
                subject.push_str(patient.unwrap_or_default());
                patient.is_some()
            }
            (None, Some(token)) => {
                subject.push_str(&token.of(self.text));
                true
            }
            (None, None) => false,
        };
        self.work.subject_of = Some(resource);
    }

    /// Applies a rule to an entry's value and notes what takes its place, if it is replaced.
    fn replace(&mut self, at: usize, rule: RuleId, state: StateId) -> Result<Effect, Refused> {
        let entry = self.tape.entries[at];
        let token = &self.text.as_bytes()[entry.value as usize..entry.end as usize];
        let by_value = self.rules[rule as usize].by_value;
        let place = if by_value { Workspace::place(state, token) } else { 0 };
        let from = self.work.replacements.len();
        if !(by_value && self.work.recall(place, state, token)) {
            let effect = self.apply(&entry, rule, state)?;
            if effect != Effect::Replaced {
                return Ok(effect);
            }
            let Workspace { replacements, value, .. } = &mut *self.work;
            match token.first() {
                Some(b'"') => write_string(value, replacements),
                _ => replacements.extend_from_slice(value.as_bytes()),
            }
            if by_value {
                self.work.keep(place, state, token, from);
            }
        }
        self.tape.entries[at].fate = Fate::Replace(offset(from), offset(self.work.replacements.len()));
        Ok(Effect::Replaced)
    }

    /// Applies a rule to a value; the new text is the workspace's value if it is replaced.
    fn apply(&mut self, entry: &Entry, rule: RuleId, state: StateId) -> Result<Effect, Refused> {
        let prepared = &self.rules[rule as usize];
        let Some(by_kind) = &prepared.transform else { return Ok(Effect::Removed) };
        let (start, end) = (entry.value as usize, entry.end as usize);
        let quoted = self.text.as_bytes()[start] == b'"';
        let token = match quoted {
            true => Token { start: start + 1, end: end - 1, escaped: entry.escaped },
            false => Token { start, end, escaped: false },
        };
        let text = token.of(self.text);
        let form = self.automaton.form(state);
        let (before, part, after) = match form {
            Form::Reference if prepared.identity => match Reference::parse(&text) {
                Reference::Container | Reference::Type => return Ok(Effect::Kept),
                Reference::Search => return Ok(Effect::Removed),
                Reference::Id { before, id, after, .. } => (before, id, after),
                Reference::Opaque => ("", &*text, ""),
            },
            _ => ("", &*text, ""),
        };
        if prepared.shifts && primitive::is_partial_date(part) {
            // A year or month has no day that could move, and would stay a hint to the true date.
            return Ok(Effect::Removed);
        }
        let occurrence = self.work.occurrences[rule as usize];
        self.work.occurrences[rule as usize] += 1;
        self.find_subject(entry.resource);
        let work = &mut *self.work;
        let subject = work.has_subject.then_some(Secret(&work.subject));
        let cell = Cell { value: Secret(part), subject, record: self.record, occurrence };
        work.value.clear();
        match by_kind.of(form).apply(&cell, &mut work.value) {
            Ok(Effect::Replaced) => {}
            Ok(effect) => return Ok(effect),
            Err(_) if self.invalid == Invalid::Redact => {
                work.invalid += 1;
                return Ok(Effect::Removed);
            }
            Err(refusal) => return Err(Refused { offset: start, refusal }),
        }
        let value = &mut self.work.value;
        if !before.is_empty() || !after.is_empty() {
            value.insert_str(0, before);
            value.push_str(after);
        }
        let ty = Model::r4().instance_name(self.automaton.ty(state));
        let is_token =
            quoted || scan::scalar(value.as_bytes(), 0) == Ok(value.len()) && !value.starts_with(['"', 'n']);
        Ok(if is_token && primitive::fits(ty, value) { Effect::Replaced } else { Effect::Removed })
    }

    /// Removes an entry, and what would be empty or invalid without it.
    fn remove(&mut self, at: usize) {
        self.label(self.tape.entries[at].resource, Labels::REDACTED);
        let mut at = at;
        loop {
            let entry = &mut self.tape.entries[at];
            if std::mem::replace(&mut entry.fate, Fate::Cut) == Fate::Cut || entry.parent == NONE {
                return;
            }
            let (inert, required, parent) = (entry.inert, entry.required, entry.parent as usize);
            let What::Container { left, content, resource } = &mut self.tape.entries[parent].what else {
                return;
            };
            *left = left.saturating_sub(1);
            *content = content.saturating_sub(u32::from(!inert));
            let goes = *left == 0 || required || (!inert && *content == 0);
            if !goes || *resource {
                return;
            }
            at = parent;
        }
    }

    /// Notes what was done to a resource and to all around it.
    fn label(&mut self, resource: u32, labels: Labels) {
        let mut at = resource;
        while at != NONE {
            self.work.labels[at as usize] = self.work.labels[at as usize].and(labels);
            at = self.tape.resources[at as usize].parent;
        }
    }

    /// Keeps lists of primitives and of their siblings aligned.
    fn align_pairs(&mut self) {
        for pair in std::mem::take(&mut self.tape.pairs) {
            let sides = [pair.0, pair.1].map(|list| self.items(list));
            let length = sides.iter().flatten().flatten().map(|(ordinal, _)| ordinal + 1).max().unwrap_or(0);
            for ordinal in 0..length {
                let absent = sides.each_ref().map(|side| match side {
                    // There is no list on this side.
                    None => Some(None),
                    Some(absent) => {
                        absent.iter().find(|(other, _)| *other == ordinal).map(|(_, entry)| Some(*entry))
                    }
                });
                let fate = if absent.iter().all(Option::is_some) { Fate::Cut } else { Fate::Null };
                for entry in absent.into_iter().flatten().flatten() {
                    self.tape.entries[entry as usize].fate = fate;
                }
            }
        }
    }

    /// The items of a list that are `null` or go, by position; `None` if there is no list, or none that stays.
    fn items(&self, list: u32) -> Option<Vec<(u32, u32)>> {
        match list {
            NONE => return Some(Vec::new()),
            ABSENT => return None,
            _ => {}
        }
        let entry = &self.tape.entries[list as usize];
        if entry.fate == Fate::Cut {
            return None;
        }
        let inside = list + 1..entry.after;
        let absent = inside.filter(|at| {
            let item = &self.tape.entries[*at as usize];
            item.parent == list && (item.fate == Fate::Cut || item.what == What::Null)
        });
        Some(absent.map(|at| (self.tape.entries[at as usize].ordinal, at)).collect())
    }

    /// Tells the members that go together with everything before them: they take the comma after them along.
    fn find_leading(&mut self) {
        // The number of members that are gone is counted in `left`, which has served.
        for at in 0..self.tape.entries.len() {
            if let What::Container { left, .. } = &mut self.tape.entries[at].what {
                *left = 0;
            }
            let Entry { fate: Fate::Cut, parent, ordinal, .. } = self.tape.entries[at] else { continue };
            if parent == NONE {
                continue;
            }
            let What::Container { left, .. } = &mut self.tape.entries[parent as usize].what else { continue };
            let leading = *left == ordinal;
            *left += 1;
            if leading {
                self.tape.entries[at].fate = Fate::CutLeading;
            }
        }
    }

    /// Adds labels to `meta.security` of every resource that was changed.
    fn insert_labels(&mut self) {
        let stays = |tape: &Tape, area: &Area| {
            area.entry == NONE
                || !matches!(tape.entries[area.entry as usize].fate, Fate::Cut | Fate::CutLeading)
        };
        for (at, resource) in self.tape.resources.iter().enumerate() {
            let labels = self.work.labels[at];
            if labels.is_empty() {
                continue;
            }
            let meta = resource.meta.filter(|area| stays(self.tape, area));
            let security = resource.security.filter(|area| meta.is_some() && stays(self.tape, area));
            let labels = security.map_or(labels, |area| labels.missing_in(&self.written(area)));
            if labels.is_empty() {
                continue;
            }
            let (position, before, after, area) = match (meta, security) {
                (_, Some(area)) => (area.open, "", "", Some(area)),
                (Some(area), None) => (area.open, "\"security\":[", "]", Some(area)),
                (None, _) => (resource.type_end, ",\"meta\":{\"security\":[", "]}", None),
            };
            let replacements = &mut self.work.replacements;
            let from = offset(replacements.len());
            replacements.extend_from_slice(before.as_bytes());
            labels.write(replacements);
            replacements.extend_from_slice(after.as_bytes());
            if area.is_some_and(|area| !area.empty) {
                replacements.push(b',');
            }
            self.work.inserts.push((position, from, offset(replacements.len())));
        }
        self.work.inserts.sort_unstable();
    }

    fn opening(&self) -> usize {
        let Some((position, from, to)) = self.work.inserts.first() else { return 0 };
        let mut before = self.tape.entries.iter().take_while(|entry| entry.start < *position);
        match before.all(|entry| entry.fate == Fate::Stay) {
            true => (position + to - from) as usize,
            false => 0,
        }
    }

    /// A list as it will be written.
    fn written(&self, area: Area) -> Vec<u8> {
        let (from, to) = (area.open as usize - 1, area.end as usize);
        let (first, last) = match area.entry {
            NONE => (0, 0),
            entry => (entry as usize + 1, self.tape.entries[entry as usize].after as usize),
        };
        let mut out = Vec::new();
        let range = Range { from, to, first, last };
        emit(self.text.as_bytes(), &self.tape.entries, range, &[], &self.work.replacements, &mut out);
        out
    }
}

/// A part of the record: bytes, and the entries in them.
#[derive(Clone, Copy)]
struct Range {
    from: usize,
    to: usize,
    first: usize,
    last: usize,
}

/// Copies a range of the record with its entries' fates and the insertions applied.
fn emit(
    bytes: &[u8],
    entries: &[Entry],
    range: Range,
    inserts: &[(u32, u32, u32)],
    replacements: &[u8],
    out: &mut Vec<u8>,
) {
    let mut inserts = inserts.iter();
    let mut cursor = range.from;
    let mut copy = |to: usize, from_next: usize, out: &mut Vec<u8>| {
        while let Some((position, from, end)) = inserts.as_slice().first().copied() {
            let position = position as usize;
            if position > to {
                break;
            }
            // What was to be labelled has gone as a whole.
            if position < cursor {
                inserts.next();
                continue;
            }
            out.extend_from_slice(&bytes[cursor..position]);
            out.extend_from_slice(&replacements[from as usize..end as usize]);
            cursor = position;
            inserts.next();
        }
        out.extend_from_slice(&bytes[cursor..to]);
        cursor = from_next;
    };
    let mut at = range.first;
    while at < range.last {
        let entry = &entries[at];
        let after = entry.after as usize;
        at = match entry.fate {
            Fate::Stay => at + 1,
            Fate::Cut => {
                // The comma before it goes along.
                copy(back_over_comma(bytes, entry.start as usize), entry.end as usize, out);
                after
            }
            Fate::CutLeading => {
                copy(entry.start as usize, forward_over_comma(bytes, entry.end as usize), out);
                after
            }
            Fate::Null => {
                copy(entry.value as usize, entry.end as usize, out);
                out.extend_from_slice(b"null");
                after
            }
            Fate::Replace(from, to) => {
                copy(entry.value as usize, entry.end as usize, out);
                out.extend_from_slice(&replacements[from as usize..to as usize]);
                after
            }
        };
    }
    copy(range.to, range.to, out);
}

/// The end of the member before the one that starts at `at`.
fn back_over_comma(bytes: &[u8], at: usize) -> usize {
    let is_between = |b: &&u8| matches!(**b, b' ' | b'\n' | b'\r' | b'\t' | b',');
    at - bytes[..at].iter().rev().take_while(is_between).count()
}

/// The start of the member after the one that ends at `at`.
fn forward_over_comma(bytes: &[u8], at: usize) -> usize {
    let at = scan::space(bytes, at);
    match bytes.get(at) {
        Some(b',') => scan::space(bytes, at + 1),
        _ => at,
    }
}

/// Writes a JSON string.
fn write_string(text: &str, out: &mut Vec<u8>) {
    if scan::plain(text.as_bytes(), 0) < text.len() {
        // Writing a string to a vector cannot fail.
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn offset(value: usize) -> u32 {
    u32::try_from(value).expect("replacements of one record stay far below 4 GiB")
}
