/* wal_replay: prints the changes of a capture file as JSON, one event a line, as wal_tail does from a server.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Shows how a capture (option capture_file) is replayed: it is a stream like any other, and needs no server.
 *
 *     cc -std=c99 wal_replay.c $(pkg-config --cflags --libs pgwalstream) -o wal_replay
 */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

static const char help[] =
    "Prints what a stream captured in FILE... as JSON, one event a line, without a server.\n"
    "A capture is made with the option capture_file, say\n"
    "    wal_tail --option capture_file=FILE 'host=/run/postgresql dbname=shop' shop_slot shop_pub\n"
    "One that is in several files (option capture_rotate) needs all of them, in their order.\n"
    "\n"
    "Options:\n"
    "  --count N           end after N events\n"
    "  --recorded          with the pauses that there were: as --option replay_pace=recorded\n"
    "  --changes-only      print INSERT, UPDATE, DELETE, TRUNCATE and MESSAGE events only\n"
    "  --option KEY=VALUE  set any option of the library; may be repeated\n"
    "  --verbose           the library's log, to stderr\n"
    "  --version           versions of the library and of the header it was compiled with\n"
    "  --help              this text\n"
    "\n"
    "Exit status: 0 the capture was replayed to its end, 1 an error, which for a capture that was cut or\n"
    "changed comes behind all that is whole, 2 the command line is wrong.\n";

/* Reads the command line. -1: go on; else the exit status. */
static int parse(example_args *args, const char **paths, size_t *n, int argc, char **argv) {
    wal_error *error = NULL;
    int i;

    if (wal_options_new(&args->options, &error) != WAL_OK) {
        example_error(args->program, error);
        return EXAMPLE_FAILED;
    }
    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            printf("Usage: %s [options] FILE...\n\n%s", args->program, help);
            example_print_options();
            return fflush(stdout) == 0 ? EXAMPLE_DONE : EXAMPLE_FAILED;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("%s: libpgwalstream %s, header %d.%d.%d\n", args->program, wal_version_string(),
                   WAL_VERSION_MAJOR, WAL_VERSION_MINOR, WAL_VERSION_PATCH);
            return fflush(stdout) == 0 ? EXAMPLE_DONE : EXAMPLE_FAILED;
        }
        if (strcmp(argv[i], "--recorded") == 0) {
            if (!example_set(args, "replay_pace", "recorded"))
                return EXAMPLE_USAGE;
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            int status = example_parse_option(args, argc, argv, &i);
            if (status != EXAMPLE_DONE)
                return status;
        } else {
            paths[(*n)++] = argv[i];
        }
    }
    return *n > 0 ? -1 : example_usage_error(args, "FILE must be given", "");
}

static bool is_change(uint32_t kind) {
    return kind >= WAL_EVENT_INSERT && kind <= WAL_EVENT_MESSAGE;
}

int main(int argc, char **argv) {
    example_args args = {.program = "wal_replay", .accepts_changes_only = true};
    const char **paths = calloc((size_t)argc, sizeof *paths); /* no more than there are arguments */
    size_t n_paths = 0;
    wal_renderer *renderer;
    const wal_event *event;
    wal_stream *stream;
    wal_error *error = NULL;
    uint64_t events = 0;
    bool is_rendered = true;
    wal_status outcome;
    int status;

    if (paths == NULL) {
        fprintf(stderr, "%s: no memory\n", args.program);
        return EXAMPLE_FAILED;
    }
    status = parse(&args, paths, &n_paths, argc, argv);
    if (status >= 0) {
        free(paths);
        example_free(&args);
        return status;
    }
    renderer = example_renderer(args.program);
    if (renderer == NULL) {
        free(paths);
        example_free(&args);
        return EXAMPLE_FAILED;
    }
    outcome = wal_replay_open_files(paths, n_paths, args.options, &stream, &error);
    free(paths);
    example_free(&args);
    if (outcome == WAL_OK) {
        example_catch_signals(stream);
        while ((outcome = wal_stream_next(stream, -1, &event, &error)) == WAL_OK) {
            if (args.changes_only && !is_change(event->kind))
                continue;
            is_rendered = example_print(args.program, renderer, stdout, event);
            if (!is_rendered)
                break;
            events++;
            if (ferror(stdout) || (args.count > 0 && events >= args.count))
                break;
        }
        example_release_signals();
        wal_stream_free(stream);
    }
    wal_renderer_free(renderer);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: stdout cannot be written: %s\n", args.program, strerror(errno));
        status = EXAMPLE_FAILED;
    } else {
        status = outcome < 0 || !is_rendered ? EXAMPLE_FAILED : EXAMPLE_DONE;
    }
    if (outcome < 0)
        example_error(args.program, error);
    fprintf(stderr, "%s: %" PRIu64 " events printed\n", args.program, events);
    return status;
}
