//! `shift-date`: every date of a patient moves by the same secret number of days.
//!
//! Intervals between the events of one patient stay exact, in every file and format of the study. The offset is
//! HMAC(key of the study, patient), uniform over the non-zero days within `max-days` (multiples of 7 with `keep-weekday`).
//!
//! Only days are shifted; the time of day stays. A year or a month alone is refused as no date: by most offsets it would not change at all, and
//! then it is released as it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::code::calendar::{Date, Precision};
use crate::kind::Text;
use crate::study::RecentPrf;

/// Moves dates by the patient's offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ShiftDate {
    max_days: u32,
    keep_weekday: bool,
}

impl Default for ShiftDate {
    fn default() -> Self {
        ShiftDate { max_days: 365, keep_weekday: false }
    }
}

pub(super) const METHOD: Method = Method {
    name: "shift-date",
    summary: Text {
        en: "moves all dates of a patient by one secret number of days",
        zh: "将同一患者的所有日期平移同一秘密天数",
    },
    parameters: &[
        Parameter {
            name: "max-days",
            shape: Shape::Integer(7, 3650),
            default: Some("365"),
            doc: Text { en: "the largest shift, in days, either way", zh: "最大平移天数（前后）" },
        },
        Parameter {
            name: "keep-weekday",
            shape: Shape::Boolean,
            default: Some("false"),
            doc: Text { en: "shift by whole weeks only", zh: "只按整周平移" },
        },
    ],
    guarantee: Text {
        en: "intervals within a patient are exact; without the key a date is known to within max-days either way",
        zh: "同一患者内的时间间隔不变；无密钥者只知日期在前后 max-days 之内",
    },
    citation: "Hripcsak et al., JAMIA 23(6), 2016 (shift and truncate); MIMIC-IV date shifting; GB/T 39725-2020, 8",
    output: Output::Same,
    parse: |value| {
        let action: ShiftDate = super::parameters(value)?;
        if !(7..=3650).contains(&action.max_days) {
            return Err(ParameterError("`max-days` must be from 7 to 3650".into()));
        }
        Ok(Box::new(action))
    },
};

impl Action for ShiftDate {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::beyond_default(self)
    }

    fn prepare(&self, site: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(Shifter {
            prf: RecentPrf::new(site.study.prf(&["date-offset"])),
            max_days: u64::from(self.max_days),
            keep_weekday: self.keep_weekday,
        }))
    }
}

struct Shifter {
    prf: RecentPrf,
    max_days: u64,
    keep_weekday: bool,
}

impl Shifter {
    fn offset(&self, subject: &str) -> i32 {
        let tag = self.prf.tag(subject.trim().as_bytes());
        let word = u64::from_be_bytes(tag[..8].try_into().expect("8 of 32 bytes"));
        let step = if self.keep_weekday { 7 } else { 1 };
        let range = self.max_days / step;
        // Modulo bias is below 7300 / 2^64.
        let pick = word % (2 * range);
        let magnitude = (pick / 2 + 1) * step;
        let days = i32::try_from(magnitude).expect("at most 3650 days");
        if pick.is_multiple_of(2) { days } else { -days }
    }
}

impl Transform for Shifter {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let subject = cell.subject.ok_or(Refusal::NoSubject)?;
        let date = Date::parse(cell.value.0.trim()).ok_or(Refusal::NotADate)?;
        if date.precision != Precision::Day {
            return Err(Refusal::NotADate);
        }
        if date.write_shifted(self.offset(subject.0), out) {
            Ok(Effect::Replaced)
        } else {
            Err(Refusal::DateOverflow)
        }
    }

    fn reads(&self) -> Reads {
        Reads::Subject
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::tests::{apply_at, run_in};
    use super::*;
    use crate::study::{MasterKey, Study, Suite};

    fn shift(study: &str, patient: &str, parameters: Value, value: &str) -> Result<String, Refusal> {
        run_in(study, patient, "shift-date", parameters, None, value)
            .map(|out| out.expect("dates are replaced"))
    }

    fn days_between(earlier: &str, later: &str) -> i32 {
        let day = |text| Date::parse(text).unwrap().date.day_number();
        day(later) - day(earlier)
    }

    #[test]
    fn intervals_of_a_patient_are_kept_across_spellings_and_files() {
        for patient in ["p1", "p2", "p3"] {
            let at = |value| shift("s", patient, json!({}), value).unwrap();
            let (admission, discharge) = (at("2024-02-20"), at("2024年3月1日 08:30"));
            assert_eq!(days_between(&admission, &discharge), 10);
            assert!(discharge.ends_with("日 08:30"));
            assert_ne!(admission, "2024-02-20");
        }
    }

    #[test]
    fn the_shift_belongs_to_the_patient_and_the_study() {
        let of = |study, patient| shift(study, patient, json!({}), "2024-01-05").unwrap();
        assert_eq!(of("s", "p1"), of("s", " p1 "));
        assert_ne!(of("s", "p1"), of("s", "p2"));
        assert_ne!(of("s", "p1"), of("t", "p1"));
    }

    #[test]
    fn weekdays_stay_if_asked() {
        for patient in 0..50 {
            let shifted = shift(
                "s",
                &patient.to_string(),
                json!({ "keep-weekday": true, "max-days": 20 }),
                "2024-01-05",
            );
            let days = days_between("2024-01-05", &shifted.unwrap());
            assert!(matches!(days.abs(), 7 | 14), "{days}");
        }
    }

    #[test]
    fn shifts_are_uniform_over_the_days_but_never_none() {
        let study = Study::new(&MasterKey::from_bytes([1; 32]), "s", Suite::International, None);
        let shifter =
            Shifter { prf: RecentPrf::new(study.prf(&["date-offset"])), max_days: 7, keep_weekday: false };
        let mut counts = BTreeMap::new();
        for patient in 0..14_000 {
            *counts.entry(shifter.offset(&patient.to_string())).or_insert(0u32) += 1;
        }
        assert_eq!(
            counts.keys().copied().collect::<Vec<_>>(),
            (-7..=7).filter(|d| *d != 0).collect::<Vec<_>>()
        );
        // 14,000 draws over 14 days: the standard deviation of a count is 30.5; the patients are fixed, so this passes always or never.
        assert!(counts.values().all(|n| n.abs_diff(1000) < 140), "{counts:?}");
    }

    #[test]
    fn padding_of_fixed_width_columns_does_not_matter() {
        let of = |value| shift("s", "p1", json!({}), value).unwrap();
        assert_eq!(of("2024-01-05  "), of("2024-01-05"));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for value in [
            "2023-02-30",
            "spring",
            "12345678",
            "2024",
            "2024-01",
            "2024年1月",
            "03/04/2024",
            "2024-01-05 maybe",
        ] {
            assert_eq!(shift("s", "p", json!({}), value), Err(Refusal::NotADate), "{value}");
        }
    }

    #[test]
    fn a_record_without_a_patient_is_refused() {
        assert_eq!(apply_at("shift-date", &json!({}), (0, "date", 0), "2024-01-05"), Err(Refusal::NoSubject));
    }

    #[test]
    fn shifts_beyond_the_calendar_are_refused() {
        let refused = (0..20).filter(|p| {
            let (first, last) = ("0001-01-01", "9999-12-31");
            let at = |value| shift("s", &p.to_string(), json!({}), value) == Err(Refusal::DateOverflow);
            at(first) != at(last)
        });
        assert_eq!(refused.count(), 20);
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        for days in [0, 6, 3651] {
            assert!((METHOD.parse)(json!({ "max-days": days })).unwrap_err().0.contains("max-days"));
        }
    }
}
