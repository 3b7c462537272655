//! A book's Merkle log (RFC 6962): leaf hashes and the frontier that is kept with the book.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Returns the hash of a leaf (RFC 6962 section 2.1: `SHA-256(0x00 || entry)`).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The roots of the perfect subtrees of a log, largest first: enough to append and to tell the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// Returns the number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut bits = self.size;
        while bits & 1 == 1 {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
            bits >>= 1;
        }
        self.roots.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// Returns the root of the whole log (RFC 6962 section 2.1); of no leaves, the empty hash.
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        match roots.next() {
            None => Sha256::digest([]).into(),
            Some(last) => roots.fold(*last, |right, left| node_hash(left, &right)),
        }
    }

    /// Returns the frontier as stored: the hashes one after the other.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.roots.concat()
    }

    /// Reads a stored frontier; `None` if its length does not fit the number of leaves.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let roots: Vec<Hash> =
            bytes.chunks(32).map(Hash::try_from).collect::<Result<_, _>>().ok()?;
        let expected = usize::try_from(size.count_ones()).ok()?;
        (roots.len() == expected).then_some(Self { size, roots })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962 section 2.1, as slowly as it is written there.
    fn reference(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                node_hash(&reference(left), &reference(right))
            }
        }
    }

    #[test]
    fn the_frontier_gives_the_root_of_the_rfc() {
        let mut frontier = Frontier::default();
        let mut leaves = Vec::new();
        for n in 0_u16..300 {
            assert_eq!(frontier.root(), reference(&leaves));
            let stored = Frontier::from_bytes(frontier.size(), &frontier.to_bytes());
            assert_eq!(stored.as_ref(), Some(&frontier));
            let leaf = leaf_hash(&n.to_be_bytes());
            leaves.push(leaf);
            frontier.push(leaf);
        }
    }

    #[test]
    fn the_known_empty_leaf_has_the_known_hash() {
        // Test vector of the certificate transparency project.
        assert_eq!(
            hex(&leaf_hash(b"")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}
