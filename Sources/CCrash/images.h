/// A table of the loaded images that a signal handler can read.
#ifndef CCRASH_IMAGES_H
#define CCRASH_IMAGES_H

#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
  /// Lowest address; 0 while the record is unused.
  _Atomic uintptr_t start;
  uintptr_t end, code_start, code_end;
  /// The difference between addresses in memory and in the file.
  uintptr_t bias;
  /// The mapped table of the symbols that it exports and imports.
  const ElfW(Sym) *symbols;
  size_t symbol_count;
  const char *strings;
  size_t strings_size;
  char path[256];
  /// The last part of the path.
  const char *name;
  /// The plugin that it belongs to, for code that runs outside of all scopes; empty if it belongs to none.
  char label[100];
  /// The plugin that has brought it along as a library that it is linked with; empty if none has, or if several have.
  char bringer[100];
  bool has_bringers;
  /// Note NT_GNU_BUILD_ID of the file, cut if it is longer; no bytes if there is none.
  uint8_t build_id[36];
  uint32_t build_id_size;
  bool is_program;
  /// The present update has found the image.
  bool is_seen;
};

#pragma GCC visibility push(hidden)

/// The image in which an address lies; NULL if it lies in none. Safe in a signal handler.
const struct image *image_around(uintptr_t address);

/// The label of the plugin that an image belongs to, or that has brought it along; NULL if there is none.
const char *plugin_of(const struct image *image);

/// Whether an address lies in the code of a loaded image. Safe in a signal handler.
bool is_code(uintptr_t address);

struct symbol {
  /// A longer name is cut and ends in three dots.
  char name[160];
  uintptr_t start;
};

/// Finds the function in which an address of an image lies: by the mapped symbols, or else by those of the file. Safe
/// in a signal handler, on one thread at a time.
bool find_symbol(const struct image *image, uintptr_t address, struct symbol *symbol);

#pragma GCC visibility pop

#endif
