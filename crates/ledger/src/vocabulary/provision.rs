//! Provisions: the sentences of a consent, after FHIR R4 [`Consent.provision`](https://hl7.org/fhir/R4/consent.html).
//!
//! A consent **covers** a use when one provision that permits covers all of it, and none that denies touches it. Nothing is permitted that no sentence
//! permits; a denial wins.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{DataClasses, Purpose, Purposes, Recipients};
use crate::bounded::BoundedList;
use crate::id::{ChainId, Digest, OrganisationId, Slug, bytes32};
use crate::role::{Role, vocabulary};

bytes32! {
    /// A study: the digest of chain, sponsor and label. Several contracts may be of one study.
    StudyId
}

impl StudyId {
    /// The study that a sponsor calls `label`.
    pub fn derive(chain: ChainId, sponsor: OrganisationId, label: Slug) -> Self {
        StudyId(Digest::of("medveil/study/1", &[&chain.0, sponsor.padded(), label.padded()]).0)
    }
}

vocabulary! {
    /// What a provision does.
    Effect {
        /// It permits.
        Permit = 0, "permit", "允许";
        /// It denies, whatever others permit.
        Deny = 1, "deny", "禁止";
    }
}

vocabulary! {
    /// Which uses a provision is about.
    Commerce {
        /// Uses that are not commercial.
        Excluded = 0, "excluded", "非商业用途";
        /// All uses.
        Included = 1, "included", "商业与非商业用途";
        /// Commercial uses.
        Only = 2, "only", "商业用途";
    }
}

impl Commerce {
    fn includes(self, commercial: bool) -> bool {
        match self {
            Commerce::Excluded => !commercial,
            Commerce::Included => true,
            Commerce::Only => commercial,
        }
    }
}

/// One sentence of a consent.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Provision {
    /// Whether it permits or denies.
    pub effect: Effect,
    /// For what: these and what is within them.
    pub purposes: Purposes,
    /// By whom.
    pub recipients: Recipients,
    /// Which data.
    pub classes: DataClasses,
    /// Which uses.
    pub commerce: Commerce,
    /// One study alone: [`study_tag`] under a salt that patient and hospital know, so that the ledger does not tell which study, and with it which disease.
    #[serde(default)]
    pub study: Option<Digest>,
    /// From this time on, in milliseconds since 1970.
    pub from_ms: u64,
    /// Until before this time.
    pub until_ms: u64,
}

/// The sentences of a consent.
pub type Provisions = BoundedList<Provision, 1, 8>;

/// A use of data, as far as consents are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use<'a> {
    /// For what.
    pub purposes: &'a [Purpose],
    /// By whom, ...
    pub recipient: OrganisationId,
    /// ... of which role.
    pub role: Role,
    /// Which data.
    pub classes: &'a DataClasses,
    /// Whether it is commercial.
    pub commercial: bool,
    /// The tag of its study for this patient, where the salt is known.
    pub study: Option<Digest>,
    /// From, in milliseconds since 1970 ...
    pub from_ms: u64,
    /// ... until before.
    pub until_ms: u64,
}

/// What a consent says instead of a study's name.
pub fn study_tag(study: &StudyId, salt: &Digest) -> Digest {
    Digest::of("medveil/study-tag/1", &[&study.0, &salt.0])
}

impl Provision {
    /// Whether a provision that permits covers all of a use.
    pub fn covers(&self, used: &Use<'_>) -> bool {
        self.effect == Effect::Permit
            && used.purposes.iter().all(|purpose| self.includes(*purpose))
            && self.recipients.include(used.recipient, used.role)
            && used.classes.is_subset(&self.classes)
            && self.commerce.includes(used.commercial)
            && (self.study.is_none() || self.study == used.study)
            && self.from_ms <= used.from_ms
            && used.until_ms <= self.until_ms
    }

