//! The consortium that is simulated: organisations with real keys, on the real rules.

use std::sync::Arc;

use medveil_chain::{Bytes, PublicKey};
use medveil_engine::NodeKey;
use medveil_ledger::{
    AccountId, Action, Body, ChainId, Digest, Genesis, ObjectRef, OrganisationId, Signature, SigningKey,
    Transaction,
    action::{AuditNotarise, ValidatorRotate},
    signature::possession_digest,
    state::{
        trail::{Reason, Step},
        validators::{SeatClaim, ValidatorKey},
    },
};
use medveil_node::Rules;

/// When the chain begins, and a second before the simulation does.
pub const GENESIS_MS: u64 = 1_767_225_600_000;

/// An organisation, its first account, and one of its people's.
pub struct Organisation {
    pub id: OrganisationId,
    pub account: AccountId,
    pub desk: AccountId,
    key: SigningKey,
}

/// The consortium. Members `0..size` have seats; member `size + i` is the `i`th machine in reserve.
pub struct Consortium {
    pub rules: Arc<Rules>,
    pub chain_genesis: medveil_chain::Genesis,
    pub organisations: Vec<Organisation>,
    pub chain: ChainId,
}

/// The organisation that is a regulator; the others are hospitals.
pub const REGULATOR: usize = 3;

/// Machines in reserve.
pub const RESERVE: usize = 2;

impl Consortium {
    pub fn new(size: usize, epoch_length: u64) -> Self {
        use std::fmt::Write as _;
        let mut text = format!(
            "chain = \"simulation\"\ntime-ms = {GENESIS_MS}\nepoch-length = {epoch_length}\n\
             [relying-party]\nid = \"wallet.example.cn\"\norigins = [\"https://wallet.example.cn\"]\n"
        );
        for member in 0..size {
            let (seat, key) = (node_key(member).public(), account_key(member).public());
            let (desk, custodian) = (desk_key(member).public(), custodian_key(member).public());
            let role = if member == REGULATOR { "regulator" } else { "hospital" };
            write!(
                text,
                "[[member]]\norganisation = \"hospital-{member}\"\nname = \"成员 {member}\"\nrole = \"{role}\"\n\
                 seat = {{ key = \"{seat}\", address = \"10.0.0.{}:7001\" }}\naccounts = {{ \"{key}\" = \"administrator\", \"{desk}\" = \"administrator\", \"{custodian}\" = \"administrator\" }}\n",
                member + 1,
            )
            .unwrap();
        }
        let genesis = Genesis::from_toml(&text).unwrap();
        let chain = genesis.chain_id();
        let organisations = (0..size)
            .map(|member| {
                let key = account_key(member);
                Organisation {
                    id: format!("hospital-{member}").parse().unwrap(),
                    account: AccountId::derive(chain, &key.public()),
                    desk: AccountId::derive(chain, &desk_key(member).public()),
                    key,
                }
            })
            .collect();
        let rules = Arc::new(Rules::new(genesis));
        let chain_genesis = rules.chain_genesis().unwrap();
        Self { rules, chain_genesis, organisations, chain }
    }

    /// Keys of all machines.
    pub fn machines(&self) -> Vec<PublicKey> {
        (0..self.organisations.len() + RESERVE).map(|member| node_key(member).public()).collect()
    }

    /// A transaction of an organisation.
    pub fn transaction(&self, organisation: usize, nonce: u64, expires: u64, action: Action) -> Bytes {
        let Organisation { account, key, .. } = &self.organisations[organisation];
        self.signed(*account, key, nonce, expires, action).encode().into()
    }

    /// A transaction of whatever account.
    pub fn signed(
        &self,
        account: AccountId,
        key: &SigningKey,
        nonce: u64,
        expires: u64,
        action: Action,
    ) -> Transaction {
        Body { chain: self.chain, account, signer: key.public(), nonce, expires, action }.sign(key)
    }

    /// A note in an audit trail.
    pub fn note(&self, object: u8, details: u64) -> Action {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&details.to_be_bytes());
        AuditNotarise {
            object: ObjectRef::external(Digest([object; 32])),
            step: Step::Capture,
            reason: Reason::Treatment,
            details: Digest(digest),
        }
        .into()
    }

    /// An organisation's seat goes to another machine.
    pub fn rotate(&self, organisation: usize, machine: usize) -> Action {
        let signer = SigningKey::ed25519(node_seed(machine));
        let key = ValidatorKey(node_key(machine).public().as_ref().try_into().unwrap());
        let digest = possession_digest(self.chain, self.organisations[organisation].id, &key.0);
        let Signature::Ed25519(possession) = signer.sign_digest(digest) else { unreachable!() };
        let address = format!("10.0.1.{}:7001", machine + 1).parse().unwrap();
        ValidatorRotate { seat: SeatClaim { key, address, possession } }.into()
    }
}

fn node_seed(machine: usize) -> [u8; 32] {
    [machine as u8 + 1; 32]
}

/// The key of a machine.
pub fn node_key(machine: usize) -> NodeKey {
    NodeKey::from_seed(node_seed(machine))
}

/// The key of an organisation's people.
pub fn desk_key(organisation: usize) -> SigningKey {
    SigningKey::ed25519([organisation as u8 + 151; 32])
}

/// The key of an organisation's custodian.
pub fn custodian_key(organisation: usize) -> SigningKey {
    SigningKey::ed25519([organisation as u8 + 201; 32])
}

fn account_key(organisation: usize) -> SigningKey {
    SigningKey::ed25519([organisation as u8 + 101; 32])
}
