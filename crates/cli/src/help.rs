//! The help in Chinese, and what the parser refuses.
//!
//! [`crate::args`] says the command line once, in English, where clap reads it. Here [`TEXTS`] gives the Chinese text of
//! every command, argument and value, and [`in_chinese`] puts it in place before the command line is parsed, since
//! `--help` answers while parsing. A test holds the two together: nothing without a text, no text without its thing.

mod certificate;
mod client;
mod contract;
mod node;
mod patient;
mod vault;

use std::error::Error as _;
use std::ffi::OsString;
use std::io::Write as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, FromArgMatches, ValueEnum};

use crate::args::Cli;
use crate::console::Lang;

/// Parses the command line; help and refusals come in the language that is spoken. Ends the process on `--help` and on
/// wrong usage.
pub fn parse() -> Cli {
    let lang = language_named(std::env::args_os().skip(1)).unwrap_or_else(Lang::of_locale);
    let mut command = match lang {
        Lang::En => Cli::command(),
        Lang::Zh => in_chinese(Cli::command()),
    };
    let parsed = command.try_get_matches_from_mut(std::env::args_os()).and_then(|mut matches| {
        Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    });
    parsed.unwrap_or_else(|error| match explain(&error) {
        Some(problem) if lang == Lang::Zh => {
            // A closed stderr is no reason to end otherwise.
            let _ = writeln!(std::io::stderr(), "{problem}");
            std::process::exit(error.exit_code())
        }
        _ => error.exit(),
    })
}

/// The language that `--lang` names, read ahead of parsing. What is malformed here is refused by the parser.
fn language_named(arguments: impl IntoIterator<Item = OsString>) -> Option<Lang> {
    let mut arguments = arguments.into_iter().take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        let argument = argument.to_string_lossy();
        if let Some(name) = argument.strip_prefix("--lang=") {
            return Lang::from_str(name, false).ok();
        }
        if argument == "--lang" {
            return Lang::from_str(&arguments.next()?.to_string_lossy(), false).ok();
        }
    }
    None
}

/// The command with Chinese help.
fn in_chinese(mut command: Command) -> Command {
    // Building first adds what clap generates: `-h`, `-V`, the command `help`, and `--lang` in every command.
    command.build();
    translate(command, "", &mut text)
}

/// Puts the texts in place, here and below. A command that lacks one keeps its English.
fn translate(command: Command, path: &str, lookup: &mut Lookup<'_>) -> Command {
    // Order matters to clap, which has numbered the arguments: both of these change them where they stand.
    let command = command.mut_args(|arg| argument(arg, path, lookup));
    let mut command = command.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name());
        translate(sub, path.trim_start(), lookup)
    });
    if let Some(about) = lookup(&about_path(path), "about") {
        command = command.about(about);
    }
    if command.get_long_about().is_some() {
        command = match lookup(path, "long") {
            Some(long) => command.long_about(long),
            None => command,
        };
    }
    if command.get_after_help().is_some() {
        command = match lookup(path, "after") {
            Some(after) => command.after_help(after),
            None => command,
        };
    }
    command = command.subcommand_value_name("命令");
    let (usage, template) = (usage(&mut command), template(&command));
    command.override_usage(usage).help_template(template)
}

/// Looks up the text of an item of a command.
type Lookup<'a> = dyn FnMut(&str, &str) -> Option<&'static str> + 'a;

/// clap repeats, below each `help`, the commands that it explains: `plan help list` is about `plan list`.
fn about_path(path: &str) -> String {
    if path.ends_with("help") {
        return "help".to_owned();
    }
    path.split(' ').filter(|name| *name != "help").collect::<Vec<_>>().join(" ")
}

