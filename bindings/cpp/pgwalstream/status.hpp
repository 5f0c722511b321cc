// The library's enumerations, each with the names of its values. New values may come: skip what is not known.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_STATUS_HPP
#define PGWALSTREAM_STATUS_HPP

#include <pgwalstream/config.hpp>

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/**
 * What a call came to: wal_status_code. Above `ok` it is a normal outcome without data, below it an error.
 * Treat one that is not known by its sign.
 */
enum class status : std::int32_t {
    ok = WAL_OK,                                       ///< done
    timeout = WAL_TIMEOUT,                             ///< the time passed before there was anything
    end = WAL_END,                                     ///< the stream ended as it was asked to
    interrupted = WAL_INTERRUPTED,                     ///< interrupt() was called
    not_found = WAL_NOT_FOUND,                         ///< what was asked for is not there
    invalid_argument = WAL_E_INVALID_ARGUMENT,         ///< an argument that cannot be
    busy = WAL_E_BUSY,                                 ///< another thread is inside
    forked = WAL_E_FORKED,                             ///< made before a fork, and this is the child
    unknown_option = WAL_E_UNKNOWN_OPTION,             ///< no option has this name
    bad_option = WAL_E_BAD_OPTION,                     ///< the option does not take this value
    state = WAL_E_STATE,                               ///< does not fit: not connected, or connected already
    ack_beyond = WAL_E_ACK_BEYOND,                     ///< acknowledged what was not delivered
    not_built = WAL_E_NOT_BUILT,                       ///< known, but not built into this library
    out_of_range = WAL_E_OUT_OF_RANGE,                 ///< does not fit the type that was asked for
    type = WAL_E_TYPE,                                 ///< the column is of another type
    no_value = WAL_E_NO_VALUE,                         ///< NULL, unchanged or not sent
    conninfo = WAL_E_CONNINFO,                         ///< the connection string is wrong
    resolve = WAL_E_RESOLVE,                           ///< the host's name cannot be resolved
    connect = WAL_E_CONNECT,                           ///< the server cannot be reached
    connect_timeout = WAL_E_CONNECT_TIMEOUT,           ///< connecting took too long
    connection_lost = WAL_E_CONNECTION_LOST,           ///< the connection broke
    tls = WAL_E_TLS,                                   ///< TLS failed, or is not to be had
    auth = WAL_E_AUTH,                                 ///< the password is refused
    auth_method = WAL_E_AUTH_METHOD,                   ///< a way to authenticate that is not built in
    no_database = WAL_E_NO_DATABASE,                   ///< there is no such role or database
    too_many_connections = WAL_E_TOO_MANY_CONNECTIONS, ///< no connection or walsender is left
    not_ready = WAL_E_NOT_READY,                       ///< starting, ending, or not as it is asked for
    tls_certificate = WAL_E_TLS_CERTIFICATE,           ///< the server's certificate is not accepted
    no_hba_entry = WAL_E_NO_HBA_ENTRY,                 ///< pg_hba.conf does not let this role in
    protocol = WAL_E_PROTOCOL,                         ///< the server broke the protocol
    decode = WAL_E_DECODE,                             ///< a replication message is malformed
    unknown_relation = WAL_E_UNKNOWN_RELATION,         ///< a change of what was never described
    unknown_message = WAL_E_UNKNOWN_MESSAGE,           ///< a message of an unknown kind
    gap = WAL_E_GAP,                                   ///< the server skipped changes
    capture = WAL_E_CAPTURE,                           ///< a capture file cannot be written or read
    spill = WAL_E_SPILL,                               ///< open transactions cannot be kept
    ambiguous = WAL_E_AMBIGUOUS,                       ///< a logical message may have been rolled back
    server = WAL_E_SERVER,                             ///< the server's error: see sqlstate()
    privilege = WAL_E_PRIVILEGE,                       ///< the role lacks a right
    wal_level = WAL_E_WAL_LEVEL,                       ///< wal_level is not logical
    slot_missing = WAL_E_SLOT_MISSING,                 ///< there is no such slot
    slot_active = WAL_E_SLOT_ACTIVE,                   ///< another connection uses the slot
    slot_mismatch = WAL_E_SLOT_MISMATCH,               ///< of another kind, plugin or database
    slot_invalidated = WAL_E_SLOT_INVALIDATED,         ///< what the slot held back is gone
    publication_missing = WAL_E_PUBLICATION_MISSING,   ///< there is no such publication
    server_version = WAL_E_SERVER_VERSION,             ///< the server's version cannot do it
    server_shutdown = WAL_E_SERVER_SHUTDOWN,           ///< the server ended the stream
    slot_exists = WAL_E_SLOT_EXISTS,                   ///< there is a slot of this name
    publication_exists = WAL_E_PUBLICATION_EXISTS,     ///< there is a publication of this name
    system_mismatch = WAL_E_SYSTEM_MISMATCH,           ///< the server is another one
    delivered_beyond = WAL_E_DELIVERED_BEYOND,         ///< promoted before the end of what was delivered
    slot_timeout = WAL_E_SLOT_TIMEOUT,                 ///< making the slot took too long; it was not made
    slot_in_doubt = WAL_E_SLOT_IN_DOUBT,               ///< the server may still make the slot
    record = WAL_E_RECORD,                             ///< WAL is damaged, or ends there
    unsupported_wal = WAL_E_UNSUPPORTED_WAL,           ///< WAL of a release that is not known
    fork = WAL_E_FORK,                                 ///< WAL that the server's history does not have
    archive = WAL_E_ARCHIVE,                           ///< an archive cannot be used
    archive_identity = WAL_E_ARCHIVE_IDENTITY,         ///< an archive is of another system
    archive_conflict = WAL_E_ARCHIVE_CONFLICT,         ///< an archive has other bytes of that name
    disk_full = WAL_E_DISK_FULL,                       ///< the disk is full
    fsync = WAL_E_FSYNC,                               ///< what was written may not last
    snapshot = WAL_E_SNAPSHOT,                         ///< a snapshot cannot begin or go on: see hint()
    no_memory = WAL_E_NO_MEMORY,                       ///< no memory
    system = WAL_E_SYSTEM,                             ///< a system call failed that should not
    internal = WAL_E_INTERNAL,                         ///< a defect in the library
    panic = WAL_E_PANIC,                               ///< a panic in the library was caught
};

