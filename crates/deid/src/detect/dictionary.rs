//! Words that stand for a kind: closed lists (sexes, the 56 ethnic groups), common ones (drugs, departments) and the suffixes by
//! which Chinese names of diseases, operations and employers are known.
//!
//! The lists are general knowledge written down for this purpose; a word that is missing costs recall, never safety.

use std::collections::HashMap;
use std::sync::OnceLock;

use foldhash::fast::FixedState;

use super::kind_set::KindSet;
use crate::kind::Kind;

/// The kinds that a value stands for, compared without case, hyphens and underscores.
pub(super) fn kinds_of(value: &str) -> KindSet {
    let mut buffer = String::with_capacity(value.len());
    normalise(value, &mut buffer);
    let listed = words().get(buffer.as_str()).copied().unwrap_or_default();
    listed.union(by_suffix(value))
}

/// Whether nothing was recorded: such values say nothing about their column.
pub(super) fn is_missing(value: &str) -> bool {
    const MISSING: [&str; 22] = [
        "",
        "-",
        "--",
        "/",
        "\\",
        "\\n",
        "na",
        "n/a",
        "nan",
        "nil",
        "none",
        "null",
        "?",
        "unknown",
        "unk",
        "missing",
        "无",
        "不详",
        "未知",
        "未填",
        "空",
        "未说明",
    ];
    value.len() <= 12 && MISSING.iter().any(|word| word.eq_ignore_ascii_case(value))
}

fn normalise(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '-' | '_' => out.push(' '),
            'A'..='Z' => out.push(c.to_ascii_lowercase()),
            _ => out.push(c),
        }
    }
}

/// Chinese names of diseases, operations, departments and employers end in one of a few words.
fn by_suffix(value: &str) -> KindSet {
    const SUFFIXES: [(Kind, usize, &[&str]); 6] = [
        (
            Kind::Diagnosis,
            2,
            &[
                "病",
                "炎",
                "癌",
                "瘤",
                "症",
                "综合征",
                "骨折",
                "感染",
                "梗死",
                "出血",
                "衰竭",
                "硬化",
                "结石",
                "障碍",
                "损伤",
                "溃疡",
                "增生",
                "肥大",
                "积液",
                "中毒",
                "畸形",
                "麻痹",
                "心绞痛",
                "不全",
                "狭窄",
                "功能减退",
                "功能亢进",
            ],
        ),
        (
            Kind::Procedure,
            3,
            &["术", "切除", "置换", "造影", "穿刺", "活检", "透析", "内镜检查", "移植", "剖宫产", "缝合"],
        ),
        (Kind::Department, 2, &["科", "门诊", "病区", "病房", "诊室", "监护室", "科室", "急诊"]),
        (
            Kind::Employer,
            4,
            &[
                "公司",
                "学校",
                "大学",
                "学院",
                "中学",
                "小学",
                "幼儿园",
                "集团",
                "银行",
                "工厂",
                "厂",
                "研究所",
                "研究院",
                "委员会",
                "派出所",
                "公安局",
                "局",
                "事务所",
                "合作社",
                "酒店",
                "医院",
                "税务局",
                "机关",
                "商店",
                "超市",
            ],
        ),
        (
            Kind::Drug,
            3,
            &[
                "片",
                "胶囊",
                "注射液",
                "颗粒",
                "口服液",
                "滴丸",
                "软膏",
                "滴眼液",
                "缓释片",
                "注射用",
                "糖浆",
                "丸",
                "气雾剂",
                "栓",
            ],
        ),
        (Kind::Ethnicity, 2, &["族"]),
    ];
    let mut found = KindSet::EMPTY;
    if value.is_ascii() || value.len() > 90 {
        return found;
    }
    let mut length = None;
    for (kind, least, suffixes) in SUFFIXES {
        if suffixes.iter().any(|suffix| value.ends_with(suffix))
            && *length.get_or_insert_with(|| value.chars().count()) >= least
        {
            found.insert(kind);
        }
    }
    // 家族史 does not end in 族, but 水族馆职工家族 would: a group's name is short.
    if found.contains(Kind::Ethnicity) && length.is_some_and(|n| n > 5) {
        found = found.without(KindSet::of(&[Kind::Ethnicity]));
    }
    found
}

