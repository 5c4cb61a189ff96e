//! What is measured: laboratory tests and vital signs with LOINC codes, UCUM units and reference intervals.
//!
//! Intervals are those that Chinese laboratories print for adults (WS/T 404 and 405 where they exist). Values are
//! integers in the last printed decimal: 7.05 mmol/L is 705 with two decimals.

use medveil_deid::code::resident_id::Sex;

/// A quantity that is measured.
#[derive(Debug, PartialEq, Eq)]
pub struct Analyte {
    /// LOINC code.
    pub loinc: &'static str,
    /// LOINC's long common name.
    pub display: &'static str,
    /// What a Chinese report prints.
    pub name: &'static str,
    /// The unit as printed.
    pub unit: &'static str,
    /// The unit in UCUM.
    pub ucum: &'static str,
    /// Printed decimals.
    pub decimals: u8,
    /// Lower limits for men and women.
    pub low: [Option<i32>; 2],
    /// Upper limits for men and women.
    pub high: [Option<i32>; 2],
    /// No living patient's value lies outside.
    pub bounds: (i32, i32),
    /// Whether it is taken at the bed rather than in the laboratory.
    pub vital_sign: bool,
}

impl Analyte {
    /// The reference interval for a sex.
    pub fn reference(&self, sex: Sex) -> (Option<i32>, Option<i32>) {
        let column = usize::from(sex == Sex::Female);
        (self.low[column], self.high[column])
    }
}

macro_rules! analytes {
    ($($id:ident: $loinc:literal $display:literal $name:literal $unit:literal $ucum:literal $decimals:literal
       [$lm:expr, $lf:expr] [$hm:expr, $hf:expr] $bounds:tt $vital:literal;)*) => {
        $(pub(crate) static $id: Analyte = Analyte {
            loinc: $loinc, display: $display, name: $name, unit: $unit, ucum: $ucum, decimals: $decimals,
            low: [limit($lm), limit($lf)], high: [limit($hm), limit($hf)], bounds: $bounds, vital_sign: $vital,
        };)*
    };
}

/// Where a reference interval has no limit.
const NONE: i32 = -1;

const fn limit(value: i32) -> Option<i32> {
    if value == NONE { None } else { Some(value) }
}

