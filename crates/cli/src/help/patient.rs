//! The Chinese help of patients, consents, destructions and incidents.

use super::Texts;

/// Command path -> item -> text, as in [`super::TEXTS`].
pub(super) const TEXTS: &[Texts] = &[
    ("consent", &[("about", "给予、缩小、撤回和列出患者授权")]),
    (
        "consent grant",
        &[
            ("about", "给予授权：允许某些用途，禁止某些用途"),
            (
                "after",
                "示例：\n  medveil consent grant --permit disease-research --recipient research --for 730d --account wallet.key\n  medveil consent grant --permit health-research --deny genetic-research,ancestry-research --account wallet.key\n  medveil consent grant --provisions sentences.toml --account wallet.key\n\n没有语句允许的即不允许；禁止优先于一切允许，包括其他授权中的允许。允许某一用途即允许其所含的用途（见 docs/spec/vocabulary.md）。\n授权可随时缩小或撤回，在收录它的区块内生效。",
            ),
            ("permit", "允许的用途"),
            ("deny", "禁止的用途，优先于任何允许"),
            ("recipient", "接收方：角色或机构标识 [默认：任何机构]"),
            ("class", "数据类别 [默认：全部]"),
            (
                "commerce",
                "商业用途：excluded（不含）、included（包含）或 only（仅限）[默认：允许时不含，禁止时包含]",
            ),
            ("study", "只针对某一研究，写作 发起机构/标签；账本只得到标签值，不得到研究名称"),
            ("salt", "标签值的盐值，由患者与医院共有"),
            ("lasting", "自即日起的期限，如 730d；最长十年 [默认：365d]"),
            ("provisions", "写有授权语句的 TOML 或 JSON 文件：[[provision]] 及其全部内容"),
            ("patient", "由监护人代签时，患者的标识 [默认：签署的账户]"),
            ("form_of", "向患者出示的知情同意书；其 SHA-256 上链"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "consent narrow",
        &[
            ("about", "缩小授权；要允许更多，请另行授权"),
            (
                "after",
                "示例：\n  medveil consent narrow 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --permit disease-research --recipient research-1 --account wallet.key\n\n未给出 --class、--for、--recipient 时，沿用该授权首个允许语句的内容。",
            ),
            ("consent", "授权标识"),
            ("permit", "允许的用途"),
            ("deny", "禁止的用途，优先于任何允许"),
            ("recipient", "接收方：角色或机构标识 [默认：任何机构]"),
            ("class", "数据类别 [默认：全部]"),
            (
                "commerce",
                "商业用途：excluded（不含）、included（包含）或 only（仅限）[默认：允许时不含，禁止时包含]",
            ),
            ("study", "只针对某一研究，写作 发起机构/标签；账本只得到标签值，不得到研究名称"),
            ("salt", "标签值的盐值，由患者与医院共有"),
            ("lasting", "自即日起的期限，如 730d；最长十年 [默认：365d]"),
            ("provisions", "写有授权语句的 TOML 或 JSON 文件：[[provision]] 及其全部内容"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "consent withdraw",
        &[
            ("about", "撤回授权，随时可撤，无需理由"),
            (
                "after",
                "示例：\n  medveil consent withdraw 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account wallet.key\n\n在收录它的区块内生效：有关申请重新裁决，可能依据此授权的发布不再可访问。",
            ),
            ("consent", "授权标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "consent list",
        &[
            ("about", "列出授权：某位患者的全部授权，或最新的授权"),
            (
                "after",
                "示例：\n  medveil consent list --patient 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n  medveil consent list --organisation hospital-1",
            ),
            ("patient", "只列出该患者的（以其标识指明）"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "consent show",
        &[
            ("about", "查看授权"),
            (
                "after",
                "示例：\n  medveil consent show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            ),
            ("consent", "授权标识"),
        ],
    ),
    ("patient", &[("about", "建立患者标识，绑定钱包，指定监护人")]),
    (
        "patient invite",
        &[
            ("about", "为患者建立标识，并生成交给患者的登记码（医院）"),
            (
                "after",
                "示例：\n  medveil patient invite --code-out code.txt --account administrator.key\n\n登记码只在此显示一次，不会出现在账本上。持有者即可绑定钱包：只可交给患者本人。\n标识不透露患者是谁；由医院记录其归属。",
            ),
            ("lasting", "登记码的有效期，最长 90d"),
            ("guardian", "可代此患者操作者的标识，如儿童的父母"),
            ("code_out", "把登记码写入此文件（仅所有者可读），而不显示"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "patient enrol",
        &[
            ("about", "凭登记码把钱包绑定到标识（患者）"),
            (
                "after",
                "示例：\n  medveil patient enrol --code code.txt --out wallet.key\n  medveil patient enrol --code - --out wallet.key < code.txt\n\n新密钥生成后保存在 wallet.key 中，此后由它签署授权。登记码随即失效。",
            ),
            ("code", "写有登记码的文件；- 表示标准输入"),
            ("out", "钱包密钥文件"),
            ("suite", "签名算法"),
            ("suite=ed25519", "Ed25519"),
            ("suite=sm2", "国密 SM2（含 SM3）"),
        ],
    ),
    (
        "patient reenrol",
        &[
            ("about", "为遗失钱包的患者更换钱包（先由医院申请，再由监护人或 72 小时后由医院完成）"),
            (
                "after",
                "示例：\n  medveil account new --out new-wallet.key     （患者执行，显示公钥）\n  medveil patient reenrol 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --wallet ed25519:HEX --account administrator.key\n\n先由医院申请；仍持有旧密钥者可在 72 小时内提出异议。期满后再次申请即完成；监护人申请相同更换则立即完成。",
            ),
            ("patient", "患者标识"),
            ("wallet", "新钱包的公钥，写作 ed25519:HEX、sm2:HEX 或 webauthn:HEX"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "patient object",
        &[
            ("about", "对更换本人密钥提出异议（患者）"),
            ("after", "示例：\n  medveil patient object --account wallet.key"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "patient guardians",
        &[
            ("about", "指定可代本人操作的监护人，取代此前的监护人（患者）"),
            (
                "after",
                "示例：\n  medveil patient guardians 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account wallet.key\n\n监护人须为本院其他已绑定钱包的患者，最多四位；不给出时，无人可代为操作。",
            ),
            ("guardian", "监护人的标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "patient list",
        &[
            ("about", "列出患者标识，最新的在前"),
            ("after", "示例：\n  medveil patient list --organisation hospital-1"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "patient show",
        &[
            ("about", "查看患者标识：所属医院、是否已绑定钱包、监护人"),
            (
                "after",
                "示例：\n  medveil patient show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            ),
            ("patient", "患者标识"),
        ],
    ),
    ("destruction", &[("about", "下令销毁，证明已销毁")]),
    (
        "destruction order",
        &[
            ("about", "下令销毁发布或托管对象"),
            (
                "after",
                "示例：\n  medveil destruction order release/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --why owner --account administrator.key\n\n由数据方（owner）或监管机构（authority）下令。使用期满（term-ended）、授权变化（withdrawal）或质询未通过（failed-challenge）可由任何人提出，由账本核实。",
            ),
            ("object", "对象：release/HEX 或 custody/HEX"),
            (
                "why",
                "事由：term-ended（使用期满）、withdrawal（授权撤回）、owner（数据方要求）、authority（监管要求）或 failed-challenge（质询未通过）",
            ),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "destruction attest",
        &[
            ("about", "证明本机构已销毁所持内容，并对此负责"),
            (
                "after",
                "示例：\n  medveil destruction attest release/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account researcher.key\n\n先销毁，后证明：日后出现的副本另行构成违规。",
            ),
            ("object", "对象：release/HEX 或 custody/HEX"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "destruction list",
        &[
            ("about", "列出销毁令，最新的在前"),
            ("after", "示例：\n  medveil destruction list"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "destruction show",
        &[
            ("about", "查看销毁令及已证明的机构"),
            (
                "after",
                "示例：\n  medveil destruction show release/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            ),
            ("object", "对象：release/HEX 或 custody/HEX"),
        ],
    ),
    ("incident", &[("about", "报告事件，由账本定责")]),
    (
        "incident report",
        &[
            ("about", "报告事件：发生了什么、涉及什么；由账本认定是谁的行为"),
            (
                "after",
                "示例：\n  medveil incident report access/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --what recipient-breach --details-of evidence.pdf --account administrator.key\n\n--what 可为：contract-fault（合同缺陷，针对合同）、release-fault（发布违规，针对发布）、recipient-breach（接收方违规，针对访问）、key-fault（密钥保管不当，针对托管对象或账户）、\noperator-act（操作人员行为，针对账户）、not-destroyed（逾期未销毁，针对发布）。责任机构及其行为由账本得出，不能自行主张。",
            ),
            ("object", "涉及的对象：种类/标识"),
            (
                "what",
                "发生了什么：contract-fault、release-fault、recipient-breach、key-fault、operator-act 或 not-destroyed",
            ),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "incident list",
        &[
            ("about", "列出事件，最新的在前"),
            ("after", "示例：\n  medveil incident list"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "incident show",
        &[
            ("about", "查看事件：发生了什么、责任机构、其行为的高度"),
            (
                "after",
                "示例：\n  medveil incident show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            ),
            ("incident", "事件标识"),
        ],
    ),
];
