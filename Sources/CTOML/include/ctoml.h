/* Parses TOML with toml++ into a list of nodes with their positions. No C++ exception leaves these functions, and no
 * text ends the process.
 *
 * Ownership: a document owns everything that its nodes and its error point to, until ctoml_release. It does not change
 * after ctoml_parse, so any thread may read it.
 * Positions: lines and columns count from 1, columns in Unicode scalars. A byte order mark is not counted. */
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
  /* The number of children of an array or table. The children follow the node, each with its own children. */
  uint32_t children;
  ctoml_text key;
  /* The position of the key. If several headers or dotted keys name a table, the position of the first. */
  ctoml_position key_position;
  /* The position of the value. For a table or element with its own header, the position of the header's "[". */
  ctoml_position position;
  /* The value, in the member for the kind. */
  ctoml_text string;
  int64_t integer;
  double number;
  bool boolean;
} ctoml_node;

/* The first error in a text. */
typedef struct ctoml_error {
  ctoml_position position;
  ctoml_text sentence;
  /* The character at the position if the sentence says what was expected there; else empty. */
  ctoml_text found;
} ctoml_error;

typedef struct ctoml_document ctoml_document;

/* Parses `length` bytes, which are not needed afterwards. NULL if there is not enough memory. The caller releases the
 * document. */
ctoml_document *ctoml_parse(const char *text, size_t length);

/* Frees a document with its nodes and its error. NULL has no effect. */
void ctoml_release(ctoml_document *document);

/* The error; NULL if the text is TOML. */
const ctoml_error *ctoml_get_error(const ctoml_document *document);

/* The nodes in depth-first order; the first is the table of the whole document. Members are in the order of the bytes
 * of their keys. There are no nodes after an error. */
const ctoml_node *ctoml_get_nodes(const ctoml_document *document, size_t *count);

#ifdef __cplusplus
}
#endif

#endif
