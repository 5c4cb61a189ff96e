//! Whether a node follows the chain, and if not, why.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use medveil_engine::{Engine, Status};
use tracing::{error, info};

use crate::{
    clock::{ClockWatch, Observation, now_ms},
    index::Progress,
    refusal::reasons,
};

reasons! {
    /// Why a node cannot be relied on at the moment.
    pub enum Unready {
        /// The engine ended: the disk is full, or execution differs from a final block.
        Halted {} = "node.halted", "the node has stopped; its log says why", "节点已停止，原因见日志";
        /// The read model goes no further.
        IndexHalted {
            /// Why.
            error: String
        } = "node.index_halted", "the read model goes no further: {error}", "读模型已停止：{error}";
        /// There is no final block yet.
        NoBlock {} = "node.no_block", "no block has become final yet", "尚无最终区块";
        /// It has data, and has not seen a new block yet.
        Starting {
            /// The height of its data.
            height: u64
        } = "node.starting", "no new block since the node started, at height {height}", "节点启动后尚无新区块，当前高度 {height}";
        /// Peers are ahead.
        Behind {
            /// This node's height.
            height: u64,
            /// The highest that a peer told of.
            best: u64
        } = "node.behind", "the node is at height {height}, a peer at {best}", "节点落后：当前高度 {height}，其他节点为 {best}";
        /// Too few validators are heard for another block.
        NoQuorum {
            /// Validators that are heard, this node included if it is one.
            heard: u64,
            /// Validators in all.
            validators: u64,
            /// Validators that are needed.
            needed: u64
        } = "node.no_quorum", "{heard} of {validators} validators are heard, {needed} are needed", "{validators} 个验证者中可联系到 {heard} 个，需要 {needed} 个";
        /// Enough are heard, and still the chain stands.
        Stalled {
            /// Milliseconds since the last block came.
            silent_ms: u64
        } = "node.stalled", "no block for {silent_ms} ms", "已有 {silent_ms} 毫秒没有新区块";
        /// The read model is behind the chain.
        IndexBehind {
            /// The height of the read model.
            index: u64,
            /// The height of the chain.
            height: u64
        } = "node.index_behind", "the read model is at height {index}, the chain at {height}", "读模型高度为 {index}，链高度为 {height}";
        /// The validators disagree with this machine's clock.
        Clock {
            /// How far, in milliseconds: positive when the clock is behind.
            off_by_ms: i64,
            /// How far it may be.
            drift_ms: u64
        } = "node.clock", "this machine's clock is {off_by_ms} ms behind the validators' (ahead of them, if negative), more than {drift_ms} ms: set the clock", "本机时钟比验证者慢 {off_by_ms} 毫秒（负值表示快），超过允许的 {drift_ms} 毫秒：请校准时钟";
    }
}

/// Blocks that a node may be behind its peers, and the read model behind the node.
const BEHIND: u64 = 20;

/// A member that was not heard for so many milliseconds is away; members tell their height every two seconds.
const SILENCE: u64 = 10_000;

/// What a node notices of itself over time.
#[derive(Debug)]
pub(crate) struct Watch {
    noticed: Mutex<Noticed>,
    drift: Duration,
    offset: i64,
    patience: Duration,
}

#[derive(Debug)]
struct Noticed {
    clock: ClockWatch,
    /// The tip, and that of the beginning.
    height: u64,
    first: Option<u64>,
    /// When the tip changed last.
    since: Instant,
}

impl Watch {
    /// Watches a node for as long as somebody holds the watch. The clock, with `offset` milliseconds added, may be off by `drift`; without a
    /// block for `patience` the chain stands.
    pub(crate) fn start(
        engine: Engine,
        drift: Duration,
        offset: i64,
        patience: Duration,
    ) -> std::io::Result<Arc<Self>> {
        let noticed =
            Noticed { clock: ClockWatch::new(drift), height: 0, first: None, since: Instant::now() };
        let watch = Arc::new(Self { noticed: Mutex::new(noticed), drift, offset, patience });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let weak = Arc::downgrade(&watch);
        thread::Builder::new()
            .name("medveil-watch".into())
            .spawn(move || runtime.block_on(keep_watch(weak, engine)))?;
        Ok(watch)
    }

    /// Why the node cannot be relied on; empty when it can.
    pub(crate) fn judge(&self, status: Option<&Status>, index: &Progress) -> Vec<Unready> {
        let (silent, off_by, height, moved) = {
            let noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
            let moved = noticed.first.is_some_and(|first| noticed.height > first);
            (noticed.since.elapsed(), noticed.clock.off_by(), noticed.height, moved)
        };
        let mut reasons = judge(status, index);
        if !moved && reasons.is_empty() && silent <= self.patience {
            reasons.push(Unready::Starting { height });
        }
        // Where validators are missing, it is clear why no block comes.
        let explained =
            reasons.iter().any(|reason| matches!(reason, Unready::Halted {} | Unready::NoQuorum { .. }));
        if silent > self.patience && !explained {
            reasons.push(Unready::Stalled { silent_ms: silent.as_millis().try_into().unwrap_or(u64::MAX) });
        }
        if let Some(off_by_ms) = off_by {
            let drift_ms = self.drift.as_millis().try_into().unwrap_or(u64::MAX);
            reasons.push(Unready::Clock { off_by_ms, drift_ms });
        }
        reasons
    }
}

