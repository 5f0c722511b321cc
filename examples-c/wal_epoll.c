/* wal_epoll: follows several replication slots in one thread, with epoll.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Shows how streams go into an event loop: each has one descriptor (wal_stream_fd), level-triggered and the
 * same for its life, which is readable while a call would give something. When it is, wal_stream_next is
 * called with timeout 0 until it answers WAL_TIMEOUT, or until the stream had its turn: what is left keeps
 * the descriptor readable, so that the next round comes back to it and a busy stream starves no other.
 *
 *     cc -std=c99 wal_epoll.c $(pkg-config --cflags --libs pgwalstream) -o wal_epoll
 */
#define _POSIX_C_SOURCE 200809L

#include <sys/epoll.h>
#include <unistd.h>

#include "example.h"

static const char help[] =
    "Prints the changes that come from SLOT and, with --also, from other slots of the same server: the "
    "slot's name,\n"
    "a tab, and the event as JSON as wal_tail does. One thread waits for all of them with epoll(7).\n"
    "\n"
    "  --also SLOT         follow this slot too; may be repeated, up to 8 slots in all\n"
    "\n"
    "--count N counts INSERT, UPDATE, DELETE, TRUNCATE and MESSAGE of all slots together; it ends once no\n"
    "transaction is open. The end of one stream leaves the others alone.\n";

enum { SLOTS = 8, TURN = 256 };

typedef struct follower {
    const char *slot;
    wal_stream *stream; /* NULL once it has ended */
    uint64_t to_ack;    /* printed up to here */
    bool in_transaction;
} follower;

typedef struct loop {
    const example_args *args;
    wal_renderer *renderer; /* one for all: a thread uses one at a time */
    int epoll;
    follower followers[SLOTS];
    size_t count;
    uint64_t changes;
    bool failed;
} loop;

/* Takes "--also SLOT" out of the command line: the rest is what all examples share. */
static int take_slots(loop *l, int argc, char **argv) {
    int kept = 1;
    int i;

    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--also") != 0) {
            argv[kept++] = argv[i];
        } else if (i + 1 == argc || l->count == SLOTS) {
            return -1;
        } else {
            l->followers[l->count++].slot = argv[++i];
        }
    }
    argv[kept] = NULL;
    return kept;
}

/* Makes, connects and registers the stream of one slot. */
static bool follow(loop *l, follower *f) {
    struct epoll_event interest;

    memset(&interest, 0, sizeof interest);
    if (!example_set(l->args, "slot", f->slot) || (f->stream = example_connect(l->args)) == NULL)
        return false;
    interest.events = EPOLLIN; /* level-triggered */
    interest.data.ptr = f;
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, wal_stream_fd(f->stream), &interest) == 0)
        return true;
    fprintf(stderr, "%s: epoll_ctl: %s\n", l->args->program, strerror(errno));
    return false;
}

/* Ends one stream. Its descriptor leaves the set before, and the signals go to another: their handler must
 * never meet a stream that is gone. */
static void leave(loop *l, follower *f, bool has_ended) {
    wal_stream *stream = f->stream;
    bool last = true;
    size_t i;

    if (stream == NULL)
        return;
    f->stream = NULL;
    (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, wal_stream_fd(stream), NULL);
    for (i = 0; i < l->count && last; i++) {
        if (l->followers[i].stream != NULL) {
            example_catch_signals(l->followers[i].stream);
            last = false;
        }
    }
    if (last)
        example_release_signals();
    if (!has_ended && wal_stream_flush(stream, 5000, NULL) != WAL_OK) {
        fprintf(stderr,
                "%s: slot %s: the last acknowledgement could not be reported; some events will come again\n",
                l->args->program, f->slot);
        l->failed = true;
    }
    wal_stream_free(stream);
}

static bool take(loop *l, follower *f, const wal_event *event) {
    if (event->kind == WAL_EVENT_BEGIN)
        f->in_transaction = true;
    if (event->kind == WAL_EVENT_COMMIT)
        f->in_transaction = false;
    if (event->kind >= WAL_EVENT_INSERT && event->kind <= WAL_EVENT_MESSAGE)
        l->changes++;
    printf("%s\t", f->slot);
    if (!example_print(l->args->program, l->renderer, stdout, event))
        return false;
    if (event->ack_lsn != 0)
        f->to_ack = event->ack_lsn;
    return true;
}

