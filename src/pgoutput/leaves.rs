//! Partitions whose changes come as those of the table at their root (publish_via_partition_root), and what of an old row
//! they send: each partition has a replica identity of its own, and the server fills an old row by it, but marks the row by
//! the root's (pgoutput_change, ExtractReplicaIdentity).
//!
//! It must never let what a partition did not send pass for NULL.

use crate::batch::Relation;

/// How many of the partitions that send less than the root's identity says send a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// All.
    Always,
    /// Some.
    Sometimes,
    /// None.
    Never,
}

/// The partitions of one root that send less of an old row than its identity says.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    /// Their OIDs, and for each column of the root whether it is part of their identity.
    all: Vec<(u32, Box<[bool]>)>,
    /// What they have in common, column by column; empty if there are none.
    sent: Box<[Sent]>,
}

impl Leaves {
    /// Of each column, how many send it; empty where all is as the root's identity says.
    #[inline(always)]
    pub(super) fn sent(&self) -> &[Sent] {
        &self.sent
    }

    /// A change of `leaf` came as one of `root`.
    pub(super) fn note(&mut self, leaf: &Relation, root: &Relation) {
        // What lacks a column of the root's is no partition of it.
        let Some(sent) = sent_by(leaf, root) else { return };
        let lacks = root.columns.iter().zip(&sent).any(|(column, sent)| column.is_key && !sent);
        self.all.retain(|(oid, _)| *oid != leaf.oid);
        if lacks {
            self.all.push((leaf.oid, sent));
        }
        self.sum_up(root.columns.len());
    }

    /// Nothing is known any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn sum_up(&mut self, columns: usize) {
        let of = |column: usize| {
            let senders = self.all.iter().filter(|(_, sent)| sent.get(column) == Some(&true)).count();
            match senders {
                0 => Sent::Never,
                n if n == self.all.len() => Sent::Always,
                _ => Sent::Sometimes,
            }
        };
        self.sent = if self.all.is_empty() { Box::default() } else { (0..columns).map(of).collect() };
    }
}

/// For each column of the root whether it is part of the leaf's identity. A partition may have its columns in another
/// order.
fn sent_by(leaf: &Relation, root: &Relation) -> Option<Box<[bool]>> {
    let same_place = leaf.columns.iter().map(Some).chain(std::iter::repeat(None));
    let of = root.columns.iter().zip(same_place).map(|(wanted, near)| {
        let near = near.filter(|column| column.name == wanted.name);
        near.or_else(|| leaf.columns.iter().find(|column| column.name == wanted.name)).map(|it| it.is_key)
    });
    of.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Column;

    fn relation(oid: u32, columns: &[(&str, bool)]) -> Relation {
        let column = |(name, is_key): &(&str, bool)| Column {
            name: name.as_bytes().into(),
            type_oid: 23,
            typmod: -1,
            is_key: *is_key,
            data_type: crate::types::oid::undescribed(23),
        };
        Relation {
            oid,
            generation: 1,
            namespace: b"s".as_slice().into(),
            name: b"t".as_slice().into(),
            replica_identity: b'd',
            columns: columns.iter().map(column).collect(),
            serial: crate::batch::Serial::next(),
            changes: None,
        }
    }

    #[test]
    fn s13_what_partitions_send_is_summed_up_by_the_roots_columns() {
        use Sent::{Always, Never, Sometimes};
        let root = relation(1, &[("a", true), ("b", true), ("c", true)]);
        let mut leaves = Leaves::default();
        leaves.note(&relation(2, &[("c", true), ("a", true), ("b", true)]), &root);
        assert_eq!(leaves.sent(), [], "one that sends all is as the root says");
        leaves.note(&relation(3, &[("b", false), ("a", true), ("c", false)]), &root);
        assert_eq!(leaves.sent(), [Always, Never, Never]);
        leaves.note(&relation(4, &[("a", true), ("b", true), ("c", false)]), &root);
        assert_eq!(leaves.sent(), [Always, Sometimes, Never]);
        leaves.note(&relation(5, &[("a", true), ("x", false)]), &root);
        assert_eq!(leaves.sent(), [Always, Sometimes, Never], "another table altogether");
        leaves.note(&relation(3, &[("a", true), ("b", true), ("c", true)]), &root);
        leaves.note(&relation(4, &[("a", true), ("b", true), ("c", true)]), &root);
        assert_eq!(leaves.sent(), [], "their identities were altered");
    }
}