type Words = HashMap<&'static str, KindSet, FixedState>;

fn words() -> &'static Words {
    static WORDS: OnceLock<Words> = OnceLock::new();
    WORDS.get_or_init(|| {
        let mut words = Words::default();
        for (kind, list) in LISTS {
            for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                words.entry(word).or_default().insert(*kind);
            }
        }
        words
    })
}

/// Lower case, words separated by commas; hyphens as spaces.
const LISTS: &[(Kind, &str)] = &[
    (
        Kind::Sex,
        "男,女,男性,女性,男士,女士,未说明的性别,未知的性别,m,f,male,female,man,woman,boy,girl,x,u,other,intersex,nonbinary,non binary,\
         transgender,先生,m (male),f (female),男孩,女孩",
    ),
    // GB/T 3304-1991, with and without 族.
    (
        Kind::Ethnicity,
        "汉,汉族,蒙古族,蒙古,回族,回,藏族,藏,维吾尔族,维吾尔,苗族,苗,彝族,彝,壮族,壮,布依族,布依,朝鲜族,满族,满,侗族,侗,瑶族,瑶,白族,白,\
         土家族,土家,哈尼族,哈尼,哈萨克族,哈萨克,傣族,傣,黎族,黎,傈僳族,傈僳,佤族,佤,畲族,畲,高山族,高山,拉祜族,拉祜,水族,水,东乡族,东乡,\
         纳西族,纳西,景颇族,景颇,柯尔克孜族,柯尔克孜,土族,土,达斡尔族,达斡尔,仫佬族,仫佬,羌族,羌,布朗族,布朗,撒拉族,撒拉,毛南族,毛南,\
         仡佬族,仡佬,锡伯族,锡伯,阿昌族,阿昌,普米族,普米,塔吉克族,塔吉克,怒族,怒,乌孜别克族,乌孜别克,俄罗斯族,鄂温克族,鄂温克,德昂族,德昂,\
         保安族,保安,裕固族,裕固,京族,塔塔尔族,塔塔尔,独龙族,独龙,鄂伦春族,鄂伦春,赫哲族,赫哲,门巴族,门巴,珞巴族,珞巴,基诺族,基诺,\
         white,black,asian,hispanic,latino,hispanic or latino,not hispanic or latino,non hispanic,nonhispanic,caucasian,\
         african american,black or african american,asian pac islander,amer indian eskimo,native american,native,pacific islander,\
         american indian or alaska native,native hawaiian or other pacific islander,native hawaiian,two or more races,multiracial,\
         han,hui,manchu,miao,uygur,uyghur,zhuang,tibetan,mongol,tujia,yi,dong,yao,bai",
    ),
    (
        Kind::MaritalStatus,
        "未婚,已婚,离婚,离异,丧偶,初婚,再婚,复婚,有配偶,未说明的婚姻状况,同居,分居,single,married,divorced,widowed,separated,never married,\
         married civ spouse,married af spouse,married spouse absent,civil partnership,domestic partner,cohabiting,unmarried,widow,\
         widower,s,m,d,w",
    ),
    (
        Kind::Education,
        "文盲,半文盲,小学,初中,高中,中专,中技,技校,职高,大专,专科,大学,大学专科,大学本科,本科,研究生,硕士,博士,硕士研究生,博士研究生,学龄前,文盲或半文盲,\
         初中及以下,高中及以上,中等专科,专科教育,本科及以上,初级中学,普通高级中学,bachelors,bachelor,bachelor's degree,bachelor degree,masters,\
         master,master's degree,doctorate,phd,md,hs grad,high school,high school graduate,some college,assoc acdm,assoc voc,associate,\
         associate degree,prof school,1st 4th,5th 6th,7th 8th,9th,10th,11th,12th,preschool,kindergarten,elementary school,primary school,\
         middle school,secondary school,college,university,graduate school,illiterate,no education,primary,secondary,tertiary,vocational",
    ),
    (
        Kind::Employer,
        "private,self emp not inc,self emp inc,federal gov,local gov,state gov,without pay,never worked,government,public sector",
    ),
    (Kind::Occupation, include_str!("words/occupations.txt")),
    (Kind::Nationality, include_str!("words/countries.txt")),
    (Kind::Geography, include_str!("words/places.txt")),
    (Kind::Drug, include_str!("words/drugs.txt")),
    (Kind::Department, include_str!("words/departments.txt")),
    (Kind::Diagnosis, include_str!("words/diagnoses.txt")),
    (Kind::Measure, include_str!("words/tests.txt")),
    (
        Kind::Procedure,
        "appendectomy,cholecystectomy,colonoscopy,endoscopy,gastroscopy,biopsy,dialysis,hemodialysis,cesarean section,angiography,\
         coronary angiography,coronary artery bypass graft,hip replacement,knee replacement,hysterectomy,mastectomy,thyroidectomy,\
         mri,ct scan,x ray,chest x ray,ultrasound,electrocardiogram,ecg,echocardiogram,chemotherapy,radiotherapy,blood transfusion,\
         胃镜,肠镜,胃镜检查,肠镜检查,心电图,心脏彩超,腹部彩超,胸部ct,头颅ct,头颅mri,血液透析,化疗,放疗,输血",
    ),
    (
        Kind::LaboratoryValue,
        "阴性,阳性,弱阳性,强阳性,(+),(-),(±),+,++,+++,++++,±,negative,positive,reactive,non reactive,nonreactive,trace,未检出,检出,neg,pos",
    ),
    (
        Kind::Measure,
        "mmol/l,umol/l,μmol/l,mg/dl,g/l,mg/l,ug/l,ng/ml,pg/ml,iu/l,u/l,miu/l,%,10^9/l,10^12/l,fl,pg,mmhg,kg,cm,kg/m2,bpm,次/分,℃,°c,\
         mg,g,ml,片,粒,支,瓶,盒,袋,次,天,是,否,有,无异常,正常,异常,偏高,偏低,高,低,↑,↓,h,l,n,y,yes,no,true,false,normal,abnormal,high,low,\
         门诊,住院,急诊,体检,初诊,复诊,治愈,好转,未愈,死亡,稳定,医嘱离院,口服,静脉滴注,静滴,肌注,皮下注射,外用,雾化吸入,qd,bid,tid,qid,qn,po,iv,im,\
         inpatient,outpatient,ambulatory,wellness,urgentcare,a,b,o,ab,a型,b型,o型,ab型,a+,b+,o+,ab+,自费,城镇职工,城镇职工基本医疗保险,\
         城乡居民基本医疗保险,城镇居民,新农合,新型农村合作医疗,公费,公费医疗,商业保险,职工医保,居民医保,医保,全自费,贫困救助,medicare,medicaid,\
         self pay,commercial",
    ),
    (Kind::Amount, "<=50k,>50k,<50k,>=50k"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case_and_by_suffix() {
        assert!(kinds_of("MALE").contains(Kind::Sex));
        assert!(kinds_of("Never-married").contains(Kind::MaritalStatus));
        assert!(kinds_of("Metformin").contains(Kind::Drug));
        assert!(kinds_of("急性阑尾炎").contains(Kind::Diagnosis));
        assert!(kinds_of("腹腔镜下胆囊切除术").contains(Kind::Procedure));
        assert!(kinds_of("江州机械有限公司").contains(Kind::Employer));
        assert!(kinds_of("Zzyzx").is_empty());
    }

    #[test]
    fn all_fifty_six_ethnic_groups_are_listed_and_the_lists_are_normal() {
        let groups = LISTS.iter().find(|(kind, _)| *kind == Kind::Ethnicity).unwrap().1;
        assert_eq!(groups.split(',').filter(|word| word.trim().ends_with('族')).count(), 56);
        for word in words().keys() {
            let mut normal = String::new();
            normalise(word, &mut normal);
            assert!(*word == normal || word.chars().count() <= 4, "{word}");
        }
    }
}
