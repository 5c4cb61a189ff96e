//! The Chinese help of contracts, requests and releases.

use super::Texts;

/// Command path -> item -> text, as in [`super::TEXTS`].
pub(super) const TEXTS: &[Texts] = &[
    ("contract", &[("about", "发布、会签、冻结和查看数据使用合同")]),
    (
        "contract publish",
        &[
            ("about", "发布数据使用合同，或修订其条款"),
            (
                "after",
                "示例：\n  medveil contract publish --label diabetes-2026 --template diabetes-study --dataset hospital-1/visits --plan diabetes-research \\\n      --committee hospital-1,regulator-1 --account administrator.key\n  medveil contract publish --label pooled --template multi-centre-study --study hospital-1/sepsis --dataset hospital-1/visits hospital-2/visits --plan plan.toml --dry-run > terms.toml\n  medveil contract publish --label pooled --terms terms.toml --account administrator.key\n  medveil contract publish --label licensed --template insurance-licence --dataset hospital-1/check-ups --plan diabetes-research \\\n      --ethics-of approval.pdf --policy policy.cedar --dry-run\n\n模板给出起始条款，并固定其中几项。--dry-run 输出全部条款，可阅读、修改后用 --terms 提交。\n相互矛盾的条款会被拒绝并说明理由。其他数据方会签之前，不会批准任何申请。\n策略以 Cedar 书写，只能在条款允许的范围内再作禁止，不能放宽；有误时指明行号和列号。",
            ),
            ("label", "合同标签：a-z、0-9 和连字符。标签是公开的"),
            ("template", "给出起始条款的模板（见 `medveil contract templates`）"),
            ("terms", "写有全部条款的 TOML 或 JSON 文件（同 --dry-run 的输出）；其余选项替换其中相应条款"),
            (
                "policy",
                "以 Cedar 书写的策略文件，在条款允许的范围内再作禁止；条款文件中也可写作 `policy`，或以 `policy-file` 指明文件",
            ),
            ("dataset", "数据集，写作 机构/标签 或标识；其他数据方须会签"),
            ("plan", "去标识化方案：文件，或内置方案的名称；账本只得到其摘要"),
            ("study", "所属研究，写作 发起机构/标签"),
            ("purpose", "用途"),
            ("condition", "附加条件"),
            ("recipient", "接收方：角色或机构标识"),
            ("class", "数据类别"),
            ("commercial", "允许商业用途"),
            ("consent", "使用谁的数据"),
            ("consent=required", "已授权者的数据"),
            ("consent=opt-out", "未拒绝者的数据"),
            ("consent=waiver", "全部患者的数据，依据由 --ethics-of 指明"),
            ("ethics_of", "豁免知情同意的伦理审查决定或法律依据文件；其 SHA-256 上链"),
            ("on_withdrawal", "授权撤回后发布如何处理：refresh（重新发布）或 destroy（销毁）"),
            (
                "release",
                "发布方式：public（完全公开共享）、controlled（受控公开共享）、enclave（领地公开共享）或 view-only（仅供查看）",
            ),
            ("max_risk", "最高重标识风险，如 0.09"),
            ("min_cohort", "每次发布最少涉及多少患者"),
            ("epsilon", "单次申请的隐私损失上限"),
            ("epsilon_total", "全部申请合计的隐私损失上限"),
            ("epsilon_per_recipient", "每个接收方的隐私损失上限，联盟内所有合同合计"),
            ("term", "合同自即日起的期限，如 365d"),
            ("access", "每次授权的时长，如 90d 或 4h"),
            ("destroy_within", "须销毁的内容应在多长时间内销毁，如 7d"),
            ("committee", "数据访问委员会的成员机构"),
            ("approvals", "批准一项申请所需的赞成数 [默认：半数]"),
            ("requests_per_day", "每个账户每天最多申请多少次"),
            ("dry_run", "以 TOML 输出条款并检查其是否自洽，不发布"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    ("contract templates", &[("about", "列出合同模板"), ("after", "示例：\n  medveil contract templates")]),
    (
        "contract list",
        &[
            ("about", "列出合同，最新的在前"),
            ("after", "示例：\n  medveil contract list --organisation hospital-1"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "contract show",
        &[
            ("about", "查看合同：条款、待会签的机构、状态"),
            ("after", "示例：\n  medveil contract show hospital-1/diabetes-2026"),
            ("contract", "合同：机构/标签 或其标识"),
        ],
    ),
    (
        "contract countersign",
        &[
            ("about", "作为数据方会签合同条款"),
            (
                "after",
                "示例：\n  medveil contract countersign hospital-1/pooled --account administrator.key\n\n请先阅读条款：`medveil contract show hospital-1/pooled`。",
            ),
            ("contract", "合同：机构/标签 或其标识"),
            ("revision", "所会签的条款版本 [默认：最新]"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "contract freeze",
        &[
            ("about", "立即冻结合同：不再批准、发布或访问"),
            (
                "after",
                "示例：\n  medveil contract freeze hospital-1/diabetes-2026 --account administrator.key",
            ),
            ("contract", "合同：机构/标签 或其标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "contract reopen",
        &[
            ("about", "解除合同的冻结；只有冻结它的机构可以解除"),
            (
                "after",
                "示例：\n  medveil contract reopen hospital-1/diabetes-2026 --account administrator.key",
            ),
            ("contract", "合同：机构/标签 或其标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "contract close",
        &[
            ("about", "永久终止合同；只有发布机构可以终止"),
            (
                "after",
                "示例：\n  medveil contract close hospital-1/diabetes-2026 --account administrator.key",
            ),
            ("contract", "合同：机构/标签 或其标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    ("request", &[("about", "按合同申请数据，审批申请，查看裁决")]),
    (
        "request submit",
        &[
            ("about", "按合同申请数据；在收录它的区块内裁决，或待委员会批准后裁决"),
            (
                "after",
                "示例：\n  medveil request submit hospital-1/diabetes-2026 --ethics-of approval.pdf --epsilon 1 --account researcher.key\n  medveil request submit hospital-1/consultation --patient 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account doctor.key\n\n未说明之处取合同所允许的全部：数据集、用途和类别。被拒绝时会说明理由及所比较的值，并记录在账本上。",
            ),
            ("contract", "合同：机构/标签 或其标识"),
            ("dataset", "数据集，写作 机构/标签 或标识 [默认：合同所列]"),
            ("purpose", "用途 [默认：合同所列]"),
            ("class", "数据类别 [默认：合同所列]"),
            ("commercial", "用于商业用途"),
            ("undertake", "承诺遵守的条件 [默认：合同中只能由申请方遵守的条件]"),
            ("ethics_of", "伦理委员会的批准文件；其 SHA-256 上链"),
            ("abroad", "用于境外时的安全评估文件；其 SHA-256 上链"),
            ("patient", "某一位患者的标识，适用于仅供查看的合同"),
            ("salt", "患者与医院共有的盐值，适用于只针对某一研究的授权"),
            (
                "query_of",
                "查询文件：条件、列、计算；其 SHA-256 上链，请在其中加入随机内容 [默认：合同给出的全部]",
            ),
            ("epsilon", "申请的隐私损失"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "request list",
        &[
            ("about", "列出申请，最新的在前"),
            ("after", "示例：\n  medveil request list --organisation research-1"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "request show",
        &[
            ("about", "查看申请：内容、审批情况、裁决"),
            (
                "after",
                "示例：\n  medveil request show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            ),
            ("request", "申请标识"),
        ],
    ),
    (
        "request vote",
        &[
            ("about", "作为合同委员会成员审批申请"),
            (
                "after",
                "示例：\n  medveil request vote 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --approve --account administrator.key",
            ),
            ("request", "申请标识"),
            ("approve", "投赞成票"),
            ("reject", "投反对票"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "request cancel",
        &[
            ("about", "撤销申请"),
            (
                "after",
                "示例：\n  medveil request cancel 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account researcher.key\n\n只有尚未发布任何内容时，已占用的隐私预算才会退回。",
            ),
            ("request", "申请标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    ("budget", &[("about", "设定和查看隐私预算")]),
    (
        "budget set",
        &[
            ("about", "设定数据集隐私预算的上限，所有合同与接收方合计"),
            (
                "after",
                "示例：\n  medveil budget set hospital-1/visits --epsilon 20 --account administrator.key\n\n已用去的不会恢复：上限低于已用值时，不再批准任何申请。",
            ),
            ("dataset", "数据集：机构/标签 或其标识"),
            ("epsilon", "上限"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "budget list",
        &[
            ("about", "列出合同、数据集和接收方已使用的隐私预算"),
            ("after", "示例：\n  medveil budget list"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "budget show",
        &[
            ("about", "查看隐私预算"),
            ("after", "示例：\n  medveil budget show organisation/research-1"),
            ("object", "所属对象：contract/HEX、dataset/HEX 或 organisation/NAME"),
        ],
    ),
    ("release", &[("about", "列出、查看和使用发布")]),
    (
        "release list",
        &[
            ("about", "列出发布，最新的在前"),
            ("after", "示例：\n  medveil release list --organisation hospital-1"),
            ("organisation", "只列出该机构的"),
        ],
    ),
    (
        "release show",
        &[
            ("about", "查看发布：各项数值、根、方案，以及是否未通过质询"),
            (
                "after",
                "示例：\n  medveil release show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            ),
            ("release", "发布标识"),
        ],
    ),
    (
        "release access",
        &[
            ("about", "申请使用发布：重新裁决并记录"),
            (
                "after",
                "示例：\n  medveil release access 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account researcher.key\n\n用于以托管以外方式交付的发布；每次使用都是一次单独的访问。",
            ),
            ("release", "发布标识"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "release fetch",
        &[
            ("about", "取得托管中的发布：申请访问，以成员的密钥分片解开并展开"),
            (
                "after",
                "示例：\n  medveil release fetch 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --out release --account researcher.key\n\n访问将重新裁决并记录。中断后重新执行同一命令即可继续。",
            ),
            ("release", "发布标识"),
            ("out", "写入此文件夹，须尚不存在"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
];
