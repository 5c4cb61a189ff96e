//! The Chinese help of custody.

use super::Texts;

/// Command path -> item -> text, as in [`super::TEXTS`].
pub(super) const TEXTS: &[Texts] = &[
    ("vault", &[("about", "将文件交由全体成员托管，取出、检查、修复与销毁")]),
    (
        "vault put",
        &[
            ("about", "将文件（或其下一版本）交由全体成员托管"),
            (
                "after",
                "示例：\n  medveil vault put release.tar --label diabetes-2026 --account administrator.key\n\n文件在本机加密并切分：成员只得到密文分片，账本只得到清单摘要和封装密钥。中断后重新执行同一命令即可继续。",
            ),
            ("file", "文件"),
            ("label", "对象标签：a-z、0-9 和连字符；标签是公开的"),
            ("policy", "允许读取所依据的策略摘要，与密钥绑定 [默认：全零]"),
            ("suite", "加密算法"),
            ("suite=international", "国际算法（AES-256-GCM）"),
            ("suite=national", "国密算法（SM4-GCM）"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "vault get",
        &[
            ("about", "取出本机构托管的对象"),
            (
                "after",
                "示例：\n  medveil vault get diabetes-2026 --out release.tar --account administrator.key\n  medveil vault get 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --out release.tar\n\n申请记录在账本上，人人可见。中断后重新执行同一命令即可继续。其他机构的发布用 `medveil release fetch` 读取。",
            ),
            ("object", "对象的标签或标识"),
            ("out", "写入此文件，须尚不存在"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "vault health",
        &[
            ("about", "查看对象还能承受多少损失"),
            (
                "after",
                "示例：\n  medveil vault health diabetes-2026 --account administrator.key\n\n有分片不完整时退出码为 1。",
            ),
            ("object", "对象的标签或标识"),
            ("version", "查看此版本，而非最新版本"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "vault repair",
        &[
            ("about", "令全体成员重新读取其分片，重建丢失或错误的部分"),
            ("after", "示例：\n  medveil vault repair diabetes-2026 --account administrator.key"),
            ("object", "对象的标签或标识"),
            ("version", "修复此版本，而非最新版本"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
    (
        "vault shred",
        &[
            ("about", "下令销毁本机构的对象，并等待成员证明"),
            (
                "after",
                "示例：\n  medveil vault shred diabetes-2026 --account administrator.key\n\n不可撤销。此前已释放的密钥和已读取的内容同样无法收回。",
            ),
            ("object", "对象的标签或标识"),
            ("patience", "等待证明的秒数"),
            ("genesis", "只为此创世文件的链签署，不论节点如何声称"),
        ],
    ),
];
