// Command pgwalstream reads a slot through this library's Go binding, batch by batch, and looks at every value, until the
// transaction that inserts into table finish has been committed.
//
//	pgwalstream PORT SLOT off|on count|latency
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

type report struct {
	Events  uint64 `json:"events"`
	Rows    uint64 `json:"rows"`
	Bytes   uint64 `json:"bytes"`
	Allocs  uint64 `json:"allocs"`
	Samples int    `json:"samples,omitempty"`
	P50     uint32 `json:"p50,omitempty"`
	P99     uint32 `json:"p99,omitempty"`
	P999    uint32 `json:"p999,omitempty"`
	Max     uint32 `json:"max,omitempty"`
}

type client struct {
	at       report
	latency  bool
	late     []uint32
	relation *wal.Relation
	finish   bool
}

func lengths(values []wal.Value) (sum uint64) {
	for i := range values {
		sum += uint64(values[i].Len())
	}
	return sum
}

// see says whether the event was the last.
func (c *client) see(event *wal.Event) bool {
	switch event.Kind() {
	case wal.KindBegin:
		c.at.Events++
	case wal.KindCommit, wal.KindStreamCommit:
		c.at.Events++
		return c.finish
	case wal.KindInsert, wal.KindUpdate, wal.KindDelete:
		fresh := event.NewValues()
		c.at.Events++
		c.at.Rows++
		c.at.Bytes += lengths(fresh) + lengths(event.OldValues())
		if relation := event.Relation(); relation != c.relation {
			c.relation, c.finish = relation, relation.Name == "finish"
		}
		if c.latency && len(fresh) == 2 {
			made := int64(binary.BigEndian.Uint64(fresh[1].Bytes()))
			c.late = append(c.late, uint32(max(0, time.Now().UnixMicro()-made)))
		}
	}
	return false
}

func (c *client) run(port, slot, streaming string) error {
	ctx := context.Background()
	stream, err := wal.Open(ctx, wal.Options{
		Conninfo:    fmt.Sprintf("host=127.0.0.1 port=%s user=postgres dbname=postgres sslmode=disable", port),
		Slot:        slot,
		Publication: "peers",
		Params:      map[string]string{"binary": "on", "ack": "auto", "streaming": streaming},
	})
	if err != nil {
		return err
	}
	defer stream.Close()
	for batch, err := range stream.Batches(ctx) {
		if err != nil {
			return err
		}
		for event := range batch.Events() {
			if c.see(event) {
				return nil
			}
		}
	}
	return nil
}

func (c *client) report() error {
	if len(c.late) > 0 {
		slices.Sort(c.late)
		last := len(c.late) - 1
		share := func(s float64) uint32 { return c.late[int(float64(last)*s)] }
		c.at.Samples, c.at.P50, c.at.P99 = len(c.late), share(0.5), share(0.99)
		c.at.P999, c.at.Max = share(0.999), c.late[last]
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	c.at.Allocs = memory.Mallocs
	return json.NewEncoder(os.Stdout).Encode(c.at)
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: pgwalstream PORT SLOT off|on count|latency")
		os.Exit(2)
	}
	c := &client{latency: os.Args[4] == "latency"}
	err := c.run(os.Args[1], os.Args[2], os.Args[3])
	if err == nil {
		err = c.report()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgwalstream:", err)
		os.Exit(1)
	}
}
