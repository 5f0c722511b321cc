// Package capi is the only package that imports "C". It turns handles, structs and texts of libpgwalstream into Go, one
// call each; it must never decide anything: contexts, locking and lifetimes belong to the package above.
package capi
