//! The genesis: how a chain begins.
//!
//! People write it as TOML, everybody hashes its canonical bytes: the digest is the chain's id, so that two consortia never take each other's transactions. It fixes the first
//! members with their accounts and seats, the thresholds of votes, for whom passkeys sign, and the first parameters.

mod later;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use later::FirstIssuer;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::encoding::{Canonical, DecodeError};
use crate::execute::BlockContext;
use crate::id::{AccountId, ChainId, Digest, IssuerId, OrganisationId, Slug};
use crate::public_key::PublicKey;
use crate::refusal::{Fact, Named, refusals};
use crate::role::{Capacity, Role};
use crate::signature::{RelyingParty, ed25519};
use crate::state::State;
use crate::state::account::{Account, KeySet};
use crate::state::charter::{Charter, Threshold, Thresholds};
use crate::state::key::Key;
use crate::state::organisation::{Organisation, OrganisationName};
use crate::state::parameters::Parameters;
use crate::state::validators::{KeyHolder, Roster, Seat, ValidatorKey, ValidatorSet};

/// How a chain begins. What is read is checked: a `Genesis` has no faults unless it was put together by hand.
///
/// The canonical bytes are the fields in their order. What came later (some parameters, issuers) stands at the end, and only if there is any, so that
/// chains without it keep their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Genesis {
    /// The name that the members give the chain.
    pub chain: Slug,
    /// When it begins: milliseconds since 1970.
    pub time_ms: u64,
    /// Blocks in an epoch: how long a change of validators may take.
    #[serde(default = "default_epoch_length")]
    pub epoch_length: u64,
    /// For whom passkeys sign.
    pub relying_party: RelyingParty,
    /// Votes that proposals take.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// The first parameters.
    #[serde(default)]
    pub parameters: Parameters,
    /// The first members, in the order of their ids.
    #[serde(rename = "member")]
    pub members: Vec<Member>,
    /// Certification authorities that are admitted from the beginning, in the order of their ids.
    #[serde(rename = "issuer", default, skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<FirstIssuer>,
}

/// An organisation that is a member from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Member {
    /// The name on the ledger.
    pub organisation: OrganisationId,
    /// The name for people.
    pub name: OrganisationName,
    /// What it is in the consortium.
    pub role: Role,
    /// The seat of its validator, if it has one: key and address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat: Option<Seat>,
    /// Its first accounts: key and capacity. At least one administrator.
    pub accounts: BTreeMap<PublicKey, Capacity>,
}

fn default_epoch_length() -> u64 {
    1000
}

