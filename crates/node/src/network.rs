//! A new network: from a list of members to a genesis and a folder for each.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use medveil_ledger::{
    Genesis, OrganisationId, PublicKey, RelyingParty, Slug, Suite,
    genesis::{FirstIssuer, GenesisError, Member},
    role::{Capacity, Role},
    state::{
        charter::Thresholds,
        organisation::OrganisationName,
        parameters::Parameters,
        validators::{Address, Seat, ValidatorKey},
    },
    x509::{CertificateDer, pem},
};
use serde::Deserialize;
use toml::Spanned;

use crate::{
    config::First,
    folder::{Folder, create_private},
    keys::{KeyFile, Kind},
    refusal::{Refusal, line_at, toml_fault},
};

/// The list of members that a network is made from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Members {
    /// The name of the chain.
    pub chain: Slug,
    /// When it begins, in milliseconds since 1970; now, when left out.
    #[serde(default)]
    pub time_ms: Option<u64>,
    /// Blocks in an epoch.
    #[serde(default = "epoch_length")]
    pub epoch_length: u64,
    /// For whom passkeys sign; pages of this machine, when left out.
    #[serde(default)]
    pub relying_party: Option<RelyingParty>,
    /// Votes that proposals take.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// The first parameters.
    #[serde(default)]
    pub parameters: Parameters,
    /// Certificates of certification authorities that are admitted from the beginning: PEM, or DER in hexadecimal digits.
    #[serde(default)]
    pub issuers: Vec<IssuerText>,
    /// The members, each with the place where it stands.
    #[serde(rename = "member")]
    pub members: Vec<Spanned<Entry>>,
    /// Lines of the members, by index.
    #[serde(skip)]
    lines: Vec<usize>,
}

/// A certificate as people write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct IssuerText(CertificateDer);

impl TryFrom<String> for IssuerText {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let der = pem::read(pem::CERTIFICATE, &text).or_else(|| hex::decode(&text).ok());
        let der = der.and_then(|der| CertificateDer::new(der).ok());
        der.map(IssuerText).ok_or("expected a certificate: PEM, or DER in hexadecimal digits")
    }
}

/// A member of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// The name on the ledger, and of the folder.
    pub organisation: OrganisationId,
    /// The name for people.
    pub name: OrganisationName,
    /// What it is in the consortium.
    pub role: Role,
    /// Where its validator is reached; no seat, when left out.
    #[serde(default)]
    pub address: Option<Address>,
    /// Where its node answers HTTP.
    #[serde(default = "http")]
    pub http: SocketAddr,
    /// Where other members reach that; when left out, `http`, with the host of `address` if `http` names none.
    #[serde(default)]
    pub http_address: Option<Address>,
    /// The public half of its node's key, if it made that itself: then its folder has no `keys/node.key`.
    #[serde(default)]
    pub node_key: Option<PublicKey>,
    /// The same of its administrator's key.
    #[serde(default)]
    pub administrator_key: Option<PublicKey>,
    /// The same of the key of the account that its node acts with.
    #[serde(default)]
    pub custodian_key: Option<PublicKey>,
    /// The suite of the administrator's key that is made: `ed25519` or `sm2`.
    #[serde(default)]
    pub suite: AdministratorSuite,
}

/// Suites of the administrator's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdministratorSuite {
    /// Ed25519.
    #[default]
    Ed25519,
    /// SM2.
    Sm2,
}

fn epoch_length() -> u64 {
    1000
}

fn http() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))
}

