package pgwalstream

import (
	"database/sql/driver"
	"fmt"
	"runtime"
	"strings"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A Position is how far a program has come: everything up to here is safe with it, and what follows is not. Store it in the
// same step as the data; it reads and writes a text that is stable, also to and from SQL. Options.ResumeAfter takes it at the
// next start. The zero Position is none.
type Position struct {
	// SystemIdentifier is the number that initdb gave the cluster; its standbys have it too.
	SystemIdentifier uint64
	// Timeline is that of the server that sent it.
	Timeline uint32
	// CommitLSN is the transaction; 0 where the position is of none, as of PROGRESS.
	CommitLSN LSN
	// Sequence is the last change of the transaction that is safe. It means nothing where EndLSN is set.
	Sequence uint64
	// EndLSN is 0 inside the transaction, and its end once it is whole: what to acknowledge.
	EndLSN LSN
	// Numbering is, inside a transaction, a number for the options that decide how changes are numbered; 0 at an end.
	Numbering uint32
}

func positionOf(c capi.Position) Position {
	return Position{c.System, c.Timeline, LSN(c.Commit), c.Sequence, LSN(c.End), c.Numbering}
}

func (p Position) c() capi.Position {
	return capi.Position{
		System: p.SystemIdentifier, Commit: uint64(p.CommitLSN), Sequence: p.Sequence, End: uint64(p.EndLSN), Timeline: p.Timeline,
		Numbering: p.Numbering,
	}
}

// IsZero says whether there is no position.
func (p Position) IsZero() bool { return p.CommitLSN == 0 && p.EndLSN == 0 }

// ParsePosition reads a position as String writes it. No other text is one.
func ParsePosition(text string) (Position, error) {
	if strings.ContainsRune(text, 0) {
		return Position{}, mistake(ErrInvalidArgument, fmt.Sprintf("%q is no position", text))
	}
	c, err := capi.ParsePosition(text)
	return positionOf(c), failure(err)
}

// String is the position as text, in a form that is stable: system:timeline:commit:sequence:end, and
// :numbering inside a transaction.
func (p Position) String() string { return p.c().String() }

// Compare is below 0 if p comes before the other in the stream, 0 where both leave the same to do, above 0 if it comes
// behind. ErrSystemMismatch: they are of two systems or two timelines, and have no order of their own.
func (p Position) Compare(other Position) (int, error) {
	order, err := p.c().Compare(other.c())
	return order, failure(err)
}

// Scan is for database/sql: a text, bytes, or NULL, which is none.
func (p *Position) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*p = Position{}
		return nil
	case string:
		return p.UnmarshalText([]byte(from))
	case []byte:
		return p.UnmarshalText(from)
	default:
		return mistake(ErrType, fmt.Sprintf("%T is no position", from))
	}
}

// Value is for database/sql: the text, or NULL where there is no position.
func (p Position) Value() (driver.Value, error) {
	if p.IsZero() {
		return nil, nil
	}
	return p.String(), nil
}

// MarshalText is for encoding/json and its like.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is for encoding/json and its like.
func (p *Position) UnmarshalText(text []byte) error {
	position, err := ParsePosition(string(text))
	if err == nil {
		*p = position
	}
	return err
}

// Timeline is that of the server that sent the event: with CommitLSN and Sequence it identifies a change for ever.
func (e *Event) Timeline() uint32 { return e.raw.Timeline() }

// Position is how far a program has come that has this event and all before it. A change that has a number has a position,
// and what has an AckLSN; for the others that of the event before holds.
func (e *Event) Position() Position {
	position := e.raw.Position()
	runtime.KeepAlive(e)
	return positionOf(position)
}

// Position is how far a program has come that has all of the batch: that of the last event that has one.
func (b *Batch) Position() Position {
	position := b.held.Position()
	runtime.KeepAlive(b)
	return positionOf(position)
}

// An Acker keeps the order of work that is finished in any, for a program that has several workers, or sends without waiting
// for each answer. Whoever reads the stream begins a unit of work with each event, in the order of delivery. Whoever finishes
// one says so, in any order and on any goroutine. All up to the first unit that is not done is safe.
type Acker struct{ c capi.Acker }

// NewAcker makes an acker that acknowledges to a stream. With nil it only tells the Position, for a program that stores it
// before it acknowledges. It keeps at most so many units at once, those that wait for an earlier one included; 0 is 65536.
func NewAcker(stream *Stream, most uint32) (*Acker, error) {
	var of capi.Stream
	if stream != nil {
		if !stream.core.gate.enter() {
			return nil, ErrClosed
		}
		defer stream.core.gate.leave()
		of = stream.core.c
	}
	c, err := capi.NewAcker(of, most)
	runtime.KeepAlive(stream)
	if err != nil {
		return nil, failure(err)
	}
	acker := &Acker{c}
	runtime.AddCleanup(acker, capi.Acker.Free, c)
	return acker, nil
}

// Begin begins a unit of work, behind all that were begun before, that ends at the Position of an event or a batch; the zero
// Position is that of the unit before. What it gives is for Done. ErrState, which IsRetriable: as many units as may be are
// kept.
func (a *Acker) Begin(last Position) (token uint64, err error) {
	token, oops := a.c.Begin(last.c())
	runtime.KeepAlive(a)
	return token, failure(oops)
}

// BeginEvent is Begin of a unit that ends with an event. It is acknowledged also where the event has no Position, as on a standby
// and with decode off.
func (a *Acker) BeginEvent(last *Event) (token uint64, err error) {
	token, oops := a.c.BeginEvent(last.raw)
	runtime.KeepAlive(a)
	runtime.KeepAlive(last)
	return token, failure(oops)
}

// Done ends a unit of work: its changes are safe. Where all before it are done too, that is acknowledged. ErrState: it was done
// before; ErrInvalidArgument: it was never begun.
func (a *Acker) Done(token uint64) error {
	err := a.c.Done(token)
	runtime.KeepAlive(a)
	return failure(err)
}

// Position is how far all work is done without a gap: what to store, and to resume after.
func (a *Acker) Position() Position {
	position := a.c.Position()
	runtime.KeepAlive(a)
	return positionOf(position)
}

// Kept is how many units are kept: those not done, and those that wait for an earlier one.
func (a *Acker) Kept() int {
	kept := a.c.Kept()
	runtime.KeepAlive(a)
	return kept
}
