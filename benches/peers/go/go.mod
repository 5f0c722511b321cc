module github.com/pgwalstream/peers

go 1.26

require (
	github.com/jackc/pglogrepl v0.0.0-20250509230407-a9884f6bd75a
	github.com/jackc/pgx/v5 v5.12.0
	github.com/pgwalstream/pgwalstream/bindings/go v0.0.0
)

replace github.com/pgwalstream/pgwalstream/bindings/go => ../../../bindings/go

require (
	github.com/jackc/pgio v1.0.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	golang.org/x/text v0.41.0 // indirect
)
