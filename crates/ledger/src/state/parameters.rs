//! Parameters: what members may change by vote.

use std::collections::BTreeMap;

use borsh::io::{Read, Result as IoResult, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::key::Domain;
use super::{Missing, Record, Snapshot};
use crate::encoding::{self, invalid};
use crate::refusal::{FactValue, refusals};
use crate::transaction::MAX_TRANSACTION_BYTES;

macro_rules! parameters {
    ($($field:ident, $variant:ident = $number:literal, $name:literal, $default:expr, $min:expr, $max:expr, $doc:literal;)*) => {
        /// The parameters in force. A change takes effect in the block after the one that decided it (PAR-2).
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
        pub struct Parameters {
            $(#[doc = $doc] pub $field: u64,)*
        }

        impl Default for Parameters {
            fn default() -> Self {
                Parameters { $($field: $default),* }
            }
        }

        /// The name of a parameter.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
        )]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum Parameter {
            $(#[doc = $doc] #[serde(rename = $name)] $variant = $number,)*
        }

        impl Parameter {
            /// Every parameter.
            pub const ALL: &[Parameter] = &[$(Parameter::$variant),*];

            /// The name in files and on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Parameter::$variant => $name),* }
            }

            /// What it says, with its unit.
            pub const fn doc(self) -> &'static str {
                match self { $(Parameter::$variant => $doc),* }
            }

            /// The least and the greatest value.
            pub const fn bounds(self) -> (u64, u64) {
                match self { $(Parameter::$variant => ($min, $max)),* }
            }
        }

        impl Parameters {
            /// The value of a parameter.
            pub fn get(&self, parameter: Parameter) -> u64 {
                match parameter { $(Parameter::$variant => self.$field),* }
            }

            fn slot(&mut self, parameter: Parameter) -> &mut u64 {
                match parameter { $(Parameter::$variant => &mut self.$field),* }
            }
        }
    };
}

parameters! {
    max_transaction_bytes, MaxTransactionBytes = 0, "max-transaction-bytes", 16 * 1024, 1024, MAX_TRANSACTION_BYTES as u64,
        "Bytes that a transaction may have.";
    max_block_bytes, MaxBlockBytes = 1, "max-block-bytes", 2 * 1024 * 1024, 2 * MAX_TRANSACTION_BYTES as u64, 3584 * 1024,
        "Bytes that a block may have: transactions, receipts and events.";
    max_block_transactions, MaxBlockTransactions = 2, "max-block-transactions", 4096, 1, 10_000,
        "Transactions that a block may have.";
    expiry_window, ExpiryWindow = 3, "expiry-window", 1000, 1, 1_000_000,
        "How many heights ahead a transaction may expire.";
    proposal_lifetime, ProposalLifetime = 4, "proposal-lifetime", 100_000, 1, 10_000_000,
        "For how many heights a proposal can be voted on.";
    min_validators, MinValidators = 5, "min-validators", 4, 1, 128,
        "Validators below which no seat is taken away.";
    idle_interval_ms, IdleIntervalMs = 6, "idle-interval-ms", 1000, 100, 600_000,
        "Milliseconds between blocks when there is nothing to do.";
    min_interval_ms, MinIntervalMs = 7, "min-interval-ms", 250, 0, 10_000,
        "Milliseconds between blocks at least.";
    require_certificates, RequireCertificates = 8, "require-certificates", 0, 0, 1,
        "Whether what an organisation's SM2 key signs needs a certificate of it: 1 yes, 0 no.";
}

/// Those of the first chains. Later ones are written only as far as they have other values than their defaults, so that chains without them keep their bytes.
const FIRST: usize = 8;

impl Parameters {
    /// The values of the parameters that came later, up to the last that is not its default.
    pub(crate) fn later(&self) -> Vec<u64> {
        let defaults = Parameters::default();
        let mut later = &Parameter::ALL[FIRST..];
        while let Some((last, before)) = later.split_last()
            && self.get(*last) == defaults.get(*last)
        {
            later = before;
        }
        later.iter().map(|parameter| self.get(*parameter)).collect()
    }

    /// These with the values of parameters that came later, as [`Parameters::later`] gave them.
    pub(crate) fn with_later(mut self, later: &[u64]) -> IoResult<Self> {
        for (index, value) in later.iter().enumerate() {
            let parameter = Parameter::ALL.get(FIRST + index);
            *self.slot(*parameter.ok_or_else(|| invalid("a parameter that is not known"))?) = *value;
        }
        if self.later().len() != later.len() {
            return Err(invalid("the last parameter has its default"));
        }
        Ok(self)
    }

