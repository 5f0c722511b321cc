/* wal_load: keeps the tables of a publication in another PostgreSQL database, from the first row on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Shows snapshot=initial: all rows come first, each once, then the changes. The target's own transaction
 * takes rows and changes together with how far they go: the state of the snapshot, and from its end on the
 * position. So each is there exactly once, whatever is killed. The tables must be in the target already, and
 * empty.
 *
 *     cc -std=c99 wal_load.c $(pkg-config --cflags --libs pgwalstream) -o wal_load
 */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

static const char help[] =
    "TARGET comes first: wal_load TARGET [options] CONNINFO SLOT PUBLICATION. Copies the tables of the "
    "publication\n"
    "into the database of the connection string TARGET, and then their changes. The tables must be there, "
    "empty at\n"
    "the first start. The table wal_load of the target says how far it is: another start goes on from "
    "there.\n"
    "\n"
    "While the target has nothing, a slot of the name is dropped and made anew.\n"
    "\n"
    "--count N ends once N rows and changes came; --timeout 2 ends when it has caught up.\n";

/* Text that grows. */
typedef struct text {
    char *data;
    size_t len;
    size_t size;
} text;

typedef struct target {
    const char *program;
    const char *slot;
    wal_connection *connection;
    wal_renderer *renderer;
    text sql;       /* what belongs to one transaction */
    text truncates; /* one for each table that was described */
    text progress;  /* how far the transaction goes: "position", or the state in hexadecimal digits */
    bool complete;  /* all rows came */
} target;

static bool append(text *to, const void *data, size_t len) {
    if (to->size - to->len <= len) {
        size_t size = (to->len + len + 1) * 2;
        char *grown = realloc(to->data, size);

        if (grown == NULL) {
            fprintf(stderr, "wal_load: no memory\n");
            return false;
        }
        to->data = grown;
        to->size = size;
    }
    if (len > 0)
        memcpy(to->data + to->len, data, len);
    to->len += len;
    to->data[to->len] = '\0';
    return true;
}

static bool append_text(text *to, const char *what) {
    return append(to, what, strlen(what));
}

static bool append_identifier(text *to, wal_bytes name) {
    size_t i;

    if (!append_text(to, "\""))
        return false;
    for (i = 0; i < name.len; i++)
        if (!append(to, name.data + i, 1) || (name.data[i] == '"' && !append_text(to, "\"")))
            return false;
    return append_text(to, "\"");
}

/* Runs statements in the target. The value of the first row's column goes to `value`, "" if there is none. */
static bool run_sql(target *to, const char *sql, char *value, size_t size) {
    wal_rows *rows = NULL;
    wal_error *error = NULL;

    if (wal_connection_query(to->connection, sql, -1, &rows, &error) != WAL_OK) {
        example_error(to->program, error);
        return false;
    }
    if (value != NULL) {
        wal_bytes found = wal_rows_value(rows, 0, 0);
        size_t len = found.len < size ? found.len : size - 1;

        if (len > 0)
            memcpy(value, found.data, len);
        value[len] = '\0';
    }
    wal_rows_free(rows);
    return true;
}

static bool open_target(target *to, const char *conninfo) {
    wal_options *options = NULL;
    wal_error *error = NULL;
    bool opened = wal_options_new(&options, &error) == WAL_OK &&
                  wal_options_set(options, "env", "on", &error) == WAL_OK &&
                  wal_options_set(options, "conninfo", conninfo, &error) == WAL_OK &&
                  wal_connection_open(options, -1, &to->connection, &error) == WAL_OK &&
                  wal_renderer_new("sql", &to->renderer, &error) == WAL_OK;

    wal_options_free(options);
    if (!opened) {
        example_error(to->program, error);
        return false;
    }
    return run_sql(to,
                   "SET client_min_messages = warning; CREATE TABLE IF NOT EXISTS wal_load "
                   "(slot text PRIMARY KEY, position text, state bytea)",
                   NULL, 0);
}

/* The target has nothing, so that a slot of this name is from a start that was killed before it stored
 * anything: whose rows nobody has. */
static bool start_anew(target *to, const example_args *args) {
    wal_connection *source = NULL;
    wal_error *error = NULL;
    wal_status status = wal_connection_open(args->options, -1, &source, &error);

    if (status == WAL_OK)
        status = wal_slot_drop(source, to->slot, 1, 60000, &error);
    wal_connection_free(source);
    if (status == WAL_OK || status == WAL_E_SLOT_MISSING) {
        wal_error_free(error);
        return true;
    }
    example_error(to->program, error);
    return false;
}

/* What the target has: the position if the snapshot has ended, else the state of the snapshot. */
static bool go_on(target *to, const example_args *args) {
    char query[256], found[256];

    snprintf(query, sizeof query, "SELECT position FROM wal_load WHERE slot = '%s'", to->slot);
    if (!run_sql(to, query, found, sizeof found))
        return false;
    to->complete = found[0] != '\0';
    if (to->complete)
        return example_set(args, "resume_after", found);
    snprintf(query, sizeof query, "SELECT encode(state, 'base64') FROM wal_load WHERE slot = '%s'", to->slot);
    if (!run_sql(to, query, found, sizeof found))
        return false;
    return found[0] == '\0' ? start_anew(to, args) : example_set(args, "snapshot_state", found);
}

/* A table is described: if an earlier snapshot is gone, its rows go too. */
static bool described(target *to, const wal_relation *relation) {
    return append_text(&to->truncates, "TRUNCATE ") &&
           append_identifier(&to->truncates, wal_relation_namespace(relation)) &&
           append_text(&to->truncates, ".") &&
           append_identifier(&to->truncates, wal_relation_name(relation)) &&
           append_text(&to->truncates, ";\n");
}

