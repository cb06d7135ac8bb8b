/// Text in memory of a fixed size, for a signal handler: what finds no room is left out.
#ifndef CCRASH_TEXT_H
#define CCRASH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
  char *bytes;
  size_t count, capacity;
};

/// How a value is written down.
enum escaping {
  /// Control characters are written out.
  ESCAPE_CONTROL,
  /// Besides, what would end a text in quotes.
  ESCAPE_QUOTED,
  /// As in a string of JSON.
  ESCAPE_JSON,
};

#pragma GCC visibility push(hidden)

/// Adds bytes as they are; all of them or none.
void text_add(struct text *text, const char *bytes, size_t count);
/// Adds a text that ends with a NUL.
void text_say(struct text *text, const char *words);
void text_add_decimal(struct text *text, uint64_t number, int least_digits);
void text_add_hexadecimal(struct text *text, uint64_t number);

/// Adds UTF-8 as log lines show it. What is no UTF-8 becomes U+FFFD.
void text_add_escaped(struct text *text, const char *bytes, size_t count, enum escaping escaping);

/// Whether a value must stand in quotes in a line for people.
bool text_needs_quotes(const char *bytes, size_t count);

/// Adds the present time as RFC 3339 has it, in UTC with milliseconds.
void text_add_time(struct text *text);

#pragma GCC visibility pop

#endif
