use std::sync::Arc;

use cedar_policy_core::ast::{Context, Request};
use cedar_policy_core::entities::{Entities, TCComputation};
use cedar_policy_core::validator::CoreSchema;
use proptest::prelude::*;

use super::*;
use crate::question::{Dataset, Released, Step};

fn fault(text: &str) -> Fault {
    Policies::compile(text).unwrap_err()
}

fn at(line: u32, column: u32) -> Position {
    Position { line, column }
}

fn forbid(condition: &str) -> String {
    format!("forbid (principal, action, resource) when {{ {condition} }};")
}

/// Whether a condition holds of a question.
fn holds(condition: &str, question: &Question<'_>) -> bool {
    let policies =
        Policies::compile(&forbid(condition)).unwrap_or_else(|fault| panic!("{condition}: {fault}"));
    match policies.decide(question) {
        Verdict::Allowed => false,
        Verdict::Forbidden { .. } => true,
        other => panic!("{condition}: {other:?}"),
    }
}

#[test]
fn a_text_over_the_cap_is_refused_with_its_size() {
    let text = format!("//{}\nforbid (principal, action, resource);", " ".repeat(MAX_BYTES));
    assert_eq!(fault(&text), Fault::Size { bytes: text.len() });
    let fits = forbid("true");
    let text = format!("//{}\n{fits}", "x".repeat(MAX_BYTES - fits.len() - 3));
    assert_eq!(text.len(), MAX_BYTES);
    assert!(Policies::compile(&text).is_ok());
}

#[test]
fn nesting_over_the_cap_is_refused_where_it_is() {
    // `when {` is a bracket.
    let brackets =
        |count: usize| forbid(&format!("{}context.abroad{}", "(".repeat(count), ")".repeat(count)));
    assert!(Policies::compile(&brackets(MAX_DEPTH - 1)).is_ok());
    let column = brackets(MAX_DEPTH).find("((").unwrap() as u32 + MAX_DEPTH as u32;
    assert_eq!(fault(&brackets(MAX_DEPTH)), Fault::Depth { at: at(1, column), depth: MAX_DEPTH + 1 });
    // Each link of a chain is a level; `context.abroad` is two.
    let chain = |links: usize| forbid(&vec!["context.abroad"; links].join(" || "));
    assert!(Policies::compile(&chain(MAX_DEPTH - 1)).is_ok());
    assert!(matches!(fault(&chain(MAX_DEPTH)), Fault::Depth { depth, .. } if depth == MAX_DEPTH + 1));
    // Brackets in strings and comments are none.
    let text = format!(
        "// {}\n{}",
        "(".repeat(99),
        forbid(&format!("resource.label == \"\\\"{}\"", "(".repeat(99)))
    );
    assert!(Policies::compile(&text).is_ok(), "{:?}", Policies::compile(&text));
}

#[test]
fn expressions_over_the_cap_are_refused_where_they_begin() {
    // One for the test, and one each for the attribute, the set and what is in it.
    let list = |count: usize| forbid(&format!("[{}].contains(context.epsilon)", vec!["1"; count].join(",")));
    let fits = (0..MAX_EXPRESSIONS).rev().find(|count| Policies::compile(&list(*count)).is_ok()).unwrap();
    assert!((MAX_EXPRESSIONS - 5..MAX_EXPRESSIONS).contains(&fits), "{fits}");
    assert!(matches!(fault(&list(fits + 1)), Fault::Expressions { at: Position { line: 1, .. } }));
    // Those of all policies together.
    assert!(Policies::compile(&list(fits / 2 - 5).repeat(2)).is_ok());
    assert!(matches!(fault(&list(fits / 2 + 5).repeat(2)), Fault::Expressions { .. }));
}

#[test]
fn words_in_letters_of_several_scripts_are_admitted() {
    assert!(Policies::compile(&forbid("resource.label == \"就诊visits\"")).is_ok());
    assert!(Policies::compile(&forbid("resource.label == \"vіsits\"")).is_ok());
}

#[test]
fn texts_without_policies_or_with_too_many_are_refused() {
    for text in ["", "// nothing\n", "\n\n"] {
        assert_eq!(fault(text), Fault::Count { policies: 0 }, "{text:?}");
    }
    let many = |count: usize| forbid("context.abroad").repeat(count);
    assert!(Policies::compile(&many(MAX_POLICIES)).is_ok());
    assert_eq!(fault(&many(MAX_POLICIES + 1)), Fault::Count { policies: MAX_POLICIES + 1 });
}

