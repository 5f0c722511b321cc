package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"strings"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

// most is how many bytes of a byte string are written.
const most = 64

// tail is what follows the first bytes of a long one.
func tail(b []byte) string {
	if len(b) <= most {
		return ""
	}
	hash := fnv.New64a()
	_, _ = hash.Write(b)
	return fmt.Sprintf("~%d~%016x", len(b), hash.Sum64())
}

func quoted(b []byte) string {
	var text strings.Builder
	text.WriteByte('"')
	for _, c := range b[:min(len(b), most)] {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			fmt.Fprintf(&text, `\x%02x`, c)
		} else {
			text.WriteByte(c)
		}
	}
	text.WriteByte('"')
	return text.String() + tail(b)
}

func words(text string) string { return quoted([]byte(text)) }

func digits(b []byte) string { return fmt.Sprintf("0x%x", b[:min(len(b), most)]) + tail(b) }

var flagNames = []struct {
	flag wal.Flags
	name string
}{
	{wal.FlagTransactional, "transactional"}, {wal.FlagOldKey, "old_key"}, {wal.FlagOldFull, "old_full"},
	{wal.FlagCascade, "cascade"}, {wal.FlagRestartIdentity, "restart_identity"}, {wal.FlagStreamed, "streamed"},
	{wal.FlagFirstSegment, "first_segment"}, {wal.FlagDiscarded, "discarded"}, {wal.FlagRewound, "rewound"},
	{wal.FlagUnknownPrepare, "unknown_prepare"}, {wal.FlagAmbiguous, "ambiguous"},
}

func flags(event *wal.Event) string {
	var names []string
	for _, flag := range flagNames {
		if event.Has(flag.flag) {
			names = append(names, flag.name)
		}
	}
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, "+")
}

func print(event *wal.Event) {
	at := wal.LSN.String
	if event.Kind() == wal.KindReconnected {
		// These depend on the clock.
		at = func(lsn wal.LSN) string {
			if lsn == 0 {
				return "0/0"
			}
			return "some"
		}
	}
	fmt.Fprintf(out, "%v flags=%s lsn=%s commit_lsn=%v ack_lsn=%s time=%d xid=%d subxid=%d seq=%d\n",
		event.Kind(), flags(event), at(event.LSN()), event.CommitLSN(), at(event.AckLSN()),
		int64(event.CommitTimestamp()), event.XID(), event.SubXID(), event.Sequence())
	switch event.Kind() {
	case wal.KindRelation:
		r := event.Relation()
		fmt.Fprintf(out, "  relation %s oid=%d generation=%d identity=%c\n", table(r), r.OID, r.Generation, r.ReplicaIdentity)
		for _, column := range r.Columns {
			i, ok := r.ColumnIndex(column.Name)
			if !ok {
				i = -1
			}
			fmt.Fprintf(out, "  column %d %s type=%d typmod=%d key=%d\n", i, words(column.Name), column.Type, column.Typmod, one(column.Key))
		}
	case wal.KindInsert, wal.KindUpdate, wal.KindDelete:
		fmt.Fprintf(out, "  relation %s generation=%d\n", table(event.Relation()), event.Relation().Generation)
		row("new", event.New())
		row("old", event.Old())
	case wal.KindTruncate:
		for _, r := range event.Truncated() {
			fmt.Fprintf(out, "  truncated %s generation=%d\n", table(r), r.Generation)
		}
	case wal.KindMessage:
		prefix, content := event.Message()
		fmt.Fprintf(out, "  message %s %s\n", words(prefix), quoted(content))
	case wal.KindOrigin:
		name, lsn := event.Origin()
		fmt.Fprintf(out, "  origin %s lsn=%v\n", words(name), lsn)
	case wal.KindType:
		typ := event.Type()
		fmt.Fprintf(out, "  type %s.%s oid=%d\n", words(typ.Namespace), words(typ.Name), typ.OID)
	case wal.KindBeginPrepare, wal.KindPrepare, wal.KindCommitPrepared, wal.KindRollbackPrepared, wal.KindStreamPrepare:
		fmt.Fprintf(out, "  prepared %s prepare_lsn=%v prepare_end_lsn=%v\n", words(event.GID()), event.PrepareLSN(), event.PrepareEndLSN())
	case wal.KindStreamAbort:
		fmt.Fprintf(out, "  aborted abort_lsn=%v\n", event.AbortLSN())
	case wal.KindRaw:
		fmt.Fprintf(out, "  raw %s\n", quoted(event.Raw()))
	case wal.KindReconnected:
		r := event.Reconnect()
		fmt.Fprintf(out, "  reconnected status=%s message=%d attempts=%d lost=%d lost_timeline=%d timeline=%d switchpoint=%v\n",
			r.Status.String(), one(r.Message != ""), one(r.Attempts > 0), one(r.LostLSN != 0), r.LostTimeline, r.Timeline, r.Switchpoint)
	}
}

func table(r *wal.Relation) string { return words(r.Namespace) + "." + words(r.Name) }

func row(name string, row wal.Row) {
	i := 0
	for column, field := range row.All() {
		fmt.Fprintf(out, "  %s %d %s %v", name, i, words(column.Name), field.Kind())
		switch field.Kind() {
		case wal.Text:
			fmt.Fprintf(out, " %s", quoted(field.Bytes()))
		case wal.Binary:
			fmt.Fprintf(out, " %s", digits(field.Bytes()))
		}
		accessors(field)
		fmt.Fprintln(out)
		i++
	}
}

// accessors writes what those of the column's type give.
func accessors(f wal.Field) {
	switch f.Type() {
	case 16:
		value, err := f.Bool()
		result("bool", value, err)
	case 21:
		value, err := f.Int16()
		result("int16", value, err)
	case 23:
		value, err := f.Int32()
		result("int32", value, err)
	case 20:
		value, err := f.Int64()
		result("int64", value, err)
		narrow, err := f.Int32()
		result("int32", narrow, err)
	case 26:
		value, err := f.Uint32()
		result("uint32", value, err)
	case 700:
		value, err := f.Float32()
		result("float32", fmt.Sprintf("0x%08x", math.Float32bits(value)), err)
	case 701:
		value, err := f.Float64()
		result("float64", fmt.Sprintf("0x%016x", math.Float64bits(value)), err)
	case 1082:
		value, err := f.Date()
		result("date", int32(value), err)
	case 1083:
		value, err := f.TimeOfDay()
		result("time", value.Microseconds(), err)
	case 1114:
		value, err := f.Timestamp()
		result("timestamp", int64(value), err)
	case 1184:
		value, err := f.Timestamptz()
		result("timestamptz", int64(value), err)
	case 17:
		value, err := f.Bytea()
		result("bytea", digits(value), err)
	case 2950:
		value, err := f.UUID()
		result("uuid", digits(value[:]), err)
	default:
		value, err := f.TextBytes()
		result("text", quoted(value), err)
	}
}

func result(name string, value any, err error) {
	if err != nil {
		value = status(err)
	}
	fmt.Fprintf(out, " %s=%v", name, value)
}

func fault(e *wal.Error) {
	fmt.Fprintf(out, "ERROR %s code=%d sqlstate=%s os_errno=%d retriable=%d fatal=%d\n",
		e.Name, int32(e.Status), words(e.SQLState), int(e.Errno), one(e.Retriable), one(e.Fatal))
	fmt.Fprintf(out, "  message %s\n  detail %s\n  hint %s\n", words(e.Message), words(e.Detail), words(e.Hint))
}
