package pgwalstream

import (
	"context"
	"errors"
	"io"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A CopyFormat is how the rows of a COPY are read, which must be how the statement has them written.
type CopyFormat int32

// The formats of a COPY.
const (
	CopyText   CopyFormat = 0 // COPY's text format: the values as text, escapes undone
	CopyBinary CopyFormat = 1 // COPY's binary format: the values in the binary forms of their types
	CopyLines  CopyFormat = 2 // each row undivided, as one value: CSV, or a DELIMITER of its own
)

// A Copy is a COPY … TO STDOUT whose rows are being read. Close it; it may outlive its Conn.
type Copy struct {
	conn *Conn
	c    capi.Copy
	open bool
}

// Copy begins a COPY … TO STDOUT, whose rows come in batches, as the program asks for them: memory stays flat. Until it is
// closed, other commands of the connection give ErrState.
func (c *Conn) Copy(ctx context.Context, sql string, format CopyFormat) (*Copy, error) {
	if err := plain(sql); err != nil {
		return nil, err
	}
	begun := &Copy{conn: c}
	err := c.run(ctx, func(c capi.Conn) (status int32, err *capi.Error) {
		begun.c, status, err = c.Copy(sql, int32(format))
		return status, err
	})
	if err != nil {
		return nil, err
	}
	begun.open = true
	return begun, nil
}

// Next gives the next rows: all that are there, up to 256 KiB, at least one; a nil value is NULL. io.EOF comes behind the last.
// An error of the server comes behind the rows before it. When the context ends the COPY goes on, and nothing is lost.
func (c *Copy) Next(ctx context.Context) (rows [][][]byte, err error) {
	if !c.open {
		return nil, ErrClosed
	}
	ended := false
	err = c.conn.run(ctx, func(conn capi.Conn) (status int32, failed *capi.Error) {
		rows, status, failed = c.c.Next()
		if status == capi.End && failed == nil && !c.conn.core.gate.isClosed() {
			ended = true
			return capi.OK, nil
		}
		if failed != nil && c.conn.core.gate.isClosed() {
			// Rows are left: it is closed, and never at its end.
			return capi.End, nil
		}
		return status, failed
	})
	if err == nil && ended {
		err = io.EOF
	}
	return rows, err
}

// Close ends the COPY: where rows are left the server is asked to cancel it. The connection is free for the next command then.
func (c *Copy) Close() error {
	if !c.open {
		return nil
	}
	err := c.conn.run(context.Background(), func(capi.Conn) (int32, *capi.Error) {
		c.c.Free()
		return capi.OK, nil
	})
	if errors.Is(err, ErrClosed) {
		// It outlives its connection.
		c.c.Free()
		err = nil
	}
	c.open = err != nil
	return err
}
