//go:build !pgwalstream_static

package capi

// #cgo pkg-config: pgwalstream
import "C"
