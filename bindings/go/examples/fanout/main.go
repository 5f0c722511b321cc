// Command fanout brings the inserts of several databases into one channel, and ends gracefully:
//
//	fanout SLOT,SLOT… PUBLICATION CONNINFO…
//
// The slots are as many as the databases. One goroutine reads each database; one consumes. A change is acknowledged to its own database once it was consumed. At
// SIGTERM the readers stop, what they brought is consumed to its end, acknowledged, and told to the servers.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

// A change outlives the event that it came with.
type change struct {
	database string
	stream   *wal.Stream
	event    *wal.Event
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 4 || strings.Count(os.Args[1], ",") != len(os.Args)-4 {
		log.Fatal("usage: fanout SLOT,SLOT… PUBLICATION CONNINFO…")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := fanout(ctx, strings.Split(os.Args[1], ","), os.Args[2], os.Args[3:]); err != nil {
		log.Fatal(err)
	}
}

func fanout(ctx context.Context, slots []string, publication string, databases []string) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	changes := make(chan change, 64)
	var readers sync.WaitGroup
	var streams []*wal.Stream
	// Whatever happens: the readers first, who use the streams.
	defer func() {
		fail(nil)
		for range changes { // so that none of them waits for a consumer that is gone
		}
		for _, stream := range streams {
			stream.Close()
		}
	}()
	var opening error
	for i, conninfo := range databases {
		stream, err := wal.Open(ctx, wal.Options{Conninfo: conninfo, Slot: slots[i], Publication: publication})
		if err != nil {
			opening = fmt.Errorf("database %d: %w", i+1, err)
			break
		}
		streams = append(streams, stream)
		readers.Add(1)
		go func() {
			defer readers.Done()
			if err := read(ctx, fmt.Sprintf("db%d", i+1), stream, changes); err != nil {
				fail(err)
			}
		}()
	}
	go func() {
		readers.Wait()
		close(changes)
	}()
	if opening != nil {
		return opening
	}

	for change := range changes {
		if change.event.Kind() == wal.KindInsert {
			fmt.Printf("%s: %v\n", change.database, change.event.New().Field(0))
		}
		if err := change.stream.Ack(change.event.AckLSN()); err != nil {
			return err
		}
	}
	// The readers are gone, and everything that they brought is consumed.
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for i, stream := range streams {
		if err := stream.Flush(last); err != nil {
			return fmt.Errorf("database %d: %w", i+1, err)
		}
	}
	fmt.Println("done")
	return nil
}

func read(ctx context.Context, name string, stream *wal.Stream, to chan<- change) error {
	for event, err := range stream.Events(ctx) {
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("%s: %w", name, err)
		}
		switch event.Kind() {
		case wal.KindInsert, wal.KindCommit, wal.KindProgress:
			select {
			case to <- change{name, stream, event.Clone()}:
			case <-ctx.Done():
				return nil
			}
		}
	}
	return nil
}