refusals! {
    /// Why a chain cannot begin so.
    pub enum GenesisFault in "genesis" {
        /// GEN-1: nobody.
        NoMembers {} = "no_members",
            "there are no members", "没有成员";
        /// GEN-1: too many.
        TooManyMembers { members: u64, max: u64 } = "too_many_members",
            "{members} members, at most {max} are allowed", "成员过多";
        /// GEN-1: one name twice.
        DuplicateMember { organisation: OrganisationId } = "duplicate_member",
            "`{organisation}` is a member twice", "成员重复";
        /// GEN-1: the canonical order.
        Order { organisation: OrganisationId } = "order",
            "`{organisation}` is not in the order of the members' ids", "成员未按标识排序";
        /// GEN-2: nobody acts for a member.
        NoAdministrator { organisation: OrganisationId } = "no_administrator",
            "`{organisation}` has no administrator", "机构没有管理员";
        /// GEN-2: too many accounts.
        TooManyAccounts { organisation: OrganisationId, accounts: u64, max: u64 } = "too_many_accounts",
            "`{organisation}` has {accounts} accounts, at most {max} are allowed", "账户过多";
        /// GEN-2: patients come later.
        Patient { organisation: OrganisationId } = "patient",
            "`{organisation}` has a patient's account: patients are enrolled on the chain", "创世文件不含患者账户";
        /// GEN-2: the key is no point.
        InvalidKey { organisation: OrganisationId, key: PublicKey } = "invalid_key",
            "`{key}` of `{organisation}` is no valid public key", "公钥无效";
        /// GEN-2: one key twice.
        DuplicateKey { organisation: OrganisationId, key: PublicKey } = "duplicate_key",
            "`{key}` of `{organisation}` is another account's key", "公钥重复";
        /// GEN-3: the validator's key is no point.
        InvalidValidatorKey { organisation: OrganisationId, key: ValidatorKey } = "invalid_validator_key",
            "the validator key `{key}` of `{organisation}` is no valid Ed25519 key", "验证者公钥无效";
        /// GEN-3: one validator's key twice.
        DuplicateValidatorKey { organisation: OrganisationId, key: ValidatorKey } = "duplicate_validator_key",
            "the validator key `{key}` of `{organisation}` is another member's", "验证者公钥重复";
        /// GEN-3: two validators at one address.
        DuplicateAddress { organisation: OrganisationId, address: String } = "duplicate_address",
            "the address `{address}` of `{organisation}` is another member's", "验证者地址重复";
        /// GEN-3: fewer validators than the parameter asks for.
        TooFewValidators { validators: u64, min: u64 } = "too_few_validators",
            "{validators} validators, at least {min} are needed", "验证者过少";
        /// GEN-3: more than a roster holds.
        TooManyValidators { validators: u64, max: u64 } = "too_many_validators",
            "{validators} validators, at most {max} are allowed", "验证者过多";
        /// GEN-4: a threshold that a minority meets, or nobody can meet.
        Threshold { class: &'static str, threshold: String, above: &'static str } = "threshold",
            "the threshold `{class} = {threshold}` is not more than {above} and at most all", "表决阈值不当";
        /// GEN-5: a parameter is out of bounds.
        Parameters { reason: String } = "parameters",
            "{reason}", "参数不当";
        /// GEN-5: the length of epochs.
        EpochLength { epoch_length: u64, min: u64, max: u64 } = "epoch_length",
            "an epoch of {epoch_length} blocks is not between {min} and {max}", "纪元长度不当";
        /// GEN-6: the relying party's id is no domain.
        RelyingParty { id: String } = "relying_party",
            "the relying party's id `{id}` is no lowercase domain", "依赖方标识不是域名";
        /// GEN-6: no origins, or too many.
        Origins { origins: u64, max: u64 } = "origins",
            "{origins} origins, 1 to {max} are allowed", "来源数量不符";
        /// GEN-6: an origin that passkeys of the relying party are not used from.
        Origin { origin: String, id: String } = "origin",
            "`{origin}` is no https origin of `{id}` (http is for localhost)", "来源与依赖方不符";
        /// GEN-7: too many certification authorities.
        TooManyIssuers { issuers: u64, max: u64 } = "too_many_issuers",
            "{issuers} certification authorities, at most {max} are allowed", "证书签发机构过多";
        /// GEN-7: one authority twice, or not in the order of the ids.
        IssuerOrder { issuer: IssuerId } = "issuer_order",
            "the certification authority `{issuer}` stands twice or out of order", "证书签发机构重复或未排序";
        /// GEN-7: the certificate is not that of an authority, or not valid when the chain begins.
        Issuer { issuer: IssuerId, reason: String } = "issuer",
            "the certification authority `{issuer}`: {reason}", "证书签发机构的证书不当";
    }
}

/// Why a text is no genesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenesisError {
    /// It cannot be read; the message tells where.
    Syntax(String),
    /// It can be read, but a chain cannot begin so: all faults.
    Faults(Vec<GenesisFault>),
}

impl fmt::Display for GenesisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GenesisError::Syntax(message) => f.write_str(message),
            GenesisError::Faults(faults) => {
                let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("; "))
            }
        }
    }
}

impl std::error::Error for GenesisError {}

impl Genesis {
    /// The most members.
    pub const MAX_MEMBERS: usize = 1000;
    /// The most accounts of a member.
    pub const MAX_ACCOUNTS: usize = 100;
    /// The most origins of wallets.
    pub const MAX_ORIGINS: usize = 16;
    /// The most certification authorities.
    pub const MAX_ISSUERS: usize = 16;
    /// The shortest and longest epochs.
    pub const EPOCH_LENGTHS: (u64, u64) = (2, 1_000_000);

    /// Reads what people write.
    ///
    /// # Errors
    /// [`GenesisError`] with the line, or with all faults.
    pub fn from_toml(text: &str) -> Result<Self, GenesisError> {
        toml::from_str(text)
            .map_err(|error| GenesisError::Syntax(error.to_string()))
            .and_then(Genesis::checked)
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// [`GenesisError`] with the line, or with all faults.
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        serde_json::from_str(text)
            .map_err(|error| GenesisError::Syntax(error.to_string()))
            .and_then(Genesis::checked)
    }

