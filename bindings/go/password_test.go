package pgwalstream_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

func TestS24AFunctionGivesThePassword(t *testing.T) {
	noLeaks(t)
	asked := make(chan wal.PasswordRequest, 4)
	options := wal.Options{
		Conninfo: conninfo(t),
		Password: func(ctx context.Context, request wal.PasswordRequest) (wal.Password, error) {
			if _, ok := ctx.Deadline(); !ok {
				t.Error("the context has no deadline")
			}
			asked <- request
			return wal.Password{Text: "any will do where nobody asks", Lifetime: -1}, nil
		},
	}
	for range 2 {
		conn, err := wal.Connect(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	if request := <-asked; request.User == "" || request.Port == 0 || request.Host == "" {
		t.Errorf("%+v", request)
	}
	options.Password = func(context.Context, wal.PasswordRequest) (wal.Password, error) {
		return wal.Password{}, errors.New("the vault is sealed")
	}
	_, err := wal.Connect(t.Context(), options)
	if !errors.Is(err, wal.ErrAuth) || !strings.Contains(err.Error(), "the vault is sealed") {
		t.Error(err)
	}
	options.Password = func(context.Context, wal.PasswordRequest) (wal.Password, error) { panic("oops") }
	if _, err = wal.Connect(t.Context(), options); err == nil || !strings.Contains(err.Error(), "it panicked: oops") {
		t.Error(err)
	}
}
