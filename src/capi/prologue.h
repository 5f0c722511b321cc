/**
 * @file
 * @brief Streams the changes of a PostgreSQL database (logical decoding, pgoutput) into a program, or its WAL.
 *
 * @mainpage libpgwalstream
 *
 * A program opens a stream on a replication slot and reads events, one by one or in batches. It makes them safe in its own way, and
 * acknowledges them. The server keeps what was not acknowledged and sends it again after a reconnect or a restart.
 *
 * @code{.c}
 * wal_options *options = NULL;
 * wal_stream *stream = NULL;
 * const wal_event *event;
 * wal_error *error = NULL;
 *
 * if (wal_options_new(&options, &error) == WAL_OK &&
 *     wal_options_set(options, "conninfo", "host=/run/postgresql dbname=shop", &error) == WAL_OK &&
 *     wal_options_set(options, "slot", "shop_slot", &error) == WAL_OK &&
 *     wal_options_set(options, "publication", "shop_pub", &error) == WAL_OK &&
 *     wal_stream_open(options, &stream, &error) == WAL_OK) {
 *     while (wal_stream_next(stream, -1, &event, &error) == WAL_OK) {
 *         store(event);
 *         if (event->ack_lsn != 0)
 *             wal_stream_ack(stream, event->ack_lsn, &error);
 *     }
 * }
 * if (error != NULL)
 *     fprintf(stderr, "%s\n", wal_error_message(error));
 * wal_error_free(error);
 * wal_stream_free(stream);
 * wal_options_free(options);
 * @endcode
 *
 * @section contents Contents
 *
 * - @ref ownership : who frees what
 * - @ref errors : statuses and error objects
 * - @ref threads : what may be called where
 * - @ref waiting : timeouts, descriptors, event loops
 * - @ref process : signals, fork, memory
 * - @ref text : text and its encoding
 * - @ref positions : what to acknowledge
 * - @ref reconnecting : what happens when a connection breaks
 * - @ref streaming : transactions that are not committed yet
 * - @ref slots : commands over a connection
 * - @ref physical : the bytes of the WAL
 * - @ref archive : a directory that a stream of WAL fills
 * - @ref rendering : events as messages for others, such as lines of JSON
 * - @ref records : WAL records
 * - @ref abi : what is kept from release to release
 *
 * Functions follow along the way of use: version, errors, options, streams, batches, events, relations, values, statistics; then
 * connections, slots, publications; then the decoder, renderers, WAL records, positions, ackers, and names. Those of snapshots, of
 * physical streams and of archives stand among the events; rows of a COPY stand with the connections.
 *
 * @section ownership Ownership
 *
 * Handles are opaque. A `_new` function makes one in memory. Exception: wal_archive_new() also makes its directory, locks it and
 * reads it. An `_open` function also does I/O. A `_free` function ends it and accepts NULL.
 *
 * - What a getter returns is borrowed from the object that was asked, and lives as long as that object.
 * - What a function gives through an out-parameter is owned by the caller. Exceptions:
 *   - the event of wal_stream_next() is borrowed until the next call that takes a `wal_stream *` without `const`;
 *   - the event of wal_archive_next() is borrowed until the next call of it;
 *   - the messages of wal_renderer_events() are borrowed until the renderer is used again.
 * - Every out-parameter is written on every path: with the value, or with NULL or 0.
 * - Options are copied.
 * - Batches, cloned events, errors and retained relations outlive their stream, so any order of freeing is right. Exception: a batch
 *   from wal_decoder_decode() borrows its input messages, which are not copied.
 *
 * @section errors Errors
 *
 * What can fail returns a ::wal_status. 0 is done. Above 0 is a normal outcome without data: ::WAL_TIMEOUT, ::WAL_END,
 * ::WAL_INTERRUPTED. Below 0 is an error. New values may come with a new release: treat an unknown one by its sign.
 *
 * The last parameter, `wal_error **err`, may be NULL. Otherwise it receives an error that the caller owns on failure, and NULL on
 * every other outcome. What it held before is overwritten and not freed. There is no "last error" of a thread.
 *
 * A NULL where a pointer is required gives ::WAL_E_INVALID_ARGUMENT. A getter that is given NULL returns 0 or NULL.
 *
 * @section threads Threads
 *
 * - A function that takes a `const wal_stream *` may be called on any thread at any time, also while another thread waits in the
 *   same stream. It never ends the life of a borrowed event.
 * - A function that takes a `wal_stream *` may be called on any thread, by one at a time. A second caller gets ::WAL_E_BUSY.
 * - Inside a log or password callback no stream or connection can be made, and functions that work on one and return a ::wal_status
 *   give ::WAL_E_BUSY. Nothing may be freed there.
 * - A batch is plain memory. Any thread may read it, several at once, and any thread may free it.
 * - wal_stream_free() wakes a thread that waits in the stream, and waits until that thread has left. Calls after it are the
 *   caller's mistake, as with any memory.
 * - wal_stream_interrupt() may also be called from a signal handler.
 * - A ::wal_connection obeys the same rules, and so does a ::wal_archive: wal_archive_next() is for one thread at a time.
 *   wal_archive_interrupt() may also be called from a signal handler.
 *
 * Where a function says nothing of threads: a function that only reads (its parameters are `const`, or numbers) may be called on any
 * thread, several at once. A function that changes a ::wal_options or a ::wal_decoder may be called on any thread, by one at a time
 * for each object. A `_free` may be called once, on any thread, when nobody uses the object any more.
 *
 * @section waiting Waiting
 *
 * The program pulls data; no callback delivers it. `timeout_ms` is in milliseconds. Any number below 0 waits for ever, and 0 does not
 * wait.
 *
 * The descriptor of wal_stream_fd() works with poll(2), epoll(7) and every event loop built on them, level-triggered. It stays the
 * same across reconnects. It is readable while an event is ready, an interrupt is pending, or the stream has ended for good. A
 * wal_stream_next() that finds nothing makes it unreadable. Do not read from it, and do not close it.
 *
 * @section process The process
 *
 * The library prints nothing, installs no signal handler and no allocator, and calls neither setlocale(3) nor atexit(3). It raises no
 * SIGPIPE, and blocks all signals in its own threads. No panic leaves it: the call returns ::WAL_E_PANIC, and the handle answers
 * nothing else any more.
 *
 * After fork(2) the handles of the parent answer ::WAL_E_FORKED in the child. Freeing them there closes the child's descriptors and
 * leaves the parent's streams alone. The parent goes on, and the child may open streams of its own.
 *
 * Once loaded, the shared library stays loaded: dlclose(3) does not unmap it.
 *
 * Where a server says how much memory something takes and it cannot be had, the call gives ::WAL_E_NO_MEMORY. This holds for a
 * message, a text, the values of a row and of an answer. Each has a bound: 1 MiB in all until a server waits for queries, 16 MiB for
 * an answer, 1 GiB for a message of the stream. Of an error or a notice the first 256 KiB count. Other allocations are small and of
 * fixed size. Where one of those fails, the process is aborted, as Rust has it. So it is where memory is missing for a batch's events,
 * definitions of tables, cloned events or texts of options. With the backend libpq, what libpq allocates is libpq's.
 *
 * @section text Text
 *
 * Text from the server is a pointer and a length, and not terminated. Text made by the library ends in NUL and is UTF-8.
 *
 * @section positions Positions
 *
 * An event with an `ack_lsn` other than 0 ends something that can be acknowledged. Once this event and all before it are safe, give
 * that position to wal_stream_ack(). Acknowledging is cumulative.
 *
 * A change is identified by (timeline, `commit_lsn`, `sequence`). This stays the same after any reconnect, as long as publication and
 * options do. An event's own `lsn` identifies nothing.
 *
 * A ::wal_position is how far a program has come, also inside a transaction: wal_event_position(), wal_batch_position(). To have each
 * change exactly once over restarts, store it as text with the data, and give it to wal_stream_resume_after() before connecting
 * (docs/positions.md, docs/exactly-once.md).
 *
 * Where work is finished in another order than it came in, a ::wal_acker says how far all of it is finished.
 *
 * @section reconnecting Reconnecting
 *
 * With option `reconnect`, the default, a broken connection is made again if the reason may pass: the network, a server that
 * restarts, a walsender that was ended, a slot that the server still holds for the lost connection. Meanwhile:
 *
 * - what was received stays readable, and the descriptor stays the same;
 * - interrupting, acknowledging and freeing work as always;
 * - wal_stream_flush() waits for the new connection.
 *
 * The server begins again at the ACKNOWLEDGED position and sends whole transactions. With option `dedupe`, the default, what came
 * before is left out: every change comes once, and a transaction that was cut goes on with its next change, without a second BEGIN.
 *
 * ::WAL_EVENT_RECONNECTED stands between the last event of the old connection and the first of the new one. It says why and where. A
 * program that needs every change once can skip it, unless it sets `dedupe` or `decode` to "off". Then everything from the event's
 * `lsn` on comes again behind it, and is recognised by (`commit_lsn`, `sequence`).
 *
 * Streamed changes that are not committed cannot be told apart from their repetition. For each such open transaction
 * ::WAL_EVENT_STREAM_ABORT with #WAL_EVENT_FLAG_DISCARDED says: drop what came of it. Then it comes again from its beginning. The same
 * event comes in two more cases. A transaction whose end was delivered may come again in blocks: the event then stands in the place
 * of a second end. Rarely, a transaction that was cut in the middle comes again in blocks: the event then has the `xid` of its BEGIN.
 *
 * All hosts of the conninfo are tried, so a standby with a copy of the slot can take over when it is promoted: name the servers and
 * set target_session_attrs to primary. The timeline then changes, and with it the identity of changes.
 *
 * A promoted standby may lack what the lost primary had sent. Set synchronized_standby_slots on the primary (PostgreSQL 17), and
 * nothing is delivered before the standby has it. Otherwise the stream ends with ::WAL_E_DELIVERED_BEYOND, unless option
 * `failover_policy` is "rewind". Then it goes on, and #WAL_EVENT_FLAG_REWOUND in the ::WAL_EVENT_RECONNECTED says: what came before
 * with an `ack_lsn` beyond wal_event_reconnect_switchpoint() is LOST on the new primary, where other transactions have these positions.
 *
 * - Undo it, then acknowledge the event's own `ack_lsn`.
 * - A transaction that was cut in the middle beyond the switchpoint never gets its end. ::WAL_EVENT_STREAM_ABORT with
 *   #WAL_EVENT_FLAG_DISCARDED and the `xid` of its BEGIN tells so before the event.
 * - A transaction that was prepared before the switchpoint and ended beyond it is prepared again.
 * - Definitions of tables come anew behind the event.
 *
 * With the event, acknowledged and delivered positions go back to the switchpoint. So nothing of the lost history is ever confirmed to
 * the new primary. An acknowledgement of an earlier event then counts up to the switchpoint only. Give none once you have read an event
 * behind this one: the library would take the position for one of the new history.
 *
 * The stream ends, with the error, where going on would lose something or cannot succeed:
 *
 * - the slot is gone, was invalidated, or was moved by somebody else;
 * - the server is another one, or was promoted before it had all that was delivered (option `failover_policy`);
 * - the password is refused, or a message is malformed;
 * - `reconnect_timeout` has passed: the error is the last one;
 * - `slot_create` is "temporary": that slot is gone with its connection.
 *
 * wal_stream_connect() itself tries once, unless option `connect_wait` says otherwise.
 *
 * @section streaming Streamed and prepared transactions
 *
 * With option `streaming` off, the default, every change that is delivered is committed. With "on" or "parallel" the server sends
 * large transactions WHILE THEY RUN, in blocks between ::WAL_EVENT_STREAM_START and ::WAL_EVENT_STREAM_STOP, and the library passes
 * the blocks on. What is in a block is NOT COMMITTED. It has the flag #WAL_EVENT_FLAG_STREAMED and no `commit_lsn`, and any of it may
 * be rolled back later:
 *
 * - keep what comes for each `xid`, in order, and apply nothing of it;
 * - ::WAL_EVENT_STREAM_ABORT with `subxid` other than `xid`: drop what came in this transaction from its first event with that
 *   `subxid` on, relations included; without such an event there is nothing to do;
 * - ::WAL_EVENT_STREAM_ABORT with `subxid` equal to `xid`: drop all of it;
 * - ::WAL_EVENT_STREAM_COMMIT: what is left is valid. Its `commit_lsn` identifies the transaction, and its changes count from 0 in
 *   their order, as they would without streaming;
 * - ::WAL_EVENT_STREAM_START with #WAL_EVENT_FLAG_FIRST_SEGMENT for a transaction that is known: the server sends it anew from its
 *   beginning, after a reconnect; drop what came before.
 *
 * With `streaming` "assembled" the library keeps the blocks until the transaction ends: the program sees committed transactions, as with
 * "off" (docs/large-transactions.md).
 *
 * A message that was emitted inside a savepoint has the transaction's id only, so rolling the savepoint back drops it by its place.
 * Blocks hold nothing back on the server: acknowledge only the end of the transaction.
 *
 * With option `two_phase`, and always from a slot that was made with it, a transaction that ends with PREPARE TRANSACTION comes when
 * it is prepared: between ::WAL_EVENT_BEGIN_PREPARE and ::WAL_EVENT_PREPARE, or in blocks that end with ::WAL_EVENT_STREAM_PREPARE. It
 * is NOT COMMITTED before ::WAL_EVENT_COMMIT_PREPARED of the same gid. It may come twice, with the same gid and the same
 * wal_event_prepare_end_lsn(). Its end may come without it, if it was acknowledged before or changed nothing:
 * #WAL_EVENT_FLAG_UNKNOWN_PREPARE.
 *
 * With `two_phase` "join" the library keeps a prepared transaction until COMMIT PREPARED, and gives it then as an ordinary one. Its
 * `commit_lsn` is that of the COMMIT PREPARED record; wal_event_prepare_lsn() of BEGIN and COMMIT is the position of the PREPARE. While
 * one is kept every `ack_lsn` stays behind its PREPARE. So a program that stores positions stores the `commit_lsn` of the last
 * transaction too, and after a start passes over those that are not greater. Since 0.2.0.
 *
 * @section slots Slots, publications, snapshots
 *
 * A ::wal_connection runs commands. Each waits for its answer for at most `timeout_ms`, and can be interrupted on any thread with
 * wal_connection_interrupt(). A command that is given up is cancelled on the server. The call returns once the server has
 * said so, a few seconds later at most. Commands follow each other over one connection, one at a time.
 *
 * To have the rows that are there and then their changes, each row once, set option snapshot to "initial". Rows come as INSERT with
 * #WAL_EVENT_FLAG_SNAPSHOT, between SNAPSHOT events: wal_event_snapshot_step(). They are outside the contract of changes: they have
 * no position, and (table, wal_event_snapshot_item(), `sequence`) identifies one. The event #WAL_SNAPSHOT_END has an `ack_lsn`;
 * acknowledge it once the rows are safe. Store wal_event_snapshot_state() with the rows: option snapshot_state takes it at the next
 * start. On #WAL_SNAPSHOT_RESTART drop all rows that came. `docs/snapshots.md` has each way to start again. Since 0.2.0.
 *
 * The same by hand: make the publication; make the slot with #WAL_SLOT_EXPORT_SNAPSHOT; copy
 * in other sessions after `SET TRANSACTION SNAPSHOT`; only then stream. The snapshot lives until the connection is closed or used.
 * Therefore the connection refuses commands until wal_connection_release_snapshot().
 *
 * @code{.c}
 * if (wal_connection_open(options, 10000, &connection, &error) == WAL_OK &&
 *     wal_slot_create_logical(connection, "shop_slot", NULL, WAL_SLOT_EXPORT_SNAPSHOT, 60000, &slot, &error) == WAL_OK) {
 *     copy_tables(wal_slot_snapshot_name(slot));
 *     if (wal_connection_check(connection, &error) == WAL_OK)
 *         start_streaming("shop_slot");
 * }
 * wal_slot_free(slot);
 * wal_connection_free(connection);
 * @endcode
 *
 * @section physical Physical streams
 *
 * With option `mode` "physical" a stream gives the bytes of the WAL. ::WAL_EVENT_WAL has a piece: wal_event_raw(), from `lsn` to before
 * `ack_lsn`. Any position in it may be acknowledged once all before it is safe. ::WAL_EVENT_TIMELINE says that a timeline ended and
 * another begins. At ::WAL_EVENT_FLUSH_WANTED make safe what came, and acknowledge: a server that stops waits for it. WAL that the
 * server has removed is ::WAL_E_GAP, and WAL that a promoted server lacks ::WAL_E_FORK (docs/physical.md). Since 0.2.0.
 *
 * @section archive An archive of WAL
 *
 * A ::wal_archive fills a directory with the segments of a server, byte for byte, through a physical stream of its own.
 * wal_archive_next() does the work of the disk in the calling thread, and tells what happened: wal_archive_event_kind(). Nothing is
 * acknowledged before it lasts. wal_archive_status() says how far that is. A full disk is ::WAL_ARCHIVE_DISK_FULL and no error.
 *
 * wal_archive_fetch() gives a file of an archive, as restore_command asks for it. wal_archive_check() tells what is wrong with one. Both
 * need no archiver, and work while one writes (docs/archive.md). Since 0.2.0.
 *
 * @code{.c}
 * if (wal_archive_new(options, &archive, &error) == WAL_OK) {
 *     while ((status = wal_archive_next(archive, -1, &event, &error)) == WAL_OK)
 *         if (wal_archive_event_kind(event) == WAL_ARCHIVE_SEGMENT)
 *             printf("%s\n", wal_archive_event_name(event));
 *     if (error != NULL)
 *         fprintf(stderr, "%s\n", wal_error_message(error));
 * }
 * wal_error_free(error);
 * wal_archive_free(archive);
 * @endcode
 *
 * @section rendering Rendering
 *
 * A ::wal_renderer makes lines of JSON of events. A value is what the server's to_json() gives, from text and from binary. It does no
 * I/O, and allocates nothing for an event once its buffers have found their size. `docs/rendering.md` has each kind of event and each
 * exception. Since 0.2.0.
 *
 * @code{.c}
 * if (wal_renderer_new("json", &renderer, &error) == WAL_OK) {
 *     events = wal_batch_events(batch, &n);
 *     if (wal_renderer_events(renderer, events, n, &messages, &count, &error) == WAL_OK) {
 *         lines = wal_renderer_lines(renderer);
 *         fwrite(lines.data, 1, lines.len, stdout);
 *     }
 * }
 * wal_renderer_free(renderer);
 * @endcode
 *
 * @section records WAL records
 *
 * A ::wal_records finds the records in WAL that is fed to it in any cut. Each ::wal_record of a ::wal_record_batch says where it is,
 * what it is, and to which blocks it refers. It has no connection and opens no file. `docs/records.md` says more. Since 0.2.0.
 *
 * @section abi Compatibility
 *
 * Within a SONAME nothing is changed or removed. New functions, options, event kinds, value kinds, statuses, flags and other enum
 * values may come: skip what is not known, and look at single bits of flags.
 *
 * These layouts are fixed, and asserted at the end of this header for 64-bit machines: ::wal_event, ::wal_value, ::wal_bytes,
 * ::wal_message, ::wal_numeric, ::wal_inet, ::wal_dimension, ::wal_rendered, ::wal_position, ::wal_record, ::wal_record_block and
 * ::wal_relation_change. Spare words are 0 until a release gives them a meaning.
 *
 * These grow at their end: ::wal_stats, ::wal_health, ::wal_option_info, ::wal_archive_standing and ::wal_snapshot_progress. Their
 * functions take `sizeof` of the struct as the program was compiled with it. They write no more than that, and 0 for what they do not
 * know. An opaque type has no size. `docs/abi.md` says more.
 */

