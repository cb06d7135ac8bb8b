#define _GNU_SOURCE

#include "images.h"
#include "ccrash.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// Records are never freed, so that a handler may read them at any time. Records of unloaded images are reused.
#define IMAGES_PER_BLOCK 64

struct block {
  _Atomic(struct block *) next;
  struct image images[IMAGES_PER_BLOCK];
};

static struct block first_block;
static pthread_mutex_t updating = PTHREAD_MUTEX_INITIALIZER;

/// Calls `look` with each record until it returns true; returns that record.
static struct image *find(bool (*look)(const struct image *, uintptr_t), uintptr_t argument) {
  for (struct block *block = &first_block; block != NULL; block = atomic_load(&block->next))
    for (size_t index = 0; index < IMAGES_PER_BLOCK; index++)
      if (look(&block->images[index], argument))
        return &block->images[index];
  return NULL;
}

static bool holds(const struct image *image, uintptr_t address) {
  uintptr_t start = atomic_load_explicit(&image->start, memory_order_acquire);
  return start != 0 && address >= start && address < image->end;
}

static bool begins_at(const struct image *image, uintptr_t address) { return atomic_load(&image->start) == address; }

/// An unused record; NULL if there is no memory for more.
static struct image *free_record(void) {
  struct image *record = find(begins_at, 0);
  if (record != NULL)
    return record;
  struct block *block = calloc(1, sizeof *block);
  if (block == NULL)
    return NULL;
  struct block *last = &first_block;
  while (atomic_load(&last->next) != NULL)
    last = atomic_load(&last->next);
  atomic_store(&last->next, block);
  return &block->images[0];
}

/// How many symbols a table has. Only its hash tables tell: the last symbol of the last chain.
static size_t count_symbols(const uint32_t *hash, const uint32_t *gnu_hash) {
  if (hash != NULL)
    return hash[1];
  if (gnu_hash == NULL)
    return 0;
  uint32_t bucket_count = gnu_hash[0], first = gnu_hash[1];
  const uint32_t *buckets = gnu_hash + 4 + gnu_hash[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
  const uint32_t *chains = buckets + bucket_count;
  uint32_t last = 0;
  for (uint32_t index = 0; index < bucket_count; index++)
    if (buckets[index] > last)
      last = buckets[index];
  if (last < first)
    return first;
  while (!(chains[last - first] & 1))
    last++;
  return (size_t)last + 1;
}

static void read_dynamic_section(struct image *image, const ElfW(Dyn) * entry) {
  const uint32_t *hash = NULL, *gnu_hash = NULL;
  for (; entry->d_tag != DT_NULL; entry++) {
    // The loader has added the bias to these addresses, except in images that the kernel maps.
    uintptr_t value = entry->d_un.d_ptr;
    uintptr_t address = value < image->bias ? value + image->bias : value;
    if (entry->d_tag == DT_SYMTAB)
      image->symbols = (const ElfW(Sym) *)address;
    else if (entry->d_tag == DT_STRTAB)
      image->strings = (const char *)address;
    else if (entry->d_tag == DT_STRSZ)
      image->strings_size = value;
    else if (entry->d_tag == DT_HASH)
      hash = (const uint32_t *)address;
    else if (entry->d_tag == DT_GNU_HASH)
      gnu_hash = (const uint32_t *)address;
  }
  image->symbol_count = count_symbols(hash, gnu_hash);
}

/// The path of the file. The loader does not tell that of the program itself.
static void note_path(struct image *image, const char *path) {
  image->is_program = path[0] == '\0';
  if (image->is_program) {
    ssize_t count = readlink("/proc/self/exe", image->path, sizeof image->path - 1);
    if (count <= 0)
      strncpy(image->path, "program", sizeof image->path - 1);
  } else {
    strncpy(image->path, path, sizeof image->path - 1);
  }
  const char *slash = strrchr(image->path, '/');
  image->name = slash == NULL ? image->path : slash + 1;
}

static uintptr_t lowest_address(const struct dl_phdr_info *info) {
  for (int index = 0; index < info->dlpi_phnum; index++)
    if (info->dlpi_phdr[index].p_type == PT_LOAD)
      return info->dlpi_addr + info->dlpi_phdr[index].p_vaddr;
  return 0;
}

/// Notes the build id if it is among these notes.
static void read_notes(struct image *image, uintptr_t start, uintptr_t end) {
  while (start + sizeof(ElfW(Nhdr)) <= end) {
    const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)start;
    uintptr_t name = start + sizeof *note;
    uintptr_t content = name + ((note->n_namesz + 3) & ~(uintptr_t)3);
    if (content > end || note->n_descsz > end - content)
      return;
    if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp((const char *)name, "GNU", 4) == 0) {
      size_t size = note->n_descsz < sizeof image->build_id ? note->n_descsz : sizeof image->build_id;
      memcpy(image->build_id, (const void *)content, size);
      image->build_id_size = (uint32_t)size;
    }
    start = content + ((note->n_descsz + 3) & ~(uintptr_t)3);
  }
}

/// Clears the record, but not `start`, which says whether it is in use.
static void clear(struct image *image) {
  memset((char *)image + sizeof image->start, 0, sizeof *image - sizeof image->start);
}

