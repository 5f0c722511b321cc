// Command outbox posts what a service writes into its outbox table to an HTTP endpoint:
//
//	outbox CONNINFO SLOT PUBLICATION URL
//
// The table has the columns id, topic and payload; a row that is inserted is posted once its transaction committed, and
// acknowledged after the 200. What was posted and not acknowledged, since the program died in between, is posted again:
// the header Idempotency-Key, the row's id, lets the endpoint tell. An endpoint that fails is tried again; meanwhile the
// server keeps what follows.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

type message struct {
	ID      string `wal:"id"`
	Topic   string `wal:"topic"`
	Payload []byte `wal:"payload"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: outbox CONNINFO SLOT PUBLICATION URL")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	options := wal.Options{Conninfo: os.Args[1], Slot: os.Args[2], Publication: os.Args[3]}
	if err := relay(ctx, options, os.Args[4]); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func relay(ctx context.Context, options wal.Options, url string) error {
	stream, err := wal.Open(ctx, options)
	if err != nil {
		return err
	}
	defer stream.Close()
	for event, err := range stream.Events(ctx) {
		if err != nil {
			return err
		}
		if event.Kind() == wal.KindInsert {
			var m message
			if err := event.ScanRow(&m); err != nil {
				return err
			}
			if err := deliver(ctx, url, &m); err != nil {
				return err
			}
			fmt.Printf("posted %s to %s\n", m.ID, m.Topic)
		}
		// All rows of the transaction are delivered when its commit comes.
		if err := stream.Ack(event.AckLSN()); err != nil {
			return err
		}
		if event.Kind() == wal.KindCommit {
			if err := stream.Flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver posts a message until the endpoint takes it.
func deliver(ctx context.Context, url string, m *message) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := post(ctx, url, m)
		if err == nil || ctx.Err() != nil {
			return err
		}
		fmt.Printf("not posted %s: %v\n", m.ID, err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func post(ctx context.Context, url string, m *message) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/"+m.Topic, bytes.NewReader(m.Payload))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", m.ID)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the endpoint says %s", answer.Status)
	}
	return nil
}