#[test]
fn what_is_no_cedar_is_refused_where_it_begins() {
    for (text, position) in [
        ("forbid (principal, action, resource)", at(1, 37)),
        ("forbid (principal, action, resource);\nallow (principal, action, resource);", at(2, 1)),
        ("forbid (principal, action, resource)\nwhen { 数据 };", at(2, 8)),
        ("forbid (principal, action) when { true };", at(1, 26)),
        ("forbid (principal, action, resource) when { 99999999999999999999 > 1 };", at(1, 45)),
    ] {
        match fault(text) {
            Fault::Syntax { at, .. } => assert_eq!(at, position, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_is_not_admitted_of_cedar_is_refused() {
    for text in [
        forbid("resource.label like \"vis*\""),
        forbid("ip(\"10.0.0.1\").isLoopback()"),
        forbid("decimal(\"1.0\").lessThan(decimal(\"2.0\"))"),
        forbid("datetime(\"2026-01-01\") < datetime(\"2026-01-02\")"),
        "forbid (principal == ?principal, action, resource);".to_owned(),
        // Reads otherwise than it is.
        format!("// \u{202e}\n{}", forbid("context.abroad")),
        format!("// \u{1b}[1A\n{}", forbid("context.abroad")),
        format!("// \u{61c}\u{ad}\n{}", forbid("context.abroad")),
        // A comment to who reads it, and none to Cedar.
        format!("// true\r{}", forbid("context.abroad")),
        forbid("resource.label == \"a\\u{202e}b\""),
    ] {
        assert!(matches!(fault(&text), Fault::NotAdmitted { .. }), "{text}: {:?}", fault(&text));
    }
}

#[test]
fn annotations_are_ids_used_once_and_reasons() {
    let with = |annotations: &str| format!("{annotations}\n{}", forbid("context.abroad"));
    let long = format!("@reason(\"{}\")", "长".repeat(MAX_REASON));
    for good in ["@id(\"a\")", "@id(\"A.b_c-1\")\n@reason(\"数据不出境\")", &long] {
        assert!(Policies::compile(&with(good)).is_ok(), "{good}");
    }
    let (id, reason) = (format!("@id(\"{}\")", "a".repeat(65)), format!("@reason(\"{}\")", "a".repeat(201)));
    for bad in [
        "@id(\"\")",
        "@id(\"a b\")",
        "@id(\"数据\")",
        "@reason(\" \")",
        "@reason(\"a\\nb\")",
        "@reason(\"a\\u{202e}b\")",
        "@raeson(\"a\")",
        "@id",
        &id,
        &reason,
    ] {
        assert!(matches!(fault(&with(bad)), Fault::Annotation { at: Position { line: 1, .. } }), "{bad}");
    }
    for twice in [with("@id(\"a\")").repeat(2), with("@id(\"policy1\")") + &forbid("context.ethics")] {
        assert!(matches!(fault(&twice), Fault::Annotation { .. }), "{twice}");
    }
}

#[test]
fn what_does_not_fit_the_schema_is_refused_where_it_stands() {
    for (condition, column) in [
        ("principal.role == Role::\"insurrer\"", 63),
        ("principal.role == \"insurer\"", 45),
        ("principal.rolle == Role::\"insurer\"", 45),
        ("context.patients < 100", 45),
        ("context.epsilon == \"1\"", 45),
        ("context.purposes.contains(DataClass::\"notes\")", 45),
        ("context.epsilon", 45),
        ("Ward::\"1\" == resource", 45),
        ("[] == context.purposes", 45),
        ("Account::\"0b\".role == Role::\"insurer\"", 45),
    ] {
        match fault(&forbid(condition)) {
            Fault::Type { at, detail } => assert_eq!(at, self::at(1, column), "{condition}: {detail}"),
            other => panic!("{condition}: {other:?}"),
        }
    }
    let action = "forbid (principal, action == Action::\"delete\", resource);";
    assert!(matches!(fault(action), Fault::Type { .. }), "{:?}", fault(action));
}

#[test]
fn a_policy_that_can_never_apply_is_refused() {
    for text in [
        forbid("false"),
        forbid("context has diagnosis"),
        "forbid (principal is Dataset, action, resource);".to_owned(),
    ] {
        assert!(matches!(fault(&text), Fault::NeverApplies { .. }), "{text}: {:?}", fault(&text));
    }
}

#[test]
fn conditions_see_what_a_decision_knows() {
    let (example, days) = (Question::EXAMPLE, 86_400_000);
    let released = Released { patients: 6, records: 60 };
    let access = Question { step: Step::Access(released), ..example };
    let datasets = [Dataset { id: "22", owner: "hospital-3", label: "labs", level: 5, records: u64::MAX }];
    let other = Question { datasets: &datasets, together: 2, study: Some("7f"), ..example };
    for (condition, question, expected) in [
        ("principal == Account::\"0a\"", &example, true),
        ("principal in Organisation::\"hospital-2\"", &example, true),
        ("resource.owner in Organisation::\"hospital-1\"", &example, true),
        ("context.publisher in Organisation::\"hospital-2\"", &example, false),
        ("principal.organisation == Organisation::\"hospital-1\"", &example, false),
        ("principal.role == Role::\"hospital\" && principal.capacity == Capacity::\"staff\"", &example, true),
        ("resource.owner == context.publisher", &example, true),
        ("resource.owner == context.publisher", &other, false),
        ("resource == Dataset::\"22\" && resource.label == \"labs\" && resource.level >= 5", &other, true),
        ("resource.records == 9223372036854775807", &other, true),
        ("context.datasets == 2", &other, true),
        ("context.purposes.contains(Purpose::\"health-research\")", &example, false),
        ("context.within.contains(Purpose::\"health-research\")", &example, true),
        ("[DataClass::\"observations\", DataClass::\"notes\"].containsAll(context.classes)", &example, true),
        ("context.undertakings.isEmpty()", &example, true),
        ("context.ethics && !context.abroad && !context.commercial && context.cohort", &example, true),
        ("context has study && context.study == Study::\"7f\"", &other, true),
        ("context has study", &example, false),
        ("context.consent == ConsentMode::\"required\"", &example, true),
        ("context.release == ReleaseModel::\"controlled\"", &example, true),
        ("context.epsilon <= 1000000 && context.min_cohort == 5", &example, true),
        ("context.day == 10 && context.now - context.begins == 864000000", &example, true),
        ("context.until < context.ends", &example, true),
        ("action == Action::\"access\"", &example, false),
        ("action == Action::\"access\"", &access, true),
        ("context has patients && context.patients < 10", &access, true),
        ("context has records && context.records == 60", &access, true),
        ("context has patients", &example, false),
    ] {
        assert_eq!(holds(condition, question), expected, "{condition}");
    }
    let early = Question { now_ms: 5 * days, begins_ms: 7 * days, ..example };
    assert!(holds("context.day == 0", &early));
}

#[test]
fn one_that_forbids_wins_and_where_some_permit_one_must_apply() {
    let text = "
        @id(\"c\") permit (principal, action, resource) when { principal.role == Role::\"hospital\" };
        @id(\"b\") @reason(\"notes stay\") forbid (principal, action, resource) when { context.classes.contains(DataClass::\"notes\") };
        @id(\"a\") @reason(\"at home\") forbid (principal, action, resource) when { context.abroad };
        @id(\"d\") permit (principal, action, resource) when { principal.role == Role::\"research\" };";
    let policies = Policies::compile(text).unwrap();
    assert_eq!(policies.ids().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    let example = Question::EXAMPLE;
    assert_eq!(policies.decide(&example), Verdict::Allowed);
    let both = Question { abroad: true, classes: &["notes"], role: "research", ..example };
    let forbidden = Verdict::Forbidden {
        dataset: "11".into(),
        policies: "a,b".into(),
        because: "at home; notes stay".into(),
    };
    assert_eq!(policies.decide(&both), forbidden);
    let insurer = Question { role: "insurer", ..example };
    let nothing = Verdict::NotPermitted { dataset: "11".into(), policies: "c,d".into() };
    assert_eq!(policies.decide(&insurer), nothing);
}

#[test]
fn each_dataset_is_asked_about() {
    let policies = Policies::compile(&forbid("resource.level > 3")).unwrap();
    let dataset = |id, level| Dataset { id, owner: "hospital-1", label: "visits", level, records: 1 };
    let decide = |datasets: &[Dataset<'_>]| policies.decide(&Question { datasets, ..Question::EXAMPLE });
    assert_eq!(decide(&[dataset("11", 2), dataset("22", 3)]), Verdict::Allowed);
    match decide(&[dataset("11", 2), dataset("22", 4)]) {
        Verdict::Forbidden { dataset, policies, because } => {
            assert_eq!((dataset.as_str(), policies.as_str(), because.as_str()), ("22", "policy0", ""));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_evaluated_forbids() {
    for effect in ["forbid", "permit"] {
        let text = format!(
            "@id(\"sum\") {effect} (principal, action, resource) when {{ context.epsilon + 1 > 0 }};"
        );
        let policies = Policies::compile(&text).unwrap();
        let question = Question { epsilon: u64::MAX, ..Question::EXAMPLE };
        let failed = Verdict::Failed { dataset: "11".into(), policies: "sum".into() };
        assert_eq!(policies.decide(&question), failed);
    }
}

#[test]
fn what_is_not_looked_at_makes_no_difference() {
    let looks = |text: &str| Policies::compile(text).unwrap().looks;
    let Looks::At(names) =
        looks(&forbid("context.day > 1 || principal.role == Role::\"insurer\" || context has study"))
    else {
        panic!("all of it")
    };
    assert_eq!(names.iter().map(SmolStr::as_str).collect::<Vec<_>>(), ["day", "role", "study"]);
    for whole in
        ["context == context", "(if context.abroad then context else context).ethics", "[context].isEmpty()"]
    {
        assert!(matches!(looks(&forbid(whole)), Looks::AtAll), "{whole}");
    }
}

#[test]
fn questions_fit_the_schema_that_policies_are_checked_against() {
    let (schema, warnings) = ValidatorSchema::from_cedarschema_str(SCHEMA, Extensions::none()).unwrap();
    assert_eq!(warnings.count(), 0);
    let schema = CoreSchema::new(&schema);
    let released = Released { patients: 1, records: 1 };
    for step in [Step::Request, Step::Release(released), Step::Access(released)] {
        let question = Question { step, study: Some("7f"), ..Question::EXAMPLE };
        for (_, asked) in question.asked(&Looks::AtAll) {
            let known = |entry: &cedar_policy_core::ast::EntityUIDEntry| (entry.uid().unwrap().clone(), None);
            let Context::Value(context) = asked.context().unwrap() else { unreachable!() };
            Request::new(
                known(asked.principal()),
                known(asked.action()),
                known(asked.resource()),
                Context::Value(Arc::clone(context)),
                Some(&schema),
                Extensions::none(),
            )
            .unwrap();
        }
        let entities = question.known(&Looks::AtAll).into_iter();
        let closed = TCComputation::EnforceAlreadyComputed;
        Entities::from_entities(entities, Some(&schema), closed, Extensions::none()).unwrap();
    }
}

/// As deep as is admitted, in what costs most of the stack.
fn deepest() -> Vec<String> {
    let mut nested = "context.abroad".to_owned();
    while Policies::compile(&forbid(&format!("if {nested} then false else context.ethics"))).is_ok() {
        nested = format!("if {nested} then false else context.ethics");
    }
    let sums = vec!["context.epsilon"; MAX_DEPTH - 3].join(" + ");
    let sets = format!("{}context.epsilon{}", "[".repeat(20), "]".repeat(20));
    vec![forbid(&nested), forbid(&format!("{sums} > 1")), forbid(&format!("{sets} == {sets}"))]
}

#[test]
fn the_deepest_text_is_decided_alike_on_any_stack() {
    for text in deepest() {
        let policies = Policies::compile(&text).unwrap();
        let expected = policies.decide(&Question::EXAMPLE);
        assert!(!matches!(expected, Verdict::Failed { .. }), "{text}");
        for bytes in [64 << 10, 200 << 10, 512 << 10, 8 << 20] {
            let (text, expected) = (text.clone(), expected.clone());
            let thread = std::thread::Builder::new().stack_size(bytes);
            let run = move || {
                let policies = Policies::compile(&text).unwrap();
                assert_eq!(policies.decide(&Question::EXAMPLE), expected, "{bytes} bytes of stack");
            };
            thread.spawn(run).unwrap().join().unwrap();
        }
        // Half of what a decision begins with is enough: Cedar itself gives up with 100 KiB left.
        let half = stacker::grow(512 << 10, || {
            let known = Question::EXAMPLE.known(&Looks::AtAll);
            Question::EXAMPLE
                .asked(&Looks::AtAll)
                .map(|(id, asked)| {
                    policies.decide_one(id, &Evaluator::new(asked, &known, Extensions::none()))
                })
                .next()
        });
        assert_eq!(half.unwrap(), expected);
    }
}

#[test]
fn texts_nested_thousands_deep_are_refused_and_not_fallen_over() {
    let fill = |unit: &str, end: &str| {
        let head = "forbid(principal,action,resource)when{";
        let units = (MAX_BYTES - head.len() - end.len() - 2) / unit.len();
        format!("{head}{}{end}}};", unit.repeat(units))
    };
    for text in [
        fill("(", "1"),
        fill("[", ""),
        fill("{a:", "1"),
        fill("!", "true"),
        fill("-", "1>0"),
        fill("1+", "1>0"),
        fill("1*", "1>0"),
        fill("true||", "true"),
        fill("true&&", "true"),
        fill("if true then 1 else ", "1"),
        format!("forbid(principal,action,resource)when{{context{}}};", ".a".repeat(4000)),
        format!("forbid(principal,action,resource)when{{context has a{}}};", ".a".repeat(4000)),
        format!("forbid(principal,action,resource){};", "when{true}".repeat(800)),
        format!("forbid(principal,action,resource){};", "unless{context.abroad}".repeat(300)),
        format!("{}forbid(principal,action,resource);", "@a".repeat(3000)),
        "@".repeat(MAX_BYTES),
        "\"".repeat(MAX_BYTES),
        "forbid(".repeat(MAX_BYTES / 7),
        "?principal".repeat(MAX_BYTES / 10),
        format!("forbid(principal,action in [{}],resource);", "Action::\"access\",".repeat(480)),
    ] {
        let began = std::time::Instant::now();
        let again = (Policies::compile(&text).err(), Policies::compile(&text).err());
        let place = |fault: &Option<Fault>| {
            fault.as_ref().map(|fault| (std::mem::discriminant(fault), fault.position()))
        };
        assert_eq!(place(&again.0), place(&again.1), "{}", &text[..60]);
        assert!(began.elapsed().as_secs() < 5, "{:?} for {}", began.elapsed(), &text[..60]);
    }
}

/// Pieces of which something like Cedar is made.
const PIECES: &[&str] = &[
    "forbid",
    "permit",
    "(principal, action, resource)",
    "when",
    "unless",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    "@id(\"a\")",
    "@reason(\"b\")",
    "principal",
    "resource",
    "context",
    ".role",
    ".level",
    ".purposes",
    ".contains(",
    "has",
    "in",
    "is",
    "==",
    "!=",
    "<",
    "&&",
    "||",
    "!",
    "+",
    "*",
    "-",
    "if",
    "then",
    "else",
    "true",
    "false",
    "1",
    "9223372036854775807",
    "\"text\"",
    "Role::\"insurer\"",
    "Purpose::\"claims\"",
    "Action::\"access\"",
    "like",
    "ip(\"::\")",
    "?principal",
    "//",
    "\n",
    "数据",
    "\\",
    "\"",
    "Account",
    "\u{202e}",
];

proptest! {
    #[test]
    fn any_text_is_taken_or_refused_with_a_place_alike_each_time(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60),
    ) {
        let text = pieces.join(" ");
        match (Policies::compile(&text), Policies::compile(&text)) {
            (Ok(first), Ok(second)) => {
                prop_assert_eq!(first.decide(&Question::EXAMPLE), second.decide(&Question::EXAMPLE));
            }
            (Err(first), Err(second)) => {
                prop_assert_eq!(std::mem::discriminant(&first), std::mem::discriminant(&second));
                prop_assert_eq!(first.position(), second.position());
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn bytes_that_are_no_cedar_are_refused(text in "\\PC{0,200}") {
        let _ = Policies::compile(&text);
    }
}