/** What an event is: wal_event_kind. */
enum class event_kind : std::uint32_t {
    begin = WAL_EVENT_BEGIN,                         ///< a transaction begins
    commit = WAL_EVENT_COMMIT,                       ///< it is complete: ack_lsn() is to be acknowledged
    origin = WAL_EVENT_ORIGIN,                       ///< what follows was first made on another node
    relation = WAL_EVENT_RELATION,                   ///< a table is described
    type = WAL_EVENT_TYPE,                           ///< a type that is not built in
    insert = WAL_EVENT_INSERT,                       ///< new_row()
    update = WAL_EVENT_UPDATE,                       ///< new_row(), and old_row() where it was sent
    delete_ = WAL_EVENT_DELETE,                      ///< old_row()
    truncate = WAL_EVENT_TRUNCATE,                   ///< truncated()
    message = WAL_EVENT_MESSAGE,                     ///< message_prefix(), message_content()
    stream_start = WAL_EVENT_STREAM_START,           ///< a block of a running transaction: NOT COMMITTED
    stream_stop = WAL_EVENT_STREAM_STOP,             ///< the block ends
    stream_commit = WAL_EVENT_STREAM_COMMIT,         ///< a streamed transaction committed
    stream_abort = WAL_EVENT_STREAM_ABORT,           ///< it, or a subtransaction of it, never happened
    begin_prepare = WAL_EVENT_BEGIN_PREPARE,         ///< a transaction begins that ends with prepare
    prepare = WAL_EVENT_PREPARE,                     ///< complete, and NOT COMMITTED before commit_prepared
    commit_prepared = WAL_EVENT_COMMIT_PREPARED,     ///< a prepared transaction committed
    rollback_prepared = WAL_EVENT_ROLLBACK_PREPARED, ///< a prepared transaction was rolled back
    stream_prepare = WAL_EVENT_STREAM_PREPARE,       ///< a streamed transaction is prepared
    raw = WAL_EVENT_RAW,                             ///< a plugin's payload, with option decode off
    wal = WAL_EVENT_WAL,                             ///< a piece of the WAL: raw()
    timeline = WAL_EVENT_TIMELINE,                   ///< the timeline ended: timeline_before(), switchpoint()
    progress = WAL_EVENT_PROGRESS,                   ///< the slot moved on, with nothing for us
    reconnected = WAL_EVENT_RECONNECTED,             ///< the connection was lost and made again
    flush_wanted = WAL_EVENT_FLUSH_WANTED,           ///< the server waits until all is safe
    snapshot = WAL_EVENT_SNAPSHOT,                   ///< where a snapshot stands: snapshot_step()
};

