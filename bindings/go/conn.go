package pgwalstream

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A Conn runs commands about slots and publications, and SQL, one at a time: a second one gets ErrBusy. Each waits for
// its answer as long as its context lasts; what is given up is cancelled on the server, and the call returns once the
// server has said so, a few seconds later at most.
type Conn struct{ core *connCore }

// connCore is what a Conn frees; it must not lead to the Conn.
type connCore struct {
	gate  gate
	c     capi.Conn
	hooks hooks
	// busy is held by whoever runs a command: another's context must not interrupt it.
	busy    atomic.Bool
	closing sync.Once
	cleanup runtime.Cleanup
}

// Connect opens a connection for commands. Of the options Conninfo, env and Logger count, and Publication: see
// Conn.CreateSlot.
func Connect(ctx context.Context, options Options) (*Conn, error) {
	if err := admit(ctx); err != nil {
		return nil, err
	}
	defer func() { <-connecting }()
	c, hooks, err := options.make()
	if err != nil {
		return nil, err
	}
	defer c.Free()
	made, oops := capi.NewConn(c)
	if oops != nil {
		hooks.stop()
		return nil, failure(oops)
	}
	core := &connCore{gate: newGate(), c: made, hooks: hooks}
	conn := &Conn{core}
	err = conn.run(ctx, func(c capi.Conn) (int32, *capi.Error) { return c.Connect() })
	if err != nil {
		core.close()
		return nil, err
	}
	core.cleanup = runtime.AddCleanup(conn, func(c *connCore) { go c.close() }, core)
	return conn, nil
}

// Close closes the connection, and ends a command that waits. What lives as long as it ends with it: temporary slots, an
// exported snapshot, an open transaction.
func (c *Conn) Close() error {
	c.core.cleanup.Stop()
	c.core.close()
	runtime.KeepAlive(c)
	return nil
}

func (c *connCore) close() {
	c.closing.Do(func() {
		c.gate.shut()
		c.c.Interrupt()
		c.gate.drain()
		closing <- struct{}{}
		c.c.Free()
		<-closing
		c.hooks.stop()
	})
}

// run makes one call of the library, which the context's end interrupts.
func (c *Conn) run(ctx context.Context, call func(capi.Conn) (int32, *capi.Error)) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !c.core.busy.CompareAndSwap(false, true) {
		return mistake(ErrBusy, "another goroutine uses this connection")
	}
	defer c.core.busy.Store(false)
	if !c.core.gate.enter() {
		return ErrClosed
	}
	w := watch{ctx: ctx, gate: &c.core.gate, handle: c.core.c}
	w.begin()
	status, err := call(c.core.c)
	w.end()
	closed := c.core.gate.isClosed()
	c.core.gate.leave()
	runtime.KeepAlive(c)
	switch {
	case err != nil:
		return failure(err)
	case status == capi.OK:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case closed:
		return ErrClosed
	default:
		return mistake(ErrInternal, "a command ended with "+Status(status).String())
	}
}

// plain says whether texts can be given to C.
func plain(texts ...string) error {
	for _, text := range texts {
		if strings.ContainsRune(text, 0) {
			return mistake(ErrInvalidArgument, "a text holds a NUL")
		}
	}
	return nil
}

// Rows are what a query gave, as text.
type Rows struct {
	// Columns are the columns' names.
	Columns []string
	// Values are the rows; nil is NULL.
	Values [][]*string

	relation *Relation
}

// Row is a row, from 0, whose values are read as those of an event: with Field, Named, Scan and Map. Like a slice it panics where
// there is none. What it gives does not end.
func (r Rows) Row(i int) Row {
	row := Row{make([]Value, len(r.Values[i])), r.relation}
	for at, text := range r.Values[i] {
		switch {
		case text == nil:
			row.values[at] = Value{capi.Value{Kind: uint8(Null)}}
		case *text == "":
			row.values[at] = Value{capi.Value{Data: unsafe.Pointer(&emptyText), Kind: uint8(Text)}}
		default:
			row.values[at] = Value{capi.Value{Data: unsafe.Pointer(unsafe.StringData(*text)), Len: uint32(len(*text)), Kind: uint8(Text)}}
		}
	}
	return row
}

// emptyText is where texts without bytes lie, which have a place, too.
var emptyText byte

// Query runs SQL, several statements if you like, and gives the rows of the last one. It is meant for small answers: to
// read in the transaction of SlotUseSnapshot, and to end it. Take care of quoting.
func (c *Conn) Query(ctx context.Context, sql string) (Rows, error) {
	var rows Rows
	if err := plain(sql); err != nil {
		return rows, err
	}
	err := c.run(ctx, func(c capi.Conn) (status int32, err *capi.Error) {
		rows.Columns, rows.Values, status, err = c.Query(sql, func(relation unsafe.Pointer) {
			if relation != nil {
				rows.relation = retained(relation)
			}
		})
		return status, err
	})
	return rows, err
}

// Check looks whether the server still keeps the connection, without asking it anything: an exported snapshot lives on.
func (c *Conn) Check() error {
	return c.run(context.Background(), func(c capi.Conn) (int32, *capi.Error) { return c.Check() })
}

// ReleaseSnapshot says that the exported snapshot is not needed any more; until then every command is ErrState.
func (c *Conn) ReleaseSnapshot() error {
	return c.run(context.Background(), func(c capi.Conn) (int32, *capi.Error) { return c.ReleaseSnapshot() })
}

// ServerVersion is the server's, as in server_version_num: 180004 is 18.4.
func (c *Conn) ServerVersion() int {
	if !c.core.gate.enter() {
		return 0
	}
	version := c.core.c.ServerVersion()
	c.core.gate.leave()
	runtime.KeepAlive(c)
	return int(version)
}