/* One turn of a readable stream: as much as there is, but no more than its share. False: it has ended. */
static bool serve(loop *l, follower *f) {
    const wal_event *event;
    wal_error *error = NULL;
    wal_status status = WAL_OK;
    int n;

    for (n = 0; n < TURN && status == WAL_OK; n++) {
        status = wal_stream_next(f->stream, 0, &event, &error);
        if (status == WAL_OK && !take(l, f, event)) {
            l->failed = true;
            return false;
        }
    }
    /* First the lines leave the process, then the server may forget: once a turn, not once a transaction. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: stdout cannot be written: %s\n", l->args->program, strerror(errno));
        wal_error_free(error);
        l->failed = true;
        return false;
    }
    if (f->to_ack != 0) {
        wal_error *refused = NULL;
        if (wal_stream_ack(f->stream, f->to_ack, &refused) != WAL_OK)
            example_error(l->args->program, refused);
        f->to_ack = 0;
    }
    if (status < 0) {
        fprintf(stderr, "%s: slot %s\n", l->args->program, f->slot);
        example_error(l->args->program, error);
        l->failed = true;
    }
    return status >= 0 && status != WAL_END; /* WAL_INTERRUPTED: example_stopped tells */
}

static bool is_done(const loop *l) {
    bool any = false;
    size_t i;

    for (i = 0; i < l->count; i++) {
        any = any || l->followers[i].stream != NULL;
        if (l->followers[i].stream != NULL && l->followers[i].in_transaction && !example_stopped)
            return false;
    }
    return !any || example_stopped || (l->args->count > 0 && l->changes >= l->args->count);
}

static void run(loop *l) {
    int64_t last_ms = example_now_ms();
    struct epoll_event ready[SLOTS];
    int i, n;

    while (!is_done(l)) {
        n = epoll_wait(l->epoll, ready, SLOTS, example_wait_ms(l->args, last_ms));
        if (n < 0 && errno != EINTR) {
            fprintf(stderr, "%s: epoll_wait: %s\n", l->args->program, strerror(errno));
            l->failed = true;
            return;
        }
        if (n == 0)
            return; /* nothing came for as long as --timeout says */
        /* One turn for each that is ready, then the kernel is asked again: that is the fairness. */
        for (i = 0; i < n; i++) {
            follower *f = ready[i].data.ptr;
            if (!serve(l, f))
                leave(l, f, true);
        }
        if (n > 0)
            last_ms = example_now_ms();
    }
}

int main(int argc, char **argv) {
    example_args args = {.program = "wal_epoll", .help = help};
    loop l = {.args = &args, .count = 1};
    const char *first = NULL;
    int status;
    size_t i;

    argc = take_slots(&l, argc, argv);
    if (argc < 0)
        return example_usage_error(&args, "--also takes a SLOT, up to 7 times", "");
    status = example_parse(&args, argc, argv);
    if (status >= 0) {
        example_free(&args);
        return status;
    }
    /* The options are one set, of which each stream takes a copy: only the slot changes. */
    first = argv[argc - 2];
    l.followers[0].slot = first;
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    l.renderer = example_renderer(args.program);
    l.failed = l.epoll < 0 || l.renderer == NULL;
    for (i = 0; i < l.count && !l.failed; i++)
        l.failed = !follow(&l, &l.followers[i]);
    if (!l.failed)
        run(&l);
    for (i = 0; i < l.count; i++)
        leave(&l, &l.followers[i], false);
    if (l.epoll >= 0)
        close(l.epoll);
    wal_renderer_free(l.renderer);
    example_free(&args);
    fprintf(stderr, "wal_epoll: %" PRIu64 " changes received\n", l.changes);
    return l.failed && !example_stopped ? EXAMPLE_FAILED : EXAMPLE_DONE;
}
