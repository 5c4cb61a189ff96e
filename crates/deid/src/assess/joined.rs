//! Patients who stand out when tables, or releases, are joined.
//!
//! In one table a patient hides among the records that agree with his. Who holds several tables with the same pseudonyms joins them, and the
//! patient must hide in all of them at once: among the patients who have the same quasi-identifiers in every table, with as
//! many records. The same holds for several releases to one recipient (intersection attack; Ganta, Kasiviswanathan and Smith,
//! *Composition attacks and auxiliary information in data privacy*, KDD 2008).
//!
//! # What is measured
//! The *joined class* of a patient are the patients whose released records agree with his: table by table, the same multiset of quasi-identifier tuples.
//! A patient whom one of the tables lacks agrees only with others whom it lacks. It is the worst case: an attacker who knows the quasi-identifiers of
//! every visit of his target, and how many there were. Patients are told apart by 64-bit fingerprints, so that a class may be
//! overestimated by chance with a probability below 10^-5 for ten million patients.

use serde::{Deserialize, Serialize};

use super::fingerprint::spread;
use super::tally::FingerprintMap;
use super::threshold::cell_size;
use crate::detect::Language;
use crate::merkle::{Hash, hex_hash};
use crate::model::{Model, ModelKind};
use crate::plan::Privacy;
use crate::table::Persons;

/// Patients over several tables or releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// What was joined: tables by their files, or releases by their roots.
    pub parts: Vec<String>,
    /// Patients in any of them.
    pub patients: u64,
    /// Different combinations.
    pub classes: u64,
    /// Patients of the smallest joined class.
    pub min_class: u64,
    /// Patients in joined classes that are smaller than required.
    pub below: u64,
    /// The plan's k, or the class size that its `max-risk` asks for; none where it asks for neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<u64>,
}

/// The releases to the same recipient before this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// The releases, in the order given.
    pub releases: Vec<EarlierRelease>,
    /// The patients of all of them and of this one.
    pub joined: Joined,
    /// Epsilon of all of them and of this one, added up.
    pub epsilon: f64,
    /// Delta of all of them and of this one, added up.
    pub delta: f64,
}

/// An earlier release, as its receipt tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlierRelease {
    /// Its output root.
    #[serde(with = "hex_hash")]
    pub output_root: Hash,
    /// Its study.
    pub study: String,
    /// Patients of it.
    pub patients: u64,
    /// Those of them who are in this release, too.
    pub tied: u64,
    /// Epsilon that a record of it has cost.
    pub epsilon: f64,
    /// Delta that a record of it has cost.
    pub delta: f64,
}

/// The class size that a plan asks for.
pub fn required_class(privacy: &Privacy) -> Option<u64> {
    let of_model = |model: &String| match model.parse::<Model>().ok()?.kind {
        ModelKind::K(k) => Some(k),
        ModelKind::MaxRisk(risk) => Some(cell_size(risk)),
        _ => None,
    };
    privacy.models.iter().filter_map(of_model).chain(privacy.max_risk.map(cell_size)).max()
}

/// Patients, and what is known of each from all parts that were added.
#[derive(Debug, Default)]
pub struct Join {
    parts: Vec<String>,
    patients: FingerprintMap<u64>,
}

impl Join {
    /// Adds the patients of one part under its name.
    pub fn add(&mut self, name: &str, patients: impl Iterator<Item = (u64, u64)>) {
        self.parts.push(name.to_owned());
        let part = spread(self.parts.len() as u64);
        for (patient, signature) in patients {
            let known = self.patients.entry(patient).or_insert(0);
            *known = known.wrapping_add(spread(signature ^ part));
        }
    }

    /// Adds the patients of a table.
    pub fn add_table(&mut self, name: &str, persons: &Persons) {
        self.add(name, persons.signatures.iter().map(|(patient, signature)| (*patient, *signature)));
    }

    /// Whether a patient is in any part.
    pub fn has(&self, patient: u64) -> bool {
        self.patients.contains_key(&patient)
    }

    /// The patients and what is known of each.
    pub fn signatures(&self) -> impl Iterator<Item = (u64, u64)> {
        self.patients.iter().map(|(patient, signature)| (*patient, *signature))
    }

