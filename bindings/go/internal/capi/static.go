//go:build pgwalstream_static

package capi

// #cgo pkg-config: pgwalstream-static
import "C"