/// clap writes `[default: ..]` and `[possible values: ..]` in English, so they are hidden and written here.
fn argument(arg: Arg, path: &str, lookup: &mut Lookup<'_>) -> Arg {
    let id = arg.get_id().to_string();
    let Some(help) = lookup(path, &id) else { return arg };
    let (mut short, mut long) = (help.to_owned(), help.to_owned());
    if arg.get_action().takes_values() {
        let values = arg.get_possible_values();
        if !values.is_empty() {
            let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
            short.push_str(&format!(" [可选值：{}]", names.join("、")));
            long.push_str("\n\n可选值：");
            let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
            for name in names {
                let meaning = lookup(path, &format!("{id}={name}")).unwrap_or_default();
                long.push_str(&format!("\n- {name:width$}  {meaning}"));
            }
        }
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() {
            let defaults = format!("[默认：{}]", defaults.join(" "));
            short.push_str(&format!(" {defaults}"));
            long.push_str(&format!("\n\n{defaults}"));
        }
    }
    arg.hide_possible_values(true).hide_default_value(true).help(short).long_help(long)
}

/// The usage with Chinese placeholders, without its heading.
fn usage(command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    usage.trim_start_matches("Usage:").trim_start().replace("[OPTIONS]", "[选项]")
}

/// clap's own layout with Chinese headings, of the parts that the command has.
fn template(command: &Command) -> String {
    let style = command.get_styles().get_header();
    let heading = |title: &str| format!("{style}{title}：{style:#}");
    let mut template = format!("{{before-help}}{{about-with-newline}}\n{}{{usage}}", heading("用法"));
    let mut part = |present: bool, title: &str, tag: &str| {
        if present {
            template.push_str(&format!("\n\n{}\n{{{tag}}}", heading(title)));
        }
    };
    part(command.has_subcommands(), "命令", "subcommands");
    part(command.get_positionals().next().is_some(), "参数", "positionals");
    part(command.get_arguments().any(|arg| !arg.is_positional()), "选项", "options");
    template.push_str("{after-help}");
    template
}

/// What is wrong with the command line, in Chinese. None for what is not an error, such as `--help`.
fn explain(error: &clap::Error) -> Option<String> {
    let say = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => format!("`{text}`"),
        Some(ContextValue::Strings(texts)) => {
            texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join("、")
        }
        _ => String::new(),
    };
    let (arg, value) = (say(ContextKind::InvalidArg), say(ContextKind::InvalidValue));
    let mut problem = match error.kind() {
        ErrorKind::UnknownArgument => format!("没有 {arg} 这个参数"),
        ErrorKind::InvalidSubcommand => format!("没有 {} 这个命令", say(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingSubcommand => format!("缺少命令，可用的有：{}", say(ContextKind::ValidSubcommand)),
        ErrorKind::MissingRequiredArgument => format!("缺少必需的参数：{arg}"),
        ErrorKind::ArgumentConflict if say(ContextKind::PriorArg) == arg => format!("{arg} 只能给出一次"),
        ErrorKind::ArgumentConflict => format!("{arg} 不能与 {} 同用", say(ContextKind::PriorArg)),
        ErrorKind::InvalidValue if value.len() <= "``".len() => format!("{arg} 缺少值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!("{arg} 的值 {value} 无效"),
        ErrorKind::TooManyValues => format!("{arg} 多出一个值 {value}"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => format!("{arg} 的值的个数不对"),
        ErrorKind::InvalidUtf8 => "命令行中有无效的 UTF-8".to_owned(),
        _ => return None,
    };
    if let Some(source) = error.source() {
        problem.push_str(&format!("：{source}"));
    }
    if error.get(ContextKind::ValidValue).is_some() {
        problem.push_str(&format!("，可选值：{}", say(ContextKind::ValidValue)));
    }
    for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue] {
        if error.get(kind).is_some() {
            problem.push_str(&format!("；是否想用 {}？", say(kind)));
        }
    }
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => {
            format!("用法：{}\n\n", usage.to_string().trim_start_matches("Usage:").trim())
        }
        _ => String::new(),
    };
    Some(format!("错误：{problem}\n\n{usage}详见 `--help`。"))
}

/// The text of an item of a command.
fn text(path: &str, item: &str) -> Option<&'static str> {
    find(path, item).map(|(_, text)| text)
}

