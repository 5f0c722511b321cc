module example.com/consumer

go 1.24

require github.com/pgwalstream/pgwalstream/bindings/go v0.0.0

// A released version needs no such line.
replace github.com/pgwalstream/pgwalstream/bindings/go => ../../../bindings/go
