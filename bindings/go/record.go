package pgwalstream

import (
	"errors"
	"io"
	"iter"
	"runtime"
	"sync"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A RecordReader finds the records in WAL: in the segments of a server or of an archive, or as a walsender sends it. It opens
// no file. It is for one goroutine at a time; the others wait.
type RecordReader struct {
	lock    sync.Mutex
	core    *recordsCore
	cleanup runtime.Cleanup
	// Whether a loop runs, and whether what there is goes when none does.
	looping, closing bool
}

type recordsCore struct {
	c    capi.Records
	held capi.RecordBatch
	open bool
}

// A Record is a record of the WAL, borrowed until the loop's next turn.
type Record struct {
	raw *capi.Record
}

// A RecordBlock is a block that a record refers to, borrowed with it.
type RecordBlock struct {
	raw *capi.RecordBlock
}

// A PageCompression says how a page image is compressed. New ways may come.
type PageCompression uint8

// The ways of compression.
const (
	CompressionNone    PageCompression = 0   // it is not
	CompressionPGLZ    PageCompression = 1   // PostgreSQL's own way
	CompressionLZ4     PageCompression = 2   // LZ4
	CompressionZstd    PageCompression = 3   // Zstandard
	CompressionUnknown PageCompression = 255 // a way that the library does not know
)

// NewRecordReader makes a reader that gives records which begin at start or later: feed from its page or from before. The size of a segment is in bytes; 0: the
// first page of a segment tells it.
func NewRecordReader(start LSN, segmentSize uint32) (*RecordReader, error) {
	c, oops := capi.NewRecords(uint64(start), segmentSize)
	if oops != nil {
		return nil, failure(oops)
	}
	r := &RecordReader{core: &recordsCore{c: c, open: true}}
	r.cleanup = runtime.AddCleanup(r, (*recordsCore).free, r.core)
	return r, nil
}

// Feed takes bytes that stand at lsn, all of them, and gives the records that end in them. Cut them anywhere; each part
// follows the one before it. Of each record the checksum was right, and the one before it is the one that it names.
//
// ErrRecord says where the WAL is damaged, or ends: behind its end stand zeros, or what is left of an older segment. AtEnd tells
// the one from the other. A loop that is left early loses the records that it did not see, and nothing can be fed behind them:
// close the reader then. The body may ask the reader, and close it;
// another loop over it gives ErrBusy.
func (r *RecordReader) Feed(lsn LSN, data []byte) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		r.loop(yield, func(yield func(*Record, error) bool) { r.feed(lsn, data, yield) })
	}
}

// loop runs the body of one loop at a time. The lock is not held while the program's part of it runs, which may ask the reader;
// what Close has to free stays until the loop is over.
func (r *RecordReader) loop(yield func(*Record, error) bool, body func(func(*Record, error) bool)) {
	r.lock.Lock()
	defer r.lock.Unlock()
	defer runtime.KeepAlive(r)
	outside := func(record *Record, err error) bool {
		r.lock.Unlock()
		defer r.lock.Lock()
		return yield(record, err)
	}
	if r.looping {
		outside(nil, ErrBusy)
		return
	}
	r.looping = true
	defer func() {
		r.looping = false
		if r.closing {
			r.core.free()
		}
	}()
	body(func(record *Record, err error) bool { return outside(record, err) && !r.closing })
}

// Records reads WAL that stands at lsn to its end, and gives its records as Feed does. Where a read fails its error is given;
// io.EOF ends the loop.
func (r *RecordReader) Records(lsn LSN, from io.Reader) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		r.loop(yield, func(yield func(*Record, error) bool) { r.records(lsn, from, yield) })
	}
}

func (r *RecordReader) records(lsn LSN, from io.Reader, yield func(*Record, error) bool) {
	buffer := make([]byte, 128<<10)
	for {
		n, err := from.Read(buffer)
		if !r.feed(lsn, buffer[:n], yield) || errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(nil, err)
			return
		}
		lsn += LSN(n)
	}
}

// feed says whether to go on.
func (r *RecordReader) feed(lsn LSN, data []byte, yield func(*Record, error) bool) bool {
	core := r.core
	if !core.open {
		yield(nil, ErrClosed)
		return false
	}
	for len(data) > 0 {
		taken, oops := core.c.Feed(uint64(lsn), data)
		if oops != nil {
			yield(nil, failure(oops))
			return false
		}
		lsn, data = lsn+LSN(taken), data[taken:]
		for {
			status, oops := core.c.Next(&core.held)
			if oops != nil {
				yield(nil, failure(oops))
				return false
			}
			if status != capi.OK {
				break
			}
			for i := range core.held.Count {
				if !yield(&Record{core.held.At(i)}, nil) {
					return false
				}
			}
		}
	}
	return true
}

// Position is where the last record ended that was whole; 0 before the first.
func (r *RecordReader) Position() LSN {
	r.lock.Lock()
	defer r.lock.Unlock()
	if !r.core.open {
		return 0
	}
	return LSN(r.core.c.Position())
}

// AtEnd says whether the ErrRecord is the end of the WAL, and no damage: a length of 0 stands where a record would begin, or a
// page is blank, or is from before its file was used again.
func (r *RecordReader) AtEnd() bool {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.core.open && r.core.c.AtEnd()
}

