package pgwalstream

import (
	"time"
	"unsafe"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// An Event is a change, or what frames changes: a view of memory that it does not own. A copy of it is as good as the
// original for as long as the batch that it came with; Clone outlives that.
type Event struct {
	raw   *capi.Event
	batch *Batch
	clone *clone
}

// nothing is what an event is whose time is over.
var nothing capi.Event

// A Kind says what an event is. New ones may come: skip what is not known.
type Kind uint32

// The kinds of events.
const (
	KindBegin            Kind = 1  // a transaction begins
	KindCommit           Kind = 2  // the transaction is complete: AckLSN is to be acknowledged once it is safe
	KindOrigin           Kind = 3  // what follows was first made on another node: Origin
	KindRelation         Kind = 4  // a table is described, for the first time or anew: Relation
	KindType             Kind = 5  // a type that is not built in: Type
	KindInsert           Kind = 6  // New
	KindUpdate           Kind = 7  // New, and Old where the server sent it
	KindDelete           Kind = 8  // Old
	KindTruncate         Kind = 9  // Truncated
	KindMessage          Kind = 10 // pg_logical_emit_message: Message
	KindStreamStart      Kind = 11 // a block begins of a transaction that is NOT COMMITTED
	KindStreamStop       Kind = 12 // the block ends
	KindStreamCommit     Kind = 13 // the streamed transaction committed
	KindStreamAbort      Kind = 14 // what was streamed of SubXID in XID never happened: AbortLSN
	KindBeginPrepare     Kind = 15 // a transaction begins that ends with a Prepare: GID
	KindPrepare          Kind = 16 // the transaction is prepared, and NOT COMMITTED
	KindCommitPrepared   Kind = 17 // a prepared transaction committed
	KindRollbackPrepared Kind = 18 // a prepared transaction was rolled back
	KindStreamPrepare    Kind = 19 // a streamed transaction is prepared
	KindRaw              Kind = 20 // a payload of an output plugin, with the option decode off: Raw
	KindWal              Kind = 32 // a piece of the WAL, with the option mode "physical": Raw
	KindTimeline         Kind = 33 // the timeline ended, and what follows is of the next: TimelineSwitch
	KindProgress         Kind = 64 // nothing is outstanding, and the slot moved on to AckLSN
	KindReconnected      Kind = 65 // the connection was lost and made again: Reconnect
	KindFlushWanted      Kind = 68 // the server waits until everything up to AckLSN is safe
	KindSnapshot         Kind = 66 // where a snapshot stands: Snapshot
)

// String is the kind's name, as in "INSERT".
func (k Kind) String() string { return capi.EventKindName(uint32(k)) }

// Flags are bits that say more of an event.
type Flags uint32

// The bits of an event's Flags.
const (
	// MESSAGE: it belongs to the transaction around it. Without it the message stands alone.
	FlagTransactional Flags = 1
	// UPDATE, DELETE: the old row holds the columns of the replica identity only; the others are ABSENT. So it is,
	// too, where a partition's own replica identity is less than that of the table it is published as.
	FlagOldKey Flags = 2
	// UPDATE, DELETE: the old row is whole (REPLICA IDENTITY FULL).
	FlagOldFull Flags = 4
	// TRUNCATE: CASCADE was given.
	FlagCascade Flags = 8
	// TRUNCATE: RESTART IDENTITY was given.
	FlagRestartIdentity Flags = 16
	// Everything between STREAM_START and STREAM_STOP: NOT COMMITTED, and it may never be.
	FlagStreamed Flags = 32
	// STREAM_START: the first block of its transaction.
	FlagFirstSegment Flags = 64
	// STREAM_ABORT: nothing was rolled back, and what came of the transaction is to be dropped. The stream ends at
	// option stop_lsn before anybody knows what becomes of it, or the connection was lost and it comes again from
	// its beginning.
	FlagDiscarded Flags = 128
	// RECONNECTED: the server is a promoted standby that lacks what was delivered beyond the switchpoint. Only with
	// option failover_policy "rewind".
	FlagRewound Flags = 256
	// COMMIT_PREPARED, ROLLBACK_PREPARED: this stream did not give the PREPARE that it ends. It was given and
	// acknowledged in an earlier life of the program, lies before the slot or start_lsn, or changed nothing. A
	// decoder without a connection never sets it. Since 0.2.0.
	FlagUnknownPrepare Flags = 512
	// MESSAGE, and BEGIN and COMMIT (or BEGIN_PREPARE and PREPARE) of its transaction: a savepoint of the
	// transaction was rolled back, and the server does not say whether this message was part of it. If it was, the
	// sequence of what follows in the transaction is higher than it would be without streaming. Only with options
	// streaming "assembled", messages and on_ambiguous "flag". Since 0.2.0.
	FlagAmbiguous Flags = 1024
	// INSERT: a row that was there before the changes begin, with option snapshot "initial". It belongs to no
	// transaction: `relation`, wal_event_snapshot_item() and `sequence` identify it. Since 0.2.0.
	FlagSnapshot Flags = 2048
)

// Kind says what the event is.
func (e *Event) Kind() Kind { return Kind(e.raw.Kind) }

// Flags say more of it.
func (e *Event) Flags() Flags { return Flags(e.raw.Flags) }

// Has says whether a flag is set.
func (e *Event) Has(flag Flags) bool { return Flags(e.raw.Flags)&flag == flag }

// LSN is the position of the event's own WAL record. It identifies nothing: CommitLSN and Sequence do.
func (e *Event) LSN() LSN { return LSN(e.raw.LSN) }

// CommitLSN is the position of the transaction's commit record, known from its first event on; with the timeline and
// Sequence it identifies a change for ever. 0 inside streamed blocks.
func (e *Event) CommitLSN() LSN { return LSN(e.raw.CommitLSN) }

// AckLSN is the position to acknowledge once this event and all before it are safe; 0 where there is none.
func (e *Event) AckLSN() LSN { return LSN(e.raw.AckLSN) }

// CommitTimestamp is when the transaction committed, was prepared or rolled back; 0 inside streamed blocks.
func (e *Event) CommitTimestamp() Timestamp { return Timestamp(e.raw.CommitTime) }

// CommitTime is the same as a time.Time, zero where there is none.
func (e *Event) CommitTime() time.Time {
	if e.raw.CommitTime == 0 {
		return time.Time{}
	}
	return Timestamp(e.raw.CommitTime).Time()
}

// XID is the transaction's id, 0 outside transactions.
func (e *Event) XID() uint32 { return e.raw.XID }

// SubXID is the subtransaction's id, inside a streamed block and for STREAM_ABORT; else 0.
func (e *Event) SubXID() uint32 { return e.raw.SubXID }

// Sequence counts inserts, updates, deletes, truncates and transactional messages of the transaction from 0.
func (e *Event) Sequence() uint64 { return e.raw.Sequence }

// Relation is the table of a change or of a RELATION event, else nil. It is the program's to keep.
func (e *Event) Relation() *Relation {
	if e.clone != nil {
		return e.clone.relation
	}
	if e.raw.Relation == nil {
		return nil
	}
	return e.batch.relations.of(e.raw.Relation)
}

// New is the new row of an INSERT or UPDATE; without values otherwise.
func (e *Event) New() Row { return Row{e.NewValues(), e.Relation()} }

// Old is the old row of an UPDATE or DELETE, or its key; without values where the server sent none.
func (e *Event) Old() Row { return Row{e.OldValues(), e.Relation()} }

// NewValues are the values of the new row where they lie, in the order of the relation's columns.
func (e *Event) NewValues() []Value { return unsafe.Slice((*Value)(e.raw.New), int(e.raw.NNew)) }

// OldValues are the values of the old row where they lie, in the order of the relation's columns.
func (e *Event) OldValues() []Value { return unsafe.Slice((*Value)(e.raw.Old), int(e.raw.NOld)) }

// ScanRow reads the new row, or the old one of a DELETE, into a struct: see Row.Scan.
func (e *Event) ScanRow(to any) error {
	if e.raw.NNew == 0 {
		return e.Old().Scan(to)
	}
	return e.New().Scan(to)
}