/// The text of an item and where it stands: with its command, or else with what all commands share.
fn find(path: &str, item: &str) -> Option<(&'static str, &'static str)> {
    [path, SHARED].into_iter().find_map(|wanted| {
        let mut items = texts()
            .filter(|(command, _)| *command == wanted)
            .flat_map(|(command, items)| items.iter().map(move |(name, text)| (*command, *name, *text)));
        items.find(|(_, name, _)| *name == item).map(|(command, _, text)| (command, text))
    })
}

/// Every command with its texts.
fn texts() -> impl Iterator<Item = &'static Texts> {
    TEXTS
        .iter()
        .chain(certificate::TEXTS)
        .chain(client::TEXTS)
        .chain(contract::TEXTS)
        .chain(patient::TEXTS)
        .chain(node::TEXTS)
        .chain(vault::TEXTS)
}

/// Command path -> item -> text.
type Texts = (&'static str, &'static [(&'static str, &'static str)]);

/// Stands for any command.
const SHARED: &str = "*";

/// Command path -> item -> text. An item is `about`, `long` (shown by `--help` in place of `about`), `after`, the id of an
/// argument, or `id=value` for one of its values. The root's path is empty.
const TEXTS: &[Texts] = &[
    (
        SHARED,
        &[
            ("lang", "提示信息的语言 [默认：随系统区域设置]"),
            ("lang=zh", "中文"),
            ("lang=en", "英文"),
            ("help", "显示帮助（-h 为简要，--help 为详细）"),
            ("version", "显示版本"),
            ("json", "以一个 JSON 对象输出结果"),
            ("overwrite", "覆盖已有文件"),
            ("key", "密钥文件"),
            ("threads", "工作线程数 [默认：全部处理器核心]"),
            ("memory", "处理中的数据最多占用的内存，如 200MB"),
            ("max_record", "单条记录的最大长度"),
            ("encoding", "CSV 文件的编码 [默认：自动识别]"),
            ("encoding=utf-8", "UTF-8"),
            ("encoding=gb18030", "GB 18030，含 GBK、GB 2312"),
            ("delimiter", r"CSV 文件的分隔符，如 ';' 或 '\t' [默认：自动识别]"),
            ("no_header", "CSV 文件没有标题行；各列依次称为 column1、column2……"),
        ],
    ),
    (
        "",
        &[
            ("about", "共享医疗数据，守住个人隐私：按用途去标识化，并由联盟账本约束各方"),
            (
                "long",
                "共享医疗数据，守住个人隐私：按用途去标识化，并由联盟账本约束各方。\n\n在各机构：按方案对表格（CSV、Parquet）和 FHIR 数据去标识化，度量剩余的重标识风险，并出具任何人都能核验的回执。\n在机构之间：医院与监管机构共同运行账本，患者在其上授权，合同自动裁决申请，每次使用都有记录并可向第三方证明。",
            ),
            (
                "after",
                "示例，从零开始到一份经过核验的发布包：
  medveil synth --patients 1000 --seed 1 --out hospital
  medveil scan hospital/visits.csv
  medveil key new --out hospital.key
  medveil deid hospital/visits.csv --plan hipaa-safe-harbor --key hospital.key --out release
  medveil verify release/receipt.json

退出码：0 完成；1 被拒绝或核验不通过；2 用法有误或输入无法读取。",
            ),
        ],
    ),
    ("help", &[("about", "显示帮助，或某个命令的帮助")]),
    (
        "scan",
        &[
            ("about", "识别数据中有什么，并起草方案"),
            (
                "after",
                "示例：\n  medveil scan extract.csv --write-plan draft.toml\n  medveil scan extract.csv --write-hierarchies hierarchies",
            ),
            ("inputs", "文件或文件夹"),
            ("write_plan", "把方案草案写入此文件"),
            ("write_hierarchies", "为每个准标识符写出泛化层次文件（ARX 格式）；其中含有数据中的值"),
            ("quasi_identifiers", "为哪些列写出泛化层次 [默认：识别为准标识符的列]"),
            ("full", "用全部规则检查每一个值，而不是抽样"),
        ],
    ),
    (
        "deid",
        &[
            ("about", "按方案对文件或文件夹去标识化"),
            (
                "after",
                "示例：\n  medveil deid extract/ --plan gbt-37964-controlled --key hospital.key --study dm-2026 --out release\n\nPLAN 是方案文件，或内置方案的名称（见 `medveil plan list`）。",
            ),
            ("inputs", "文件或文件夹"),
            ("plan", "方案文件，或内置方案的名称"),
            ("out", "发布包写入此文件夹"),
            ("key", "密钥文件 [默认：临时密钥，用后即弃]"),
            ("study", "研究编号：假名与日期平移仅在同一研究内一致 [默认：方案名称]"),
            ("seed", "64 位十六进制数，用以改变噪声 [默认：由密钥与研究得出]"),
            ("earlier", "此前向同一接收方发布的文件夹（须用同一密钥生成）：与本次发布一并检查"),
            ("refused_report", "因风险而被拒绝发布时，报告写入何处"),
        ],
    ),
    (
        "anonymize",
        &[
            ("about", "在隐私模型下寻找信息损失最小的泛化方案"),
            (
                "after",
                "示例：
  medveil anonymize visits.csv --quasi-identifiers sex,age,district --model k=5 --out release.csv
  medveil anonymize adult.csv --hierarchies hierarchies/ --quasi-identifiers sex,age,race --sensitive occupation \\
      --model k=5 --model distinct-l=3 --suppression 0.02 --explain --out release.csv

MODEL 可为：k、k-map、max-risk、average-risk、population-uniques、delta-presence、distinct-l、entropy-l、
recursive-cl、t、ordered-t、hierarchical-t、beta-likeness、enhanced-beta-likeness、delta-disclosure，
后接 `=` 与参数；`diagnosis:t=0.2` 只针对一个敏感列。
METRIC 可为：loss、loss-geometric、precision、entropy、discernibility、average-class-size。
没有泛化层次文件的列会自动起草。被抑制的记录保留其行，其准标识符写为 `*`。",
            ),
            ("input", "表格文件：CSV 或 Parquet"),
            (
                "hierarchies",
                "泛化层次文件所在文件夹，文件名为 NAME_hierarchy_COLUMN.csv 或 COLUMN.csv（见 `medveil scan --write-hierarchies`）",
            ),
            ("quasi_identifiers", "准标识符：攻击者可能已经知道的列"),
            ("sensitive", "敏感属性：攻击者想要得知的列"),
            ("drop", "不发布的列"),
            ("keep", "看似直接标识符、但仍原样发布的列"),
            ("model", "每个等价类必须满足的隐私模型，如 k=5；可给出多个"),
            ("suppression", "最多可抑制的记录比例"),
            ("metric", "要使之最小的信息损失度量"),
            ("weight", "某个准标识符的损失所占权重，如 age=2；默认为 1"),
            ("local", "局部泛化：每条记录只泛化到其等价类所需的程度，而不是每列统一到一个级别"),
            ("population_table", "总体的表（输入是其一部分），准标识符相同；用于 k-map 与 delta-presence"),
            ("deadline", "搜索至多这么多秒，给出已找到的最好方案及其与最优值的最大差距"),
            ("explain", "说明此方案为何胜出，以及每个准标识符的代价"),
            ("frontier", "说明其他 k 与抑制上限的代价"),
            (
                "workload",
                "度量某项分析的损失，如 target=列、associations、regression=因变量~A+B、survival=时间:事件=取值:分组；可给出多个",
            ),
            ("out", "写入的文件，格式与输入相同"),
            ("report", "另写一份报告：中英文 HTML 单页；若给出 --explain 与 --frontier，则一并写入"),
        ],
    ),
    (
        "assess",
        &[
            ("about", "按表格的现状度量重标识风险"),
            (
                "after",
                "示例：\n  medveil assess release/visits.csv --quasi-identifiers sex,age,district --sensitive diagnosis\n  medveil assess release/visits.csv --quasi-identifiers sex,age,district --population 1200000",
            ),
            ("input", "表格文件"),
            ("quasi_identifiers", "准标识符：攻击者可能已经知道的列；据此划分等价类"),
            ("sensitive", "敏感属性：攻击者想要得知的列"),
            ("release_model", "发布模型（共享类型）：谁会看到此表"),
            ("release_model=public", "完全公开共享：任何人"),
            ("release_model=controlled", "受控公开共享：签约的特定接收方"),
            ("release_model=enclave", "领地公开共享：数据不出域，仅结果可带出"),
            ("population", "总体人数（记录是该总体的随机样本）：据此估计总体中的唯一者"),
            ("sampling_fraction", "同上，以记录占总体的比例给出"),
            ("population_table", "总体的表，列名与取值写法须与此表相同：在其中直接计数，不作估计"),
        ],
    ),
    ("plan", &[("about", "列出、查看、检查和导入方案")]),
    ("plan list", &[("about", "列出内置方案")]),
    (
        "plan show",
        &[
            ("about", "输出一个内置方案"),
            ("after", "示例：\n  medveil plan show hipaa-safe-harbor > mine.toml"),
            ("name", "方案名称"),
            ("json", "输出规范的 JSON 形式"),
        ],
    ),
    (
        "plan check",
        &[
            ("about", "检查方案文件"),
            ("after", "示例：\n  medveil plan check mine.toml"),
            ("file", "方案文件"),
        ],
    ),
    (
        "plan import",
        &[
            ("about", "把其他工具的配置转换为方案"),
            ("after", "示例：\n  medveil plan import --from microsoft configuration.json > plan.toml"),
            ("from", "来源工具"),
            ("from=microsoft", "微软 FHIR 匿名化工具（Tools for Health Data Anonymization）"),
            ("file", "该工具的配置文件"),
        ],
    ),
    ("plan schema", &[("about", "输出方案的 JSON Schema")]),
    ("plan actions", &[("about", "说明规则可用的各种处理方法"), ("name", "只说明这一种 [默认：全部]")]),
    ("key", &[("about", "生成密钥文件")]),
    (
        "key new",
        &[
            ("about", "生成新的密钥文件，仅本人可读"),
            (
                "after",
                "示例：\n  medveil key new --out hospital.key\n\n持有密钥者可以还原假名、日期平移和噪声：请按原始数据的等级保管。",
            ),
            ("out", "写入此密钥文件"),
            ("overwrite", "覆盖已有密钥：用旧密钥生成的发布包将无法再追加、还原或证明"),
        ],
    ),
    (
        "reidentify",
        &[
            ("about", "还原可逆假名（须经授权，需要密钥）"),
            (
                "after",
                "示例：\n  medveil reidentify release/visits.csv --key hospital.key --out restored.csv\n\n研究编号取自 INPUT 同一文件夹中的 receipt.json，也可用 --study 指定。",
            ),
            ("input", "发布包中的一个文件"),
            ("out", "还原结果写入此文件"),
            ("study", "研究编号 [默认：取自 INPUT 同一文件夹中的 receipt.json]"),
        ],
    ),
    (
        "verify",
        &[
            ("about", "核验回执与发布包是否相符（有原始数据和密钥时核验整个处理过程），或依创世文件核验账本证据"),
            (
                "after",
                "示例：\n  medveil verify release/receipt.json\n  medveil verify release/receipt.json --raw extract/ --key hospital.key\n  medveil verify dataset.evidence --genesis genesis.toml",
            ),
            ("file", "回执文件，或账本的证据文件"),
            ("genesis", "证据所属链的创世文件：核验只依赖它"),
            ("raw", "原始数据，须与当时处理的输入相同"),
            ("seed", "当时指定的种子（如有）"),
            ("hierarchies", "方案所引用的泛化层次文件所在文件夹（如有）"),
            ("earlier", "当时指定的历次发布包（如有）"),
        ],
    ),
    (
        "synth",
        &[
            ("about", "生成一家虚构的中国医院的合成数据"),
            ("after", "示例：\n  medveil synth --patients 1000 --seed 1 --out hospital --formats csv,fhir"),
            ("patients", "患者人数"),
            ("seed", "种子：相同的种子生成相同的医院"),
            ("out", "写入此文件夹"),
            ("formats", "格式：csv、fhir（hl7v2、dicom 和文书将在后续版本提供）"),
        ],
    ),
    (
        "bench",
        &[
            ("about", "在本机上运行性能测试"),
            ("after", "示例：\n  medveil bench csv"),
            ("name", "测试项目"),
            ("name=csv", "用含各类处理方法的方案处理合成就诊表（deid）"),
            ("name=fhir", "按安全港方案处理 FHIR NDJSON（deid）"),
            ("name=scan", "识别合成就诊表（scan）"),
            ("name=synth", "生成 5 万名患者（synth）"),
            ("name=anonymize", "在隐私模型下寻找一张大表的最优泛化方案（anonymize）"),
            ("size", "生成数据的大小"),
            ("dir", "存放生成数据的文件夹，测试后删除 [默认：系统临时文件夹]"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// The help of a command as clap writes it.
    fn rendered(command: &mut Command, long: bool) -> String {
        if long { command.render_long_help().to_string() } else { command.render_help().to_string() }
    }

    fn every_help(command: &mut Command, texts: &mut Vec<String>) {
        texts.extend([rendered(command, false), rendered(command, true)]);
        command.get_subcommands_mut().for_each(|sub| every_help(sub, texts));
    }

    #[test]
    fn every_command_argument_and_value_has_a_chinese_help() {
        let mut missing = Vec::new();
        let mut command = Cli::command();
        command.build();
        translate(command, "", &mut |path, item| {
            let found = text(path, item);
            if found.is_none() {
                missing.push(format!("{path}: {item}"));
            }
            found
        });
        assert!(missing.is_empty(), "no Chinese help for {missing:#?}");
    }

    #[test]
    fn no_chinese_help_is_stale_or_given_twice() {
        let mut used = BTreeSet::new();
        let mut command = Cli::command();
        command.build();
        translate(command, "", &mut |path, item| {
            let (command, text) = find(path, item)?;
            used.insert((command, item.to_owned()));
            Some(text)
        });
        let given: Vec<_> = texts()
            .flat_map(|(path, items)| items.iter().map(|(item, _)| (*path, (*item).to_owned())))
            .collect();
        for entry in &given {
            assert!(used.contains(entry), "nothing shows {entry:?}");
        }
        assert_eq!(given.len(), used.len(), "an entry is given twice");
    }

    #[test]
    fn a_shared_chinese_help_stands_for_one_english_help() {
        fn collect(command: &Command, path: &str, english: &mut BTreeMap<String, BTreeSet<String>>) {
            for arg in command.get_arguments().filter(|arg| arg.get_id() != "help") {
                let id = arg.get_id().as_str();
                let own = texts()
                    .any(|(command, items)| *command == path && items.iter().any(|(item, _)| *item == id));
                if !own {
                    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                    english.entry(id.to_owned()).or_default().insert(help);
                }
            }
            for sub in command.get_subcommands() {
                collect(sub, format!("{path} {}", sub.get_name()).trim_start(), english);
            }
        }
        let mut english = BTreeMap::new();
        collect(&Cli::command(), "", &mut english);
        english.retain(|_, texts| texts.len() > 1);
        assert!(english.is_empty(), "different English helps share a Chinese one: {english:#?}");
    }

    #[test]
    fn chinese_help_has_no_english_headings() {
        let mut texts = Vec::new();
        every_help(&mut in_chinese(Cli::command()), &mut texts);
        assert!(texts.len() > 30);
        for text in texts {
            assert!(text.contains("用法："), "{text}");
            for english in [
                "Usage",
                "Commands:",
                "Arguments:",
                "Options:",
                "OPTIONS",
                "Print",
                "ossible values",
                "[default",
            ] {
                assert!(!text.contains(english), "`{english}` in\n{text}");
            }
        }
    }

    #[test]
    fn chinese_help_changes_nothing_but_the_help() {
        let line = [
            "medveil", "verify", "r.json", "--raw", "a", "b", "--key", "k", "--lang", "zh", "--memory", "1GB",
        ];
        let parse =
            |command: Command| Cli::from_arg_matches(&command.try_get_matches_from(line).unwrap()).unwrap();
        assert_eq!(
            format!("{:?}", parse(in_chinese(Cli::command()))),
            format!("{:?}", parse(Cli::command()))
        );
        in_chinese(Cli::command()).debug_assert();
    }

    #[test]
    fn help_of_a_command_is_asked_for_in_three_ways() {
        for line in [["medveil", "help", "deid"], ["medveil", "deid", "-h"], ["medveil", "deid", "--help"]] {
            let help = in_chinese(Cli::command()).try_get_matches_from(line).unwrap_err();
            assert_eq!(help.kind(), ErrorKind::DisplayHelp);
            let help = help.to_string();
            assert!(
                help.contains("按方案对文件或文件夹去标识化") && help.contains("用法：medveil deid [选项]"),
                "{help}"
            );
            assert!(
                help.contains("密钥文件 [默认：临时密钥，用后即弃]") && help.contains("[默认：128MB]"),
                "{help}"
            );
        }
    }

    #[test]
    fn wrong_usage_is_explained_in_chinese() {
        let explained = |line: &str| {
            let error = in_chinese(Cli::command()).try_get_matches_from(line.split(' ')).unwrap_err();
            explain(&error)
        };
        for (line, problem) in [
            ("medveil deidd", "没有 `deidd` 这个命令；是否想用 `deid`"),
            ("medveil scan x --fulll", "没有 `--fulll` 这个参数；是否想用 `--full`"),
            ("medveil deid x --out y", "缺少必需的参数：`--plan <PLAN>`"),
            ("medveil scan x --full --full", "`--full` 只能给出一次"),
            ("medveil scan x --encoding latin", "的值 `latin` 无效，可选值：`utf-8`、`gb18030`"),
            ("medveil scan x --memory many", "的值 `many` 无效：a size"),
            ("medveil scan x --memory", "`--memory <SIZE>` 缺少值"),
            ("medveil --lang zh", "缺少命令，可用的有：`scan`、"),
        ] {
            let explained = explained(line).unwrap();
            assert!(explained.starts_with("错误：") && explained.contains(problem), "{line}: {explained}");
            assert!(!explained.contains("Usage") && explained.ends_with("详见 `--help`。"), "{explained}");
        }
        assert_eq!(explained("medveil deid --help"), None);
        assert_eq!(explained("medveil --version"), None);
    }

    #[test]
    fn the_language_is_read_ahead_of_parsing() {
        let named = |line: &str| language_named(line.split(' ').map(OsString::from));
        assert_eq!(named("deid x --lang zh --help"), Some(Lang::Zh));
        assert_eq!(named("--lang=en help"), Some(Lang::En));
        assert_eq!(named("scan x"), None);
        assert_eq!(named("scan --lang"), None);
        assert_eq!(named("scan --lang fr"), None);
        assert_eq!(named("scan -- --lang zh"), None);
    }
}
