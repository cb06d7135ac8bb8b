#define _GNU_SOURCE

#include "clinux_descriptors.h"

#include "clinux_stream.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* The default of fs.nr_open. One byte per descriptor, so that threads that open and close need no lock; pages that are
 * never written use no memory. */
enum { capacity = 1 << 20 };
static unsigned char owned[capacity];
/* enum clinux_use of the owned descriptors. */
static unsigned char uses[capacity];
/* The highest descriptor that was ever owned. */
static int highest = -1;

bool clinux_forked_child_flag;
bool clinux_fork_flag;

static void (*enter_child_further)(void);

static bool is_taken(int fd) {
  return fd <= STDERR_FILENO || (fd < capacity && __atomic_load_n(&owned[fd], __ATOMIC_RELAXED) != 0);
}

int clinux_own(int fd) {
  if (fd >= 0 && is_taken(fd))
    fd = clinux_lift(fd);
  if (fd < 0 || fd >= capacity)
    return fd;
  __atomic_store_n(&uses[fd], CLINUX_OTHER, __ATOMIC_RELAXED);
  __atomic_store_n(&owned[fd], 1, __ATOMIC_RELAXED);
  int before = __atomic_load_n(&highest, __ATOMIC_RELAXED);
  while (before < fd && !__atomic_compare_exchange_n(&highest, &before, fd, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return fd;
}

void clinux_set_use(int fd, enum clinux_use use) {
  if (fd >= 0 && fd < capacity)
    __atomic_store_n(&uses[fd], (unsigned char)use, __ATOMIC_RELAXED);
}

bool clinux_is_vital(int fd) {
  return fd >= 0 && fd < capacity && __atomic_load_n(&owned[fd], __ATOMIC_RELAXED) != 0 &&
         __atomic_load_n(&uses[fd], __ATOMIC_RELAXED) == CLINUX_VITAL;
}

int clinux_close(int fd) {
  // Before the close, since afterwards another thread may get the number.
  if (fd >= 0 && fd < capacity)
    __atomic_store_n(&owned[fd], 0, __ATOMIC_RELAXED);
  return close(fd);
}

bool clinux_found_losses;

static uint32_t lost_streams;
static int lost_connection = -1, lost_vital = -1;

static int kept_error = -1;
static struct stat kept_error_file;

static bool is_same(const struct stat *one, const struct stat *other) {
  return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
         (one->st_mode & S_IFMT) == (other->st_mode & S_IFMT);
}

void clinux_keep_standard_error(void) {
  kept_error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (kept_error < 0)
    return;
  fstat(kept_error, &kept_error_file);
  clinux_own(kept_error);
}

/* Whether the kept duplicate is still that of standard error: plugin code may have closed it, too. */
static bool keeps_error(void) {
  struct stat present;
  return kept_error >= 0 && fstat(kept_error, &present) == 0 && is_same(&present, &kept_error_file);
}

static void note_loss(int fd) {
  switch (fd < capacity ? __atomic_load_n(&uses[fd], __ATOMIC_RELAXED) : CLINUX_OTHER) {
  case CLINUX_CONNECTION:
    __atomic_store_n(&lost_connection, fd, __ATOMIC_RELAXED);
    break;
  case CLINUX_VITAL:
    __atomic_store_n(&lost_vital, fd, __ATOMIC_RELAXED);
    break;
  default:
    if (fd <= STDERR_FILENO)
      __atomic_or_fetch(&lost_streams, 1u << fd, __ATOMIC_RELAXED);
  }
  __atomic_store_n(&clinux_found_losses, true, __ATOMIC_RELEASE);
}

struct clinux_losses clinux_take_losses(void) {
  __atomic_store_n(&clinux_found_losses, false, __ATOMIC_RELAXED);
  return (struct clinux_losses){
      .streams = __atomic_exchange_n(&lost_streams, 0, __ATOMIC_ACQ_REL),
      .connection = __atomic_exchange_n(&lost_connection, -1, __ATOMIC_ACQ_REL),
      .vital = __atomic_exchange_n(&lost_vital, -1, __ATOMIC_ACQ_REL),
  };
}

/* Replaces `fd` with the kept standard error or with /dev/null. Programs that plugins start inherit a standard stream,
 * but no other number. If /dev/null cannot be opened, the number becomes free, and its loss is noticed again. */
static void take_place(int fd) {
  if (fd == STDERR_FILENO && keeps_error() && dup2(kept_error, fd) == fd)
    return;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) {
    close(fd);
    return;
  }
  dup3(null, fd, fd <= STDERR_FILENO ? 0 : O_CLOEXEC);
  /* /dev/null may have got the number of another lost descriptor: then it stays there in its place. */
  if (!is_taken(null)) {
    close(null);
  } else {
    note_loss(null);
    if (null <= STDERR_FILENO)
      fcntl(null, F_SETFD, 0);
  }
}

/* Opens a standard stream. The kernel gives the lowest free number; if another thread has taken it, that one stays. */
static void open_stream(int fd) {
  int found = -1;
  if (fd == STDERR_FILENO && keeps_error())
    found = fcntl(kept_error, F_DUPFD, STDERR_FILENO);
  if (found < 0)
    found = open("/dev/null", O_RDWR);
  if (found > STDERR_FILENO)
    close(found);
}

void clinux_restore_streams(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) >= 0)
      continue;
    note_loss(fd);
    open_stream(fd);
  }
}

