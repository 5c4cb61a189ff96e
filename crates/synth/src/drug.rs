//! What is prescribed: drugs by ATC code with the doses and frequencies in which they are usually given.

/// A drug in one form.
#[derive(Debug, PartialEq, Eq)]
pub struct Drug {
    /// Code of the WHO's Anatomical Therapeutic Chemical classification.
    pub atc: &'static str,
    /// Generic name with the form.
    pub name: &'static str,
    /// Single doses, in thousandths of the unit.
    pub doses: &'static [u32],
    /// The unit of the dose.
    pub unit: Unit,
    /// Times a day.
    pub daily: u8,
    /// 口服, 皮下注射, ...
    pub route: &'static str,
    /// Days of one prescription.
    pub days: u8,
}

/// A unit of dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Gram.
    Gram,
    /// Milligram.
    Milligram,
    /// Microgram.
    Microgram,
    /// Millilitre.
    Millilitre,
    /// International unit.
    International,
    /// Puff, drop or application.
    Dose,
}

impl Unit {
    /// As it is printed.
    pub fn text(self) -> &'static str {
        match self {
            Self::Gram => "g",
            Self::Milligram => "mg",
            Self::Microgram => "μg",
            Self::Millilitre => "ml",
            Self::International => "IU",
            Self::Dose => "次",
        }
    }

    /// The code in UCUM.
    pub fn ucum(self) -> &'static str {
        match self {
            Self::Gram => "g",
            Self::Milligram => "mg",
            Self::Microgram => "ug",
            Self::Millilitre => "mL",
            Self::International => "[iU]",
            Self::Dose => "{dose}",
        }
    }
}

impl Drug {
    /// 每日2次.
    pub fn frequency(&self) -> &'static str {
        match self.daily {
            1 => "每日1次",
            2 => "每日2次",
            3 => "每日3次",
            _ => "每日4次",
        }
    }
}

macro_rules! drugs {
    ($($id:ident: $atc:literal $name:literal [$($dose:literal),+] $unit:ident $daily:literal $route:literal $days:literal;)*) => {
        $(pub(crate) static $id: Drug = Drug {
            atc: $atc, name: $name, doses: &[$($dose),+], unit: Unit::$unit, daily: $daily, route: $route, days: $days,
        };)*
        /// Every drug.
        #[cfg(test)]
        pub(crate) static ALL: &[&Drug] = &[$(&$id),*];
    };
}