/**
 * @name Version of this header; wal_version() tells that of the library
 * @{
 */
/** Major version. */
#define WAL_VERSION_MAJOR 0
/** Minor version. */
#define WAL_VERSION_MINOR 1
/** Patch version. */
#define WAL_VERSION_PATCH 0
/** The version as one number, to compare with wal_version(). */
#define WAL_VERSION_NUMBER (WAL_VERSION_MAJOR * 1000000 + WAL_VERSION_MINOR * 1000 + WAL_VERSION_PATCH)
/** Whether this header is of version x.y.z or later. */
#define WAL_VERSION_AT_LEAST(x, y, z) (WAL_VERSION_NUMBER >= (x) * 1000000 + (y) * 1000 + (z))
/** @} */

/** Stands before each function of the library. */
#if !defined(WAL_API)
#define WAL_API
#endif

/** Stands behind each function: none throws. */
#if defined(__cplusplus)
#define WAL_NOEXCEPT noexcept
#else
#define WAL_NOEXCEPT
#endif

/**
 * Formats a position the way PostgreSQL does: `printf("at " WAL_LSN_FMT "\n", WAL_LSN_ARGS(event->lsn));`
 * prints `at 16/B374D848`.
 */
#define WAL_LSN_FMT "%" PRIX32 "/%" PRIX32
/** The two arguments for #WAL_LSN_FMT. Evaluates `lsn`, a `uint64_t`, twice. */
#if defined(__cplusplus)
#define WAL_LSN_ARGS(lsn) static_cast<uint32_t>((lsn) >> 32), static_cast<uint32_t>((lsn) & UINT32_C(0xFFFFFFFF))
#else
#define WAL_LSN_ARGS(lsn) (uint32_t)((lsn) >> 32), (uint32_t)((lsn) & UINT32_C(0xFFFFFFFF))
#endif

