// The smallest program of somebody else that uses the Go binding: it builds against an installed libpgwalstream, calls
// it, and gets an error that only the library can give.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pgwalstream/pgwalstream/bindings/go"
)

func main() {
	_, err := pgwalstream.Open(context.Background(), pgwalstream.Options{
		Conninfo: "host=/nonexistent-folder dbname=d user=u", Slot: "s", Publication: "p",
	})
	fmt.Printf("libpgwalstream %s: %v\n", pgwalstream.Version(), err)
	if !errors.Is(err, pgwalstream.ErrConnect) {
		os.Exit(1)
	}
}
