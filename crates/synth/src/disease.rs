//! What patients have: diseases by ICD-10-CN code with frequencies by age and sex.
//!
//! The frequencies are those of the people one meets in a Chinese general hospital, who are sicker than the
//! population; they are set by hand to have the right order and shape (hypertension in half of those over 65,
//! type 2 diabetes in a fifth), not fitted to a survey.

use medveil_deid::code::resident_id::Sex;

use crate::drug::{self, Drug};

/// A disease or reason for a visit.
#[derive(Debug)]
pub struct Disease {
    /// Six characters of the Chinese extension: `E11.900`.
    pub code: &'static str,
    /// The Chinese name.
    pub name: &'static str,
    /// The department that sees it.
    pub department: &'static str,
    /// What it does to laboratory values.
    pub kind: Kind,
    /// How frequent it is under 18, 35, 45, 55, 65, 75 years and after: thousandths of patients where the disease is
    /// chronic, else a weight.
    pub frequency: [u16; 7],
    /// Percent of the frequency that men and women have.
    pub by_sex: [u16; 2],
    /// How many visits for it, in a thousand, are stays.
    pub inpatient: u16,
    /// What people say they come for.
    pub(crate) complaints: &'static [&'static str],
    /// What is given, the first choice first.
    pub(crate) drugs: &'static [&'static Drug],
}

/// What a disease does to laboratory values, and to other diseases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Type 1: glucose and HbA1c are high.
    Diabetes1,
    /// Type 2: the same, with weight and lipids.
    Diabetes2,
    /// Blood pressure is high.
    Hypertension,
    /// Cholesterol and triglycerides are high.
    Lipids,
    /// Creatinine is high, the filtration rate and haemoglobin are low.
    Kidney,
    /// Haemoglobin is low.
    Anaemia,
    /// Uric acid is high.
    Gout,
    /// Liver enzymes are somewhat high.
    FattyLiver,
    /// Liver enzymes are high.
    Hepatitis,
    /// TSH is low, the heart is fast.
    Hyperthyroid,
    /// TSH is high.
    Hypothyroid,
    /// Of the heart and vessels: lipids are treated.
    Vascular,
    /// Oxygen saturation is low.
    Lungs,
    /// A malignant tumour: albumin and haemoglobin are low.
    Tumour,
    /// White cells and CRP are high, there may be fever.
    Infection,
    /// Nothing that the laboratory shows.
    Other,
}

impl Disease {
    /// The code of the international edition: four characters at most, `E11.9` for `E11.900`, `I10` for `I10.x00`.
    pub fn international(&self) -> &'static str {
        if self.code.as_bytes().get(4) == Some(&b'x') { &self.code[..3] } else { &self.code[..5] }
    }

    /// Thousandths, or the weight, at an age and sex.
    pub(crate) fn frequency_in(&self, band: usize, sex: Sex) -> u32 {
        let share = self.by_sex[usize::from(sex == Sex::Female)];
        u32::from(self.frequency[band]) * u32::from(share) / 100
    }
}

/// The column of [`Disease::frequency`]: under 18, 35, 45, 55, 65, 75, and older.
pub(crate) fn age_band(age: u32) -> usize {
    [18, 35, 45, 55, 65, 75].partition_point(|&end| end <= age)
}

macro_rules! diseases {
    ($($code:literal $name:literal $department:literal $kind:ident $frequency:tt $by_sex:tt $inpatient:literal
       $complaints:tt $drugs:tt;)*) => {
        &[$(Disease {
            code: $code, name: $name, department: $department, kind: Kind::$kind, frequency: $frequency, by_sex: $by_sex,
            inpatient: $inpatient, complaints: &$complaints, drugs: diseases!(@drugs $drugs),
        }),*]
    };
    (@drugs [$($drug:ident),*]) => { &[$(&drug::$drug),*] };
}

