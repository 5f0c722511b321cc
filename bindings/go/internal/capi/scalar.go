package capi

// #include "glue.h"
import "C"

import "unsafe"

// What Read reads a value as.
const (
	AsInterval = C.GO_INTERVAL
	AsTimetz   = C.GO_TIMETZ
	AsMoney    = C.GO_MONEY
	AsInet     = C.GO_INET
	AsTID      = C.GO_TID
	AsPoint    = C.GO_POINT
	AsInt128   = C.GO_INT128
	AsFloat64  = C.GO_FLOAT64
)

// A Scalar is what was read: the parts that its type has, in the order of the C function's results.
type Scalar struct {
	A, B, C int64
	Low     uint64
	X, Y    float64
	Address [16]byte
	Version uint8
	Bits    uint8
	IsCIDR  bool
}

// Read reads a value as what it is said to be.
func Read(v *Value, which int, scale int32) (Scalar, int32) {
	var out C.go_scalar
	status := C.go_scalar_read((*C.uint8_t)(v.Data), C.uint32_t(v.Len), C.uint8_t(v.Kind), C.int(which), C.int32_t(scale), &out)
	return Scalar{
		A: int64(out.a), B: int64(out.b), C: int64(out.c), Low: uint64(out.low), X: float64(out.x), Y: float64(out.y),
		Address: *(*[16]byte)(unsafe.Pointer(&out.inet.address)), Version: uint8(out.inet.version), Bits: uint8(out.inet.bits),
		IsCIDR: out.inet.is_cidr != 0,
	}, int32(status)
}
