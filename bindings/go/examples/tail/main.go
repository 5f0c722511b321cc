// Command tail prints the changes of a slot, a line each, until it is interrupted:
//
//	tail CONNINFO SLOT PUBLICATION [OPTION=VALUE…]
//
// A transaction is acknowledged when its last line was written.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 4 {
		log.Fatal("usage: tail CONNINFO SLOT PUBLICATION [OPTION=VALUE…]")
	}
	options := wal.Options{
		Conninfo:    os.Args[1],
		Slot:        os.Args[2],
		Publication: os.Args[3],
		Params:      map[string]string{},
		Logger:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, argument := range os.Args[4:] {
		name, value, _ := strings.Cut(argument, "=")
		options.Params[name] = value
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := tail(ctx, options); err != nil && ctx.Err() == nil {
		var e *wal.Error
		if errors.As(err, &e) && e.Hint != "" {
			err = fmt.Errorf("%w\n  hint: %s", err, e.Hint)
		}
		log.Fatal(err)
	}
}

func tail(ctx context.Context, options wal.Options) error {
	stream, err := wal.Open(ctx, options)
	if err != nil {
		return err
	}
	defer stream.Close()
	out := bufio.NewWriter(os.Stdout)
	for event, err := range stream.Events(ctx) {
		if err != nil {
			return err
		}
		if line := describe(event); line != "" {
			fmt.Fprintln(out, line)
		}
		if event.AckLSN() != 0 {
			// Acknowledged is what has left the program.
			if err := out.Flush(); err != nil {
				return err
			}
			if err := stream.Ack(event.AckLSN()); err != nil {
				return err
			}
		}
	}
	return nil
}

func describe(event *wal.Event) string {
	switch event.Kind() {
	case wal.KindInsert, wal.KindUpdate, wal.KindDelete:
		return fmt.Sprint(event.Kind(), " ", event.Relation(), row(" old", event.Old()), row("", event.New()))
	case wal.KindTruncate:
		return fmt.Sprint(event.Kind(), " ", event.Truncated())
	case wal.KindMessage:
		prefix, content := event.Message()
		return fmt.Sprintf("%v %s %q", event.Kind(), prefix, content)
	case wal.KindBegin, wal.KindCommit:
		return event.Kind().String()
	}
	return ""
}

func row(name string, row wal.Row) string {
	if row.Len() == 0 {
		return ""
	}
	var text strings.Builder
	text.WriteString(name)
	for column, field := range row.All() {
		switch field.Kind() {
		case wal.Text:
			fmt.Fprintf(&text, " %s=%s", column.Name, strconv.Quote(field.String()))
		case wal.Binary:
			fmt.Fprintf(&text, " %s=0x%x", column.Name, field.Bytes())
		case wal.Null, wal.Unchanged:
			fmt.Fprintf(&text, " %s=<%v>", column.Name, field.Kind())
		}
	}
	return text.String()
}
