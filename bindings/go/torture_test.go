//go:build walgc

package pgwalstream_test

import (
	"runtime"
	"runtime/debug"
	"time"
)

// The collector runs all the time: what it may take too early, or what is kept too long, shows.
func init() {
	debug.SetGCPercent(1)
	go func() {
		for {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	}()
}
