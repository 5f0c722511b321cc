package pgwalstream

import "github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"

// A Status is what a call of the library came to. Each one below 0 is a sentinel: errors.Is(err, ErrSlotMissing) says
// whether an error, wrapped or not, is of that status; errors.As with *Error has the rest. New ones may come.
type Status int32

// The statuses that are errors.
const (
	ErrInvalidArgument    Status = -1   // a number was out of its range, or a text holds a NUL
	ErrBusy               Status = -2   // another goroutine reads from this stream, or uses this connection
	ErrForked             Status = -3   // the handle was made before a fork and this is the child
	ErrUnknownOption      Status = -4   // no option has this name
	ErrBadOption          Status = -5   // the option does not take this value, or two options do not go together
	ErrState              Status = -6   // the call does not fit the state of the stream or connection
	ErrAckBeyond          Status = -7   // a position beyond what was delivered cannot be acknowledged
	ErrNotBuilt           Status = -8   // known, but not built into this library
	ErrOutOfRange         Status = -9   // the value does not fit the type that was asked for
	ErrType               Status = -10  // the column's type is not one that this accessor reads
	ErrNoValue            Status = -11  // the value is NULL, unchanged or was not sent
	ErrConninfo           Status = -20  // the connection string cannot be parsed
	ErrResolve            Status = -21  // the host name cannot be resolved
	ErrConnect            Status = -22  // the server cannot be reached
	ErrConnectTimeout     Status = -23  // connecting took longer than it may
	ErrConnectionLost     Status = -24  // the connection broke
	ErrTLS                Status = -25  // TLS failed, or is required and not to be had
	ErrAuth               Status = -26  // the server refused the password
	ErrAuthMethod         Status = -27  // the server asks for a way to authenticate that is not built in
	ErrNoDatabase         Status = -28  // the role or the database does not exist
	ErrTooManyConnections Status = -29  // the server has no connection or walsender left
	ErrNotReady           Status = -30  // the server is starting, stopping, or in the wrong state
	ErrTLSCertificate     Status = -32  // the server's certificate is not accepted
	ErrNoHBAEntry         Status = -33  // pg_hba.conf has no entry that lets this role in
	ErrProtocol           Status = -40  // the server sent what the protocol does not allow
	ErrDecode             Status = -41  // a replication message is malformed
	ErrUnknownRelation    Status = -42  // a change names a relation that was never described
	ErrUnknownMessage     Status = -43  // a message of a kind this library does not know
	ErrGap                Status = -44  // the server skipped changes
	ErrCapture            Status = -45  // a capture file cannot be written or read, or is damaged
	ErrSpill              Status = -46  // open transactions cannot be kept: see spill_directory
	ErrAmbiguous          Status = -47  // a logical message may have been rolled back with a savepoint
	ErrServer             Status = -60  // the server reported an error: see Error.SQLState
	ErrPrivilege          Status = -61  // the role lacks a right
	ErrWALLevel           Status = -62  // wal_level is not logical
	ErrSlotMissing        Status = -63  // the slot does not exist
	ErrSlotActive         Status = -64  // another connection is using the slot
	ErrSlotMismatch       Status = -65  // the slot is of another kind, plugin or database
	ErrSlotInvalidated    Status = -66  // the server invalidated the slot
	ErrPublicationMissing Status = -67  // a publication does not exist
	ErrServerVersion      Status = -68  // this server's version cannot do it
	ErrServerShutdown     Status = -69  // the server ended the stream
	ErrSlotExists         Status = -70  // a slot of this name exists
	ErrPublicationExists  Status = -71  // a publication of this name exists
	ErrSystemMismatch     Status = -72  // the server is another one than the stream came from
	ErrDeliveredBeyond    Status = -73  // the server was promoted before the end of what was delivered
	ErrSlotTimeout        Status = -76  // creating a slot took longer than it may
	ErrSlotInDoubt        Status = -77  // creating a slot was given up, and the server may still make it
	ErrRecord             Status = -100 // WAL is damaged, or ends there
	ErrUnsupportedWAL     Status = -101 // WAL of a release that the library does not know
	ErrFork               Status = -110 // WAL that the server's history does not have
	ErrArchive            Status = -111 // an archive cannot be used
	ErrArchiveIdentity    Status = -112 // an archive is of another system
	ErrArchiveConflict    Status = -113 // an archive has other bytes of that name
	ErrDiskFull           Status = -114 // the disk is full
	ErrFsync              Status = -115 // what was written may not last
	ErrNoMemory           Status = -90  // no memory
	ErrSystem             Status = -91  // a system call failed that should not
	ErrInternal           Status = -92  // a defect in the library
	ErrPanic              Status = -99  // a panic inside the library was caught
	ErrSnapshot           Status = -78  // a snapshot cannot begin or go on: see Error.Hint
)

// String is the name of a status, as in "WAL_E_AUTH".
func (s Status) String() string { return capi.StatusName(int32(s)) }

// Error is one sentence about a status.
func (s Status) Error() string { return capi.StatusSentence(int32(s)) }
