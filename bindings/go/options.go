package pgwalstream

import (
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
	// Params sets all further options by name: {"binary": "on", "status_interval": "1s"}. DescribeOptions has them all.
	Params map[string]string
	// Logger hears what happens to the connection; nil logs nothing. How much is logged is what the logger has enabled
	// when the stream is opened. It is called on a goroutine of its own, never inside a call.
	Logger *slog.Logger
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

// make gives the C options, to be freed, and the logging that they send to, or nil.
func (o *Options) make() (capi.Options, *logging, error) {
	if number, text := capi.Version(); number < capi.HeaderVersion {
		return capi.Options{}, nil, mistake(ErrNotBuilt, "libpgwalstream "+text+" runs, which is older than the header that this program was built with")
	}
	made, err := capi.NewOptions()
	if err != nil {
		return made, nil, failure(err)
	}
	fail := func(err error) (capi.Options, *logging, error) {
		made.Free()
		return capi.Options{}, nil, err
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
	for _, name := range slices.Sorted(maps.Keys(o.Params)) {
		if err := set(name, o.Params[name]); err != nil {
			return fail(err)
		}
	}
	logging, oops := startLogging(o, made)
	if oops != nil {
		return fail(oops)
	}
	return made, logging, nil
}
