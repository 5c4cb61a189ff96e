//! What physicians write. Half of the notes name somebody, give a number or an address, as real ones do: taking the
//! columns with names away does not make free text anonymous.

use std::fmt::Write as _;

use medveil_deid::code::resident_id::Sex;

use crate::date::TODAY;
use crate::dice::Dice;
use crate::patient::{Patient, Visit};

/// The note of a visit.
pub(crate) fn write(patient: &Patient, visit: &Visit, dice: &mut Dice) -> String {
    let disease = visit.primary().disease;
    let mut out = String::with_capacity(160);
    let lasting = patient.conditions.iter().find(|condition| condition.disease.code == disease.code);
    let lasting = lasting.map(|condition| visit.admit.0 - condition.onset.0);
    let complaint = dice.pick(disease.complaints);
    let since = since(lasting, disease.code, complaint, dice);
    let name = patient.name.full();
    let sex = if patient.sex == Sex::Male { "男" } else { "女" };
    let (age, phone, contact) = (visit.age, patient.phone, &patient.social.contact);
    let done = match dice.below(14) {
        0..6 => write!(out, "主诉：{complaint}{since}。"),
        6..8 => write!(out, "患者{name}，{sex}，{age}岁，因“{complaint}{since}”就诊。"),
        8 => write!(out, "{name}来院复诊，诉{complaint}{since}。联系电话{phone}。"),
        9 => write!(
            out,
            "家属（{}{}）代诉：患者{complaint}{since}，家属电话{}。",
            contact.relation,
            contact.name.full(),
            contact.phone
        ),
        10 => write!(out, "{complaint}{since}。现住{}，随访电话：{phone}。", patient.address.full()),
        11 => write!(
            out,
            "主诉: {complaint}{since}\n身份证号 {} 已核对, 病案号 {:010}。",
            patient.resident_id(),
            patient.record_no
        ),
        12 => write!(out, "患者自述\"{complaint}\"{since}, {age}岁, 职业: {}。", patient.social.occupation),
        _ => {
            let title = if patient.name.family.is_empty() { &name } else { &patient.name.family };
            let called = match (visit.age < 18, patient.sex) {
                (true, _) => "小朋友",
                (_, Sex::Male) => "先生",
                (_, Sex::Female) => "女士",
            };
            write!(
                out,
                "{title}{called}{complaint}{since}，已电话告知{}{}。",
                contact.relation,
                contact.name.full()
            )
        }
    };
    done.expect("a string takes any text");
    if visit.diagnoses.len() > 1 && dice.chance(700) {
        out.push_str("既往有");
        for (n, diagnosis) in visit.diagnoses[1..].iter().take(3).enumerate() {
            out.push_str(if n > 0 { "、" } else { "" });
            out.push_str(diagnosis.disease.name);
        }
        out.push_str("史。");
    }
    if visit.inpatient && visit.discharge < TODAY {
        let days = visit.discharge.0 - visit.admit.0;
        write!(out, "住院{days}天，好转出院，{}医师嘱门诊随访。", visit.doctor)
            .expect("a string takes any text");
    }
    out
}

/// For how long, as people round it; a disease that stays is no younger than its onset.
fn since(lasting: Option<i32>, code: &str, complaint: &str, dice: &mut Dice) -> &'static str {
    const LONG: [(i32, &str); 9] = [
        (0, "数天"),
        (14, "2周"),
        (35, "1月余"),
        (90, "3月"),
        (180, "半年"),
        (365, "1年"),
        (1_100, "3年余"),
        (1_825, "5年"),
        (3_700, "10余年"),
    ];
    const SHORT: [&str; 8] = ["2小时", "半天", "1天", "2天", "3天", "4天", "1周", "10余天"];
    // Passing diseases that one lives with for a while before one comes.
    const SLOW: [&str; 7] = ["D25", "H25", "K80", "K64", "K40", "J30", "M54"];
    let slow = SLOW.iter().any(|category| code.starts_with(category)).then_some(400);
    let found = ["体检", "复查"].iter().any(|word| complaint.contains(word));
    match lasting.or(slow) {
        _ if found || matches!(code.as_bytes()[0], b'Z' | b'O') => "",
        Some(days) => {
            let possible = LONG.iter().filter(|(least, _)| *least <= days).count().max(1);
            dice.pick(&LONG[..possible]).1
        }
        None => dice.pick(&SHORT),
    }
}
