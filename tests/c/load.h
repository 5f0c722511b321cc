/* What the load programs share. They are started by the Rust scenarios (tests/scenarios), each as a process
 * of its own, so that memory and threads are theirs alone. */
#ifndef LOAD_H
#define LOAD_H

#include <pgwalstream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program unless a call was done. */
static inline void done(wal_status status, wal_error *error, const char *what) {
    if (status == WAL_OK)
        return;
    fprintf(stderr, "%s: %s %s\n", what, wal_status_name(status), wal_error_message(error));
    exit(1);
}

static inline wal_options *load_options(const char *conninfo, const char *slot, const char *publication) {
    wal_options *options = NULL;
    wal_error *error = NULL;

    done(wal_options_new(&options, &error), error, "options");
    done(wal_options_set(options, "conninfo", conninfo, &error), error, "conninfo");
    done(wal_options_set(options, "slot", slot, &error), error, "slot");
    done(wal_options_set(options, "publication", publication, &error), error, "publication");
    return options;
}

/* A line of /proc/self/status in kB. */
static inline long memory_kb(const char *name) {
    char line[256];
    long kb = -1;
    FILE *file = fopen("/proc/self/status", "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtol(line + strlen(name) + 1, NULL, 10);
    if (file != NULL)
        fclose(file);
    return kb;
}

#endif
