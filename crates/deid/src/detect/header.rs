//! What a header says: words in Chinese and English and the pinyin abbreviations of hospital information systems.
//!
//! A header is cut into words at signs and changes of case (`patName` is `pat name`); Chinese words are found anywhere. Where
//! several words are found, the surest decides, then the longest, then the last, because the head of a compound stands last in both
//! languages: 诊断日期 is a date, `drug name` a drug, `diagnosis id` an id.

use Sureness::{Likely, Sure, Vague};

use crate::kind::{Class, Kind};

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) kind: Kind,
    /// The word of the list that was found.
    pub(super) word: &'static str,
    pub(super) sureness: Sureness,
}

/// How much a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sureness {
    /// The word has other meanings: `name`, `number`, `zy`.
    Vague,
    /// The word usually stands for the kind.
    Likely,
    /// The word stands for nothing else.
    Sure,
}

/// Reads a header.
pub(super) fn hint(header: &str) -> Option<Hint> {
    let header = header.trim().trim_start_matches('\u{feff}');
    let words = words(header);
    let without_digits = strip_digits(&words);
    let compact: String = words.chars().filter(|c| *c != ' ').collect();
    let lower = header.to_lowercase();
    let mut best: Option<((Sureness, usize, usize), Hint)> = None;
    for (kind, sureness, list) in WORDS {
        for word in list.split(',').map(str::trim) {
            let (at, length) = if word.is_ascii() {
                let spaced = format!(" {word} ");
                let found = words.find(&spaced).or_else(|| without_digits.find(&spaced));
                let glued = || {
                    word.len() >= 4
                        && compact.len() == word.len() - word.matches(' ').count()
                        && compact == word.replace(' ', "")
                };
                match found {
                    Some(at) => (at, word.len()),
                    None if glued() => (0, word.len()),
                    None => continue,
                }
            } else {
                match lower.rfind(word) {
                    // A Chinese word of two characters says as much as an English one of about eight letters.
                    Some(at) => (at, word.chars().count() * 4),
                    None => continue,
                }
            };
            let rank = (*sureness, length, at);
            if best.as_ref().is_none_or(|(top, _)| rank > *top) {
                best = Some((rank, Hint { kind: *kind, word, sureness: *sureness }));
            }
        }
    }
    // The id of a diagnosis is no diagnosis: a plan that keeps diagnoses must not keep it.
    let hint = best?.1;
    if hint.kind.class() != Class::DirectIdentifier
        && let Some(word) =
            NUMBERING.iter().find(|word| words.trim_end().ends_with(**word) || lower.ends_with(**word))
    {
        return Some(Hint { kind: Kind::UniqueId, word: word.trim_start(), sureness: Likely });
    }
    Some(hint)
}

/// What headers of numbers end in.
const NUMBERING: [&str; 6] = [" id", " uuid", " identifier", " key", "编号", "流水号"];