    /// The figures.
    pub fn finish(&self, required: Option<u64>) -> Joined {
        let mut classes: FingerprintMap<u64> = FingerprintMap::default();
        for signature in self.patients.values() {
            *classes.entry(*signature).or_insert(0) += 1;
        }
        let below = |size: &&u64| required.is_some_and(|k| **size < k);
        Joined {
            parts: self.parts.clone(),
            patients: self.patients.len() as u64,
            classes: classes.len() as u64,
            min_class: classes.values().copied().min().unwrap_or(0),
            below: classes.values().filter(below).sum(),
            required,
        }
    }
}

impl Joined {
    /// Whether somebody stands out more than the plan allows.
    pub fn breaches(&self) -> bool {
        self.below > 0
    }

    /// What stands out, in a sentence: `over` are the tables, or the releases.
    pub fn explain(&self, language: Language, over_releases: bool) -> String {
        let (required, min, below) = (self.required.unwrap_or(1), self.min_class, self.below);
        match (language, over_releases) {
            (Language::En, false) => format!(
                "linked: joined over {}, the smallest class has {min} patients and {below} of {} are in classes of fewer than {required}; drop what joins the tables, release fewer of them, or say linked = \"report\" under [privacy]",
                self.parts.join(", "),
                self.patients
            ),
            (Language::Zh, false) => format!(
                "联表（linked）：{} 联合后，最小等价类为 {min} 名患者，共 {} 名患者中有 {below} 名所在等价类小于 {required}；请删除可用于联表的列、减少发布的表，或在 [privacy] 中设 linked = \"report\"",
                self.parts.join("、"),
                self.patients
            ),
            (Language::En, true) => format!(
                "earlier: together with {} earlier releases, the smallest class has {min} patients and {below} of {} are in classes of fewer than {required}",
                self.parts.len().saturating_sub(1),
                self.patients
            ),
            (Language::Zh, true) => format!(
                "历次发布（earlier）：与此前 {} 次发布联合后，最小等价类为 {min} 名患者，共 {} 名患者中有 {below} 名所在等价类小于 {required}",
                self.parts.len().saturating_sub(1),
                self.patients
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(records: &[(&str, &str)]) -> Persons {
        let mut persons = Persons::default();
        for (patient, quasi_identifier) in records {
            persons.add(patient, std::iter::once(*quasi_identifier));
        }
        persons
    }

    fn join(tables: &[&Persons]) -> Joined {
        let mut join = Join::default();
        tables.iter().for_each(|table| join.add_table("t", table));
        join.finish(Some(2))
    }

    #[test]
    fn who_hides_in_each_table_may_stand_out_in_both() {
        let patients = table(&[("1", "F"), ("2", "F"), ("3", "M"), ("4", "M")]);
        let visits = table(&[("1", "30"), ("2", "40"), ("3", "30"), ("4", "40")]);
        assert_eq!((join(&[&patients]).min_class, join(&[&visits]).min_class), (2, 2));
        let both = join(&[&patients, &visits]);
        assert_eq!((both.min_class, both.below, both.classes), (1, 4, 4));
        assert!(both.breaches());
    }

    #[test]
    fn visits_are_a_multiset_whose_order_tells_nothing() {
        let visits = table(&[("1", "a"), ("1", "b"), ("2", "b"), ("2", "a")]);
        assert_eq!(join(&[&visits]).min_class, 2);
        let more = table(&[("1", "a"), ("1", "a"), ("2", "a")]);
        assert_eq!(join(&[&more]).min_class, 1, "how many visits there were is known, too");
        let swapped = [table(&[("1", "a"), ("2", "b")]), table(&[("1", "b"), ("2", "a")])];
        assert_eq!(join(&[&swapped[0], &swapped[1]]).min_class, 1, "the same values in other tables");
    }

    #[test]
    fn a_patient_whom_a_table_lacks_agrees_with_no_one_whom_it_has() {
        let patients = table(&[("1", "F"), ("2", "F"), ("3", "F")]);
        let visits = table(&[("1", "x"), ("2", "x")]);
        assert_eq!(join(&[&patients, &visits]).min_class, 1);
        assert!(!join(&[&patients]).breaches());
    }

    #[test]
    fn the_largest_class_that_is_asked_for_counts() {
        let privacy = |models: &[&str], max_risk| Privacy {
            models: models.iter().map(|model| (*model).to_owned()).collect(),
            max_risk,
            ..Privacy::default()
        };
        assert_eq!(required_class(&privacy(&["k=5", "distinct-l=9"], Some(0.05))), Some(20));
        assert_eq!(required_class(&privacy(&["k=5"], Some(0.5))), Some(5));
        assert_eq!(required_class(&privacy(&["t=0.2"], None)), None);
    }
}