    pub(crate) fn write_first<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        Parameter::ALL[..FIRST]
            .iter()
            .try_for_each(|parameter| BorshSerialize::serialize(&self.get(*parameter), writer))
    }

    pub(crate) fn read_first<R: Read>(reader: &mut R) -> IoResult<Self> {
        let mut read = Parameters::default();
        for parameter in &Parameter::ALL[..FIRST] {
            *read.slot(*parameter) = u64::deserialize_reader(reader)?;
        }
        Ok(read)
    }
}

impl BorshSerialize for Parameters {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        self.write_first(writer)?;
        self.later().iter().try_for_each(|value| BorshSerialize::serialize(value, writer))
    }
}

/// Reads to the end: nothing may follow parameters.
impl BorshDeserialize for Parameters {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let read = Parameters::read_first(reader)?;
        let mut later = Vec::new();
        while later.len() < Parameter::ALL.len() - FIRST
            && let Some(first) = encoding::next_byte(reader)?
        {
            let mut bytes = [first; 8];
            reader.read_exact(&mut bytes[1..])?;
            later.push(u64::from_le_bytes(bytes));
        }
        read.with_later(&later)
    }
}

impl Record for Parameters {
    const DOMAIN: Domain = Domain::Parameters;
    type Id = ();
}

refusals! {
    /// Why parameters are refused.
    pub enum ParameterRefusal in "parameters" {
        /// PAR-1: the value is outside of its bounds.
        OutOfBounds { parameter: Parameter, value: u64, min: u64, max: u64 } = "out_of_bounds",
            "`{parameter}` = {value} is not between {min} and {max}", "参数超出范围";
        /// PAR-1: pacing upside down.
        Intervals { min_interval_ms: u64, idle_interval_ms: u64 } = "intervals",
            "the idle interval of {idle_interval_ms} ms is below the least interval of {min_interval_ms} ms", "空闲间隔小于最小间隔";
        /// PAR-3: nothing is asked for.
        NoChange {} = "no_change",
            "the proposal changes no parameter", "未更改任何参数";
    }
}

impl Parameters {
    /// The parameters after changes.
    ///
    /// # Errors
    /// [`ParameterRefusal`]: the first bound that would be broken.
    pub fn changed(&self, changes: &BTreeMap<Parameter, u64>) -> Result<Self, ParameterRefusal> {
        let mut after = self.clone();
        for (parameter, value) in changes {
            *after.slot(*parameter) = *value;
        }
        after.check()?;
        if after == *self { Err(ParameterRefusal::NoChange {}) } else { Ok(after) }
    }

    /// Refuses values outside of their bounds.
    ///
    /// # Errors
    /// [`ParameterRefusal`]: the first.
    pub fn check(&self) -> Result<(), ParameterRefusal> {
        for parameter in Parameter::ALL {
            let (value, (min, max)) = (self.get(*parameter), parameter.bounds());
            if value < min || value > max {
                return Err(ParameterRefusal::OutOfBounds { parameter: *parameter, value, min, max });
            }
        }
        let Parameters { min_interval_ms, idle_interval_ms, .. } = *self;
        if min_interval_ms > idle_interval_ms {
            return Err(ParameterRefusal::Intervals { min_interval_ms, idle_interval_ms });
        }
        Ok(())
    }
}

/// The parameters in force.
///
/// # Errors
/// [`Missing`]: a key must be loaded first.
pub fn parameters(snapshot: &dyn Snapshot) -> Result<Parameters, Missing> {
    let found = super::latest::<Parameters>(snapshot, &())?;
    Ok(found.expect("the genesis writes the parameters").value)
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Parameter> for FactValue {
    fn from(parameter: Parameter) -> Self {
        parameter.name().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_bounds() {
        assert_eq!(Parameters::default().check(), Ok(()));
    }

    #[test]
    fn each_bound_is_kept() {
        for parameter in Parameter::ALL {
            let (min, max) = parameter.bounds();
            for value in [min.checked_sub(1), max.checked_add(1)].into_iter().flatten() {
                let changes = BTreeMap::from([(*parameter, value)]);
                assert_eq!(
                    Parameters::default().changed(&changes),
                    Err(ParameterRefusal::OutOfBounds { parameter: *parameter, value, min, max })
                );
            }
        }
        let slow = BTreeMap::from([(Parameter::MinIntervalMs, 5000)]);
        assert!(matches!(Parameters::default().changed(&slow), Err(ParameterRefusal::Intervals { .. })));
        assert_eq!(Parameters::default().changed(&BTreeMap::new()), Err(ParameterRefusal::NoChange {}));
    }
}
