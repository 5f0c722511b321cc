module github.com/pgwalstream/pgwalstream/bindings/go

go 1.24
