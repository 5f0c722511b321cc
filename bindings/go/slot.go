package pgwalstream

import (
	"context"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// SlotFlags say what a slot is made for, and how it stands.
type SlotFlags uint32

// The bits of SlotFlags. The number in brackets is the version of PostgreSQL that knows the flag.
const (
	SlotTemporary      SlotFlags = 1    // it is gone with the connection that made it
	SlotTwoPhase       SlotFlags = 2    // it sends prepared transactions at PREPARE TRANSACTION (15)
	SlotFailover       SlotFlags = 4    // standbys keep a copy of it (17)
	SlotReserveWAL     SlotFlags = 8    // CreatePhysicalSlot: WAL is held back from now on
	SlotExportSnapshot SlotFlags = 16   // CreateSlot: a snapshot is exported for other sessions
	SlotUseSnapshot    SlotFlags = 32   // CreateSlot: the snapshot is of a transaction over the same connection
	SlotActive         SlotFlags = 256  // somebody uses it
	SlotSynced         SlotFlags = 512  // it is a standby's copy of a slot of the primary (17)
	SlotConflicting    SlotFlags = 1024 // recovery on a standby removed what it needs (16)
	SlotInRecovery     SlotFlags = 2048 // Health: the server is a standby
)

// A SlotKind says what a slot is for.
type SlotKind uint32

// The kinds of slots.
const (
	SlotKindUnknown  SlotKind = 0
	SlotKindLogical  SlotKind = 1
	SlotKindPhysical SlotKind = 2
)

// SlotWAL says whether the WAL that a slot needs is there (pg_replication_slots.wal_status).
type SlotWAL uint32

// What SlotWAL says.
const (
	SlotWALNone       SlotWAL = 0 // the slot holds nothing back, or it is not known
	SlotWALReserved   SlotWAL = 1 // all within max_wal_size
	SlotWALExtended   SlotWAL = 2 // more than max_wal_size, and still kept
	SlotWALUnreserved SlotWAL = 3 // the next checkpoint may remove it
	SlotWALLost       SlotWAL = 4 // some of it is gone, and the slot is of no more use
)

// An Invalidation is why the server gave a slot up for good.
type Invalidation uint32

// The reasons.
const (
	InvalidationNone        Invalidation = 0
	InvalidationWALRemoved  Invalidation = 1
	InvalidationRowsRemoved Invalidation = 2
	InvalidationWALLevel    Invalidation = 3
	InvalidationIdleTimeout Invalidation = 4
	InvalidationConflict    Invalidation = 5
	InvalidationOther       Invalidation = 6
)

// A Slot is a replication slot as it was when it was looked at.
type Slot struct {
	Name string
	Kind SlotKind
	// Plugin and Database are those of a logical slot.
	Plugin, Database string
	Flags            SlotFlags
	// ActivePID is the server's process that uses it, or 0.
	ActivePID uint32
	// XMin and CatalogXMin are the oldest transactions whose rows it keeps from VACUUM, or 0.
	XMin, CatalogXMin uint32
	// RestartLSN is the oldest WAL that it holds back; ConfirmedFlushLSN is up to where everything was acknowledged.
	RestartLSN, ConfirmedFlushLSN LSN
	WAL                           SlotWAL
	// SafeWALSize is how many more bytes of WAL may be written before it is lost; -1 without a limit.
	SafeWALSize  int64
	Invalidation Invalidation
	// InvalidationReason is the server's word for it, where it has one (17).
	InvalidationReason string
	// InactiveSince is since when nobody uses it (17), or 0.
	InactiveSince Timestamp
	// TwoPhaseAt is from where on it sends prepared transactions (18), or 0.
	TwoPhaseAt LSN
	// Timeline is that of the RestartLSN of a physical slot (15), or 0.
	Timeline uint32
	// ConsistentPoint, of a slot that CreateSlot made: transactions that commit after it are sent, those before are in
	// the snapshot.
	ConsistentPoint LSN
	// Snapshot is what other sessions give to SET TRANSACTION SNAPSHOT, with SlotExportSnapshot.
	Snapshot string
}

func slotOf(c capi.Slot) Slot {
	return Slot{
		Name: c.Name, Kind: SlotKind(c.Kind), Plugin: c.Plugin, Database: c.Database, Flags: SlotFlags(c.Flags),
		ActivePID: c.ActivePID, XMin: c.XMin, CatalogXMin: c.CatalogXMin,
		RestartLSN: LSN(c.RestartLSN), ConfirmedFlushLSN: LSN(c.ConfirmedFlushLSN), WAL: SlotWAL(c.WAL),
		SafeWALSize: c.SafeWALSize, Invalidation: Invalidation(c.Invalidation),
		InvalidationReason: c.InvalidationReason, InactiveSince: Timestamp(c.InactiveSince),
		TwoPhaseAt: LSN(c.TwoPhaseAt), Timeline: c.Timeline, ConsistentPoint: LSN(c.ConsistentPoint),
		Snapshot: c.Snapshot,
	}
}

// slot runs a command that gives one.
func (c *Conn) slot(ctx context.Context, call func(capi.Conn) (capi.Slot, int32, *capi.Error)) (Slot, error) {
	var slot Slot
	err := c.run(ctx, func(c capi.Conn) (int32, *capi.Error) {
		made, status, err := call(c)
		slot = slotOf(made)
		return status, err
	})
	return slot, err
}

// CreateSlot makes a logical slot; the plugin is pgoutput if "". It waits for every transaction that is running on the
// server. With SlotExportSnapshot the slot comes with a snapshot, and the connection refuses further commands until
// ReleaseSnapshot. Where the connection's options name publications they must exist: a slot that is older than its
// publication never sends it.
func (c *Conn) CreateSlot(ctx context.Context, name, plugin string, flags SlotFlags) (Slot, error) {
	if err := plain(name, plugin); err != nil {
		return Slot{}, err
	}
	return c.slot(ctx, func(c capi.Conn) (capi.Slot, int32, *capi.Error) {
		return c.CreateLogicalSlot(name, plugin, uint32(flags))
	})
}

// CreatePhysicalSlot makes a physical slot.
func (c *Conn) CreatePhysicalSlot(ctx context.Context, name string, flags SlotFlags) (Slot, error) {
	if err := plain(name); err != nil {
		return Slot{}, err
	}
	return c.slot(ctx, func(c capi.Conn) (capi.Slot, int32, *capi.Error) {
		return c.CreatePhysicalSlot(name, uint32(flags))
	})
}

// CopySlot makes a slot that stands where another one does; the plugin is the source's if "".
func (c *Conn) CopySlot(ctx context.Context, source, name, plugin string, flags SlotFlags) (Slot, error) {
	if err := plain(source, name, plugin); err != nil {
		return Slot{}, err
	}
	return c.slot(ctx, func(c capi.Conn) (capi.Slot, int32, *capi.Error) {
		return c.CopySlot(source, name, plugin, uint32(flags))
	})
}

// Slot looks at one slot of the server, whatever its database.
func (c *Conn) Slot(ctx context.Context, name string) (Slot, error) {
	if err := plain(name); err != nil {
		return Slot{}, err
	}
	return c.slot(ctx, func(c capi.Conn) (capi.Slot, int32, *capi.Error) { return c.ReadSlot(name) })
}

// Slots looks at all slots of the server.
func (c *Conn) Slots(ctx context.Context) ([]Slot, error) {
	var slots []Slot
	err := c.run(ctx, func(c capi.Conn) (int32, *capi.Error) {
		all, status, err := c.Slots()
		for _, slot := range all {
			slots = append(slots, slotOf(slot))
		}
		return status, err
	})
	return slots, err
}

// AlterSlot turns SlotFailover (17) and SlotTwoPhase (18) of a slot on and off that nobody uses.
func (c *Conn) AlterSlot(ctx context.Context, name string, on, off SlotFlags) error {
	if err := plain(name); err != nil {
		return err
	}
	return c.run(ctx, func(c capi.Conn) (int32, *capi.Error) { return c.AlterSlot(name, uint32(on), uint32(off)) })
}

// DropSlot ends a slot. While somebody uses it, it waits, or else is ErrSlotActive.
func (c *Conn) DropSlot(ctx context.Context, name string, wait bool) error {
	if err := plain(name); err != nil {
		return err
	}
	return c.run(ctx, func(c capi.Conn) (int32, *capi.Error) { return c.DropSlot(name, wait) })
}

// AdvanceSlot moves a slot that nobody uses forward without reading, and says where it stands then.
func (c *Conn) AdvanceSlot(ctx context.Context, name string, to LSN) (LSN, error) {
	if err := plain(name); err != nil {
		return 0, err
	}
	var at LSN
	err := c.run(ctx, func(c capi.Conn) (int32, *capi.Error) {
		lsn, status, err := c.AdvanceSlot(name, uint64(to))
		at = LSN(lsn)
		return status, err
	})
	return at, err
}

// SlotHealth looks at a slot's health.
func (c *Conn) SlotHealth(ctx context.Context, name string) (Health, error) {
	if err := plain(name); err != nil {
		return Health{}, err
	}
	var health Health
	err := c.run(ctx, func(c capi.Conn) (int32, *capi.Error) {
		seen, status, err := c.SlotHealth(name)
		health = healthOf(seen)
		return status, err
	})
	return health, err
}
