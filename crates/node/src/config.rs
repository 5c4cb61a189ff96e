//! `node.toml`: what the operator of a node decides.
//!
//! Whatever all members must agree on stands in the genesis and on the ledger, not here. A setting that is not known or out of bounds is refused
//! with its line; what is left out has its default.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use medveil_ledger::{OrganisationId, PublicKey, state::validators::Address};
use medveil_vault::store::{self, Connection};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::refusal::{Refusal, toml_fault};

/// A number between bounds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Bounded<MIN, MAX> {
    const fn of(value: u64) -> Self {
        assert!(MIN <= value && value <= MAX);
        Self(value)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as a size; the bounds of all sizes here fit.
    pub fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Bounded<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u64::deserialize(deserializer)?;
        if (MIN..=MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(D::Error::custom(format_args!("{value} is not between {MIN} and {MAX}")))
        }
    }
}

/// The settings of a node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The member.
    pub organisation: OrganisationId,
    /// The public half of `keys/node.key`.
    pub key: PublicKey,
    /// The first key of the account that the node acts with, whose key now is in `keys/custodian.key`; left out, it only reads and votes.
    #[serde(default)]
    pub custodian: Option<PublicKey>,
    /// Where it listens for peers.
    pub listen: SocketAddr,
    /// Where it answers HTTP.
    pub http: SocketAddr,
    /// Peers may connect from other addresses than those they listen on.
    #[serde(default)]
    pub any_source_address: bool,
    /// What is logged.
    #[serde(default)]
    pub log: Log,
    /// What the machine gives.
    #[serde(default)]
    pub resources: Resources,
    /// When blocks are made, if not as the genesis says.
    #[serde(default)]
    pub pacing: PacingSettings,
    /// How large blocks get.
    #[serde(default)]
    pub blocks: Blocks,
    /// How much waits for a block.
    #[serde(default)]
    pub mempool: Mempool,
    /// What is kept of the past.
    #[serde(default)]
    pub retention: Retained,
    /// How exact clocks are.
    #[serde(default)]
    pub clock: Clock,
    /// Addresses of members that hold over those of the ledger: organisation or validator key, and `host:port`.
    #[serde(default)]
    pub peers: BTreeMap<String, Address>,
    /// Where other members' nodes answer HTTP, for shards of what is in custody: organisation, and `host:port`.
    #[serde(default)]
    pub members: BTreeMap<OrganisationId, Address>,
    /// What the node keeps for all.
    #[serde(default)]
    pub custody: Custody,
    /// How buckets are reached whose addresses begin with `s3://`, by their names.
    #[serde(default)]
    pub s3: BTreeMap<String, Connection>,
    /// The organisation's datasets and how they are released; left out, the node makes no releases. Relative paths are taken from the member's folder.
    #[serde(default)]
    pub releases: Option<medveil_custodian::Settings>,
    /// Who else may connect to this node and read along without a vote: its node's key, and `host:port`.
    #[serde(default)]
    pub followers: BTreeMap<PublicKey, Address>,
}

/// What is logged, on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Which lines there are, as directives of `tracing-subscriber`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), filter: "info,commonware=warn,commonware_storage=error".into() }
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What the machine gives the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Resources {
    /// Threads that run consensus.
    pub threads: Bounded<1, 64>,
    /// Memory for pages of files, in MiB.
    pub page_cache_mib: Bounded<1, 4096>,
}

impl Default for Resources {
    fn default() -> Self {
        Self { threads: Bounded::of(2), page_cache_mib: Bounded::of(12) }
    }
}

/// When this node proposes blocks. What is left out is as in the genesis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PacingSettings {
    /// Milliseconds between blocks when there is nothing to do.
    pub idle_ms: Option<Bounded<100, 600_000>>,
    /// Milliseconds between blocks at least.
    pub busy_ms: Option<Bounded<0, 10_000>>,
}

/// How large the blocks are that this node proposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Blocks {
    /// Bytes of transactions.
    pub bytes: Bounded<131_072, 1_572_864>,
    /// Transactions.
    pub transactions: Bounded<1, 10_000>,
}

impl Default for Blocks {
    fn default() -> Self {
        Self { bytes: Bounded::of(1536 * 1024), transactions: Bounded::of(8192) }
    }
}

