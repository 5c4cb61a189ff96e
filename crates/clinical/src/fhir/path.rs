//! The part of FHIRPath that de-identification rules are written in.
//!
//! A rule names elements, so it takes the navigating part of FHIRPath (HL7 FHIRPath 2.0.0, N1) and two functions that
//! configurations of FHIR anonymizers know:
//!
//! | form | elements |
//! |---|---|
//! | `Patient.contact.name` | on that path of a Patient; a choice `value[x]` is `value` (or `valueQuantity` for one type) |
//! | `Resource.id`, `DomainResource.text`, `id` | in every resource |
//! | `nodesByType('HumanName')` | of exactly that type, at any depth of any resource |
//! | `nodesByName('div')` | of that name, at any depth of any resource |
//! | `X.descendants()`, `X.children()`, `X.nodesByType('Address')` | below X |
//! | `X as Age`, `X.as(Age)`, `X.ofType(Age)` | those of X of the type or a specialisation |
//! | `X.where(use = 'home' and system = 'phone')` | those of X that meet the criteria |
//! | `X.extension('url')` | `X.extension.where(url = 'url')` |
//! | `X \| Y`, `(X \| Y).name` | either |
//!
//! No form leaves a resource: contained resources and Bundle entries have rules applied to them on their own.

use std::fmt;

use super::model::{Category, Model, TypeId};

/// A parsed path: the alternatives of `|`, each a chain of steps from the root of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// At least one.
    pub alternatives: Vec<Vec<Step>>,
}

/// One step, from a node to nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Stays, if the node is of the type or specialises it.
    OfType(TypeId),
    /// To the children of that name.
    Child(String),
    /// To all children.
    Children,
    /// To all nodes below.
    Descendants,
    /// To the node itself and all below, if exactly of the type of that name.
    NodesByType(String),
    /// To the node itself and all below, if of that name.
    NodesByName(String),
    /// Stays, if the node meets the criteria.
    Where(Criteria),
}

/// A condition on the content of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Criteria {
    /// All hold.
    And(Vec<Criteria>),
    /// One holds.
    Or(Vec<Criteria>),
    /// It does not hold.
    Not(Box<Criteria>),
    /// There is a node on the path.
    Exists(Vec<String>),
    /// The one node on the path compares so.
    Compare(Vec<String>, Comparison, Literal),
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `.startsWith(..)`
    StartsWith,
    /// `.endsWith(..)`
    EndsWith,
    /// `.contains(..)`
    Contains,
}

/// A constant of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `'text'`
    Text(String),
    /// A number as it is written.
    Number(String),
    /// `true`, `false`
    Boolean(bool),
}

/// Where and why a path is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {fault}")]
pub struct PathError {
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub fault: PathFault,
}

/// Why a path is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What should stand here.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// No such element, on no type that the path can have reached.
    #[error("no element `{name}` here{}", Hint(suggestion))]
    UnknownElement {
        /// The word.
        name: String,
        /// A near one.
        suggestion: Option<String>,
    },
    /// No such type in FHIR R4.
    #[error("no type `{name}` in FHIR R4{}", Hint(suggestion))]
    UnknownType {
        /// The word.
        name: String,
        /// A near one.
        suggestion: Option<String>,
    },
    /// A path starts at a resource; data types are reached by `nodesByType`.
    #[error("a path starts at a resource; for elements of this type write `nodesByType('{name}')`")]
    StartsAtDataType {
        /// The type.
        name: String,
    },
    /// No function of this subset.
    #[error("function `{name}` is not part of the supported FHIRPath{}", Hint(suggestion))]
    UnknownFunction {
        /// The word.
        name: String,
        /// A near one.
        suggestion: Option<String>,
    },
    /// Rules treat all items of a list alike.
    #[error("indexes are not supported: a rule treats all items of a list alike")]
    Index,
}

struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |word| write!(f, "; did you mean `{word}`?"))
    }
}

impl Path {
    /// Parses a path and checks its names against the model of FHIR R4.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let model = Model::r4();
        let mut parser = Parser { tokens: tokens(text)?, at: 0, model };
        let branches = parser.union(None)?;
        parser.expect(&Token::End, "`.`, `|`, `as` or the end")?;
        Ok(Path { alternatives: branches.into_iter().map(|branch| branch.steps).collect() })
    }
}

/// One alternative while it is parsed: its steps and the types that they can have reached.
#[derive(Clone)]
struct Branch {
    steps: Vec<Step>,
    reach: Reach,
}

