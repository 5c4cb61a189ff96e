//! From a text to policies, and from policies to a verdict.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use cedar_policy_core::ast::{
    Effect, Expr, ExprKind, Literal, Policy, PolicyID, PolicySet, SlotEnv, Value, ValueKind, Var,
};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::parser::Loc;
use cedar_policy_core::parser::parse_policyset;
use cedar_policy_core::validator::{ValidationMode, ValidationWarning, Validator, ValidatorSchema};
use miette::Diagnostic;
use smol_str::SmolStr;

use crate::fault::{Fault, Position};
use crate::limits::{MAX_BYTES, MAX_DEPTH, MAX_EXPRESSIONS, MAX_ID, MAX_POLICIES, MAX_REASON};
use crate::question::Question;
use crate::{SCHEMA, stack};

/// The policies of a contract, ready to be asked.
#[derive(Debug)]
pub struct Policies {
    /// Sorted by id.
    rules: Vec<Rule>,
    looks: Looks,
    expressions: usize,
}

/// Which attributes policies look at: others need not be told.
#[derive(Debug)]
pub(crate) enum Looks {
    /// At these names, of whatever they are.
    At(BTreeSet<SmolStr>),
    /// At the context as a whole.
    AtAll,
}

impl Looks {
    /// Whether an attribute can make a difference.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Looks::At(names) => names.contains(name),
            Looks::AtAll => true,
        }
    }

    fn at<'a>(&mut self, attributes: impl IntoIterator<Item = &'a SmolStr>) {
        if let Looks::At(names) = self {
            names.extend(attributes.into_iter().cloned());
        }
    }
}

#[derive(Debug)]
struct Rule {
    id: String,
    reason: Option<String>,
    effect: Effect,
    condition: Expr,
}

/// What policies say to a question. Ids are sorted and separated by commas, so that they are one fact of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing against it.
    Allowed,
    /// Policies that forbid apply.
    Forbidden {
        /// To which dataset.
        dataset: String,
        /// Their ids.
        policies: String,
        /// Their reasons, as far as they give one.
        because: String,
    },
    /// There are policies that permit, and none of them applies.
    NotPermitted {
        /// To which dataset.
        dataset: String,
        /// Their ids.
        policies: String,
    },
    /// Policies whose evaluation failed: an overflow, or a limit of Cedar. Nothing is allowed by a rule that cannot be read to its end.
    Failed {
        /// To which dataset.
        dataset: String,
        /// Their ids.
        policies: String,
    },
}

impl Policies {
    /// Reads a text.
    ///
    /// # Errors
    /// [`Fault`]: the first that is found, the same on every node but for its `detail`.
    pub fn compile(text: &str) -> Result<Self, Fault> {
        if text.len() > MAX_BYTES {
            return Err(Fault::Size { bytes: text.len() });
        }
        check_characters(text)?;
        check_brackets(text)?;
        stack::for_compiling(|| read(text))
    }

    /// Answers a question. Every policy is asked about every dataset; the first dataset that is not allowed decides.
    pub fn decide(&self, question: &Question<'_>) -> Verdict {
        stack::for_decision(|| {
            let known = question.known(&self.looks);
            question
                .asked(&self.looks)
                .map(|(dataset, asked)| {
                    self.decide_one(dataset, &Evaluator::new(asked, &known, Extensions::none()))
                })
                .find(|verdict| *verdict != Verdict::Allowed)
                .unwrap_or(Verdict::Allowed)
        })
    }

    fn decide_one(&self, dataset: &str, evaluator: &Evaluator<'_>) -> Verdict {
        let (mut forbid, mut failed, mut permits, mut permitted) = (vec![], vec![], vec![], false);
        let no_slots = SlotEnv::new();
        for rule in &self.rules {
            let applies = match evaluator.interpret(&rule.condition, &no_slots) {
                Ok(Value { value: ValueKind::Lit(Literal::Bool(applies)), .. }) => applies,
                _ => {
                    failed.push(rule);
                    continue;
                }
            };
            match rule.effect {
                Effect::Forbid if applies => forbid.push(rule),
                Effect::Forbid => {}
                Effect::Permit => {
                    permits.push(rule);
                    permitted |= applies;
                }
            }
        }
        let dataset = dataset.to_owned();
        if !forbid.is_empty() {
            let reasons: Vec<&str> = forbid.iter().filter_map(|rule| rule.reason.as_deref()).collect();
            Verdict::Forbidden { dataset, policies: ids(&forbid), because: reasons.join("; ") }
        } else if !failed.is_empty() {
            Verdict::Failed { dataset, policies: ids(&failed) }
        } else if !permitted && !permits.is_empty() {
            Verdict::NotPermitted { dataset, policies: ids(&permits) }
        } else {
            Verdict::Allowed
        }
    }