/** Add this to a time of the library (microseconds since 2000-01-01 00:00 UTC) for microseconds since 1970. */
#define WAL_UNIX_EPOCH_US INT64_C(946684800000000)

/**
 * @name Bits of wal_event.flags
 * @{
 */
/** MESSAGE: it belongs to the transaction around it. Without it the message stands alone. */
#define WAL_EVENT_FLAG_TRANSACTIONAL UINT32_C(1)
/**
 * UPDATE, DELETE: the old row holds the columns of the replica identity only; the others are ABSENT. So it
 * is, too, where a partition's own replica identity is less than that of the table it is published as.
 */
#define WAL_EVENT_FLAG_OLD_KEY UINT32_C(2)
/** UPDATE, DELETE: the old row is whole (REPLICA IDENTITY FULL). */
#define WAL_EVENT_FLAG_OLD_FULL UINT32_C(4)
/** TRUNCATE: CASCADE was given. */
#define WAL_EVENT_FLAG_CASCADE UINT32_C(8)
/** TRUNCATE: RESTART IDENTITY was given. */
#define WAL_EVENT_FLAG_RESTART_IDENTITY UINT32_C(16)
/** Everything between STREAM_START and STREAM_STOP: NOT COMMITTED, and it may never be. */
#define WAL_EVENT_FLAG_STREAMED UINT32_C(32)
/** STREAM_START: the first block of its transaction. */
#define WAL_EVENT_FLAG_FIRST_SEGMENT UINT32_C(64)
/**
 * STREAM_ABORT: nothing was rolled back, and what came of the transaction is to be dropped. The stream ends
 * at option stop_lsn before anybody knows what becomes of it, or the connection was lost and it comes again
 * from its beginning.
 */