/// The types that a node can have.
#[derive(Clone)]
enum Reach {
    /// One of these.
    Types(Vec<TypeId>),
    /// Not known: below `descendants()`, `nodesByName` and contained resources.
    Any,
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    model: &'static Model,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Number(String),
    Symbol(&'static str),
    End,
}

impl Parser {
    /// `typed ('|' typed)*`, from the root (`None`).
    fn union(&mut self, from: Option<&Branch>) -> Result<Vec<Branch>, PathError> {
        let mut all = self.typed(from)?;
        while self.take(&Token::Symbol("|")) {
            all.extend(self.typed(from)?);
        }
        Ok(all)
    }

    /// `chain ('as' Type)*`
    fn typed(&mut self, from: Option<&Branch>) -> Result<Vec<Branch>, PathError> {
        let mut branches = self.chain(from)?;
        while self.take(&Token::Word("as".into())) {
            let ty = self.type_name()?;
            branches = branches.into_iter().map(|branch| self.of_type(branch, ty)).collect();
        }
        Ok(branches)
    }

    /// `start ('.' step)*`
    fn chain(&mut self, from: Option<&Branch>) -> Result<Vec<Branch>, PathError> {
        let mut branches = if self.take(&Token::Symbol("(")) {
            let inner = self.union(from)?;
            self.expect(&Token::Symbol(")"), "`)`")?;
            inner
        } else {
            self.start()?
        };
        loop {
            if *self.peek() == Token::Symbol("[") {
                return Err(self.fail(PathFault::Index));
            }
            if !self.take(&Token::Symbol(".")) {
                return Ok(branches);
            }
            branches = self.step(branches)?;
        }
    }

    /// The root: a resource type, or any resource where the path starts with an element or a function.
    fn start(&mut self) -> Result<Vec<Branch>, PathError> {
        let Token::Word(name) = self.peek().clone() else {
            return Err(self.expected("a resource type, an element or a function"));
        };
        let any_resource =
            Branch { steps: Vec::new(), reach: Reach::Types(self.concrete(self.model.resource())) };
        if self.peek_second() == &Token::Symbol("(") || !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return self.step(vec![any_resource]);
        }
        let Some(ty) = self.model.find(&name) else {
            let resources = self.model.types().filter(|(_, ty)| ty.category == Category::Resource);
            let suggestion = nearest(&name, resources.map(|(_, ty)| ty.name));
            return Err(self.fail(PathFault::UnknownType { name, suggestion }));
        };
        if self.model.category(ty) != Category::Resource {
            return Err(self.fail(PathFault::StartsAtDataType { name }));
        }
        self.at += 1;
        if ty == self.model.resource() {
            return Ok(vec![any_resource]);
        }
        Ok(vec![Branch { steps: vec![Step::OfType(ty)], reach: Reach::Types(self.concrete(ty)) }])
    }

    /// One element or function, applied to all branches.
    fn step(&mut self, branches: Vec<Branch>) -> Result<Vec<Branch>, PathError> {
        let column = self.column();
        let Token::Word(name) = self.peek().clone() else {
            return Err(self.expected("an element or a function"));
        };
        self.at += 1;
        if self.take(&Token::Symbol("(")) {
            return self.function(&name, column, branches);
        }
        if branches.iter().all(|branch| self.child(branch, &name).is_none()) {
            let suggestion = self.nearest_element(&branches, &name);
            return Err(PathError { column, fault: PathFault::UnknownElement { name, suggestion } });
        }
        Ok(branches.iter().filter_map(|branch| self.child(branch, &name)).collect())
    }

    fn child(&self, branch: &Branch, name: &str) -> Option<Branch> {
        let mut stepped = branch.clone();
        stepped.steps.push(Step::Child(name.to_owned()));
        if let Reach::Types(types) = &branch.reach {
            let elements =
                types.iter().filter(|ty| **ty != TypeId::UNKNOWN).flat_map(|ty| self.elements(*ty));
            let mut found: Vec<TypeId> =
                elements.filter(|e| e.name == name || e.property == name).map(|e| e.ty).collect();
            found.sort();
            found.dedup();
            if found.is_empty() {
                return None;
            }
            stepped.reach =
                if found.contains(&self.model.resource()) { Reach::Any } else { Reach::Types(found) };
        }
        Some(stepped)
    }

