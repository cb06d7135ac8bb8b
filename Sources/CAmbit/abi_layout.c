/* The layout of ABI 1.0. Plugins that were built years ago rely on it, so the build fails here if a change to ambit.h
 * moves a field. New entries of the table go to its end and get the next index. No index ever changes. */
#include "ambit.h"

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has another size")
#define FIELD(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field " has moved")

SIZE(void *, 8);
SIZE(ambit_function, 8);
SIZE(size_t, 8);
SIZE(bool, 1);
SIZE(ambit_status, 4);
SIZE(ambit_cause, 4);
SIZE(ambit_outcome, 4);
SIZE(ambit_level, 4);
SIZE(ambit_value_kind, 4);

SIZE(ambit_str, 16);
FIELD(ambit_str, ptr, 0);
FIELD(ambit_str, len, 8);

SIZE(ambit_scope, 8);
FIELD(ambit_scope, api, 0);

SIZE(ambit_ref, 16);
FIELD(ambit_ref, api, 0);
FIELD(ambit_ref, id, 8);

SIZE(ambit_event, 8);
FIELD(ambit_event, api, 0);

SIZE(ambit_channel, 8);
FIELD(ambit_channel, api, 0);

SIZE(ambit_job_options, 40);
FIELD(ambit_job_options, size, 0);
FIELD(ambit_job_options, name, 8);
FIELD(ambit_job_options, flags, 16);
FIELD(ambit_job_options, stack_size, 20);
FIELD(ambit_job_options, timeout, 24);
FIELD(ambit_job_options, on_end, 32);

SIZE(ambit_scope_options, 32);
FIELD(ambit_scope_options, size, 0);
FIELD(ambit_scope_options, name, 8);
FIELD(ambit_scope_options, timeout, 16);
FIELD(ambit_scope_options, max_jobs, 24);
FIELD(ambit_scope_options, flags, 28);

SIZE(ambit_worker, 16);
FIELD(ambit_worker, size, 0);
FIELD(ambit_worker, index, 8);
FIELD(ambit_worker, count, 12);

SIZE(ambit_value, 24);
FIELD(ambit_value, kind, 0);
FIELD(ambit_value, reserved, 4);
FIELD(ambit_value, as, 8);
FIELD(ambit_value, as.boolean, 8);
FIELD(ambit_value, as.i64, 8);
FIELD(ambit_value, as.u64, 8);
FIELD(ambit_value, as.f64, 8);
FIELD(ambit_value, as.ptr, 8);
FIELD(ambit_value, as.str, 8);

SIZE(ambit_route, 40);
FIELD(ambit_route, pattern, 0);
FIELD(ambit_route, handler, 8);
FIELD(ambit_route, flags, 16);
FIELD(ambit_route, stack_size, 20);
FIELD(ambit_route, function, 24);
FIELD(ambit_route, signature, 32);

SIZE(ambit_plugin, 88);
FIELD(ambit_plugin, magic, 0);
FIELD(ambit_plugin, abi_major, 4);
FIELD(ambit_plugin, abi_minor, 6);
FIELD(ambit_plugin, size, 8);
FIELD(ambit_plugin, name, 16);
FIELD(ambit_plugin, version, 24);
FIELD(ambit_plugin, about, 32);
FIELD(ambit_plugin, routes, 40);
FIELD(ambit_plugin, route_count, 48);
FIELD(ambit_plugin, start, 56);
FIELD(ambit_plugin, stop, 64);
FIELD(ambit_plugin, save, 72);
FIELD(ambit_plugin, flags, 80);
FIELD(ambit_plugin, stack_size, 84);

FIELD(ambit_api, size, 0);
FIELD(ambit_api, major, 4);
FIELD(ambit_api, minor, 6);

/* An entry of the table is a pointer, behind 8 bytes of size and version. */
#define ENTRY(index, name) FIELD(ambit_api, name, 8 + 8 * (index))

/* Scope and jobs */
ENTRY(0, spawn);
ENTRY(1, spawn_call);
ENTRY(2, join);
ENTRY(3, join_all);
ENTRY(4, cancel);
ENTRY(5, cancel_job);
ENTRY(6, cancelled);
ENTRY(7, ref_cancelled);
ENTRY(8, open);
ENTRY(9, close);
ENTRY(10, deadline);
ENTRY(11, set_timeout);
ENTRY(12, shield);
ENTRY(13, on_cancel);
ENTRY(14, cancel_fd);
ENTRY(15, defer);
ENTRY(16, alloc);
ENTRY(17, cstr);
ENTRY(18, parent);
ENTRY(19, plugin_scope);
ENTRY(20, set);
ENTRY(21, get);
ENTRY(22, ref_of);
ENTRY(23, post);

/* Waits */
ENTRY(24, sleep);
ENTRY(25, yield);
ENTRY(26, every);
ENTRY(27, wait_fd);
ENTRY(28, block);
ENTRY(29, event_new);
ENTRY(30, event_set);
ENTRY(31, event_reset);
ENTRY(32, event_wait);
ENTRY(33, channel_new);
ENTRY(34, send);
ENTRY(35, receive);
ENTRY(36, channel_close);
ENTRY(37, now);

/* Request */
ENTRY(38, method);
ENTRY(39, path);
ENTRY(40, target);
ENTRY(41, query_string);
ENTRY(42, scheme);
ENTRY(43, authority);
ENTRY(44, peer);
ENTRY(45, route_pattern);
ENTRY(46, request_id);
ENTRY(47, param);
ENTRY(48, query);
ENTRY(49, header);
ENTRY(50, header_count);
ENTRY(51, header_at);
ENTRY(52, body_length);
ENTRY(53, read);
ENTRY(54, body);

/* Response */
ENTRY(55, set_status);
ENTRY(56, set_header);
ENTRY(57, add_header);
ENTRY(58, respond);
ENTRY(59, begin);
ENTRY(60, write);
ENTRY(61, end);
ENTRY(62, send_file);

/* Plugin */
ENTRY(63, state);
ENTRY(64, set_state);
ENTRY(65, setting);
ENTRY(66, hand_over);
ENTRY(67, handed_over);
ENTRY(68, fail);
ENTRY(69, log);
ENTRY(70, extension);
ENTRY(71, bind);

/* New calls */
ENTRY(72, draining);

SIZE(ambit_api, 8 + 8 * 73);
