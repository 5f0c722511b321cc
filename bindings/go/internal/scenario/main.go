// Command scenario runs one stream of a scenario of tests/languages and prints its canonical lines, as the programs in C
// and C++ do: tests/languages/README.md has the rules.
//
//	scenario SCENARIO STREAM CONNINFO SLOT [KEY=VALUE…]
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

var out = bufio.NewWriter(os.Stdout)

func main() {
	options, err := options(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "scenario:", err)
		os.Exit(1)
	}
	if err := run(options); err != nil {
		var e *wal.Error
		if !errors.As(err, &e) {
			fmt.Fprintln(os.Stderr, "scenario:", err)
			os.Exit(1)
		}
		fault(e)
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "scenario:", err)
		os.Exit(1)
	}
}

// options reads the command line and the stream's section of the file.
func options(arguments []string) (wal.Options, error) {
	if len(arguments) < 4 {
		return wal.Options{}, errors.New("usage: scenario SCENARIO STREAM CONNINFO SLOT [KEY=VALUE…]")
	}
	text, err := os.ReadFile(arguments[0])
	if err != nil {
		return wal.Options{}, err
	}
	o := wal.Options{Conninfo: arguments[2], Slot: arguments[3], Params: map[string]string{}}
	set := func(pair string) {
		key, value, _ := strings.Cut(pair, "=")
		o.Params[key] = value
	}
	found, inside := false, false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "["):
			head, _, _ := strings.Cut(line[1:], "]")
			words := strings.Split(head, " ")
			inside = len(words) >= 2 && words[0] == "stream" && words[1] == arguments[1]
			found = found || inside
		case inside && line != "" && line[0] != '#':
			set(line)
		}
	}
	if !found {
		return o, errors.New("the scenario has no stream " + arguments[1])
	}
	for _, argument := range arguments[4:] {
		set(argument)
	}
	return o, nil
}

func run(options wal.Options) error {
	ctx := context.Background()
	stream, err := wal.Open(ctx, options)
	if err != nil {
		return err
	}
	defer stream.Close()
	ended := false
	for event, err := range stream.Events(ctx) {
		if err != nil {
			return err
		}
		if event.Kind() != wal.KindProgress {
			print(event)
			if err := out.Flush(); err != nil {
				return err
			}
		}
		ended = isEnd(event)
		if err := stream.Ack(event.AckLSN()); err != nil {
			return err
		}
		if ended {
			break
		}
	}
	if !ended {
		fmt.Fprintln(out, "END")
		return nil
	}
	if err := stream.Flush(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "FLUSHED")
	if err := out.Flush(); err != nil {
		return err
	}
	for event, err := range stream.Events(ctx) {
		if err != nil {
			return err
		}
		if event.Kind() == wal.KindProgress {
			fmt.Fprintln(out, "PROGRESS")
			break
		}
	}
	stats, err := stream.Stats()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "STATS reconnects=%d timeline=%d slot_known=%d\n", stats.Reconnects, stats.Timeline, one(stats.StreamID > 0))
	fmt.Fprintf(out, "ACK_BEYOND %s\n", status(stream.Ack(math.MaxUint64)))
	return nil
}

func isEnd(event *wal.Event) bool {
	switch event.Kind() {
	case wal.KindRaw:
		return bytes.HasSuffix(event.Raw(), []byte("content:end"))
	case wal.KindMessage:
		prefix, content := event.Message()
		return prefix == "scenario" && string(content) == "end"
	}
	return false
}

// status is the name of an error's status.
func status(err error) string {
	var e *wal.Error
	if s, ok := err.(wal.Status); ok {
		return s.String()
	}
	if errors.As(err, &e) {
		return e.Name
	}
	return "WAL_OK"
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}
