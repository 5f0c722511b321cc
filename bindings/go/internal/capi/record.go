package capi

// #cgo noescape go_records_feed
// #cgo nocallback go_records_feed
// #include "glue.h"
import "C"

import "unsafe"

// Records is wal_records.
type Records struct{ c *C.wal_records }

// RecordBatch is a batch in the program's hands, and where its records are.
type RecordBatch struct {
	c     *C.wal_record_batch
	first *Record
	Count int
}

// Record is wal_record, in its batch's memory.
type Record struct {
	LSN      uint64
	EndLSN   uint64
	PrevLSN  uint64
	XID      uint32
	TopXID   uint32
	TotalLen uint32
	ImageLen uint32
	Timeline uint32
	Origin   uint16
	Magic    uint16
	RMGR     uint8
	Info     uint8
	Flags    uint16
	NBlocks  uint32
	blocks   unsafe.Pointer
	data     unsafe.Pointer
	main     unsafe.Pointer
	mainLen  uint32
	reserved uint32
	spare    uint64
}

// RecordBlock is wal_record_block, in its batch's memory.
type RecordBlock struct {
	Tablespace  uint32
	Database    uint32
	Relation    uint32
	Block       uint32
	data        unsafe.Pointer
	image       unsafe.Pointer
	dataLen     uint16
	imageLen    uint16
	HoleOffset  uint16
	HoleLen     uint16
	ID          uint8
	Fork        uint8
	Flags       uint8
	Compression uint8
	reserved    uint32
}

// The header's layouts and these are the same, or this does not compile: one of the two differences is negative then.
const (
	_ = uint(unsafe.Sizeof(Record{}) - C.sizeof_wal_record)
	_ = uint(C.sizeof_wal_record - unsafe.Sizeof(Record{}))
	_ = uint(unsafe.Sizeof(RecordBlock{}) - C.sizeof_wal_record_block)
	_ = uint(C.sizeof_wal_record_block - unsafe.Sizeof(RecordBlock{}))

	_ = -(unsafe.Offsetof(Record{}.XID) ^ unsafe.Offsetof(C.wal_record{}.xid))
	_ = -(unsafe.Offsetof(Record{}.ImageLen) ^ unsafe.Offsetof(C.wal_record{}.image_len))
	_ = -(unsafe.Offsetof(Record{}.Timeline) ^ unsafe.Offsetof(C.wal_record{}.timeline))
	_ = -(unsafe.Offsetof(Record{}.Magic) ^ unsafe.Offsetof(C.wal_record{}.magic))
	_ = -(unsafe.Offsetof(Record{}.RMGR) ^ unsafe.Offsetof(C.wal_record{}.rmgr))
	_ = -(unsafe.Offsetof(Record{}.Flags) ^ unsafe.Offsetof(C.wal_record{}.flags))
	_ = -(unsafe.Offsetof(Record{}.blocks) ^ unsafe.Offsetof(C.wal_record{}.blocks))
	_ = -(unsafe.Offsetof(Record{}.main) ^ unsafe.Offsetof(C.wal_record{}.main_data))
	_ = -(unsafe.Offsetof(Record{}.mainLen) ^ unsafe.Offsetof(C.wal_record{}.main_len))
	_ = -(unsafe.Offsetof(RecordBlock{}.data) ^ unsafe.Offsetof(C.wal_record_block{}.data))
	_ = -(unsafe.Offsetof(RecordBlock{}.imageLen) ^ unsafe.Offsetof(C.wal_record_block{}.image_len))
	_ = -(unsafe.Offsetof(RecordBlock{}.HoleLen) ^ unsafe.Offsetof(C.wal_record_block{}.hole_len))
	_ = -(unsafe.Offsetof(RecordBlock{}.ID) ^ unsafe.Offsetof(C.wal_record_block{}.id))
	_ = -(unsafe.Offsetof(RecordBlock{}.Compression) ^ unsafe.Offsetof(C.wal_record_block{}.compression))
)

// The bits of a block's and a record's flags, and the ways of compression.
const (
	BlockHasImage = 1
	BlockApply    = 2
	BlockHasData  = 4
	BlockInit     = 8
	RecordOpaque  = 1
	PageSize      = 8192
)

