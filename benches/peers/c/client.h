/*
 * What the C clients of the comparison share: their arguments, what they count, and the one line of JSON they
 * print.
 *
 * CLIENT PORT SLOT STREAMING(off|on|assembled) TASK(count|latency)
 * reads the slot until the transaction that inserts into table `finish` has been committed.
 */
#ifndef PEERS_CLIENT_H
#define PEERS_CLIENT_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    const char *port, *slot, *streaming;
    int latency;
} arguments;

/* Begins, rows and commits are events; relations and the blocks of streamed transactions are not. */
typedef struct {
    uint64_t events, rows, bytes;
} counts;

static inline arguments arguments_read(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: %s PORT SLOT off|on count|latency\n", argv[0]);
        exit(2);
    }
    arguments it = {argv[1], argv[2], argv[3], strcmp(argv[4], "latency") == 0};
    return it;
}

/* Microseconds from a row's making to here. */
typedef struct {
    uint32_t *us;
    size_t n, room;
} latencies;

static inline void latencies_add(latencies *it, int64_t made_us) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t late = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 - made_us;
    if (it->n == it->room) {
        it->room = it->room ? it->room * 2 : 65536;
        it->us = realloc(it->us, it->room * sizeof *it->us);
        if (it->us == NULL)
            abort();
    }
    it->us[it->n++] = late < 0 ? 0 : (uint32_t)late;
}

static inline int latencies_compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static inline int64_t big_endian_int64(const uint8_t *data) {
    uint64_t it = 0;
    for (int i = 0; i < 8; i++)
        it = it << 8 | data[i];
    return (int64_t)it;
}

static inline void report(const counts *at, latencies *late) {
    printf("{\"events\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64, at->events, at->rows,
           at->bytes);
    if (late->n > 0) {
        qsort(late->us, late->n, sizeof *late->us, latencies_compare);
        const uint32_t *us = late->us;
        size_t last = late->n - 1;
        printf(",\"samples\":%zu,\"p50\":%u,\"p99\":%u,\"p999\":%u,\"max\":%u", late->n, us[last / 2],
               us[(size_t)((double)last * 0.99)], us[(size_t)((double)last * 0.999)], us[last]);
    }
    printf("}\n");
}

#endif
