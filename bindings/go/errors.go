package pgwalstream

import (
	"errors"
	"syscall"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// ErrClosed is the error of every call on what was closed, and of the loop that it interrupted.
var ErrClosed = errors.New("pgwalstream: closed")

// An Error is what the library knows of a failure. Get it with errors.As.
type Error struct {
	// Status tells the class of the error, and is what errors.Is compares.
	Status Status
	// Name is the status by name, as in "WAL_E_SLOT_MISSING".
	Name string
	// Message is one sentence: what happened, where, with which value. It never holds a password.
	Message string
	// Detail explains the sentence, or is empty.
	Detail string
	// Hint says what to do about it, or is empty.
	Hint string
	// SQLState is the server's, or empty where the error is not the server's.
	SQLState string
	// Errno is that of the system call that failed, or 0.
	Errno syscall.Errno
	// Retriable says that the same may succeed later without anyone changing anything.
	Retriable bool
	// Fatal says that the stream does not go on after this.
	Fatal bool
}

// Error is name and message.
func (e *Error) Error() string {
	text := "pgwalstream: " + e.Name + ": " + e.Message
	if e.Detail != "" {
		text += " (" + e.Detail + ")"
	}
	return text
}

// Is says whether the target is this error's Status.
func (e *Error) Is(target error) bool {
	status, ok := target.(Status)
	return ok && status == e.Status
}

// Unwrap gives the system's error, where there is one.
func (e *Error) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// failure is a C error as Go's, nil for nil.
func failure(err *capi.Error) error {
	if err == nil {
		return nil
	}
	return &Error{
		Status:    Status(err.Status),
		Name:      err.Name,
		Message:   err.Message,
		Detail:    err.Detail,
		Hint:      err.Hint,
		SQLState:  err.SQLState,
		Errno:     syscall.Errno(err.Errno),
		Retriable: err.Retriable,
		Fatal:     err.Fatal,
	}
}

// mistake is an error of a call that never reached the library.
func mistake(status Status, message string) error {
	return &Error{Status: status, Name: status.String(), Message: message}
}
