package pgwalstream

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// Options say where to connect and what to stream. Nothing is ever ignored: an unknown name and a value that an option
// does not take are errors, whose hint names the nearest option or the accepted form.
type Options struct {
	// Conninfo takes whatever libpq takes: keywords and values, or a URI.
	Conninfo string
	// Slot is the replication slot to stream from.
	Slot string
	// Publication names the publications to stream, separated by commas.
	Publication string
	// ResumeAfter goes on behind a position that the program stored with its data: what is not beyond it is left out. It
	// implies the option progress=acknowledged. Open then gives ErrGap if the slot is beyond it, ErrSystemMismatch for
	// another system, ErrDeliveredBeyond if the server was promoted before it. The zero Position is none.
	ResumeAfter Position
	// Params sets all further options by name: {"binary": "on", "status_interval": "1s"}. DescribeOptions has them all.
	Params map[string]string
	// Logger hears what happens to the connection; nil logs nothing. How much is logged is what the logger has enabled
	// when the stream is opened. It is called on a goroutine of its own, never inside a call.
	Logger *slog.Logger
	// Password gives the password of each connection, before what Conninfo and a password file say; nil gives none. It is
	// called on a thread of its own and by several at once, and may block until ctx is done, after the time that the
	// option password_timeout sets (30 s). What it gives is used again while its lifetime lasts, until a server refuses
	// it; the text of its error becomes part of ErrAuth's.
	Password func(ctx context.Context, request PasswordRequest) (Password, error)
}

// An OptionInfo describes one option.
type OptionInfo struct {
	// Name is what Options.Params takes.
	Name string
	// Type is what it takes: text, names, choice, switch, LSN, size, duration.
	Type string
	// Default is what holds when it is not set.
	Default string
	// Range is what it accepts.
	Range string
	// Sentence says what it does.
	Sentence string
}

// DescribeOptions describes all options that the library knows.
func DescribeOptions() []OptionInfo {
	var all []OptionInfo
	for {
		info, ok := capi.DescribeOption(len(all))
		if !ok {
			return all
		}
		all = append(all, OptionInfo(info))
	}
}

// Version is the version of the library that runs, as in "0.1.0".
func Version() string {
	_, text := capi.Version()
	return text
}

// SetEngineThreads says over how many engine threads the streams are spread that are opened from now on: 1 unless set,
// which serves a thousand streams.
func SetEngineThreads(threads int) error {
	return failure(capi.SetEngineThreads(uint32(max(threads, 0))))
}

// hooks are what the library calls of ours.
type hooks struct {
	logging  *logging
	password uintptr
}

// stop ends them, once nothing is to call them any more.
func (h hooks) stop() {
	h.logging.stop()
	capi.ForgetPassword(h.password)
}

// make gives the C options, to be freed, and what they call.
func (o *Options) make() (capi.Options, hooks, error) {
	if number, text := capi.Version(); number < capi.HeaderVersion {
		return capi.Options{}, hooks{}, mistake(ErrNotBuilt, "libpgwalstream "+text+" runs, which is older than the header that this program was built with")
	}
	made, err := capi.NewOptions()
	if err != nil {
		return made, hooks{}, failure(err)
	}
	fail := func(err error) (capi.Options, hooks, error) {
		made.Free()
		return capi.Options{}, hooks{}, err
	}
	set := func(name, value string) error {
		if strings.ContainsRune(name, 0) || strings.ContainsRune(value, 0) {
			return mistake(ErrInvalidArgument, "the value of option "+name+" holds a NUL")
		}
		return failure(made.Set(name, value))
	}
	for _, field := range []struct{ name, value string }{
		{"conninfo", o.Conninfo}, {"slot", o.Slot}, {"publication", o.Publication},
	} {
		if field.value == "" {
			continue
		}
		if err := set(field.name, field.value); err != nil {
			return fail(err)
		}
	}
	if !o.ResumeAfter.IsZero() {
		if err := set("resume_after", o.ResumeAfter.String()); err != nil {
			return fail(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Params)) {
		if err := set(name, o.Params[name]); err != nil {
			return fail(err)
		}
	}
	var all hooks
	var oops error
	if all.password, oops = passwords(o, made); oops != nil {
		return fail(oops)
	}
	if all.logging, oops = startLogging(o, made); oops != nil {
		all.stop()
		return fail(oops)
	}
	return made, all, nil
}
