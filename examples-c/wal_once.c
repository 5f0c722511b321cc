/* wal_once: keeps the changes of a PostgreSQL database in a file, each exactly once, whatever is killed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Shows the recipe of docs/exactly-once.md: the position is stored in one step with the data that it covers,
 * the next start goes on behind it (resume_after), and nothing but an acknowledgement moves the slot
 * (progress=acknowledged). A database does that step with a transaction. Here the step is a line: what stands
 * behind the last line of a position was not completed and is cut off at the next start.
 *
 *     cc -std=c99 wal_once.c $(pkg-config --cflags --libs pgwalstream) -o wal_once
 */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "example.h"

static const char help[] =
    "FILE comes first: wal_once FILE [options] CONNINFO SLOT PUBLICATION. Appends the changes that the "
    "publication\n"
    "covers to it as JSON, one a line, and behind each transaction a line with the position that it ends at. "
    "A start\n"
    "with a file goes on behind its last position; one without begins where the slot stands. Each change is "
    "in\n"
    "the file exactly once. A file that is older than the slot, as from a backup, is refused.\n"
    "\n"
    "--count N ends after the transaction of the Nth change. --option slot_adopt=on, once, takes over a slot "
    "that\n"
    "another program used with progress=auto.\n";

static const char mark[] = "position ";

typedef struct store {
    const char *program;
    const char *path;
    FILE *file;
    wal_renderer *renderer;
    wal_position position; /* the last that the file has whole; all 0: none */
} store;

static bool failed(const store *s, const char *what) {
    fprintf(stderr, "%s: %s: cannot %s: %s\n", s->program, s->path, what, strerror(errno));
    return false;
}

/* What an older version wrote, or nobody: cutting at the last mark that is understood would throw data away.
 */
static bool unknown_mark(const store *s) {
    fprintf(stderr,
            "%s: %s: has a position in another form, as an older version wrote it: use another file\n",
            s->program, s->path);
    return false;
}

/* Finds the last whole line of a position, and cuts off what stands behind it. */
static bool recover(store *s) {
    char line[128];
    off_t end = 0;
    bool begins = true;

    while (fgets(line, sizeof line, s->file) != NULL) {
        const char *newline = strchr(line, '\n');
        wal_position position;

        if (begins && newline != NULL && strncmp(line, mark, sizeof mark - 1) == 0) {
            char text[98];
            size_t len = (size_t)(newline - line) - (sizeof mark - 1);

            if (len >= sizeof text)
                return unknown_mark(s);
            memcpy(text, line + sizeof mark - 1, len);
            text[len] = '\0';
            if (wal_position_parse(text, &position, NULL) != WAL_OK)
                return unknown_mark(s);
            s->position = position;
            end = ftello(s->file);
        }
        begins = newline != NULL;
    }
    if (ferror(s->file))
        return failed(s, "read it");
    if (ftruncate(fileno(s->file), end) != 0 || fseeko(s->file, 0, SEEK_END) != 0)
        return failed(s, "cut off what was not completed");
    return true;
}

static bool open_store(store *s) {
    int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || (s->file = fdopen(fd, "r+")) == NULL) {
        failed(s, "open it");
        if (fd >= 0)
            close(fd);
        return false;
    }
    return recover(s);
}

/* The step that makes data and position one: both are on the disk, or neither counts. */
static bool complete(store *s, wal_position position) {
    char text[98];

    if (position.end_lsn == 0) {
        fprintf(stderr, "%s: the server is a standby, whose changes have no position: use the primary\n",
                s->program);
        return false;
    }
    wal_position_format(&position, text, sizeof text);
    if (fprintf(s->file, "%s%s\n", mark, text) < 0 || fflush(s->file) != 0 || fsync(fileno(s->file)) != 0)
        return failed(s, "write it");
    s->position = position;
    return true;
}

/* Reads to the end of the count, of the patience, by a signal, or by an error. */
static int run(const example_args *args, store *s, wal_stream *stream) {
    int64_t last_ms = example_now_ms();
    uint64_t changes = 0;
    bool inside = false;

    for (;;) {
        const wal_event *event;
        wal_error *error = NULL;
        wal_status status;

        if (!inside && (example_stopped || (args->count > 0 && changes >= args->count)))
            return EXAMPLE_DONE;
        status =
            wal_stream_next(stream, example_stopped ? 0 : example_wait_ms(args, last_ms), &event, &error);
        if (status < 0) {
            example_error(args->program, error);
            return EXAMPLE_FAILED;
        }
        if (status == WAL_END ||
            (status == WAL_TIMEOUT && (example_stopped || example_wait_ms(args, last_ms) == 0)))
            return EXAMPLE_DONE; /* what is not complete is cut off at the next start */
        if (status != WAL_OK)
            continue;
        if (event->kind == WAL_EVENT_BEGIN)
            inside = true;
        if (event->kind == WAL_EVENT_COMMIT)
            inside = false;
        if (event->kind >= WAL_EVENT_INSERT && event->kind <= WAL_EVENT_MESSAGE) {
            if (!example_print(s->program, s->renderer, s->file, event))
                return EXAMPLE_FAILED;
            changes++;
        }
        if (event->kind != WAL_EVENT_PROGRESS)
            last_ms = example_now_ms();
        /* First the data with its position, then the acknowledgement. Progress is a position without data. */
        if (event->ack_lsn != 0) {
            if (!complete(s, wal_event_position(event)))
                return EXAMPLE_FAILED;
            if (wal_stream_ack(stream, event->ack_lsn, &error) != WAL_OK) {
                example_error(args->program, error);
                return EXAMPLE_FAILED;
            }
        }
    }
}

int main(int argc, char **argv) {
    example_args args = {.program = "wal_once", .help = help};
    store s = {.program = "wal_once"};
    char start[98];
    wal_stream *stream;
    int status;

    if (argc > 1 && argv[1][0] != '-') {
        s.path = argv[1];
        argv[1] = argv[0];
        argc--;
        argv++;
    }
    status = example_parse(&args, argc, argv);
    if (status < 0 && s.path == NULL)
        status = example_usage_error(&args, "FILE must come first", "");
    if (status < 0 && (!open_store(&s) || (s.renderer = example_renderer(s.program)) == NULL))
        status = EXAMPLE_FAILED;
    wal_position_format(&s.position, start, sizeof start);
    if (status < 0 && !example_set(&args, "progress", "acknowledged"))
        status = EXAMPLE_FAILED;
    if (status < 0 && s.position.end_lsn != 0 && !example_set(&args, "resume_after", start))
        status = EXAMPLE_FAILED;
    if (status >= 0) {
        example_free(&args);
        if (s.file != NULL)
            fclose(s.file);
        wal_renderer_free(s.renderer);
        return status;
    }
    stream = example_connect(&args);
    example_free(&args);
    if (stream == NULL) {
        fclose(s.file);
        wal_renderer_free(s.renderer);
        return example_stopped ? EXAMPLE_DONE : EXAMPLE_FAILED;
    }
    status = run(&args, &s, stream);
    if (!example_close(&args, stream) && status == EXAMPLE_DONE)
        status = EXAMPLE_FAILED;
    wal_renderer_free(s.renderer);
    wal_position_format(&s.position, start, sizeof start);
    fprintf(stderr, "wal_once: the file is complete up to %s\n", start);
    if (fclose(s.file) != 0)
        status = EXAMPLE_FAILED;
    return status;
}
