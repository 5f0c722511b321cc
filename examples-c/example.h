/* What the examples share: the command line, how an error is shown, and ending on Ctrl-C.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Everything here is static, so that an example is compiled from its one .c file.
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pgwalstream.h"

enum { EXAMPLE_DONE = 0, EXAMPLE_FAILED = 1, EXAMPLE_USAGE = 2 };

/* What the command line says. */
typedef struct example_args {
    const char *program;
    const char *help;     /* of this program: what stands between the usage line and the common options */
    wal_options *options; /* owned */
    uint64_t count;       /* 0: no end */
    int32_t timeout_ms;   /* -1: no end */
    bool changes_only;    /* taken only where accepts_changes_only is set */
    bool accepts_changes_only;
} example_args;

/* --- Errors
 * ---------------------------------------------------------------------------------------------------- */

/* Prints an error and frees it. Takes NULL, for failures that gave none. */
static inline void example_error(const char *program, wal_error *error) {
    fprintf(stderr, "%s: %s: %s\n", program, wal_error_name(error), wal_error_message(error));
    if (wal_error_detail(error)[0] != '\0')
        fprintf(stderr, "  detail: %s\n", wal_error_detail(error));
    if (wal_error_hint(error)[0] != '\0')
        fprintf(stderr, "  hint: %s\n", wal_error_hint(error));
    wal_error_free(error);
}

/* The library's log. It may come from the engine's thread: stderr locks itself. */
static inline void example_log(void *userdata, int32_t level, const char *target, const char *message) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    const char *name = level >= 1 && level <= 4 ? names[level - 1] : "log";

    fprintf(stderr, "%s: %s: %s: %s\n", (const char *)userdata, name, target, message);
}

/* --- Rendering
 * --------------------------------------------------------------------------------------------------- */

/* What makes lines of JSON. NULL after telling why not. */
static inline wal_renderer *example_renderer(const char *program) {
    wal_renderer *renderer;
    wal_error *error = NULL;

    if (wal_renderer_new("json", &renderer, &error) != WAL_OK)
        example_error(program, error);
    return renderer;
}

/* Prints an event as a line of JSON. false: it cannot be rendered, which was told; whether it could be
 * written, ferror(out) tells. */
static inline bool example_print(const char *program, wal_renderer *renderer, FILE *out,
                                 const wal_event *event) {
    const wal_rendered *rendered;
    wal_error *error = NULL;
    wal_bytes lines;
    size_t count;

    if (wal_renderer_events(renderer, event, 1, &rendered, &count, &error) != WAL_OK) {
        example_error(program, error);
        return false;
    }
    lines = wal_renderer_lines(renderer);
    fwrite(lines.data, 1, lines.len, out);
    return true;
}

/* --- Ending on a signal
 * ------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t example_stopped;
/* Written only while the two signals are blocked or their handler is not installed. */
static const wal_stream *volatile example_stream;

static inline void example_on_signal(int number) {
    (void)number;
    example_stopped = 1;
    wal_stream_interrupt(example_stream); /* async-signal-safe, keeps errno, takes NULL */
}

/* From now on SIGINT and SIGTERM interrupt this stream. Call it before connecting: that can be cancelled too.
 */