/** Where a snapshot stands: wal_snapshot_step_code. */
enum class snapshot_step : std::uint32_t {
    none = WAL_SNAPSHOT_NONE,               ///< the event tells of no snapshot
    table_begin = WAL_SNAPSHOT_TABLE_BEGIN, ///< the rows of relation() follow
    item_end = WAL_SNAPSHOT_ITEM_END,       ///< all rows of an item came
    table_end = WAL_SNAPSHOT_TABLE_END,     ///< all rows of relation() came
    end = WAL_SNAPSHOT_END,                 ///< all rows came: ack_lsn() is to be acknowledged
    restart = WAL_SNAPSHOT_RESTART,         ///< drop all rows that came of an earlier snapshot
};

/** Whether a snapshot is being copied: wal_snapshot_stage_code. */
enum class snapshot_stage : std::uint32_t {
    none = WAL_SNAPSHOT_STAGE_NONE,         ///< the stream takes none
    copying = WAL_SNAPSHOT_STAGE_COPYING,   ///< rows come
    complete = WAL_SNAPSHOT_STAGE_COMPLETE, ///< all rows came
    failed = WAL_SNAPSHOT_STAGE_FAILED,     ///< it was given up, and so was the stream
};

/** What a value is: wal_value_kind. */
enum class value_kind : std::uint8_t {
    null = WAL_VALUE_NULL,           ///< SQL NULL
    text = WAL_VALUE_TEXT,           ///< as the type's output function writes it
    binary = WAL_VALUE_BINARY,       ///< as the type's send function writes it
    unchanged = WAL_VALUE_UNCHANGED, ///< a TOASTed value that the UPDATE did not touch, and did not send
    absent = WAL_VALUE_ABSENT,       ///< not sent: a column of an old row that is not of its key
};

/** What a type is made of: wal_type_kind_code. */
enum class type_kind : std::uint32_t {
    unknown =
        WAL_TYPE_KIND_UNKNOWN,   ///< the stream tells no more than the name: enums, composites, extensions
    base = WAL_TYPE_KIND_BASE,   ///< without parts
    array = WAL_TYPE_KIND_ARRAY, ///< an array
    composite = WAL_TYPE_KIND_COMPOSITE,   ///< a row type
    range = WAL_TYPE_KIND_RANGE,           ///< a range
    multirange = WAL_TYPE_KIND_MULTIRANGE, ///< a multirange
    enumeration = WAL_TYPE_KIND_ENUM,      ///< an enum
    domain = WAL_TYPE_KIND_DOMAIN,         ///< a domain over another type
    pseudo = WAL_TYPE_KIND_PSEUDO,         ///< what only functions have, such as record
};

/** Where the knowledge of a type comes from: wal_type_source_code. */
enum class type_source : std::uint32_t {
    none = WAL_TYPE_SOURCE_NONE,         ///< nothing is known but the OID
    built_in = WAL_TYPE_SOURCE_BUILT_IN, ///< it is PostgreSQL's own
    stream = WAL_TYPE_SOURCE_STREAM,     ///< the stream described it before the table
};

/** What a value with parts is, and so what its items are: wal_shape_code. */
enum class shape : std::uint32_t {
    any = WAL_SHAPE_ANY,               ///< as the type says
    array = WAL_SHAPE_ARRAY,           ///< elements
    composite = WAL_SHAPE_COMPOSITE,   ///< fields
    range = WAL_SHAPE_RANGE,           ///< two bounds, NULL where infinite; nothing of an empty range
    multirange = WAL_SHAPE_MULTIRANGE, ///< ranges
    hstore = WAL_SHAPE_HSTORE,         ///< key, value, key, value, …
    vector = WAL_SHAPE_VECTOR,         ///< the numbers of a vector or halfvec
    sparse = WAL_SHAPE_SPARSE,         ///< index (from 1), number, index, number, … of a sparsevec
    geometry = WAL_SHAPE_GEOMETRY,     ///< points; the numbers of a line; point and radius of a circle
    lexemes = WAL_SHAPE_LEXEMES,       ///< of a tsvector lexeme, positions, lexeme, positions, …
};

