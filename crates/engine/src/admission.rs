//! Which transactions may wait here: those that verify, and that the state after the tip does not rule out.
//!
//! Without the second, any member could fill the queue of an account with transactions of its past, and what waits behind them would never be proposed.

use std::sync::Arc;

use commonware_glue::stateful::Mailbox;
use medveil_chain::Bytes;

use crate::{
    Refusal, TransactionInfo,
    application::{Application, Core},
    execution::{Loaded, with_state},
    node::Runtime,
};

/// The verdict on each transaction.
pub(crate) enum Admission {
    /// It may wait.
    Admitted(TransactionInfo),
    /// It fails for everybody and for ever: whoever passed it on did not verify it.
    Forged(Refusal),
    /// The state that is known here rules it out.
    Refused(Refusal),
}

/// Judges transactions by the state after the tip. Before there is one, by themselves only: for those that were judged before, when they were acknowledged.
pub(crate) async fn admit<E: Runtime>(
    context: &E,
    core: &Arc<Core>,
    state: &Mailbox<E, Application>,
    transactions: &[Bytes],
) -> Vec<Admission> {
    let verified = core.verify(context, transactions).await;
    let Some(next) = core.next_context(core.now(context)) else {
        return verified
            .into_iter()
            .map(|verified| verified.map_or_else(Admission::Forged, Admission::Admitted))
            .collect();
    };
    let databases = state.subscribe_databases().await;
    let state = databases.read().await;
    let mut loaded = Loaded::default();
    let mut verdicts = Vec::with_capacity(transactions.len());
    for (bytes, verified) in transactions.iter().zip(verified) {
        verdicts.push(match verified {
            Err(refusal) => Admission::Forged(refusal),
            Ok(info) => {
                let check = |loaded: &Loaded| core.machine.check(bytes, &next, loaded);
                match with_state(&mut loaded, &*state, check).await {
                    Ok(()) => Admission::Admitted(info),
                    Err(refusal) => Admission::Refused(refusal),
                }
            }
        });
    }
    verdicts
}