drugs! {
    METFORMIN: "A10BA02" "二甲双胍片" [500, 850] Gram 2 "口服" 30;
    ACARBOSE: "A10BF01" "阿卡波糖片" [50_000, 100_000] Milligram 3 "口服" 30;
    GLIMEPIRIDE: "A10BB12" "格列美脲片" [1_000, 2_000, 4_000] Milligram 1 "口服" 30;
    SITAGLIPTIN: "A10BH01" "西格列汀片" [100_000] Milligram 1 "口服" 28;
    DAPAGLIFLOZIN: "A10BK01" "达格列净片" [5_000, 10_000] Milligram 1 "口服" 28;
    GLARGINE: "A10AE04" "甘精胰岛素注射液" [10_000, 14_000, 18_000, 24_000] International 1 "皮下注射" 30;
    ASPART: "A10AB05" "门冬胰岛素注射液" [4_000, 6_000, 8_000] International 3 "皮下注射" 30;
    AMLODIPINE: "C08CA01" "氨氯地平片" [5_000, 10_000] Milligram 1 "口服" 28;
    VALSARTAN: "C09CA03" "缬沙坦胶囊" [80_000, 160_000] Milligram 1 "口服" 28;
    IRBESARTAN: "C09CA04" "厄贝沙坦片" [150_000, 300_000] Milligram 1 "口服" 28;
    METOPROLOL: "C07AB02" "美托洛尔缓释片" [23_750, 47_500] Milligram 1 "口服" 28;
    INDAPAMIDE: "C03BA11" "吲达帕胺缓释片" [1_500] Milligram 1 "口服" 30;
    FUROSEMIDE: "C03CA01" "呋塞米片" [20_000, 40_000] Milligram 1 "口服" 14;
    SPIRONOLACTONE: "C03DA01" "螺内酯片" [20_000] Milligram 1 "口服" 28;
    ATORVASTATIN: "C10AA05" "阿托伐他汀钙片" [10_000, 20_000, 40_000] Milligram 1 "口服" 28;
    ROSUVASTATIN: "C10AA07" "瑞舒伐他汀钙片" [5_000, 10_000] Milligram 1 "口服" 28;
    FENOFIBRATE: "C10AB05" "非诺贝特胶囊" [200_000] Milligram 1 "口服" 30;
    ASPIRIN: "B01AC06" "阿司匹林肠溶片" [100_000] Milligram 1 "口服" 30;
    CLOPIDOGREL: "B01AC04" "氯吡格雷片" [75_000] Milligram 1 "口服" 28;
    WARFARIN: "B01AA03" "华法林钠片" [1_250, 2_500, 3_000] Milligram 1 "口服" 28;
    RIVAROXABAN: "B01AF01" "利伐沙班片" [15_000, 20_000] Milligram 1 "口服" 28;
    ISOSORBIDE: "C01DA14" "单硝酸异山梨酯片" [20_000] Milligram 2 "口服" 28;
    IRON: "B03AA07" "硫酸亚铁片" [300_000] Milligram 3 "口服" 30;
    FOLIC_ACID: "B03BB01" "叶酸片" [400, 5_000] Milligram 1 "口服" 30;
    EPOETIN: "B03XA01" "重组人促红素注射液" [3_000_000] International 1 "皮下注射" 7;
    ALLOPURINOL: "M04AA01" "别嘌醇片" [100_000] Milligram 2 "口服" 30;
    FEBUXOSTAT: "M04AA03" "非布司他片" [20_000, 40_000] Milligram 1 "口服" 28;
    COLCHICINE: "M04AC01" "秋水仙碱片" [500] Milligram 2 "口服" 7;
    TIOTROPIUM: "R03BB04" "噻托溴铵粉吸入剂" [18_000] Microgram 1 "吸入" 30;
    BUDESONIDE: "R03AK07" "布地奈德福莫特罗吸入粉雾剂" [1_000, 2_000] Dose 2 "吸入" 30;
    SALBUTAMOL: "R03AC02" "沙丁胺醇气雾剂" [100_000] Microgram 3 "吸入" 14;
    MONTELUKAST: "R03DC03" "孟鲁司特钠片" [10_000] Milligram 1 "口服" 28;
    AMBROXOL: "R05CB06" "氨溴索片" [30_000] Milligram 3 "口服" 7;
    LEVOTHYROXINE: "H03AA01" "左甲状腺素钠片" [25_000, 50_000, 75_000, 100_000] Microgram 1 "口服" 28;
    METHIMAZOLE: "H03BB02" "甲巯咪唑片" [5_000, 10_000] Milligram 1 "口服" 28;
    OMEPRAZOLE: "A02BC01" "奥美拉唑肠溶胶囊" [20_000] Milligram 2 "口服" 14;
    RABEPRAZOLE: "A02BC04" "雷贝拉唑钠肠溶片" [10_000, 20_000] Milligram 1 "口服" 14;
    MOSAPRIDE: "A03FA09" "莫沙必利片" [5_000] Milligram 3 "口服" 14;
    CALCIUM: "A12AX" "碳酸钙D3片" [600_000] Milligram 1 "口服" 30;
    ALENDRONATE: "M05BA04" "阿仑膦酸钠片" [10_000] Milligram 1 "口服" 28;
    FINASTERIDE: "G04CB01" "非那雄胺片" [5_000] Milligram 1 "口服" 28;
    TAMSULOSIN: "G04CA02" "坦索罗辛缓释胶囊" [200] Milligram 1 "口服" 28;
    ENTECAVIR: "J05AF10" "恩替卡韦片" [500] Milligram 1 "口服" 28;
    TENOFOVIR: "J05AF07" "替诺福韦片" [300_000] Milligram 1 "口服" 30;
    LAMIVUDINE: "J05AF05" "拉米夫定片" [300_000] Milligram 1 "口服" 30;
    SERTRALINE: "N06AB06" "舍曲林片" [50_000, 100_000] Milligram 1 "口服" 28;
    ESCITALOPRAM: "N06AB10" "艾司西酞普兰片" [10_000] Milligram 1 "口服" 28;
    ALPRAZOLAM: "N05BA12" "阿普唑仑片" [400] Milligram 1 "口服" 14;
    ZOPICLONE: "N05CF01" "佐匹克隆片" [7_500] Milligram 1 "口服" 14;
    LEVODOPA: "N04BA02" "多巴丝肼片" [125_000, 250_000] Milligram 3 "口服" 30;
    METHOTREXATE: "L04AX03" "甲氨蝶呤片" [2_500] Milligram 1 "口服" 14;
    GEFITINIB: "L01EB01" "吉非替尼片" [250_000] Milligram 1 "口服" 30;
    CAPECITABINE: "L01BC06" "卡培他滨片" [500_000, 1_000_000] Milligram 2 "口服" 14;
    TAMOXIFEN: "L02BA01" "他莫昔芬片" [10_000] Milligram 2 "口服" 30;
    CELECOXIB: "M01AH01" "塞来昔布胶囊" [200_000] Milligram 1 "口服" 14;
    IBUPROFEN: "M01AE01" "布洛芬缓释胶囊" [300_000] Milligram 2 "口服" 5;
    IBUPROFEN_DROPS: "M01AE01" "布洛芬混悬液" [4_000, 6_000] Millilitre 3 "口服" 3;
    ACETAMINOPHEN: "N02BE01" "对乙酰氨基酚片" [500_000] Milligram 3 "口服" 3;
    AMOXICILLIN: "J01CA04" "阿莫西林胶囊" [500_000] Milligram 3 "口服" 7;
    CEFUROXIME: "J01DC02" "头孢呋辛酯片" [250_000, 500_000] Milligram 2 "口服" 7;
    CEFTRIAXONE: "J01DD04" "注射用头孢曲松钠" [2_000] Gram 1 "静脉滴注" 7;
    AZITHROMYCIN: "J01FA10" "阿奇霉素片" [250_000, 500_000] Milligram 1 "口服" 5;
    LEVOFLOXACIN: "J01MA12" "左氧氟沙星片" [500_000] Milligram 1 "口服" 7;
    METRONIDAZOLE: "J01XD01" "甲硝唑氯化钠注射液" [500_000] Milligram 2 "静脉滴注" 5;
    OSELTAMIVIR: "J05AH02" "奥司他韦胶囊" [75_000] Milligram 2 "口服" 5;
    LORATADINE: "R06AX13" "氯雷他定片" [10_000] Milligram 1 "口服" 7;
    MOMETASONE: "R01AD09" "糠酸莫米松鼻喷雾剂" [1_000] Dose 1 "鼻腔喷入" 14;
    HYDROCORTISONE: "D07AB02" "丁酸氢化可的松乳膏" [1_000] Dose 2 "外用" 7;
    SMECTITE: "A07BC05" "蒙脱石散" [3_000] Gram 3 "口服" 3;
    DROTAVERINE: "A03AD02" "屈他维林片" [40_000] Milligram 3 "口服" 5;
    BETAHISTINE: "N07CA01" "倍他司汀片" [6_000, 12_000] Milligram 3 "口服" 14;
    FLUNARIZINE: "N07CA03" "氟桂利嗪胶囊" [5_000] Milligram 1 "口服" 14;
    EYE_DROPS: "S01AE05" "左氧氟沙星滴眼液" [1_000] Dose 3 "滴眼" 7;
    DIOSMIN: "C05CA53" "地奥司明片" [450_000] Milligram 2 "口服" 14;
    OXYTOCIN: "H01BB02" "缩宫素注射液" [10_000] International 1 "肌内注射" 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atc_codes_have_their_form() {
        for drug in ALL {
            let bytes = drug.atc.as_bytes();
            assert!(matches!(bytes.len(), 5 | 7), "{}", drug.atc);
            assert!(
                bytes[0].is_ascii_uppercase() && bytes[1..3].iter().all(u8::is_ascii_digit),
                "{}",
                drug.atc
            );
            assert!(bytes[3..5].iter().all(u8::is_ascii_uppercase), "{}", drug.atc);
            assert!(bytes[5..].iter().all(u8::is_ascii_digit), "{}", drug.atc);
        }
    }
}
