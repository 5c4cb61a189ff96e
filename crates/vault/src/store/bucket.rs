//! Buckets of stores that speak S3: how one is named, reached and read.
//!
//! ```toml
//! [s3.hospital-1-shards]                    # the bucket of s3://hospital-1-shards/PREFIX
//! endpoint = "https://s3.example.cn"
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::StoreError;

/// `s3://BUCKET/PREFIX`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    bucket: String,
    prefix: Path,
}

/// Not the address of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not s3://BUCKET/PREFIX")]
pub struct AddressError {
    text: String,
}

impl Address {
    /// What every address begins with.
    pub const SCHEME: &str = "s3://";

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        // Who writes keys into an address must not find them in a log.
        let shown = if text.contains('@') { "s3://.." } else { text };
        let error = || AddressError { text: shown.to_owned() };
        let rest = text.strip_prefix(Self::SCHEME).ok_or_else(error)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let named = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
        if bucket.is_empty() || !bucket.chars().all(named) {
            return Err(error());
        }
        let prefix = Path::parse(prefix).map_err(|_| error())?;
        Ok(Address { bucket: bucket.to_owned(), prefix })
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::SCHEME, self.bucket)?;
        if self.prefix.as_ref().is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// How a bucket is reached: a section `[s3.BUCKET]` of a configuration. Keys are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Connection {
    /// Where the store answers; left out, Amazon's own of the region.
    pub endpoint: Option<String>,
    /// The region that requests are signed for; left out, `us-east-1`.
    pub region: Option<String>,
    /// An endpoint of `http://` is taken: only for a store on this machine or in a tunnel.
    pub allow_http: bool,
    /// The bucket is part of the host's name instead of the path.
    pub virtual_hosts: bool,
    /// A file with the access keys; left out, they are in the environment.
    pub keys: Option<PathBuf>,
}

/// What a store knows its user by.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKeys {
    /// The public part.
    pub id: String,
    /// The secret that requests are signed with.
    pub secret: Zeroizing<String>,
    /// What goes with keys that are lent for a while.
    pub session: Option<Zeroizing<String>>,
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The buckets of a configuration, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets(BTreeMap<String, (Connection, AccessKeys)>);

impl Buckets {
    /// Adds a bucket.
    pub fn insert(&mut self, bucket: String, connection: Connection, keys: AccessKeys) {
        self.0.insert(bucket, (connection, keys));
    }

    /// Whether there is a bucket of this name.
    pub fn has(&self, bucket: &str) -> bool {
        self.0.contains_key(bucket)
    }

    /// The bucket of an address, below its prefix. Nothing is connected to yet.
    ///
    /// # Errors
    /// [`StoreError::Configuration`].
    pub fn open(&self, address: &Address) -> Result<Bucket, StoreError> {
        let configuration = |what: String| StoreError::Configuration { place: address.to_string(), what };
        let Some((connection, keys)) = self.0.get(&address.bucket) else {
            return Err(configuration(format!("there is no section [s3.{}]", address.bucket)));
        };
        let Connection { endpoint, region, allow_http, virtual_hosts, keys: _ } = connection;
        if endpoint.as_ref().is_some_and(|endpoint| !endpoint.starts_with("https://")) && !allow_http {
            return Err(configuration("the endpoint is not https://, and allow-http is not set".into()));
        }
        // What is told of none of these: it may be a secret that was put into the wrong place.
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let texts = [region.as_deref().unwrap_or_default(), &keys.id, &keys.secret];
        if !texts.into_iter().chain(keys.session.as_ref().map(|token| token.as_str())).all(plain) {
            return Err(configuration("region and access keys are printable ASCII without spaces".into()));
        }
        if endpoint.as_ref().is_some_and(|endpoint| !is_endpoint(endpoint)) {
            return Err(configuration("the endpoint is not https://HOST or https://HOST:PORT".into()));
        }
        let client = ClientOptions::new()
            .with_allow_http(*allow_http)
            .with_connect_timeout(CONNECT)
            .with_timeout(REQUEST);
        let retry =
            RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: PATIENCE };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&address.bucket)
            .with_region(region.as_deref().unwrap_or("us-east-1"))
            .with_virtual_hosted_style_request(*virtual_hosts)
            .with_access_key_id(&keys.id)
            .with_secret_access_key(keys.secret.as_str())
            .with_client_options(client)
            .with_retry(retry);
        if let Some(endpoint) = endpoint {
            let endpoint = endpoint.trim_end_matches('/');
            // `object_store` leaves it to its user to put the bucket into the host's name.
            let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", endpoint));
            let within = *virtual_hosts && !host.starts_with(&format!("{}.", address.bucket));
            let bucket = if within { format!("{}.", address.bucket) } else { String::new() };
            builder = builder.with_endpoint(format!("{scheme}://{bucket}{host}"));
        }
        if let Some(session) = &keys.session {
            builder = builder.with_token(session.as_str());
        }
        let store = builder.build().map_err(|error| configuration(error.to_string()))?;
        Ok(Bucket { store: Arc::new(store), address: address.clone() })
    }
}

