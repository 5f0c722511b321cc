package capi

// #include <stdlib.h>
// #include <string.h>
// #include "glue.h"
import "C"

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"
)

// PasswordRequest is wal_password_request.
type PasswordRequest struct {
	Host, User string
	Port       uint32
	TimeoutMS  int32
}

// PasswordFunc gives a password and its lifetime in milliseconds: 0 for once, -1 until it is refused.
type PasswordFunc func(PasswordRequest) (string, int64, error)

// The functions by number. The library is given the number alone, and may call with it after the function is gone.
var (
	passwords sync.Map
	numbers   atomic.Uintptr
)

// SetPassword has a function give passwords until ForgetPassword of the number that it gives.
func (o Options) SetPassword(give PasswordFunc) (uintptr, *Error) {
	number := numbers.Add(1)
	passwords.Store(number, give)
	var err *C.wal_error
	C.go_password_set(o.c, C.uintptr_t(number), &err)
	if err != nil {
		passwords.Delete(number)
		return 0, take(err)
	}
	return number, nil
}

// ForgetPassword ends that; who asks from then on gets none.
func ForgetPassword(number uintptr) { passwords.Delete(number) }

//export goPasswordGive
func goPasswordGive(number C.uintptr_t, request *C.wal_password_request, answer *C.wal_password) {
	text, lifetime, err := ask(uintptr(number), PasswordRequest{
		Host:      C.GoString(request.host),
		User:      C.GoString(request.user),
		Port:      uint32(request.port),
		TimeoutMS: int32(request.timeout_ms),
	})
	if err != nil {
		why := C.CString(err.Error())
		C.wal_password_fail(answer, why)
		C.free(unsafe.Pointer(why))
		return
	}
	password := C.CString(text)
	if C.wal_password_set(answer, password, C.int64_t(lifetime)) != C.WAL_OK {
		why := C.CString("its password is not UTF-8, or its lifetime is none")
		C.wal_password_fail(answer, why)
		C.free(unsafe.Pointer(why))
	}
	clear(unsafe.Slice((*byte)(unsafe.Pointer(password)), len(text)))
	C.free(unsafe.Pointer(password))
}

func ask(number uintptr, request PasswordRequest) (text string, lifetime int64, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("it panicked: %v", panicked)
		}
	}()
	give, ok := passwords.Load(number)
	if !ok {
		return "", 0, fmt.Errorf("the stream is closed")
	}
	return give.(PasswordFunc)(request)
}
