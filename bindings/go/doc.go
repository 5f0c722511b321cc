// Package pgwalstream streams the changes of a PostgreSQL database (logical decoding, pgoutput) into a Go program: every
// insert, update, delete, truncate and logical message, in the order of the commits. It is the Go face of
// libpgwalstream, which it needs installed, and cgo: README.md beside this package shows how a program finds it.
//
// A program opens a stream on a replication slot, loops over its events, makes them safe in its own way, and
// acknowledges. The server keeps what was not acknowledged and sends it again after a restart; within one stream every
// change comes once, also when the connection breaks, which is made again by itself.
//
//	stream, err := pgwalstream.Open(ctx, pgwalstream.Options{
//		Conninfo: "dbname=shop", Slot: "shop_slot", Publication: "shop_pub",
//	})
//	if err != nil {
//		return err
//	}
//	defer stream.Close()
//	for event, err := range stream.Events(ctx) {
//		if err != nil {
//			return err
//		}
//		if event.Kind() == pgwalstream.KindInsert {
//			var order Order
//			if err := event.ScanRow(&order); err != nil {
//				return err
//			}
//			store(order)
//		}
//		if err := stream.Ack(event.AckLSN()); err != nil { // once it is safe with you
//			return err
//		}
//	}
//
// # What is borrowed
//
// Events, rows, values and their bytes are views of memory that is not Go's: nothing is copied, nothing is allocated,
// and reading a column calls no C. They are good until the loop's next turn, or the next call of Next. [Event.Clone]
// copies one into Go's memory for good, [Value.String] and [Field.Text] copy a value, [Relation] is always the
// program's own. A batch of [Stream.NextBatch] is good until its Release, on any goroutine.
//
// # Goroutines
//
// One goroutine at a time reads from a stream; a second one gets [ErrBusy]. Ack, Flush, Stats and Close may be called
// by any, at any time. A goroutine that waits for an event waits in Go's netpoller and holds no thread, so that a
// thousand quiet streams cost a thousand goroutines and no more; one thread of the library serves them all. When the
// context of a loop ends, it ends, also while it waits, and also when the events come without a pause.
//
// # Errors
//
// What fails is an [*Error] with message, detail, hint and SQLSTATE; each [Status] below 0 is a sentinel for errors.Is.
// A context that ends gives context.Cause, a stream that was closed [ErrClosed].
//
// # NULL, unchanged, not sent
//
// A large value that an UPDATE did not touch is not sent: it is [Unchanged], which is not [Null]. In the old row of a
// table with a primary key only the key is sent: the other columns are [Absent]. [Maybe] keeps them apart in structs.
//
// # What is not committed
//
// With the options streaming and two_phase a transaction comes before it is committed, and may never be: see the
// chapters on them in pgwalstream.h, whose kinds and flags have the same names here.
package pgwalstream
