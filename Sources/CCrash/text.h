/// Text in a buffer of a fixed size, for a signal handler. Text that does not fit is left out.
#ifndef CCRASH_TEXT_H
#define CCRASH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
  char *bytes;
  size_t count, capacity;
};

/// How a value is escaped.
enum escaping {
  /// Control characters are escaped.
  ESCAPE_CONTROL,
  /// Quotes and backslashes as well.
  ESCAPE_QUOTED,
  /// As in a JSON string.
  ESCAPE_JSON,
};

#pragma GCC visibility push(hidden)

/// Adds bytes unchanged: all of them or none.
void text_add(struct text *text, const char *bytes, size_t count);
/// Adds a NUL-terminated text.
void text_say(struct text *text, const char *words);
void text_add_decimal(struct text *text, uint64_t number, int least_digits);
void text_add_hexadecimal(struct text *text, uint64_t number);

/// Adds UTF-8 as log lines show it. Invalid UTF-8 becomes U+FFFD.
void text_add_escaped(struct text *text, const char *bytes, size_t count, enum escaping escaping);

/// Whether a value needs quotes in the log's text format.
bool text_needs_quotes(const char *bytes, size_t count);

/// Adds the present time in the format of RFC 3339, in UTC with milliseconds.
void text_add_time(struct text *text);

#pragma GCC visibility pop

#endif