#define WAL_EVENT_FLAG_DISCARDED UINT32_C(128)
/**
 * RECONNECTED: the server is a promoted standby that lacks what was delivered beyond the switchpoint. Only
 * with option failover_policy "rewind".
 */
#define WAL_EVENT_FLAG_REWOUND UINT32_C(256)
/**
 * COMMIT_PREPARED, ROLLBACK_PREPARED: this stream did not give the PREPARE that it ends. It was given and
 * acknowledged in an earlier life of the program, lies before the slot or start_lsn, or changed nothing. A
 * decoder without a connection never sets it. Since 0.2.0.
 */
#define WAL_EVENT_FLAG_UNKNOWN_PREPARE UINT32_C(512)
/**
 * MESSAGE, and BEGIN and COMMIT (or BEGIN_PREPARE and PREPARE) of its transaction: a savepoint of the
 * transaction was rolled back, and the server does not say whether this message was part of it. If it was,
 * the sequence of what follows in the transaction is higher than it would be without streaming. Only with
 * options streaming "assembled", messages and on_ambiguous "flag". Since 0.2.0.
 */
#define WAL_EVENT_FLAG_AMBIGUOUS UINT32_C(1024)
/**
 * INSERT: a row that was there before the changes begin, with option snapshot "initial". It belongs to no
 * transaction: `relation`, wal_event_snapshot_item() and `sequence` identify it. Since 0.2.0.
 */
