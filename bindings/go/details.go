package pgwalstream

import (
	"bytes"
	"runtime"
	"slices"
	"unsafe"
)

// A TypeInfo describes a type that is not built in.
type TypeInfo struct {
	OID             uint32
	Namespace, Name string
}

// A Reconnect is what a RECONNECTED event tells.
type Reconnect struct {
	// LostLSN is the end of what was received over the connection that is lost.
	LostLSN LSN
	// Switchpoint, with FlagRewound, is where the history of the server that is connected now left that of the one before.
	Switchpoint LSN
	// Attempts is how many it took.
	Attempts int
	// Status is why the connection was lost, a sentinel like the others, and Message the same in a sentence.
	Status  Status
	Message string
	// LostTimeline identifies the changes before the event, Timeline those behind it.
	LostTimeline, Timeline uint32
}

// A TimelineSwitch is what a TIMELINE event tells. What follows it begins at the event's LSN, where the segment of the
// switchpoint does.
type TimelineSwitch struct {
	// Before is the timeline that ended, Timeline the one that follows.
	Before, Timeline uint32
	// Switchpoint is where the first ended.
	Switchpoint LSN
	// History is the history file of the one that follows, borrowed from the event.
	History []byte
}

// details are what only some kinds have, copied.
type details struct {
	prefix            string
	content, raw      []byte
	origin            string
	originLSN         LSN
	typ               TypeInfo
	truncated         []*Relation
	gid               string
	prepare, end, abo LSN
	reconnect         Reconnect
	timeline          TimelineSwitch
	snapshot          Snapshot
}

// clone is what a cloned event has in place of a batch.
type clone struct {
	relation *Relation
	// item is that of a row of a snapshot.
	item int
	details
}

// Message is the prefix and content of a MESSAGE, the content borrowed from the event.
func (e *Event) Message() (prefix string, content []byte) {
	if e.clone != nil {
		return e.clone.prefix, e.clone.content
	}
	prefix, content = e.raw.MessagePrefix(), e.raw.MessageContent()
	runtime.KeepAlive(e)
	return prefix, content
}

// Raw is the payload of a RAW event, the bytes of a WAL event, or the history file of a TIMELINE event, borrowed from it.
func (e *Event) Raw() []byte {
	if e.clone != nil {
		return e.clone.raw
	}
	raw := e.raw.Raw()
	runtime.KeepAlive(e)
	return raw
}

// Origin is the name of the node that an ORIGIN event tells of, and the commit's position there.
func (e *Event) Origin() (name string, lsn LSN) {
	if e.clone != nil {
		return e.clone.origin, e.clone.originLSN
	}
	name, at := e.raw.Origin()
	runtime.KeepAlive(e)
	return name, LSN(at)
}

// Type is what a TYPE event describes.
func (e *Event) Type() TypeInfo {
	if e.clone != nil {
		return e.clone.typ
	}
	oid, namespace, name := e.raw.Type()
	runtime.KeepAlive(e)
	return TypeInfo{oid, namespace, name}
}

// Truncated are the tables of a TRUNCATE.
func (e *Event) Truncated() []*Relation {
	if e.clone != nil {
		return e.clone.truncated
	}
	var tables []*Relation
	for _, address := range e.raw.Truncated() {
		tables = append(tables, e.batch.relations.of(address))
	}
	runtime.KeepAlive(e)
	return tables
}

// GID is the global identifier of a prepared transaction.
func (e *Event) GID() string {
	if e.clone != nil {
		return e.clone.gid
	}
	gid := e.raw.GID()
	runtime.KeepAlive(e)
	return gid
}

// PrepareLSN is the position of a PREPARE TRANSACTION, or 0. With option two_phase "join" BEGIN and COMMIT of a transaction that
// was prepared have it too.
func (e *Event) PrepareLSN() LSN {
	if e.clone != nil {
		return e.clone.prepare
	}
	lsn := e.raw.PrepareLSN()
	runtime.KeepAlive(e)
	return LSN(lsn)
}

// PrepareEndLSN is the end of a PREPARE TRANSACTION, or 0: with GID it says which prepared transaction this is.
func (e *Event) PrepareEndLSN() LSN {
	if e.clone != nil {
		return e.clone.end
	}
	lsn := e.raw.PrepareEndLSN()
	runtime.KeepAlive(e)
	return LSN(lsn)
}