    /// The elements of a node of this type; a primitive has those of `Element`, in its `_` sibling.
    fn elements(&self, ty: TypeId) -> &'static [super::model::Element] {
        let ty = if self.model.category(ty) == Category::Primitive { self.model.base_element() } else { ty };
        &self.model.get(ty).elements
    }

    /// The rest of a function, from after its opening parenthesis.
    fn function(
        &mut self,
        name: &str,
        column: usize,
        branches: Vec<Branch>,
    ) -> Result<Vec<Branch>, PathError> {
        const NAMES: [&str; 8] =
            ["nodesByType", "nodesByName", "descendants", "children", "ofType", "as", "where", "extension"];
        let each = |step: Step, reach: Option<Reach>| {
            let push = |mut branch: Branch| {
                branch.steps.push(step.clone());
                branch.reach = reach.clone().unwrap_or(branch.reach);
                branch
            };
            branches.iter().cloned().map(push).collect()
        };
        let stepped = match name {
            "nodesByType" => {
                let ty = self.quoted_type()?;
                let named = self.model.types().filter(|(id, _)| self.model.instance_name(*id) == ty);
                let reach = Reach::Types(named.map(|(id, _)| id).collect());
                each(Step::NodesByType(ty), Some(reach))
            }
            "nodesByName" => {
                each(Step::NodesByName(self.text("the name of elements in quotes")?), Some(Reach::Any))
            }
            "descendants" => each(Step::Descendants, Some(Reach::Any)),
            "children" => each(Step::Children, Some(Reach::Any)),
            "ofType" | "as" => {
                let ty = self.type_name()?;
                self.expect(&Token::Symbol(")"), "`)`")?;
                // Some configurations write `Observation.ofType(Quantity).value` for `Observation.value.ofType(Quantity)`: a type
                // that no node here can have filters the element that follows.
                let filtered =
                    if branches.iter().all(|branch| self.never(branch, ty)) && self.element_follows() {
                        self.at += 1;
                        self.step(branches)?
                    } else {
                        branches
                    };
                return Ok(filtered.into_iter().map(|branch| self.of_type(branch, ty)).collect());
            }
            "where" => {
                let criteria = self.any_of()?;
                each(Step::Where(criteria), None)
            }
            "extension" => {
                let url = Literal::Text(self.text("the extension's url in quotes")?);
                let criteria = Criteria::Compare(vec!["url".into()], Comparison::Equal, url);
                let stepped: Vec<Branch> =
                    branches.iter().filter_map(|b| self.child(b, "extension")).collect();
                let push = |mut branch: Branch| {
                    branch.steps.push(Step::Where(criteria.clone()));
                    branch
                };
                stepped.into_iter().map(push).collect()
            }
            _ => {
                let suggestion = nearest(name, NAMES.into_iter());
                let fault = PathFault::UnknownFunction { name: name.to_owned(), suggestion };
                return Err(PathError { column, fault });
            }
        };
        self.expect(&Token::Symbol(")"), "`)`")?;
        Ok(stepped)
    }

    fn of_type(&self, mut branch: Branch, ty: TypeId) -> Branch {
        branch.steps.push(Step::OfType(ty));
        branch.reach = match branch.reach {
            Reach::Any => Reach::Types(vec![ty]),
            Reach::Types(types) => {
                Reach::Types(types.into_iter().filter(|t| self.model.is_a(*t, ty)).collect())
            }
        };
        branch
    }

    fn never(&self, branch: &Branch, ty: TypeId) -> bool {
        matches!(&branch.reach, Reach::Types(types) if !types.iter().any(|t| self.model.is_a(*t, ty)))
    }

    /// Whether `.element` follows.
    fn element_follows(&self) -> bool {
        let next = |offset| self.tokens.get(self.at + offset).map(|(_, token)| token);
        next(0) == Some(&Token::Symbol("."))
            && matches!(next(1), Some(Token::Word(_)))
            && next(2) != Some(&Token::Symbol("("))
    }

    /// `all_of ('or' all_of)*`
    fn any_of(&mut self) -> Result<Criteria, PathError> {
        let mut parts = vec![self.all_of()?];
        while self.take(&Token::Word("or".into())) {
            parts.push(self.all_of()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Criteria::Or(parts) })
    }

    /// `criterion ('and' criterion)*`
    fn all_of(&mut self) -> Result<Criteria, PathError> {
        let mut parts = vec![self.criterion()?];
        while self.take(&Token::Word("and".into())) {
            parts.push(self.criterion()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Criteria::And(parts) })
    }

    /// `path = literal`, `path.function(..)`, or a parenthesised condition; `.not()` may follow.
    fn criterion(&mut self) -> Result<Criteria, PathError> {
        if self.take(&Token::Symbol("(")) {
            let inner = self.any_of()?;
            self.expect(&Token::Symbol(")"), "`)`")?;
            return self.negated(inner);
        }
        let mut path = Vec::new();
        loop {
            let Token::Word(word) = self.peek().clone() else {
                return Err(self.expected("an element"));
            };
            let column = self.column();
            self.at += 1;
            if self.take(&Token::Symbol("(")) {
                let criteria = self.test(&word, column, path)?;
                self.expect(&Token::Symbol(")"), "`)`")?;
                return self.negated(criteria);
            }
            // `$this` is the node itself: the empty path.
            if word != "$this" {
                if !self.model.knows(&word) {
                    let suggestion = None;
                    return Err(PathError {
                        column,
                        fault: PathFault::UnknownElement { name: word, suggestion },
                    });
                }
                path.push(word);
            }
            if self.take(&Token::Symbol(".")) {
                continue;
            }
            let comparison = if self.take(&Token::Symbol("=")) {
                Comparison::Equal
            } else if self.take(&Token::Symbol("!=")) {
                Comparison::NotEqual
            } else {
                return Err(self.expected("`=`, `!=` or `.`"));
            };
            return Ok(Criteria::Compare(path, comparison, self.literal()?));
        }
    }

    fn test(&mut self, name: &str, column: usize, path: Vec<String>) -> Result<Criteria, PathError> {
        const NAMES: [&str; 5] = ["exists", "empty", "startsWith", "endsWith", "contains"];
        let comparison = match name {
            "exists" => return Ok(Criteria::Exists(path)),
            "empty" => return Ok(Criteria::Not(Box::new(Criteria::Exists(path)))),
            "startsWith" => Comparison::StartsWith,
            "endsWith" => Comparison::EndsWith,
            "contains" => Comparison::Contains,
            _ => {
                let suggestion = nearest(name, NAMES.into_iter());
                let fault = PathFault::UnknownFunction { name: name.to_owned(), suggestion };
                return Err(PathError { column, fault });
            }
        };
        Ok(Criteria::Compare(path, comparison, Literal::Text(self.text("a text in quotes")?)))
    }

    fn negated(&mut self, criteria: Criteria) -> Result<Criteria, PathError> {
        if !self.take(&Token::Symbol(".")) {
            return Ok(criteria);
        }
        if !self.take(&Token::Word("not".into())) {
            return Err(self.expected("`not()`"));
        }
        self.expect(&Token::Symbol("("), "`(`")?;
        self.expect(&Token::Symbol(")"), "`)`")?;
        Ok(Criteria::Not(Box::new(criteria)))
    }

    fn literal(&mut self) -> Result<Literal, PathError> {
        let literal = match self.peek().clone() {
            Token::Text(text) => Literal::Text(text),
            Token::Number(digits) => Literal::Number(digits),
            Token::Word(word) if word == "true" || word == "false" => Literal::Boolean(word == "true"),
            _ => return Err(self.expected("a text in quotes, a number, `true` or `false`")),
        };
        self.at += 1;
        Ok(literal)
    }

    fn text(&mut self, expected: &'static str) -> Result<String, PathError> {
        let Token::Text(text) = self.peek().clone() else { return Err(self.expected(expected)) };
        self.at += 1;
        Ok(text)
    }

    fn quoted_type(&mut self) -> Result<String, PathError> {
        let column = self.column();
        let name = self.text("the name of a type in quotes")?;
        self.check_type(&name, column)?;
        Ok(name)
    }

    fn type_name(&mut self) -> Result<TypeId, PathError> {
        let column = self.column();
        let Token::Word(mut name) = self.peek().clone() else {
            return Err(self.expected("the name of a type"));
        };
        self.at += 1;
        // `FHIR.Quantity` is the qualified form.
        if name == "FHIR" && self.take(&Token::Symbol(".")) {
            let Token::Word(second) = self.peek().clone() else {
                return Err(self.expected("the name of a type"));
            };
            self.at += 1;
            name = second;
        }
        self.check_type(&name, column)
    }

    fn check_type(&self, name: &str, column: usize) -> Result<TypeId, PathError> {
        self.model.find(name).ok_or_else(|| {
            let suggestion = nearest(name, self.model.types().map(|(_, ty)| ty.name));
            PathError { column, fault: PathFault::UnknownType { name: name.to_owned(), suggestion } }
        })
    }

    /// The types that are `ty` or specialise it.
    fn concrete(&self, ty: TypeId) -> Vec<TypeId> {
        self.model.types().map(|(id, _)| id).filter(|id| self.model.is_a(*id, ty)).collect()
    }

    fn nearest_element(&self, branches: &[Branch], name: &str) -> Option<String> {
        let types = branches.iter().filter_map(|branch| match &branch.reach {
            Reach::Types(types) => Some(types),
            Reach::Any => None,
        });
        nearest(name, types.flatten().flat_map(|ty| self.elements(*ty)).map(|e| e.name))
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)].1
    }

    fn peek_second(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].1
    }

    fn column(&self) -> usize {
        self.tokens[self.at.min(self.tokens.len() - 1)].0
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token, expected: &'static str) -> Result<(), PathError> {
        if self.take(token) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn expected(&self, expected: &'static str) -> PathError {
        let found = match self.peek() {
            Token::Word(word) | Token::Number(word) => format!("`{word}`"),
            Token::Text(text) => format!("`'{text}'`"),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::End => "the end".to_owned(),
        };
        self.fail(PathFault::Expected { expected, found })
    }

    fn fail(&self, fault: PathFault) -> PathError {
        PathError { column: self.column(), fault }
    }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, PathError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        let run = |from: usize, fits: fn(char) -> bool| -> usize {
            from + chars[from..].iter().take_while(|c| fits(**c)).count()
        };
        let symbol = |s: &'static str| Token::Symbol(s);
        let token = match c {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            c if c.is_ascii_alphabetic() || c == '_' || c == '$' => {
                at = run(at + 1, |c| c.is_ascii_alphanumeric() || c == '_');
                Token::Word(chars[start..at].iter().collect())
            }
            c if c.is_ascii_digit() || c == '-' => {
                at = run(at + 1, |c| c.is_ascii_digit() || c == '.');
                Token::Number(chars[start..at].iter().collect())
            }
            '\'' | '"' => {
                let Some(length) = chars[at + 1..].iter().position(|end| *end == c) else {
                    let fault =
                        PathFault::Expected { expected: "the closing quote", found: "the end".into() };
                    return Err(PathError { column: start + 1, fault });
                };
                at += length + 2;
                Token::Text(chars[start + 1..at - 1].iter().collect())
            }
            '!' if chars.get(at + 1) == Some(&'=') => {
                at += 2;
                symbol("!=")
            }
            _ => {
                at += 1;
                let known = [".", "(", ")", "|", "=", "[", "]"];
                let found = known.into_iter().find(|s| s.starts_with(c)).map(symbol);
                found.ok_or_else(|| {
                    let fault = PathFault::Expected { expected: "a path", found: format!("`{c}`") };
                    PathError { column: start + 1, fault }
                })?
            }
        };
        tokens.push((start + 1, token));
    }
    tokens.push((chars.len() + 1, Token::End));
    Ok(tokens)
}