/** How two definitions of a table differ: wal_change_kind_code. */
enum class change_kind : std::uint32_t {
    column_added = WAL_CHANGE_COLUMN_ADDED,     ///< a column is there that was not
    column_dropped = WAL_CHANGE_COLUMN_DROPPED, ///< a column is gone
    column_replaced =
        WAL_CHANGE_COLUMN_REPLACED,           ///< another name in the same place: renamed, or another column
    column_type = WAL_CHANGE_COLUMN_TYPE,     ///< a column has another type
    column_typmod = WAL_CHANGE_COLUMN_TYPMOD, ///< a column's type has another modifier, such as a length
    column_key = WAL_CHANGE_COLUMN_KEY,       ///< a column entered or left the replica identity
    schema = WAL_CHANGE_SCHEMA,               ///< the table is in another schema
    name = WAL_CHANGE_NAME,                   ///< the table has another name
    replica_identity = WAL_CHANGE_REPLICA_IDENTITY, ///< the table has another replica identity
};

/** How much a log message matters: wal_log_level. */
enum class log_level : std::int32_t {
    error = WAL_LOG_ERROR, ///< the stream ends
    warn = WAL_LOG_WARN,   ///< something needs attention, or changes may be lost; the stream goes on
    info = WAL_LOG_INFO,   ///< connecting, connected, ended
    debug = WAL_LOG_DEBUG, ///< every step
};

/** What a slot is for: wal_slot_kind_code. */
enum class slot_kind : std::uint32_t {
    unknown = WAL_SLOT_KIND_UNKNOWN,   ///< not known
    logical = WAL_SLOT_KIND_LOGICAL,   ///< decoded changes
    physical = WAL_SLOT_KIND_PHYSICAL, ///< the WAL itself
};

/** Whether the WAL that a slot needs is there: wal_slot_wal_code. */
enum class wal_availability : std::uint32_t {
    none = WAL_SLOT_WAL_NONE,             ///< it holds nothing back, or it is not known
    reserved = WAL_SLOT_WAL_RESERVED,     ///< all within max_wal_size
    extended = WAL_SLOT_WAL_EXTENDED,     ///< more, and still kept
    unreserved = WAL_SLOT_WAL_UNRESERVED, ///< the next checkpoint may remove it
    lost = WAL_SLOT_WAL_LOST,             ///< some is gone
};

/** Why the server gave a slot up for good: wal_invalidation_code. */
enum class invalidation : std::uint32_t {
    none = WAL_INVALIDATION_NONE,                 ///< it did not
    wal_removed = WAL_INVALIDATION_WAL_REMOVED,   ///< behind by more than max_slot_wal_keep_size
    rows_removed = WAL_INVALIDATION_ROWS_REMOVED, ///< the primary removed rows that decoding needs
    wal_level = WAL_INVALIDATION_WAL_LEVEL,       ///< the primary's wal_level is not logical any more
    idle_timeout = WAL_INVALIDATION_IDLE_TIMEOUT, ///< nobody used it for too long
    conflict = WAL_INVALIDATION_CONFLICT,         ///< recovery: PostgreSQL 16 does not say why
    other = WAL_INVALIDATION_OTHER,               ///< not known to this library
};

/** Whether a published table's updates and deletes can say which row they are about: wal_identity_code. */
enum class identity : std::uint32_t {
    usable = WAL_IDENTITY_USABLE,                 ///< they can, or neither is published
    no_primary_key = WAL_IDENTITY_NO_PRIMARY_KEY, ///< REPLICA IDENTITY DEFAULT without a primary key
    nothing = WAL_IDENTITY_NOTHING,               ///< REPLICA IDENTITY NOTHING
    index_missing = WAL_IDENTITY_INDEX_MISSING,   ///< the index was dropped
    column_list = WAL_IDENTITY_COLUMN_LIST,       ///< the column list leaves out columns of it
    partition = WAL_IDENTITY_PARTITION,           ///< a partition's own is not usable
};