    /// Whether a provision that denies touches a use. A study whose salt is not known counts as touched: what cannot be told apart is not permitted.
    pub fn denies(&self, used: &Use<'_>) -> bool {
        self.effect == Effect::Deny
            && used.purposes.iter().any(|purpose| self.purposes.iter().any(|p| p.is_comparable(*purpose)))
            && self.recipients.include(used.recipient, used.role)
            && !used.classes.is_disjoint(&self.classes)
            && self.commerce.includes(used.commercial)
            && (self.study.is_none() || used.study.is_none() || self.study == used.study)
            && self.from_ms < used.until_ms
            && used.from_ms < self.until_ms
    }

    fn includes(&self, purpose: Purpose) -> bool {
        self.purposes.iter().any(|broader| purpose.is_within(*broader))
    }

    /// Whether this says nothing that `other` does not say: everything it is about, the other is about.
    fn is_within(&self, other: &Provision) -> bool {
        self.effect == other.effect
            && self.purposes.iter().all(|purpose| other.includes(*purpose))
            && self.recipients.are_within(&other.recipients)
            && self.classes.is_subset(&other.classes)
            && (self.commerce == other.commerce || other.commerce == Commerce::Included)
            && (other.study.is_none() || self.study == other.study)
            && other.from_ms <= self.from_ms
            && self.until_ms <= other.until_ms
    }
}

/// Whether provisions cover a use: one permits all of it, none denies any of it.
pub fn cover(provisions: &[Provision], used: &Use<'_>) -> bool {
    !provisions.iter().any(|provision| provision.denies(used))
        && provisions.iter().any(|provision| provision.covers(used))
}

