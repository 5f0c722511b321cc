package pgwalstream_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/pgwalstream/pgwalstream/bindings/go"
)

// exampleServer makes table, publication and slot for an example.
func exampleServer(name string, sql ...string) {
	conn, err := pgwalstream.Connect(context.Background(), pgwalstream.Options{Conninfo: os.Getenv("PGWALSTREAM_TEST_CONNINFO")})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	for _, sql := range append([]string{
		"CREATE TABLE " + name + " (id int PRIMARY KEY, customer text, note text)",
		"CREATE PUBLICATION " + name + " FOR TABLE " + name,
		"SELECT pg_create_logical_replication_slot('" + name + "', 'pgoutput')",
	}, sql...) {
		if _, err := conn.Query(context.Background(), sql); err != nil {
			log.Fatal(err)
		}
	}
}

// exampleEnd is undone in the end, for a slot holds back WAL.
func exampleEnd(name string) {
	conn, err := pgwalstream.Connect(context.Background(), pgwalstream.Options{Conninfo: os.Getenv("PGWALSTREAM_TEST_CONNINFO")})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	if err := conn.DropSlot(context.Background(), name, true); err != nil {
		log.Fatal(err)
	}
	if _, err := conn.Query(context.Background(), "DROP PUBLICATION "+name+"; DROP TABLE "+name); err != nil {
		log.Fatal(err)
	}
}

func Example() {
	exampleServer("example_orders", "INSERT INTO example_orders VALUES (1, 'Ada', NULL), (2, 'Grace', 'urgent')")
	defer exampleEnd("example_orders")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	stream, err := pgwalstream.Open(ctx, pgwalstream.Options{
		Conninfo:    os.Getenv("PGWALSTREAM_TEST_CONNINFO"),
		Slot:        "example_orders",
		Publication: "example_orders",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	for event, err := range stream.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		switch event.Kind() {
		case pgwalstream.KindInsert:
			var order struct {
				ID       int     `wal:"id"`
				Customer string  `wal:"customer"`
				Note     *string `wal:"note"`
			}
			if err := event.ScanRow(&order); err != nil {
				log.Fatal(err)
			}
			fmt.Println(order.ID, order.Customer, order.Note != nil)
		case pgwalstream.KindCommit:
			if err := stream.Ack(event.AckLSN()); err != nil {
				log.Fatal(err)
			}
			return
		}
	}
	// Output:
	// 1 Ada false
	// 2 Grace true
}

func ExampleStream_Batches() {
	exampleServer("example_batches", "INSERT INTO example_batches SELECT g, 'customer ' || g FROM generate_series(1, 3) g")
	defer exampleEnd("example_batches")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stream, err := pgwalstream.Open(ctx, pgwalstream.Options{
		Conninfo:    os.Getenv("PGWALSTREAM_TEST_CONNINFO"),
		Slot:        "example_batches",
		Publication: "example_batches",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	for batch, err := range stream.Batches(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		for event := range batch.Events() {
			for i, value := range event.NewValues() {
				fmt.Printf("%d:%v:%s ", i, value.Kind(), value.Bytes())
			}
		}
		if batch.AckLSN() != 0 {
			break
		}
	}
	// Output:
	// 0:text:1 1:text:customer 1 2:null: 0:text:2 1:text:customer 2 2:null: 0:text:3 1:text:customer 3 2:null:
}

func ExampleError() {
	_, err := pgwalstream.Open(context.Background(), pgwalstream.Options{
		Conninfo: "dbname=shop", Slot: "shop_slot", Publication: "shop_pub",
		Params: map[string]string{"status_intervall": "1s"},
	})
	var e *pgwalstream.Error
	if errors.Is(err, pgwalstream.ErrUnknownOption) && errors.As(err, &e) {
		fmt.Println(e.Message)
		fmt.Println(e.Hint)
	}
	// Output:
	// there is no option "status_intervall"
	// Did you mean "status_interval"?
}

func ExampleParseLSN() {
	lsn, err := pgwalstream.ParseLSN("16/B374D848")
	fmt.Println(lsn, uint64(lsn), err)
	// Output: 16/B374D848 97500059720 <nil>
}

func ExampleOptions_password() {
	token := func(ctx context.Context, host string) (string, error) { return "from the cloud", ctx.Err() }
	options := pgwalstream.Options{
		Conninfo: "host=db.example user=alice dbname=shop sslmode=verify-full",
		Password: func(ctx context.Context, request pgwalstream.PasswordRequest) (pgwalstream.Password, error) {
			text, err := token(ctx, request.Host)
			return pgwalstream.Password{Text: text, Lifetime: 14 * time.Minute}, err
		},
	}
	_ = options
}
