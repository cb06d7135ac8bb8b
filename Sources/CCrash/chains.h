/// The handlers of other code for fatal signals, which run after the host's: a chain for each signal. The last one of a
/// chain was installed last and runs first; the first one was installed before the host's.
#ifndef CCRASH_CHAINS_H
#define CCRASH_CHAINS_H

#include "images.h"
#include <signal.h>

typedef void signal_handler(int number, siginfo_t *info, void *context);

#pragma GCC visibility push(hidden)

/// Installs the host's handler for all fatal signals. Returns 0, or -1 with `errno` set.
int begin_chains(signal_handler *handler);

/// A signal ends the process: from now on the host's handler is not installed again.
void end_chains(void);

/// Whether a signal ends the process.
bool have_chains_ended(void);

/// At least 1.
int length_of_chain(int number);
const struct sigaction *link_of_chain(int number, int link);

/// Whether there is a handler: the signal is neither ignored nor has it its default.
bool is_handler(const struct sigaction *action);

/// The image in which a handler lies; NULL if it lies in none, or if its library was unloaded.
const struct image *image_of_handler(const struct sigaction *action);

#pragma GCC visibility pop

#endif