static bool snapshot_event(target *to, const wal_event *event) {
    wal_bytes state = wal_event_snapshot_state(event);
    char digits[3];
    size_t i;

    if (wal_event_snapshot_step(event) == WAL_SNAPSHOT_RESTART &&
        (to->truncates.len == 0 || !append(&to->sql, to->truncates.data, to->truncates.len)))
        return false;
    if (wal_event_snapshot_step(event) == WAL_SNAPSHOT_END)
        to->complete = true;
    to->progress.len = 0;
    for (i = 0; i < state.len; i++) {
        snprintf(digits, sizeof digits, "%02x", state.data[i]);
        if (!append_text(&to->progress, digits))
            return false;
    }
    return true;
}

/* Puts what an event says to the transaction. */
static bool take(target *to, const wal_event *event, uint64_t *count) {
    const wal_rendered *rendered;
    wal_error *error = NULL;
    wal_bytes lines;
    size_t n;

    if (event->kind == WAL_EVENT_SNAPSHOT)
        return snapshot_event(to, event);
    if (event->kind == WAL_EVENT_RELATION && !to->complete)
        return described(to, event->relation);
    if (event->kind < WAL_EVENT_INSERT || event->kind > WAL_EVENT_TRUNCATE)
        return true;
    (*count)++;
    if (wal_renderer_events(to->renderer, event, 1, &rendered, &n, &error) != WAL_OK) {
        example_error(to->program, error);
        return false;
    }
    lines = wal_renderer_lines(to->renderer);
    return append(&to->sql, lines.data, lines.len);
}

/* One transaction of the target: what came, and how far it goes. */
static bool store(target *to, wal_position position) {
    char end[256], written[98];
    bool stored;

    if (to->complete ? position.system_identifier == 0 : to->progress.len == 0) {
        to->sql.len = 0; /* definitions alone, or the begin of a transaction */
        return true;
    }
    if (to->complete) {
        wal_position_format(&position, written, sizeof written);
        snprintf(end, sizeof end, "'%s', NULL", written);
    } else {
        snprintf(end, sizeof end, "NULL, '\\x%s'", to->progress.data);
    }
    stored = append_text(&to->sql, "INSERT INTO wal_load VALUES ('") && append_text(&to->sql, to->slot) &&
             append_text(&to->sql, "', ") && append_text(&to->sql, end) &&
             append_text(&to->sql, ") ON CONFLICT (slot) DO UPDATE SET position = excluded.position, "
                                   "state = excluded.state;\nCOMMIT") &&
             run_sql(to, to->sql.data, NULL, 0);
    to->sql.len = 0;
    return stored;
}

/* Reads to the end of the count, of the patience, by a signal, or by an error. */
static int run(const example_args *args, target *to, wal_stream *stream) {
    int64_t last_ms = example_now_ms();
    uint64_t count = 0;

    while (!example_stopped && (args->count == 0 || count < args->count)) {
        wal_batch *batch;
        wal_error *error = NULL;
        wal_status status = wal_stream_next_batch(stream, example_wait_ms(args, last_ms), &batch, &error);
        const wal_event *events;
        uint64_t before = count;
        bool done;
        size_t n, i;

        if (status == WAL_TIMEOUT && example_wait_ms(args, last_ms) == 0)
            return EXAMPLE_DONE;
        if (status == WAL_END)
            return EXAMPLE_DONE;
        if (status < 0) {
            example_error(args->program, error);
            return EXAMPLE_FAILED;
        }
        if (status != WAL_OK)
            continue;
        events = wal_batch_events(batch, &n);
        done = append_text(&to->sql, "BEGIN;\n");
        for (i = 0; done && i < n; i++)
            done = take(to, &events[i], &count);
        done = done && store(to, wal_batch_position(batch));
        /* First in the target, then acknowledged. */
        if (done && wal_stream_ack(stream, wal_batch_ack_lsn(batch), &error) != WAL_OK) {
            example_error(args->program, error);
            done = false;
        }
        if (count > before)
            last_ms = example_now_ms();
        wal_batch_free(batch);
        if (!done)
            return EXAMPLE_FAILED;
    }
    return EXAMPLE_DONE;
}

int main(int argc, char **argv) {
    example_args args = {.program = "wal_load", .help = help};
    target to = {.program = "wal_load"};
    const char *conninfo = NULL;
    char slot[64] = "";
    wal_stream *stream = NULL;
    int status;

    if (argc > 1 && argv[1][0] != '-') {
        conninfo = argv[1];
        argv[1] = argv[0];
        argc--;
        argv++;
    }
    status = example_parse(&args, argc, argv);
    if (status < 0 && conninfo == NULL)
        status = example_usage_error(&args, "TARGET must come first", "");
    if (status < 0) {
        const char *value = "";

        if (wal_options_get(args.options, "slot", &value, NULL) == WAL_OK)
            snprintf(slot, sizeof slot, "%s", value);
        to.slot = slot;
        if (!open_target(&to, conninfo) || !example_set(&args, "snapshot", "initial") ||
            !example_set(&args, "slot_create", "if_missing") ||
            !example_set(&args, "progress", "acknowledged") || !go_on(&to, &args) ||
            (stream = example_connect(&args)) == NULL)
            status = example_stopped ? EXAMPLE_DONE : EXAMPLE_FAILED;
    }
    if (stream != NULL) {
        status = run(&args, &to, stream);
        if (!example_close(&args, stream) && status == EXAMPLE_DONE)
            status = EXAMPLE_FAILED;
    }
    example_free(&args);
    wal_renderer_free(to.renderer);
    wal_connection_free(to.connection);
    free(to.sql.data);
    free(to.truncates.data);
    free(to.progress.data);
    return status;
}