analytes! {
    SYSTOLIC: "8480-6" "Systolic blood pressure" "收缩压" "mmHg" "mm[Hg]" 0 [90, 90] [139, 139] (70, 250) true;
    DIASTOLIC: "8462-4" "Diastolic blood pressure" "舒张压" "mmHg" "mm[Hg]" 0 [60, 60] [89, 89] (40, 150) true;
    PULSE: "8867-4" "Heart rate" "脉搏" "次/分" "/min" 0 [60, 60] [100, 100] (40, 190) true;
    TEMPERATURE: "8310-5" "Body temperature" "体温" "℃" "Cel" 1 [360, 360] [372, 372] (350, 415) true;
    RESPIRATION: "9279-1" "Respiratory rate" "呼吸" "次/分" "/min" 0 [12, 12] [20, 20] (10, 60) true;
    SATURATION: "2708-6" "Oxygen saturation in Arterial blood" "血氧饱和度" "%" "%" 0 [95, 95] [NONE, NONE] (75, 100) true;
    HEIGHT: "8302-2" "Body height" "身高" "cm" "cm" 0 [NONE, NONE] [NONE, NONE] (45, 205) true;
    WEIGHT: "29463-7" "Body weight" "体重" "kg" "kg" 1 [NONE, NONE] [NONE, NONE] (25, 1800) true;
    BMI: "39156-5" "Body mass index (BMI) [Ratio]" "体质指数" "kg/m2" "kg/m2" 1 [185, 185] [239, 239] (110, 480) true;
    GLUCOSE: "14771-0" "Fasting glucose [Moles/volume] in Serum or Plasma" "空腹血糖" "mmol/L" "mmol/L" 2
        [390, 390] [610, 610] (250, 3200) false;
    HBA1C: "4548-4" "Hemoglobin A1c/Hemoglobin.total in Blood" "糖化血红蛋白" "%" "%" 1 [40, 40] [60, 60] (38, 160) false;
    WBC: "6690-2" "Leukocytes [#/volume] in Blood by Automated count" "白细胞计数" "10^9/L" "10*9/L" 2
        [350, 350] [950, 950] (80, 4500) false;
    NEUTROPHILS: "770-8" "Neutrophils/100 leukocytes in Blood by Automated count" "中性粒细胞百分比" "%" "%" 1
        [400, 400] [750, 750] (150, 970) false;
    HAEMOGLOBIN: "718-7" "Hemoglobin [Mass/volume] in Blood" "血红蛋白" "g/L" "g/L" 0 [130, 115] [175, 150] (40, 215) false;
    PLATELETS: "777-3" "Platelets [#/volume] in Blood by Automated count" "血小板计数" "10^9/L" "10*9/L" 0
        [125, 125] [350, 350] (15, 900) false;
    CREATININE: "14682-9" "Creatinine [Moles/volume] in Serum or Plasma" "肌酐" "μmol/L" "umol/L" 0
        [57, 41] [97, 73] (14, 1400) false;
    EGFR: "98979-8" "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by Creatinine-based formula (CKD-EPI 2021)"
        "估算肾小球滤过率" "mL/min/1.73m2" "mL/min/{1.73_m2}" 0 [90, 90] [NONE, NONE] (2, 180) false;
    UREA: "22664-7" "Urea [Moles/volume] in Serum or Plasma" "尿素" "mmol/L" "mmol/L" 1 [31, 26] [80, 75] (10, 500) false;
    URATE: "14933-6" "Urate [Moles/volume] in Serum or Plasma" "尿酸" "μmol/L" "umol/L" 0 [208, 155] [428, 357] (80, 1000) false;
    CHOLESTEROL: "14647-2" "Cholesterol [Moles/volume] in Serum or Plasma" "总胆固醇" "mmol/L" "mmol/L" 2
        [NONE, NONE] [518, 518] (180, 1500) false;
    TRIGLYCERIDES: "14927-8" "Triglyceride [Moles/volume] in Serum or Plasma" "甘油三酯" "mmol/L" "mmol/L" 2
        [NONE, NONE] [170, 170] (30, 2000) false;
    HDL: "14646-4" "Cholesterol in HDL [Moles/volume] in Serum or Plasma" "高密度脂蛋白胆固醇" "mmol/L" "mmol/L" 2
        [104, 104] [NONE, NONE] (40, 300) false;
    LDL: "22748-8" "Cholesterol in LDL [Moles/volume] in Serum or Plasma" "低密度脂蛋白胆固醇" "mmol/L" "mmol/L" 2
        [NONE, NONE] [337, 337] (60, 1100) false;
    ALT: "1742-6" "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma" "丙氨酸氨基转移酶" "U/L" "U/L" 0
        [9, 7] [50, 40] (4, 2500) false;
    AST: "1920-8" "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma" "天门冬氨酸氨基转移酶" "U/L" "U/L" 0
        [15, 13] [40, 35] (6, 2500) false;
    BILIRUBIN: "14631-6" "Bilirubin.total [Moles/volume] in Serum or Plasma" "总胆红素" "μmol/L" "umol/L" 1
        [NONE, NONE] [260, 210] (20, 5000) false;
    ALBUMIN: "1751-7" "Albumin [Mass/volume] in Serum or Plasma" "白蛋白" "g/L" "g/L" 1 [400, 400] [550, 550] (150, 600) false;
    POTASSIUM: "2823-3" "Potassium [Moles/volume] in Serum or Plasma" "钾" "mmol/L" "mmol/L" 2 [350, 350] [530, 530] (220, 750) false;
    SODIUM: "2951-2" "Sodium [Moles/volume] in Serum or Plasma" "钠" "mmol/L" "mmol/L" 0 [137, 137] [147, 147] (110, 165) false;
    CRP: "1988-5" "C reactive protein [Mass/volume] in Serum or Plasma" "C反应蛋白" "mg/L" "mg/L" 1
        [NONE, NONE] [100, 100] (1, 3500) false;
    TSH: "3016-3" "Thyrotropin [Units/volume] in Serum or Plasma" "促甲状腺激素" "mIU/L" "m[IU]/L" 2 [27, 27] [420, 420] (1, 10000) false;
}