/// How much waits for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Mempool {
    /// Transactions in all.
    pub transactions: Bounded<1, 1_000_000>,
    /// MiB in all.
    pub mib: Bounded<1, 1024>,
    /// Transactions of one account.
    pub per_account: Bounded<1, 1_000_000>,
}

impl Default for Mempool {
    fn default() -> Self {
        Self { transactions: Bounded::of(100_000), mib: Bounded::of(64), per_account: Bounded::of(20_000) }
    }
}

/// What is kept of the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Retained {
    /// Blocks that are kept at least; all, when left out.
    pub blocks: Option<Bounded<256, { u64::MAX >> 1 }>>,
}

/// How exact clocks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Clock {
    /// Milliseconds that a block's time may be from this machine's clock.
    pub drift_ms: Bounded<100, 60_000>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { drift_ms: Bounded::of(5_000) }
    }
}

/// What the node keeps for all, and how much that may disturb.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Custody {
    /// The bucket that shards are kept in; left out, the folder `data/custody`.
    pub store: Option<store::Address>,
    /// MiB a second that checking and repairing shards may read.
    pub pace_mib: Bounded<1, 10_000>,
    /// Hours between two checks of everything that is kept.
    pub check_hours: Bounded<1, 8_760>,
    /// MiB of shards of one member that may lie here before the ledger knows their object.
    pub incoming_mib: Bounded<1, 16_777_216>,
}

impl Default for Custody {
    fn default() -> Self {
        Self {
            store: None,
            pace_mib: Bounded::of(32),
            check_hours: Bounded::of(24),
            incoming_mib: Bounded::of(65_536),
        }
    }
}

impl Settings {
    /// The name of the file in a member's folder.
    pub const FILE: &str = "node.toml";

    /// Reads the file of a member's folder.
    ///
    /// # Errors
    /// [`Refusal::Configuration`] with the line, or what the system says.
    pub fn read(path: &Path) -> Result<Self, Refusal> {
        let text = std::fs::read_to_string(path).map_err(|error| Refusal::file(path, error))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a text that came from `path`.
    ///
    /// # Errors
    /// [`Refusal::Configuration`] with the line.
    pub fn parse(text: &str, path: &str) -> Result<Self, Refusal> {
        toml::from_str(text).map_err(|error| {
            let (line, fault) = toml_fault(text, &error);
            Refusal::Configuration { path: path.into(), line, fault }
        })
    }
}

/// What the first `node.toml` of a member says; everything else is there as a comment with its default.
#[derive(Clone, Debug)]
pub struct First<'a> {
    /// The member.
    pub organisation: OrganisationId,
    /// Its name for people.
    pub name: &'a str,
    /// The public half of its node's key.
    pub key: PublicKey,
    /// The public half of the key of the account that its node acts with.
    pub custodian: PublicKey,
    /// Where it listens for peers.
    pub listen: SocketAddr,
    /// Where it answers HTTP.
    pub http: SocketAddr,
    /// See [`Settings::any_source_address`].
    pub any_source_address: bool,
    /// See [`Settings::members`].
    pub members: &'a BTreeMap<OrganisationId, Address>,
}

