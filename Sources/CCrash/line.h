/// The parts of a line in the format of the log.
#ifndef CCRASH_LINE_H
#define CCRASH_LINE_H

#include "work.h"

/// How long a line waits for the reader of the log, in nanoseconds.
#define PATIENCE ((int64_t)1000000000)

#pragma GCC visibility push(hidden)

/// Begins the line, with room left for its end.
void begin_line(void);
void end_line(void);

/// Adds a field. Its value is cut if it does not fit, and the field is left out if there is no room.
void add_field(const char *name, const char *value, size_t count);
void add_excerpt(const char *name, const struct excerpt *value);

/// Adds the request, and the scope unless it is the request's own.
void add_scope(void);

#pragma GCC visibility pop

#endif