impl Members {
    /// Reads a list.
    ///
    /// # Errors
    /// [`Refusal::Members`] with the line.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut members: Members = toml::from_str(text).map_err(|error| {
            let (line, fault) = toml_fault(text, &error);
            Refusal::Members { line, fault }
        })?;
        members.lines = members.members.iter().map(|member| line_at(text, member.span().start)).collect();
        members.check()?;
        Ok(members)
    }

    /// What the genesis does not know of: places of this machine.
    fn check(&self) -> Result<(), Refusal> {
        let mut seen: BTreeMap<String, OrganisationId> = BTreeMap::new();
        for (index, member) in self.members.iter().enumerate() {
            let member = member.as_ref();
            let refuse = |fault: String| Err(Refusal::Members { line: self.line(index), fault });
            let organisation = member.organisation;
            if let Some(other) = seen.insert(organisation.to_string(), organisation) {
                return refuse(format!("`{other}` is a member twice"));
            }
            if let Some(address) = &member.address
                && let Some(other) = seen.insert(address.to_string(), organisation)
            {
                return refuse(format!("`{organisation}` has the address {address} of `{other}`"));
            }
            // Members of one machine have loopback addresses, and need one each.
            if member.http.ip().is_loopback()
                && let Some(address) = &member.address
                && address.to_string().parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
                && let Some(other) = seen.insert(format!("http {}", member.http), organisation)
            {
                return refuse(format!("`{organisation}` has the http address {} of `{other}`", member.http));
            }
            if member.address.is_none() && member.node_key.is_some() {
                return refuse(format!("`{organisation}` has a node-key, but no address and so no seat"));
            }
            if let Some(key) = member.custodian_key
                && member.administrator_key == Some(key)
            {
                return refuse(format!("the custodian-key of `{organisation}` is its administrator-key"));
            }
            if member.node_key.is_some_and(|key| key.suite() != Suite::Ed25519) {
                return refuse(format!("the node-key of `{organisation}` is not of suite ed25519"));
            }
        }
        Ok(())
    }

    fn line(&self, index: usize) -> usize {
        self.lines.get(index).copied().unwrap_or_default()
    }

    /// Makes keys, the genesis and a folder for each member, all in `out`, which must not exist.
    ///
    /// Whole or not at all: it is made beside `out` and moved there at last. `now_ms` is when the chain begins unless the list says it.
    ///
    /// # Errors
    /// [`Refusal`]: `out` exists, a chain cannot begin so, or the system refuses.
    pub fn create(&self, out: &Path, now_ms: u64) -> Result<Created, Refusal> {
        if out.symlink_metadata().is_ok() {
            return Err(Refusal::Exists { path: out.display().to_string() });
        }
        let keys =
            self.members.iter().map(|member| Keys::of(member.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let genesis = self.genesis(&keys, now_ms)?;
        let stage = Stage::new(out)?;
        let text = format!("{}{}", genesis_comment(&genesis), genesis.to_toml());
        write_text(&stage.path.join(Folder::GENESIS), &text)?;
        let (names, addresses) = (self.any_source_address(), self.http_addresses());
        for (member, keys) in self.members.iter().zip(&keys) {
            keys.write(
                member.as_ref(),
                &Folder::new(stage.path.join(member.as_ref().organisation.as_str())),
                &text,
                names,
                &addresses,
            )?;
        }
        stage.publish(out)?;
        let folders = self.members.iter().map(|member| out.join(member.as_ref().organisation.as_str()));
        Ok(Created { genesis, folders: folders.collect() })
    }

    /// Where members' nodes answer each other's HTTP.
    fn http_addresses(&self) -> BTreeMap<OrganisationId, Address> {
        let address = |member: &Entry| {
            let http = member.http;
            let own = member.address.as_ref().filter(|_| http.ip().is_unspecified());
            let host = own.and_then(|address| Some(address.as_str().rsplit_once(':')?.0.to_owned()));
            let named = match host {
                Some(host) => format!("{host}:{}", http.port()).parse(),
                None => http.to_string().parse(),
            };
            member.http_address.clone().or(named.ok())
        };
        let members = self.members.iter().map(|member| member.as_ref());
        members.filter_map(|member| Some((member.organisation, address(member)?))).collect()
    }

    /// Whether some address is a name, whose connections come from who knows where.
    fn any_source_address(&self) -> bool {
        let addresses = self.members.iter().filter_map(|member| member.as_ref().address.as_ref());
        addresses.into_iter().any(|address| address.to_string().parse::<SocketAddr>().is_err())
    }

    fn genesis(&self, keys: &[Keys], now_ms: u64) -> Result<Genesis, Refusal> {
        let members = self.members.iter().zip(keys).map(|(member, keys)| {
            let member = member.as_ref();
            let seat =
                member.address.clone().zip(keys.node_public()).map(|(address, key)| Seat { key, address });
            Member {
                organisation: member.organisation,
                name: member.name.clone(),
                role: member.role,
                seat,
                accounts: BTreeMap::from([
                    (Keys::public(&keys.administrator), Capacity::Administrator),
                    (Keys::public(&keys.custodian), Capacity::Custodian),
                ]),
            }
        });
        let mut members: Vec<Member> = members.collect();
        members.sort_by_key(|member| member.organisation);
        let issuers = self.issuers.iter().map(|text| FirstIssuer { certificate: text.0.clone() });
        let mut issuers: Vec<FirstIssuer> = issuers.collect();
        issuers.sort_by_key(FirstIssuer::id);
        let genesis = Genesis {
            chain: self.chain,
            time_ms: self.time_ms.unwrap_or(now_ms),
            epoch_length: self.epoch_length,
            relying_party: self.relying_party.clone().unwrap_or_else(|| self.local_wallet()),
            thresholds: self.thresholds,
            parameters: self.parameters.clone(),
            members,
            issuers,
        };
        match genesis.faults() {
            faults if faults.is_empty() => Ok(genesis),
            faults => Err(Refusal::Members { line: 1, fault: GenesisError::Faults(faults).to_string() }),
        }
    }

    /// Passkeys of pages that the nodes of this machine serve.
    fn local_wallet(&self) -> RelyingParty {
        let ports = self.members.iter().map(|member| member.as_ref().http);
        let mut origins: Vec<String> = ports
            .filter(|http| http.ip().is_loopback())
            .map(|http| format!("http://localhost:{}", http.port()))
            .collect();
        origins.sort();
        origins.dedup();
        origins.truncate(Genesis::MAX_ORIGINS);
        if origins.is_empty() {
            origins.push("http://localhost:8080".into());
        }
        RelyingParty { id: "localhost".into(), origins }
    }
}

/// A network that was made.
#[derive(Clone, Debug)]
pub struct Created {
    /// How the chain begins.
    pub genesis: Genesis,
    /// The members' folders, in the order of the list.
    pub folders: Vec<PathBuf>,
}

/// The keys of a member: made here, or public halves of its own.
struct Keys {
    node: Result<KeyFile, PublicKey>,
    administrator: Result<KeyFile, PublicKey>,
    custodian: Result<KeyFile, PublicKey>,
}

impl Keys {
    fn of(member: &Entry) -> Result<Self, Refusal> {
        let suite = match member.suite {
            AdministratorSuite::Ed25519 => Suite::Ed25519,
            AdministratorSuite::Sm2 => Suite::Sm2,
        };
        let made = |own: Option<PublicKey>, kind, suite| match own {
            Some(public) => Ok(Err(public)),
            None => KeyFile::generate(kind, suite).map(Ok),
        };
        Ok(Self {
            node: made(member.node_key, Kind::Node, Suite::Ed25519)?,
            administrator: made(member.administrator_key, Kind::Account, suite)?,
            custodian: made(member.custodian_key, Kind::Account, Suite::Ed25519)?,
        })
    }

    fn public(key: &Result<KeyFile, PublicKey>) -> PublicKey {
        key.as_ref().map_or_else(|public| *public, KeyFile::public)
    }

    fn node_public(&self) -> Option<ValidatorKey> {
        match Self::public(&self.node) {
            PublicKey::Ed25519(key) => Some(ValidatorKey(key)),
            _ => None,
        }
    }

    /// Writes the member's folder.
    fn write(
        &self,
        member: &Entry,
        folder: &Folder,
        genesis: &str,
        any_source_address: bool,
        members: &BTreeMap<OrganisationId, Address>,
    ) -> Result<(), Refusal> {
        create_private(&folder.root().join("keys"))?;
        let first = First {
            organisation: member.organisation,
            name: member.name.as_str(),
            key: Self::public(&self.node),
            custodian: Self::public(&self.custodian),
            listen: listen(member.address.as_ref()),
            http: member.http,
            any_source_address,
            members,
        };
        write_text(&folder.settings_file(), &first.to_toml())?;
        write_text(&folder.genesis_file(), genesis)?;
        if let Ok(key) = &self.node {
            key.write(&folder.node_key_file())?;
        }
        if let Ok(key) = &self.administrator {
            key.write(&folder.administrator_key_file())?;
        }
        if let Ok(key) = &self.custodian {
            key.write(&folder.custodian_key_file())?;
        }
        Ok(())
    }
}

/// Where a node listens whose members reach it at `address`: there, if that is this machine alone, and on all its addresses otherwise.
fn listen(address: Option<&Address>) -> SocketAddr {
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let Some(address) = address.map(ToString::to_string) else {
        return SocketAddr::new(any, 7001);
    };
    match address.parse::<SocketAddr>() {
        Ok(socket) if socket.ip().is_loopback() => socket,
        Ok(socket) => SocketAddr::new(any, socket.port()),
        Err(_) => {
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
            SocketAddr::new(any, port.expect("an address ends with its port"))
        }
    }
}

fn genesis_comment(genesis: &Genesis) -> String {
    format!(
        "# How the chain `{}` begins. All members have this file, and whoever checks evidence; its digest is the chain's id:\n# {}\n\
         # Never change it: another genesis is another chain. 请勿修改：不同的创世文件即不同的链。\n\n",
        genesis.chain,
        genesis.chain_id(),
    )
}

fn write_text(path: &Path, text: &str) -> Result<(), Refusal> {
    std::fs::write(path, text).map_err(|error| Refusal::file(path, error))
}

/// A folder beside the one that is made; removed unless it is moved there.
struct Stage {
    path: PathBuf,
}

impl Stage {
    fn new(out: &Path) -> Result<Self, Refusal> {
        let name = out.file_name().ok_or_else(|| Refusal::file(out, "is no name of a folder"))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.partial", std::process::id()));
        let path = out.with_file_name(hidden);
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|error| Refusal::file(parent, error))?;
        }
        std::fs::create_dir(&path).map_err(|error| Refusal::file(&path, error))?;
        Ok(Self { path })
    }

    fn publish(mut self, out: &Path) -> Result<(), Refusal> {
        std::fs::rename(&self.path, out).map_err(|error| Refusal::file(out, error))?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // What cannot be removed lies beside, under a name that says what it is.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"chain = "trial"
epoch-length = 100

[[member]]
organisation = "hospital-2"
name = "第二医院"
role = "hospital"
address = "127.0.0.1:7002"
http = "127.0.0.1:8082"
suite = "sm2"

[[member]]
organisation = "hospital-1"
name = "First Hospital"
role = "hospital"
address = "127.0.0.1:7001"
http = "127.0.0.1:8081"

[[member]]
organisation = "regulator-1"
name = "卫生健康委员会"
role = "regulator"
address = "node.regulator.example:7001"

[[member]]
organisation = "university"
name = "University"
role = "research"

[parameters]
min-validators = 3
"#;

    const NOW: u64 = 1_767_225_600_000;

    fn fault(list: &str) -> (usize, String) {
        let made = Members::parse(list).and_then(|members| {
            let out = tempfile::tempdir().unwrap();
            members.create(&out.path().join("network"), NOW)
        });
        match made.unwrap_err() {
            Refusal::Members { line, fault } => (line, fault),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn each_member_gets_a_folder_that_opens() {
        let parent = tempfile::tempdir().unwrap();
        let out = parent.path().join("network");
        let created = Members::parse(LIST).unwrap().create(&out, NOW).unwrap();
        assert_eq!(created.folders.len(), 4);
        let genesis = crate::folder::read_genesis(&out.join("genesis.toml")).unwrap();
        assert_eq!((genesis.chain_id(), genesis.time_ms), (created.genesis.chain_id(), NOW));
        assert_eq!(genesis.validators().validators.len(), 3);
        for path in &created.folders {
            let opened = Folder::new(path).open(NOW).unwrap();
            assert_eq!(opened.genesis, genesis);
            assert_eq!(opened.has_seat(), opened.settings.organisation.as_str() != "university");
            let key = KeyFile::read(&opened.folder.administrator_key_file(), Kind::Account).unwrap();
            let member = genesis
                .members
                .iter()
                .find(|member| member.organisation == opened.settings.organisation)
                .unwrap();
            let custodian = KeyFile::read(&opened.folder.custodian_key_file(), Kind::Account).unwrap();
            let accounts = BTreeMap::from([
                (key.public(), Capacity::Administrator),
                (custodian.public(), Capacity::Custodian),
            ]);
            assert_eq!(member.accounts, accounts);
            let suite =
                if member.organisation.as_str() == "hospital-2" { Suite::Sm2 } else { Suite::Ed25519 };
            assert_eq!(key.public().suite(), suite);
            // A name among the addresses: connections of that member come from an address nobody knows.
            assert!(opened.settings.any_source_address);
        }
        let names: Vec<_> =
            std::fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["network"], "nothing is left beside");
        let settings = Folder::new(out.join("regulator-1")).settings().unwrap();
        assert_eq!(settings.listen, "0.0.0.0:7001".parse().unwrap());
    }

    #[test]
    fn a_member_that_makes_its_own_keys_keeps_them() {
        let own = KeyFile::generate(Kind::Node, Suite::Ed25519).unwrap();
        let administrator = KeyFile::generate(Kind::Account, Suite::Sm2).unwrap();
        let list = LIST.replace(
            "name = \"First Hospital\"",
            &format!(
                "name = \"First Hospital\"\nnode-key = \"{}\"\nadministrator-key = \"{}\"",
                own.public(),
                administrator.public()
            ),
        );
        let parent = tempfile::tempdir().unwrap();
        let out = parent.path().join("network");
        Members::parse(&list).unwrap().create(&out, NOW).unwrap();
        let folder = Folder::new(out.join("hospital-1"));
        assert!(!folder.node_key_file().exists() && !folder.administrator_key_file().exists());
        let refusal = folder.open(NOW).unwrap_err();
        assert!(
            matches!(refusal, Refusal::NotAFolder { ref missing, .. } if missing == "keys/node.key"),
            "{refusal}"
        );
        own.write(&folder.node_key_file()).unwrap();
        assert!(folder.open(NOW).unwrap().has_seat());
    }

    #[test]
    fn each_fault_tells_its_line_or_its_member() {
        let second = "[[member]]\norganisation = \"hospital-1\"";
        for (was, is, line, says) in [
            ("role = \"regulator\"", "role = \"ministry\"", 22, "unknown variant `ministry`"),
            ("suite = \"sm2\"", "suite = \"rsa\"", 10, "unknown variant `rsa`"),
            ("http = \"127.0.0.1:8081\"", "htpp = \"127.0.0.1:8081\"", 17, "unknown field `htpp`"),
            ("name = \"University\"", "", 25, "missing field `name`"),
            ("127.0.0.1:7001", "127.0.0.1", 16, ""),
            ("127.0.0.1:7001", "127.0.0.1:7002", 12, "has the address 127.0.0.1:7002 of `hospital-2`"),
            ("127.0.0.1:8081", "127.0.0.1:8082", 12, "has the http address 127.0.0.1:8082 of `hospital-2`"),
            (second, "[[member]]\norganisation = \"hospital-2\"", 12, "`hospital-2` is a member twice"),
            ("\"university\"", "\"Uni versity\"", 26, ""),
            (
                "role = \"research\"",
                "role = \"research\"\nnode-key = \"ed25519:00\"",
                29,
                "64 hexadecimal digits",
            ),
            ("min-validators = 3", "min-validators = 4", 1, "3 validators, at least 4 are needed"),
            ("epoch-length = 100", "epoch-length = 1", 1, "an epoch of 1 blocks is not between"),
        ] {
            assert_ne!(LIST.replace(was, is), LIST, "{was}");
            let (found, fault) = fault(&LIST.replace(was, is));
            assert!(fault.contains(says), "{is}: {fault}");
            assert_eq!(found, line, "{is}: {fault}");
        }
        assert!(fault("chain = \"trial\"\n").1.contains("missing field `member`"));
        let key = KeyFile::generate(Kind::Account, Suite::Sm2).unwrap().public();
        let wrong =
            LIST.replace("address = \"127.0.0.1:7001\"", &format!("address = \"a:1\"\nnode-key = \"{key}\""));
        assert!(fault(&wrong).1.contains("not of suite ed25519"));
    }

    #[test]
    fn what_exists_stays_as_it_is_and_a_failure_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let out = parent.path().join("network");
        std::fs::write(&out, "mine").unwrap();
        let members = Members::parse(LIST).unwrap();
        assert_eq!(members.create(&out, NOW).unwrap_err().name(), "node.exists");
        assert_eq!(std::fs::read(&out).unwrap(), b"mine");
        // A folder whose name no file can have, so that it fails after the keys were made.
        let long = parent.path().join("n".repeat(250));
        assert_eq!(members.create(&long, NOW).unwrap_err().name(), "node.file");
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