impl First<'_> {
    /// The file.
    pub fn to_toml(&self) -> String {
        let Self { organisation, name, key, custodian, listen, http, any_source_address, members } = self;
        let members: String = members
            .iter()
            .filter(|(member, _)| *member != organisation)
            .map(|(member, address)| format!("{member} = \"{address}\"\n"))
            .collect();
        // The name is a text of the genesis: it may hold anything but control characters.
        format!(
            r##"# The node of {name}.
#
# Lines that begin with # are comments; a setting behind # has the value that is shown until you remove the #.
# After a change, start the node again: medveil node run --dir THIS-FOLDER
# 以 # 开头的行是注释；去掉 # 即可修改该项设置，重启节点后生效。

# Who runs this node: the organisation's name on the ledger, and the public half of keys/node.key.
organisation = "{organisation}"
key = "{key}"

# The account with which this node acts on the ledger by itself, in custody and releases: its first key. keys/custodian.key has the key that it signs with now, or names a token.
# Without this line it only reads and votes. 本节点在账本上自动执行托管与发布所用的账户；删去此行则节点只读取和投票。
custodian = "{custodian}"

# Where the other members' nodes reach this one. The firewall must let them in here, and nobody else.
# 其他成员的节点连接本节点的地址；防火墙只应对成员开放。
listen = "{listen}"

# Where programs and people of your own organisation ask this node. It has no encryption of its own: keep it on this machine
# (127.0.0.1) or behind your own proxy.
# 本机构的程序和人员访问节点的地址。自身不加密：请只在本机使用，或置于自己的反向代理之后。
http = "{http}"

# Members may connect from other addresses than those they listen on: true when there is address translation (NAT) or a proxy
# between hospitals, or when addresses are names. Who may connect is decided by keys in either case.
any-source-address = {any_source_address}

[log]
# format = "text"                  # "text" for people, "json" for programs
# filter = "info,commonware=warn,commonware_storage=error"  # "warn" for less, "debug" for more; no transaction's content is ever logged

[resources]
# threads = 2                      # threads for consensus
# page-cache-mib = 12              # memory for pages of files

[pacing]
# When this node makes blocks, in milliseconds. Left out, the ledger's parameters say it, also when a vote changes them.
# idle-ms = 1000                   # between two blocks when nothing happens
# busy-ms = 250                    # between two blocks at least

[blocks]
# bytes = 1572864                  # of transactions in a block of this node
# transactions = 8192

[mempool]
# What waits for a block. When it is full, submitters are told to come back.
# transactions = 100000
# mib = 64
# per-account = 20000

[retention]
# Blocks that are kept at least. Left out, all are: the usual choice. Objects keep their history and their proofs in any case.
# blocks = 100000

[clock]
# How far, in milliseconds, a block's time may be from this machine's clock for its vote. Keep the clock right with NTP.
# 区块时间与本机时钟允许的最大偏差（毫秒）。请用 NTP 保持时钟准确。
# drift-ms = 5000

[peers]
# Addresses that hold over those of the ledger, for a tunnel or a test: an organisation, or a validator's key in quotes.
# regulator-1 = "10.8.0.7:7001"

[members]
# Where the other members' nodes answer HTTP: shards of what is in custody go there. They are sealed, and every request and answer is
# signed; still, let nobody but members reach these addresses. 其他成员节点的 HTTP 地址，托管数据的密文分片经此传送；每个请求和应答均经签名。
{members}
[custody]
# Where shards lie: left out, in the folder data/custody; or in a bucket that speaks S3, of which this member has bucket or prefix for itself.
# 分片存放处：默认为 data/custody 文件夹；也可用支持 S3 的存储桶，桶或前缀须为本成员专用。
# store = "s3://hospital-1-shards/medveil"
# pace-mib = 32                    # MiB a second that checking and repairing shards may read
# check-hours = 24                 # between two checks of everything
# incoming-mib = 65536             # of one member, before the ledger knows the object

# How the bucket of an address s3://hospital-1-shards/.. is reached: take the section out of the comment. The keys to it are in the environment
# (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), or in a file with mode 0600 that says access-key-id = ".." and secret-access-key = "..".
# s3:// 地址的连接方式；访问密钥取自环境变量或权限为 0600 的密钥文件，不写在此处。
# [s3.hospital-1-shards]              # a name with dots in quotes: [s3."a.b"]
#   endpoint = "https://s3.example.cn"  # left out: Amazon's of the region
#   region = "cn-north-1"
#   keys = "keys/shards.s3"
#   virtual-hosts = false          # true: the bucket is put before the host's name
#   allow-http = false             # true: only for a store on this machine

# To make releases, name the datasets: take [releases] and what follows out of the comment. 如需发布数据，请取消注释并填写数据集。
# [releases]
#   folder = "data/custodian"      # private: copies of registered versions, releases, whose handle is whose
#   plans = "plans"                # plans, by whose digests contracts name them
#   threads = 1
#   memory-mib = 256
# [[releases.dataset]]
#   label = "visits-2026"          # public: say what kind of data it is, never whose
#   path = "/srv/extract"          # a folder, a file, or s3://BUCKET/PREFIX: CSV, Parquet, FHIR NDJSON, FHIR JSON (a Bundle is of one patient)
#   key = "keys/visits.key"        # medveil key new
#   patient = "patient_id"         # the column of tables that tells the patient
#   watch = true                   # additions become versions

[followers]
# Nodes without a seat that may connect to this one and read along: the public half of their keys/node.key, and where they are.
# "ed25519:0000000000000000000000000000000000000000000000000000000000000000" = "10.8.0.9:7001"
"##
        )
    }
}