/// Whether a text is `https://HOST` or `http://HOST`, with a port or without: nothing of which a client would make something else, and no place for keys.
fn is_endpoint(text: &str) -> bool {
    let Some((scheme, host)) = text.trim_end_matches('/').split_once("://") else { return false };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let numbers = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let named = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    ["https", "http"].contains(&scheme)
        && !name.is_empty()
        && numbers.map_or_else(|| named(name), |numbers| numbers.parse::<std::net::Ipv6Addr>().is_ok())
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// A bucket below a prefix.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    address: Address,
}

/// An object in a bucket as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name below the prefix: parts without `.` and `..`, with `/` between them.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// What changes whenever the object does.
    pub tag: String,
    location: Path,
}

impl Bucket {
    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn prefix(&self) -> &Path {
        &self.address.prefix
    }

    /// The objects below the prefix, by name; the one that the address names itself, if nothing is below. What stands for a folder alone is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self) -> Result<Vec<Found>, StoreError> {
        let prefix = self.prefix();
        let listed: Vec<ObjectMeta> = self
            .store
            .list(Some(prefix))
            .try_collect()
            .await
            .map_err(|error| StoreError::at(&self.address, error))?;
        let mut found: Vec<Found> =
            listed.into_iter().filter_map(|object| Found::below(prefix, object)).collect();
        if found.is_empty() && !prefix.as_ref().is_empty() {
            match self.store.head(prefix).await {
                Ok(object) => {
                    let name = prefix.filename().unwrap_or_default().to_owned();
                    found.push(Found::of(name, object));
                }
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(StoreError::at(&self.address, error)),
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        let names: Vec<String> = found.iter().map(|object| object.name.clone()).collect();
        found.retain(|object| {
            let folder = format!("{}/", object.name);
            object.size > 0 || !names.iter().any(|name| name.starts_with(&folder))
        });
        Ok(found)
    }

    /// Writes an object's bytes, a part at a time, if it is still the one that was listed.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is another now, [`StoreError::Absent`] when it is gone.
    pub async fn copy(&self, object: &Found, to: &mut (impl Write + Send)) -> Result<(), StoreError> {
        let place = || format!("{}{}/{}", Address::SCHEME, self.address.bucket, object.location);
        let failed = |error| StoreError::at(place(), error);
        let changed = || StoreError::Changed { path: place() };
        // A part at a time, so that no request takes long; nothing that is empty has a range.
        for start in (0..object.size).step_by(PART as usize) {
            let range = start..object.size.min(start + PART);
            let options = GetOptions { range: Some(range.clone().into()), ..GetOptions::default() };
            let got = self.store.get_opts(&object.location, options).await.map_err(failed)?;
            if Found::of(object.name.clone(), got.meta.clone()) != *object || got.range != range {
                return Err(changed());
            }
            let part = got.bytes().await.map_err(failed)?;
            to.write_all(&part).map_err(StoreError::Local)?;
        }
        Ok(())
    }
}

impl Found {
    fn of(name: String, object: ObjectMeta) -> Found {
        // A store without tags has times.
        let tag = object.e_tag.unwrap_or_else(|| object.last_modified.timestamp().to_string());
        // Some quote it in an answer and not in a listing, or call it weak when they have compressed the answer.
        let tag = tag.trim_start_matches("W/").trim_matches('"').to_owned();
        Found { name, size: object.size, tag, location: object.location }
    }

