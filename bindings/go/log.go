package pgwalstream

import (
	"context"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// logging carries messages from the library's queue to a logger.
type logging struct {
	logger *slog.Logger
	queue  capi.Log
	file   *os.File
	done   chan struct{}
}

// levels are the library's, by number.
var levels = [...]slog.Level{1: slog.LevelError, 2: slog.LevelWarn, 3: slog.LevelInfo, 4: slog.LevelDebug}

// startLogging sends what the logger has enabled to it; nil where that is nothing.
func startLogging(o *Options, options capi.Options) (*logging, error) {
	most := 0
	for level := 1; o.Logger != nil && level < len(levels); level++ {
		if o.Logger.Enabled(context.Background(), levels[level]) {
			most = level
		}
	}
	if most == 0 {
		return nil, nil
	}
	queue, ok := capi.NewLog()
	if !ok {
		return nil, mistake(ErrSystem, "cannot make a queue for log messages")
	}
	file, err := pollable(queue.FD(), "pgwalstream log")
	if err != nil {
		queue.Free()
		return nil, err
	}
	if err := options.SetLog(int32(most), queue); err != nil {
		file.Close()
		queue.Free()
		return nil, failure(err)
	}
	logger := o.Logger
	if o.Slot != "" {
		logger = logger.With("slot", o.Slot)
	}
	l := &logging{logger, queue, file, make(chan struct{})}
	go l.run()
	return l, nil
}

func (l *logging) run() {
	defer close(l.done)
	if raw, err := l.file.SyscallConn(); err == nil {
		// Waits for the descriptor until the file is closed.
		_ = raw.Read(func(uintptr) bool {
			l.drain()
			return false
		})
	}
	l.drain()
	l.queue.Free()
}

func (l *logging) drain() {
	for _, entry := range l.queue.Take() {
		level := slog.LevelDebug
		if entry.Level > 0 && int(entry.Level) < len(levels) {
			level = levels[entry.Level]
		}
		if !l.logger.Enabled(context.Background(), level) {
			continue
		}
		record := slog.NewRecord(time.Unix(0, entry.UnixNano), level, entry.Message, 0)
		record.AddAttrs(slog.String("target", entry.Target))
		if entry.Dropped > 0 {
			record.AddAttrs(slog.Uint64("dropped", uint64(entry.Dropped)))
		}
		_ = l.logger.Handler().Handle(context.Background(), record)
	}
}

// stop ends it, once nothing sends any more. What was sent is logged when it returns, unless the handler takes long.
func (l *logging) stop() {
	if l == nil {
		return
	}
	l.file.Close()
	select {
	case <-l.done:
	case <-time.After(time.Second):
	}
}

// pollable is a descriptor for Go's netpoller. It is a duplicate, since closing the file closes it.
func pollable(fd int, name string) (*os.File, error) {
	dup, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return nil, &Error{Status: ErrSystem, Name: ErrSystem.String(), Message: "cannot duplicate a descriptor: " + errno.Error(), Errno: errno}
	}
	return os.NewFile(dup, name), nil
}
