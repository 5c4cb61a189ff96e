//! What was compiled lately. A pure memo: it changes what a decision costs, never what it says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::compile::Policies;
use crate::fault::Fault;

/// Memory of a generation, about; two are kept. A thousand contracts of a few rules each fit into one.
const GENERATION_BYTES: usize = 4 << 20;

/// What an expression takes when it is compiled, about.
const EXPRESSION_BYTES: usize = 160;

#[derive(Default)]
struct Memo {
    young: BTreeMap<Arc<str>, Arc<Policies>>,
    bytes: usize,
    /// The generation before: what is asked for again comes back, the rest goes with the next change.
    old: BTreeMap<Arc<str>, Arc<Policies>>,
}

static MEMO: Mutex<Memo> = Mutex::new(Memo { young: BTreeMap::new(), bytes: 0, old: BTreeMap::new() });

/// The policies of a text, compiled unless they were lately.
///
/// # Errors
/// [`Fault`].
pub fn compiled(text: &str) -> Result<Arc<Policies>, Fault> {
    if let Some(found) = lock().find(text) {
        return Ok(found);
    }
    let policies = Arc::new(Policies::compile(text)?);
    lock().keep(text.into(), &policies);
    Ok(policies)
}

fn lock() -> std::sync::MutexGuard<'static, Memo> {
    MEMO.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memo {
    fn find(&mut self, text: &str) -> Option<Arc<Policies>> {
        if let Some(found) = self.young.get(text) {
            return Some(Arc::clone(found));
        }
        let (text, found) = self.old.remove_entry(text)?;
        self.keep(text, &found);
        Some(found)
    }

    fn keep(&mut self, text: Arc<str>, policies: &Arc<Policies>) {
        if self.bytes >= GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += text.len() + (policies.expressions() + policies.ids().count()) * EXPRESSION_BYTES;
        self.young.insert(text, Arc::clone(policies));
    }
}
