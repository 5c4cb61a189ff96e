//! Why a folder is not made, or its node does not start: named reasons in both languages.

use std::fmt;

macro_rules! reasons {
    ($(#[$enum_doc:meta])* pub enum $enum:ident { $($(#[$doc:meta])* $variant:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* } = $name:literal, $english:literal, $chinese:literal;)* }) => {
        $(#[$enum_doc])*
        ///
        /// A named reason: the name keeps its meaning for ever, the texts carry what was compared.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $enum {
            $($(#[$doc])* $variant { $($(#[$field_doc])* $field: $type),* },)*
        }

        impl $enum {
            /// The names of all reasons.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The machine's name, such as `node.clock_behind`.
            pub fn name(&self) -> &'static str {
                match self { $($enum::$variant { .. } => $name,)* }
            }

            /// The reason in English.
            pub fn english(&self) -> String {
                match self { $($enum::$variant { $($field),* } => format!($english),)* }
            }

            /// The reason in Chinese.
            pub fn chinese(&self) -> String {
                match self { $($enum::$variant { $($field),* } => format!($chinese),)* }
            }
        }

        impl std::fmt::Display for $enum {
            /// `node.in_use: data is in use by another process`.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}: {}", self.name(), self.english())
            }
        }

        impl std::error::Error for $enum {}
    };
}

pub(crate) use reasons;

reasons! {
    /// Why a folder is not made, or its node does not start.
    pub enum Refusal {
    /// A file or folder cannot be read or written.
    File {
        /// Which.
        path: String,
        /// What the system says.
        error: String
    } = "node.file", "{path}: {error}", "{path}：{error}";
    /// The folder of a member lacks a file.
    NotAFolder {
        /// The folder.
        path: String,
        /// The file that is missing.
        missing: String
    } = "node.not_a_folder",
        "{path} is not the folder of a member: it has no {missing}", "{path} 不是成员的文件夹：缺少 {missing}";
    /// What exists is not overwritten.
    Exists {
        /// What exists.
        path: String
    } = "node.exists", "{path} exists; choose another name", "{path} 已存在，请换一个名称";
    /// `node.toml` says what is not understood or out of bounds.
    Configuration {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// What is wrong.
        fault: String
    } = "node.configuration", "{path}, line {line}: {fault}", "{path} 第 {line} 行：{fault}";
    /// The list of members says what is not understood.
    Members {
        /// The line, or 0 for the whole.
        line: usize,
        /// What is wrong.
        fault: String
    } = "network.members", "members, line {line}: {fault}", "成员清单第 {line} 行：{fault}";
    /// A chain cannot begin so.
    Genesis {
        /// The file, or what it would be made of.
        path: String,
        /// The faults.
        faults: String
    } = "node.genesis", "{path}: no chain can begin so: {faults}", "{path}：创世内容无效：{faults}";
    /// A key file that others may read.
    KeyOpen {
        /// The file.
        path: String,
        /// Its mode, in octal digits.
        mode: String
    } = "key.open",
        "{path} has mode {mode}: others may read the key; say `chmod 600 {path}`", "{path} 的权限为 {mode}：他人可读取密钥；请执行 `chmod 600 {path}`";
    /// A key file that is none.
    KeyDamaged {
        /// The file.
        path: String,
        /// The line, or 0 for the whole.
        line: usize,
        /// What is wrong; nothing of the secret.
        fault: String
    } = "key.damaged", "{path}, line {line}: {fault}", "{path} 第 {line} 行：{fault}";
    /// A key of another kind.
    KeyKind {
        /// The file.
        path: String,
        /// What it is for.
        found: &'static str,
        /// What is needed.
        needed: &'static str
    } = "key.kind", "{path} is a key of kind `{found}`, one of kind `{needed}` is needed", "{path} 是 `{found}` 类密钥，此处需要 `{needed}` 类密钥";
    /// A key file that is locked, and no passphrase was given.
    KeyLocked {
        /// The file.
        path: String
    } = "key.locked",
        "{path} is locked with a passphrase: name a file that holds it in MEDVEIL_PASSPHRASE_FILE, or give it in MEDVEIL_PASSPHRASE", "{path} 受口令保护：请用 MEDVEIL_PASSPHRASE_FILE 指定口令文件，或用 MEDVEIL_PASSPHRASE 给出口令";
    /// A key file that does not open with the passphrase.
    KeyPassphrase {
        /// The file.
        path: String,
        /// Why.
        error: String
    } = "key.passphrase", "{path} does not open: {error}", "{path} 无法解锁：{error}";
    /// A key that must be in a file is in a token.
    KeyInToken {
        /// The file.
        path: String
    } = "key.in_token",
        "{path} names a key in a token; here the key itself must be in the file", "{path} 指向令牌中的密钥；此处密钥须在文件中";
    /// There is no PIN for a token.
    TokenNoPin {
        /// The file that names the token.
        path: String
    } = "token.no_pin",
        "{path} names no pin-file, and MEDVEIL_TOKEN_PIN is not set", "{path} 未指定 pin-file，且未设置 MEDVEIL_TOKEN_PIN";
    /// The PKCS#11 library cannot be used.
    TokenLibrary {
        /// The file that names it.
        path: String,
        /// What is wrong.
        error: String
    } = "token.library", "{path}: {error}", "{path}：PKCS#11 库不可用：{error}";
    /// No token has the label, or several have.
    TokenMissing {
        /// The file that names it.
        path: String,
        /// What there is.
        error: String
    } = "token.missing", "{path}: {error}", "{path}：找不到令牌：{error}";
    /// The PIN is wrong.
    TokenPin {
        /// The file that names the token.
        path: String,
        /// What the token says.
        error: String
    } = "token.wrong_pin", "{path}: {error}", "{path}：令牌 PIN 错误：{error}";
    /// The token is locked.
    TokenLocked {
        /// The file that names it.
        path: String,
        /// What it says.
        error: String
    } = "token.locked", "{path}: {error}; its security officer must unlock it", "{path}：令牌已锁定，须由安全管理员解锁：{error}";
    /// The token has no such key, or has it already, or keys of another kind only.
    TokenKey {
        /// The file that names it.
        path: String,
        /// What is wrong.
        error: String
    } = "token.key", "{path}: {error}", "{path}：令牌中的密钥不可用：{error}";
    /// The token does not do what it should.
    TokenFailed {
        /// The file that names it.
        path: String,
        /// What it says.
        error: String
    } = "token.failed", "{path}: {error}", "{path}：令牌故障：{error}";
    /// A store is not described so that it can be used.
    StoreConfiguration {
        /// The store.
        place: String,
        /// What is wrong.
        fault: String
    } = "store.configuration", "{place}: {fault}", "{place}：存储配置无效：{fault}";
    /// There are no keys to a store.
    StoreNoKeys {
        /// The store.
        place: String,
        /// Its bucket.
        bucket: String
    } = "store.no_keys",
        "there are no keys to {place}: name a file of them as `keys` under [s3.{bucket}], or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        "没有 {place} 的访问密钥：请在 [s3.{bucket}] 下用 `keys` 指定密钥文件，或设置 AWS_ACCESS_KEY_ID 和 AWS_SECRET_ACCESS_KEY";
    /// A store does not let the node in.
    StoreDenied {
        /// The store.
        place: String,
        /// What it says.
        error: String
    } = "store.denied", "{place} refuses the access keys: {error}", "{place} 拒绝访问密钥：{error}";
    /// There is no such bucket.
    StoreNoBucket {
        /// The store.
        place: String
    } = "store.no_bucket", "{place}: there is no such bucket", "{place}：存储桶不存在";
    /// A store does not answer as it should.
    StoreUnreachable {
        /// The store.
        place: String,
        /// What happened.
        error: String
    } = "store.unreachable", "{place} cannot be reached: {error}", "无法连接 {place}：{error}";
    /// A store holds another member's shards.
    StoreOtherMember {
        /// The store.
        place: String,
        /// Whose it is.
        found: String,
        /// Who this is.
        organisation: String
    } = "store.other_member",
        "{place} holds the shards of {found}, this is the node of {organisation}: give each member a bucket or prefix of its own",
        "{place} 中是 {found} 的分片，而本节点属于 {organisation}：请为每个成员使用单独的存储桶或前缀";
    /// Shards lie elsewhere than is configured.
    StoreLeftBehind {
        /// Where.
        before: String,
        /// What is configured.
        place: String,
        /// What says so.
        note: String
    } = "store.left_behind",
        "shards of this member lie in {before}, which destruction would not reach any more: copy what is there to {place} or do without it (it is rebuilt), remove it there, then remove {note}",
        "本成员的分片仍在 {before}，销毁将无法触及：请将其复制到 {place}（或不复制，缺失的会重建），从原处删除，然后删除 {note}";
    /// The system gives no random numbers.
    NoRandomness {
        /// What it says.
        error: String
    } = "key.no_randomness", "the system gives no random numbers: {error}", "系统未能提供随机数：{error}";
    /// `keys/node.key` is not the key that `node.toml` names.
    WrongKey {
        /// The file.
        path: String,
        /// The key in it.
        found: String,
        /// The key of `node.toml`.
        named: String
    } = "node.wrong_key", "{path} holds the key {found}, node.toml names {named}", "{path} 中的密钥为 {found}，而 node.toml 指定的是 {named}";
    /// The data are those of another key: two nodes with one history could vote against each other.
    OtherKey {
        /// The folder.
        path: String,
        /// The key that the data are of.
        data: String,
        /// The key of the folder.
        key: String
    } = "node.data_of_other_key",
        "{path} was written with the key {data}, this node's key is {key}; a node with a new key begins with an empty data folder or a snapshot",
        "{path} 由密钥 {data} 写成，而本节点的密钥为 {key}；更换密钥后须以空数据文件夹或快照重新开始";
    /// The data are those of another chain.
    OtherChain {
        /// The folder.
        path: String,
        /// The chain that the data are of.
        data: String,
        /// The chain of the genesis.
        genesis: String
    } = "node.wrong_genesis",
        "{path} holds the chain {data}, genesis.toml begins the chain {genesis}", "{path} 中是链 {data} 的数据，而 genesis.toml 对应的链为 {genesis}";
    /// The data were written by something else.
    ForeignData {
        /// The folder.
        path: String,
        /// What lies there.
        found: String
    } = "node.data_foreign", "{path} was not written by a node: it holds `{found}`, but no format.toml", "{path} 不是节点写成的：其中有 `{found}`，却没有 format.toml";
    /// The data were written by a newer version.
    NewerData {
        /// The folder.
        path: String,
        /// Their format.
        found: u64,
        /// The newest known one.
        known: u64
    } = "node.data_newer",
        "{path} has format {found}, this version knows up to {known}: it was written by a newer medveil", "{path} 的格式为 {found}，本版本最高支持 {known}：由更新版本的 medveil 写成";
    /// Another process runs on the folder.
    InUse {
        /// The folder.
        path: String
    } = "node.in_use", "{path} is in use by another process", "{path} 正被另一进程使用";
    /// An address cannot be listened on.
    Address {
        /// What for: `listen` or `http`.
        setting: &'static str,
        /// The address.
        address: String,
        /// What the system says.
        error: String
    } = "node.address_unavailable", "cannot listen on {setting} = {address}: {error}", "无法监听 {setting} = {address}：{error}";
    /// An address is taken.
    AddressInUse {
        /// What for: `listen` or `http`.
        setting: &'static str,
        /// The address.
        address: String
    } = "node.address_in_use", "{setting} = {address} is in use by another process", "{setting} = {address} 已被其他进程占用";
    /// The clock is earlier than the genesis.
    ClockBeforeGenesis {
        /// How far, in milliseconds.
        behind_ms: u64,
        /// How far it may be.
        drift_ms: u64
    } = "node.clock_before_genesis",
        "this machine's clock is {behind_ms} ms before the genesis, more than {drift_ms} ms: set the clock", "本机时钟比创世时间早 {behind_ms} 毫秒，超过允许的 {drift_ms} 毫秒：请校准时钟";
    /// The clock is earlier than the newest block in the folder.
    ClockBeforeTip {
        /// How far, in milliseconds.
        behind_ms: u64,
        /// How far it may be.
        drift_ms: u64,
        /// Height of the block.
        height: u64
    } = "node.clock_before_tip",
        "this machine's clock is {behind_ms} ms before block {height} in the data folder, more than {drift_ms} ms: set the clock", "本机时钟比数据文件夹中的区块 {height} 早 {behind_ms} 毫秒，超过允许的 {drift_ms} 毫秒：请校准时钟";
    /// The snapshot cannot be used.
    Snapshot {
        /// The file.
        path: String,
        /// Why.
        error: String
    } = "node.snapshot", "{path}: {error}", "{path}：快照不可用：{error}";
    /// A snapshot is restored into an empty folder only.
    NotEmpty {
        /// The folder.
        path: String
    } = "node.not_empty",
        "{path} holds data already: a snapshot is restored into an empty data folder", "{path} 中已有数据：快照只能恢复到空的数据文件夹";
    /// No node runs on the folder.
    NotRunning {
        /// The folder.
        path: String
    } = "node.not_running", "no node runs on {path}", "{path} 上没有正在运行的节点";
    /// The engine ended while it started.
    Engine {
        /// What it says.
        error: String
    } = "node.engine", "the node does not start: {error}", "节点未能启动：{error}";
    /// An override names nobody.
    UnknownPeer {
        /// The name in `node.toml`.
        peer: String
    } = "node.unknown_peer",
        "[peers] or [followers] names `{peer}`, which is no Ed25519 key and no organisation with a seat in the genesis",
        "[peers] 或 [followers] 中的 `{peer}` 既不是 Ed25519 公钥，也不是创世文件中有席位的机构";
    }
}

impl Refusal {
    /// A fault of a file or folder.
    pub fn file(path: &std::path::Path, error: impl fmt::Display) -> Self {
        Refusal::File { path: path.display().to_string(), error: error.to_string() }
    }
}

/// The line of an offset into a text, from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// The line and the message of a fault in TOML, without the line's text, which may be a secret.
pub(crate) fn toml_fault(text: &str, error: &toml::de::Error) -> (usize, String) {
    let line = error.span().map_or(1, |span| line_at(text, span.start));
    (line, error.message().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_texts_carry_the_values() {
        let names: std::collections::BTreeSet<_> = Refusal::NAMES.iter().collect();
        assert_eq!(names.len(), Refusal::NAMES.len());
        let refusal = Refusal::NewerData { path: "data".into(), found: 9, known: 1 };
        assert_eq!(refusal.name(), "node.data_newer");
        assert!(refusal.to_string().contains("data has format 9, this version knows up to 1"));
        assert!(refusal.chinese().contains("格式为 9"));
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(["a\nb\nc", "", "a"].map(|text| line_at(text, 4)), [3, 1, 1]);
        assert_eq!(line_at("a\nb", 0), 1);
    }
}
