//! What policies are asked: who asks for what, when, under which contract, told in the words of the schema.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, LazyLock};

use cedar_policy_core::ast::{
    Context, Eid, Entity, EntityType, EntityUID, EntityUIDEntry, Literal, Name, PartialValue, Request, Value,
};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use smol_str::SmolStr;

use crate::compile::Looks;

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A request.
    Request,
    /// That a release is posted for it.
    Release(Released),
    /// That a release is used.
    Access(Released),
}

/// What a release has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Released {
    /// Patients.
    pub patients: u64,
    /// Records.
    pub records: u64,
}

/// A dataset that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Dataset<'a> {
    /// Its id.
    pub id: &'a str,
    /// Whose it is.
    pub owner: &'a str,
    /// What its owner calls it.
    pub label: &'a str,
    /// How sensitive, from 1 to 5.
    pub level: u64,
    /// How many records it has.
    pub records: u64,
}

/// A question. Words are those of the schema. A number above 2^63 - 1, the greatest that Cedar knows, is told as that.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is decided.
    pub step: Step,
    /// The account that asks ...
    pub account: &'a str,
    /// ... its capacity ...
    pub capacity: &'a str,
    /// ... the organisation that answers for it ...
    pub organisation: &'a str,
    /// ... and the organisation's role.
    pub role: &'a str,
    /// What is asked for.
    pub datasets: &'a [Dataset<'a>],
    /// How many are asked for together.
    pub together: u64,
    /// What for.
    pub purposes: &'a [&'static str],
    /// What for, with every purpose above.
    pub within: &'a [&'static str],
    /// Which classes of data.
    pub classes: &'a [&'static str],
    /// Which conditions are undertaken.
    pub undertakings: &'a [&'static str],
    /// Whether for gain.
    pub commercial: bool,
    /// Whether an ethics committee's approval is named.
    pub ethics: bool,
    /// Whether for a use abroad.
    pub abroad: bool,
    /// Whether of many patients.
    pub cohort: bool,
    /// Privacy loss, in millionths.
    pub epsilon: u64,
    /// Who published the contract.
    pub publisher: &'a str,
    /// The contract's study.
    pub study: Option<&'a str>,
    /// Its mode of consent.
    pub consent: &'static str,
    /// Its model of release.
    pub release: &'static str,
    /// Its smallest cohort.
    pub min_cohort: u64,
    /// The block's time, in milliseconds since 1970.
    pub now_ms: u64,
    /// The contract's term ...
    pub begins_ms: u64,
    /// ... until before this time.
    pub ends_ms: u64,
    /// When the grant ends.
    pub until_ms: u64,
}

const DAY_MS: u64 = 86_400_000;

impl Question<'static> {
    /// A question to begin examples and tests with: a hospital's staff asks for a cohort's observations, for research on a disease.
    pub const EXAMPLE: Question<'static> = Question {
        step: Step::Request,
        account: "0a",
        capacity: "staff",
        organisation: "hospital-2",
        role: "hospital",
        datasets: &[Dataset { id: "11", owner: "hospital-1", label: "visits", level: 4, records: 1000 }],
        together: 1,
        purposes: &["disease-research"],
        within: &["no-restriction", "general-research", "health-research", "disease-research"],
        classes: &["observations"],
        undertakings: &[],
        commercial: false,
        ethics: true,
        abroad: false,
        cohort: true,
        epsilon: 1_000_000,
        publisher: "hospital-1",
        study: None,
        consent: "required",
        release: "controlled",
        min_cohort: 5,
        now_ms: 10 * DAY_MS,
        begins_ms: 0,
        ends_ms: 365 * DAY_MS,
        until_ms: 100 * DAY_MS,
    };
}

/// The types of entities.
struct Types {
    account: EntityType,
    action: EntityType,
    capacity: EntityType,
    condition: EntityType,
    consent_mode: EntityType,
    data_class: EntityType,
    dataset: EntityType,
    organisation: EntityType,
    purpose: EntityType,
    release_model: EntityType,
    role: EntityType,
    study: EntityType,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let named =
        |name: &str| EntityType::from(Name::parse_unqualified_name(name).expect("these are identifiers"));
    Types {
        account: named("Account"),
        action: named("Action"),
        capacity: named("Capacity"),
        condition: named("Condition"),
        consent_mode: named("ConsentMode"),
        data_class: named("DataClass"),
        dataset: named("Dataset"),
        organisation: named("Organisation"),
        purpose: named("Purpose"),
        release_model: named("ReleaseModel"),
        role: named("Role"),
        study: named("Study"),
    }
});

fn uid(of: &EntityType, id: &str) -> EntityUID {
    EntityUID::from_components(of.clone(), Eid::new(id), None)
}

fn entity(of: &EntityType, id: &str) -> Value {
    Value::from(uid(of, id))
}

fn set(of: &EntityType, words: &[&str]) -> Value {
    Value::set_of_lits(words.iter().map(|word| Literal::from(uid(of, word))), None)
}

