//! The machine that a node runs on: the runtime, with a disk that loses power.

use std::{
    convert::Infallible,
    fmt::Display,
    future::Future,
    ops::RangeInclusive,
    sync::Arc,
    time::{Duration, SystemTime},
};

use commonware_runtime::{
    Blob, BlobVersion, Clock, Error, Handle, IoBufs, IoBufsMut, Metrics, Name, ReadOptions, Spawner, Storage,
    Supervisor, WriteOptions,
    deterministic::Context,
    signal::Signal,
    telemetry::metrics::{Metric, Registered},
};
use governor::clock::{Clock as GovernorClock, ReasonablyRealtime};
use rand_core::{TryCryptoRng, TryRng};

use crate::power::{File, Power};

/// The runtime as a node on this machine sees it.
pub(crate) struct Host {
    inner: Context,
    power: Power,
}

impl Host {
    pub(crate) fn new(inner: Context, power: Power) -> Self {
        Self { inner, power }
    }

    fn wrap(&self, inner: Context) -> Self {
        Self { inner, power: self.power.clone() }
    }
}

impl Supervisor for Host {
    fn name(&self) -> Name {
        self.inner.name()
    }

    fn child(&self, label: &'static str) -> Self {
        self.wrap(self.inner.child(label))
    }

    fn with_attribute(self, key: &'static str, value: impl Display) -> Self {
        Self { inner: self.inner.with_attribute(key, value), power: self.power }
    }
}

impl Spawner for Host {
    fn shared(self, blocking: bool) -> Self {
        Self { inner: self.inner.shared(blocking), power: self.power }
    }

    fn dedicated(self) -> Self {
        Self { inner: self.inner.dedicated(), power: self.power }
    }

    fn spawn<F, Fut, T>(self, task: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let power = self.power;
        self.inner.spawn(move |inner| task(Self { inner, power }))
    }

    async fn stop(self, value: i32, timeout: Option<Duration>) -> Result<(), Error> {
        self.inner.stop(value, timeout).await
    }

    fn stopped(&self) -> Signal {
        self.inner.stopped()
    }
}

impl Metrics for Host {
    fn register<N: Into<String>, H: Into<String>, M: Metric>(
        &self,
        name: N,
        help: H,
        metric: M,
    ) -> Registered<M> {
        self.inner.register(name, help, metric)
    }

    fn encode(&self) -> String {
        self.inner.encode()
    }
}

impl GovernorClock for Host {
    type Instant = SystemTime;

    fn now(&self) -> SystemTime {
        self.inner.now()
    }
}

impl ReasonablyRealtime for Host {}

impl Clone for Host {
    fn clone(&self) -> Self {
        self.wrap(self.inner.child("clock"))
    }
}

impl Clock for Host {
    fn current(&self) -> SystemTime {
        self.inner.current()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.inner.sleep(duration)
    }

    fn sleep_until(&self, deadline: SystemTime) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.inner.sleep_until(deadline)
    }
}

impl TryRng for Host {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.inner.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.inner.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.inner.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Host {}

impl Storage for Host {
    type Blob = Disk;

    async fn open_versioned(
        &self,
        partition: &str,
        name: &[u8],
        versions: RangeInclusive<BlobVersion>,
    ) -> Result<(Disk, u64, BlobVersion), Error> {
        self.power.step(None).await;
        let (file, length, version) = self.inner.open_versioned(partition, name, versions).await?;
        self.power.opened();
        Ok((Disk { file: Arc::new(file), power: self.power.clone() }, length, version))
    }

    async fn remove(&self, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
        self.power.step(None).await;
        self.inner.remove(partition, name).await
    }

    async fn scan(&self, partition: &str) -> Result<Vec<Vec<u8>>, Error> {
        self.power.read().await;
        self.inner.scan(partition).await
    }
}

/// An open file.
pub(crate) struct Disk {
    file: Arc<File>,
    power: Power,
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.power.closed();
    }
}

impl Blob for Disk {
    async fn read_at_buf(
        &self,
        offset: u64,
        len: usize,
        bufs: impl Into<IoBufsMut> + Send,
        options: ReadOptions,
    ) -> Result<IoBufsMut, Error> {
        self.power.read().await;
        self.file.read_at_buf(offset, len, bufs, options).await
    }

    async fn read_at(&self, offset: u64, len: usize, options: ReadOptions) -> Result<IoBufsMut, Error> {
        self.power.read().await;
        self.file.read_at(offset, len, options).await
    }

    async fn write_at(
        &self,
        offset: u64,
        bufs: impl Into<IoBufs> + Send,
        options: WriteOptions,
    ) -> Result<(), Error> {
        let bytes = bufs.into();
        let length = bytes.len() as u64;
        self.power.step(Some((&self.file, offset, &bytes))).await;
        let flush = options.contains(WriteOptions::SYNC);
        if !flush {
            self.power.wrote(&self.file, offset, &bytes);
        }
        self.file.write_at(offset, bytes, options).await?;
        if flush {
            self.power.flushed_range(&self.file, offset, length);
        }
        Ok(())
    }

    async fn resize(&self, len: u64) -> Result<(), Error> {
        self.power.step(None).await;
        self.file.resize(len).await
    }

    async fn sync(&self) -> Result<(), Error> {
        self.power.step(None).await;
        self.file.sync().await?;
        self.power.flushed(&self.file);
        Ok(())
    }

    async fn start_sync(&self) -> Handle<()> {
        Handle::ready(self.sync().await)
    }
}
