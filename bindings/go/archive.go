package pgwalstream

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// An ArchiveKind says what an archive tells. New ones may come: skip what is not known.
type ArchiveKind uint32

// The kinds of what an archive tells.
const (
	ArchiveStarted     ArchiveKind = 1 // it is connected, and goes on at Start
	ArchiveSegment     ArchiveKind = 2 // a segment is complete and lasts: Name
	ArchiveTimeline    ArchiveKind = 3 // the timeline ended at End, the next begins at Start; Name is its history file
	ArchiveHole        ArchiveKind = 4 // segments are missing from Start to End
	ArchiveDiskFull    ArchiveKind = 5 // the disk is full: it is tried each second, and the server keeps the WAL
	ArchiveSpace       ArchiveKind = 6 // there is room again
	ArchiveReconnected ArchiveKind = 7 // the connection was lost and made again; nothing is missing
)

// An ArchiveEvent is what an archive tells.
type ArchiveEvent struct {
	Kind       ArchiveKind
	Timeline   uint32
	Start, End LSN
	Name       string
}

// An ArchiveStanding is how an archive stands.
type ArchiveStanding struct {
	SystemIdentifier, SegmentSize uint64
	// Written is how far it is written, Durable how far that lasts.
	Written, Durable LSN
	// Segments are those that were completed since the archiver was made.
	Segments uint64
	Timeline uint32
	Full     bool
}

// An ArchiveFault is something that is wrong with an archive.
type ArchiveFault struct {
	Kind          ArchiveFaultKind
	Name, Message string
	// Start and End are where it lies in the WAL; 0 where that says nothing.
	Start, End LSN
}

// An ArchiveFaultKind says what is wrong. New ones may come.
type ArchiveFaultKind uint32

// The kinds of faults.
const (
	FaultHole      ArchiveFaultKind = 1 // segments are missing between others
	FaultLength    ArchiveFaultKind = 2 // a complete segment of a wrong length
	FaultPage      ArchiveFaultKind = 3 // a page that is none of its segment
	FaultSystem    ArchiveFaultKind = 4 // a segment of another system
	FaultHistory   ArchiveFaultKind = 5 // a history file that is missing, or damaged
	FaultDivergent ArchiveFaultKind = 6 // WAL that the newest timeline does not have
)

// An Archiver fills an archive of WAL. One goroutine calls Next, which holds a thread: its work is the disk's. The rest is for any.
type Archiver struct{ core *archiveCore }

type archiveCore struct {
	gate    gate
	c       capi.Archive
	hooks   hooks
	busy    atomic.Bool
	closing sync.Once
}

// NewArchiver takes the directory of the parameter archive_directory for this process, and finds where its WAL ends. Nothing is asked of
// a server yet. Close it.
func NewArchiver(options Options) (*Archiver, error) {
	c, hooks, err := options.make()
	if err != nil {
		return nil, err
	}
	defer c.Free()
	made, oops := capi.NewArchive(c)
	if oops != nil {
		hooks.stop()
		return nil, failure(oops)
	}
	return &Archiver{&archiveCore{gate: newGate(), c: made, hooks: hooks}}, nil
}

// Next connects, receives, writes, makes it last and acknowledges, until there is something to tell. io.EOF: the parameter stop_lsn is
// reached, and all before it lasts. Before ArchiveStarted another call tries again after an error that is retriable.
func (a *Archiver) Next(ctx context.Context) (ArchiveEvent, error) {
	if ctx.Err() != nil {
		return ArchiveEvent{}, context.Cause(ctx)
	}
	core := a.core
	if !core.busy.CompareAndSwap(false, true) {
		return ArchiveEvent{}, mistake(ErrBusy, "another goroutine fills this archive")
	}
	defer core.busy.Store(false)
	if !core.gate.enter() {
		return ArchiveEvent{}, ErrClosed
	}
	w := watch{ctx: ctx, gate: &core.gate, handle: core.c}
	w.begin()
	told, status, oops := core.c.Next(-1)
	w.end()
	closed := core.gate.isClosed()
	core.gate.leave()
	runtime.KeepAlive(a)
	switch {
	case oops != nil:
		return ArchiveEvent{}, failure(oops)
	case status == capi.OK:
		return ArchiveEvent{
			Kind: ArchiveKind(told.Kind), Timeline: told.Timeline, Start: LSN(told.Start), End: LSN(told.End), Name: told.Name,
		}, nil
	case closed:
		return ArchiveEvent{}, ErrClosed
	case status == capi.End:
		return ArchiveEvent{}, io.EOF
	default:
		return ArchiveEvent{}, context.Cause(ctx)
	}
}

// Standing is how the archive stands.
func (a *Archiver) Standing() (ArchiveStanding, error) {
	if !a.core.gate.enter() {
		return ArchiveStanding{}, ErrClosed
	}
	s, oops := a.core.c.Standing()
	a.core.gate.leave()
	return ArchiveStanding{
		SystemIdentifier: s.System, SegmentSize: s.SegmentSize, Written: LSN(s.Written), Durable: LSN(s.Durable),
		Segments: s.Segments, Timeline: s.Timeline, Full: s.Full,
	}, failure(oops)
}

// Close makes what is written last, reports it and ends the archiver. A Next that waits gets ErrClosed. Any goroutine may call it, also
// more than once.
func (a *Archiver) Close() error {
	core := a.core
	core.closing.Do(func() {
		core.gate.shut()
		core.c.Interrupt()
		core.gate.drain()
		core.c.Free()
		core.hooks.stop()
	})
	return nil
}

// FetchArchived copies a file of an archive to a path, as restore_command does: a segment, complete or as far as it came, or a history
// file. False: the archive does not have it. The target is there whole or not at all.
func FetchArchived(directory, name, target string) (bool, error) {
	if err := plain(directory, name, target); err != nil {
		return false, err
	}
	status, oops := capi.FetchArchived(directory, name, target)
	return status == capi.OK, failure(oops)
}

// CheckArchive looks at all files of an archive. It tells how many segments there are, and what is wrong.
func CheckArchive(directory string) (segments uint64, faults []ArchiveFault, err error) {
	if err := plain(directory); err != nil {
		return 0, nil, err
	}
	segments, found, oops := capi.CheckArchive(directory)
	for _, fault := range found {
		faults = append(faults, ArchiveFault{
			ArchiveFaultKind(fault.Kind), fault.Name, fault.Message, LSN(fault.Start), LSN(fault.End),
		})
	}
	return segments, faults, failure(oops)
}
