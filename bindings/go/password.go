package pgwalstream

import (
	"context"
	"time"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A PasswordRequest says who wants to log in where.
type PasswordRequest struct {
	// Host is the server as the connection string names it: host, else hostaddr; the folder of a Unix socket.
	Host string
	// Port is the server's port.
	Port uint16
	// User is the role.
	User string
}

// A Password is what Options.Password gives.
type Password struct {
	// Text is the password.
	Text string
	// Lifetime is for how long it may be used again: 0 not at all, below 0 until a server refuses it.
	Lifetime time.Duration
}

// passwords has the options' function give passwords; 0 where there is none.
func passwords(o *Options, options capi.Options) (uintptr, error) {
	give := o.Password
	if give == nil {
		return 0, nil
	}
	number, err := options.SetPassword(func(r capi.PasswordRequest) (string, int64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.TimeoutMS)*time.Millisecond)
		defer cancel()
		password, err := give(ctx, PasswordRequest{Host: r.Host, Port: uint16(r.Port), User: r.User})
		if err != nil {
			return "", 0, err
		}
		lifetime := int64(-1)
		if password.Lifetime >= 0 {
			lifetime = password.Lifetime.Milliseconds()
		}
		return password.Text, lifetime, nil
	})
	return number, failure(err)
}
