// Command decode parses a file of pgoutput messages (each behind its length, 4 bytes, big-endian) over and over with
// jackc/pglogrepl and prints the best time per row.
//
//	decode FILE SECONDS
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pglogrepl"
)

func lengths(tuple *pglogrepl.TupleData) (sum int) {
	if tuple != nil {
		for _, column := range tuple.Columns {
			sum += len(column.Data)
		}
	}
	return sum
}

func once(messages [][]byte) (rows, bytes int, err error) {
	for _, data := range messages {
		message, err := pglogrepl.Parse(data)
		if err != nil {
			return 0, 0, err
		}
		switch message := message.(type) {
		case *pglogrepl.InsertMessage:
			bytes += lengths(message.Tuple)
		case *pglogrepl.UpdateMessage:
			bytes += lengths(message.NewTuple) + lengths(message.OldTuple)
		case *pglogrepl.DeleteMessage:
			bytes += lengths(message.OldTuple)
		default:
			continue
		}
		rows++
	}
	return rows, bytes, nil
}

func run() error {
	file, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	if err != nil {
		return err
	}
	var messages [][]byte
	for len(file) > 0 {
		n := binary.BigEndian.Uint32(file)
		messages = append(messages, file[4:4+n])
		file = file[4+n:]
	}
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	best := time.Hour
	for {
		begin := time.Now()
		rows, bytes, err := once(messages)
		if err != nil {
			return err
		}
		best = min(best, time.Since(begin))
		if time.Now().After(end) {
			perRow := float64(best.Nanoseconds()) / float64(rows)
			fmt.Printf("{\"rows\":%d,\"bytes\":%d,\"ns_per_row\":%.2f}\n", rows, bytes, perRow)
			return nil
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "decode:", err)
		os.Exit(1)
	}
}
