#define _GNU_SOURCE

#include "clinux.h"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bits of an entry of /proc/self/pagemap: see the kernel's pagemap.rst. */
static const uint64_t is_present = 1ull << 63, is_swapped = 1ull << 62, is_of_file = 1ull << 61;

/* Whether each page from `start` to `end` that is in memory is the file's. One that is not was written: by the loader
 * for text relocations, or by a debugger for a breakpoint. Giving it back would undo the change. */
static bool is_unchanged(int pagemap, uintptr_t start, uintptr_t end, uintptr_t page) {
  uint64_t entries[512];
  for (uintptr_t next = start; next < end;) {
    size_t count = (end - next + page - 1) / page;
    if (count > sizeof entries / sizeof *entries)
      count = sizeof entries / sizeof *entries;
    ssize_t size = (ssize_t)(count * sizeof *entries);
    if (pread(pagemap, entries, (size_t)size, (off_t)(next / page * sizeof *entries)) != size)
      return false;
    for (size_t index = 0; index < count; index++)
      if ((entries[index] & is_swapped) != 0 || ((entries[index] & is_present) != 0 && (entries[index] & is_of_file) == 0))
        return false;
    next += count * page;
  }
  return true;
}

static int give_back(struct dl_phdr_info *image, size_t size, void *context) {
  (void)size;
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int index = 0; index < image->dlpi_phnum; index++) {
    const ElfW(Phdr) *segment = &image->dlpi_phdr[index];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0 || segment->p_filesz == 0)
      continue;
    uintptr_t start = (image->dlpi_addr + segment->p_vaddr) / page * page;
    uintptr_t end = image->dlpi_addr + segment->p_vaddr + segment->p_filesz;
    if (is_unchanged(*(int *)context, start, end, page))
      madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

void clinux_give_back_program_pages(void) {
  int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap < 0)
    return;
  dl_iterate_phdr(give_back, &pagemap);
  close(pagemap);
}
