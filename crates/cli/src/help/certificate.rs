//! The Chinese help of certificates and authorities.

use super::Texts;

/// Command path -> item -> text, as in [`super::TEXTS`].
pub(super) const TEXTS: &[Texts] = &[
    ("account certificate", &[("about", "机构 SM2 密钥的证书：申请、登记、查看、吊销")]),
    (
        "account certificate request",
        &[
            ("about", "为 SM2 密钥生成证书申请（PKCS#10），提交给证书签发机构"),
            (
                "after",
                "示例：\n  medveil account certificate request --key administrator.key --name 第一医院 --out administrator.csr\n\n名称须与账本上的机构名称逐字一致：账本不接受其他名称的证书。`openssl req -in administrator.csr -noout -text` 可查看申请内容。",
            ),
            ("key", "账户的 SM2 密钥文件"),
            ("name", "账本上的机构名称"),
            ("common_name", "通用名：说明是机构的哪个密钥"),
            ("out", "证书申请写入此文件"),
        ],
    ),
    (
        "account certificate register",
        &[
            ("about", "登记签发机构签发的证书"),
            (
                "after",
                "示例：\n  medveil account certificate register administrator.crt --account administrator.key\n  medveil account certificate register administrator.crt --intermediate operating-ca.crt --issuer root.crt --account administrator.key\n\n文件为 PEM 或 DER。签发机构（或签发它的机构）须已被接纳：写在创世文件中，或经 `medveil governance propose admit-issuer` 表决。新登记的证书取代原有证书。",
            ),
            ("certificate", "证书"),
            ("intermediate", "签发该证书的机构的证书；仅当它不是联盟所接纳的机构时需要"),
            ("issuer", "联盟接纳的签发机构：其证书，或证书的 SHA-256 指纹 [默认：按名称查找]"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "account certificate show",
        &[
            ("about", "查看密钥的证书：由谁签发、有效期、是否吊销"),
            (
                "after",
                "示例：\n  medveil account certificate show --key administrator.key\n  medveil account certificate show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            ),
            ("id", "证书标识"),
            ("key", "查看此密钥文件的证书"),
        ],
    ),
    (
        "account certificate list",
        &[
            ("about", "列出证书，最近登记的在前"),
            ("after", "示例：\n  medveil account certificate list --organisation hospital-1"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "account certificate revoke",
        &[
            ("about", "永久吊销证书：签署者本账户的，或由管理员吊销同事的"),
            (
                "after",
                "示例：\n  medveil account certificate revoke 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --cause compromise --account administrator.key\n\n请同时向签发机构申请吊销。账本不读取签发机构的吊销列表：机构吊销的证书须在此由本机构或成员表决吊销。",
            ),
            ("id", "证书标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    ("network authority", &[("about", "联盟自任证书签发机构（试验用）：建立机构，签发证书")]),
    (
        "network authority new",
        &[
            ("about", "建立自己的证书签发机构：SM2 密钥及自签名证书"),
            (
                "after",
                "示例：\n  medveil network authority new --name \"Harbour Health\" --key-out authority.key --out authority.crt\n\n仅供试验。正式运行时由国家认可的电子认证服务机构签发证书：它审核材料，并以经认证的设备保管密钥。成员以 `medveil governance propose admit-issuer authority.crt` 表决接纳，或写入 `medveil network new` 的成员清单（issuers = [\"PEM\"]）。",
            ),
            ("name", "机构名称"),
            ("key_out", "密钥写入此文件"),
            ("out", "证书写入此文件"),
            ("days", "有效天数"),
        ],
    ),
    (
        "network authority sign",
        &[
            ("about", "按申请签发证书"),
            (
                "after",
                "示例：\n  medveil network authority sign administrator.csr --authority authority.crt --key authority.key --out administrator.crt\n\n签发前请核实申请人：证书声明该密钥属于该机构。正式运行时由国家认可的电子认证服务机构签发。",
            ),
            ("request", "证书申请（PKCS#10）"),
            ("authority", "签发机构的证书"),
            ("key", "签发机构的密钥文件"),
            ("out", "证书写入此文件"),
            ("days", "有效天数"),
        ],
    ),
    (
        "governance propose admit-issuer",
        &[
            ("about", "接纳证书签发机构：其签发的 SM2 密钥证书自此有效"),
            ("certificate", "机构的证书，PEM 或 DER"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose remove-issuer",
        &[
            ("about", "移除证书签发机构：其证书不再有效"),
            ("issuer", "机构标识：其证书的 SHA-256 指纹"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "governance propose revoke-certificate",
        &[
            ("about", "吊销某密钥的证书，不论属于哪家机构"),
            ("certificate", "证书标识"),
            ("fingerprint", "证书的 SHA-256 指纹：表决期间该密钥可能换用其他证书"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
];
