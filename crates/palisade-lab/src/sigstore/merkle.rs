//! A Merkle tree over log entries (RFC 6962 section 2.1), computed anew for each question.

use crate::encode::sha256;

pub(crate) type Hash = [u8; 32];

/// Leaf hashes in log order.
#[derive(Default)]
pub(crate) struct Tree(Vec<Hash>);

pub(crate) fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry].concat())
}

fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1][..], left, right].concat())
}

impl Tree {
    /// Adds a leaf and returns its index.
    pub(crate) fn push(&mut self, leaf: Hash) -> usize {
        self.0.push(leaf);
        self.0.len() - 1
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn leaves(&self) -> &[Hash] {
        &self.0
    }

    /// The tree hash over the first `size` leaves.
    pub(crate) fn root(&self, size: usize) -> Hash {
        root(&self.0[..size])
    }

    /// Section 2.1.1: the audit path of leaf `index` in the tree of `size` leaves.
    pub(crate) fn inclusion(&self, index: usize, size: usize) -> Vec<Hash> {
        inclusion(index, &self.0[..size])
    }

    /// Section 2.1.2: the proof that the tree of `size` begins with the tree of `first` leaves.
    pub(crate) fn consistency(&self, first: usize, size: usize) -> Vec<Hash> {
        if first == 0 || first >= size {
            return Vec::new();
        }
        consistency(first, &self.0[..size], true)
    }
}

pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The largest power of two below `n`, for `n` of two or more.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if index < left.len() {
        (inclusion(index, left), root(right))
    } else {
        (inclusion(index - left.len(), right), root(left))
    };
    path.push(sibling);
    path
}

fn consistency(first: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if first == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![root(leaves)]
        };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, other) = if first <= left.len() {
        (consistency(first, left, whole), root(right))
    } else {
        (consistency(first - left.len(), right, false), root(left))
    };
    proof.push(other);
    proof
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9162 section 2.1.3.2, a different calculation than the one that made the proof.
    fn verifies(index: usize, size: usize, leaf: Hash, path: &[Hash], expected: Hash) -> bool {
        if index >= size {
            return false;
        }
        let (mut index, mut last, mut hash) = (index, size - 1, leaf);
        for step in path {
            if last == 0 {
                return false;
            }
            if index & 1 == 1 || index == last {
                hash = node(step, &hash);
                while index & 1 == 0 && index != 0 {
                    index >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node(&hash, step);
            }
            index >>= 1;
            last >>= 1;
        }
        last == 0 && hash == expected
    }

    fn tree(size: u8) -> Tree {
        let mut tree = Tree::default();
        for entry in 0..size {
            tree.push(leaf_hash(&[entry]));
        }
        tree
    }

    #[test]
    fn every_leaf_of_every_small_tree_has_a_proof_and_no_other_leaf_has_it() {
        let tree = tree(17);
        for size in 1..=17 {
            for index in 0..size {
                let path = tree.inclusion(index, size);
                let root = tree.root(size);
                assert!(verifies(index, size, tree.leaves()[index], &path, root));
                assert!(!verifies(index, size, leaf_hash(b"other"), &path, root));
                let longer = [path, vec![[0; 32]]].concat();
                assert!(!verifies(index, size, tree.leaves()[index], &longer, root));
            }
        }
    }

    #[test]
    fn the_roots_of_rfc_6962_test_data_come_out() {
        // The empty tree and the tree of one empty entry, the Certificate Transparency vectors.
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex::encode(root(&[])), empty);
        let one = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(hex::encode(root(&[leaf_hash(b"")])), one);
    }

    #[test]
    fn consistency_from_a_full_subtree_is_the_other_half() {
        let tree = tree(8);
        assert_eq!(tree.consistency(4, 8), vec![root(&tree.leaves()[4..])]);
        assert_eq!(tree.consistency(8, 8), Vec::<Hash>::new());
        assert_eq!(tree.consistency(6, 8).len(), 3);
    }
}