    /// How many expressions there are: what is kept of a text takes about as much of each.
    pub(crate) fn expressions(&self) -> usize {
        self.expressions
    }

    /// Whether an attribute of this name can make a difference, whatever it is of.
    pub fn look_at(&self, name: &str) -> bool {
        self.looks.has(name)
    }

    /// The ids, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }
}

fn ids(rules: &[&Rule]) -> String {
    rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>().join(",")
}

/// Refuses characters that are not seen: whoever signs reads what is evaluated, on a terminal too.
fn check_characters(text: &str) -> Result<(), Fault> {
    let unseen = |at: usize, c: char| match c {
        '\n' | '\t' => false,
        // Alone it takes a line back to its begin on a terminal, and ends a comment for Cedar.
        '\r' => !text[at + 1..].starts_with('\n'),
        c => c.is_control() || is_invisible(c),
    };
    match text.char_indices().find(|(at, c)| unseen(*at, *c)) {
        None => Ok(()),
        Some((at, c)) => {
            let what = format!("the character U+{:04X}", u32::from(c));
            Err(Fault::NotAdmitted { at: Position::of(text, at), what })
        }
    }
}

/// Refuses brackets that are nested too deep, before anything recurses.
fn check_brackets(text: &str) -> Result<(), Fault> {
    let (mut depth, mut string, mut comment, mut escaped) = (0usize, false, false, false);
    let mut before = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' | b'\r' => comment = false,
            _ if comment => {}
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            _ if string => {}
            b'/' if before == b'/' => comment = true,
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Fault::Depth { at: Position::of(text, at), depth });
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = byte;
    }
    Ok(())
}

fn read(text: &str) -> Result<Policies, Fault> {
    let set = parse_policyset(text).map_err(|errors| {
        let (at, detail) = first(text, errors.iter());
        Fault::Syntax { at, detail }
    })?;
    let position = |loc: Option<&Loc>| Position::of(text, loc.map_or(0, Loc::start));
    if let Some(template) = set.templates().min_by_key(|template| template.loc().map_or(0, Loc::start)) {
        return Err(Fault::NotAdmitted { at: position(template.loc()), what: "a template".to_owned() });
    }
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|policy| policy.loc().map_or(0, Loc::start));
    if policies.is_empty() || policies.len() > MAX_POLICIES {
        return Err(Fault::Count { policies: policies.len() });
    }
    let (mut rules, mut named, mut taken) = (Vec::new(), PolicySet::new(), BTreeSet::new());
    let (mut looks, mut expressions) = (Looks::At(BTreeSet::new()), 0);
    for (number, policy) in policies.into_iter().enumerate() {
        if let Some(condition) = policy.non_scope_constraints() {
            expressions = check_shape(condition, policy, &position, expressions, &mut looks)?;
        }
        let (id, reason) = annotations(policy, number, &mut taken, &position)?;
        let renamed = policy.new_id(PolicyID::from_string(&id));
        rules.push(Rule { id, reason, effect: policy.effect(), condition: renamed.condition() });
        named.add(renamed).expect("ids are used once");
    }
    check_types(text, &named)?;
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Policies { rules, looks, expressions })
}

/// Refuses what is nested too deep or too much, and what of Cedar is not admitted; notes what is looked at. Returns how many expressions there are with those before.
fn check_shape(
    condition: &Expr,
    policy: &Policy,
    position: &impl Fn(Option<&Loc>) -> Position,
    mut expressions: usize,
    looks: &mut Looks,
) -> Result<usize, Fault> {
    let mut open = vec![(condition, 1)];
    while let Some((expr, depth)) = open.pop() {
        let at = || position(expr.source_loc().or(policy.loc()));
        expressions += 1;
        if expressions > MAX_EXPRESSIONS {
            return Err(Fault::Expressions { at: at() });
        }
        if depth > MAX_DEPTH {
            return Err(Fault::Depth { at: at(), depth });
        }
        let mut below = |expr| open.push((expr, depth + 1));
        match expr.expr_kind() {
            // An attribute of it is taken care of below.
            ExprKind::Var(Var::Context) => *looks = Looks::AtAll,
            ExprKind::Lit(_) | ExprKind::Var(_) => {}
            ExprKind::Slot(_) | ExprKind::Unknown(_) => {
                return Err(Fault::NotAdmitted { at: at(), what: "a slot".to_owned() });
            }
            ExprKind::Like { .. } => {
                return Err(Fault::NotAdmitted { at: at(), what: "`like`".to_owned() });
            }
            ExprKind::ExtensionFunctionApp { fn_name, .. } => {
                return Err(Fault::NotAdmitted { at: at(), what: format!("`{fn_name}`") });
            }
            ExprKind::If { test_expr, then_expr, else_expr } => {
                below(else_expr);
                below(then_expr);
                below(test_expr);
            }
            ExprKind::And { left, right } | ExprKind::Or { left, right } => {
                below(right);
                below(left);
            }
            ExprKind::BinaryApp { arg1, arg2, .. } => {
                below(arg2);
                below(arg1);
            }
            ExprKind::UnaryApp { arg: expr, .. } | ExprKind::Is { expr, .. } => below(expr),
            ExprKind::GetAttr { expr: of, attr } | ExprKind::HasAttr { expr: of, attr } => {
                looks.at([attr]);
                if !matches!(of.expr_kind(), ExprKind::Var(_)) || depth == MAX_DEPTH {
                    below(of);
                }
            }
            ExprKind::ExtHasAttr { expr: of, attrs } => {
                looks.at(attrs.iter());
                if !matches!(of.expr_kind(), ExprKind::Var(_)) || depth == MAX_DEPTH {
                    below(of);
                }
            }
            ExprKind::Set(elements) => elements.iter().rev().for_each(below),
            ExprKind::Record(fields) => fields.values().rev().for_each(below),
        }
    }
    Ok(expressions)
}