/// What a moment tells.
fn judge(status: Option<&Status>, index: &Progress) -> Vec<Unready> {
    let mut reasons = Vec::new();
    if let Some(error) = &index.halted {
        reasons.push(Unready::IndexHalted { error: error.clone() });
    }
    let Some(status) = status else {
        reasons.push(Unready::Halted {});
        return reasons;
    };
    let height = status.tip.as_ref().map_or(0, |tip| tip.height);
    if height == 0 {
        reasons.push(Unready::NoBlock {});
    }
    let there = |silent: Option<u64>| silent.is_some_and(|silent| silent <= SILENCE);
    let heard = status.peers.iter().filter(|peer| there(peer.silent_for));
    let best = heard.clone().filter_map(|peer| peer.height).max().unwrap_or(0);
    if best > height + BEHIND {
        reasons.push(Unready::Behind { height, best });
    }
    let others = heard.filter(|peer| status.validators.contains(&peer.key)).count() as u64;
    let (heard, validators) = (others + u64::from(status.validator), status.validators.len() as u64);
    let needed = quorum(validators);
    if heard < needed {
        reasons.push(Unready::NoQuorum { heard, validators, needed });
    }
    if index.height + BEHIND < height {
        reasons.push(Unready::IndexBehind { index: index.height, height });
    }
    reasons
}

/// Validators that a block needs: more than two thirds.
fn quorum(validators: u64) -> u64 {
    validators - validators.saturating_sub(1) / 3
}

/// Looks at the tip again and again.
async fn keep_watch(watch: Weak<Watch>, engine: Engine) {
    let mut told: Option<Instant> = None;
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let Some(status) = engine.status().await else { return };
        let Some(watch) = watch.upgrade() else { return };
        let Some(tip) = status.tip else { continue };
        let seen = Observation {
            now_ms: now_ms().saturating_add_signed(watch.offset),
            height: tip.height,
            time_ms: tip.time,
            best_peer: status.peers.iter().filter_map(|peer| peer.height).max(),
        };
        let off_by = {
            let mut noticed = watch.noticed.lock().unwrap_or_else(PoisonError::into_inner);
            noticed.clock.observe(seen);
            noticed.first.get_or_insert(tip.height);
            if tip.height > noticed.height {
                (noticed.height, noticed.since) = (tip.height, Instant::now());
            }
            noticed.clock.off_by()
        };
        match off_by {
            Some(off_by_ms) if told.is_none_or(|told| told.elapsed() > Duration::from_secs(30)) => {
                error!(
                    reason = "node.clock",
                    off_by_ms,
                    drift = ?watch.drift,
                    "this machine's clock is wrong: a quorum of validators makes blocks with another time; set the clock"
                );
                told = Some(Instant::now());
            }
            None if told.take().is_some() => info!("this machine's clock agrees with the validators' again"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use medveil_chain::Digest;
    use medveil_engine::{MempoolStatus, NodeKey, PeerStatus};

    use super::*;

    /// A validator before its first block, of seven, that hears `others` of them at `height`.
    fn status(others: u8, height: u64) -> Status {
        let key = |seed: u8| NodeKey::from_seed([seed; 32]).public();
        let peer = |seed: u8| PeerStatus {
            key: key(seed),
            address: "a:1".into(),
            height: (seed <= others).then_some(height),
            silent_for: (seed <= others).then_some(500),
        };
        Status {
            genesis: Digest::from([0; 32]),
            key: key(7),
            tip: None,
            validator: true,
            validators: (1..=7).map(key).collect(),
            peers: (1..=6).map(peer).collect(),
            mempool: MempoolStatus::default(),
        }
    }

    #[test]
    fn each_reason_is_told_by_its_name() {
        let index = Progress { since: 1, height: 0, halted: None };
        let names = |status: Option<&Status>, index: &Progress| -> Vec<_> {
            judge(status, index).iter().map(Unready::name).collect()
        };
        assert_eq!(names(Some(&status(4, 0)), &index), ["node.no_block"]);
        assert_eq!(names(Some(&status(3, 0)), &index), ["node.no_block", "node.no_quorum"]);
        assert_eq!(names(Some(&status(6, 21)), &index), ["node.no_block", "node.behind"]);
        let halted = Progress { halted: Some("disk full".into()), ..index };
        assert_eq!(names(None, &halted), ["node.index_halted", "node.halted"]);
    }

    #[test]
    fn one_that_was_not_heard_lately_is_away() {
        let mut away = status(4, 0);
        away.peers[0].silent_for = Some(SILENCE + 1);
        let reasons = judge(Some(&away), &Progress::default());
        assert!(reasons.contains(&Unready::NoQuorum { heard: 4, validators: 7, needed: 5 }), "{reasons:?}");
    }

    #[test]
    fn quorums_are_those_of_consensus() {
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 10].map(quorum), [1, 2, 3, 3, 4, 5, 5, 7]);
    }
}
