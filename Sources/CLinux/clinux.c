#define _GNU_SOURCE

#include "clinux.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

bool clinux_lacks_epoll_pwait2;

int clinux_epoll_wait_milliseconds(int fd, struct epoll_event *events, int capacity, int64_t timeout) {
  __atomic_store_n(&clinux_lacks_epoll_pwait2, true, __ATOMIC_RELAXED);
  // Rounded up: a timer must not find the loop awake too early, again and again.
  int64_t milliseconds = timeout < 0 ? -1 : (timeout + 999999) / 1000000;
  if (milliseconds > INT_MAX)
    milliseconds = INT_MAX;
  return (int)clinux_call(SYS_epoll_pwait, fd, (intptr_t)events, capacity, (intptr_t)milliseconds, 0, 0);
}

int clinux_socket(int family) { return clinux_own(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

int clinux_accept(int fd, void *address, uint32_t *length) {
  int connection = accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (connection >= 0 || !clinux_is_refusal(errno) || (connection = accept(fd, address, length)) < 0)
    return clinux_own(connection);
  fcntl(connection, F_SETFD, FD_CLOEXEC);
  fcntl(connection, F_SETFL, O_NONBLOCK);
  return clinux_own(connection);
}

int clinux_hold_new_clients(int fd) {
  /* The byte of the flags in the header of TCP, and the flag SYN. */
  enum { flags = 13, syn = 2 };
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, syn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

bool clinux_await_bytes(int fd, int64_t nanoseconds) {
  struct pollfd bytes = {.fd = fd, .events = POLLIN};
  struct timespec limit = {.tv_nsec = nanoseconds};
  return ppoll(&bytes, 1, &limit, NULL) > 0;
}

int32_t clinux_peer_process(int fd) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : -1;
}

bool clinux_is_noexec(const char *path) {
  struct statvfs facts;
  return statvfs(path, &facts) == 0 && (facts.f_flag & ST_NOEXEC) != 0;
}

void clinux_give_back_freed_memory(void) { malloc_trim(0); }

/// Whether the environment sets up the C library's allocator.
static bool is_allocator_configured(void) {
  for (char **variable = environ; *variable != NULL; variable++)
    if (strncmp(*variable, "MALLOC_", 7) == 0)
      return true;
  const char *tunables = getenv("GLIBC_TUNABLES");
  return tunables != NULL && strstr(tunables, "glibc.malloc.") != NULL;
}

/// Whether another library's malloc is used, preloaded or linked.
static bool is_allocator_foreign(void) {
  Dl_info allocator;
  Dl_info library;
  void *allocate = dlsym(RTLD_DEFAULT, "malloc");
  void *version = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
  return allocate == NULL || version == NULL || dladdr(allocate, &allocator) == 0 || dladdr(version, &library) == 0 ||
         allocator.dli_fbase != library.dli_fbase;
}

bool clinux_bound_freed_memory(void) {
  if (is_allocator_configured() || is_allocator_foreign())
    return false;
  return mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1 && mallopt(M_TRIM_THRESHOLD, 2 << 20) == 1;
}

void *clinux_map_memory(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

int clinux_memory_file(const char *name, size_t size) {
  /* MFD_NOEXEC_SEAL, which kernels before 6.3 lack. */
  enum { noexec_seal = 8 };
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | noexec_seal);
  if (fd < 0 && errno == EINVAL)
    fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  fd = clinux_own(fd);
  if (fd < 0)
    return -1;
  if (ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    return fd;
  int code = errno;
  clinux_close(fd);
  errno = code;
  return -1;
}

int64_t clinux_file_size(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 ? status.st_size : -1;
}

void *clinux_map_shared_memory(int fd, size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void clinux_unmap_memory(void *memory, size_t size) { munmap(memory, size); }

int clinux_core_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
    return CPU_COUNT(&set);
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

uint32_t clinux_random(void) {
  uint32_t number;
  if (getrandom(&number, sizeof number, GRND_NONBLOCK) == (ssize_t)sizeof number)
    return number;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t seed = ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec) ^ (uint64_t)getpid() << 32;
  return (uint32_t)(seed * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

void clinux_futex_wait(const void *word, uint32_t value, int64_t timeout) {
  struct timespec limit = {.tv_sec = timeout / 1000000000, .tv_nsec = timeout % 1000000000};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout < 0 ? NULL : &limit, NULL, 0);
}

void clinux_futex_wake(const void *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }

void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

const char *clinux_library_path(void *handle) {
  struct link_map *map = NULL;
  return dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map->l_name[0] != '\0' ? map->l_name : NULL;
}

uintptr_t clinux_library_address(void *handle) {
  struct link_map *map = NULL;
  return dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 ? (uintptr_t)map->l_ld : 0;
}

void clinux_each_search_folder(void (*visit)(const char *folder, void *context), void *context) {
  void *program = dlopen(NULL, RTLD_LAZY);
  Dl_serinfo size;
  if (program == NULL || dlinfo(program, RTLD_DI_SERINFOSIZE, &size) != 0)
    return;
  Dl_serinfo *folders = malloc(size.dls_size);
  if (folders != NULL && dlinfo(program, RTLD_DI_SERINFOSIZE, folders) == 0 &&
      dlinfo(program, RTLD_DI_SERINFO, folders) == 0) {
    for (unsigned index = 0; index < folders->dls_cnt; index++)
      visit(folders->dls_serpath[index].dls_name, context);
  }
  free(folders);
}

bool clinux_is_variable(const void *address) {
  Dl_info info;
  const ElfW(Sym) *symbol = NULL;
  if (dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT) == 0 || symbol == NULL || info.dli_saddr != address)
    return false;
  unsigned type = symbol->st_info & 15;
  return type == STT_OBJECT || type == STT_TLS || type == STT_COMMON;
}