/** What an event's flags say; tests: `has(event.flags(), event_flags::streamed)`. */
enum class event_flags : std::uint32_t {
    /** Nothing. */
    none = 0,
    /** MESSAGE: it belongs to the transaction around it. Without it the message stands alone. */
    transactional = WAL_EVENT_FLAG_TRANSACTIONAL,
    /**
     * UPDATE, DELETE: the old row holds the columns of the replica identity only; the others are ABSENT. So
     * it is, too, where a partition's own replica identity is less than that of the table it is published as.
     */
    old_key = WAL_EVENT_FLAG_OLD_KEY,
    /** UPDATE, DELETE: the old row is whole (REPLICA IDENTITY FULL). */
    old_full = WAL_EVENT_FLAG_OLD_FULL,
    /** TRUNCATE: CASCADE was given. */
    cascade = WAL_EVENT_FLAG_CASCADE,
    /** TRUNCATE: RESTART IDENTITY was given. */
    restart_identity = WAL_EVENT_FLAG_RESTART_IDENTITY,
    /** Everything between STREAM_START and STREAM_STOP: NOT COMMITTED, and it may never be. */
    streamed = WAL_EVENT_FLAG_STREAMED,
    /** STREAM_START: the first block of its transaction. */
    first_segment = WAL_EVENT_FLAG_FIRST_SEGMENT,
    /**
     * STREAM_ABORT: nothing was rolled back, and what came of the transaction is to be dropped. The stream
     * ends at option stop_lsn before anybody knows what becomes of it, or the connection was lost and it
     * comes again from its beginning.
     */
    discarded = WAL_EVENT_FLAG_DISCARDED,
    /**
     * RECONNECTED: the server is a promoted standby that lacks what was delivered beyond the switchpoint.
     * Only with option failover_policy "rewind".
     */
    rewound = WAL_EVENT_FLAG_REWOUND,
    /**
     * COMMIT_PREPARED, ROLLBACK_PREPARED: this stream did not give the PREPARE that it ends. It was given and
     * acknowledged in an earlier life of the program, lies before the slot or start_lsn, or changed nothing.
     * A decoder without a connection never sets it. Since 0.2.0.
     */
    unknown_prepare = WAL_EVENT_FLAG_UNKNOWN_PREPARE,
    /**
     * MESSAGE, and BEGIN and COMMIT (or BEGIN_PREPARE and PREPARE) of its transaction: a savepoint of the
     * transaction was rolled back, and the server does not say whether this message was part of it. If it
     * was, the sequence of what follows in the transaction is higher than it would be without streaming. Only
     * with options streaming "assembled", messages and on_ambiguous "flag". Since 0.2.0.
     */
    ambiguous = WAL_EVENT_FLAG_AMBIGUOUS,
    /**
     * INSERT: a row that was there before the changes begin, with option snapshot "initial". It belongs to no
     * transaction: `relation`, wal_event_snapshot_item() and `sequence` identify it. Since 0.2.0.
     */
    snapshot = WAL_EVENT_FLAG_SNAPSHOT,
};

/** What a slot is made for, and how it stands: WAL_SLOT_…. */
enum class slot_flags : std::uint32_t {
    none = 0,                                   ///< nothing
    temporary = WAL_SLOT_TEMPORARY,             ///< gone with the connection that made it
    two_phase = WAL_SLOT_TWO_PHASE,             ///< sends prepared transactions at PREPARE TRANSACTION
    failover = WAL_SLOT_FAILOVER,               ///< standbys keep a copy
    reserve_wal = WAL_SLOT_RESERVE_WAL,         ///< physical: WAL is held back from now on
    export_snapshot = WAL_SLOT_EXPORT_SNAPSHOT, ///< logical: a snapshot for other sessions
    use_snapshot = WAL_SLOT_USE_SNAPSHOT,       ///< logical: a snapshot for this connection
    active = WAL_SLOT_ACTIVE,                   ///< somebody uses it
    synced = WAL_SLOT_SYNCED,                   ///< a standby's copy
    conflicting = WAL_SLOT_CONFLICTING,         ///< recovery removed what it needs
    in_recovery = WAL_SLOT_IN_RECOVERY,         ///< health: the server is a standby
};

