/* What Go calls where one call of the C API would not do: static, so that nothing of it is exported. */
#ifndef PGWALSTREAM_GO_GLUE_H
#define PGWALSTREAM_GO_GLUE_H

#include <pgwalstream.h>

#if !defined(WAL_VERSION_AT_LEAST) || !WAL_VERSION_AT_LEAST(0, 1, 0)
#error "this version of the Go package needs the header of libpgwalstream 0.1.0 or later"
#endif

/* A batch as Go reads it: what one call filled in. */
typedef struct {
    wal_batch *batch;
    const wal_event *events;
    size_t count;
    wal_error *error;
    wal_status status;
} go_view;

/* The whole turn of a loop: gives the last batch back, asks for the next, and says where it lies. */
static inline void go_next(wal_stream *stream, wal_batch *last, int32_t timeout_ms, go_view *view) {
    wal_batch_free(last);
    view->status = wal_stream_next_batch(stream, timeout_ms, &view->batch, &view->error);
    view->events = wal_batch_events(view->batch, &view->count);
}

static inline void go_decoder_next(wal_decoder *decoder, wal_batch *last, go_view *view) {
    wal_batch_free(last);
    view->status = wal_decoder_next_batch(decoder, &view->batch, &view->error);
    view->events = wal_batch_events(view->batch, &view->count);
}

/* What a renderer gave. */
typedef struct {
    const wal_rendered *messages;
    size_t count;
    wal_error *error;
} go_rendered;

static inline void go_render(wal_renderer *renderer, const wal_event *events, size_t count,
                             go_rendered *out) {
    wal_renderer_events(renderer, events, count, &out->messages, &out->count, &out->error);
}

/* A batch of records as Go reads it. */
typedef struct {
    wal_record_batch *batch;
    const wal_record *records;
    size_t count;
    wal_error *error;
    wal_status status;
} go_record_view;

static inline void go_records_next(wal_records *records, wal_record_batch *last, go_record_view *view) {
    wal_record_batch_free(last);
    view->status = wal_records_next_batch(records, &view->batch, &view->error);
    view->records = wal_record_batch_records(view->batch, &view->count);
}

/* What became of bytes. */
typedef struct {
    size_t taken;
    wal_error *error;
} go_fed;

static inline void go_records_feed(wal_records *records, uint64_t lsn, const uint8_t *data, size_t len,
                                   go_fed *fed) {
    wal_records_feed(records, lsn, data, len, &fed->taken, &fed->error);
}

/* A value by its parts: one that Go keeps lies in memory of Go's, and C may not be given a pointer to a
 * pointer to that. */
static inline wal_status go_value_format(const uint8_t *data, uint32_t len, uint8_t kind,
                                         const wal_type *type, char *buffer, size_t size, size_t *length,
                                         wal_error **error) {
    wal_value value = {data, len, kind, {0, 0, 0}};
    return wal_value_format(&value, type, buffer, size, length, error);
}

/* What a value is read as: the caller has looked at its type. */
typedef struct {
    int64_t a, b, c;
    uint64_t low;
    double x, y;
    wal_inet inet;
} go_scalar;

enum { GO_INTERVAL, GO_TIMETZ, GO_MONEY, GO_INET, GO_TID, GO_POINT, GO_LSN, GO_INT128, GO_FLOAT64 };

static inline wal_status go_scalar_read(const uint8_t *data, uint32_t len, uint8_t kind, int which,
                                        int32_t scale, go_scalar *out) {
    const wal_value value = {data, len, kind, {0, 0, 0}};
    wal_numeric numeric;
    int32_t months = 0, days = 0, offset = 0;
    uint32_t block = 0;
    uint16_t place = 0;
    wal_status status = WAL_E_INTERNAL;

    switch (which) {
    case GO_INTERVAL:
        status = wal_value_as_interval(&value, NULL, 0, &months, &days, &out->c, NULL);
        out->a = months;
        out->b = days;
        break;
    case GO_TIMETZ:
        status = wal_value_as_timetz(&value, NULL, 0, &out->a, &offset, NULL);
        out->b = offset;
        break;
    case GO_MONEY:
        status = wal_value_as_money(&value, NULL, 0, &out->a, NULL);
        break;
    case GO_INET:
        status = wal_value_as_inet(&value, NULL, 0, &out->inet, NULL);
        break;
    case GO_TID:
        status = wal_value_as_tid(&value, NULL, 0, &block, &place, NULL);
        out->a = block;
        out->b = place;
        break;
    case GO_POINT:
        status = wal_value_as_point(&value, NULL, 0, &out->x, &out->y, NULL);
        break;
    case GO_LSN:
        status = wal_value_as_lsn(&value, NULL, 0, &out->low, NULL);
        break;
    case GO_INT128:
    case GO_FLOAT64:
        status = wal_value_as_numeric(&value, NULL, 0, &numeric, NULL);
        if (status == WAL_OK && which == GO_INT128)
            status = wal_numeric_int128(&numeric, scale, &out->a, &out->low, NULL);
        else if (status == WAL_OK)
            status = wal_numeric_float64(&numeric, &out->x, NULL);
        break;
    }
    return status;
}

/* What a reader of values with parts has read, in one call. */
typedef struct {
    const wal_value *items;
    size_t count;
    const wal_relation *relation;
    const wal_dimension *dimensions;
    size_t n_dimensions;
    uint32_t shape;
    uint32_t flags;
    wal_error *error;
} go_parts;

static inline wal_status go_nested_read(wal_nested *nested, const uint8_t *data, uint32_t len, uint8_t kind,
                                        const wal_relation *relation, uint32_t column, const wal_type *type,
                                        uint32_t shape, const wal_type *item_type, uint32_t delimiter,
                                        go_parts *out) {
    const wal_value value = {data, len, kind, {0, 0, 0}};
    wal_status status;

    if (relation != NULL && item_type == NULL && delimiter == 0) {
        status = wal_nested_read(nested, &value, relation, column, shape, &out->error);
    } else {
        if (relation != NULL)
            type = wal_relation_column_type_info(relation, column);
        status = wal_nested_read_as(nested, &value, type, shape, item_type, delimiter, &out->error);
    }

    out->items = wal_nested_items(nested, &out->count);
    out->relation = wal_nested_relation(nested);
    out->dimensions = wal_nested_dimensions(nested, &out->n_dimensions);
    out->shape = wal_nested_shape(nested);
    out->flags = wal_nested_flags(nested);
    return status;
}

/* Messages on their way from the engine's thread, which must not wait for Go, to the goroutine that logs
 * them. */
typedef struct go_log go_log;

/* One message; the texts stand behind it. */
typedef struct go_log_entry {
    struct go_log_entry *next;
    int64_t time_ns;
    int32_t level;
    uint32_t target_len;
    uint32_t message_len;
    uint32_t dropped; /* how many before it found no room */
} go_log_entry;

go_log *go_log_new(void);
int go_log_fd(const go_log *log);
/* All that has come, the oldest first, owned by the caller: go_log_entry_free each. Clears the descriptor. */
go_log_entry *go_log_take(go_log *log);
const char *go_log_text(const go_log_entry *entry);
void go_log_entry_free(go_log_entry *entry);
void go_log_free(go_log *log);
wal_status go_log_set(wal_options *options, int32_t most_detail, go_log *log, wal_error **error);

/* Has goPasswordGive asked for passwords, with this number. */
wal_status go_password_set(wal_options *options, uintptr_t number, wal_error **error);

#endif
