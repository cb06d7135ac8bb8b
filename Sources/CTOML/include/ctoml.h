/* TOML texts as lists of nodes with their places, read by toml++. No C++ exception crosses, and no text ends the
 * process.
 *
 * Ownership: a document owns everything that its nodes and its error point to, until ctoml_release. It is never changed
 * after ctoml_parse, so any thread may read it.
 * Positions: lines and columns count from 1, columns in Unicode scalars; a byte order mark counts for nothing. */
#ifndef CTOML_H
#define CTOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of UTF-8, which may contain NUL. */
typedef struct ctoml_text {
  const char *ptr;
  size_t length;
} ctoml_text;

typedef struct ctoml_position {
  uint32_t line;
  uint32_t column;
} ctoml_position;

typedef enum ctoml_kind : uint32_t {
  CTOML_STRING,
  CTOML_INTEGER,
  CTOML_FLOAT,
  CTOML_BOOLEAN,
  CTOML_DATE_OR_TIME,
  CTOML_ARRAY,
  CTOML_TABLE,
} ctoml_kind;

/* A value, and its key if it is a member of a table. */
typedef struct ctoml_node {
  ctoml_kind kind;
  /* Of arrays and tables: how many nodes stand directly below. They follow, each with all that is below it. */
  uint32_t children;
  ctoml_text key;
  /* Of a table that several headers or dotted keys name: the first place. */
  ctoml_position key_position;
  /* Of a table or an element with a header of its own: the header's "[". */
  ctoml_position position;
  /* The value, in the member that the kind says. */
  ctoml_text string;
  int64_t integer;
  double number;
  bool boolean;
} ctoml_node;

/* Why a text is no TOML: the first fault. */
typedef struct ctoml_error {
  ctoml_position position;
  ctoml_text sentence;
  /* The character that stands there instead of what the sentence expects; empty: the sentence says all. */
  ctoml_text found;
} ctoml_error;

typedef struct ctoml_document ctoml_document;

/* Parses `length` bytes, which are not needed afterwards. NULL: there is not enough memory. The caller releases it. */
ctoml_document *ctoml_parse(const char *text, size_t length);

/* Frees a document, with its nodes and its error. NULL is nothing. */
void ctoml_release(ctoml_document *document);

/* The error; NULL if the text is TOML. */
const ctoml_error *ctoml_get_error(const ctoml_document *document);

/* The nodes in the order of a walk that goes down first; the first is the table that is the whole document. Members
 * stand in the order of their keys' bytes. Their number is 0 after an error. */
const ctoml_node *ctoml_get_nodes(const ctoml_document *document, size_t *count);

#ifdef __cplusplus
}
#endif

#endif