static inline void example_catch_signals(const wal_stream *stream) {
    struct sigaction action;

    example_stream = stream;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = example_on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A reader that went away is an error of our writes, like a full disk. */
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

/* Call it before freeing the stream. A second Ctrl-C then ends the program at once. */
static inline void example_release_signals(void) {
    struct sigaction action;

    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_DFL;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    example_stream = NULL;
}

/* --- Time
 * -------------------------------------------------------------------------------------------------------- */

static inline int64_t example_now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* How long a call may still wait when nothing has come since `last_ms`. */
static inline int32_t example_wait_ms(const example_args *args, int64_t last_ms) {
    int64_t left;

    if (args->timeout_ms < 0)
        return -1;
    left = last_ms + args->timeout_ms - example_now_ms();
    return left < 0 ? 0 : (int32_t)left;
}

/* --- The command line
 * ---------------------------------------------------------------------------------------------- */

static inline void example_print_options(void) {
    wal_option_info info;
    size_t i;

    printf("\nOptions of the library, for --option KEY=VALUE:\n");
    for (i = 0; wal_options_describe(i, &info, sizeof info) == WAL_OK; i++) {
        printf("  %s (%s", info.name, info.type_name);
        if (info.range[0] != '\0' && strcmp(info.range, info.type_name) != 0)
            printf(": %s", info.range);
        if (info.default_value[0] != '\0')
            printf("; default %s", info.default_value);
        printf(")\n      %s\n", info.sentence);
    }
}

static inline void example_print_help(const example_args *args) {
    printf("Usage: %s [options] CONNINFO SLOT PUBLICATION\n\n%s\n", args->program, args->help);
    printf("Options:\n"
           "  --count N           end after N changes (see above)\n"
           "  --timeout SECONDS   end when no event came for so long; fractions are allowed\n"
           "  --create-slot       create the slot if there is none: as --option slot_create=if_missing\n"
           "  --binary            values in binary form: as --option binary=on\n"
           "  --messages          also what pg_logical_emit_message() writes: as --option messages=on\n"
           "  --option KEY=VALUE  set any option of the library; may be repeated\n");
    if (args->accepts_changes_only)
        printf("  --changes-only      print INSERT, UPDATE, DELETE, TRUNCATE and MESSAGE events only\n");
    printf("  --verbose           the library's log, to stderr\n"
           "  --version           versions of the library and of the header it was compiled with\n"
           "  --help              this text\n"
           "\n"
           "Ctrl-C and SIGTERM end it cleanly: what was acknowledged is reported to the server first.\n"
           "Exit status: 0 done, 1 an error, 2 the command line is wrong.\n");
    printf("\nExamples:\n"
           "  %s --create-slot 'host=/run/postgresql dbname=shop' shop_slot shop_pub\n"
           "  %s --count 100 --timeout 5 postgresql://repl@db.example/shop shop_slot 'orders,\"Baskets\"'\n"
           "  %s --option start_lsn=16/B374D848 --option queue_bytes=64MB dbname=shop shop_slot shop_pub\n",
           args->program, args->program, args->program);
    example_print_options();
}

static inline int example_usage_error(const example_args *args, const char *what, const char *about) {
    fprintf(stderr, "%s: %s%s%s\nTry '%s --help'.\n", args->program, what, about[0] == '\0' ? "" : ": ",
            about, args->program);
    return EXAMPLE_USAGE;
}

/* Sets an option; prints what is wrong with it. */
static inline bool example_set(const example_args *args, const char *key, const char *value) {
    wal_error *error = NULL;

    if (wal_options_set(args->options, key, value, &error) == WAL_OK)
        return true;
    example_error(args->program, error);
    return false;
}

static inline bool example_set_pair(const example_args *args, const char *pair) {
    const char *equals = strchr(pair, '=');
    char key[64];
    size_t len;

    if (equals == NULL) {
        example_usage_error(args, "--option takes KEY=VALUE, not", pair);
        return false;
    }
    len = (size_t)(equals - pair);
    if (len >= sizeof key) {
        example_usage_error(args, "there is no such option", pair);
        return false;
    }
    memcpy(key, pair, len);
    key[len] = '\0';
    return example_set(args, key, equals + 1);
}

static inline bool example_parse_count(const char *text, uint64_t *count) {
    char *end;
    unsigned long long number;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    number = strtoull(text, &end, 10);
    *count = number;
    return errno == 0 && *end == '\0' && number > 0;
}

static inline bool example_parse_seconds(const char *text, int32_t *timeout_ms) {
    char *end;
    double seconds;

    if (text[0] < '0' || text[0] > '9')
        return false;
    seconds = strtod(text, &end);
    if (*end != '\0' || !(seconds <= 2000000))
        return false;
    *timeout_ms = (int32_t)(seconds * 1000);
    return true;
}

/* The value of `--name VALUE` or `--name=VALUE`, or NULL if argv[*i] is another option. */
static inline const char *example_value(int argc, char **argv, int *i, const char *name, bool *missing) {
    const char *argument = argv[*i];
    size_t len = strlen(name);

    if (strncmp(argument, name, len) != 0)
        return NULL;
    if (argument[len] == '=')
        return argument + len + 1;
    if (argument[len] != '\0')
        return NULL;
    if (*i + 1 < argc)
        return argv[++*i];
    *missing = true;
    return NULL;
}

/* Takes an option that stands alone. -1: it is none of them; else the exit status, or EXAMPLE_DONE to go on.
 */
static inline int example_parse_flag(example_args *args, const char *flag) {
    wal_error *error = NULL;

    if (strcmp(flag, "--create-slot") == 0)
        return example_set(args, "slot_create", "if_missing") ? EXAMPLE_DONE : EXAMPLE_USAGE;
    if (strcmp(flag, "--binary") == 0)
        return example_set(args, "binary", "on") ? EXAMPLE_DONE : EXAMPLE_USAGE;
    if (strcmp(flag, "--messages") == 0)
        return example_set(args, "messages", "on") ? EXAMPLE_DONE : EXAMPLE_USAGE;
    if (args->accepts_changes_only && strcmp(flag, "--changes-only") == 0) {
        args->changes_only = true;
        return EXAMPLE_DONE;
    }
    if (strcmp(flag, "--verbose") == 0) {
        /* The name outlives the stream: it is argv[0]. The callback only reads it. */
        void *userdata = (void *)(uintptr_t)args->program;

        if (wal_options_set_log(args->options, WAL_LOG_DEBUG, example_log, userdata, &error) == WAL_OK)
            return EXAMPLE_DONE;
        example_error(args->program, error);
        return EXAMPLE_FAILED;
    }
    return -1;
}

/* One argument that begins with "--": EXAMPLE_DONE to go on, else the exit status. */
static inline int example_parse_option(example_args *args, int argc, char **argv, int *i) {
    const char *name = argv[*i];
    const char *value;
    bool missing = false;
    int status = example_parse_flag(args, name);

    if (status >= 0)
        return status;
    if ((value = example_value(argc, argv, i, "--count", &missing)) != NULL)
        return example_parse_count(value, &args->count)
                   ? EXAMPLE_DONE
                   : example_usage_error(args, "--count takes a number above 0, not", value);
    if ((value = example_value(argc, argv, i, "--timeout", &missing)) != NULL)
        return example_parse_seconds(value, &args->timeout_ms)
                   ? EXAMPLE_DONE
                   : example_usage_error(args, "--timeout takes seconds, not", value);
    if ((value = example_value(argc, argv, i, "--option", &missing)) != NULL)
        return example_set_pair(args, value) ? EXAMPLE_DONE : EXAMPLE_USAGE;
    return example_usage_error(args, missing ? "a value must follow" : "unknown option", name);
}

/* Reads the command line into `args`, of which program, help and accepts_changes_only are set. Options and
 * names may stand in any order. -1: go on; else the exit status to end with. Call example_free in both cases.
 */
static inline int example_parse(example_args *args, int argc, char **argv) {
    static const char *const names[] = {"conninfo", "slot", "publication"};
    wal_error *error = NULL;
    int given = 0;
    bool only_names = false;
    int i;

    args->timeout_ms = -1;
    if (wal_options_new(&args->options, &error) != WAL_OK) {
        example_error(args->program, error);
        return EXAMPLE_FAILED;
    }
    /* A program of its own reads PGHOST and its like, as psql does; a library must be told to. */
    if (!example_set(args, "env", "on"))
        return EXAMPLE_FAILED;
    for (i = 1; i < argc; i++) {
        if (!only_names && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            example_print_help(args);
            return fflush(stdout) == 0 ? EXAMPLE_DONE : EXAMPLE_FAILED;
        }
        if (!only_names && strcmp(argv[i], "--version") == 0) {
            printf("%s: libpgwalstream %s, header %d.%d.%d\n", args->program, wal_version_string(),
                   WAL_VERSION_MAJOR, WAL_VERSION_MINOR, WAL_VERSION_PATCH);
            return fflush(stdout) == 0 ? EXAMPLE_DONE : EXAMPLE_FAILED;
        }
        if (!only_names && strcmp(argv[i], "--") == 0) {
            only_names = true;
        } else if (!only_names && argv[i][0] == '-' && argv[i][1] != '\0') {
            int status = example_parse_option(args, argc, argv, &i);
            if (status != EXAMPLE_DONE)
                return status;
        } else if (given == 3) {
            return example_usage_error(args, "CONNINFO, SLOT and PUBLICATION are all there, this is too much",
                                       argv[i]);
        } else if (!example_set(args, names[given++], argv[i])) {
            return EXAMPLE_USAGE;
        }
    }
    return given == 3 ? -1 : example_usage_error(args, "CONNINFO, SLOT and PUBLICATION must be given", "");
}

static inline void example_free(example_args *args) {
    wal_options_free(args->options);
    args->options = NULL;
}

/* Makes the stream and connects it. NULL: it failed and the reason is printed, or a signal came
 * (example_stopped). */
static inline wal_stream *example_connect(const example_args *args) {
    wal_stream *stream = NULL;
    wal_error *error = NULL;
    wal_status status = wal_stream_new(args->options, &stream, &error);

    if (status == WAL_OK) {
        example_catch_signals(stream);
        status = wal_stream_connect(stream, -1, &error);
    }
    if (status == WAL_OK)
        return stream;
    if (status < 0)
        example_error(args->program, error);
    example_release_signals();
    wal_stream_free(stream);
    return NULL;
}

/* Reports the last acknowledgement and frees the stream. */
static inline bool example_close(const example_args *args, wal_stream *stream) {
    wal_error *error = NULL;
    wal_status status = wal_stream_flush(stream, 5000, &error);

    if (status < 0)
        example_error(args->program, error);
    else if (status == WAL_TIMEOUT)
        fprintf(stderr,
                "%s: the last acknowledgement could not be reported in 5 s; some events will come again\n",
                args->program);
    example_release_signals();
    wal_stream_free(stream);
    return status == WAL_OK;
}

#endif
