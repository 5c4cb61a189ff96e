//! Whole columns: what a scan says of tables written here.

use proptest::prelude::*;

use super::*;
use crate::code::resident_id;
use crate::kind::Kind;
use crate::plan::{Plan, ReleaseModel};

/// Scans columns given as (header, values).
fn scan(columns: &[(&str, Vec<String>)]) -> Vec<ColumnFinding> {
    let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut scanner = TableScanner::new(&header, Options::default());
    let rows = columns.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    for i in 0..rows {
        let row: Vec<&str> =
            columns.iter().map(|(_, values)| values.get(i).map_or("", String::as_str)).collect();
        scanner.row(&row);
    }
    scanner.finish()
}

fn kind_of(header: &str, values: impl IntoIterator<Item = String>) -> Option<Kind> {
    scan(&[(header, values.into_iter().collect())]).remove(0).kind
}

fn cycle(words: &[&str], rows: usize) -> Vec<String> {
    words.iter().cycle().take(rows).map(|word| (*word).to_owned()).collect()
}

/// A fixed stream of numbers that look random (splitmix64).
fn random(seed: u64) -> impl Iterator<Item = u64> {
    (1..).map(move |i: u64| {
        let mut z = seed.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

fn pick<'a>(words: &'a [&'a str], n: u64) -> &'a str {
    words[n as usize % words.len()]
}

fn chinese_names(rows: usize) -> Vec<String> {
    let surnames = ["王", "李", "张", "刘", "陈", "欧阳", "杨", "赵", "黄", "周", "诸葛", "马"];
    let given = ["伟", "芳", "秀英", "建国", "丽", "强", "子涵", "浩然", "雨桐", "志明", "淑芬", "磊"];
    random(1).take(rows).map(|n| format!("{}{}", pick(&surnames, n), pick(&given, n >> 20))).collect()
}

fn resident_ids(rows: usize) -> Vec<String> {
    random(2)
        .take(rows)
        .map(|n| {
            let body = format!(
                "{}{}{:02}{:02}{:03}",
                pick(&["110105", "310101", "440106", "330106"], n),
                1940 + n % 80,
                1 + (n >> 8) % 12,
                1 + (n >> 16) % 28,
                (n >> 24) % 1000
            );
            let check = resident_id::check_char(body.as_bytes().first_chunk().unwrap());
            format!("{body}{}", char::from(check))
        })
        .collect()
}

fn numbers(rows: usize, low: u64, high: u64) -> Vec<String> {
    random(3).take(rows).map(|n| (low + n % (high - low)).to_string()).collect()
}

fn dates(rows: usize, first: u64, years: u64) -> Vec<String> {
    random(4)
        .take(rows)
        .map(|n| format!("{}-{:02}-{:02}", first + n % years, 1 + (n >> 8) % 12, 1 + (n >> 16) % 28))
        .collect()
}

fn mobiles(rows: usize) -> Vec<String> {
    random(5).take(rows).map(|n| format!("13{:09}", n % 1_000_000_000)).collect()
}

#[test]
fn a_chinese_visit_table_is_understood() {
    let n = 400;
    let columns = [
        ("xm", chinese_names(n), Kind::PersonName),
        ("sfzh", resident_ids(n), Kind::CnResidentId),
        ("性别", cycle(&["男", "女"], n), Kind::Sex),
        ("年龄", numbers(n, 0, 100), Kind::Age),
        ("出生日期", dates(n, 1930, 90), Kind::BirthDate),
        ("入院日期", dates(n, 2022, 2), Kind::EventDate),
        ("民族", cycle(&["汉族", "回族", "汉族", "满族"], n), Kind::Ethnicity),
        ("职业", cycle(&["农民", "教师", "工人", "退休"], n), Kind::Occupation),
        ("婚姻状况", cycle(&["已婚", "未婚", "丧偶"], n), Kind::MaritalStatus),
        ("联系电话", mobiles(n), Kind::Phone),
        (
            "家庭住址",
            random(6)
                .take(n)
                .map(|n| format!("浙江省杭州市西湖区文三路{}号{}室", n % 300, n / 7 % 900))
                .collect(),
            Kind::Address,
        ),
        ("住院号", numbers(n, 10_000_000, 99_999_999), Kind::InpatientNumber),
        ("病历号", numbers(n, 100_000, 999_999), Kind::MedicalRecordNumber),
        ("医保卡号", numbers(n, 1_000_000_000, 9_999_999_999), Kind::InsuranceNumber),
        ("诊断", cycle(&["2型糖尿病", "原发性高血压", "肺部感染"], n), Kind::Diagnosis),
        ("诊断编码", cycle(&["E11.900", "I10.x00", "J18.900"], n), Kind::DiagnosisCode),
        ("药品名称", cycle(&["盐酸二甲双胍", "阿司匹林", "缬沙坦"], n), Kind::Drug),
        ("科室", cycle(&["内分泌科", "心内科", "呼吸科"], n), Kind::Department),
        (
            "血糖",
            random(7).take(n).map(|n| format!("{}.{}", 4 + n % 12, n / 12 % 10)).collect(),
            Kind::LaboratoryValue,
        ),
        (
            "总费用",
            random(8).take(n).map(|n| format!("{}.{:02}", n % 9000, n / 9000 % 100)).collect(),
            Kind::Amount,
        ),
        ("主诉", cycle(&["反复咳嗽3天，加重伴发热1天。", "多饮、多尿、消瘦半年。"], n), Kind::FreeText),
        ("工作单位", cycle(&["江州机械有限公司", "江州市第二中学", "无"], n), Kind::Employer),
        ("邮编", numbers(n, 310_000, 319_999), Kind::Postcode),
    ];
    let input: Vec<_> = columns.iter().map(|(name, values, _)| (*name, values.clone())).collect();
    for (finding, (name, _, kind)) in scan(&input).iter().zip(&columns) {
        assert_eq!(finding.kind, Some(*kind), "{name}: {finding:#?}");
    }
}

#[test]
fn values_alone_decide_where_they_are_clear() {
    for (values, kind) in [
        (resident_ids(100), Kind::CnResidentId),
        (chinese_names(100), Kind::PersonName),
        (mobiles(100), Kind::Phone),
        (cycle(&["男", "女"], 100), Kind::Sex),
        (cycle(&["汉族", "壮族"], 100), Kind::Ethnicity),
        (cycle(&["Metformin", "Aspirin", "Warfarin"], 100), Kind::Drug),
        (dates(100, 1930, 90), Kind::BirthDate),
        (dates(100, 2022, 2), Kind::EventDate),
        (cycle(&["呼吸内科", "神经外科"], 100), Kind::Department),
        (cycle(&["John Smith", "Mary Jones", "Robert Brown", "Linda Davis"], 60), Kind::PersonName),
    ] {
        assert_eq!(kind_of("c17", values), Some(kind));
    }
}

#[test]
fn a_header_does_not_beat_values_that_contradict_it() {
    assert_eq!(kind_of("name", cycle(&["阿莫西林", "布洛芬", "阿司匹林"], 90)), Some(Kind::Drug));
    assert_eq!(kind_of("姓名", cycle(&["Metformin", "Aspirin", "Warfarin"], 90)), Some(Kind::Drug));
    assert_ne!(kind_of("姓名", cycle(&["呼吸内科", "心内科", "骨科"], 90)), Some(Kind::PersonName));
    assert_ne!(kind_of("phone", cycle(&["男", "女"], 90)), Some(Kind::Phone));
    assert_eq!(kind_of("病历号", resident_ids(90)), Some(Kind::CnResidentId));
    assert_ne!(kind_of("age", numbers(90, 10_000, 99_999)), Some(Kind::Age));
}

#[test]
fn a_harmless_header_does_not_hide_identifiers() {
    for header in ["count", "金额", "status", "检验结果", "科室", "drug"] {
        assert_eq!(kind_of(header, mobiles(200)), Some(Kind::Phone), "{header}");
        assert_eq!(kind_of(header, chinese_names(200)), Some(Kind::PersonName), "{header}");
        let tokens = random(9).take(300).map(|n| format!("{:x}", n | 1 << 63));
        assert_eq!(kind_of(header, tokens), Some(Kind::UniqueId), "{header}");
    }
}

#[test]
fn serial_numbers_are_not_telephone_numbers() {
    let serial: Vec<String> = (0..300).map(|i| (13_800_000_000_u64 + i * 3).to_string()).collect();
    let kind = kind_of("c1", serial.clone());
    assert_eq!(kind, Some(Kind::UniqueId));
    assert_eq!(kind_of("住院号", serial), Some(Kind::InpatientNumber));
}

#[test]
fn eighteen_digits_with_wrong_check_characters_are_not_resident_ids() {
    let wrong: Vec<String> = resident_ids(200)
        .into_iter()
        .map(|id| {
            let last = if id.ends_with('1') { '2' } else { '1' };
            format!("{}{last}", &id[..17])
        })
        .collect();
    let finding = scan(&[("c1", wrong)]).remove(0);
    // Near-unique tokens are still treated as identifiers.
    assert_eq!(finding.kind, Some(Kind::UniqueId), "{finding:#?}");
}

#[test]
fn dates_written_as_numbers_are_dates() {
    let compact: Vec<String> = dates(200, 2019, 3).into_iter().map(|date| date.replace('-', "")).collect();
    assert_eq!(kind_of("c1", compact), Some(Kind::EventDate));
    assert_ne!(kind_of("c1", numbers(200, 30_000_000, 99_999_999)), Some(Kind::EventDate));
}

#[test]
fn unknown_near_unique_tokens_are_treated_as_identifiers() {
    let tokens: Vec<String> = random(9).take(300).map(|n| format!("{:x}", n | 1 << 63)).collect();
    assert_eq!(kind_of("q", tokens), Some(Kind::UniqueId));
    // Measurements with decimals are unique by accident.
    let measures: Vec<String> =
        random(9).take(300).map(|n| format!("{}.{:03}", n % 90, n / 90 % 1000)).collect();
    assert_eq!(kind_of("q", measures), None);
}

#[test]
fn texts_say_which_identifiers_they_contain() {
    let texts: Vec<String> = mobiles(60)
        .into_iter()
        .enumerate()
        .map(|(i, mobile)| match i % 2 {
            0 => format!("患者咳嗽三天，无发热，无胸痛，家属电话{mobile}，随诊。"),
            _ => "患者咳嗽三天，无发热，无胸痛，建议随诊观察。".to_owned(),
        })
        .collect();
    let finding = scan(&[("备注", texts)]).remove(0);
    assert_eq!(finding.kind, Some(Kind::FreeText));
    assert_eq!(finding.also_contains, [(Kind::Phone, 0.5)]);
}

#[test]
fn an_email_in_a_column_of_telephone_numbers_is_reported() {
    let mut values = mobiles(99);
    values.push("someone@example.org".to_owned());
    let finding = scan(&[("电话", values)]).remove(0);
    assert_eq!((finding.kind, finding.also_contains), (Some(Kind::Phone), vec![(Kind::Email, 0.01)]));
}

#[test]
fn parts_merge_to_the_same_findings_as_the_whole_when_everything_is_read() {
    let options = Options { thoroughness: Thoroughness::Full, ..Options::default() };
    let header = ["xm", "sjh", "c"];
    let rows: Vec<[String; 3]> = chinese_names(5_000)
        .into_iter()
        .zip(mobiles(5_000))
        .enumerate()
        .map(|(i, (name, mobile))| [name, mobile, (i + 1_000).to_string()])
        .collect();
    let mut whole = TableScanner::new(&header, options);
    rows.iter().for_each(|row| whole.row(row));
    let mut first = TableScanner::new(&header, options);
    rows[..3_000].iter().for_each(|row| first.row(row));
    let mut second = TableScanner::continuing(&header, options);
    rows[3_000..].iter().for_each(|row| second.row(row));
    first.merge(second);
    let json = |scanner: TableScanner| serde_json::to_string(&scanner.finish()).unwrap();
    assert_eq!(json(first), json(whole));
}

#[test]
fn empty_ragged_and_binary_input_is_taken() {
    let mut scanner = TableScanner::new(&["a", "a", ""], Options::default());
    scanner.row::<&[u8]>(&[]);
    scanner.row(&[b"\xff\xfe\x00".as_slice(), b"x", b"y", b"beyond"]);
    scanner.row(&["NULL", " ", "无"]);
    let findings = scanner.finish();
    assert_eq!(findings.len(), 3);
    assert_eq!(findings[0].statistics.rows, 3);
    assert_eq!(findings[0].statistics.empty, 1);
    assert!(TableScanner::new(&[], Options::default()).finish().is_empty());
}

#[test]
fn a_draft_plan_parses_and_names_each_recognised_column_once() {
    let findings = scan(&[
        ("姓名", chinese_names(50)),
        ("a\"b\\c\n[[rule]]", resident_ids(50)),
        ("q", cycle(&["x", "y"], 50)),
        ("性别", cycle(&["男", "女"], 50)),
        ("性别", cycle(&["男", "女"], 50)),
    ]);
    for model in [ReleaseModel::Public, ReleaseModel::Controlled, ReleaseModel::Enclave] {
        let text = draft_plan(&[&findings], model, &Default::default());
        let plan = Plan::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(plan.rules.len(), 3, "{text}");
        assert_eq!(plan.rule_for_column("a\"b\\c\n[[rule]]", None), Some(1));
    }
}

proptest! {
    #[test]
    fn findings_never_contain_a_value(cells in prop::collection::vec("[A-Z][a-zA-Z0-9]{9,20}", 1..40)) {
        let mut scanner = TableScanner::new(&["mrn"], Options::default());
        cells.iter().for_each(|cell| scanner.row(&[cell]));
        let debug = format!("{scanner:?}");
        let findings = scanner.finish();
        let mut said = format!("{debug}{findings:?}{}", serde_json::to_string(&findings).unwrap());
        for evidence in &findings[0].evidence {
            said += &evidence.explain(Language::En);
            said += &evidence.explain(Language::Zh);
        }
        said += &draft_plan(&[&findings], ReleaseModel::Controlled, &Default::default());
        for cell in &cells {
            prop_assert!(!said.contains(cell.as_str()));
        }
    }

    #[test]
    fn any_text_is_taken_and_spans_lie_on_character_boundaries(text in "\\PC{0,80}|[0-9+() .@/:年月日号张医生A-Za-z-]{0,60}") {
        let _ = detect_value(&text);
        let mut last = 0;
        for span in find_spans(&text) {
            prop_assert!(span.start >= last && span.end > span.start);
            prop_assert!(text.get(span.start..span.end).is_some());
            last = span.end;
        }
    }
}