/// Whether `new` permits nothing that `old` does not permit: each permission is within an old one, each old denial is kept. A check on the
/// sentences alone: some narrower consents are not seen as such, no wider one passes.
pub fn is_narrower(new: &[Provision], old: &[Provision]) -> bool {
    let of = |all: &'_ [Provision], effect| -> Vec<Provision> {
        all.iter().filter(|provision| provision.effect == effect).cloned().collect()
    };
    of(new, Effect::Permit).iter().all(|permit| old.iter().any(|other| permit.is_within(other)))
        && of(old, Effect::Deny).iter().all(|denial| new.iter().any(|other| denial.is_within(other)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vocabulary::DataClass;

    fn permit() -> Provision {
        Provision {
            effect: Effect::Permit,
            purposes: Purposes::new([Purpose::HealthResearch]).unwrap(),
            recipients: Recipients::new([Role::Research], []).unwrap(),
            classes: DataClasses::new([DataClass::Observations, DataClass::Demographics]).unwrap(),
            commerce: Commerce::Excluded,
            study: None,
            from_ms: 100,
            until_ms: 200,
        }
    }

    fn classes() -> DataClasses {
        DataClasses::new([DataClass::Observations]).unwrap()
    }

    fn used(classes: &DataClasses) -> Use<'_> {
        Use {
            purposes: &[Purpose::DiseaseResearch],
            recipient: OrganisationId::new("institute").unwrap(),
            role: Role::Research,
            classes,
            commercial: false,
            study: None,
            from_ms: 100,
            until_ms: 200,
        }
    }

    #[test]
    fn each_part_of_a_permission_counts() {
        let (classes, more) = (classes(), DataClasses::new([DataClass::Genomics]).unwrap());
        let used = used(&classes);
        assert!(cover(&[permit()], &used));
        for outside in [
            Use { purposes: &[Purpose::DiseaseResearch, Purpose::AncestryResearch], ..used.clone() },
            Use { role: Role::Insurer, ..used.clone() },
            Use { classes: &more, ..used.clone() },
            Use { commercial: true, ..used.clone() },
            Use { from_ms: 99, ..used.clone() },
            Use { until_ms: 201, ..used.clone() },
        ] {
            assert!(!cover(&[permit()], &outside), "{outside:?}");
        }
    }

    #[test]
    fn a_denial_wins_over_every_permission() {
        let classes = classes();
        let used = used(&classes);
        let denial = Provision {
            effect: Effect::Deny,
            purposes: Purposes::new([Purpose::DiseaseResearch]).unwrap(),
            ..permit()
        };
        assert!(!cover(&[permit(), denial.clone()], &used));
        // Denied below what is asked for: it is touched.
        let broad = Use { purposes: &[Purpose::HealthResearch], ..used.clone() };
        assert!(!cover(&[permit(), denial.clone()], &broad));
        let other = Use { purposes: &[Purpose::GeneticResearch], ..used.clone() };
        assert!(cover(&[permit(), denial.clone()], &other));
        let commercial = Provision { commerce: Commerce::Only, ..denial };
        assert!(cover(&[permit(), commercial], &used));
    }

    #[test]
    fn a_study_is_matched_by_its_tag_and_counts_as_denied_when_it_is_not_known() {
        let classes = classes();
        let tag = study_tag(&StudyId([1; 32]), &Digest([2; 32]));
        let only = Provision { study: Some(tag), ..permit() };
        let of_the_study = Use { study: Some(tag), ..used(&classes) };
        assert!(cover(std::slice::from_ref(&only), &of_the_study));
        assert!(!cover(std::slice::from_ref(&only), &used(&classes)));
        let other = Use { study: Some(study_tag(&StudyId([3; 32]), &Digest([2; 32]))), ..used(&classes) };
        assert!(!cover(std::slice::from_ref(&only), &other));
        let denial = Provision { effect: Effect::Deny, ..only };
        assert!(cover(&[permit(), denial.clone()], &other));
        assert!(!cover(&[permit(), denial.clone()], &used(&classes)));
        assert!(!cover(&[permit(), denial], &of_the_study));
    }

    fn provisions() -> impl Strategy<Value = Vec<Provision>> {
        let one = (0u8..2, 0usize..6, 1u8..8, 0usize..3, 0u8..3, 0u8..3, 0u64..4, 1u64..4);
        let one = one.prop_map(|(effect, purpose, classes, commerce, study, who, from, length)| Provision {
            effect: Effect::ALL[usize::from(effect)],
            purposes: Purposes::new([Purpose::ALL[purpose]]).unwrap(),
            recipients: match who {
                0 => Recipients::anyone(),
                1 => Recipients::new([Role::Research], []).unwrap(),
                _ => Recipients::new([], [OrganisationId::new("institute").unwrap()]).unwrap(),
            },
            classes: DataClasses::new(
                (0..3).filter(|bit| classes >> bit & 1 == 1).map(|bit| DataClass::ALL[bit]),
            )
            .unwrap(),
            commerce: Commerce::ALL[commerce],
            study: (study > 0).then_some(Digest([study; 32])),
            from_ms: from,
            until_ms: from + length,
        });
        proptest::collection::vec(one, 1..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// What passes as narrower permits nothing new, for whatever use.
        #[test]
        fn nothing_passes_as_narrower_that_permits_more(
            (old, new) in (provisions(), provisions()),
            (purpose, class, commercial, study) in (0usize..6, 0usize..3, any::<bool>(), 0u8..3),
            (from, length, research) in (0u64..6, 1u64..4, any::<bool>()),
        ) {
            let classes = DataClasses::new([DataClass::ALL[class]]).unwrap();
            let used = Use {
                purposes: &[Purpose::ALL[purpose]],
                recipient: OrganisationId::new(if research { "other" } else { "institute" }).unwrap(),
                role: if research { Role::Research } else { Role::Insurer },
                classes: &classes,
                commercial,
                study: (study > 0).then_some(Digest([study; 32])),
                from_ms: from,
                until_ms: from + length,
            };
            prop_assert!(is_narrower(&old, &old));
            if is_narrower(&new, &old) && cover(&new, &used) {
                prop_assert!(cover(&old, &used));
            }
        }
    }
}