/// The word at most two edits from `word`, if any; the first of several equally near.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = candidates.map(|candidate| (edits(word, candidate), candidate));
    let best = scored.min_by_key(|(edits, candidate)| (*edits, candidate.len()))?;
    (best.0 <= 2).then(|| best.1.to_owned())
}

/// The Levenshtein distance, with letters taken without regard to case and a swap of neighbours as one edit.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<u8>, Vec<u8>) = (a.to_ascii_lowercase().into(), b.to_ascii_lowercase().into());
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substitute = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut cost = substitute.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(rows[i - 2][j - 2] + 1);
            }
            row.push(cost);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<Vec<Step>> {
        Path::parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).alternatives
    }

    fn error(text: &str) -> String {
        Path::parse(text).unwrap_err().to_string()
    }

    fn child(name: &str) -> Step {
        Step::Child(name.into())
    }

    fn of_type(name: &str) -> Step {
        Step::OfType(Model::r4().find(name).unwrap())
    }

    #[test]
    fn paths_of_elements_parse() {
        assert_eq!(steps("Patient.name.given"), [vec![of_type("Patient"), child("name"), child("given")]]);
        assert_eq!(steps("Resource.id"), [vec![child("id")]]);
        assert_eq!(steps("Observation.value"), [vec![of_type("Observation"), child("value")]]);
        assert_eq!(steps("Observation.valueQuantity.unit")[0].len(), 3);
        assert_eq!(steps("Patient.birthDate.extension.url")[0].len(), 4);
        assert_eq!(steps("Patient"), [vec![of_type("Patient")]]);
        assert_eq!(steps("Questionnaire.item.item.item.text")[0].len(), 5);
    }

    #[test]
    fn functions_parse() {
        assert_eq!(
            steps("nodesByType('HumanName').use"),
            [vec![Step::NodesByType("HumanName".into()), child("use")]]
        );
        assert_eq!(steps("nodesByName(\"div\")"), [vec![Step::NodesByName("div".into())]]);
        assert_eq!(
            steps("Patient.nodesByType('Address')"),
            [vec![of_type("Patient"), Step::NodesByType("Address".into())]]
        );
        assert_eq!(steps("Patient.descendants()"), [vec![of_type("Patient"), Step::Descendants]]);
        let url = Criteria::Compare(vec!["url".into()], Comparison::Equal, Literal::Text("u".into()));
        let extension = vec![child("extension"), Step::Where(url)];
        assert_eq!(steps("extension('u')")[0], extension);
        assert_eq!(steps("extension.where(url = 'u')")[0], extension);
    }

    #[test]
    fn a_union_binds_looser_than_a_type() {
        let both = steps("Condition.onset | Condition.abatement as Age");
        assert_eq!(both[0], vec![of_type("Condition"), child("onset")]);
        assert_eq!(both[1], vec![of_type("Condition"), child("abatement"), of_type("Age")]);
        let either = steps("(Condition.onset | Condition.abatement).ofType(Age).value");
        assert!(either.iter().all(|steps| steps.len() == 4 && steps[2] == of_type("Age")));
        let value = steps("(nodesByType('Observation').value as Quantity).value");
        assert_eq!(value[0][2..], [of_type("Quantity"), child("value")]);
    }

    #[test]
    fn a_type_before_its_choice_element_filters_the_element() {
        assert_eq!(
            steps("nodesByType('Observation').ofType(Quantity).value"),
            steps("nodesByType('Observation').value.ofType(Quantity)")
        );
        assert_eq!(
            steps("nodesByType('Observation').ofType(Quantity).value.unit"),
            steps("nodesByType('Observation').value.ofType(Quantity).unit")
        );
    }

    #[test]
    fn criteria_parse() {
        let home =
            steps("nodesByType('ContactPoint').where(use='home' and (system != 'phone' or rank.exists()))");
        let Step::Where(Criteria::And(parts)) = &home[0][1] else { panic!("{home:?}") };
        assert!(matches!(&parts[1], Criteria::Or(either) if either.len() == 2));
        let not = steps("Patient.identifier.where(system.startsWith('http').not())");
        assert!(matches!(&not[0][2], Step::Where(Criteria::Not(_))));
    }

    #[test]
    fn faults_have_their_column_and_a_suggestion() {
        assert_eq!(
            error("Patient.brithDate"),
            "column 9: no element `brithDate` here; did you mean `birthDate`?"
        );
        assert_eq!(error("Pateint.name"), "column 1: no type `Pateint` in FHIR R4; did you mean `Patient`?");
        assert_eq!(
            error("nodesByType('HumanNme')"),
            "column 13: no type `HumanNme` in FHIR R4; did you mean `HumanName`?"
        );
        assert_eq!(
            error("HumanName.use"),
            "column 1: a path starts at a resource; for elements of this type write `nodesByType('HumanName')`"
        );
        assert_eq!(
            error("Patient.name[0]"),
            "column 13: indexes are not supported: a rule treats all items of a list alike"
        );
        assert_eq!(error("Patient."), "column 9: expected an element or a function, found the end");
        assert_eq!(
            error("Patient.name given"),
            "column 14: expected `.`, `|`, `as` or the end, found `given`"
        );
        assert_eq!(error("Patient.name.where(use='home'"), "column 30: expected `)`, found the end");
        assert_eq!(
            error("Patient.name.where(use='home)"),
            "column 24: expected the closing quote, found the end"
        );
        assert!(error("Patient.name.wher(use='home')").ends_with("did you mean `where`?"));
        assert_eq!(error(""), "column 1: expected a resource type, an element or a function, found the end");
        assert!(error("Patient.name.深").starts_with("column 14: expected a path"));
    }

    #[test]
    fn no_input_panics() {
        let sample = "(nodesByType('Observation').ofType(Quantity).value as FHIR.Quantity).where($this='x' or a.not()) | é[";
        for (end, _) in sample.char_indices() {
            let _ = Path::parse(&sample[..end]);
            let _ = Path::parse(&sample[end..]);
        }
    }
}