// AbortLSN is where a streamed transaction was rolled back; 0 unless the option streaming is "parallel".
func (e *Event) AbortLSN() LSN {
	if e.clone != nil {
		return e.clone.abo
	}
	lsn := e.raw.AbortLSN()
	runtime.KeepAlive(e)
	return LSN(lsn)
}

// Reconnect is what a RECONNECTED event tells.
func (e *Event) Reconnect() Reconnect {
	if e.clone != nil {
		return e.clone.reconnect
	}
	c := e.raw.Reconnect()
	runtime.KeepAlive(e)
	return Reconnect{
		LostLSN:      LSN(c.LostLSN),
		Switchpoint:  LSN(c.Switchpoint),
		Attempts:     int(c.Attempts),
		Status:       Status(c.Status),
		Message:      c.Message,
		LostTimeline: c.LostTimeline,
		Timeline:     c.Timeline,
	}
}

// TimelineSwitch is what a TIMELINE event tells.
func (e *Event) TimelineSwitch() TimelineSwitch {
	if e.clone != nil {
		return e.clone.timeline
	}
	if e.Kind() != KindTimeline {
		return TimelineSwitch{}
	}
	before, timeline, at := e.raw.TimelineSwitch()
	runtime.KeepAlive(e)
	return TimelineSwitch{Before: before, Timeline: timeline, Switchpoint: LSN(at), History: e.Raw()}
}

// Snapshot is what a SNAPSHOT event tells, its state borrowed from the event.
func (e *Event) Snapshot() Snapshot {
	if e.clone != nil {
		return e.clone.snapshot
	}
	step, item, state := e.raw.Snapshot()
	runtime.KeepAlive(e)
	if step == 0 {
		return Snapshot{}
	}
	return Snapshot{Step: SnapshotStep(step), Item: int(item), Rows: e.raw.Sequence, State: state}
}

// SnapshotItem is which item of its table a row of a snapshot is of; 0 for other events.
func (e *Event) SnapshotItem() int {
	if e.clone != nil {
		return e.clone.item
	}
	_, item, _ := e.raw.Snapshot()
	runtime.KeepAlive(e)
	return int(item)
}

// Clone copies the event with its values into Go's memory: it outlives batch and stream, and nobody has to free it.
func (e *Event) Clone() *Event {
	raw := *e.raw
	// The clone's answers are its own: the memory behind these may go.
	values, n := e.values()
	raw.New, raw.Old = nil, nil
	if len(values) > 0 {
		if n > 0 {
			raw.New = unsafe.Pointer(&values[0])
		}
		if n < len(values) {
			raw.Old = unsafe.Pointer(&values[n])
		}
	}
	it := &clone{relation: e.Relation()}
	if e.Kind() == KindSnapshot || e.Has(FlagSnapshot) {
		it.item = e.SnapshotItem()
	}
	raw.Relation = nil
	raw.Forget()
	switch e.Kind() {
	case KindBegin, KindCommit, KindRelation, KindInsert, KindUpdate, KindDelete:
	default:
		it.details = e.details()
	}
	runtime.KeepAlive(e)
	return &Event{raw: &raw, clone: it}
}

// values copies the values with their bytes, new ones first, and says how many of those there are.
func (e *Event) values() ([]Value, int) {
	fresh := e.NewValues()
	values := slices.Concat(fresh, e.OldValues())
	size := 0
	for i := range values {
		size += values[i].Len()
	}
	memory := make([]byte, 0, max(size, 1))
	for i := range values {
		if values[i].v.Data == nil {
			continue
		}
		start := len(memory)
		memory = append(memory, values[i].Bytes()...)
		if len(memory) == start {
			// An empty value is not none, and its pointer must not be beyond the end.
			values[i].v.Data = unsafe.Pointer(unsafe.SliceData(memory))
			continue
		}
		values[i].v.Data = unsafe.Pointer(&memory[start])
	}
	return values, len(fresh)
}

func (e *Event) details() details {
	prefix, content := e.Message()
	name, lsn := e.Origin()
	timeline := e.TimelineSwitch()
	timeline.History = bytes.Clone(timeline.History)
	snapshot := e.Snapshot()
	snapshot.State = bytes.Clone(snapshot.State)
	return details{
		prefix: prefix, content: bytes.Clone(content), raw: bytes.Clone(e.Raw()),
		origin: name, originLSN: lsn, typ: e.Type(), truncated: e.Truncated(),
		gid: e.GID(), prepare: e.PrepareLSN(), end: e.PrepareEndLSN(), abo: e.AbortLSN(),
		reconnect: e.Reconnect(), timeline: timeline, snapshot: snapshot,
	}
}
