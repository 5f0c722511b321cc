/* The layouts that programs compiled against this header rely on. src/batch and src/capi assert the same. */
#if UINTPTR_MAX == UINT64_MAX
#if defined(__cplusplus)
#define WAL_ASSERT_LAYOUT_(what) static_assert(what, #what)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define WAL_ASSERT_LAYOUT_(what) _Static_assert(what, #what)
#endif
#endif
#if defined(WAL_ASSERT_LAYOUT_)
WAL_ASSERT_LAYOUT_(sizeof(wal_value) == 16);
WAL_ASSERT_LAYOUT_(offsetof(wal_value, data) == 0);
WAL_ASSERT_LAYOUT_(offsetof(wal_value, len) == 8);
WAL_ASSERT_LAYOUT_(offsetof(wal_value, kind) == 12);
WAL_ASSERT_LAYOUT_(sizeof(wal_bytes) == 16);
WAL_ASSERT_LAYOUT_(offsetof(wal_bytes, data) == 0);
WAL_ASSERT_LAYOUT_(offsetof(wal_bytes, len) == 8);
WAL_ASSERT_LAYOUT_(sizeof(wal_message) == 24);
WAL_ASSERT_LAYOUT_(offsetof(wal_message, lsn) == 0);
WAL_ASSERT_LAYOUT_(offsetof(wal_message, data) == 8);
WAL_ASSERT_LAYOUT_(offsetof(wal_message, len) == 16);
WAL_ASSERT_LAYOUT_(sizeof(wal_numeric) == 32);
WAL_ASSERT_LAYOUT_(offsetof(wal_numeric, data) == 0);
WAL_ASSERT_LAYOUT_(offsetof(wal_numeric, len) == 8);
WAL_ASSERT_LAYOUT_(offsetof(wal_numeric, form) == 12);
WAL_ASSERT_LAYOUT_(offsetof(wal_numeric, special) == 13);
WAL_ASSERT_LAYOUT_(offsetof(wal_numeric, is_negative) == 14);
WAL_ASSERT_LAYOUT_(offsetof(wal_numeric, ndigits) == 16);
WAL_ASSERT_LAYOUT_(offsetof(wal_numeric, weight) == 20);
WAL_ASSERT_LAYOUT_(offsetof(wal_numeric, scale) == 24);
WAL_ASSERT_LAYOUT_(sizeof(wal_inet) == 24);
WAL_ASSERT_LAYOUT_(offsetof(wal_inet, version) == 16);
WAL_ASSERT_LAYOUT_(offsetof(wal_inet, bits) == 17);
WAL_ASSERT_LAYOUT_(offsetof(wal_inet, is_cidr) == 18);
WAL_ASSERT_LAYOUT_(sizeof(wal_dimension) == 8);
WAL_ASSERT_LAYOUT_(offsetof(wal_dimension, size) == 0);
WAL_ASSERT_LAYOUT_(offsetof(wal_dimension, lower) == 4);
WAL_ASSERT_LAYOUT_(sizeof(wal_position) == 40);
WAL_ASSERT_LAYOUT_(sizeof(wal_relation_change) == 64);
WAL_ASSERT_LAYOUT_(offsetof(wal_relation_change, name_before) == 24);
WAL_ASSERT_LAYOUT_(sizeof(wal_rendered) == 96);
WAL_ASSERT_LAYOUT_(offsetof(wal_rendered, topic) == 0);
WAL_ASSERT_LAYOUT_(offsetof(wal_rendered, key) == 16);
WAL_ASSERT_LAYOUT_(offsetof(wal_rendered, value) == 32);
WAL_ASSERT_LAYOUT_(offsetof(wal_rendered, event) == 48);
WAL_ASSERT_LAYOUT_(offsetof(wal_rendered, kind) == 56);
WAL_ASSERT_LAYOUT_(offsetof(wal_rendered, spare) == 64);
WAL_ASSERT_LAYOUT_(sizeof(wal_record) == 96);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, end_lsn) == 8);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, prev_lsn) == 16);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, xid) == 24);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, top_xid) == 28);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, total_len) == 32);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, image_len) == 36);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, timeline) == 40);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, origin) == 44);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, magic) == 46);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, rmgr) == 48);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, info) == 49);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, flags) == 50);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, n_blocks) == 52);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, blocks) == 56);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, data) == 64);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, main_data) == 72);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, main_len) == 80);
WAL_ASSERT_LAYOUT_(offsetof(wal_record, spare) == 88);
WAL_ASSERT_LAYOUT_(sizeof(wal_record_block) == 48);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, block) == 12);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, data) == 16);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, image) == 24);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, data_len) == 32);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, image_len) == 34);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, hole_offset) == 36);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, hole_len) == 38);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, id) == 40);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, fork) == 41);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, flags) == 42);
WAL_ASSERT_LAYOUT_(offsetof(wal_record_block, compression) == 43);
WAL_ASSERT_LAYOUT_(sizeof(wal_event) == 128);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, kind) == 0);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, flags) == 4);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, lsn) == 8);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, commit_lsn) == 16);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, ack_lsn) == 24);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, commit_time) == 32);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, xid) == 40);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, subxid) == 44);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, sequence) == 48);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, relation) == 56);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, new_values) == 64);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, old_values) == 72);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, n_new) == 80);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, n_old) == 84);
WAL_ASSERT_LAYOUT_(offsetof(wal_event, spare) == 112);
#undef WAL_ASSERT_LAYOUT_
#endif
