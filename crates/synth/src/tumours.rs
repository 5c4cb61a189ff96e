//! A registry of tumours that is small enough to follow a record by hand: two findings of each patient, few ages, five stages; and a plan for it.

use std::fmt::Display;

/// What a contract has done to the registry: who it is, is masked; the measurement gets noise that costs a record an epsilon of 1.
pub const PLAN: &str = r#"
[plan]
name = "tumour-study"
version = 1
release-model = "controlled"
subject = "patient_id"

[[rule]]
match = { column = "patient_id" }
action = "pseudonymize"

[[rule]]
match = { column = "name" }
action = { mask = { keep-first = 0 } }

[[rule]]
match = { column = "age" }
action = { generalize = { bin = 20 } }

[[rule]]
match = { column = "glucose" }
action = { laplace = { epsilon = 1.0, lower = 0.0, upper = 40.0, decimals = 1 } }

[[rule]]
match = { column = "stage" }
action = "keep"

[[rule]]
match = { column = "sex" }
action = "keep"
"#;

/// The registry as CSV. Patients are numbers, from which everything follows, with the ids that they have.
pub fn table<I: Display>(patients: impl IntoIterator<Item = (u32, I)>) -> String {
    let mut text = String::from("patient_id,name,sex,age,stage,glucose\n");
    for (n, id) in patients {
        for finding in 0..2 {
            let (sex, age) = (if n.is_multiple_of(2) { "男" } else { "女" }, 42 + n % 17);
            let stage = ["I", "IIA", "IIB", "III", "IV"][(n + finding) as usize % 5];
            let glucose = 41 + (n * 7 + finding * 3) % 90;
            text += &format!("{id},王某{n},{sex},{age},{stage},{}.{}\n", glucose / 10, glucose % 10);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_has_the_records_that_their_number_gives_them() {
        let alone = table([(5, "P5")]);
        assert_eq!(
            alone,
            "patient_id,name,sex,age,stage,glucose\nP5,王某5,女,47,I,7.6\nP5,王某5,女,47,IIA,7.9\n"
        );
        assert!(
            table((1..9).map(|n| (n, format!("P{n}"))))
                .ends_with("P8,王某8,男,50,III,9.7\nP8,王某8,男,50,IV,10.0\n")
        );
    }
}
