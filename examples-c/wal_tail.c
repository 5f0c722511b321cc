/* wal_tail: prints the changes of a PostgreSQL database as JSON, one event a line.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Shows the simple way of reading: wal_stream_next gives one event after the other, each borrowed until the
 * next call, and a transaction is acknowledged once its last line is written. Shows too how errors are told
 * to the user, how a signal ends the wait, and what to do before the stream is freed.
 *
 *     cc -std=c99 wal_tail.c $(pkg-config --cflags --libs pgwalstream) -o wal_tail
 */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

static const char help[] =
    "Prints the changes that the publication covers as JSON, one event a line, and acknowledges each "
    "transaction once\n"
    "its lines are written to stdout: what a killed wal_tail did not acknowledge comes again the next time.\n"
    "\n"
    "Columns are what the server's to_json() makes of them, from text and with --binary alike; what nobody "
    "knows how\n"
    "to read is {\"$binary\":\"hex\"}. A large value that an UPDATE left alone is not sent: it is named in\n"
    "\"unchanged\". \"key\" holds the columns of the replica identity only, \"old\" the whole old row.\n"
    "\n"
    "--count N counts INSERT, UPDATE, DELETE, TRUNCATE and MESSAGE. The transaction of the Nth change is "
    "printed to its\n"
    "end, so that it is acknowledged whole; more than N changes may therefore be printed.\n";

typedef struct tail {
    const example_args *args;
    wal_stream *stream;
    wal_renderer *renderer;
    uint64_t events;  /* printed */
    uint64_t changes; /* received */
    bool in_transaction;
} tail;

static bool is_change(uint32_t kind) {
    return kind >= WAL_EVENT_INSERT && kind <= WAL_EVENT_MESSAGE;
}

/* Everything printed so far leaves the process. */
static bool write_out(const tail *t) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    fprintf(stderr, "%s: stdout cannot be written: %s\n", t->args->program, strerror(errno));
    return false;
}

/* Prints one event and, if it ends something, acknowledges that. */
static bool take(tail *t, const wal_event *event) {
    wal_error *error = NULL;

    if (event->kind == WAL_EVENT_BEGIN)
        t->in_transaction = true;
    if (event->kind == WAL_EVENT_COMMIT)
        t->in_transaction = false;
    if (is_change(event->kind))
        t->changes++;
    if (!t->args->changes_only || is_change(event->kind)) {
        if (!example_print(t->args->program, t->renderer, stdout, event))
            return false;
        t->events++;
    }
    if (event->ack_lsn == 0)
        return !ferror(stdout) || write_out(t);
    /* Acknowledged is what the server may forget: first the lines, then the acknowledgement. */
    if (!write_out(t))
        return false;
    if (wal_stream_ack(t->stream, event->ack_lsn, &error) == WAL_OK)
        return true;
    example_error(t->args->program, error);
    return false;
}

/* Reads until the end: of the count, of the patience, by a signal, or by an error. */
static int run(tail *t) {
    const example_args *args = t->args;
    int64_t last_ms = example_now_ms();
    const wal_event *event;
    wal_error *error = NULL;
    wal_status status;

    for (;;) {
        if (example_stopped || (args->count > 0 && t->changes >= args->count && !t->in_transaction))
            return EXAMPLE_DONE;
        /* Lines are written out before waiting for more, and not one by one while there is more. */
        status = wal_stream_next(t->stream, 0, &event, &error);
        if (status == WAL_TIMEOUT) {
            if (!write_out(t))
                return EXAMPLE_FAILED;
            status = wal_stream_next(t->stream, example_wait_ms(args, last_ms), &event, &error);
        }
        if (status == WAL_OK) {
            /* Progress is what an idle stream has to tell, and no reason to wait on. */
            if (event->kind != WAL_EVENT_PROGRESS)
                last_ms = example_now_ms();
            if (!take(t, event))
                return EXAMPLE_FAILED;
        } else if (status < 0) {
            example_error(args->program, error);
            return EXAMPLE_FAILED;
        } else if (status == WAL_END || (status == WAL_TIMEOUT && example_wait_ms(args, last_ms) == 0)) {
            return EXAMPLE_DONE;
        } /* WAL_INTERRUPTED: example_stopped tells; an outcome that is new since: call again. */
    }
}

int main(int argc, char **argv) {
    example_args args = {.program = "wal_tail", .help = help, .accepts_changes_only = true};
    tail t = {.args = &args};
    int status = example_parse(&args, argc, argv);

    if (status >= 0) {
        example_free(&args);
        return status;
    }
    t.renderer = example_renderer(args.program);
    t.stream = t.renderer == NULL ? NULL : example_connect(&args);
    example_free(&args);
    if (t.stream == NULL) {
        wal_renderer_free(t.renderer);
        return example_stopped ? EXAMPLE_DONE : EXAMPLE_FAILED;
    }

    status = run(&t);
    /* Also after an error the lines that are there may go out; they are not acknowledged. */
    if (fflush(stdout) != 0)
        status = EXAMPLE_FAILED;
    if (!example_close(&args, t.stream) && status == EXAMPLE_DONE)
        status = EXAMPLE_FAILED;
    wal_renderer_free(t.renderer);
    fprintf(stderr, "wal_tail: %" PRIu64 " events printed, %" PRIu64 " changes received%s\n", t.events,
            t.changes, t.in_transaction ? "; the last transaction is not complete and comes again" : "");
    return status;
}
