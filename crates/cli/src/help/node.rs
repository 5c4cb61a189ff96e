//! The Chinese help of networks and nodes.

use super::Texts;

/// Command path -> item -> text, as in [`super::TEXTS`].
pub(super) const TEXTS: &[Texts] = &[
    (
        "demo",
        &[
            ("about", "在本机运行一个完整的联盟：五家医院、两家监管机构"),
            (
                "after",
                "示例：\n  medveil demo\n  medveil demo --tour --exit\n  medveil demo --dir trial --port 9000 --exit\n\n按 Ctrl-C 停止。下次启动将继续同一条链；删除 DIR 即可重新开始。",
            ),
            ("dir", "联盟所在文件夹；首次启动时创建"),
            ("patients", "每家医院的合成患者人数，首次启动时生成 [默认：100，使用 --tour 时为 2000]"),
            ("tour", "走完数据集的整个生命周期并逐步说明：发生了什么、由谁裁决、在哪个高度、如何核验"),
            ("port", "各节点依次使用 127.0.0.1 的此端口及其后六个端口提供 HTTP 服务"),
            ("exit", "展示完毕即停止"),
            ("json", "以一个 JSON 对象代替表格输出"),
        ],
    ),
    ("network", &[("about", "生成联盟的创世文件，以及每个成员的文件夹")]),
    (
        "network new",
        &[
            ("about", "生成联盟的创世文件，以及每个成员的文件夹"),
            (
                "after",
                "示例：
  medveil network new --members members.toml --out consortium

members.toml：
  chain = \"harbour-health\"

  [[member]]
  organisation = \"hospital-1\"
  name = \"第一医院\"
  role = \"hospital\"                 # hospital、regulator、research、public-health、insurer、operator
  address = \"10.0.0.1:7001\"         # 其他成员连接其节点的地址；不写则没有验证者席位
  http = \"127.0.0.1:8080\"           # 本机构人员访问节点的地址

自行生成密钥的成员（`medveil node key`、`medveil account new`）以 node-key、custodian-key = \"ed25519:HEX\" 和 administrator-key = \"ed25519:HEX\" 或 \"sm2:HEX\" 给出公钥；suite = \"sm2\" 为管理员生成 SM2 密钥。relying-party、thresholds、parameters、epoch-length 与 time-ms 的写法同创世文件；issuers = [\"PEM\"] 接纳 SM2 密钥的证书签发机构。",
            ),
            ("members", "成员清单（TOML），或用 - 表示标准输入"),
            ("out", "写入此文件夹，须尚不存在"),
        ],
    ),
    ("node", &[("about", "运行成员节点，查看其状态，生成和恢复快照")]),
    (
        "node run",
        &[
            ("about", "运行成员节点，直到被要求停止"),
            (
                "after",
                "示例：\n  medveil node run --dir consortium/hospital-1\n\n收到 Ctrl-C 或 SIGTERM 后，待全部内容写入磁盘即停止；再次收到则立即停止。",
            ),
            ("dir", "成员的文件夹"),
            ("http", "在此地址提供 HTTP 服务，而不用 node.toml 中的地址"),
            ("stop_with_parent", "标准输入结束时停止：供启动多个节点的进程使用，以免遗留节点"),
        ],
    ),
    (
        "node status",
        &[
            ("about", "查看节点状态：所在链、高度、可联系到的成员"),
            (
                "after",
                "示例：\n  medveil node status\n  medveil node status --dir consortium/hospital-1\n\n节点当前不可依赖时，退出码为 1。",
            ),
            ("dir", "通过节点自身的套接字，查看在此文件夹上运行的节点"),
        ],
    ),
    (
        "node snapshot",
        &[
            ("about", "把运行中节点的状态写入文件，供另一节点以此开始"),
            (
                "after",
                "示例：\n  medveil node snapshot --dir consortium/hospital-1 --out monday.snapshot\n\n文件含账本内容，不含密钥。以此开始的节点会依据创世文件核验全部内容。",
            ),
            ("dir", "成员的文件夹"),
            ("out", "写入此文件，须尚不存在"),
        ],
    ),
    (
        "node restore",
        &[
            ("about", "让尚无数据的节点从快照开始"),
            (
                "after",
                "示例：\n  medveil node restore --from monday.snapshot --dir consortium/hospital-1\n  medveil node run --dir consortium/hospital-1\n\n丢失数据的验证者可能在已投过票的轮次中再次投票：请改用新密钥（`governance rotate-validator`），或使用丢失数分钟之后生成的快照。",
            ),
            ("from", "快照文件"),
            ("dir", "成员的文件夹"),
        ],
    ),
    (
        "node key",
        &[
            ("about", "生成节点密钥，并输出用于成员清单的公钥"),
            ("after", "示例：\n  medveil node key --out keys/node.key"),
            ("out", "写入此密钥文件，须尚不存在"),
        ],
    ),
];