/// What stays. The order matters: a disease is more frequent with those before it (see `comorbidity` in `visit`).
pub(crate) static CHRONIC: &[Disease] = diseases! {
    "E10.900" "1型糖尿病" "内分泌科" Diabetes1 [3, 4, 4, 3, 3, 2, 1] [100, 100] 150
        ["多饮、多尿、消瘦", "血糖控制不佳", "恶心、乏力伴血糖升高"] [GLARGINE, ASPART];
    "E11.900" "2型糖尿病" "内分泌科" Diabetes2 [0, 12, 50, 105, 165, 200, 205] [112, 90] 160
        ["口干、多饮、多尿", "血糖升高", "视物模糊伴四肢麻木", "血糖控制不佳", "乏力、体重下降"]
        [METFORMIN, ACARBOSE, GLIMEPIRIDE, DAPAGLIFLOZIN, SITAGLIPTIN, GLARGINE];
    "I10.x00" "高血压病" "心血管内科" Hypertension [1, 35, 125, 260, 400, 520, 580] [108, 93] 90
        ["头晕、头胀", "血压升高", "反复头痛", "心悸、头晕", "血压波动"]
        [AMLODIPINE, VALSARTAN, IRBESARTAN, METOPROLOL, INDAPAMIDE];
    "E78.500" "高脂血症" "心血管内科" Lipids [4, 60, 120, 190, 230, 220, 190] [105, 96] 10
        ["体检发现血脂升高", "头昏、乏力"] [ATORVASTATIN, ROSUVASTATIN, FENOFIBRATE];
    "N18.900" "慢性肾脏病" "肾内科" Kidney [1, 5, 11, 20, 35, 60, 95] [105, 96] 260
        ["双下肢水肿", "泡沫尿", "夜尿增多", "乏力、食欲减退", "血肌酐升高"] [IRBESARTAN, FUROSEMIDE, EPOETIN, CALCIUM];
    "I25.103" "冠状动脉粥样硬化性心脏病" "心血管内科" Vascular [0, 2, 11, 40, 90, 165, 240] [122, 80] 300
        ["胸闷、胸痛", "活动后心前区不适", "心悸、气短", "胸骨后压榨样疼痛"]
        [ASPIRIN, ATORVASTATIN, METOPROLOL, CLOPIDOGREL, ISOSORBIDE];
    "I63.900" "脑梗死" "神经内科" Vascular [0, 1, 6, 24, 55, 105, 160] [115, 85] 480
        ["右侧肢体无力", "言语不清", "口角歪斜", "突发头晕伴行走不稳", "左侧肢体麻木"] [ASPIRIN, CLOPIDOGREL, ATORVASTATIN];
    "I48.900" "心房颤动" "心血管内科" Vascular [0, 1, 3, 9, 22, 50, 95] [108, 92] 250
        ["阵发性心悸", "心慌、胸闷"] [METOPROLOL, RIVAROXABAN, WARFARIN];
    "I50.900" "心力衰竭" "心血管内科" Vascular [0, 1, 3, 8, 20, 45, 90] [105, 95] 520
        ["活动后气促", "夜间阵发性呼吸困难", "双下肢水肿伴气短"] [FUROSEMIDE, SPIRONOLACTONE, METOPROLOL];
    "D50.900" "缺铁性贫血" "血液内科" Anaemia [25, 40, 48, 40, 25, 32, 45] [35, 165] 80
        ["面色苍白、乏力", "头晕、活动后心悸", "体检发现血红蛋白降低"] [IRON, FOLIC_ACID];
    "M10.900" "痛风" "风湿免疫科" Gout [0, 12, 26, 36, 42, 42, 36] [180, 22] 50
        ["足趾红肿热痛", "关节肿痛反复发作"] [FEBUXOSTAT, COLCHICINE, ALLOPURINOL];
    "K76.000" "脂肪肝" "消化内科" FattyLiver [5, 70, 120, 140, 140, 110, 70] [125, 75] 10
        ["体检发现脂肪肝", "右上腹不适"] [];
    "B18.100" "慢性乙型病毒性肝炎" "感染科" Hepatitis [2, 22, 42, 50, 46, 36, 25] [118, 82] 90
        ["乏力、食欲减退", "体检发现肝功能异常", "右上腹隐痛"] [ENTECAVIR, TENOFOVIR];
    "J44.900" "慢性阻塞性肺疾病" "呼吸内科" Lungs [0, 1, 7, 25, 60, 105, 150] [145, 55] 380
        ["反复咳嗽、咳痰", "活动后气喘加重", "咳嗽、咳痰伴喘息"] [TIOTROPIUM, BUDESONIDE, AMBROXOL];
    "J45.900" "支气管哮喘" "呼吸内科" Lungs [28, 18, 18, 20, 22, 22, 20] [96, 104] 90
        ["反复发作性喘息", "夜间咳嗽、胸闷"] [BUDESONIDE, MONTELUKAST, SALBUTAMOL];
    "E05.900" "甲状腺功能亢进症" "内分泌科" Hyperthyroid [3, 14, 13, 11, 9, 6, 5] [45, 155] 60
        ["心悸、手抖、多汗", "消瘦、易激动"] [METHIMAZOLE, METOPROLOL];
    "E03.900" "甲状腺功能减退症" "内分泌科" Hypothyroid [3, 12, 19, 24, 26, 28, 28] [38, 162] 30
        ["怕冷、乏力", "颜面水肿、便秘"] [LEVOTHYROXINE];
    "K29.500" "慢性胃炎" "消化内科" Other [10, 80, 110, 130, 140, 130, 120] [96, 104] 25
        ["上腹部隐痛", "反酸、嗳气", "餐后上腹饱胀", "食欲减退"] [OMEPRAZOLE, RABEPRAZOLE, MOSAPRIDE];
    "M81.900" "骨质疏松症" "骨科" Other [0, 1, 4, 25, 75, 130, 190] [42, 158] 40
        ["腰背部疼痛", "全身骨痛"] [CALCIUM, ALENDRONATE];
    "N40.x00" "前列腺增生" "泌尿外科" Other [0, 0, 10, 60, 170, 280, 350] [100, 0] 130
        ["尿频、尿急、排尿困难", "夜尿增多", "尿线变细"] [FINASTERIDE, TAMSULOSIN];
    "M51.202" "腰椎间盘突出症" "骨科" Other [1, 30, 52, 65, 65, 50, 40] [105, 95] 150
        ["腰痛伴下肢放射痛", "腰部酸痛，活动受限"] [CELECOXIB];
    "M17.900" "膝关节骨性关节炎" "骨科" Other [0, 3, 16, 45, 85, 110, 130] [65, 135] 120
        ["双膝疼痛", "上下楼膝关节疼痛"] [CELECOXIB];
    "M06.900" "类风湿性关节炎" "风湿免疫科" Other [1, 4, 8, 12, 15, 14, 12] [48, 152] 110
        ["双手关节晨僵、肿痛", "多关节疼痛"] [METHOTREXATE, CELECOXIB];
    "F32.900" "抑郁发作" "精神心理科" Other [14, 28, 25, 24, 22, 20, 18] [70, 130] 60
        ["情绪低落、兴趣减退", "失眠、悲观"] [SERTRALINE, ESCITALOPRAM];
    "F41.100" "广泛性焦虑障碍" "精神心理科" Other [9, 26, 26, 25, 22, 18, 14] [75, 125] 30
        ["紧张、担心、坐立不安", "心慌、失眠"] [ESCITALOPRAM, ALPRAZOLAM];
    "G47.000" "失眠症" "神经内科" Other [2, 24, 34, 45, 56, 62, 64] [80, 120] 10
        ["入睡困难", "早醒、多梦"] [ZOPICLONE, ALPRAZOLAM];
    "G20.x00" "帕金森病" "神经内科" Other [0, 0, 1, 2, 7, 18, 30] [110, 90] 120
        ["右手静止性震颤", "动作迟缓、步态不稳"] [LEVODOPA];
    "C34.900" "支气管或肺恶性肿瘤" "肿瘤科" Tumour [0, 1, 2, 7, 18, 28, 30] [130, 70] 650
        ["咳嗽、痰中带血", "体检发现肺部占位"] [GEFITINIB];
    "C50.900" "乳房恶性肿瘤" "肿瘤科" Tumour [0, 1, 8, 14, 15, 11, 9] [1, 199] 600
        ["发现乳房肿块", "乳腺癌术后复查"] [TAMOXIFEN];
    "C16.900" "胃恶性肿瘤" "肿瘤科" Tumour [0, 1, 2, 5, 11, 16, 18] [138, 62] 680
        ["上腹痛、黑便", "进食后梗阻感"] [CAPECITABINE];
    "C18.900" "结肠恶性肿瘤" "肿瘤科" Tumour [0, 1, 2, 5, 10, 15, 18] [115, 85] 680
        ["大便习惯改变", "便血"] [CAPECITABINE];
    "C22.900" "肝恶性肿瘤" "肿瘤科" Tumour [0, 1, 3, 6, 9, 10, 9] [150, 50] 680
        ["右上腹痛、消瘦", "腹胀、乏力"] [];
    "C73.x00" "甲状腺恶性肿瘤" "普通外科" Tumour [0, 6, 9, 9, 7, 4, 3] [50, 150] 600
        ["体检发现甲状腺结节", "颈部肿物"] [LEVOTHYROXINE];
    "B24.x00" "人类免疫缺陷病毒[HIV]病" "感染科" Other [0, 3, 3, 2, 2, 1, 1] [160, 40] 120
        ["反复发热、消瘦", "定期复查"] [LAMIVUDINE, TENOFOVIR];
};

