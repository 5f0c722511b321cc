package pgwalstream

import (
	"io"
	"time"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// ---- generated from src/statistics/table.rs ----

// Stats are the counters of a stream since it was made.
type Stats struct {
	// Events made ready for the program.
	Events uint64
	// Batches made ready for the program.
	Batches uint64
	// Transactions received that have at least one event.
	Transactions uint64
	// Transactions without a change, which are not delivered.
	EmptyTransactions uint64
	// Bytes received while streaming.
	BytesReceived uint64
	// Reads from the connection that gave data.
	Reads uint64
	// Times the engine woke for this stream.
	Wakeups uint64
	// Status updates sent to the server.
	StatusUpdates uint64
	// Keepalives received from the server.
	Keepalives uint64
	// Stream Aborts of transactions that were never announced.
	IgnoredAborts uint64
	// Messages of an unknown kind that were passed over.
	UnknownFrames uint64
	// Notices and warnings from the server.
	Notices uint64
	// Notices that changes were skipped. See option on_gap.
	Gaps uint64
	// The end of what was received.
	ReceivedLSN LSN
	// The highest position that was given to the program and may be acknowledged.
	DeliveredLSN LSN
	// The acknowledged position.
	AckedLSN LSN
	// The flush position last reported to the server.
	ReportedLSN LSN
	// The server's position in its last message. It tells how far the server had decoded. While the server catches
	// up, that lies before the end of what it has written (pg_current_wal_lsn()).
	ServerWALEnd LSN
	// Memory of the batches that wait for the program, in bytes. It counts received bytes, events and values. It is
	// less than option queue_bytes plus one batch, or one message where that is longer.
	QueueBytes uint64
	// Batches in the program's hands. They were handed out and are not freed; the one that the stream walks through
	// is one of them.
	BatchesLive uint64
	// Memory of the batches in the program's hands, in bytes.
	LiveBytes uint64
	// The server's clock in its last message.
	LastMessageTime Timestamp
	// The server's version, as in server_version_num. 0 before connecting.
	ServerVersion uint32
	// Process id of the walsender. 0 before connecting.
	BackendPID uint32
	// Times the connection was made anew.
	Reconnects uint64
	// From what is known to be safe to the server's position in its last message, in bytes. Safe is what the program
	// acknowledged and, while nothing was outstanding, what was reported without it; before either, the slot's
	// confirmed position. WAL that the server has not decoded yet is not in it.
	LagBytes uint64
	// Age of the oldest commit that was received and is not acknowledged. 0 while there is none. The clocks of this
	// machine and of the server must agree. A message outside transactions, and a raw payload, count from when the
	// server sent them. Exact while at most 256 are outstanding; with more, it may be the age of a transaction that
	// is a few hundredths of them later.
	Lag time.Duration
	// The stream's number in this process, from 1. It is the label "stream" of the metrics.
	StreamID uint64
	// Events that came again after a reconnect and were left out. See option dedupe.
	RepeatedEvents uint64
	// The timeline that the server writes. Timeline, position of the commit and sequence identify a change. 0 before
	// connecting.
	Timeline uint64
	// The walsender's logical_decoding_work_mem in kB. Option server_tuning chose it, or it was found so. 0 before
	// connecting.
	ServerWorkMemKB uint64
	// The slot's confirmed position, as far as the stream knows. It is where the slot stood when the connection was
	// made, or what was reported since. 0 before connecting.
	ConfirmedLSN LSN
	// Starts before the slot's position, which began there instead. A start_lsn asked for them; see option progress.
	LateStarts uint64
	// Streamed transactions that have not ended, or are being delivered (streaming=assembled).
	KeptTransactions uint64
	// Memory that these take.
	KeptBytes uint64
	// How much of these is on disk.
	SpilledBytes uint64
	// Streamed transactions that ended and were delivered whole.
	AssembledTransactions uint64
	// Streamed transactions of which something went to disk.
	SpilledTransactions uint64
	// Subtransactions of streamed transactions that were rolled back and cut out.
	RolledBackParts uint64
	// What of streamed transactions was received and thrown away since it was rolled back, in bytes.
	RolledBackBytes uint64
	// Prepared transactions that are held until their fate is known (two_phase=join). They pin WAL on the server,
	// and hold every position to acknowledge back.
	PreparedTransactions uint64
	// How long ago the oldest of these was prepared. 0 while there is none. The clocks of this machine and of the
	// server must agree.
	Prepared time.Duration
}

func statsOf(c capi.Stats) Stats {
	return Stats{
		Events:                c.Events,
		Batches:               c.Batches,
		Transactions:          c.Transactions,
		EmptyTransactions:     c.EmptyTransactions,
		BytesReceived:         c.BytesReceived,
		Reads:                 c.Reads,
		Wakeups:               c.Wakeups,
		StatusUpdates:         c.StatusUpdates,
		Keepalives:            c.Keepalives,
		IgnoredAborts:         c.IgnoredAborts,
		UnknownFrames:         c.UnknownFrames,
		Notices:               c.Notices,
		Gaps:                  c.Gaps,
		ReceivedLSN:           LSN(c.ReceivedLSN),
		DeliveredLSN:          LSN(c.DeliveredLSN),
		AckedLSN:              LSN(c.AckedLSN),
		ReportedLSN:           LSN(c.ReportedLSN),
		ServerWALEnd:          LSN(c.ServerWALEnd),
		QueueBytes:            c.QueueBytes,
		BatchesLive:           c.BatchesLive,
		LiveBytes:             c.LiveBytes,
		LastMessageTime:       Timestamp(c.LastMessageTime),
		ServerVersion:         c.ServerVersion,
		BackendPID:            c.BackendPID,
		Reconnects:            c.Reconnects,
		LagBytes:              c.LagBytes,
		Lag:                   time.Duration(c.LagMicroseconds) * time.Microsecond,
		StreamID:              c.StreamID,
		RepeatedEvents:        c.RepeatedEvents,
		Timeline:              c.Timeline,
		ServerWorkMemKB:       c.ServerWorkMemKB,
		ConfirmedLSN:          LSN(c.ConfirmedLSN),
		LateStarts:            c.LateStarts,
		KeptTransactions:      c.KeptTransactions,
		KeptBytes:             c.KeptBytes,
		SpilledBytes:          c.SpilledBytes,
		AssembledTransactions: c.AssembledTransactions,
		SpilledTransactions:   c.SpilledTransactions,
		RolledBackParts:       c.RolledBackParts,
		RolledBackBytes:       c.RolledBackBytes,
		PreparedTransactions:  c.PreparedTransactions,
		Prepared:              time.Duration(c.PreparedMicroseconds) * time.Microsecond,
	}
}

// ---- end of what is generated ----

// Health is how a slot was doing when it was looked at.
type Health struct {
	// When it was looked at, by this machine's clock.
	SampledAt Timestamp
	// How many more bytes of WAL may be written before the slot is lost; -1 without a limit (max_slot_wal_keep_size),
	// and once it is lost.
	SafeWALSize int64
	// Where the server is: the end of what it flushed, or of what it replayed while it is a standby.
	ServerLSN LSN
	// The oldest WAL that the slot holds back, or 0.
	RestartLSN LSN
	// Up to where its consumer acknowledged everything; 0 for a physical slot.
	ConfirmedFlushLSN LSN
	// How far the consumer is behind server_lsn.
	LagBytes uint64
	// How much WAL the slot holds back.
	RetainedBytes uint64
	// How many transactions ago the oldest row died that it keeps from VACUUM; -1 if it keeps none.
	XminAge int64
	// The same for the rows of the catalogs: it grows while nobody reads from a slot, and VACUUM cannot clean up.
	CatalogXminAge int64
	// Since when nobody uses it (17), or 0.
	InactiveSince Timestamp
	// pg_stat_replication_slots: transactions that went to disk because logical_decoding_work_mem was full.
	SpillTxns uint64
	// pg_stat_replication_slots: how often that happened.
	SpillCount uint64
	// pg_stat_replication_slots: how many bytes of changes went to disk.
	SpillBytes uint64
	// pg_stat_replication_slots: transactions that were streamed while they ran.
	StreamTxns uint64
	// pg_stat_replication_slots: how often that happened.
	StreamCount uint64
	// pg_stat_replication_slots: how many bytes of changes were streamed.
	StreamBytes uint64
	// pg_stat_replication_slots: transactions that were sent.
	TotalTxns uint64
	// pg_stat_replication_slots: how many bytes of changes were decoded.
	TotalBytes uint64
	// Whether the WAL that it needs is there.
	WAL SlotWAL
	// Why the server gave it up for good.
	Invalidation Invalidation
	// SlotTemporary, SlotTwoPhase, SlotFailover, SlotActive, SlotSynced, SlotConflicting and SlotInRecovery.
	Flags SlotFlags
	// The server's process that uses it, or 0.
	ActivePID uint32
}

func healthOf(c capi.Health) Health {
	return Health{
		SampledAt:         Timestamp(c.SampledAt),
		SafeWALSize:       c.SafeWALSize,
		ServerLSN:         LSN(c.ServerLSN),
		RestartLSN:        LSN(c.RestartLSN),
		ConfirmedFlushLSN: LSN(c.ConfirmedFlushLSN),
		LagBytes:          c.LagBytes,
		RetainedBytes:     c.RetainedBytes,
		XminAge:           c.XminAge,
		CatalogXminAge:    c.CatalogXminAge,
		InactiveSince:     Timestamp(c.InactiveSince),
		SpillTxns:         c.SpillTxns,
		SpillCount:        c.SpillCount,
		SpillBytes:        c.SpillBytes,
		StreamTxns:        c.StreamTxns,
		StreamCount:       c.StreamCount,
		StreamBytes:       c.StreamBytes,
		TotalTxns:         c.TotalTxns,
		TotalBytes:        c.TotalBytes,
		WAL:               SlotWAL(c.WAL),
		Invalidation:      Invalidation(c.Invalidation),
		Flags:             SlotFlags(c.Flags),
		ActivePID:         c.ActivePID,
	}
}

// WriteMetrics writes the counters of all streams of the process in Prometheus's text format: serve it with the content
// type "text/plain; version=0.0.4".
func WriteMetrics(to io.Writer) error {
	buffer := make([]byte, 4096)
	for {
		length, fits, err := capi.Prometheus(buffer)
		if err != nil {
			return failure(err)
		}
		if fits {
			_, err := to.Write(buffer[:length])
			return err
		}
		// Streams come and go between two calls.
		buffer = make([]byte, length+1024)
	}
}
