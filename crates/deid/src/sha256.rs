//! SHA-256 where it runs for every record: HMAC whose key has been absorbed once, and the hash of a tree node.
//!
//! The compression function is that of `sha2` ([`compress256`]), which takes the processor's instructions for it. What is written out
//! here is the arrangement around it: padding (FIPS 180-4, 5.1.1), HMAC (RFC 2104, section 4: the key's two blocks are absorbed beforehand) and
//! the two blocks of a node (RFC 6962, 2.1). For messages of some hundred bytes the general-purpose buffering of `hmac` and `digest` costs as much as a
//! third of the compressions themselves: 234 ns instead of 205 for a record of 240 bytes, 124 instead of 95 for an identifier. The
//! tests hold every length against both libraries.

use std::fmt;

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The chaining value of SHA-256.
type State = [u32; 8];

/// FIPS 180-4, 5.3.3.
const INITIAL: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Bytes of a block.
const BLOCK: usize = 64;

/// What follows the message: a bit, zeros and the length in bits.
const BIT: u8 = 0x80;

/// HMAC-SHA256 under one key, of which only the states after its two blocks are kept.
#[derive(Clone, ZeroizeOnDrop)]
pub struct HmacSha256 {
    inner: Message,
    outer: State,
}

impl HmacSha256 {
    /// The function under `key`.
    pub fn new(key: &[u8; 32]) -> Self {
        let absorb = |pad: u8| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            let mut state = INITIAL;
            compress256(&mut state, std::slice::from_ref(&*block));
            state
        };
        let inner = Message { state: absorb(0x36), block: [0; BLOCK], length: BLOCK as u64 };
        HmacSha256 { inner, outer: absorb(0x5c) }
    }

    /// The function of what follows `prefix`: `f.after(a).tag(&[b])` is `f.tag(&[a, b])`. Many messages that begin alike are absorbed to there once.
    pub fn after(&self, prefix: &[u8]) -> Self {
        let mut after = self.clone();
        after.inner.absorb(prefix);
        after
    }

    /// The tag of the concatenated parts.
    #[inline]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut message = self.inner;
        parts.iter().for_each(|part| message.absorb(part));
        let mut block = [0; BLOCK];
        block[..32].copy_from_slice(&bytes(&message.end()));
        block[32] = BIT;
        write_length(std::slice::from_mut(&mut block), BLOCK as u64 + 32);
        let mut state = self.outer;
        compress256(&mut state, &[block]);
        bytes(&state)
    }
}

/// A message that is being absorbed.
// Not wiped where it is dropped, as the copies in registers and on the stack are not either; `HmacSha256` wipes the one that stays.
#[derive(Clone, Copy, Zeroize)]
struct Message {
    state: State,
    /// Holds what does not fill a block yet: as many bytes as `length` has beyond whole blocks.
    block: [u8; BLOCK],
    /// In bytes, the key's block included.
    length: u64,
}

impl Message {
    #[inline]
    fn filled(&self) -> usize {
        self.length as usize % BLOCK
    }

    #[inline]
    fn absorb(&mut self, part: &[u8]) {
        let filled = self.filled();
        self.length += part.len() as u64;
        let mut rest = part;
        if filled > 0 {
            let (head, tail) = rest.split_at(rest.len().min(BLOCK - filled));
            self.block[filled..filled + head.len()].copy_from_slice(head);
            if filled + head.len() < BLOCK {
                return;
            }
            compress256(&mut self.state, std::slice::from_ref(&self.block));
            rest = tail;
        }
        let (whole, tail) = rest.as_chunks();
        if !whole.is_empty() {
            compress256(&mut self.state, whole);
        }
        self.block[..tail.len()].copy_from_slice(tail);
    }

    /// The state after the padding.
    #[inline]
    fn end(mut self) -> State {
        let filled = self.filled();
        let mut last = [[0; BLOCK]; 2];
        last[0][..filled].copy_from_slice(&self.block[..filled]);
        last[0][filled] = BIT;
        let last = if filled < BLOCK - 8 { &mut last[..1] } else { &mut last[..] };
        write_length(last, self.length);
        compress256(&mut self.state, last);
        self.state
    }
}

impl fmt::Debug for HmacSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha256(..)")
    }
}

/// SHA-256 of `prefix || left || right`.
#[inline]
pub(crate) fn node(prefix: u8, left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut blocks = [[0; BLOCK]; 2];
    let message = blocks.as_flattened_mut();
    message[0] = prefix;
    message[1..33].copy_from_slice(left);
    message[33..65].copy_from_slice(right);
    message[65] = BIT;
    write_length(&mut blocks, 65);
    let mut state = INITIAL;
    compress256(&mut state, &blocks);
    bytes(&state)
}

/// Writes the length of the message, in bytes, at the end of its last block.
#[inline]
fn write_length(blocks: &mut [[u8; BLOCK]], length: u64) {
    if let Some(last) = blocks.last_mut() {
        last[BLOCK - 8..].copy_from_slice(&(length * 8).to_be_bytes());
    }
}

#[inline]
fn bytes(state: &State) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.as_chunks_mut().0.iter_mut().zip(state).for_each(|(four, word)| *four = word.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    fn library(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    #[test]
    fn every_length_around_the_block_boundaries_is_that_of_the_library() {
        let key: [u8; 32] = std::array::from_fn(|i| i as u8);
        let mac = HmacSha256::new(&key);
        let message: Vec<u8> = (0..400u32).map(|i| (i * 7) as u8).collect();
        for length in 0..message.len() {
            assert_eq!(mac.tag(&[&message[..length]]), library(&key, &message[..length]), "{length}");
        }
    }

    #[test]
    fn vectors_of_rfc_4231_are_reproduced() {
        // Test cases 1 and 2; a key shorter than a block is filled up with zeros (RFC 2104, section 2).
        let padded = |key: &[u8]| {
            let mut whole = [0; 32];
            whole[..key.len()].copy_from_slice(key);
            whole
        };
        for (key, data, tag) in [
            (&[0x0b; 20][..], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            assert_eq!(hex::encode(HmacSha256::new(&padded(key)).tag(&[data.as_bytes()])), tag);
        }
    }

    #[test]
    fn nothing_of_the_key_is_shown() {
        assert_eq!(format!("{:?}", HmacSha256::new(&[0xa5; 32])), "HmacSha256(..)");
    }

    proptest! {
        #[test]
        fn the_tag_does_not_depend_on_how_the_message_is_cut(
            key: [u8; 32],
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..5),
        ) {
            let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let mac = HmacSha256::new(&key);
            let tag = library(&key, &parts.concat());
            prop_assert_eq!(mac.tag(&slices), tag);
            let after = slices.iter().fold(mac, |mac, part| mac.after(part));
            prop_assert_eq!(after.tag(&[]), tag);
        }

        #[test]
        fn a_node_is_the_hash_of_its_parts(prefix: u8, left: [u8; 32], right: [u8; 32]) {
            let digest: [u8; 32] =
                Sha256::new_with_prefix([prefix]).chain_update(left).chain_update(right).finalize().into();
            prop_assert_eq!(node(prefix, &left, &right), digest);
        }
    }
}
