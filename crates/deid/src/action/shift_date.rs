//! `shift-date`: every date of a patient moves by the same secret number of days.
//!
//! Intervals between the events of one patient stay exact, in every file and format of the study. The offset is
//! HMAC(key of the study, patient), uniform over the non-zero days within `max-days` (multiples of 7 with `keep-weekday`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform};
use crate::code::calendar::Date;
use crate::kind::Text;
use crate::study::Prf;

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
            prf: site.study.prf(&["date-offset"]),
            max_days: u64::from(self.max_days),
            keep_weekday: self.keep_weekday,
        }))
    }
}

struct Shifter {
    prf: Prf,
    max_days: u64,
    keep_weekday: bool,
}

impl Shifter {
    fn offset(&self, subject: &str) -> i32 {
        let tag = self.prf.tag(&[subject.trim().as_bytes()]);
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
        let date = Date::parse(cell.value.0).ok_or(Refusal::NotADate)?;
        if date.write_shifted(self.offset(subject.0), out) { Ok(Effect::Replaced) } else { Err(Refusal::DateOverflow) }
    }
}
