// A connection for commands: slots, publications, SQL.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_CONNECTION_HPP
#define PGWALSTREAM_CONNECTION_HPP

#include <pgwalstream/options.hpp>
#include <pgwalstream/publication.hpp>
#include <pgwalstream/slot.hpp>
#include <pgwalstream/stats.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** How the rows of a COPY are read, which must be how the statement has them written. */
enum class copy_format {
    text = WAL_COPY_TEXT,     ///< COPY's text format: the values as text, escapes undone
    binary = WAL_COPY_BINARY, ///< COPY's binary format: the values in the binary forms of their types
    lines = WAL_COPY_LINES,   ///< each row undivided, as one value: CSV, or a DELIMITER of its own
};

/**
 * A `COPY … TO STDOUT` whose rows are being read. Where rows are left as it ends the server is asked to
 * cancel it. It may outlive its connection: it gives status state then. May be moved, not copied.
 */
class copy_out {
  public:
    /** Takes over a COPY of the C API. */
    explicit copy_out(wal_copy *handle) noexcept : handle_(handle) {}

    /**
     * The next rows: all that are there, up to 256 KiB, at least one. Status end behind the last; timeout and
     * interrupted: the COPY goes on. An error of the server comes behind the rows before it.
     */
    result<outcome<rows>> try_next_batch(timeout wait = forever) {
        wal_rows *out = nullptr;
        wal_error *reason = nullptr;
        const wal_status code = wal_copy_next_batch(handle_.get(), wait.milliseconds(), &out, &reason);
        if (code < WAL_OK)
            return detail::fail(code, reason);
        return code == WAL_OK ? outcome<rows>(rows(out)) : outcome<rows>(static_cast<status>(code));
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_next_batch; throws `error`. */
    outcome<rows> next_batch(timeout wait = forever) {
        return detail::take(try_next_batch(wait));
    }
#endif

  private:
    detail::owned<wal_copy, wal_copy_free> handle_;
};

/**
 * A connection for commands about slots and publications, and for SQL. It streams nothing: that is what a
 * stream is for.
 *
 * Every command waits for its answer, for at most as long as it is told; what is given up is cancelled on the
 * server. One that is not done fails, with status timeout, interrupted or end where it was given up. Commands
 * are for one thread at a time, any thread; a second one gets status busy. `const` functions are for any
 * thread at any time. May be moved, not copied; moved and destroyed when no other thread uses it. What lives
 * as long as it ends with it: temporary slots, an exported snapshot, an open transaction.
 */
class connection {
  public:
    /** Takes over a connection of the C API, and keeps alive who hears its log. */
    explicit connection(wal_connection *handle, std::shared_ptr<const void> log = nullptr) noexcept
        : log_(std::move(log)), handle_(handle) {}
    connection(connection &&) noexcept = default;
    connection &operator=(connection &&other) noexcept {
        handle_ = std::move(other.handle_); // first: until then the log may be heard
        log_ = std::move(other.log_);
        return *this;
    }

    /** One that is not open yet, so that another thread can interrupt opening it. Counts: conninfo, env, the
     * log. */
    static result<connection> try_make(const options &settings) {
        wal_connection *out = nullptr;
        wal_error *reason = nullptr;
        const wal_status code = wal_connection_new(settings.capi(), &out, &reason);
        if (code != WAL_OK)
            return detail::fail(code, reason);
        return connection(out, settings.log_owner());
    }
    /** An open one: try_make and try_connect. */
    static result<connection> try_open(const options &settings, timeout wait = forever) {
        auto made = try_make(settings);
        if (made) {
            const auto connected = made->try_connect(wait);
            if (!connected)
                return detail::failure(connected.error());
        }
        return made;
    }
    /** Opens it. After an error, an interrupt or the loss of the connection it can be done again. */
    result<void> try_connect(timeout wait = forever) {
        return detail::attempt([&](wal_error **reason) {
            return wal_connection_connect(handle_.get(), wait.milliseconds(), reason);
        });
    }
    /** Looks whether the server still keeps it, without asking anything: an exported snapshot lives on. */
    result<void> try_check() {
        return detail::attempt(
            [&](wal_error **reason) { return wal_connection_check(handle_.get(), reason); });
    }
    /** Says that the exported snapshot is not needed any more. Until then every command has status state. */
    result<void> try_release_snapshot() {
        return detail::attempt(
            [&](wal_error **reason) { return wal_connection_release_snapshot(handle_.get(), reason); });
    }
    /** Runs SQL, and gives the rows of the last statement. For small answers; take care of quoting. */
    result<rows> try_query(std::string_view sql, timeout wait = forever) {
        const detail::c_text text(sql);
        return detail::attempt_for<rows, wal_rows *>([&](wal_rows **out, wal_error **reason) {
            return wal_connection_query(handle_.get(), text.get(), wait.milliseconds(), out, reason);
        });
    }
    /**
     * Begins a `COPY … TO STDOUT`, whose rows come in batches, as the program asks for them: memory stays
     * flat. Until it is over or gone, other commands have status state.
     */
    result<copy_out> try_copy(std::string_view sql, copy_format format = copy_format::text,
                              timeout wait = forever) {
        const detail::c_text text(sql);
        return detail::attempt_for<copy_out, wal_copy *>([&](wal_copy **out, wal_error **reason) {
            return wal_copy_open(handle_.get(), text.get(), static_cast<std::int32_t>(format),
                                 wait.milliseconds(), out, reason);
        });
    }