/// What passes.
pub(crate) static ACUTE: &[Disease] = diseases! {
    "J06.900" "急性上呼吸道感染" "呼吸内科" Infection [260, 130, 90, 70, 60, 50, 45] [100, 100] 8
        ["发热、咽痛", "鼻塞、流涕", "咳嗽、咽痒", "发热伴全身酸痛"] [ACETAMINOPHEN, IBUPROFEN_DROPS, AMBROXOL];
    "J20.900" "急性支气管炎" "呼吸内科" Infection [110, 45, 40, 40, 45, 50, 55] [100, 100] 60
        ["咳嗽、咳痰", "发热伴咳嗽"] [AMBROXOL, AZITHROMYCIN, CEFUROXIME];
    "J18.900" "肺炎" "呼吸内科" Infection [60, 12, 14, 18, 30, 50, 90] [106, 94] 560
        ["高热、咳嗽、胸痛", "发热、咳黄痰", "咳嗽伴气促"] [CEFTRIAXONE, LEVOFLOXACIN, AMBROXOL];
    "J11.100" "流行性感冒伴呼吸道表现" "感染科" Infection [90, 40, 30, 25, 20, 20, 22] [100, 100] 30
        ["高热、寒战、肌肉酸痛", "突发高热"] [OSELTAMIVIR, ACETAMINOPHEN];
    "J03.900" "急性扁桃体炎" "耳鼻咽喉科" Infection [70, 30, 14, 8, 5, 3, 2] [100, 100] 40
        ["咽痛、发热", "吞咽疼痛"] [AMOXICILLIN, CEFUROXIME];
    "B08.401" "手足口病" "儿科" Infection [60, 0, 0, 0, 0, 0, 0] [112, 88] 60
        ["手足皮疹、口腔疱疹", "发热伴皮疹"] [IBUPROFEN_DROPS];
    "A09.900" "胃肠炎" "消化内科" Infection [70, 45, 35, 32, 30, 30, 32] [100, 100] 50
        ["腹泻、腹痛", "恶心、呕吐、腹泻", "水样便"] [SMECTITE, LEVOFLOXACIN, DROTAVERINE];
    "N39.000" "泌尿道感染" "泌尿外科" Infection [10, 32, 30, 32, 36, 38, 45] [30, 170] 60
        ["尿频、尿急、尿痛", "发热伴腰痛"] [LEVOFLOXACIN, CEFUROXIME];
    "K35.900" "急性阑尾炎" "普通外科" Infection [14, 16, 12, 9, 7, 5, 4] [105, 95] 900
        ["转移性右下腹痛", "右下腹痛伴发热"] [CEFTRIAXONE, METRONIDAZOLE];
    "K81.000" "急性胆囊炎" "普通外科" Infection [0, 8, 12, 15, 18, 18, 18] [80, 120] 700
        ["右上腹绞痛", "餐后右上腹痛伴发热"] [CEFTRIAXONE, METRONIDAZOLE];
    "K80.200" "胆囊结石" "普通外科" Other [0, 12, 20, 28, 30, 28, 24] [75, 125] 420
        ["右上腹隐痛", "体检发现胆囊结石"] [DROTAVERINE];
    "N20.000" "肾结石" "泌尿外科" Other [1, 20, 26, 26, 24, 18, 12] [140, 60] 320
        ["腰部绞痛伴血尿", "左侧腰痛"] [TAMSULOSIN, DROTAVERINE];
    "S52.500" "桡骨下端骨折" "骨科" Other [22, 8, 8, 12, 18, 22, 24] [80, 120] 380
        ["摔伤致腕部肿痛", "跌倒后左腕畸形、活动受限"] [CELECOXIB];
    "S72.000" "股骨颈骨折" "骨科" Other [0, 1, 1, 2, 5, 14, 40] [70, 130] 960
        ["跌倒致右髋部疼痛、不能站立", "摔伤后髋部疼痛"] [CELECOXIB, CALCIUM];
    "T14.000" "浅表损伤" "急诊科" Other [40, 36, 28, 24, 20, 16, 14] [130, 70] 10
        ["外伤致皮肤破损", "车祸致多处软组织挫伤", "切割伤"] [CEFUROXIME];
    "O80.000" "头位顺产" "妇产科" Other [0, 95, 18, 0, 0, 0, 0] [0, 200] 1000
        ["停经39周，阵发性腹痛", "停经40周，见红", "停经38周，阴道流液"] [OXYTOCIN, IRON];
    "Z34.900" "正常妊娠监督" "妇产科" Other [0, 110, 20, 0, 0, 0, 0] [0, 200] 5
        ["停经12周，定期产检", "停经28周，产检", "孕期复查"] [FOLIC_ACID, IRON];
    "D25.900" "子宫平滑肌瘤" "妇产科" Other [0, 12, 40, 40, 10, 4, 2] [0, 200] 300
        ["月经量增多", "体检发现子宫肌瘤"] [IRON];
    "N76.000" "急性阴道炎" "妇产科" Infection [2, 50, 45, 32, 16, 8, 5] [0, 200] 0
        ["外阴瘙痒", "白带增多"] [METRONIDAZOLE];
    "H25.900" "老年性白内障" "眼科" Other [0, 0, 1, 8, 32, 65, 90] [88, 112] 420
        ["右眼视力下降", "双眼视物模糊"] [EYE_DROPS];
    "H10.900" "结膜炎" "眼科" Other [28, 20, 16, 15, 15, 15, 14] [100, 100] 0
        ["眼红、分泌物增多", "双眼痒"] [EYE_DROPS];
    "K02.900" "龋病" "口腔科" Other [60, 45, 35, 30, 28, 24, 16] [96, 104] 0
        ["牙痛", "冷热刺激痛"] [IBUPROFEN];
    "L30.900" "皮炎" "皮肤科" Other [36, 32, 28, 26, 26, 28, 28] [98, 102] 5
        ["皮肤红斑、瘙痒", "双手皮疹"] [HYDROCORTISONE, LORATADINE];
    "L50.900" "荨麻疹" "皮肤科" Other [24, 28, 22, 18, 15, 12, 10] [88, 112] 10
        ["全身风团、瘙痒", "反复皮疹"] [LORATADINE];
    "J30.400" "变应性鼻炎" "耳鼻咽喉科" Other [50, 42, 32, 22, 15, 10, 8] [104, 96] 0
        ["反复喷嚏、流清涕", "鼻塞、鼻痒"] [MOMETASONE, LORATADINE];
    "R51.x00" "头痛" "神经内科" Other [8, 22, 25, 25, 22, 18, 15] [80, 120] 15
        ["反复头痛", "头部胀痛"] [FLUNARIZINE, IBUPROFEN];
    "R42.x00" "头晕" "神经内科" Other [2, 14, 22, 32, 42, 50, 56] [82, 118] 80
        ["头晕、视物旋转", "起床时头晕"] [BETAHISTINE, FLUNARIZINE];
    "K64.900" "痔" "普通外科" Other [1, 30, 34, 32, 26, 20, 15] [104, 96] 260
        ["便血、肛门肿物", "排便时出血"] [DIOSMIN];
    "K40.900" "腹股沟疝" "普通外科" Other [14, 3, 5, 9, 16, 24, 28] [185, 15] 800
        ["右腹股沟区可复性肿物", "左腹股沟包块"] [];
    "M54.502" "腰痛" "康复医学科" Other [1, 24, 32, 36, 36, 34, 30] [98, 102] 20
        ["腰部酸痛", "搬重物后腰痛"] [CELECOXIB];
    "Z00.000" "健康查体" "体检中心" Other [30, 90, 90, 90, 80, 60, 35] [100, 100] 0
        ["健康体检", "单位组织体检", "入职体检"] [];
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_six_characters_and_are_told_apart() {
        let mut codes: Vec<_> = CHRONIC.iter().chain(ACUTE).map(|disease| disease.code).collect();
        assert!(codes.iter().all(|code| code.len() == 7 && code.as_bytes()[3] == b'.'));
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CHRONIC.len() + ACUTE.len());
    }

    #[test]
    fn international_codes_are_cut_from_the_chinese_ones() {
        let international = |code| {
            let mut all = CHRONIC.iter().chain(ACUTE);
            all.find(|disease| disease.code == code).map(Disease::international)
        };
        assert_eq!(international("E11.900"), Some("E11.9"));
        assert_eq!(international("I10.x00"), Some("I10"));
        assert_eq!(international("M51.202"), Some("M51.2"));
    }

    #[test]
    fn every_age_and_sex_has_reasons_to_come() {
        for band in 0..7 {
            for sex in [Sex::Male, Sex::Female] {
                assert!(ACUTE.iter().map(|disease| disease.frequency_in(band, sex)).sum::<u32>() > 100);
            }
        }
    }
}
