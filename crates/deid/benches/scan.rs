//! What a scan costs: visit-like rows of 20 columns and about 190 bytes, as the claim in the documentation has them.

use divan::counter::BytesCount;
use medveil_deid::detect::{Options, TableScanner, Thoroughness, find_spans};

fn main() {
    divan::main();
}

const ROWS: u64 = 50_000;

const HEADER: [&str; 20] = [
    "patient_id",
    "姓名",
    "身份证号",
    "性别",
    "出生日期",
    "年龄",
    "联系电话",
    "家庭住址",
    "民族",
    "职业",
    "住院号",
    "入院日期",
    "出院日期",
    "科室",
    "诊断编码",
    "诊断名称",
    "血糖",
    "糖化血红蛋白",
    "总费用",
    "备注",
];

fn rows() -> Vec<Vec<String>> {
    let surnames = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄"];
    let given = ["伟", "芳", "建国", "秀英", "子涵", "浩然", "敏"];
    let pick = |list: &[&'static str], n: u64| list[n as usize % list.len()];
    (0..ROWS)
        .map(|i| {
            let n = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
            vec![
                format!("P{:08}", n % 100_000_000),
                format!("{}{}", pick(&surnames, n), pick(&given, n >> 8)),
                format!("33010619{:02}{:02}{:02}{:04}", n % 100, 1 + n % 12, 1 + n % 28, n % 10_000),
                pick(&["男", "女"], n >> 3).to_owned(),
                format!("19{:02}-{:02}-{:02}", n % 100, 1 + n % 12, 1 + n % 28),
                (n % 100).to_string(),
                format!("139{:08}", n % 100_000_000),
                format!("浙江省杭州市西湖区文三路{}号", n % 900),
                pick(&["汉族", "汉族", "回族"], n >> 5).to_owned(),
                pick(&["农民", "教师", "退休", "工人"], n >> 6).to_owned(),
                format!("ZY{:09}", 230_000_000 + i),
                format!("2023-{:02}-{:02} 08:{:02}:00", 1 + n % 12, 1 + n % 28, n % 60),
                format!("2023-{:02}-{:02}", 1 + n % 12, 1 + n % 28),
                pick(&["内分泌科", "心内科", "呼吸科"], n >> 7).to_owned(),
                pick(&["E11.900", "I10.x00", "J18.900"], n >> 9).to_owned(),
                pick(&["2型糖尿病", "原发性高血压", "肺部感染"], n >> 9).to_owned(),
                format!("{}.{}", 4 + n % 12, n % 10),
                format!("{}.{}", 5 + n % 7, n % 10),
                format!("{}.{:02}", n % 30_000, n % 100),
                pick(&["", "", "复诊", "无明显不适"], n >> 11).to_owned(),
            ]
        })
        .collect()
}

fn scan(bencher: divan::Bencher<'_, '_>, options: Options, continuing: bool) {
    let rows = rows();
    let bytes: usize = rows.iter().flatten().map(|cell| cell.len() + 1).sum();
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        let mut scanner = if continuing {
            TableScanner::continuing(&HEADER, options)
        } else {
            TableScanner::new(&HEADER, options)
        };
        rows.iter().for_each(|row| scanner.row(row));
        scanner.finish()
    });
}

/// The steady state: what a row costs after the first values.
#[divan::bench(sample_count = 20)]
fn table_rows_sampled(bencher: divan::Bencher<'_, '_>) {
    scan(bencher, Options::default(), true);
}

/// With the first values read and the columns judged.
#[divan::bench(sample_count = 20)]
fn table_with_head(bencher: divan::Bencher<'_, '_>) {
    scan(bencher, Options::default(), false);
}

#[divan::bench(sample_count = 3)]
fn table_in_full(bencher: divan::Bencher<'_, '_>) {
    scan(bencher, Options { thoroughness: Thoroughness::Full, ..Options::default() }, false);
}

#[divan::bench(sample_count = 20)]
fn spans_in_notes(bencher: divan::Bencher<'_, '_>) {
    let text = "患者张建国，男，56岁，因反复胸闷气短3天入院。2023年5月1日于门诊查血压150/95mmHg，血糖8.6mmol/L，联系电话13812345678。\
                The patient was seen on 2023-05-02 by Dr. Smith and discharged with metformin 500 mg twice a day. "
        .repeat(100);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| find_spans(&text).count());
}
