/* wal_receive: keeps the WAL of a PostgreSQL server in a directory, and gives it back to a restore.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Shows the archiver (docs/archive.md): segments are the server's byte for byte, what is acknowledged lasts,
 * timelines are followed, and a full disk is waited out. As restore_command:
 *
 *     restore_command = 'wal_receive --fetch /var/lib/archive %f %p'
 *
 *     cc -std=c99 wal_receive.c $(pkg-config --cflags --libs pgwalstream) -o wal_receive
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>

#include "example.h"

/* A server takes what is below 126 for the end of the archive. */
enum { FETCH_NOT_FOUND = 1, FETCH_FAILED = 126 };

static const char help[] =
    "usage: wal_receive DIRECTORY CONNINFO [SLOT] [KEY=VALUE...]\n"
    "       wal_receive --fetch DIRECTORY NAME TARGET\n"
    "       wal_receive --check DIRECTORY\n"
    "\n"
    "Fills DIRECTORY with the WAL of the server, until Ctrl-C. SLOT is made if it is missing, and keeps the "
    "WAL\n"
    "while nobody receives it. KEY=VALUE sets an option, such as stop_lsn=0/5000000 or archive_sync=always.\n"
    "--fetch copies a segment or a history file, as restore_command does. --check tells what is wrong.\n";

static const wal_archive *volatile receiving;

static void on_signal(int number) {
    (void)number;
    example_stopped = 1;
    wal_archive_interrupt(receiving); /* async-signal-safe, and takes NULL */
}

static void print_lsn(FILE *out, uint64_t lsn) {
    fprintf(out, "%" PRIX32 "/%" PRIX32, (uint32_t)(lsn >> 32), (uint32_t)lsn);
}

static void print_range(const char *what, const wal_archive_event *event) {
    printf("%s ", what);
    print_lsn(stdout, wal_archive_event_start_lsn(event));
    printf(" ");
    print_lsn(stdout, wal_archive_event_end_lsn(event));
    printf("\n");
}

static void print_event(const wal_archive_event *event) {
    switch (wal_archive_event_kind(event)) {
    case WAL_ARCHIVE_STARTED:
        print_range("started", event);
        break;
    case WAL_ARCHIVE_SEGMENT:
        printf("segment %s\n", wal_archive_event_name(event));
        break;
    case WAL_ARCHIVE_TIMELINE:
        printf("timeline %" PRIu32 " %s\n", wal_archive_event_timeline(event), wal_archive_event_name(event));
        break;
    case WAL_ARCHIVE_HOLE:
        print_range("hole", event);
        break;
    case WAL_ARCHIVE_DISK_FULL:
        printf("the disk is full\n");
        break;
    case WAL_ARCHIVE_SPACE:
        printf("there is room again\n");
        break;
    default: /* new kinds may come */
        break;
    }
    fflush(stdout);
}

static int receive(wal_archive *archive) {
    for (;;) {
        const wal_archive_event *event;
        wal_error *error = NULL;
        wal_status status = wal_archive_next(archive, -1, &event, &error);

        if (status == WAL_OK) {
            print_event(event);
        } else if (status < 0) {
            /* What passes by itself the library tries again, once it was connected. */
            example_error("wal_receive", error);
            return EXAMPLE_FAILED;
        } else if (status == WAL_END || example_stopped) {
            return EXAMPLE_DONE;
        }
    }
}

static bool set(wal_options *options, const char *key, const char *value) {
    wal_error *error = NULL;

    if (wal_options_set(options, key, value, &error) == WAL_OK)
        return true;
    example_error("wal_receive", error);
    return false;
}

static bool set_all(wal_options *options, int argc, char **argv) {
    int i;

    if (!set(options, "env", "on") || !set(options, "archive_directory", argv[1]) ||
        !set(options, "conninfo", argv[2]))
        return false;
    for (i = 3; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        char key[64];

        if (equals == NULL) {
            if (!set(options, "slot", argv[i]) || !set(options, "slot_create", "if_missing"))
                return false;
        } else if ((size_t)(equals - argv[i]) >= sizeof key) {
            fprintf(stderr, "wal_receive: there is no option %s\n", argv[i]);
            return false;
        } else {
            memcpy(key, argv[i], (size_t)(equals - argv[i]));
            key[equals - argv[i]] = '\0';
            if (!set(options, key, equals + 1))
                return false;
        }
    }
    return true;
}

static int fill(int argc, char **argv) {
    struct sigaction action;
    wal_options *options = NULL;
    wal_archive *archive = NULL;
    wal_error *error = NULL;
    int result = EXAMPLE_FAILED;

    if (wal_options_new(&options, &error) != WAL_OK) {
        example_error("wal_receive", error);
        return EXAMPLE_FAILED;
    }
    if (!set_all(options, argc, argv)) {
        result = EXAMPLE_USAGE;
    } else if (wal_archive_new(options, &archive, &error) != WAL_OK) {
        example_error("wal_receive", error);
    } else {
        receiving = archive;
        memset(&action, 0, sizeof action);
        sigemptyset(&action.sa_mask);
        action.sa_handler = on_signal;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        result = receive(archive);
        action.sa_handler = SIG_IGN;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        receiving = NULL;
    }
    wal_archive_free(archive); /* makes the rest last, and reports it */
    wal_options_free(options);
    return result;
}

static int fetch(const char *directory, const char *name, const char *target) {
    wal_error *error = NULL;
    wal_status status = wal_archive_fetch(directory, name, target, &error);

    if (status < 0) {
        example_error("wal_receive", error);
        return FETCH_FAILED;
    }
    return status == WAL_OK ? EXAMPLE_DONE : FETCH_NOT_FOUND;
}

static int check(const char *directory) {
    wal_archive_report *report = NULL;
    wal_error *error = NULL;
    size_t faults;
    size_t i;

    if (wal_archive_check(directory, &report, &error) != WAL_OK) {
        example_error("wal_receive", error);
        return EXAMPLE_FAILED;
    }
    faults = wal_archive_report_faults(report);
    printf("%" PRIu64 " segments, %zu faults\n", wal_archive_report_segments(report), faults);
    for (i = 0; i < faults; i++)
        printf("%s: %s\n", wal_archive_report_name(report, i), wal_archive_report_message(report, i));
    wal_archive_report_free(report);
    return faults == 0 ? EXAMPLE_DONE : EXAMPLE_FAILED;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("%s", help);
        return fflush(stdout) == 0 ? EXAMPLE_DONE : EXAMPLE_FAILED;
    }
    if (argc >= 2 && strcmp(argv[1], "--fetch") == 0) {
        if (argc == 5)
            return fetch(argv[2], argv[3], argv[4]);
        /* A path with a space, unquoted: never what a server takes for the end of the archive. */
        fprintf(stderr, "wal_receive: --fetch takes DIRECTORY NAME TARGET\n%s", help);
        return FETCH_FAILED;
    }
    if (argc == 3 && strcmp(argv[1], "--check") == 0)
        return check(argv[2]);
    if (argc >= 3 && argv[1][0] != '-')
        return fill(argc, argv);
    fprintf(stderr, "%s", help);
    return EXAMPLE_USAGE;
}
