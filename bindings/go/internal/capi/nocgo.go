//go:build !cgo

package capi

// This package needs cgo: set CGO_ENABLED=1 and install a C compiler.
var _ = this_package_needs_cgo_set_CGO_ENABLED_1_and_install_a_C_compiler