    fn below(prefix: &Path, object: ObjectMeta) -> Option<Found> {
        let parts: Vec<_> =
            object.location.prefix_match(prefix)?.map(|part| part.as_ref().to_owned()).collect();
        (!parts.is_empty()).then(|| Found::of(parts.join("/"), object))
    }
}

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// Bytes that are copied with one request.
const PART: u64 = 8 << 20;

/// How long a request may take with its answer, of 8 MiB at most.
const REQUEST: Duration = Duration::from_secs(60);

/// Tries of a request that failed for what may pass.
const RETRIES: usize = 4;

/// After which it is not tried again: somebody waits.
const PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_bucket_and_a_prefix() {
        for (text, shown) in [
            ("s3://shards", Some("s3://shards")),
            ("s3://shards/", Some("s3://shards")),
            ("s3://a.b-c/x/y/", Some("s3://a.b-c/x/y")),
            ("s3://a/分片", Some("s3://a/分片")),
            ("s3://", None),
            ("s3:///x", None),
            ("s3://a/../b", None),
            ("s3://a b", None),
            ("https://a/b", None),
            ("/srv/extract", None),
        ] {
            let address = text.parse::<Address>();
            assert_eq!(address.as_ref().ok().map(ToString::to_string).as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_missing_or_in_the_clear_is_named_and_keys_are_not_shown() {
        let address: Address = "s3://shards/one".parse().unwrap();
        let mut buckets = Buckets::default();
        let fault = |buckets: &Buckets| buckets.open(&address).unwrap_err().to_string();
        assert!(fault(&buckets).ends_with("there is no section [s3.shards]"));
        let keys = AccessKeys { id: "me".into(), secret: String::from("hush").into(), session: None };
        let connection = Connection { endpoint: Some("http://s3.example".into()), ..Connection::default() };
        buckets.insert("shards".into(), connection.clone(), keys.clone());
        assert!(fault(&buckets).contains("allow-http is not set"));
        buckets.insert("shards".into(), Connection { allow_http: true, ..connection }, keys);
        assert_eq!(buckets.open(&address).unwrap().address(), &address);
        assert!(!format!("{buckets:?}").contains("hush"));
        assert!(!"s3://key:hush@shards/x".parse::<Address>().unwrap_err().to_string().contains("hush"));
    }

    #[test]
    fn what_is_no_endpoint_or_key_is_refused_before_anything_is_connected_to() {
        let address: Address = "s3://shards/one".parse().unwrap();
        let opened = |endpoint: &str, region: &str, id: &str, secret: &str| {
            let mut buckets = Buckets::default();
            let connection = Connection {
                endpoint: Some(endpoint.into()),
                region: Some(region.into()),
                ..Connection::default()
            };
            let keys = AccessKeys { id: id.into(), secret: secret.to_owned().into(), session: None };
            buckets.insert("shards".into(), connection, keys);
            buckets.open(&address).map(drop).map_err(|error| error.to_string())
        };
        for good in
            ["https://s3.example.cn", "https://s3.example.cn:9000/", "https://[::1]:9000", "https://10.0.0.7"]
        {
            assert_eq!(opened(good, "cn-north-1", "me", "hush"), Ok(()), "{good}");
        }
        for bad in [
            "https://a b",
            "https://",
            "https://me:hush@host",
            "https://host/path",
            "https://host:port",
            "https://主机",
        ] {
            let told = opened(bad, "cn-north-1", "me", "hush").unwrap_err();
            assert!(told.contains("the endpoint is not") && !told.contains("hush"), "{told}");
        }
        for (region, id, secret) in [("北京", "me", "hush"), ("x", "me\n", "hush"), ("x", "me", "hush hush")]
        {
            let told = opened("https://host", region, id, secret).unwrap_err();
            assert!(told.contains("printable ASCII") && !told.contains("hush"), "{told}");
        }
    }
}
