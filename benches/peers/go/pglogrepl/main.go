// Command pglogrepl reads a slot with jackc/pglogrepl, decodes every message and looks at every value, until the
// transaction that inserts into table finish has been committed.
//
//	pglogrepl PORT SLOT off|on count|latency
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

type report struct {
	Events  uint64 `json:"events"`
	Rows    uint64 `json:"rows"`
	Bytes   uint64 `json:"bytes"`
	Allocs  uint64 `json:"allocs"`
	Reads   uint64 `json:"reads"`
	Samples int    `json:"samples,omitempty"`
	P50     uint32 `json:"p50,omitempty"`
	P99     uint32 `json:"p99,omitempty"`
	P999    uint32 `json:"p999,omitempty"`
	Max     uint32 `json:"max,omitempty"`
}

type client struct {
	at        report
	streaming bool
	inBlock   bool
	latency   bool
	late      []uint32
	relations map[uint32]string
	finish    bool
}

func lengths(tuple *pglogrepl.TupleData) (sum uint64) {
	if tuple != nil {
		for _, column := range tuple.Columns {
			sum += uint64(len(column.Data))
		}
	}
	return sum
}

func (c *client) row(relation uint32, fresh, old *pglogrepl.TupleData) {
	c.at.Events++
	c.at.Rows++
	c.at.Bytes += lengths(fresh) + lengths(old)
	c.finish = c.relations[relation] == "finish"
	if c.latency && fresh != nil && len(fresh.Columns) == 2 {
		made := int64(binary.BigEndian.Uint64(fresh.Columns[1].Data))
		c.late = append(c.late, uint32(max(0, time.Now().UnixMicro()-made)))
	}
}

// see says whether the message was the last.
func (c *client) see(data []byte) (bool, error) {
	var message pglogrepl.Message
	var err error
	if c.streaming {
		message, err = pglogrepl.ParseV2(data, c.inBlock)
	} else {
		message, err = pglogrepl.Parse(data)
	}
	if err != nil {
		return false, err
	}
	switch message := message.(type) {
	case *pglogrepl.RelationMessage:
		c.relations[message.RelationID] = message.RelationName
	case *pglogrepl.RelationMessageV2:
		c.relations[message.RelationID] = message.RelationName
	case *pglogrepl.BeginMessage:
		c.at.Events++
	case *pglogrepl.CommitMessage, *pglogrepl.StreamCommitMessageV2:
		c.at.Events++
		return c.finish, nil
	case *pglogrepl.InsertMessage:
		c.row(message.RelationID, message.Tuple, nil)
	case *pglogrepl.InsertMessageV2:
		c.row(message.RelationID, message.Tuple, nil)
	case *pglogrepl.UpdateMessage:
		c.row(message.RelationID, message.NewTuple, message.OldTuple)
	case *pglogrepl.UpdateMessageV2:
		c.row(message.RelationID, message.NewTuple, message.OldTuple)
	case *pglogrepl.DeleteMessage:
		c.row(message.RelationID, nil, message.OldTuple)
	case *pglogrepl.DeleteMessageV2:
		c.row(message.RelationID, nil, message.OldTuple)
	case *pglogrepl.StreamStartMessageV2:
		c.inBlock = true
	case *pglogrepl.StreamStopMessageV2:
		c.inBlock = false
	}
	return false, nil
}

// reads is how many read(2) the process has made: Go's netpoller reads sockets with it.
func reads() uint64 {
	text, _ := os.ReadFile("/proc/self/io")
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "syscr: "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
			return n
		}
	}
	return 0
}

func (c *client) report() error {
	if len(c.late) > 0 {
		slices.Sort(c.late)
		last := len(c.late) - 1
		share := func(s float64) uint32 { return c.late[int(float64(last)*s)] }
		c.at.Samples, c.at.P50, c.at.P99 = len(c.late), share(0.5), share(0.99)
		c.at.P999, c.at.Max = share(0.999), c.late[last]
	}
	c.at.Reads = reads()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	c.at.Allocs = memory.Mallocs
	return json.NewEncoder(os.Stdout).Encode(c.at)
}

func run(port, slot string, c *client) error {
	ctx := context.Background()
	sslmode := os.Getenv("PEERS_SSLMODE")
	if sslmode == "" {
		sslmode = "disable"
	}
	conninfo := fmt.Sprintf("postgres://postgres@127.0.0.1:%s/postgres?replication=database&sslmode=%s", port, sslmode)
	conn, err := pgconn.Connect(ctx, conninfo)
	if err != nil {
		return err
	}
	arguments := []string{"proto_version '1'", "publication_names 'peers'", "binary 'true'"}
	if c.streaming {
		arguments[0] = "proto_version '2'"
		arguments = append(arguments, "streaming 'on'")
	}
	options := pglogrepl.StartReplicationOptions{PluginArgs: arguments}
	if err := pglogrepl.StartReplication(ctx, conn, slot, 0, options); err != nil {
		return err
	}
	// One context a status interval, as its example has it: a context a message would cost more.
	const interval = 10 * time.Second
	var position pglogrepl.LSN
	next := time.Now().Add(interval)
	for {
		until, cancel := context.WithDeadline(ctx, next)
		for {
			message, err := conn.ReceiveMessage(until)
			if err != nil {
				if pgconn.Timeout(err) {
					break
				}
				cancel()
				return err
			}
			copied, ok := message.(*pgproto3.CopyData)
			if !ok {
				cancel()
				return fmt.Errorf("unexpected message %T", message)
			}
			if copied.Data[0] == pglogrepl.PrimaryKeepaliveMessageByteID {
				alive, err := pglogrepl.ParsePrimaryKeepaliveMessage(copied.Data[1:])
				if err != nil {
					cancel()
					return err
				}
				if alive.ReplyRequested {
					break
				}
				continue
			}
			data, err := pglogrepl.ParseXLogData(copied.Data[1:])
			if err != nil {
				cancel()
				return err
			}
			done, err := c.see(data.WALData)
			if err != nil || done {
				cancel()
				return err
			}
			position = max(position, data.WALStart)
		}
		cancel()
		update := pglogrepl.StandbyStatusUpdate{WALWritePosition: position}
		if err := pglogrepl.SendStandbyStatusUpdate(ctx, conn, update); err != nil {
			return err
		}
		next = time.Now().Add(interval)
	}
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: pglogrepl PORT SLOT off|on count|latency")
		os.Exit(2)
	}
	c := &client{
		streaming: os.Args[3] == "on",
		latency:   os.Args[4] == "latency",
		relations: map[uint32]string{},
	}
	err := run(os.Args[1], os.Args[2], c)
	if err == nil {
		err = c.report()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pglogrepl:", err)
		os.Exit(1)
	}
}
