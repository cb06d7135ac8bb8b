#define _GNU_SOURCE

#include "chains.h"
#include "report.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/// How many other handlers can run after the host's, for one signal. Each version of a plugin in Go adds one, and the
/// loader has room for about 200 of them.
#define MOST_LINKS 256

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
#define SIGNAL_COUNT ((int)(sizeof signals / sizeof *signals))

/// The handlers that run after the host's. The last one, which was installed last, runs first.
static struct {
  struct sigaction links[MOST_LINKS];
  _Atomic int count;
} chains[SIGNAL_COUNT];

/// A signal ends the process: handlers are not replaced any more.
static _Atomic bool is_ending;
/// Held while handlers are installed.
static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;
static signal_handler *own_handler;

static int index_of(int number) {
  for (int index = 0; index < SIGNAL_COUNT; index++)
    if (signals[index] == number)
      return index;
  return 0;
}

static const void *function_of(const struct sigaction *action) { return (const void *)action->sa_sigaction; }

bool is_handler(const struct sigaction *action) {
  return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

const struct image *image_of_handler(const struct sigaction *action) {
  return image_around((uintptr_t)function_of(action));
}

int length_of_chain(int number) { return atomic_load(&chains[index_of(number)].count); }

const struct sigaction *link_of_chain(int number, int link) { return &chains[index_of(number)].links[link]; }

/// Whether a handler is in a chain already, as one that is installed for a moment again and again.
static bool is_linked(int index, const struct sigaction *action) {
  for (int link = 0; link < atomic_load(&chains[index].count); link++)
    if (function_of(&chains[index].links[link]) == function_of(action))
      return true;
  return false;
}

/// Installs the host's handler in place of the present one, which becomes the last of the chain, or keeps its place
/// there.
static int take_over(int index, const struct sigaction *found) {
  int count = atomic_load(&chains[index].count);
  if (is_handler(found) && count < MOST_LINKS && !is_linked(index, found)) {
    chains[index].links[count] = *found;
    atomic_store(&chains[index].count, count + 1);
  }
  // SA_NODEFER: a fault in the report itself must come here, too.
  struct sigaction action = {.sa_sigaction = own_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  return sigaction(signals[index], &action, NULL);
}

static int install_all(void) {
  for (int index = 0; index < SIGNAL_COUNT; index++) {
    struct sigaction found;
    if (sigaction(signals[index], NULL, &found) != 0 || take_over(index, &found) != 0)
      return -1;
    // The first of the chain was installed before the host's.
    if (atomic_load(&chains[index].count) == 0)
      chains[index].links[0] = (struct sigaction){.sa_handler = SIG_DFL};
    atomic_store(&chains[index].count, 1);
  }
  return 0;
}

int begin_chains(signal_handler *handler) {
  own_handler = handler;
  pthread_mutex_lock(&installing);
  int result = install_all();
  pthread_mutex_unlock(&installing);
  return result;
}

void end_chains(void) {
  // A child of vfork(2) shares the memory.
  if (getpid() == host_process)
    atomic_store(&is_ending, true);
}

bool have_chains_ended(void) { return atomic_load(&is_ending); }

/// Says whose handler was found.
static struct ccrash_rival rival_with(int signal, const struct sigaction *found) {
  struct ccrash_rival rival = {.signal = signal, .is_reset = !is_handler(found)};
  const struct image *image = rival.is_reset ? NULL : image_of_handler(found);
  if (image != NULL)
    strncpy(rival.library, image->name, sizeof rival.library - 1);
  const char *plugin = plugin_of(image);
  if (plugin != NULL)
    strncpy(rival.plugin, plugin, sizeof rival.plugin - 1);
  return rival;
}

static bool reclaim(int index, struct ccrash_rival *rival) {
  struct sigaction found;
  if (atomic_load(&chains[index].count) == 0 || atomic_load(&is_ending) ||
      sigaction(signals[index], NULL, &found) != 0 || function_of(&found) == (const void *)own_handler ||
      take_over(index, &found) != 0)
    return false;
  *rival = rival_with(signals[index], &found);
  return true;
}

bool ccrash_reclaim_signal(struct ccrash_rival *rival) {
  pthread_mutex_lock(&installing);
  bool is_found = false;
  for (int index = 0; index < SIGNAL_COUNT && !is_found; index++)
    is_found = reclaim(index, rival);
  pthread_mutex_unlock(&installing);
  return is_found;
}
