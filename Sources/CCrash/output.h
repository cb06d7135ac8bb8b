/// Where lines about the end of the process go: the log, or what takes its place.
#ifndef CCRASH_OUTPUT_H
#define CCRASH_OUTPUT_H

#include "text.h"
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/// Notes the descriptors to which lines are written. Both lead to the same file.
void keep_outputs(const int outputs[2]);

/// Bytes of earlier log lines that are buffered.
size_t log_backlog(void);

/// Lets the log's thread write earlier lines, at most until `deadline`, in monotonic nanoseconds.
void await_backlog(int64_t deadline);

/// Writes a line. Waits for room at most until `deadline`, in monotonic nanoseconds. Safe in a signal handler.
void write_line(const struct text *line, int64_t deadline);

/// Nanoseconds of the monotonic clock.
int64_t monotonic_time(void);

#pragma GCC visibility pop

#endif