fn number(number: u64) -> Value {
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}

impl Question<'_> {
    /// Whom and what it is about: the account and the datasets, with what of them is looked at.
    pub(crate) fn known(&self, looks: &Looks) -> Entities {
        // Of two datasets of one id, which are no two, the first.
        let mut told = BTreeSet::new();
        let datasets = self.datasets.iter().filter(|dataset| told.insert(dataset.id));
        let entities = datasets.map(|dataset| self::dataset(dataset, looks)).chain([self.account(looks)]);
        let closed = TCComputation::AssumeAlreadyComputed;
        Entities::from_entities(entities, None::<&NoEntitiesSchema>, closed, Extensions::none())
            .expect("an account is no dataset: there are no two of one id")
    }

    /// The question about each dataset, as Cedar takes it.
    pub(crate) fn asked(&self, looks: &Looks) -> impl Iterator<Item = (&str, Request)> {
        let (account, action) = (uid(&TYPES.account, self.account), uid(&TYPES.action, self.step()));
        let context = self.context(looks);
        self.datasets.iter().map(move |dataset| {
            let request = Request::new_unchecked(
                EntityUIDEntry::known(account.clone(), None),
                EntityUIDEntry::known(action.clone(), None),
                EntityUIDEntry::known(uid(&TYPES.dataset, dataset.id), None),
                Some(context.clone()),
            );
            (dataset.id, request)
        })
    }

    fn step(&self) -> &'static str {
        match self.step {
            Step::Request => "request",
            Step::Release(_) => "release",
            Step::Access(_) => "access",
        }
    }

    fn account(&self, looks: &Looks) -> Entity {
        let types = &*TYPES;
        let attributes: [(_, &dyn Fn() -> Value); 3] = [
            ("organisation", &|| entity(&types.organisation, self.organisation)),
            ("role", &|| entity(&types.role, self.role)),
            ("capacity", &|| entity(&types.capacity, self.capacity)),
        ];
        let parents = HashSet::from([uid(&types.organisation, self.organisation)]);
        made(uid(&types.account, self.account), attributes, parents, looks)
    }

    /// What of the context is looked at. Most of what a decision costs is telling it.
    fn context(&self, looks: &Looks) -> Context {
        let types = &*TYPES;
        let mut context: BTreeMap<SmolStr, Value> = BTreeMap::new();
        let mut tell = |name: &'static str, value: &dyn Fn() -> Value| {
            if looks.has(name) {
                context.insert(SmolStr::new_static(name), value());
            }
        };
        tell("purposes", &|| set(&types.purpose, self.purposes));
        tell("within", &|| set(&types.purpose, self.within));
        tell("classes", &|| set(&types.data_class, self.classes));
        tell("undertakings", &|| set(&types.condition, self.undertakings));
        tell("commercial", &|| Value::from(self.commercial));
        tell("ethics", &|| Value::from(self.ethics));
        tell("abroad", &|| Value::from(self.abroad));
        tell("cohort", &|| Value::from(self.cohort));
        tell("epsilon", &|| number(self.epsilon));
        tell("datasets", &|| number(self.together));
        tell("publisher", &|| entity(&types.organisation, self.publisher));
        tell("consent", &|| entity(&types.consent_mode, self.consent));
        tell("release", &|| entity(&types.release_model, self.release));
        tell("min_cohort", &|| number(self.min_cohort));
        tell("now", &|| number(self.now_ms));
        tell("begins", &|| number(self.begins_ms));
        tell("ends", &|| number(self.ends_ms));
        tell("until", &|| number(self.until_ms));
        tell("day", &|| number(self.now_ms.saturating_sub(self.begins_ms) / DAY_MS));
        if let Some(study) = self.study {
            tell("study", &|| entity(&types.study, study));
        }
        if let Step::Release(released) | Step::Access(released) = self.step {
            tell("patients", &|| number(released.patients));
            tell("records", &|| number(released.records));
        }
        Context::Value(Arc::new(context))
    }
}

fn dataset(dataset: &Dataset<'_>, looks: &Looks) -> Entity {
    let types = &*TYPES;
    let attributes: [(_, &dyn Fn() -> Value); 4] = [
        ("owner", &|| entity(&types.organisation, dataset.owner)),
        ("label", &|| Value::from(dataset.label)),
        ("level", &|| number(dataset.level)),
        ("records", &|| number(dataset.records)),
    ];
    made(uid(&types.dataset, dataset.id), attributes, HashSet::new(), looks)
}

/// With those attributes that are looked at.
fn made<const N: usize>(
    uid: EntityUID,
    attributes: [(&'static str, &dyn Fn() -> Value); N],
    parents: HashSet<EntityUID>,
    looks: &Looks,
) -> Entity {
    let attributes = attributes
        .into_iter()
        .filter(|(name, _)| looks.has(name))
        .map(|(name, value)| (SmolStr::new_static(name), PartialValue::from(value())));
    Entity::new_with_attr_partial_value(uid, attributes, HashSet::new(), parents, [])
}