int clinux_lift(int fd) {
  while (fd >= 0 && is_taken(fd)) {
    int next = fcntl(fd, F_DUPFD_CLOEXEC, fd <= STDERR_FILENO ? STDERR_FILENO + 1 : fd + 1);
    int code = errno;
    note_loss(fd);
    take_place(fd);
    /* Code that closes one standard stream mostly closes all, so restore all and report them in one line. */
    if (fd <= STDERR_FILENO)
      clinux_restore_streams();
    errno = code;
    fd = next;
  }
  return fd;
}

int clinux_duplicate(int fd) { return clinux_own(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)); }

int clinux_eventfd(uint32_t count) { return clinux_own(eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK)); }

int clinux_replace(int fd, int other) {
  // Before: another thread may use the number at once.
  clinux_set_use(fd, CLINUX_OTHER);
  return dup3(other, fd, O_CLOEXEC);
}

/* Closes the descriptors `first` to `last`: close_range(2), or one by one with kernels before 5.9 and filters that
 * refuse it. */
static void close_all(int first, int last) {
#ifdef SYS_close_range
  if (clinux_call(SYS_close_range, first, last, 0, 0, 0, 0) == 0)
    return;
#endif
  for (int fd = first; fd <= last; fd++)
    close(fd);
}

static void close_owned(void) {
  const unsigned char *end = owned + highest + 1;
  const unsigned char *next = owned;
  while (next < end && (next = memchr(next, 1, (size_t)(end - next))) != NULL) {
    const unsigned char *past = memchr(next, 0, (size_t)(end - next));
    past = past == NULL ? end : past;
    close_all((int)(next - owned), (int)(past - owned) - 1);
    next = past;
  }
  memset(owned, 0, (size_t)(end - owned));
}

static void prepare(void) { __atomic_store_n(&clinux_fork_flag, true, __ATOMIC_RELAXED); }

/* Runs in the child before fork returns. Must not call epoll_ctl, since child and parent share the epoll instances. */
static void enter_child(void) {
  clinux_forked_child_flag = true;
  close_owned();
  enter_child_further();
}

int clinux_watch_forks(void (*enter_child_function)(void)) {
  enter_child_further = enter_child_function;
  return pthread_atfork(prepare, NULL, enter_child);
}

void clinux_end_soon(void) {
  signal(SIGALRM, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  alarm(1);
}