/// Lower-case words, each between spaces.
fn words(header: &str) -> String {
    let mut out = String::from(" ");
    let mut previous = ' ';
    let mut chars = header.chars().peekable();
    while let Some(c) = chars.next() {
        let starts_word = c.is_ascii_uppercase()
            && (previous.is_ascii_lowercase()
                || previous.is_ascii_uppercase() && chars.peek().is_some_and(char::is_ascii_lowercase));
        let boundary = !c.is_ascii_alphanumeric() || starts_word;
        if boundary && !out.ends_with(' ') {
            out.push(' ');
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        }
        previous = c;
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

/// ` phone2 ` as ` phone `.
fn strip_digits(words: &str) -> String {
    let mut out = String::from(" ");
    for word in words.split_whitespace() {
        let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
        out.push_str(if stem.is_empty() { word } else { stem });
        out.push(' ');
    }
    out
}

/// Words separated by commas; Latin ones in lower case with spaces between words.
const WORDS: &[(Kind, Sureness, &str)] = &[
    (
        Kind::PersonName,
        Sure,
        "姓名,患者姓名,病人姓名,联系人姓名,医生姓名,医师姓名,xm,hzxm,brxm,xing ming,patient name,pat name,full name,first name,last name,given name,\
         family name,surname,middle name,maiden name,mother name,father name,contact name,physician name,doctor name,provider name,fullname,\
         firstname,lastname,fname,lname",
    ),
    (
        Kind::PersonName,
        Likely,
        "联系人,名字,曾用名,监护人,主治医师,主治医生,主管医师,责任护士,医师,医生,护士,经办人,操作员,签名,lxr,lxrxm,ysxm,zzys,maiden,prefix name,\
         guardian,physician,doctor,nurse,attending,next of kin,suffix",
    ),
    (Kind::PersonName, Vague, "name,first,last,middle,mc,patient,person,ys"),
    (
        Kind::CnResidentId,
        Sure,
        "身份证号码,身份证号,身份证,公民身份号码,证件号码,证件号,sfz,sfzh,sfzhm,sfzjh,zjhm,id card,id card no,id card number,idcard,id no,idno,\
         identity card,national id,resident id,citizen id,id number,identity number",
    ),
    (Kind::Passport, Sure, "护照,护照号,护照号码,passport,passport no,passport number,hzh"),
    (Kind::HmtPermit, Sure, "通行证,港澳台居住证,回乡证,台胞证,港澳通行证,居住证"),
    (
        Kind::SocialSecurityNumber,
        Sure,
        "社会保障号,社保号,社保卡号,社会保险号,社保卡,sbkh,sbh,ssn,social security,social security number",
    ),
    (
        Kind::InsuranceNumber,
        Sure,
        "医保卡号,医保号,医保编号,医疗保险号,医疗保险手册号,参保号,个人编号,新农合号,ybkh,ybh,ybbh,insurance no,insurance number,insurance id,policy no,\
         policy number,member id,medicare no,medicare number,medicaid id,beneficiary id,health plan",
    ),
    (Kind::InsuranceNumber, Likely, "医保卡,payer id,subscriber id,insurance"),
    (
        Kind::Phone,
        Sure,
        "联系电话,电话号码,手机号码,手机号,手机,电话,传真,固定电话,联系方式,lxdh,sjh,sjhm,dhhm,dh,phone,phone number,telephone,tel,mobile,cell,\
         cellphone,cell phone,mobile phone,fax,contact number,contact phone,home phone,work phone",
    ),
    (Kind::Email, Sure, "邮箱,电子邮箱,电子邮件,邮件地址,yx,dzyx,email,e mail,mail address,email address"),
    (
        Kind::Address,
        Sure,
        "家庭住址,住址,现住址,户籍地址,通讯地址,联系地址,居住地址,详细地址,户口地址,单位地址,地址,jtzz,jtdz,xzz,zz,lxdz,hkdz,dz,addr,address,home address,\
         street,street address,residence,mailing address,street line",
    ),
    (
        Kind::BankCard,
        Sure,
        "银行卡号,银行卡,银行账号,卡号码,账号,yhkh,yhzh,bank card,bank account,card number,account number,account no,credit card,iban,pan",
    ),
    (Kind::LicencePlate, Sure, "车牌,车牌号,车牌号码,cph,license plate,licence plate,plate number,plate no"),
    (Kind::Vin, Sure, "车架号,车辆识别代号,车辆识别码,vin,cjh"),
    (
        Kind::DeviceId,
        Sure,
        "设备编号,设备号,设备序列号,设备标识,序列号,植入物编号,sbbh,device id,device serial,device serial number,serial number,serial no,udi,imei,device no,\
         device number,device identifier",
    ),
    (Kind::Url, Sure, "网址,链接,主页,url,website,web site,homepage,link"),
    (Kind::IpAddress, Sure, "ip地址,ip,ip address,ip addr,client ip,remote addr"),
    (Kind::MacAddress, Sure, "mac地址,mac,mac address,mac addr"),
    (
        Kind::CertificateNumber,
        Sure,
        "证书号,证书编号,执业证号,执照号,驾驶证号,驾照,驾驶证,出生证号,出生医学证明编号,军官证,certificate no,certificate number,license no,license number,\
         licence number,driver license,drivers,drivers license,driving licence,npi,licence no",
    ),
    (
        Kind::Biometric,
        Sure,
        "指纹,照片,头像,人脸,虹膜,声纹,photo,photograph,fingerprint,face,iris,biometric,voiceprint,portrait",
    ),
    (
        Kind::PatientId,
        Sure,
        "患者编号,患者id,病人id,病人编号,患者号,患者标识,患者主索引,主索引号,健康卡号,就诊卡号,诊疗卡号,hzid,hzbh,brid,brbh,patient id,patientid,pat id,\
         pid,empi,person id,patient no,patient number,patient num,subject id,subject no,jzkh,patient key",
    ),
    (Kind::PatientId, Likely, "卡号,kh,patient,subject"),
    (
        Kind::MedicalRecordNumber,
        Sure,
        "病历号,病案号,病案首页号,档案号,健康档案号,门诊号,blh,bah,bahm,mzh,dah,mrn,medical record number,medical record no,record number,\
         record no,chart no,chart number,outpatient no,outpatient number,case no,case number",
    ),
    (
        Kind::InpatientNumber,
        Sure,
        "住院号,住院号码,住院流水号,zyh,zyhm,zylsh,inpatient no,inpatient number,inpatient id,admission no,admission number,hadm id",
    ),
    (
        Kind::VisitNumber,
        Sure,
        "就诊号,就诊流水号,就诊编号,流水号,挂号单号,挂号序号,处方号,处方编号,医嘱号,检查号,检验单号,申请单号,标本号,条码号,报告单号,发票号,收据号,结算号,\
         jzh,jzlsh,lsh,cfh,yzh,ghdh,sqdh,bbh,visit no,visit number,visit id,encounter id,encounter no,encounter,order no,order id,order number,accession no,\
         accession number,specimen id,sample id,claim id,claim no,bill no,invoice no,prescription no,prescription id,fin,stay id",
    ),
    (Kind::UniqueId, Sure, "uuid,guid,唯一标识,主键"),
    (Kind::UniqueId, Vague, "id,编号,序号,号码,代号,标识,xh,bh,no,number,key,code,identifier,index,row id"),
    (
        Kind::BirthDate,
        Sure,
        "出生日期,出生年月,出生年月日,生日,出生时间,csrq,csny,sr,dob,birth date,birthdate,date of birth,birthday,birth day,birth,birth year,year of birth,yob",
    ),
    (
        Kind::EventDate,
        Sure,
        "就诊日期,入院日期,出院日期,手术日期,检验日期,检查日期,诊断日期,开单日期,死亡日期,登记日期,入院时间,出院时间,就诊时间,检验时间,采样时间,报告时间,手术时间,\
         jzrq,ryrq,cyrq,ssrq,jyrq,jcrq,zdrq,swrq,rysj,cysj,jzsj,cjsj,visit date,admission date,admit date,admit time,discharge date,discharge time,\
         service date,encounter date,order date,collection date,collected at,created at,updated at,result date,death date,date of death,deathdate,surgery date,\
         admittime,dischtime,timestamp,datetime",
    ),
    (Kind::EventDate, Likely, "日期,时间,年月,date,time,day,rq,sj,start,stop,period,effective"),
    (Kind::Age, Sure, "年龄,岁数,年纪,nl,age,age years,age at admission,patient age,age group"),
    (Kind::Sex, Sure, "性别,xb,xbdm,sex,gender,sex code,gender code"),
    (Kind::Ethnicity, Sure, "民族,mz,mzdm,ethnicity,race,ethnic,ethnic group,nation code"),
    (
        Kind::Nationality,
        Sure,
        "国籍,国家,gj,gjdm,nationality,country,native country,citizenship,country of birth",
    ),
    (
        Kind::MaritalStatus,
        Sure,
        "婚姻,婚姻状况,婚姻状态,婚否,婚姻状况代码,hy,hyzk,hyzt,marital,marital status,marriage,marital state",
    ),
    (
        Kind::Education,
        Sure,
        "文化程度,学历,教育程度,受教育程度,学位,whcd,xl,education,education level,degree,schooling,education num",
    ),
    (
        Kind::Occupation,
        Sure,
        "职业,职业类别,职业代码,工种,zydm,zylb,occupation,profession,job,job title,vocation",
    ),
    (Kind::Occupation, Vague, "职务,职称,zy,title,role"),
    (
        Kind::Employer,
        Sure,
        "工作单位,单位名称,就职单位,工作单位名称,就读学校,学校,gzdw,dwmc,employer,company,workplace,school,work unit,organization name,workclass,work class",
    ),
    (Kind::Employer, Vague, "单位,机构名称,dw,organization,organisation,institution"),
    (
        Kind::Geography,
        Sure,
        "籍贯,省份,城市,区县,出生地,户籍地,户口所在地,居住地,县区,街道,乡镇,行政区划名称,所在地区,省市,jg,csd,province,city,county,district,region,state,town,\
         township,birthplace,birth place,place of birth,municipality",
    ),
    (Kind::Geography, Likely, "地区,省,市,县,area,location,place,lat,lon,latitude,longitude,经度,纬度"),
    (
        Kind::DivisionCode,
        Sure,
        "行政区划代码,行政区划,区划代码,地区编码,地区代码,地区码,xzqh,xzqhdm,qhdm,division code,area code,region code,adcode",
    ),
    (Kind::Postcode, Sure, "邮编,邮政编码,yb,yzbm,postcode,postal code,post code,zip,zip code,zipcode"),
    (
        Kind::DiagnosisCode,
        Sure,
        "诊断编码,诊断代码,疾病编码,疾病代码,icd编码,icd10,icd码,zdbm,zddm,jbbm,jbdm,icd,icd code,icd 10,icd10 code,diagnosis code,dx code,diag code",
    ),
    (
        Kind::Diagnosis,
        Sure,
        "诊断,诊断名称,疾病名称,出院诊断,入院诊断,主要诊断,临床诊断,门诊诊断,初步诊断,病理诊断,合并症,并发症,死因,zd,zdmc,jbmc,cyzd,ryzd,zyzd,diagnosis,\
         diagnosis name,disease,dx,diag,condition,principal diagnosis,cause of death,comorbidity",
    ),
    (
        Kind::Procedure,
        Sure,
        "手术,手术名称,手术操作,手术编码,操作名称,术式,检查项目,ssmc,ssbm,czmc,procedure,surgery,operation,procedure code,procedure name,cpt",
    ),
    (
        Kind::Drug,
        Sure,
        "药品,药品名称,药物,药名,用药,药品编码,药品通用名,通用名,商品名,处方药,yp,ypmc,ypbm,ywmc,drug,drug name,medication,medication name,medicine,medicine name,\
         prescription,generic name,brand name,ndc,atc,drug code",
    ),
    (
        Kind::LaboratoryValue,
        Sure,
        "检验结果,检查结果,化验结果,测定值,结果值,检验值,血糖,空腹血糖,糖化血红蛋白,白细胞,红细胞,血红蛋白,血小板,肌酐,尿酸,尿素,尿素氮,胆固醇,总胆固醇,甘油三酯,\
         高密度脂蛋白,低密度脂蛋白,转氨酶,谷丙转氨酶,谷草转氨酶,胆红素,白蛋白,血钾,血钠,血压,收缩压,舒张压,心率,脉搏,呼吸,体温,血氧,身高,体重,体质指数,腰围,\
         jyjg,jcjg,tw,xy,ssy,szy,xl value,sg,tz,glucose,glu,fpg,fasting glucose,blood sugar,hba1c,a1c,wbc,rbc,hgb,hb,plt,platelet,platelets,hematocrit,hct,\
         creatinine,crea,scr,egfr,bun,urea,uric acid,ua,alt,ast,alp,ggt,tbil,bilirubin,alb,albumin,cholesterol,tc,tg,triglycerides,ldl,hdl,ldl c,hdl c,potassium,\
         sodium,chloride,calcium,crp,pct,esr,tsh,ft3,ft4,inr,troponin,psa,afp,cea,bmi,height,weight,sbp,dbp,systolic,diastolic,blood pressure,bp,heart rate,hr,\
         pulse,temperature,temp,spo2,respiratory rate,lab value,lab result,test result,result value,vital sign",
    ),
    (Kind::LaboratoryValue, Likely, "结果,数值,value,result,measurement,level,reading,score"),
    (
        Kind::Department,
        Sure,
        "科室,科室名称,就诊科室,入院科室,出院科室,病区,科别,科室代码,病房,ks,ksmc,ksdm,jzks,bq,department,dept,ward,unit name,clinic,dept name,service line,specialty",
    ),
    (Kind::Department, Likely, "医院,医疗机构,医院名称,机构,院区,yymc,yljg,hospital,facility,hospital name"),
    (
        Kind::Amount,
        Sure,
        "金额,费用,总费用,总金额,单价,价格,药费,自付金额,报销金额,收入,工资,je,fy,zfy,zje,dj,amount,cost,total cost,price,fee,charge,charges,payment,salary,income,\
         total charges,expense,expenses,salary class,copay,coverage",
    ),
    (
        Kind::Measure,
        Sure,
        "计量单位,剂量单位,剂量,数量,规格,频次,用法,给药途径,参考范围,参考值,检验项目,项目名称,检验项目名称,异常标志,是否,就诊类型,就诊类别,费别,医保类型,付费方式,\
         住院天数,床号,血型,ABO血型,离院方式,入院途径,bxlx,jzlx,jldw,sl,gg,unit,units,dose,dosage,quantity,qty,frequency,route,reference range,flag,test name,item name,\
         visit type,encounter class,length of stay,los,days,bed,blood type,status,type,category,class,count,payer,test,lab test,analyte,loinc,insurance type,version,\
         关系,与患者关系,次序,位次,relation,relationship,contact relation,rank,reference low,reference high",
    ),
    (
        Kind::FreeText,
        Sure,
        "备注,主诉,现病史,既往史,个人史,家族史,病史,病程记录,医嘱,描述,检查所见,检查结论,影像所见,影像诊断意见,出院小结,出院情况,治疗经过,病情摘要,体格检查,印象,bz,zs,xbs,jws,\
         grs,jzs,bcjl,notes,note,comment,comments,remark,remarks,description,chief complaint,history,history of present illness,hpi,summary,discharge summary,\
         narrative,impression,findings,free text,text,report,clinical notes,reason,memo,assessment",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_hospital_systems_are_understood() {
        for (header, kind) in [
            ("姓名", Kind::PersonName),
            ("患者姓名", Kind::PersonName),
            ("XM", Kind::PersonName),
            ("pat_name", Kind::PersonName),
            ("patName", Kind::PersonName),
            ("PatientName", Kind::PersonName),
            ("sfzh", Kind::CnResidentId),
            ("id_no", Kind::CnResidentId),
            ("联系人电话", Kind::Phone),
            ("phone2", Kind::Phone),
            ("诊断日期", Kind::EventDate),
            ("DATE_OF_BIRTH", Kind::BirthDate),
            ("birthDate", Kind::BirthDate),
            ("诊断编码", Kind::DiagnosisCode),
            ("drug_name", Kind::Drug),
            ("native-country", Kind::Nationality),
            ("salary-class", Kind::Amount),
            ("PATIENT", Kind::PatientId),
            ("住院号", Kind::InpatientNumber),
            ("HbA1c(%)", Kind::LaboratoryValue),
            ("科室名称", Kind::Department),
            ("医保类型", Kind::Measure),
            ("diagnosis_id", Kind::UniqueId),
            ("medicationId", Kind::UniqueId),
            ("诊断编号", Kind::UniqueId),
        ] {
            assert_eq!(hint(header).map(|hint| hint.kind), Some(kind), "{header}");
        }
        assert_eq!(hint("q17"), None);
        assert_eq!(hint(""), None);
    }
}
