//! The stores that `node.toml` names: where shards lie, and buckets that sources are read from.
//!
//! Before the node takes part in anything, the store of its shards must answer, let it in and be its own: a store says whose it is in `format.toml`, as a data folder does.

use std::path::Path;

use bytes::Bytes;
use medveil_custodian::Place;
use medveil_ledger::{ChainId, OrganisationId};
use medveil_vault::store::{AccessKeys, Address, Buckets, Connection, MemberStore, StoreError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    folder::{Opened, create_private},
    keys::read_text,
    marker::Marker,
    refusal::{Refusal, toml_fault},
};

/// The stores of a node, open; none of a node that only reads and votes.
#[derive(Clone, Debug, Default)]
pub struct Stores {
    pub(crate) shards: Option<MemberStore>,
    pub(crate) buckets: Buckets,
}

/// Whose shards a bucket holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    format: u64,
    chain: ChainId,
    organisation: OrganisationId,
}

/// The part that every version of the file has.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

/// The file of access keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct KeysFile {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Opened {
    /// Opens the stores that `node.toml` names.
    ///
    /// # Errors
    /// [`Refusal`]: one is not configured, has no keys, does not answer, does not let the node in, or is another member's.
    pub async fn stores(&self) -> Result<Stores, Refusal> {
        let settings = &self.settings;
        if settings.custodian.is_none() {
            return Ok(Stores::default());
        }
        let sources = settings.releases.iter().flat_map(|releases| &releases.datasets);
        let sources = sources.filter_map(|dataset| match &dataset.path {
            Place::Bucket(address) => Some(address),
            Place::Folder(_) => None,
        });
        let mut buckets = Buckets::default();
        for address in settings.custody.store.iter().chain(sources) {
            let name = address.bucket();
            if let Some(connection) = settings.s3.get(name)
                && !buckets.has(name)
            {
                let keys = self.access_keys(address, connection)?;
                buckets.insert(name.to_owned(), connection.clone(), keys);
            }
            buckets.open(address).map_err(|error| refused(address, error))?;
        }
        let folder = self.folder.data().join("custody");
        let shards = match &settings.custody.store {
            None => MemberStore::folder(&folder).map_err(|error| Refusal::file(&folder, error))?,
            Some(address) => {
                let bucket = buckets.open(address).map_err(|error| refused(address, error))?;
                let store = MemberStore::bucket(&bucket);
                let owner = Owner {
                    format: Marker::FORMAT,
                    chain: self.genesis.chain_id(),
                    organisation: settings.organisation,
                };
                owner.claim(&store, address).await?;
                store
            }
        };
        let place = settings.custody.store.as_ref().map_or_else(|| FOLDER.to_owned(), Address::to_string);
        stay(&folder, &place)?;
        Ok(Stores { shards: Some(shards), buckets })
    }

    /// The keys to a bucket: in the file that its section names, or in the environment.
    fn access_keys(&self, address: &Address, connection: &Connection) -> Result<AccessKeys, Refusal> {
        let Some(file) = &connection.keys else {
            let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
            let (Some(id), Some(secret)) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
            else {
                return Err(Refusal::StoreNoKeys {
                    place: address.to_string(),
                    bucket: address.bucket().to_owned(),
                });
            };
            let session = variable("AWS_SESSION_TOKEN").map(Zeroizing::new);
            return Ok(AccessKeys { id, secret: Zeroizing::new(secret), session });
        };
        let path = self.folder.root().join(file);
        let text = read_text(&path)?;
        let found: KeysFile = toml::from_str(&text).map_err(|error| {
            let (line, _) = toml_fault(&text, &error);
            // What TOML says of a line may quote it.
            let fault = "a file of access keys says access-key-id and secret-access-key, and session-token if there is one";
            Refusal::KeyDamaged { path: path.display().to_string(), line, fault: fault.to_owned() }
        })?;
        Ok(AccessKeys {
            id: found.access_key_id,
            secret: Zeroizing::new(found.secret_access_key),
            session: found.session_token.map(Zeroizing::new),
        })
    }
}

impl Owner {
    /// Makes sure that a store is this member's: marks an empty one, checks any other.
    async fn claim(&self, store: &MemberStore, address: &Address) -> Result<(), Refusal> {
        let fault = |error| refused(address, error);
        if let Some(found) = store.note(Marker::FILE).await.map_err(fault)? {
            return self.compare(&found, address);
        }
        if let Some(found) = store.anything().await.map_err(fault)? {
            return Err(Refusal::ForeignData { path: address.to_string(), found });
        }
        let content = toml::to_string(self).expect("numbers and texts have a form in TOML");
        let text = format!("# Whose shards these are. Written once; never change it.\n{content}");
        store.put_note(Marker::FILE, text.into()).await.map_err(fault)?;
        // Not every store that speaks S3 writes on a condition. Of two members that begin at once, one may see the other only at its next start.
        let found = store.note(Marker::FILE).await.map_err(fault)?;
        self.compare(&found.unwrap_or_default(), address)
    }

