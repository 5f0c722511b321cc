/* The library's password callback on its way to Go. What stands for the Go function is a number, so that
 * nothing has to be freed: that would call Go at moments when Go has promised not to be called. */
#include "glue.h"

#include "_cgo_export.h"

static void give(void *userdata, const wal_password_request *request, wal_password *answer) {
    goPasswordGive((uintptr_t)userdata, (wal_password_request *)request, answer);
}

wal_status go_password_set(wal_options *options, uintptr_t number, wal_error **error) {
    return wal_options_set_password(options, give, (void *)number, NULL, error);
}
