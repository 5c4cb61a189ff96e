//! The plans that come with Medveil, for tables and FHIR.
//!
//! Each is a file of the folder `plans/`, readable and copyable: `medveil plan show NAME > my-plan.toml`. Each decides every
//! [`Kind`](crate::kind::Kind) and every type of FHIR element and drops what it does not know, and each rule names the clause that
//! asks for it. A plan's digest is pinned by a test: changing one is a decision.

use super::Plan;
use crate::kind::Text;

/// A plan that comes with Medveil.
#[derive(Debug)]
pub struct Builtin {
    /// The name, as in the plan.
    pub name: &'static str,
    /// What it is for, as in the plan.
    pub title: Text,
    /// The TOML.
    pub text: &'static str,
}

impl Builtin {
    /// The plan.
    pub fn plan(&self) -> Plan {
        Plan::from_toml(self.text).expect("a test reads every built-in plan")
    }
}

/// Every built-in plan.
pub fn list() -> &'static [Builtin] {
    BUILTINS
}

/// The built-in plan of that name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

macro_rules! builtins {
    ($($name:literal, $en:literal, $zh:literal;)*) => {
        const BUILTINS: &[Builtin] = &[$(Builtin {
            name: $name,
            title: Text { en: $en, zh: $zh },
            text: include_str!(concat!("../../../../plans/", $name, ".toml")),
        },)*];
    };
}

builtins! {
    "hipaa-safe-harbor", "De-identified data under the Safe Harbor method of HIPAA", "按 HIPAA 安全港方法去标识化的数据";
    "hipaa-limited-data-set", "A limited data set under HIPAA, for recipients with a data use agreement", "HIPAA 有限数据集，供签有数据使用协议的接收方使用";
    "gbt-37964-public", "De-identified data for anybody, under GB/T 37964-2019", "按 GB/T 37964-2019 去标识化，完全公开共享";
    "gbt-37964-controlled", "De-identified data for named recipients under contract, under GB/T 37964-2019", "按 GB/T 37964-2019 去标识化，受控公开共享";
    "gbt-37964-enclave", "De-identified data that stays in a protected environment, under GB/T 37964-2019", "按 GB/T 37964-2019 去标识化，领地公开共享";
    "tele-consultation", "A de-identified history for a doctor of another hospital, for the time of a consultation", "远程会诊期间供外院医生查看的去标识化病史";
    "public-health-report", "Case reports for trends and outbreak signals", "用于趋势分析与暴发预警的病例报告";
    "diabetes-research", "Diabetes research: noise on glucose and medication figures, names and numbers masked", "糖尿病研究：血糖与用药数值加噪，姓名与证件号屏蔽";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::kind::{Class, Kind};
    use crate::plan::{Match, Unmatched};

    /// SHA-256 of the canonical JSON of each plan. A change here changes what is released under a published name.
    #[test]
    fn changing_a_builtin_plan_is_a_decision() {
        let found: String = list()
            .iter()
            .map(|builtin| format!("{}  {}\n", hex::encode(builtin.plan().digest()), builtin.name))
            .collect();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plans/SHA256SUMS");
        if std::env::var_os("MEDVEIL_WRITE_DOCS").is_some() {
            std::fs::write(&file, &found).unwrap();
        }
        let pinned = std::fs::read_to_string(&file).unwrap_or_default();
        for (found, pinned) in found.lines().zip(pinned.lines()) {
            assert_eq!(
                found, pinned,
                "a plan has changed: raise its version, then MEDVEIL_WRITE_DOCS=1 pins it"
            );
        }
        assert_eq!(found.lines().count(), pinned.lines().count(), "plans/SHA256SUMS lists every plan");
    }

    #[test]
    fn titles_and_names_are_those_of_the_file_in_both_languages() {
        for builtin in list() {
            let head = builtin.plan().head;
            assert_eq!(head.name, builtin.name);
            assert_eq!(head.title, builtin.title.en, "{}", builtin.name);
            assert_eq!(head.title_zh, builtin.title.zh, "{}", builtin.name);
            assert!(!head.basis.is_empty(), "{}", builtin.name);
            assert!(find(builtin.name).is_some_and(|found| found.text == builtin.text));
        }
        assert!(find("no-such-plan").is_none());
    }

    #[test]
    fn every_kind_is_decided_once_and_what_is_unknown_is_dropped() {
        for builtin in list() {
            let plan = builtin.plan();
            assert_eq!(plan.head.unmatched, Unmatched::Drop, "{}", builtin.name);
            let decided: Vec<Kind> = plan
                .rules
                .iter()
                .filter_map(|rule| match rule.matcher {
                    Match::Kind(kind) => Some(kind),
                    _ => None,
                })
                .collect();
            let unique: BTreeSet<Kind> = decided.iter().copied().collect();
            assert_eq!(unique, Kind::ALL.iter().copied().collect(), "{}", builtin.name);
            assert_eq!(decided.len(), unique.len(), "{}: a kind is decided twice", builtin.name);
        }
    }

    #[test]
    fn no_direct_identifier_and_no_free_text_is_kept() {
        for builtin in list() {
            for rule in builtin.plan().rules {
                if let Match::Kind(kind) = rule.matcher
                    && matches!(kind.class(), Class::DirectIdentifier | Class::FreeText)
                {
                    assert_ne!(rule.action.method().name, "keep", "{}: {kind}", builtin.name);
                }
            }
        }
    }

    #[test]
    fn every_rule_names_its_source() {
        for builtin in list() {
            for rule in builtin.plan().rules {
                let source = rule.source.unwrap_or_default();
                assert!(source.contains(|c: char| c.is_ascii_digit()), "{}: {}", builtin.name, rule.matcher);
            }
        }
    }

    #[test]
    fn every_primitive_type_of_fhir_is_decided() {
        const PRIMITIVES: [&str; 20] = [
            "base64Binary",
            "boolean",
            "canonical",
            "code",
            "date",
            "dateTime",
            "decimal",
            "id",
            "instant",
            "integer",
            "markdown",
            "oid",
            "positiveInt",
            "string",
            "time",
            "unsignedInt",
            "uri",
            "url",
            "uuid",
            "xhtml",
        ];
        for builtin in list() {
            let rules = builtin.plan().rules;
            for primitive in PRIMITIVES {
                let path = format!("nodesByType('{primitive}')");
                let found = rules.iter().any(|rule| rule.matcher == Match::Fhir(path.clone()));
                assert!(found, "{}: {primitive}", builtin.name);
            }
        }
    }

    #[test]
    fn no_rule_stands_twice() {
        for builtin in list() {
            let mut seen = BTreeSet::new();
            for rule in builtin.plan().rules {
                assert!(seen.insert(rule.matcher.to_string()), "{}: {}", builtin.name, rule.matcher);
            }
        }
    }
}