    fn compare(&self, found: &Bytes, address: &Address) -> Result<(), Refusal> {
        let path = address.to_string();
        let damaged = || Refusal::ForeignData { path: address.to_string(), found: Marker::FILE.to_owned() };
        let text = std::str::from_utf8(found).map_err(|_| damaged())?;
        let Format { format } = toml::from_str(text).map_err(|_| damaged())?;
        if format > Marker::FORMAT {
            return Err(Refusal::NewerData { path, found: format, known: Marker::FORMAT });
        }
        let found: Owner = toml::from_str(text).map_err(|_| damaged())?;
        if found.chain != self.chain {
            let (data, genesis) = (found.chain.to_string(), self.chain.to_string());
            return Err(Refusal::OtherChain { path, data, genesis });
        }
        if found.organisation != self.organisation {
            let (found, organisation) = (found.organisation.to_string(), self.organisation.to_string());
            return Err(Refusal::StoreOtherMember { place: path, found, organisation });
        }
        Ok(())
    }
}

/// What a node's own folder is called where the place of its shards is noted.
const FOLDER: &str = "data/custody/objects";

/// Refuses to leave shards where destruction would not reach them any more: where they lie is noted beside them, and stays.
fn stay(custody: &Path, place: &str) -> Result<(), Refusal> {
    use std::io::ErrorKind::NotFound;
    let (note, objects) = (custody.join("place"), custody.join("objects"));
    let before = match std::fs::read_to_string(&note) {
        Ok(before) => Some(before.trim().to_owned()),
        Err(error) if error.kind() != NotFound => return Err(Refusal::file(&note, error)),
        // Written before places were noted, or by hand.
        Err(_) => match std::fs::read_dir(&objects).map(|mut entries| entries.next().is_some()) {
            Ok(any) => any.then(|| FOLDER.to_owned()),
            Err(error) if error.kind() != NotFound => return Err(Refusal::file(&objects, error)),
            Err(_) => None,
        },
    };
    match before {
        Some(before) if before != place => Err(Refusal::StoreLeftBehind {
            before,
            place: place.to_owned(),
            note: note.display().to_string(),
        }),
        _ => {
            create_private(custody)?;
            std::fs::write(&note, format!("{place}\n")).map_err(|error| Refusal::file(&note, error))
        }
    }
}

fn refused(address: &Address, error: StoreError) -> Refusal {
    let place = address.to_string();
    match error {
        StoreError::Configuration { what, .. } => Refusal::StoreConfiguration { place, fault: what },
        StoreError::Denied { what, .. } => Refusal::StoreDenied { place, error: what },
        StoreError::NoBucket { .. } => Refusal::StoreNoBucket { place },
        StoreError::Failed { source, .. } => Refusal::StoreUnreachable { place, error: source.to_string() },
        error => Refusal::StoreUnreachable { place, error: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(chain: u8, organisation: &str) -> Owner {
        Owner {
            format: 1,
            chain: ChainId([chain; 32]),
            organisation: OrganisationId::new(organisation).unwrap(),
        }
    }

    #[test]
    fn a_store_stays_with_its_chain_and_member() {
        let folder = tempfile::tempdir().unwrap();
        let store = MemberStore::folder(folder.path()).unwrap();
        let address = "s3://shards/one".parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let claim = |owner: Owner| runtime.block_on(owner.claim(&store, &address));
        claim(owner(1, "hospital-1")).unwrap();
        claim(owner(1, "hospital-1")).unwrap();
        assert_eq!(claim(owner(2, "hospital-1")).unwrap_err().name(), "node.wrong_genesis");
        assert_eq!(claim(owner(1, "hospital-2")).unwrap_err().name(), "store.other_member");
        std::fs::write(folder.path().join(Marker::FILE), "format = 2\nmore = 1\n").unwrap();
        assert_eq!(claim(owner(1, "hospital-1")).unwrap_err().name(), "node.data_newer");
        std::fs::remove_file(folder.path().join(Marker::FILE)).unwrap();
        std::fs::write(folder.path().join("letters.txt"), "").unwrap();
        assert_eq!(claim(owner(1, "hospital-1")).unwrap_err().name(), "node.data_foreign");
    }

    #[test]
    fn shards_that_destruction_would_not_reach_are_not_left_behind() {
        let home = tempfile::tempdir().unwrap();
        let custody = home.path().join("custody");
        let refused = |place: &str| stay(&custody, place).unwrap_err().name();
        stay(&custody, "s3://shards").unwrap();
        stay(&custody, "s3://shards").unwrap();
        assert_eq!(
            (refused("s3://shards/other"), refused(FOLDER)),
            ("store.left_behind", "store.left_behind")
        );
        std::fs::remove_file(custody.join("place")).unwrap();
        stay(&custody, FOLDER).unwrap();
        assert_eq!(refused("s3://shards"), "store.left_behind");
        // A folder of before places were noted.
        std::fs::remove_file(custody.join("place")).unwrap();
        std::fs::create_dir_all(custody.join("objects/x")).unwrap();
        assert_eq!(refused("s3://shards"), "store.left_behind");
        stay(&custody, FOLDER).unwrap();
    }
}
