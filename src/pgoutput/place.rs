//! Where a message stands, for who asks whether it comes before an end. It must never decode one.

use super::Decoder;
use super::kind::MessageKind;
use super::reader::Reader;
use super::transaction::Transaction;

impl Decoder {
    /// For a message that is the next: the position that decides whether it comes before the end of a replay. That of
    /// its transaction's end where the message begins or ends one, its own in a streamed block; None where it only
    /// goes on with what was begun, or says nothing of positions.
    pub fn place(&self, lsn: u64, message: &[u8]) -> Option<u64> {
        use MessageKind as K;
        let (kind, body) = message.split_first()?;
        let mut body = Reader::new(body);
        let mut behind = |bytes: usize| {
            for _ in 0..bytes {
                body.u8().ok()?;
            }
            body.u64().ok()
        };
        match MessageKind::of(*kind) {
            Some(K::Begin | K::BeginPrepare) => behind(0),
            // Its transaction was let through as it began, or streamed; a Prepare may come without a beginning.
            Some(K::Prepare | K::StreamPrepare | K::CommitPrepared) => behind(1),
            Some(K::StreamCommit) => behind(5),
            // The end of its record, where the next may begin.
            Some(K::Message) if matches!(self.transaction, Transaction::None) => {
                behind(1).map(|end| end.saturating_sub(1))
            }
            Some(K::RollbackPrepared) => Some(lsn),
            // Whatever was committed before this was sent before it.
            Some(
                K::Commit
                | K::Origin
                | K::Relation
                | K::Type
                | K::Insert
                | K::Update
                | K::Delete
                | K::Truncate
                | K::Message
                | K::StreamStart
                | K::StreamStop
                | K::StreamAbort,
            )
            | None => matches!(self.transaction, Transaction::Block(_)).then_some(lsn),
        }
    }
}
