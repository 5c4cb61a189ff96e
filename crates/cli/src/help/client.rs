//! The Chinese help of the clients of a node.

use super::{SHARED, Texts};

/// Command path -> item -> text, as in [`super::TEXTS`].
pub(super) const TEXTS: &[Texts] = &[
    (
        SHARED,
        &[
            ("node", "要访问的节点 [默认：MEDVEIL_NODE，或 http://127.0.0.1:8080]"),
            ("account", "签署交易的账户密钥文件 [默认：MEDVEIL_ACCOUNT]"),
            ("account_id", "账户标识；仅当密钥不是该账户的首个密钥时需要"),
            ("no_wait", "节点受理后即返回，不等待最终确认"),
            ("limit", "最多列出多少项"),
            ("details", "详情的 SHA-256 摘要"),
            ("details_of", "详情文件，取其 SHA-256 摘要；内容若可被猜出，请先加入随机内容"),
            (
                "cause",
                "事由：request（本机构申请）、breach（违反规则）、compromise（密钥或节点失陷）、leak（数据泄露）、unavailable（长期不可用）或 order（主管机关命令）",
            ),
        ],
    ),
    ("account", &[("about", "生成账户密钥，在账本上开立账户，查看账户")]),
    (
        "account new",
        &[
            ("about", "生成账户密钥；管理员加 --capacity 可同时在账本上开立账户"),
            (
                "after",
                "示例：\n  medveil account new --out doctor.key\n  medveil account new --out doctor.key --suite sm2 --capacity staff --account administrator.key\n\n账户标识由其首个密钥决定。持有密钥者可以该账户的名义行事：请妥善保管。",
            ),
            ("out", "写入此密钥文件"),
            ("suite", "签名算法"),
            ("suite=ed25519", "Ed25519"),
            ("suite=sm2", "国密 SM2（含 SM3）"),
            (
                "capacity",
                "账户在机构中的身份：administrator（管理员）、staff（工作人员）、custodian（托管节点）或 patient（患者）；给出时在账本上开立账户",
            ),
            ("token_library", "经此 PKCS#11 库在令牌中生成密钥；密钥文件只说明其位置"),
            ("token", "令牌标签"),
            ("token_key", "密钥在令牌中的标签"),
            ("pin_file", "令牌 PIN 文件，路径相对于密钥文件所在文件夹 [默认：MEDVEIL_TOKEN_PIN]"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "account rotate",
        &[
            ("about", "以新密钥替换账户密钥：签署所用的密钥，或同事账户的全部密钥"),
            (
                "after",
                "示例：\n  medveil account rotate --account doctor.key --out doctor-2026.key\n  medveil account rotate --account hospital-1/keys/custodian.key --out hospital-1/keys/custodian.next.key\n  medveil account rotate --of 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account administrator.key --out doctor-2026.key\n\n账户不变；旧密钥自下一笔交易起失效。节点托管账户的密钥被替换后，节点会自行启用 keys/custodian.next.key，无需停机。",
            ),
            ("out", "写入此新密钥文件"),
            ("of", "账户标识；不是签署密钥所属账户时给出，其全部密钥将被替换"),
            ("suite", "新密钥的签名算法"),
            ("suite=ed25519", "Ed25519"),
            ("suite=sm2", "国密 SM2（含 SM3）"),
            ("token_library", "经此 PKCS#11 库在令牌中生成密钥；密钥文件只说明其位置"),
            ("token", "令牌标签"),
            ("token_key", "密钥在令牌中的标签"),
            ("pin_file", "令牌 PIN 文件，路径相对于密钥文件所在文件夹 [默认：MEDVEIL_TOKEN_PIN]"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "account show",
        &[
            ("about", "查看账户：所属机构、身份、密钥"),
            (
                "after",
                "示例：\n  medveil account show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            ),
            ("id", "账户标识"),
        ],
    ),
    ("dataset", &[("about", "在账本上登记数据集指纹，列出和查看数据集")]),
    (
        "dataset register",
        &[
            ("about", "把数据集（或其下一版本）的指纹登记到账本"),
            (
                "after",
                "示例：\n  medveil dataset register extract/ --label visits-2025 --key hospital.key --account administrator.key\n\n数据只在本地读取，不会外传。账本只得到：带密钥叶子的树根、记录数、模式摘要和级别。\n日后证明某条记录属于该数据集需要此密钥：请妥善保管。",
            ),
            ("inputs", "文件或文件夹"),
            ("label", "数据集标签：a-z、0-9 和连字符。标签是公开的：只写数据种类，不写涉及何人"),
            ("key", "密钥文件：记录以它生成叶子，他人无从猜测"),
            ("level", "敏感级别 1 至 5（GB/T 39725-2020）[默认：含直接标识符为 4，否则为 3]"),
            ("hashes", "叶子和树所用的杂凑算法"),
            ("hashes=international", "国际算法（SHA-256）"),
            ("hashes=national", "国密算法（SM3）"),
            ("dry_run", "只计算并输出指纹，不访问节点"),
            ("schema", "把摘要上链的模式写入此文件"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "dataset list",
        &[
            ("about", "列出数据集，最近登记的在前"),
            ("after", "示例：\n  medveil dataset list --organisation hospital-1"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "dataset show",
        &[
            ("about", "查看数据集：所有者、最新版本或指定版本"),
            (
                "after",
                "示例：\n  medveil dataset show visits-2025 --organisation hospital-1\n  medveil dataset show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --at 1200",
            ),
            ("dataset", "数据集标识；配合 --organisation 时可用标签"),
            ("organisation", "所有者；DATASET 为标签时需要"),
            ("version", "查看此版本，而非最新版本"),
            ("at", "查看在此高度有效的版本"),
        ],
    ),
    ("governance", &[("about", "提出议案、表决、申请验证者席位")]),
    (
        "governance propose",
        &[
            ("about", "把一项措施交付表决；提出者所在机构同时投赞成票"),
            (
                "after",
                "示例：\n  medveil governance propose suspend-organisation hospital-3 --cause breach --details-of report.pdf --account administrator.key\n  medveil governance propose change-parameters expiry-window=2000 --account administrator.key\n  medveil governance propose file measure.json --account administrator.key",
            ),
        ],
    ),
    (
        "governance propose file",
        &[
            (
                "about",
                "提出 JSON 或 TOML 文件所写的措施，如 {\"type\": \"unfreeze\", \"object\": \"dataset/HEX\"}",
            ),
            ("file", "措施文件"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose admit-organisation",
        &[
            ("about", "接纳机构及其管理员，可同时设立验证者"),
            ("organisation", "账本上的机构标识"),
            ("name", "机构名称"),
            (
                "role",
                "角色：hospital（医院）、regulator（监管机构）、research（研究机构）、public-health（公共卫生机构）、insurer（保险机构）或 operator（运营机构）",
            ),
            ("administrator", "各管理员的首个公钥，写作 ed25519:HEX、sm2:HEX 或 webauthn:HEX"),
            ("claim", "其节点的席位申请（参与区块表决时需要，见 `medveil governance claim`）"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose suspend-organisation",
        &[
            ("about", "暂停机构，恢复前不参与任何事务"),
            ("organisation", "机构标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose reinstate-organisation",
        &[
            ("about", "恢复已暂停的机构"),
            ("organisation", "机构标识"),
            ("claim", "其节点的席位申请（重新参与区块表决时需要）"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose remove-organisation",
        &[
            ("about", "永久移除机构"),
            ("organisation", "机构标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose seat-validator",
        &[
            ("about", "为机构设立验证者，或更换其验证者"),
            ("organisation", "机构标识"),
            ("claim", "其节点的席位申请（见 `medveil governance claim`）"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose unseat-validator",
        &[
            ("about", "撤销机构的验证者席位"),
            ("organisation", "机构标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose change-parameters",
        &[
            ("about", "更改参数"),
            ("change", "新的取值，如 expiry-window=2000"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose freeze",
        &[
            ("about", "冻结机构、账户或数据集"),
            ("object", "对象：种类/标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose unfreeze",
        &[
            ("about", "解除冻结"),
            ("object", "对象：种类/标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose reset-account",
        &[
            ("about", "重置密钥丢失或被盗的账户的密钥"),
            ("subject", "账户标识"),
            ("master", "此后的主密钥"),
            ("everyday", "此后的日常密钥"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance vote",
        &[
            ("about", "对议案投票"),
            ("after", "示例：\n  medveil governance vote 3 --approve --account administrator.key"),
            ("number", "议案编号"),
            ("approve", "投赞成票"),
            ("reject", "投反对票"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance list",
        &[
            ("about", "列出议案，最新的在前"),
            ("after", "示例：\n  medveil governance list"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "governance show",
        &[
            ("about", "查看议案及其表决情况"),
            ("after", "示例：\n  medveil governance show 3"),
            ("number", "议案编号"),
        ],
    ),
    (
        "governance claim",
        &[
            ("about", "为节点申请席位，由其密钥签署：用于 `propose seat-validator` 和 `admit-organisation`"),
            (
                "after",
                "示例：\n  medveil governance claim --organisation hospital-6 --node-key keys/node.key --address node.hospital-6.example:7001 --genesis genesis.toml --out claim.json\n\n节点密钥不离开本机；把申请文件交给提出议案的成员即可。",
            ),
            ("organisation", "席位所属机构"),
            ("node_key", "节点密钥文件"),
            ("address", "其他节点连接它的地址：主机:端口"),
            ("genesis", "该链的创世文件"),
            ("out", "写入此申请文件"),
        ],
    ),
    (
        "governance rotate-validator",
        &[
            ("about", "更换本机构验证者的密钥或地址，自下一纪元起生效"),
            (
                "after",
                "示例：\n  medveil governance rotate-validator --claim claim.json --account administrator.key\n\n请在生效的纪元以新密钥启动节点，并随即销毁旧密钥。",
            ),
            ("claim", "新密钥的席位申请（见 `medveil governance claim`）"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    ("audit", &[("about", "就数据的处理存证，质询发布，查阅审计记录，导出证据文件")]),
    (
        "audit notarise",
        &[
            ("about", "向对象的审计记录追加一条"),
            (
                "after",
                "示例：\n  medveil audit notarise dataset/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --step access --reason research --details-of log.json --account doctor.key\n\n步骤：capture（采集）、deidentify（去标识化）、authorise（授权）、access（访问）、result（结果）、export（导出）、correct（更正）、destroy（销毁）、incident（事件）。\n事由：treatment（诊疗）、payment（支付结算）、operations（运营管理）、research（科学研究）、public-health（公共卫生）、emergency（紧急情况）、person-request（本人请求）、legal（法定义务）、audit（审计）、maintenance（系统维护）。\n账本只得到详情的摘要，不得到详情本身。",
            ),
            ("object", "对象：种类/标识；不在账本上的写作 external/HEX"),
            ("step", "做了什么"),
            ("reason", "为何而做"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "audit trail",
        &[
            ("about", "按先后列出某对象及其所属内容的全部事件"),
            (
                "after",
                "示例：\n  medveil audit trail dataset/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n  medveil audit trail patient/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n\n数据集：其版本、合同、申请、裁决、发布、访问、质询、事件。合同、申请或发布：自其以下的同样内容。账户（人员）：其所作所为。患者：\n授权，以及针对该患者的申请。机构：由其负责的一切。--notes 只列出 `medveil audit notarise` 的存证，其完整性可以证明。",
            ),
            ("object", "对象：种类/标识；patient/标识 即患者的账户"),
            ("notes", "只列出人工存证（`medveil audit notarise`）"),
            ("limit", "最多列出多少个事件，保留最新的"),
        ],
    ),
    (
        "audit challenge",
        &[
            ("about", "抽查发布中的记录，数据方须仅向质询方开启"),
            (
                "after",
                "示例：\n  medveil audit challenge 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --rows 300 --account administrator.key\n\n供监管机构和合同委员会成员使用。所抽记录由交易本身决定，数据方无法预知。开启的内容封装给一次性密钥，其私钥保存在文件中，\n直至作出结论：随后执行 `medveil audit check 质询`。",
            ),
            ("release", "发布标识"),
            (
                "rows",
                "开启多少条来源记录，并开启同样多的发布记录；300 条能以 95 % 的概率发现占 1 % 的错误记录",
            ),
            ("secret", "一次性私钥文件，仅本人可读，保存至作出结论 [默认：challenge-标识.secret]"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "audit check",
        &[
            ("about", "对开启的记录重新执行合同方案并比对，提交结论"),
            (
                "after",
                "示例：\n  medveil audit check 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --owner-node http://hospital-1.example:8080 --account administrator.key\n  medveil audit check 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --openings opened.sealed --dry-run --account administrator.key\n\n结论：passed（通过）、dropped-rows（缺失记录）、invented-rows（虚构记录）、altered-value（篡改数值）、unmasked-field（字段未去标识）、foreign-noise（噪声不符）、other-plan（未按方案）、no-consent（未获授权）、no-answer（逾期未答复）。\n未通过的发布不得再使用，并立案由数据方负责；此时退出码为 1。报告只列出行与列，不含数值；其摘要记于账本。",
            ),
            ("challenge", "质询标识"),
            ("secret", "该质询的一次性私钥文件 [默认：challenge-标识.secret]"),
            ("owner_node", "数据方的节点，由其提供开启的内容 [默认：所访问的节点]"),
            ("openings", "改为从文件读取开启的内容"),
            ("patience", "等待数据方答复的秒数"),
            ("out", "报告文件 [默认：challenge-标识.json]"),
            ("dry_run", "只比对：不提交结论，并保留私钥"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "audit export",
        &[
            ("about", "导出证据文件，任何人凭创世文件即可核验"),
            (
                "after",
                "示例：\n  medveil audit export dataset/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --at 1200 --out dataset.evidence --genesis genesis.toml\n  medveil audit export trail/organisation/hospital-1 --out trail.evidence\n  medveil audit export event/1200/3 --out event.evidence\n\nOBJECT 可为 account/HEX、organisation/NAME、patient/HEX、consent/HEX、dataset/HEX、contract/HEX、request/HEX、release/HEX、access/HEX、challenge/HEX、incident/HEX、\nbudget/KIND/ID、destruction/KIND/ID、custody/HEX、key-request/HEX、partial/HEX、certificate/HEX、issuer/HEX、proposal/N、parameters、validators、validators/EPOCH、trail/KIND/ID、transaction/HEX、event/HEIGHT/INDEX。\n对象不存在时，导出其不存在的证明。`medveil verify FILE --genesis genesis.toml` 可说明文件证明了什么。",
            ),
            ("object", "要证明的对象"),
            ("out", "写入此证据文件"),
            ("at", "该高度的区块之后的情形"),
            ("version", "该版本及其有效期"),
            ("genesis", "写入前依此创世文件核验"),
        ],
    ),
    (
        "bench ledger",
        &[
            ("about", "在本机运行由多个节点进程组成的网络，测试负载与故障"),
            (
                "after",
                "示例：\n  medveil bench ledger\n  medveil bench ledger --nodes 7 --seconds 60\n  medveil bench ledger --suite sm2\n  medveil bench ledger --scenario crash\n\n交易预先签名；每个节点校验每个签名；全部经由节点的 HTTP 接口。",
            ),
            ("scenario", "测试场景"),
            ("scenario=load", "以固定速率发送交易，随后测量证据文件"),
            ("scenario=idle", "逐笔发送交易；测量空闲节点的内存"),
            ("scenario=crash", "负载下强制终止（kill -9）一个节点，再重新启动"),
            ("scenario=down", "七个节点中停止两个、三个；在一个节点停止时更换另一个验证者"),
            ("nodes", "节点数 [默认：4；idle 和 down 为 7]"),
            ("seconds", "负载持续的秒数"),
            ("suite", "交易的签名算法"),
            ("suite=ed25519", "Ed25519"),
            ("suite=sm2", "国密 SM2（含 SM3）"),
            ("rate", "每秒提交的交易数 [默认：比目标高一成]"),
            ("accounts", "发送交易的账户数"),
            ("batch", "每个请求的交易数"),
            ("in_flight", "未最终确认的交易数上限，达到后暂停发送 [默认：一秒的量]"),
            ("node_threads", "每个节点的共识线程数"),
            ("dir", "存放该网络的文件夹，测试后删除 [默认：系统临时文件夹]"),
        ],
    ),
    (
        "bench release",
        &[
            ("about", "测试从提交申请到解密发布首个字节的用时（七个节点进程）"),
            (
                "after",
                "示例：\n  medveil bench release\n  medveil bench release --patients 50000\n\n发布由数据方的托管程序生成并交付托管，申请方凭法定数量的密钥分片取出；并列出每一步的占比。",
            ),
            ("patients", "发布涉及的患者人数"),
            ("dir", "存放该网络的文件夹，测试后删除 [默认：系统临时文件夹]"),
        ],
    ),
    (
        "bench vault",
        &[
            ("about", "测试七个成员的对象存取、委员会密钥，以及七个节点进程释放密钥的速度"),
            (
                "after",
                "示例：\n  medveil bench vault\n  medveil bench vault --only stores --size 3GB\n  medveil bench vault --only network --requests 100\n\n存储为磁盘上的文件夹，读写所用代码与节点相同；stores 部分单线程运行。有成员停机时的密钥仪式须等待空闲链的若干高度，耗时数分钟。",
            ),
            ("only", "只测试这些部分，以逗号分隔 [默认：全部]"),
            ("only=stores", "磁盘上七个成员存储中的对象"),
            ("only=committee", "单进程内委员会密钥的各步骤，含作弊的发牌者"),
            ("only=network", "七个节点进程：密钥释放、密钥仪式、成员停机"),
            ("size", "对象大小"),
            ("requests", "申请密钥的次数"),
            ("dir", "存放存储与网络的文件夹，测试后删除 [默认：系统临时文件夹]"),
        ],
    ),
];
