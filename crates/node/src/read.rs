//! What holds after the last final block, as the ledger's types.

use medveil_engine::ProveError;
use medveil_ledger::{
    AccountId, Canonical as _, DecodeError, Versioned,
    state::{Record, key},
};

use crate::Node;

/// Why the state is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The engine does not give it.
    #[error(transparent)]
    Engine(#[from] ProveError),
    /// It was written by other rules.
    #[error("the state holds what this software cannot read: {0}")]
    Unreadable(#[from] DecodeError),
}

impl ReadError {
    /// Whether the chain has merely not begun.
    pub fn is_too_early(&self) -> bool {
        matches!(self, ReadError::Engine(ProveError::NoBlock))
    }
}

impl Node {
    /// The latest version of a record; `None` if there is none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn latest<R: Record>(&self, id: &R::Id) -> Result<Option<Versioned<R>>, ReadError> {
        self.value(R::head_key(id).as_ref()).await
    }

    /// The latest versions of several records, all after the same block, in the order of `ids`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn latest_of<R: Record>(&self, ids: &[R::Id]) -> Result<Vec<Option<Versioned<R>>>, ReadError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys = ids.iter().map(|id| R::head_key(id).as_ref().to_vec()).collect();
        let (_, values) = self.engine().get(keys).await?;
        let read = |bytes: medveil_chain::Bytes| Versioned::decode(&bytes).map_err(ReadError::from);
        values.into_iter().map(|value| value.map(read).transpose()).collect()
    }

    /// A version of a record, counted from 1; `None` if there is none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn version<R: Record>(
        &self,
        id: &R::Id,
        number: u64,
    ) -> Result<Option<Versioned<R>>, ReadError> {
        // Under one header: it is the head, or was replaced and has a key of its own.
        let keys = [R::head_key(id), R::version_key(id, number)];
        let (_, values) = self.engine().get(keys.iter().map(|key| key.as_ref().to_vec()).collect()).await?;
        for bytes in values.into_iter().flatten() {
            let found: Versioned<R> = Versioned::decode(&bytes)?;
            if found.version == number {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The height of the last final block, and an account's next nonce after it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn nonce(&self, account: &AccountId) -> Result<(u64, u64), ReadError> {
        let (header, values) = self.engine().get(vec![key::nonce(account).as_ref().to_vec()]).await?;
        let nonce = match values.into_iter().next().flatten() {
            Some(bytes) => u64::decode(&bytes)?,
            None => 0,
        };
        Ok((header.height, nonce))
    }

    async fn value<R: Record>(&self, key: &[u8]) -> Result<Option<Versioned<R>>, ReadError> {
        let (_, values) = self.engine().get(vec![key.to_vec()]).await?;
        match values.into_iter().next().flatten() {
            Some(bytes) => Ok(Some(Versioned::decode(&bytes)?)),
            None => Ok(None),
        }
    }
}