#define WAL_EVENT_FLAG_SNAPSHOT UINT32_C(2048)
/** @} */

/**
 * @name Bits of wal_nested_flags()
 * @{
 */
/** The range is empty. Since 0.2.0. */
#define WAL_NESTED_EMPTY UINT32_C(1)
/** The lower bound belongs to the range. Since 0.2.0. */
#define WAL_NESTED_LOWER_INCLUSIVE UINT32_C(2)
/** The upper bound belongs to the range. Since 0.2.0. */
#define WAL_NESTED_UPPER_INCLUSIVE UINT32_C(4)
/** The range has no lower bound, which is another thing than the bound "-infinity". Since 0.2.0. */
#define WAL_NESTED_LOWER_INFINITE UINT32_C(8)
/** The range has no upper bound, which is another thing than the bound "infinity". Since 0.2.0. */
#define WAL_NESTED_UPPER_INFINITE UINT32_C(16)
/** The path is closed. Since 0.2.0. */
#define WAL_NESTED_CLOSED UINT32_C(32)
/** @} */

/**
 * @name What a slot is made for, and how it stands
 * @{
 */
/** It is gone with the connection that made it. */
#define WAL_SLOT_TEMPORARY UINT32_C(1)
/** It sends prepared transactions at PREPARE TRANSACTION. */
#define WAL_SLOT_TWO_PHASE UINT32_C(2)
/** Standbys keep a copy of it, from which a stream can go on after a failover. */
#define WAL_SLOT_FAILOVER UINT32_C(4)
/** wal_slot_create_physical(): WAL is held back from now on, and not only from the first connection on. */
#define WAL_SLOT_RESERVE_WAL UINT32_C(8)
/** wal_slot_create_logical(): a snapshot is exported for other sessions. */
#define WAL_SLOT_EXPORT_SNAPSHOT UINT32_C(16)
/** wal_slot_create_logical(): the snapshot is that of a transaction begun over the same connection. */
#define WAL_SLOT_USE_SNAPSHOT UINT32_C(32)
/** Somebody uses it. */
#define WAL_SLOT_ACTIVE UINT32_C(256)
/** It is a standby's copy of a slot of the primary. */
#define WAL_SLOT_SYNCED UINT32_C(512)
/** Recovery on a standby removed what it needs. */
#define WAL_SLOT_CONFLICTING UINT32_C(1024)
/** wal_health: the server is a standby. */
#define WAL_SLOT_IN_RECOVERY UINT32_C(2048)
/** @} */

/**
 * @name What a publication publishes, and how
 * @{
 */
/** INSERT. */
#define WAL_PUBLISH_INSERT UINT32_C(1)
/** UPDATE. */
#define WAL_PUBLISH_UPDATE UINT32_C(2)
/** DELETE. */
#define WAL_PUBLISH_DELETE UINT32_C(4)
/** TRUNCATE. */
#define WAL_PUBLISH_TRUNCATE UINT32_C(8)
/** Changes of partitions come as those of the partitioned table at their root. */
#define WAL_PUBLICATION_VIA_ROOT UINT32_C(256)
/** All tables, those to come too. */
#define WAL_PUBLICATION_ALL_TABLES UINT32_C(512)
/** @} */