    /// Reads the canonical bytes.
    ///
    /// # Errors
    /// [`GenesisError`]: not canonical, or faults.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, GenesisError> {
        let genesis =
            Genesis::decode(bytes).map_err(|error: DecodeError| GenesisError::Syntax(error.to_string()))?;
        match genesis.faults() {
            faults if faults.is_empty() => Ok(genesis),
            faults => Err(GenesisError::Faults(faults)),
        }
    }

    /// What people read.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every field has a form in TOML")
    }

    fn checked(mut self) -> Result<Self, GenesisError> {
        // People list members as they like; the canonical order is by id.
        self.members.sort_by_key(|member| member.organisation);
        self.issuers.sort_by_key(FirstIssuer::id);
        let faults = self.faults();
        if faults.is_empty() { Ok(self) } else { Err(GenesisError::Faults(faults)) }
    }

    /// The chain's id: the digest of the canonical bytes.
    pub fn chain_id(&self) -> ChainId {
        ChainId(Digest::of("medveil/genesis/1", &[&self.encode()]).0)
    }

    /// The accounts that exist from the beginning.
    pub fn accounts(&self) -> Vec<(OrganisationId, Capacity, AccountId)> {
        let chain = self.chain_id();
        let accounts = self.members.iter().flat_map(|member| {
            let organisation = member.organisation;
            member
                .accounts
                .iter()
                .map(move |(key, capacity)| (organisation, *capacity, AccountId::derive(chain, key)))
        });
        accounts.collect()
    }

    /// The validators of the first epoch.
    pub fn validators(&self) -> ValidatorSet {
        self.roster().set(0)
    }

    /// The state before the first block.
    pub fn writes(&self) -> BTreeMap<Key, Vec<u8>> {
        let chain = self.chain_id();
        let nothing: BTreeMap<Key, Vec<u8>> = BTreeMap::new();
        let block = BlockContext { chain, height: 0, epoch: 0, time_ms: self.time_ms, epoch_end: false };
        let mut state = State::new(block, &nothing);
        state.create(
            &(),
            Charter {
                chain,
                name: self.chain,
                epoch_length: self.epoch_length,
                thresholds: self.thresholds,
                relying_party: self.relying_party.clone(),
            },
        );
        state.create(&(), self.parameters.clone());
        state.create(&(), self.validators());
        for member in &self.members {
            let organisation = member.organisation;
            state.create(&organisation, Organisation::new(member.name.clone(), member.role, 0));
            for (key, capacity) in &member.accounts {
                let account = Account::new(organisation, *capacity, KeySet::of(*key));
                state.create(&AccountId::derive(chain, key), account);
            }
            if let Some(seat) = &member.seat {
                state.create(&seat.key, KeyHolder { organisation });
            }
        }
        state.create(&(), self.roster());
        for issuer in &self.issuers {
            // A genesis with faults begins no chain.
            if let Ok(read) = issuer.read(0) {
                state.create(&issuer.id(), read);
            }
        }
        let writes = state.into_writes().into_iter();
        writes.filter_map(|(key, value)| value.map(|value| (key, value))).collect()
    }

    fn roster(&self) -> Roster {
        let seats =
            self.members.iter().filter_map(|member| Some((member.organisation, member.seat.clone()?)));
        Roster { seats: seats.collect() }
    }

    /// Everything that keeps a chain from beginning so; empty when nothing does.
    pub fn faults(&self) -> Vec<GenesisFault> {
        let mut faults = Vec::new();
        self.check_members(&mut faults);
        self.check_accounts(&mut faults);
        self.check_seats(&mut faults);
        self.check_thresholds(&mut faults);
        if let Err(reason) = self.parameters.check() {
            faults.push(GenesisFault::Parameters { reason: reason.to_string() });
        }
        let (epoch_length, (min, max)) = (self.epoch_length, Genesis::EPOCH_LENGTHS);
        if epoch_length < min || epoch_length > max {
            faults.push(GenesisFault::EpochLength { epoch_length, min, max });
        }
        self.check_relying_party(&mut faults);
        self.check_issuers(&mut faults);
        faults
    }

    fn check_members(&self, faults: &mut Vec<GenesisFault>) {
        let (members, max) = (self.members.len(), Genesis::MAX_MEMBERS);
        if members == 0 {
            faults.push(GenesisFault::NoMembers {});
        }
        if members > max {
            faults.push(GenesisFault::TooManyMembers { members: members as u64, max: max as u64 });
        }
        for pair in self.members.windows(2) {
            let organisation = pair[1].organisation;
            match pair[0].organisation.cmp(&organisation) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => faults.push(GenesisFault::DuplicateMember { organisation }),
                std::cmp::Ordering::Greater => faults.push(GenesisFault::Order { organisation }),
            }
        }
    }

    fn check_accounts(&self, faults: &mut Vec<GenesisFault>) {
        let mut keys = BTreeSet::new();
        for member in &self.members {
            let organisation = member.organisation;
            if !member.accounts.values().any(|capacity| *capacity == Capacity::Administrator) {
                faults.push(GenesisFault::NoAdministrator { organisation });
            }
            if member.accounts.values().any(|capacity| *capacity == Capacity::Patient) {
                faults.push(GenesisFault::Patient { organisation });
            }
            let (accounts, max) = (member.accounts.len(), Genesis::MAX_ACCOUNTS);
            if accounts > max {
                let (accounts, max) = (accounts as u64, max as u64);
                faults.push(GenesisFault::TooManyAccounts { organisation, accounts, max });
            }
            for key in member.accounts.keys() {
                if !key.check() {
                    faults.push(GenesisFault::InvalidKey { organisation, key: *key });
                }
                if !keys.insert(key) {
                    faults.push(GenesisFault::DuplicateKey { organisation, key: *key });
                }
            }
        }
    }

    fn check_seats(&self, faults: &mut Vec<GenesisFault>) {
        let (mut keys, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for member in &self.members {
            let organisation = member.organisation;
            let Some(Seat { key, address }) = &member.seat else { continue };
            if !ed25519::is_key(&key.0) {
                faults.push(GenesisFault::InvalidValidatorKey { organisation, key: *key });
            }
            if !keys.insert(key) {
                faults.push(GenesisFault::DuplicateValidatorKey { organisation, key: *key });
            }
            if !addresses.insert(address) {
                faults.push(GenesisFault::DuplicateAddress { organisation, address: address.to_string() });
            }
        }
        let validators = self.members.iter().filter(|member| member.seat.is_some()).count() as u64;
        let (min, max) = (self.parameters.min_validators.max(1), Roster::MAX as u64);
        if validators < min {
            faults.push(GenesisFault::TooFewValidators { validators, min });
        }
        if validators > max {
            faults.push(GenesisFault::TooManyValidators { validators, max });
        }
    }

    fn check_thresholds(&self, faults: &mut Vec<GenesisFault>) {
        let Thresholds { membership, parameters, freeze, unfreeze } = self.thresholds;
        let mut check = |class, threshold: Threshold, (numerator, denominator), above| {
            if !threshold.is_above(numerator, denominator) {
                faults.push(GenesisFault::Threshold { class, threshold: threshold.to_string(), above });
            }
        };
        check("membership", membership, (1, 2), "a half");
        check("parameters", parameters, (1, 2), "a half");
        check("freeze", freeze, (1, 3), "a third");
        check("unfreeze", unfreeze, (1, 2), "a half");
    }

    fn check_relying_party(&self, faults: &mut Vec<GenesisFault>) {
        let RelyingParty { id, origins } = &self.relying_party;
        if !is_domain(id) {
            faults.push(GenesisFault::RelyingParty { id: id.chars().take(64).collect() });
        }
        let (count, max) = (origins.len() as u64, Genesis::MAX_ORIGINS as u64);
        if count == 0 || count > max {
            faults.push(GenesisFault::Origins { origins: count, max });
        }
        for origin in origins.iter().filter(|origin| !is_origin_of(origin, id)) {
            let origin = origin.chars().take(128).collect();
            faults.push(GenesisFault::Origin { origin, id: id.chars().take(64).collect() });
        }
    }
}

