/// The loaded images, as a signal handler may look at them.
#ifndef CCRASH_IMAGES_H
#define CCRASH_IMAGES_H

#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
  /// Lowest address; 0 while the record describes no image.
  _Atomic uintptr_t start;
  uintptr_t end, code_start, code_end;
  /// What is added to the addresses in the file.
  uintptr_t bias;
  /// The symbols that it exports and imports, as they are mapped.
  const ElfW(Sym) *symbols;
  size_t symbol_count;
  const char *strings;
  size_t strings_size;
  char path[256];
  /// The last part of the path.
  const char *name;
  /// Whose it is, for code that runs outside of any scope; empty if nobody's.
  char label[100];
  bool is_program;
  /// Found by the update under way.
  bool is_seen;
};

#pragma GCC visibility push(hidden)

/// The image that an address lies in; NULL if none. Safe in a signal handler.
const struct image *image_around(uintptr_t address);

/// Whether an address is of code of a loaded image. Safe in a signal handler.
bool is_code(uintptr_t address);

struct symbol {
  /// One that is longer ends in three dots.
  char name[160];
  uintptr_t start;
};

/// Finds the function of an image that an address lies in: by the symbols that are mapped, else by those of its file.
/// Safe in a signal handler, for one at a time.
bool find_symbol(const struct image *image, uintptr_t address, struct symbol *symbol);

#pragma GCC visibility pop

#endif