    /**
     * Makes a logical slot in the connection's database. It waits for every transaction that is running on
     * the server. Status slot_timeout: it was not made, and the detail names who was waited for;
     * slot_in_doubt: the server may still make it; slot_exists, publication_missing, server_version, and what
     * wal_slot_create_logical lists.
     *
     * @param name of the slot
     * @param flags temporary, two_phase (PostgreSQL 15), failover (17), export_snapshot or use_snapshot
     * @param wait for so long; then the server is told to cancel
     * @param plugin the output plugin
     */
    result<owned_slot> try_create_logical_slot(std::string_view name, slot_flags flags = slot_flags::none,
                                               timeout wait = forever, std::string_view plugin = "pgoutput") {
        const detail::c_text slot_name(name), plugin_name(plugin);
        return described([&](wal_slot **out, wal_error **reason) {
            return wal_slot_create_logical(handle_.get(), slot_name.get(), plugin_name.get(),
                                           detail::bits(flags), wait.milliseconds(), out, reason);
        });
    }
    /** Makes a physical slot; flags: temporary, reserve_wal. */
    result<owned_slot> try_create_physical_slot(std::string_view name, slot_flags flags = slot_flags::none,
                                                timeout wait = forever) {
        const detail::c_text slot_name(name);
        return described([&](wal_slot **out, wal_error **reason) {
            return wal_slot_create_physical(handle_.get(), slot_name.get(), detail::bits(flags),
                                            wait.milliseconds(), out, reason);
        });
    }
    /** Turns on and off what a logical slot that nobody uses does: failover (17), two_phase (18). */
    result<void> try_alter_slot(std::string_view name, slot_flags on, slot_flags off,
                                timeout wait = forever) {
        const detail::c_text slot_name(name);
        return detail::attempt([&](wal_error **reason) {
            return wal_slot_alter(handle_.get(), slot_name.get(), detail::bits(on), detail::bits(off),
                                  wait.milliseconds(), reason);
        });
    }
    /** Ends a slot; status slot_active while somebody uses it. */
    result<void> try_drop_slot(std::string_view name, timeout wait = forever) {
        return dropped(name, 0, wait);
    }
    /** Ends a slot once nobody uses it. */
    result<void> try_drop_slot_when_free(std::string_view name, timeout wait = forever) {
        return dropped(name, 1, wait);
    }
    /** Looks at one slot of the server, whatever its database. */
    result<owned_slot> try_read_slot(std::string_view name, timeout wait = forever) {
        const detail::c_text slot_name(name);
        return described([&](wal_slot **out, wal_error **reason) {
            return wal_slot_read(handle_.get(), slot_name.get(), wait.milliseconds(), out, reason);
        });
    }
    /** Looks at all slots of the server. */
    result<slot_list> try_slots(timeout wait = forever) {
        return detail::attempt_for<slot_list, wal_slots *>([&](wal_slots **out, wal_error **reason) {
            return wal_slot_list(handle_.get(), wait.milliseconds(), out, reason);
        });
    }
    /** Moves a slot that nobody uses forward without reading, at most to the end of the WAL; gives where it
     * stands. */
    result<lsn> try_advance_slot(std::string_view name, lsn to, timeout wait = forever) {
        const detail::c_text slot_name(name);
        return detail::attempt_for<lsn, std::uint64_t>([&](std::uint64_t *out, wal_error **reason) {
            return wal_slot_advance(handle_.get(), slot_name.get(), to.value(), wait.milliseconds(), out,
                                    reason);
        });
    }
    /** Makes a slot that stands where another one does; flags: temporary; plugin: "" for the source's. */
    result<owned_slot> try_copy_slot(std::string_view source, std::string_view name,
                                     slot_flags flags = slot_flags::none, timeout wait = forever,
                                     std::string_view plugin = {}) {
        const detail::c_text from(source), to(name), plugin_name(plugin);
        return described([&](wal_slot **out, wal_error **reason) {
            return wal_slot_copy(handle_.get(), from.get(), to.get(),
                                 plugin.empty() ? nullptr : plugin_name.get(), detail::bits(flags),
                                 wait.milliseconds(), out, reason);
        });
    }
    /** Looks at a slot's health. */
    result<health> try_slot_health(std::string_view name, timeout wait = forever) {
        const detail::c_text slot_name(name);
        return detail::attempt_for<health, wal_health>([&](wal_health *out, wal_error **reason) {
            return wal_slot_health(handle_.get(), slot_name.get(), wait.milliseconds(), out, sizeof *out,
                                   reason);
        });
    }

