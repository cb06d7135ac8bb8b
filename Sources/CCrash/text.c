#define _GNU_SOURCE

#include "text.h"
#include <string.h>
#include <time.h>

void text_add(struct text *text, const char *bytes, size_t count) {
  if (count > text->capacity - text->count)
    return;
  memcpy(text->bytes + text->count, bytes, count);
  text->count += count;
}

void text_say(struct text *text, const char *words) { text_add(text, words, strlen(words)); }

static void add_number(struct text *text, uint64_t number, unsigned base, int least_digits) {
  char digits[20];
  size_t first = sizeof digits;
  while ((number > 0 || least_digits > 0) && first > 0) {
    digits[--first] = "0123456789abcdef"[number % base];
    number /= base;
    least_digits--;
  }
  text_add(text, digits + first, sizeof digits - first);
}

void text_add_decimal(struct text *text, uint64_t number, int least_digits) {
  add_number(text, number, 10, least_digits);
}

void text_add_hexadecimal(struct text *text, uint64_t number) {
  text_say(text, "0x");
  add_number(text, number, 16, 1);
}

/// Decodes the first scalar of UTF-8; `*length` becomes its number of bytes. U+FFFD and 1 byte if it is invalid.
static uint32_t take_scalar(const unsigned char *bytes, size_t count, size_t *length) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  *length = 1;
  unsigned char first = bytes[0];
  if (first < 0x80)
    return first;
  size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || size > count)
    return 0xFFFD;
  uint32_t scalar = first & (0x7Fu >> size);
  for (size_t index = 1; index < size; index++) {
    if ((bytes[index] & 0xC0) != 0x80)
      return 0xFFFD;
    scalar = scalar << 6 | (bytes[index] & 0x3F);
  }
  if (scalar < least[size] || scalar > 0x10FFFF || (scalar >= 0xD800 && scalar <= 0xDFFF))
    return 0xFFFD;
  *length = size;
  return scalar;
}

/// Whether a scalar ends a line or controls a terminal.
static bool is_control(uint32_t scalar) {
  return scalar < 0x20 || (scalar >= 0x7F && scalar <= 0x9F) || scalar == 0x2028 || scalar == 0x2029;
}

static void add_control(struct text *text, uint32_t scalar, enum escaping escaping) {
  char room[12];
  struct text escape = {room, 0, sizeof room};
  const char *known = scalar == '\n' ? "\\n" : scalar == '\r' ? "\\r" : scalar == '\t' ? "\\t" : NULL;
  if (known != NULL) {
    text_say(&escape, known);
  } else if (escaping == ESCAPE_JSON) {
    text_say(&escape, "\\u");
    add_number(&escape, scalar, 16, 4);
  } else {
    text_say(&escape, "\\u{");
    add_number(&escape, scalar, 16, 1);
    text_say(&escape, "}");
  }
  text_add(text, escape.bytes, escape.count);
}

void text_add_escaped(struct text *text, const char *bytes, size_t count, enum escaping escaping) {
  while (count > 0) {
    size_t length;
    uint32_t scalar = take_scalar((const unsigned char *)bytes, count, &length);
    if (is_control(scalar)) {
      add_control(text, scalar, escaping);
    } else if (escaping != ESCAPE_CONTROL && (scalar == '"' || scalar == '\\')) {
      text_add(text, scalar == '"' ? "\\\"" : "\\\\", 2);
    } else if (scalar == 0xFFFD) {
      text_say(text, "\xEF\xBF\xBD");
    } else {
      text_add(text, bytes, length);
    }
    bytes += length;
    count -= length;
  }
}

bool text_needs_quotes(const char *bytes, size_t count) {
  bool needs = count == 0;
  while (count > 0 && !needs) {
    size_t length;
    uint32_t scalar = take_scalar((const unsigned char *)bytes, count, &length);
    needs = scalar == ' ' || scalar == '"' || scalar == '=' || is_control(scalar);
    bytes += length;
    count -= length;
  }
  return needs;
}

/// The Gregorian date of a day, counted from 1970-01-01. Works in periods of 400 years, after which the calendar
/// repeats, and with years that begin in March, so that the leap day is the last day of a year.
static void add_date(struct text *text, int64_t days) {
  int64_t since_march_0 = days + 719468;
  int64_t era = since_march_0 / 146097;
  int64_t day_of_era = since_march_0 % 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_from_march = (5 * day_of_year + 2) / 153;
  int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  text_add_decimal(text, (uint64_t)(year_of_era + era * 400 + (month <= 2)), 4);
  text_say(text, "-");
  text_add_decimal(text, (uint64_t)month, 2);
  text_say(text, "-");
  text_add_decimal(text, (uint64_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1), 2);
}

void text_add_time(struct text *text) {
  struct timespec now = {0, 0};
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t seconds = now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
  add_date(text, (int64_t)(seconds / 86400));
  text_say(text, "T");
  text_add_decimal(text, seconds / 3600 % 24, 2);
  text_say(text, ":");
  text_add_decimal(text, seconds / 60 % 60, 2);
  text_say(text, ":");
  text_add_decimal(text, seconds % 60, 2);
  text_say(text, ".");
  text_add_decimal(text, (uint64_t)now.tv_nsec / 1000000, 3);
  text_say(text, "Z");
}