// NewRecords makes a reader.
func NewRecords(start uint64, segment uint32) (Records, *Error) {
	var r Records
	var err *C.wal_error
	if C.wal_records_new(C.uint64_t(start), C.uint32_t(segment), &r.c, &err) == C.WAL_OK {
		Live.Records.Add(1)
	}
	return r, take(err)
}

// Feed takes bytes, and says how many.
func (r Records) Feed(lsn uint64, data []byte) (int, *Error) {
	var out C.go_fed
	C.go_records_feed(r.c, C.uint64_t(lsn), (*C.uint8_t)(unsafe.SliceData(data)), C.size_t(len(data)), &out)
	return int(out.taken), take(out.error)
}

// Next gives the last batch back and takes the next.
func (r Records) Next(last *RecordBatch) (int32, *Error) {
	var v C.go_record_view
	C.go_records_next(r.c, last.c, &v)
	last.c, last.first, last.Count = v.batch, (*Record)(unsafe.Pointer(v.records)), int(v.count)
	return int32(v.status), take(v.error)
}

// Position is where the last record ended.
func (r Records) Position() uint64 { return uint64(C.wal_records_position(r.c)) }

// AtEnd says whether the error is the end of the WAL.
func (r Records) AtEnd() bool { return C.wal_records_at_end(r.c) != 0 }

// SegmentSize is the size of a segment, or 0.
func (r Records) SegmentSize() uint32 { return uint32(C.wal_records_segment_size(r.c)) }

// SystemID is the identifier of the system, or 0.
func (r Records) SystemID() uint64 { return uint64(C.wal_records_system_id(r.c)) }

// Free ends the reader.
func (r Records) Free() {
	C.wal_records_free(r.c)
	Live.Records.Add(-1)
}

// Free gives the batch back.
func (b *RecordBatch) Free() {
	C.wal_record_batch_free(b.c)
	*b = RecordBatch{}
}

// At is the record of an index below Count.
func (b *RecordBatch) At(i int) *Record {
	return (*Record)(unsafe.Add(unsafe.Pointer(b.first), uintptr(i)*unsafe.Sizeof(Record{})))
}

// Data is the whole record.
func (r *Record) Data() []byte { return unsafe.Slice((*byte)(r.data), int(r.TotalLen)) }

// Main is what it says besides the blocks.
func (r *Record) Main() []byte { return unsafe.Slice((*byte)(r.main), int(r.mainLen)) }

// Blocks are those that it refers to.
func (r *Record) Blocks() []RecordBlock {
	return unsafe.Slice((*RecordBlock)(r.blocks), int(r.NBlocks))
}

// KindName is the name of what it does.
func (r *Record) KindName() string {
	return C.GoString(C.wal_record_kind_name((*C.wal_record)(unsafe.Pointer(r))))
}

// Describe is its line.
func (r *Record) Describe() string {
	c := (*C.wal_record)(unsafe.Pointer(r))
	buffer := make([]byte, 512)
	n := int(C.wal_record_describe(c, (*C.char)(unsafe.Pointer(&buffer[0])), C.size_t(len(buffer))))
	if n >= len(buffer) {
		buffer = make([]byte, n+1)
		C.wal_record_describe(c, (*C.char)(unsafe.Pointer(&buffer[0])), C.size_t(len(buffer)))
	}
	return string(buffer[:n])
}

// ManagerName is the name of a resource manager.
func ManagerName(number uint8) string { return C.GoString(C.wal_rmgr_name(C.uint32_t(number))) }

// Data is what the record says of the block.
func (b *RecordBlock) Data() []byte { return unsafe.Slice((*byte)(b.data), int(b.dataLen)) }

// Image is the page image as it is in the record.
func (b *RecordBlock) Image() []byte { return unsafe.Slice((*byte)(b.image), int(b.imageLen)) }

// Page is the page of the image.
func (b *RecordBlock) Page() ([]byte, *Error) {
	page := make([]byte, PageSize)
	var err *C.wal_error
	C.wal_record_block_image((*C.wal_record_block)(unsafe.Pointer(b)), (*C.uint8_t)(&page[0]), &err)
	if err != nil {
		return nil, take(err)
	}
	return page, nil
}
