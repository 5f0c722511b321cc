package pgwalstream

import (
	"context"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// PublicationFlags say what a publication publishes, and how.
type PublicationFlags uint32

// The bits of PublicationFlags.
const (
	PublishInsert        PublicationFlags = 1
	PublishUpdate        PublicationFlags = 2
	PublishDelete        PublicationFlags = 4
	PublishTruncate      PublicationFlags = 8
	PublicationViaRoot   PublicationFlags = 256 // changes of partitions come as those of the table at their root
	PublicationAllTables PublicationFlags = 512 // all tables, those to come too
)

// A Publication says which changes of a database are sent.
type Publication struct {
	Name  string
	Flags PublicationFlags
}

// An Identity says whether an UPDATE or a DELETE of a published table can tell which row it was.
type Identity uint32

// What Identity says.
const (
	IdentityUsable       Identity = 0 // it can, or neither is published
	IdentityNoPrimaryKey Identity = 1 // REPLICA IDENTITY DEFAULT, and there is no primary key
	IdentityNothing      Identity = 2 // REPLICA IDENTITY NOTHING
	IdentityIndexMissing Identity = 3 // REPLICA IDENTITY USING INDEX, and the index was dropped
	IdentityColumnList   Identity = 4 // the column list leaves out columns of the replica identity
	IdentityPartition    Identity = 5 // a partition's own is not usable
)

// A Table is a table of a publication.
type Table struct {
	Namespace, Name string
	OID             uint32
	// ReplicaIdentity is 'd' default, 'n' nothing, 'f' full, 'i' index.
	ReplicaIdentity byte
	// Identity, if not IdentityUsable, says why the server refuses every UPDATE or DELETE of the table.
	Identity Identity
	// Columns are the published ones, as SQL (15); "" before, where all are.
	Columns string
	// RowFilter is the condition on the rows that are published, as SQL (15); "" if all are.
	RowFilter string
}

// CreatePublication makes a publication. The tables are a list as SQL writes it; "" for none, or for all of them with
// PublicationAllTables. None of the Publish flags publishes everything. Make it before the slot.
func (c *Conn) CreatePublication(ctx context.Context, name, tables string, flags PublicationFlags) error {
	if err := plain(name, tables); err != nil {
		return err
	}
	return c.run(ctx, func(c capi.Conn) (int32, *capi.Error) { return c.CreatePublication(name, tables, uint32(flags)) })
}

// DropPublication ends a publication. A stream that uses it ends with an error soon after.
func (c *Conn) DropPublication(ctx context.Context, name string) error {
	if err := plain(name); err != nil {
		return err
	}
	return c.run(ctx, func(c capi.Conn) (int32, *capi.Error) { return c.DropPublication(name) })
}

// Publications are all of the connection's database.
func (c *Conn) Publications(ctx context.Context) ([]Publication, error) {
	var publications []Publication
	err := c.run(ctx, func(c capi.Conn) (int32, *capi.Error) {
		all, status, err := c.Publications()
		for _, p := range all {
			publications = append(publications, Publication{p.Name, PublicationFlags(p.Flags)})
		}
		return status, err
	})
	return publications, err
}

// PublicationTables are the tables of a publication, each with what is published of it.
func (c *Conn) PublicationTables(ctx context.Context, name string) ([]Table, error) {
	if err := plain(name); err != nil {
		return nil, err
	}
	var tables []Table
	err := c.run(ctx, func(c capi.Conn) (int32, *capi.Error) {
		all, status, err := c.PublicationTables(name)
		for _, t := range all {
			tables = append(tables, Table{
				t.Namespace, t.Name, t.OID, t.ReplicaIdentity, Identity(t.Identity), t.Columns, t.RowFilter,
			})
		}
		return status, err
	})
	return tables, err
}