// SegmentSize is the size of a segment; 0 as long as it is not known.
func (r *RecordReader) SegmentSize() uint32 {
	r.lock.Lock()
	defer r.lock.Unlock()
	if !r.core.open {
		return 0
	}
	return r.core.c.SegmentSize()
}

// SystemID is the identifier of the system that wrote the WAL; 0 as long as it is not known.
func (r *RecordReader) SystemID() uint64 {
	r.lock.Lock()
	defer r.lock.Unlock()
	if !r.core.open {
		return 0
	}
	return r.core.c.SystemID()
}

// Close frees the reader and what it gave.
func (r *RecordReader) Close() error {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.cleanup.Stop()
	r.closing = true
	if !r.looping {
		r.core.free()
	}
	return nil
}

func (c *recordsCore) free() {
	if c.open {
		c.open = false
		c.held.Free()
		c.c.Free()
	}
}

// LSN is where the record begins, which is its name.
func (r *Record) LSN() LSN { return LSN(r.raw.LSN) }

// EndLSN is where the next record may begin; behind a SWITCH the end of the segment.
func (r *Record) EndLSN() LSN { return LSN(r.raw.EndLSN) }

// PrevLSN is where the record before it begins.
func (r *Record) PrevLSN() LSN { return LSN(r.raw.PrevLSN) }

// XID is the transaction, or 0.
func (r *Record) XID() uint32 { return r.raw.XID }

// TopXID is the transaction at the top, where the record says so; else 0.
func (r *Record) TopXID() uint32 { return r.raw.TopXID }

// Origin is the replication origin, or 0.
func (r *Record) Origin() uint16 { return r.raw.Origin }

// Timeline is that of the page on which the record begins.
func (r *Record) Timeline() uint32 { return r.raw.Timeline }

// ImageLen is how many of its bytes are page images.
func (r *Record) ImageLen() int { return int(r.raw.ImageLen) }

// Manager is the number of its resource manager.
func (r *Record) Manager() uint8 { return r.raw.RMGR }

// ManagerName is the name of its resource manager, as in "Heap".
func (r *Record) ManagerName() string { return capi.ManagerName(r.raw.RMGR) }

// Info is what the manager makes of it, in the upper four bits.
func (r *Record) Info() uint8 { return r.raw.Info }

// KindName is the name of what it does, as in "INSERT+INIT"; "UNKNOWN" where nobody knows.
func (r *Record) KindName() string { return r.raw.KindName() }

// Opaque says that the release is unknown: Data is all there is.
func (r *Record) Opaque() bool { return r.raw.Flags&capi.RecordOpaque != 0 }

// Data is the whole record, from its header on. It is C's memory, borrowed with the record.
func (r *Record) Data() []byte { return r.raw.Data() }

// MainData is what it says besides the blocks. It is C's memory, borrowed with the record.
func (r *Record) MainData() []byte { return r.raw.Main() }

// Blocks are those that it refers to, in the order of their ids.
func (r *Record) Blocks() iter.Seq[RecordBlock] {
	return func(yield func(RecordBlock) bool) {
		blocks := r.raw.Blocks()
		for i := range blocks {
			if !yield(RecordBlock{&blocks[i]}) {
				return
			}
		}
	}
}

// String is the line that pg_waldump prints for it with TZ=UTC; wal_record_describe says what it may lack.
func (r *Record) String() string { return r.raw.Describe() }

// ID is the block's within the record. Never derive a meaning from how many there are: minor releases add some.
func (b RecordBlock) ID() uint8 { return b.raw.ID }

// Tablespace is its oid.
func (b RecordBlock) Tablespace() uint32 { return b.raw.Tablespace }

// Database is its oid; 0 for what all databases share.
func (b RecordBlock) Database() uint32 { return b.raw.Database }

// Relation is the relation's file number (pg_class.relfilenode), which is not its oid.
func (b RecordBlock) Relation() uint32 { return b.raw.Relation }

// Fork is 0 main, 1 fsm, 2 vm, 3 init.
func (b RecordBlock) Fork() uint8 { return b.raw.Fork }

// Block is its number.
func (b RecordBlock) Block() uint32 { return b.raw.Block }

// Data is what the record says of the block; nil if nothing. It is C's memory, borrowed with the record.
func (b RecordBlock) Data() []byte { return b.raw.Data() }

// Image is the page image as it is in the record; nil if there is none. It is C's memory, borrowed with the record.
func (b RecordBlock) Image() []byte { return b.raw.Image() }

// ImageApplied says that the image is to be applied, and not only for checking.
func (b RecordBlock) ImageApplied() bool { return b.raw.Flags&capi.BlockApply != 0 }

// Initialised says that the page is initialised anew.
func (b RecordBlock) Initialised() bool { return b.raw.Flags&capi.BlockInit != 0 }

// Compression is that of the image.
func (b RecordBlock) Compression() PageCompression { return PageCompression(b.raw.Compression) }

// Page is the page of the image, of 8,192 bytes: what compression and the hole left out is put back. Its header has the LSN and
// the checksum from before.
func (b RecordBlock) Page() ([]byte, error) {
	page, oops := b.raw.Page()
	return page, failure(oops)
}