static void fill(struct image *image, const struct dl_phdr_info *info) {
  clear(image);
  image->bias = info->dlpi_addr;
  image->is_seen = true;
  note_path(image, info->dlpi_name);
  for (int index = 0; index < info->dlpi_phnum; index++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[index];
    uintptr_t start = info->dlpi_addr + segment->p_vaddr;
    uintptr_t end = start + segment->p_memsz;
    if (segment->p_type == PT_DYNAMIC)
      read_dynamic_section(image, (const ElfW(Dyn) *)start);
    if (segment->p_type == PT_NOTE)
      read_notes(image, start, end);
    if (segment->p_type != PT_LOAD)
      continue;
    if (end > image->end)
      image->end = end;
    if (segment->p_flags & PF_X) {
      if (image->code_start == 0)
        image->code_start = start;
      image->code_end = end;
    }
  }
  atomic_store_explicit(&image->start, lowest_address(info), memory_order_release);
}

#if __GLIBC_PREREQ(2, 35)
/// Fills in a record from the loader's record of an image.
static void fill_mapped(struct image *image, const struct link_map *map, uintptr_t start, uintptr_t end) {
  clear(image);
  image->bias = map->l_addr;
  image->end = end;
  image->code_start = start;
  image->code_end = end;
  note_path(image, map->l_name);
  read_dynamic_section(image, map->l_ld);
  atomic_store_explicit(&image->start, start, memory_order_release);
}

/// An image that is not in the table: a constructor crashes, or a plugin has loaded a library by itself. Used by the
/// handler, for one image at a time; glibc finds it without a lock.
static const struct image *find_unnoted(uintptr_t address) {
  static struct image unnoted[4];
  static unsigned next;
  for (unsigned index = 0; index < 4; index++)
    if (holds(&unnoted[index], address))
      return &unnoted[index];
  struct dl_find_object found;
  if (_dl_find_object((void *)address, &found) != 0)
    return NULL;
  struct image *image = &unnoted[next++ % 4];
  atomic_store(&image->start, 0);
  fill_mapped(image, found.dlfo_link_map, (uintptr_t)found.dlfo_map_start, (uintptr_t)found.dlfo_map_end);
  return image;
}
#else
static const struct image *find_unnoted(uintptr_t address) {
  (void)address;
  return NULL;
}
#endif

const struct image *image_around(uintptr_t address) {
  const struct image *image = find(holds, address);
  return image != NULL ? image : find_unnoted(address);
}

bool is_code(uintptr_t address) {
  const struct image *image = image_around(address);
  return image != NULL && address >= image->code_start && address < image->code_end;
}

static int see(struct dl_phdr_info *info, size_t size, void *argument) {
  (void)size;
  (void)argument;
  uintptr_t start = lowest_address(info);
  if (start == 0)
    return 0;
  struct image *known = find(begins_at, start);
  if (known != NULL && known->bias == info->dlpi_addr &&
      (known->is_program || strncmp(known->path, info->dlpi_name, sizeof known->path - 1) == 0)) {
    known->is_seen = true;
    return 0;
  }
  if (known != NULL)
    atomic_store(&known->start, 0);
  struct image *record = free_record();
  if (record != NULL)
    fill(record, info);
  return 0;
}

static bool forget_unseen(const struct image *image, uintptr_t ignored) {
  (void)ignored;
  struct image *record = (struct image *)image;
  if (!record->is_seen)
    atomic_store(&record->start, 0);
  record->is_seen = false;
  return false;
}

void ccrash_note_images(void) {
  pthread_mutex_lock(&updating);
  dl_iterate_phdr(see, NULL);
  find(forget_unseen, 0);
  pthread_mutex_unlock(&updating);
}

const char *ccrash_label_around(uintptr_t address) {
  struct image *image = find(holds, address);
  return image == NULL || image->label[0] == '\0' ? NULL : image->label;
}

void ccrash_label_image(uintptr_t address, const char *label) {
  pthread_mutex_lock(&updating);
  struct image *image = find(holds, address);
  if (image != NULL)
    strncpy(image->label, label, sizeof image->label - 1);
  pthread_mutex_unlock(&updating);
}

/// Whether two labels, such as "hello/3", are of the same plugin.
static bool are_of_one_plugin(const char *one, const char *other) {
  const char *end = strrchr(one, '/');
  size_t length = end == NULL ? strlen(one) : (size_t)(end - one) + 1;
  return strncmp(one, other, length) == 0 && strchr(other + length, '/') == NULL;
}

void ccrash_label_library(uintptr_t address, const char *label) {
  pthread_mutex_lock(&updating);
  struct image *image = find(holds, address);
  if (image != NULL && (!image->has_bringers || are_of_one_plugin(image->bringer, label)))
    strncpy(image->bringer, label, sizeof image->bringer - 1);
  else if (image != NULL)
    image->bringer[0] = '\0';
  if (image != NULL)
    image->has_bringers = true;
  pthread_mutex_unlock(&updating);
}

const char *plugin_of(const struct image *image) {
  if (image == NULL)
    return NULL;
  const char *label = image->label[0] != '\0' ? image->label : image->bringer;
  return label[0] != '\0' ? label : NULL;
}
