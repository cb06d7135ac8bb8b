#define _GNU_SOURCE

#include "images.h"
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/// How many symbols of a file are read at a time.
#define BATCH 64

static bool is_function_around(const ElfW(Sym) * symbol, uintptr_t offset) {
  unsigned type = symbol->st_info & 15;
  return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol->st_shndx != SHN_UNDEF && offset >= symbol->st_value &&
         offset - symbol->st_value < symbol->st_size;
}

static bool find_mapped(const struct image *image, uintptr_t address, struct symbol *found) {
  if (image->symbols == NULL || image->strings == NULL)
    return false;
  for (size_t index = 0; index < image->symbol_count; index++) {
    const ElfW(Sym) *symbol = &image->symbols[index];
    if (!is_function_around(symbol, address - image->bias) || symbol->st_name >= image->strings_size)
      continue;
    strncpy(found->name, image->strings + symbol->st_name, sizeof found->name - 1);
    found->start = image->bias + symbol->st_value;
    return true;
  }
  return false;
}

static bool read_at(int file, void *bytes, size_t size, uint64_t offset) {
  return pread(file, bytes, size, (off_t)offset) == (ssize_t)size;
}

/// Whether the file is the one that is mapped: the ELF header says where the sections are, which differs between
/// builds.
static bool is_file_of(const struct image *image, const ElfW(Ehdr) * head) {
  uintptr_t start = atomic_load(&image->start);
  return start == image->bias && memcmp(head, (const void *)start, sizeof *head) == 0;
}

/// Finds the file's tables of all symbols, including static functions, and of their names; false if it was stripped.
static bool find_tables(const struct image *image, int file, ElfW(Shdr) * symbols, ElfW(Shdr) * strings) {
  ElfW(Ehdr) head;
  if (!read_at(file, &head, sizeof head, 0) || !is_file_of(image, &head) || head.e_shentsize != sizeof *symbols)
    return false;
  for (unsigned index = 0; index < head.e_shnum; index++) {
    if (!read_at(file, symbols, sizeof *symbols, head.e_shoff + index * sizeof *symbols))
      return false;
    if (symbols->sh_type == SHT_SYMTAB)
      return symbols->sh_link < head.e_shnum &&
             read_at(file, strings, sizeof *strings, head.e_shoff + symbols->sh_link * sizeof *strings);
  }
  return false;
}

static bool find_filed(const struct image *image, int file, uintptr_t address, struct symbol *found) {
  static ElfW(Sym) batch[BATCH];
  ElfW(Shdr) symbols, strings;
  if (!find_tables(image, file, &symbols, &strings))
    return false;
  size_t count = symbols.sh_size / sizeof *batch;
  for (size_t first = 0; first < count; first += BATCH) {
    size_t length = count - first < BATCH ? count - first : BATCH;
    if (!read_at(file, batch, length * sizeof *batch, symbols.sh_offset + first * sizeof *batch))
      return false;
    for (size_t index = 0; index < length; index++) {
      if (!is_function_around(&batch[index], address - image->bias))
        continue;
      found->start = image->bias + batch[index].st_value;
      return pread(file, found->name, sizeof found->name - 1, (off_t)(strings.sh_offset + batch[index].st_name)) > 0;
    }
  }
  return false;
}

static void mark_cut(struct symbol *symbol) {
  const size_t longest = sizeof symbol->name - 1;
  if (symbol->name[longest - 1] != '\0')
    memcpy(symbol->name + longest - 3, "...", 3);
}

static bool find(const struct image *image, uintptr_t address, struct symbol *found) {
  memset(found, 0, sizeof *found);
  if (find_mapped(image, address, found))
    return true;
  // The program has a great many functions, with mangled names that tell little.
  if (image->is_program || image->path[0] != '/')
    return false;
  int file = open(image->path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  bool is_found = find_filed(image, file, address, found);
  close(file);
  return is_found;
}

bool find_symbol(const struct image *image, uintptr_t address, struct symbol *found) {
  if (!find(image, address, found))
    return false;
  mark_cut(found);
  return true;
}