#[cfg(test)]
mod tests {
    use medveil_ledger::SigningKey;

    use super::*;

    fn first() -> String {
        First {
            organisation: OrganisationId::new("hospital-1").unwrap(),
            name: "第一医院",
            key: SigningKey::ed25519([1; 32]).public(),
            custodian: SigningKey::ed25519([2; 32]).public(),
            listen: "0.0.0.0:7001".parse().unwrap(),
            http: "127.0.0.1:8080".parse().unwrap(),
            any_source_address: true,
            members: &BTreeMap::from([(
                OrganisationId::new("hospital-2").unwrap(),
                "10.0.0.2:8080".parse().unwrap(),
            )]),
        }
        .to_toml()
    }

    fn parse(text: &str) -> Result<Settings, Refusal> {
        Settings::parse(text, "node.toml")
    }

    #[test]
    fn the_first_file_is_understood_and_its_comments_tell_the_defaults() {
        let text = first();
        let settings = parse(&text).unwrap();
        assert_eq!(settings.organisation.to_string(), "hospital-1");
        assert!(settings.any_source_address);
        assert_eq!(settings.members.len(), 1);
        // Every commented setting, taken out of its comment, is understood.
        let all: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => {
                    format!("{setting}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let explicit = parse(&all).unwrap();
        assert_ne!(all, text);
        assert_eq!((explicit.peers.len(), explicit.followers.len()), (1, 1));
        assert_eq!(explicit.retention.blocks.map(Bounded::get), Some(100_000));
        assert_eq!(explicit.pacing.idle_ms.map(Bounded::get), Some(1000));
        assert_eq!(explicit.custody.store.as_ref().map(store::Address::bucket), Some("hospital-1-shards"));
        assert_eq!(Custody { store: None, ..explicit.custody }, Custody::default());
        let defaults = Settings {
            peers: BTreeMap::new(),
            followers: BTreeMap::new(),
            retention: Retained::default(),
            pacing: PacingSettings::default(),
            custody: Custody::default(),
            ..explicit
        };
        assert_eq!(defaults, settings);
    }

    #[test]
    fn an_unknown_setting_and_a_value_out_of_bounds_are_refused_with_their_line() {
        let text = first();
        let line = |wanted: &str| text.lines().position(|line| line.starts_with(wanted)).unwrap() + 1;
        for (was, is, fault) in [
            ("# threads = 2", "threads = 0", "0 is not between 1 and 64"),
            ("# threads = 2", "thread = 2", "unknown field `thread`"),
            ("# idle-ms = 1000", "idle-ms = 1", "1 is not between 100 and 600000"),
            ("# drift-ms = 5000", "drift-ms = \"5 s\"", "invalid type"),
            ("# regulator-1", "regulator-1 = \"nowhere\" #", ""),
            ("# format = \"text\"", "format = \"xml\" #", "unknown variant `xml`"),
            ("listen = ", "listen = \"here\" #", "invalid socket address"),
            ("organisation = ", "organisation = \"First Hospital\" #", ""),
        ] {
            let wanted = line(was);
            match parse(&text.replace(was, is)).unwrap_err() {
                Refusal::Configuration { line, fault: found, .. } => {
                    assert_eq!(line, wanted, "{is}: {found}");
                    assert!(found.contains(fault), "{found}");
                }
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn the_section_of_a_bucket_is_understood_out_of_its_comment() {
        let text: String = first()
            .lines()
            .map(|line| match line.strip_prefix("# [s3.").map(|rest| format!("[s3.{rest}\n")) {
                Some(section) => section,
                None => format!("{}\n", line.strip_prefix("#   ").unwrap_or(line)),
            })
            .take_while(|line| !line.starts_with("# To make releases"))
            .collect();
        let settings = parse(&text).unwrap();
        let connection = &settings.s3["hospital-1-shards"];
        assert_eq!(connection.endpoint.as_deref(), Some("https://s3.example.cn"));
        assert_eq!(connection.keys.as_deref(), Some(Path::new("keys/shards.s3")));
        let fault = parse(&text.replace("region", "secret")).unwrap_err();
        assert!(fault.to_string().contains("unknown field `secret`"), "{fault}");
    }

    #[test]
    fn a_setting_that_is_missing_is_named() {
        let text = first().replace("http = ", "# http = ");
        assert!(parse(&text).unwrap_err().to_string().contains("missing field `http`"));
    }
}
