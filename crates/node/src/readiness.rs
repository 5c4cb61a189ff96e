//! Whether a node follows the chain, and if not, why.

use crate::refusal::reasons;

reasons! {
    /// Why a node cannot be relied on at the moment.
    pub enum Unready {
        /// The engine ended: the disk is full, or execution differs from a final block.
        Halted {} = "node.halted", "the node has stopped; its log says why", "节点已停止，原因见日志";
        /// There is no final block yet.
        NoBlock {} = "node.no_block", "no block has become final yet", "尚无最终区块";
        /// Peers are ahead.
        Behind {
            /// This node's height.
            height: u64,
            /// The highest that a peer told of.
            best: u64
        } = "node.behind", "at height {height} of {best}", "落后：当前高度 {height}，其他节点为 {best}";
        /// The chain stands.
        Stalled {
            /// Milliseconds since the last block came.
            silent_ms: u64,
            /// Members that are heard, this one included.
            heard: u64,
            /// Validators that are needed.
            quorum: u64
        } = "node.stalled", "no block for {silent_ms} ms; {heard} members are heard, {quorum} validators are needed", "已有 {silent_ms} 毫秒没有新区块；可联系到 {heard} 个成员，需要 {quorum} 个验证者";
        /// The validators disagree with this machine's clock.
        Clock {
            /// How far, in milliseconds: positive when the clock is behind.
            off_by_ms: i64,
            /// How far it may be.
            drift_ms: u64
        } = "node.clock", "this machine's clock is {off_by_ms} ms behind (ahead, if negative) the validators', more than {drift_ms} ms: set the clock", "本机时钟比验证者慢 {off_by_ms} 毫秒（负值表示快），超过允许的 {drift_ms} 毫秒：请校准时钟";
        /// The read model does not keep up.
        IndexBehind {
            /// Its height.
            indexed: u64,
            /// The chain's.
            height: u64
        } = "index.behind", "the read model is at height {indexed}, the chain at {height}", "读模型高度 {indexed}，链高度 {height}";
        /// The read model has stopped.
        IndexHalted {
            /// Why.
            error: String
        } = "index.halted", "the read model has stopped: {error}", "读模型已停止：{error}";
    }
}