    /**
     * Makes a publication. Make it before the slot: a slot never sees a publication that is younger than
     * itself.
     *
     * @param name of the publication, as it is; the library quotes it
     * @param tables as SQL writes them, separated by commas; "" for none, or for all with publish::all_tables
     * @param flags what is published, and how
     * @param wait for so long
     */
    result<void> try_create_publication(std::string_view name, std::string_view tables,
                                        publish flags = publish::none, timeout wait = forever) {
        const detail::c_text publication_name(name), table_names(tables);
        if (table_names.get() == nullptr) // NULL would be no table at all
            return detail::fail(status::invalid_argument, "the names of the tables have a NUL inside");
        return detail::attempt([&](wal_error **reason) {
            return wal_publication_create(handle_.get(), publication_name.get(), table_names.get(),
                                          detail::bits(flags), wait.milliseconds(), reason);
        });
    }
    /** Ends a publication. A stream that uses it ends with an error soon after. */
    result<void> try_drop_publication(std::string_view name, timeout wait = forever) {
        const detail::c_text publication_name(name);
        return detail::attempt([&](wal_error **reason) {
            return wal_publication_drop(handle_.get(), publication_name.get(), wait.milliseconds(), reason);
        });
    }
    /** All publications of the connection's database. */
    result<publication_list> try_publications(timeout wait = forever) {
        return detail::attempt_for<publication_list, wal_publications *>(
            [&](wal_publications **out, wal_error **reason) {
                return wal_publication_list(handle_.get(), wait.milliseconds(), out, reason);
            });
    }
    /** The tables of a publication, each with what is published of it. */
    result<table_list> try_tables(std::string_view publication, timeout wait = forever) {
        const detail::c_text publication_name(publication);
        return detail::attempt_for<table_list, wal_tables *>([&](wal_tables **out, wal_error **reason) {
            return wal_publication_tables(handle_.get(), publication_name.get(), wait.milliseconds(), out,
                                          reason);
        });
    }

#if PGWALSTREAM_EXCEPTIONS
    /** As try_make; throws `error`. */
    explicit connection(const options &settings) : connection(detail::take(try_make(settings))) {}
    /** As try_open; throws `error`. */
    static connection open(const options &settings, timeout wait = forever) {
        return detail::take(try_open(settings, wait));
    }
    /** As try_connect; throws `error`. */
    void connect(timeout wait = forever) {
        detail::take(try_connect(wait));
    }
    /** As try_check; throws `error`. */
    void check() {
        detail::take(try_check());
    }
    /** As try_release_snapshot; throws `error`. */
    void release_snapshot() {
        detail::take(try_release_snapshot());
    }
    /** As try_query; throws `error`. */
    rows query(std::string_view sql, timeout wait = forever) {
        return detail::take(try_query(sql, wait));
    }
    /** As try_copy; throws `error`. */
    copy_out copy(std::string_view sql, copy_format format = copy_format::text, timeout wait = forever) {
        return detail::take(try_copy(sql, format, wait));
    }
    /** As try_create_logical_slot; throws `error`. */
    owned_slot create_logical_slot(std::string_view name, slot_flags flags = slot_flags::none,
                                   timeout wait = forever, std::string_view plugin = "pgoutput") {
        return detail::take(try_create_logical_slot(name, flags, wait, plugin));
    }
    /** As try_create_physical_slot; throws `error`. */
    owned_slot create_physical_slot(std::string_view name, slot_flags flags = slot_flags::none,
                                    timeout wait = forever) {
        return detail::take(try_create_physical_slot(name, flags, wait));
    }
    /** As try_alter_slot; throws `error`. */
    void alter_slot(std::string_view name, slot_flags on, slot_flags off, timeout wait = forever) {
        detail::take(try_alter_slot(name, on, off, wait));
    }
    /** As try_drop_slot; throws `error`. */
    void drop_slot(std::string_view name, timeout wait = forever) {
        detail::take(try_drop_slot(name, wait));
    }
    /** As try_drop_slot_when_free; throws `error`. */
    void drop_slot_when_free(std::string_view name, timeout wait = forever) {
        detail::take(try_drop_slot_when_free(name, wait));
    }
    /** As try_read_slot; throws `error`. */
    owned_slot read_slot(std::string_view name, timeout wait = forever) {
        return detail::take(try_read_slot(name, wait));
    }
    /** As try_slots; throws `error`. */
    slot_list slots(timeout wait = forever) {
        return detail::take(try_slots(wait));
    }
    /** As try_advance_slot; throws `error`. */
    lsn advance_slot(std::string_view name, lsn to, timeout wait = forever) {
        return detail::take(try_advance_slot(name, to, wait));
    }
    /** As try_copy_slot; throws `error`. */
    owned_slot copy_slot(std::string_view source, std::string_view name, slot_flags flags = slot_flags::none,
                         timeout wait = forever, std::string_view plugin = {}) {
        return detail::take(try_copy_slot(source, name, flags, wait, plugin));
    }
    /** As try_slot_health; throws `error`. */
    health slot_health(std::string_view name, timeout wait = forever) {
        return detail::take(try_slot_health(name, wait));
    }
    /** As try_create_publication; throws `error`. */
    void create_publication(std::string_view name, std::string_view tables, publish flags = publish::none,
                            timeout wait = forever) {
        detail::take(try_create_publication(name, tables, flags, wait));
    }
    /** As try_drop_publication; throws `error`. */
    void drop_publication(std::string_view name, timeout wait = forever) {
        detail::take(try_drop_publication(name, wait));
    }
    /** As try_publications; throws `error`. */
    publication_list publications(timeout wait = forever) {
        return detail::take(try_publications(wait));
    }
    /** As try_tables; throws `error`. */
    table_list tables(std::string_view publication, timeout wait = forever) {
        return detail::take(try_tables(publication, wait));
    }
#endif

    /** The server's version, as in server_version_num: 180004 is 18.4; 0 before it was opened. */
    std::uint32_t server_version() const noexcept {
        return wal_connection_server_version(handle_.get());
    }
    /** Makes the call that waits, or else the next one, fail with status interrupted once. Signal handlers
     * too. */
    void interrupt() const noexcept {
        wal_connection_interrupt(handle_.get());
    }
    /** Takes back an interrupt that no call has consumed. */
    void interrupt_clear() const noexcept {
        wal_connection_interrupt_clear(handle_.get());
    }

  private:
    template <class Call> static result<owned_slot> described(Call &&call) {
        return detail::attempt_for<owned_slot, wal_slot *>(std::forward<Call>(call));
    }
    result<void> dropped(std::string_view name, std::int32_t waits, timeout wait) {
        const detail::c_text slot_name(name);
        return detail::attempt([&](wal_error **reason) {
            return wal_slot_drop(handle_.get(), slot_name.get(), waits, wait.milliseconds(), reason);
        });
    }

    std::shared_ptr<const void> log_; // outlives the handle: it stands before it
    detail::owned<wal_connection, wal_connection_free> handle_;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