/// Filtration rate in mL/min/1.73 m² from creatinine in μmol/L: the CKD-EPI creatinine equation of 2021 (Inker et al.,
/// N Engl J Med 2021;385:1737-49), 142 min(Scr/κ, 1)^α max(Scr/κ, 1)^-1.200 0.9938^age (1.012 for women), for adults.
pub(crate) fn filtration_rate(creatinine: i32, age: u32, sex: Sex) -> i32 {
    // κ is 0.9 mg/dL for men and 0.7 for women; a mg/dL is 88.4 μmol/L. The ratio is in millionths.
    let kappa = if sex == Sex::Female { 6_188 } else { 7_956 };
    let ratio = i64::from(creatinine.max(1)) * 100_000_000 / kappa;
    let power = if ratio >= 1_000_000 { above_kappa(ratio) } else { below_kappa(ratio, sex) };
    let mut rate = 142 * power;
    for _ in 0..age {
        rate = rate * 9_938 / 10_000;
    }
    if sex == Sex::Female {
        rate = rate * 1_012 / 1_000;
    }
    ((rate + 500_000) / 1_000_000) as i32
}

/// `ratio`^-1.2 in millionths, for a ratio of 1 and above: one over the ratio and its fifth root, which is found by bisection.
fn above_kappa(ratio: i64) -> i64 {
    let (mut low, mut high) = (1_000_000_i128, 4_000_000_i128);
    let target = i128::from(ratio) * 1_000_000_000_000_000_000_000_000;
    while high - low > 1 {
        let middle = (low + high) / 2;
        if middle.pow(5) <= target { low = middle } else { high = middle }
    }
    let product = i128::from(ratio) * low / 1_000_000;
    (1_000_000_000_000 / product) as i64
}

/// `ratio`^α in millionths, for a ratio below 1: a line between the points of a table from 0.20 in steps of 0.05.
fn below_kappa(ratio: i64, sex: Sex) -> i64 {
    let table = if sex == Sex::Female { ALPHA_FEMALE } else { ALPHA_MALE };
    let past = (ratio - 200_000).max(0);
    let at = ((past / 50_000) as usize).min(15);
    let part = past - at as i64 * 50_000;
    table[at] * 100 + (table[at + 1] - table[at]) * 100 * part / 50_000
}

/// 10,000 r^-0.241 for r = 0.20, 0.25, ... 1.
const ALPHA_MALE: [i64; 17] = [
    14_738, 13_967, 13_366, 12_879, 12_471, 12_122, 11_818, 11_550, 11_310, 11_094, 10_898, 10_718, 10_552,
    10_399, 10_257, 10_124, 10_000,
];
/// 10,000 r^-0.302 for the same.
const ALPHA_FEMALE: [i64; 17] = [
    16_259, 15_199, 14_385, 13_731, 13_188, 12_727, 12_329, 11_979, 11_668, 11_389, 11_137, 10_908, 10_697,
    10_503, 10_323, 10_156, 10_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the equation in floating point, which tests may use.
    #[test]
    fn filtration_rate_agrees_with_the_published_equation() {
        for sex in [Sex::Male, Sex::Female] {
            let (kappa, alpha, factor): (f64, f64, f64) =
                if sex == Sex::Female { (0.7, -0.302, 1.012) } else { (0.9, -0.241, 1.0) };
            for age in [18, 40, 65, 90] {
                for creatinine in [20, 35, 45, 60, 79, 80, 88, 120, 200, 400, 1000] {
                    let ratio = f64::from(creatinine) / 88.4 / kappa;
                    let expected = 142.0
                        * ratio.min(1.0).powf(alpha)
                        * ratio.max(1.0).powf(-1.2)
                        * 0.9938_f64.powi(age)
                        * factor;
                    let found = f64::from(filtration_rate(creatinine, age as u32, sex));
                    assert!((found - expected).abs() < 1.0, "{creatinine} {age}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn reference_intervals_lie_within_the_bounds() {
        for analyte in [&GLUCOSE, &HBA1C, &HAEMOGLOBIN, &CREATININE, &EGFR, &POTASSIUM, &TSH, &TEMPERATURE] {
            for sex in [Sex::Male, Sex::Female] {
                let (low, high) = analyte.reference(sex);
                let (floor, ceiling) = analyte.bounds;
                assert!(low.is_none_or(|low| floor <= low) && high.is_none_or(|high| high <= ceiling));
            }
        }
    }
}