/// The id of a policy, `policy0` and so on where it has none, and its reason.
fn annotations(
    policy: &Policy,
    number: usize,
    taken: &mut BTreeSet<String>,
    position: &impl Fn(Option<&Loc>) -> Position,
) -> Result<(String, Option<String>), Fault> {
    let (mut id, mut reason) = (format!("policy{number}"), None);
    let mut at = position(policy.loc());
    for (key, annotation) in policy.annotations() {
        let (text, here) = (annotation.val.as_str(), position(annotation.loc.as_ref().or(policy.loc())));
        let is_id = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match key.as_ref() {
            "id" if !text.is_empty() && text.len() <= MAX_ID && text.chars().all(is_id) => {
                (id, at) = (text.to_owned(), here);
            }
            "reason"
                if !text.trim().is_empty()
                    && text.chars().count() <= MAX_REASON
                    && !text.chars().any(|c| c.is_control() || is_invisible(c)) =>
            {
                reason = Some(text.to_owned());
            }
            _ => return Err(Fault::Annotation { at: here }),
        }
    }
    if !taken.insert(id.clone()) {
        return Err(Fault::Annotation { at });
    }
    Ok((id, reason))
}

/// Characters that change how what is around them reads, and are not seen themselves.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// `resource.owner in ..` looks at an attribute, and at what it names.
const DEREFERENCES: u32 = 2;

/// Checks every policy against the schema, strictly.
fn check_types(text: &str, policies: &PolicySet) -> Result<(), Fault> {
    static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
        let (schema, _) = ValidatorSchema::from_cedarschema_str(SCHEMA, Extensions::none())
            .expect("a test reads the schema");
        Validator::new(schema)
    });
    // A decision knows the account and the dataset that it is about: attributes of others, named or reached through them, are refused here.
    let result = VALIDATOR.validate_with_level(policies, ValidationMode::Strict, DEREFERENCES);
    if !result.validation_passed() {
        let (at, detail) = first(text, result.validation_errors());
        return Err(Fault::Type { at, detail });
    }
    let never = |warning: &&ValidationWarning| {
        matches!(
            warning,
            ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_)
        )
    };
    if result.validation_warnings().any(|warning| never(&warning)) {
        let (at, _) = first(text, result.validation_warnings().filter(never));
        return Err(Fault::NeverApplies { at });
    }
    // Other warnings are of what looks alike, by tables of Unicode that change with its versions: they would change what is admitted.
    let unseen = |warning: &&ValidationWarning| {
        matches!(
            warning,
            ValidationWarning::BidiCharsInString(_) | ValidationWarning::BidiCharsInIdentifier(_)
        )
    };
    if result.validation_warnings().any(|warning| unseen(&warning)) {
        let (at, what) = first(text, result.validation_warnings().filter(unseen));
        return Err(Fault::NotAdmitted { at, what });
    }
    Ok(())
}

/// The first of some problems in the text: Cedar tells them in no order.
fn first<'a, D: Diagnostic + 'a>(text: &str, problems: impl Iterator<Item = &'a D>) -> (Position, String) {
    let place = |problem: &D| {
        let spans = problem.labels().into_iter().flatten();
        spans.map(|span| span.offset()).min().unwrap_or(0)
    };
    let told = |problem: &D| {
        let help = problem.help().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{problem}{help}")
    };
    let found = problems.map(|problem| (place(problem), told(problem))).min();
    let (offset, detail) = found.unwrap_or((0, "unreadable".to_owned()));
    (Position::of(text, offset), detail)
}

#[cfg(test)]
mod tests;