/// `localhost` or labels with dots between, in lower case (Web Authentication Level 2, 5.1.2: a valid domain string).
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let edges = label.starts_with('-') || label.ends_with('-');
        !label.is_empty() && label.len() <= 63 && label.bytes().all(plain) && !edges
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// Whether pages of the origin may use passkeys of the domain: the host is the domain or one below it.
fn is_origin_of(origin: &str, domain: &str) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else { return false };
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let port = port
        .is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port));
    let secure = scheme == "https" || (scheme == "http" && host == "localhost");
    let below = host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    secure && port && is_domain(host) && below
}

impl Named for GenesisError {
    fn name(&self) -> &'static str {
        match self {
            GenesisError::Syntax(_) => "genesis.syntax",
            GenesisError::Faults(faults) => faults.first().map_or("genesis.syntax", |fault| fault.name()),
        }
    }

    fn chinese(&self) -> &'static str {
        match self {
            GenesisError::Syntax(_) => "创世文件无法读取",
            GenesisError::Faults(faults) => {
                faults.first().map_or("创世文件无法读取", |fault| fault.chinese())
            }
        }
    }

    fn facts(&self) -> Vec<Fact> {
        match self {
            GenesisError::Syntax(_) => Vec::new(),
            GenesisError::Faults(faults) => faults.first().map(Named::facts).unwrap_or_default(),
        }
    }
}
