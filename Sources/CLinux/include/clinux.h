/* Linux interfaces that Swift's Glibc module lacks. These headers must not need _GNU_SOURCE: with it the types of the C
 * library would differ from those of Swift's module. */
#ifndef CLINUX_H
#define CLINUX_H

#include "clinux_confinement.h"
#include "clinux_descriptors.h"
#include "clinux_inspect.h"
#include "clinux_messages.h"
#include "clinux_processes.h"
#include "clinux_signals.h"
#include "clinux_stream.h"
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static const uint32_t clinux_epollin = EPOLLIN;
static const uint32_t clinux_epollout = EPOLLOUT;
static const uint32_t clinux_epollrdhup = EPOLLRDHUP;
static const uint32_t clinux_epollhup = EPOLLHUP;
static const uint32_t clinux_epollerr = EPOLLERR;
static const uint32_t clinux_epollet = EPOLLET;
static const uint32_t clinux_epollexclusive = EPOLLEXCLUSIVE;
static const uint32_t clinux_epolloneshot = EPOLLONESHOT;
static const int32_t clinux_epoll_cloexec = EPOLL_CLOEXEC;
static const int32_t clinux_efd_flags = EFD_CLOEXEC | EFD_NONBLOCK;

/* Whether an error number means that the system does not offer a newer system call, so that an older one is to be used:
 * the kernel lacks it, or a filter refuses it. Filters of older container engines answer EPERM to unknown calls. */
static inline bool clinux_is_refusal(int error) { return error == ENOSYS || error == EPERM || error == EACCES; }

/* Whether the system lacks epoll_pwait2: before Linux 5.11, under Valgrind, or because of a filter. */
extern bool clinux_lacks_epoll_pwait2;

/* `clinux_epoll_wait` on a system without epoll_pwait2: the timeout is rounded up to milliseconds. */
int clinux_epoll_wait_milliseconds(int fd, struct epoll_event *events, int capacity, int64_t timeout);

/* epoll_wait(2) with a timeout in nanoseconds; negative: none. Inlined; an error is returned as its negated number: see
 * clinux_stream.h. */
static inline int clinux_epoll_wait(int fd, struct epoll_event *events, int capacity, int64_t timeout) {
  if (!__atomic_load_n(&clinux_lacks_epoll_pwait2, __ATOMIC_RELAXED)) {
    struct {
      int64_t seconds, nanoseconds;
    } limit = {timeout / 1000000000, timeout % 1000000000};
    intptr_t count =
        clinux_call(SYS_epoll_pwait2, fd, (intptr_t)events, capacity, timeout < 0 ? 0 : (intptr_t)&limit, 0, 0);
    if (count >= 0 || !clinux_is_refusal((int)-count))
      return (int)count;
  }
  return clinux_epoll_wait_milliseconds(fd, events, capacity, timeout);
}

/* A stream socket, non-blocking, close-on-exec and the host's own: socket(2), `clinux_own`. */
int clinux_socket(int family);

/* Accepts a connection, non-blocking, close-on-exec and the host's own: accept4(2), or accept(2) where that is refused,
 * `clinux_own`. The peer's address goes to `address`, as far as its `*length` bytes reach; accept(2) sets `*length`. */
int clinux_accept(int fd, void *address, uint32_t *length);

/* Makes the system drop the requests of new clients to connect to a listening TCP socket; a client repeats its request
 * after a second. Handshakes that have begun go on: SO_ATTACH_FILTER, socket(7). Returns 0, or -1 with errno. */
int clinux_hold_new_clients(int fd);

/* Waits until `fd` has something to read, at most for `nanoseconds`: ppoll(2). Returns whether it has. */
bool clinux_await_bytes(int fd, int64_t nanoseconds);

/* The process at the other end of a local socket, as of the time when it listened or connected: SO_PEERCRED, unix(7).
 * -1 if the system does not tell. */
int32_t clinux_peer_process(int fd);

/* The path of the file behind a handle of dlopen(3), in memory of the loader; NULL if there is none. */
const char *clinux_library_path(void *handle);

/* An address in the mapped library behind a handle of dlopen(3); 0 if the loader does not tell: RTLD_DI_LINKMAP,
 * dlinfo(3). */
uintptr_t clinux_library_address(void *handle);

/* Calls `visit` with each folder in which the loader searches for a library that the program opens by name, in the
 * order of the search. The place of ld.so.cache in that order is not known: RTLD_DI_SERINFO, dlinfo(3). */
void clinux_each_search_folder(void (*visit)(const char *folder, void *context), void *context);

/* Whether an address is that of a variable that a loaded library exports, so that it is no function: dladdr1(3). */
bool clinux_is_variable(const void *address);

/* Whether the file system of `path` is mounted noexec, so that libraries on it cannot be loaded: statvfs(3). False if
 * the system does not tell. */
bool clinux_is_noexec(const char *path);

/* Gives freed memory back to the system: malloc_trim(3). By itself the C library does so only at the end of its heaps.
 * */
void clinux_give_back_freed_memory(void);

/* Takes the code and the constants of the program and of its libraries out of the memory of this process; what is used
 * again comes back page by page, from the system's cache of files. For a process that now uses little of what its start
 * used, and that unloads no library meanwhile: madvise(2). Has no effect without /proc. */
void clinux_give_back_program_pages(void);

/* Limits the freed memory that the C library keeps: blocks of 1 MiB or more go back to the system at once, and so does
 * more than 2 MiB at the end of a heap. By itself the C library raises these limits, up to 32 and 64 MiB, when large
 * blocks are freed: mallopt(3). Returns false and changes nothing if a variable of the environment sets up the
 * allocator (MALLOC_..., or glibc.malloc... in GLIBC_TUNABLES), or if another library's allocator is used. To be called
 * at the start of the process. */
bool clinux_bound_freed_memory(void);

/* A fresh mapping of `size` bytes, zeroed, aligned to a page; NULL if there is no memory. */
void *clinux_map_memory(size_t size);

/* A file of `size` zero bytes in memory that processes can share, close-on-exec and the host's own: memfd_create(2),
 * `clinux_own`. Nobody can change its size, so that no process that has mapped it gets SIGBUS. -1 with errno if it
 * fails. */
int clinux_memory_file(const char *name, size_t size);

/* The size of a file in bytes; -1 with errno if the system does not tell: fstat(2). */
int64_t clinux_file_size(int fd);

/* Maps the first `size` bytes of a file, so that all processes that map it see each other's changes. NULL with errno if
 * it fails. */
void *clinux_map_shared_memory(int fd, size_t size);

/* Unmaps memory of the functions above. */
void clinux_unmap_memory(void *memory, size_t size);

/* How many cores the process may run on, at least 1: sched_getaffinity(2). */
int clinux_core_count(void);

/* A random number: getrandom(2). If the system has no randomness yet or refuses the call, a number made from the time
 * and the process. Not for secrets. */
uint32_t clinux_random(void);

/* Waits while `word` holds `value`, until another thread wakes waiters of `word` or `timeout` nanoseconds have passed
 * (negative: for ever); may return early: FUTEX_WAIT, futex(2). */
void clinux_futex_wait(const void *word, uint32_t value, int64_t timeout);

/* Wakes a thread that waits for `word`, if any does: FUTEX_WAKE. */
void clinux_futex_wake(const void *word);

/* Tells the processor that the caller spins until another thread changes a word. */
static inline void clinux_spin_hint(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

/* Names the calling thread for debuggers and ps(1), in at most 15 bytes: pthread_setname_np(3). */
void clinux_name_thread(const char *name);

#endif
