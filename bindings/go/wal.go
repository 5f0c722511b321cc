package pgwalstream

import (
	"context"
	"errors"
	"io"
)

// A WALReader reads the bytes of a physical stream one behind the other, as an [io.Reader]. It ends with [io.EOF] where a timeline ends;
// Switch then tells of it, and reading goes on with the next one. It ends so too where the stream does, and Done is true then. With
// failover_policy "rewind" the Switchpoint may lie before what was read: what lies between is lost. One goroutine at a time uses it, and nothing else reads the stream.
type WALReader struct {
	// FlushWanted is called inside Read where the server waits until everything up to a position is safe, as one does that stops.
	// All of that was read. Make it safe, and call Stream.Ack. Without it such a server waits.
	FlushWanted func(upTo LSN)
	stream      *Stream
	ctx         context.Context
	rest        []byte
	at          LSN
	timeline    uint32
	change      TimelineSwitch
	done        bool
}

// WALReader reads what the stream, which has the option mode "physical", gives until the context ends.
func (s *Stream) WALReader(ctx context.Context) *WALReader {
	return &WALReader{stream: s, ctx: ctx}
}

// Read reads the next bytes.
func (r *WALReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.rest) == 0 {
		event, err := r.stream.Next(r.ctx)
		if err != nil {
			r.done = errors.Is(err, io.EOF)
			return 0, err
		}
		switch event.Kind() {
		case KindWal:
			r.rest, r.at, r.timeline = event.Raw(), event.LSN(), event.Timeline()
		case KindTimeline:
			change := event.TimelineSwitch()
			change.History = append([]byte(nil), change.History...)
			r.at, r.timeline, r.change = event.LSN(), change.Timeline, change
			return 0, io.EOF
		case KindFlushWanted:
			if r.FlushWanted != nil {
				r.FlushWanted(event.AckLSN())
			}
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	r.at += LSN(n)
	return n, nil
}

// LSN is the position behind the last byte that was read: what to acknowledge once all of it is safe. 0 before the first.
func (r *WALReader) LSN() LSN { return r.at }

// Timeline is that of the last byte that was read.
func (r *WALReader) Timeline() uint32 { return r.timeline }

// Switch is the last change of timelines.
func (r *WALReader) Switch() TimelineSwitch { return r.change }

// Done is whether the stream has ended, as it does at the option stop_lsn: after an [io.EOF] it tells that from the end of a timeline.
func (r *WALReader) Done() bool { return r.done }
