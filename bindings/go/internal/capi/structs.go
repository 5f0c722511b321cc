package capi

// #include "glue.h"
import "C"

import "unsafe"

// ---- generated from src/statistics/table.rs ----

// Stats is wal_stats, copied.
type Stats struct {
	Events                uint64
	Batches               uint64
	Transactions          uint64
	EmptyTransactions     uint64
	BytesReceived         uint64
	Reads                 uint64
	Wakeups               uint64
	StatusUpdates         uint64
	Keepalives            uint64
	IgnoredAborts         uint64
	UnknownFrames         uint64
	Notices               uint64
	Gaps                  uint64
	ReceivedLSN           uint64
	DeliveredLSN          uint64
	AckedLSN              uint64
	ReportedLSN           uint64
	ServerWALEnd          uint64
	QueueBytes            uint64
	BatchesLive           uint64
	LiveBytes             uint64
	LastMessageTime       int64
	ServerVersion         uint32
	BackendPID            uint32
	Reconnects            uint64
	LagBytes              uint64
	LagMicroseconds       uint64
	StreamID              uint64
	RepeatedEvents        uint64
	Timeline              uint64
	ServerWorkMemKB       uint64
	ConfirmedLSN          uint64
	LateStarts            uint64
	KeptTransactions      uint64
	KeptBytes             uint64
	SpilledBytes          uint64
	AssembledTransactions uint64
	SpilledTransactions   uint64
	RolledBackParts       uint64
	RolledBackBytes       uint64
	PreparedTransactions  uint64
	PreparedMicroseconds  uint64
}

func copyStats(c *C.wal_stats) Stats {
	return Stats{
		Events:                uint64(c.events),
		Batches:               uint64(c.batches),
		Transactions:          uint64(c.transactions),
		EmptyTransactions:     uint64(c.empty_transactions),
		BytesReceived:         uint64(c.bytes_received),
		Reads:                 uint64(c.reads),
		Wakeups:               uint64(c.wakeups),
		StatusUpdates:         uint64(c.status_updates),
		Keepalives:            uint64(c.keepalives),
		IgnoredAborts:         uint64(c.ignored_aborts),
		UnknownFrames:         uint64(c.unknown_frames),
		Notices:               uint64(c.notices),
		Gaps:                  uint64(c.gaps),
		ReceivedLSN:           uint64(c.received_lsn),
		DeliveredLSN:          uint64(c.delivered_lsn),
		AckedLSN:              uint64(c.acked_lsn),
		ReportedLSN:           uint64(c.reported_lsn),
		ServerWALEnd:          uint64(c.server_wal_end),
		QueueBytes:            uint64(c.queue_bytes),
		BatchesLive:           uint64(c.batches_live),
		LiveBytes:             uint64(c.live_bytes),
		LastMessageTime:       int64(c.last_message_time),
		ServerVersion:         uint32(c.server_version),
		BackendPID:            uint32(c.backend_pid),
		Reconnects:            uint64(c.reconnects),
		LagBytes:              uint64(c.lag_bytes),
		LagMicroseconds:       uint64(c.lag_microseconds),
		StreamID:              uint64(c.stream_id),
		RepeatedEvents:        uint64(c.repeated_events),
		Timeline:              uint64(c.timeline),
		ServerWorkMemKB:       uint64(c.server_work_mem_kb),
		ConfirmedLSN:          uint64(c.confirmed_lsn),
		LateStarts:            uint64(c.late_starts),
		KeptTransactions:      uint64(c.kept_transactions),
		KeptBytes:             uint64(c.kept_bytes),
		SpilledBytes:          uint64(c.spilled_bytes),
		AssembledTransactions: uint64(c.assembled_transactions),
		SpilledTransactions:   uint64(c.spilled_transactions),
		RolledBackParts:       uint64(c.rolled_back_parts),
		RolledBackBytes:       uint64(c.rolled_back_bytes),
		PreparedTransactions:  uint64(c.prepared_transactions),
		PreparedMicroseconds:  uint64(c.prepared_microseconds),
	}
}

// ---- end of what is generated ----

// Health is wal_health, copied.
type Health struct {
	SampledAt         int64
	SafeWALSize       int64
	ServerLSN         uint64
	RestartLSN        uint64
	ConfirmedFlushLSN uint64
	LagBytes          uint64
	RetainedBytes     uint64
	XminAge           int64
	CatalogXminAge    int64
	InactiveSince     int64
	SpillTxns         uint64
	SpillCount        uint64
	SpillBytes        uint64
	StreamTxns        uint64
	StreamCount       uint64
	StreamBytes       uint64
	TotalTxns         uint64
	TotalBytes        uint64
	WAL               uint32
	Invalidation      uint32
	Flags             uint32
	ActivePID         uint32
}

func copyHealth(c *C.wal_health) Health {
	return Health{
		SampledAt:         int64(c.sampled_at),
		SafeWALSize:       int64(c.safe_wal_size),
		ServerLSN:         uint64(c.server_lsn),
		RestartLSN:        uint64(c.restart_lsn),
		ConfirmedFlushLSN: uint64(c.confirmed_flush_lsn),
		LagBytes:          uint64(c.lag_bytes),
		RetainedBytes:     uint64(c.retained_bytes),
		XminAge:           int64(c.xmin_age),
		CatalogXminAge:    int64(c.catalog_xmin_age),
		InactiveSince:     int64(c.inactive_since),
		SpillTxns:         uint64(c.spill_txns),
		SpillCount:        uint64(c.spill_count),
		SpillBytes:        uint64(c.spill_bytes),
		StreamTxns:        uint64(c.stream_txns),
		StreamCount:       uint64(c.stream_count),
		StreamBytes:       uint64(c.stream_bytes),
		TotalTxns:         uint64(c.total_txns),
		TotalBytes:        uint64(c.total_bytes),
		WAL:               uint32(c.wal),
		Invalidation:      uint32(c.invalidation),
		Flags:             uint32(c.flags),
		ActivePID:         uint32(c.active_pid),
	}
}

// Stats reads the counters.
func (s Stream) Stats() (Stats, *Error) {
	var c C.wal_stats
	var err *C.wal_error
	C.wal_stream_stats(s.c, &c, C.sizeof_wal_stats, &err)
	return copyStats(&c), take(err)
}

// SlotHealth is what was last seen of the slot.
func (s Stream) SlotHealth() (Health, int32, *Error) {
	var c C.wal_health
	var err *C.wal_error
	status := C.wal_stream_slot_health(s.c, &c, C.sizeof_wal_health, &err)
	return copyHealth(&c), int32(status), take(err)
}

// Prometheus writes the counters of all streams into a buffer; the length, and whether it fitted.
func Prometheus(buffer []byte) (int, bool, *Error) {
	var length C.size_t
	var err *C.wal_error
	var first *C.char
	if len(buffer) > 0 {
		first = (*C.char)(unsafe.Pointer(&buffer[0]))
	}
	status := C.wal_stats_prometheus(first, C.size_t(len(buffer)), &length, &err)
	if status == C.WAL_E_OUT_OF_RANGE {
		C.wal_error_free(err)
		return int(length), false, nil
	}
	return int(length), len(buffer) > 0, take(err)
}
