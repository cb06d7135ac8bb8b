#define _GNU_SOURCE

#include "clinux.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

bool clinux_find_place(uintptr_t address, struct clinux_place *place) {
  Dl_info info;
  if (dladdr((const void *)address, &info) == 0 || info.dli_fname == NULL)
    return false;
  place->file = info.dli_fname;
  place->file_start = (uintptr_t)info.dli_fbase;
  place->function = info.dli_sname;
  place->function_start = (uintptr_t)info.dli_saddr;
  return true;
}

const void *clinux_image_around(const void *address) {
  Dl_info info;
  struct link_map *map = NULL;
  return dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 ? map : NULL;
}

struct search {
  uintptr_t address;
  struct clinux_range code, thread_locals;
};

/* Ends the search at the image with `address` in one of its segments. */
static int look_into_image(struct dl_phdr_info *image, size_t size, void *argument) {
  (void)size;
  struct search *search = argument;
  struct clinux_range code = {0, 0}, thread_locals = {0, 0};
  bool is_inside = false;
  for (int index = 0; index < image->dlpi_phnum; index++) {
    const ElfW(Phdr) *segment = &image->dlpi_phdr[index];
    uintptr_t block = (uintptr_t)image->dlpi_tls_data;
    if (segment->p_type == PT_TLS && block != 0)
      thread_locals = (struct clinux_range){block, block + segment->p_memsz};
    if (segment->p_type != PT_LOAD)
      continue;
    uintptr_t start = image->dlpi_addr + segment->p_vaddr;
    is_inside = is_inside || (search->address >= start && search->address - start < segment->p_memsz);
    if (segment->p_flags & PF_X)
      code = (struct clinux_range){start, start + segment->p_memsz};
  }
  if (is_inside) {
    search->code = code;
    search->thread_locals = thread_locals;
  }
  return is_inside;
}

struct clinux_range clinux_code_around(uintptr_t address) {
  struct search search = {.address = address};
  dl_iterate_phdr(look_into_image, &search);
  return search.code;
}

struct clinux_range clinux_thread_locals_around(uintptr_t address) {
  struct search search = {.address = address};
  dl_iterate_phdr(look_into_image, &search);
  return search.thread_locals;
}

/* Adds the image's thread-local variables to the sum if they lie at fixed offsets. */
static int add_static_tls(struct dl_phdr_info *image, size_t size, void *sum) {
  (void)size;
  size_t variables = 0;
  bool is_static = false;
  for (int index = 0; index < image->dlpi_phnum; index++) {
    const ElfW(Phdr) *segment = &image->dlpi_phdr[index];
    if (segment->p_type == PT_TLS)
      variables = segment->p_memsz;
    if (segment->p_type != PT_DYNAMIC)
      continue;
    const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(image->dlpi_addr + segment->p_vaddr);
    for (; entry->d_tag != DT_NULL; entry++)
      is_static = is_static || (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_STATIC_TLS);
  }
  *(size_t *)sum += is_static ? variables : 0;
  return 0;
}

size_t clinux_static_tls_size(void) {
  size_t sum = 0;
  dl_iterate_phdr(add_static_tls, &sum);
  return sum;
}

/* write(2) to a pipe fails with EFAULT where there is no memory. Each piece fits into the smallest pipe. */
static size_t peek_by_pipe(uintptr_t address, char *copy, size_t size) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return 0;
  size_t done = 0;
  ssize_t count = 1;
  while (done < size && count > 0) {
    size_t piece = 4096 - (address + done) % 4096; /* up to the next page, which may be unmapped */
    if (piece > size - done)
      piece = size - done;
    count = write(ends[1], (const void *)(address + done), piece);
    if (count > 0)
      count = read(ends[0], copy + done, (size_t)count);
    if (count > 0)
      done += (size_t)count;
  }
  close(ends[0]);
  close(ends[1]);
  return done;
}

size_t clinux_peek(uintptr_t address, void *copy, size_t size) {
  struct iovec to = {copy, size};
  struct iovec from = {(void *)address, size};
  ssize_t count = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
  if (count < 0 && clinux_is_refusal(errno))
    return peek_by_pipe(address, copy, size);
  return count > 0 ? (size_t)count : 0;
}

#define CALL(name)                                                                                                     \
  case SYS_##name:                                                                                                     \
    return #name;

const char *clinux_system_call_name(int64_t number) {
  switch (number) {
    CALL(read)
    CALL(readv)
    CALL(pread64)
    CALL(write)
    CALL(writev)
    CALL(pwrite64)
    CALL(openat)
    CALL(ppoll)
    CALL(pselect6)
    CALL(epoll_pwait)
    CALL(epoll_pwait2)
    CALL(nanosleep)
    CALL(clock_nanosleep)
    CALL(futex)
    CALL(accept)
    CALL(accept4)
    CALL(connect)
    CALL(recvfrom)
    CALL(recvmsg)
    CALL(sendto)
    CALL(sendmsg)
    CALL(wait4)
    CALL(waitid)
    CALL(flock)
    CALL(fcntl)
    CALL(fsync)
    CALL(fdatasync)
    CALL(ioctl)
#ifdef SYS_open /* further calls of older processors */
    CALL(open)
    CALL(poll)
    CALL(select)
    CALL(pause)
    CALL(epoll_wait)
#endif
  default:
    return NULL;
  }
}