/** What a publication publishes, and how: WAL_PUBLISH_… and WAL_PUBLICATION_…. */
enum class publish : std::uint32_t {
    none = 0,                                ///< nothing named: all four kinds of changes
    insert = WAL_PUBLISH_INSERT,             ///< INSERT
    update = WAL_PUBLISH_UPDATE,             ///< UPDATE
    delete_ = WAL_PUBLISH_DELETE,            ///< DELETE
    truncate = WAL_PUBLISH_TRUNCATE,         ///< TRUNCATE
    via_root = WAL_PUBLICATION_VIA_ROOT,     ///< partitions' changes come as those of their root
    all_tables = WAL_PUBLICATION_ALL_TABLES, ///< all tables, those to come too
};

namespace detail {
template <class E> struct is_flags : std::false_type {};
template <> struct is_flags<event_flags> : std::true_type {};
template <> struct is_flags<slot_flags> : std::true_type {};
template <> struct is_flags<publish> : std::true_type {};
template <class E> using if_flags = std::enable_if_t<is_flags<E>::value, E>;
template <class E> constexpr std::uint32_t bits(E flags) noexcept {
    return static_cast<std::uint32_t>(flags);
}
} // namespace detail

/** Both. */
template <class E> constexpr detail::if_flags<E> operator|(E a, E b) noexcept {
    return static_cast<E>(detail::bits(a) | detail::bits(b));
}
/** What is in both. */
template <class E> constexpr detail::if_flags<E> operator&(E a, E b) noexcept {
    return static_cast<E>(detail::bits(a) & detail::bits(b));
}
/** Adds. */
template <class E> constexpr detail::if_flags<E> &operator|=(E &a, E b) noexcept {
    return a = a | b;
}
/** Whether all of `wanted` is in `flags`. */
template <class E>
constexpr std::enable_if_t<detail::is_flags<E>::value, bool> has(E flags, E wanted) noexcept {
    return (flags & wanted) == wanted;
}

/** As the C API calls it, so that a log line reads the same in every language: "WAL_E_SLOT_MISSING". */
inline std::string_view name(status value) noexcept {
    return wal_status_name(static_cast<wal_status>(value));
}
/** One sentence about a status, for those who have only the number. */
inline std::string_view sentence(status value) noexcept {
    return wal_status_sentence(static_cast<wal_status>(value));
}
/** "INSERT"; "UNKNOWN" for one that this library does not know. */
inline std::string_view name(event_kind value) noexcept {
    return wal_event_kind_name(static_cast<std::uint32_t>(value));
}
/** "NULL", "TEXT", "BINARY", "UNCHANGED", "ABSENT"; "UNKNOWN" for one that is not known. */
inline std::string_view name(value_kind value) noexcept {
    return wal_value_kind_name(static_cast<std::uint32_t>(value));
}
/** "DOMAIN" and so on; "UNKNOWN" for one that is not known. */
inline std::string_view name(type_kind value) noexcept {
    return wal_type_kind_name(static_cast<std::uint32_t>(value));
}
/** "ARRAY" and so on; "UNKNOWN" for one that is not known. */
inline std::string_view name(shape value) noexcept {
    return wal_shape_name(static_cast<std::uint32_t>(value));
}
/** "NONE", "BUILT_IN", "STREAM"; "UNKNOWN" for one that is not known. */
inline std::string_view name(type_source value) noexcept {
    return wal_type_source_name(static_cast<std::uint32_t>(value));
}
/** "ERROR", "WARN", "INFO", "DEBUG"; "UNKNOWN" for one that is not known. */
inline std::string_view name(log_level value) noexcept {
    return wal_log_level_name(static_cast<std::int32_t>(value));
}
/** "LOGICAL", "PHYSICAL"; "UNKNOWN". */
inline std::string_view name(slot_kind value) noexcept {
    return wal_slot_kind_name(static_cast<std::uint32_t>(value));
}
/** "RESERVED" and so on; "UNKNOWN" for one that is not known. */
inline std::string_view name(wal_availability value) noexcept {
    return wal_slot_wal_name(static_cast<std::uint32_t>(value));
}
/** "WAL_REMOVED" and so on; "UNKNOWN" for one that is not known. */
inline std::string_view name(invalidation value) noexcept {
    return wal_invalidation_name(static_cast<std::uint32_t>(value));
}
/** "USABLE", "NO_PRIMARY_KEY" and so on; "UNKNOWN" for one that is not known. */
inline std::string_view name(identity value) noexcept {
    return wal_identity_name(static_cast<std::uint32_t>(value));
}

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
