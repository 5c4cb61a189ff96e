//! The task that keeps up with the chain.

use std::{sync::Arc, thread, time::Duration};

use medveil_chain::Block;
use medveil_engine::{Blocks, Engine};
use tokio::sync::watch;

use super::{IndexError, lock, writer::Writer};

/// A thread that hands final blocks to the writer.
pub(crate) struct Follower {
    stop: watch::Sender<bool>,
    thread: std::sync::Mutex<Option<thread::JoinHandle<()>>>,
}

/// Transactions that are written at once, at most, but for a block that has more.
const BATCH: usize = 4096;

/// Blocks that are written at once, at most.
const BLOCKS: usize = 256;

impl Follower {
    /// Starts to follow.
    pub(crate) fn start(
        engine: Engine,
        writer: Writer,
        from: watch::Receiver<super::Progress>,
    ) -> Result<Self, IndexError> {
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = thread::Builder::new()
            .name("medveil-index".into())
            .spawn(move || runtime.block_on(follow(engine, writer, from, stopped)))?;
        Ok(Self { stop, thread: std::sync::Mutex::new(Some(thread)) })
    }

    /// Waits until what the engine has handed over is written. The engine must be stopped before.
    pub(crate) fn join(&self) {
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A panic was told by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Follower {
    /// Nobody has the node any more: the thread ends soon, and lets go of the engine.
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

async fn follow(
    engine: Engine,
    mut writer: Writer,
    progress: watch::Receiver<super::Progress>,
    mut stop: watch::Receiver<bool>,
) {
    let height = || progress.borrow().height;
    loop {
        let mut blocks = engine.blocks(height() + 1).await;
        loop {
            let block = tokio::select! {
                block = blocks.next() => block,
                _ = stop.changed() => return,
            };
            let Some(block) = block else { break };
            let batch = batch(block, &mut blocks).await;
            if let Err(error) = writer.apply(&batch) {
                tracing::error!(%error, height = height(), "the index goes no further");
                writer.halt(error.to_string());
                return;
            }
        }
        if !engine.is_running() {
            return;
        }
        // The next block is not kept: this node began with a snapshot, or the index was away while old blocks were given up.
        if let Some(first) = first_kept(&engine, height() + 1).await
            && first > height() + 1
        {
            tracing::warn!(from = first, "earlier blocks are not kept: the index begins here");
            if let Err(error) = writer.skip_to(first) {
                tracing::error!(%error, "the index goes no further");
                writer.halt(error.to_string());
                return;
            }
        }
        tokio::select! {
            _ = tokio::time::sleep(Duration::from_millis(100)) => {}
            _ = stop.changed() => return,
        }
    }
}

/// A block, and those that are there already.
async fn batch(first: Arc<Block>, blocks: &mut Blocks) -> Vec<Arc<Block>> {
    let mut transactions = first.body().transactions.len();
    let mut batch = vec![first];
    while transactions < BATCH && batch.len() < BLOCKS {
        let next = tokio::select! {
            biased;
            block = blocks.next() => block,
            _ = std::future::ready(()) => None,
        };
        // That the stream has ended is seen again when the next block is awaited.
        let Some(block) = next else { break };
        transactions += block.body().transactions.len();
        batch.push(block);
    }
    batch
}

/// The lowest height from `from` on whose block the node has; `None` if it has none.
async fn first_kept(engine: &Engine, from: u64) -> Option<u64> {
    let tip = engine.status().await?.tip?.height;
    if tip < from {
        return None;
    }
    engine.block(tip).await?;
    // INVARIANT: `high` is kept. What is given up is a beginning.
    let (mut low, mut high) = (from, tip);
    while low < high {
        let middle = low + (high - low) / 2;
        match engine.block(middle).await {
            Some(_) => high = middle,
            None => low = middle + 1,
        }
    }
    Some(high)
}
