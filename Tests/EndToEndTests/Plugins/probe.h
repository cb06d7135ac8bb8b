/* The common part of the probe plugins. They report on the host's standard error by themselves: hooks and deferred
 * functions get no scope to log with, and lines written at once keep the order in which things happened. */
#ifndef PROBE_H
#define PROBE_H

#include <ambit.h>
#include <unistd.h>

/* One line, written in one piece. */
#define NOTE(...) dprintf(STDERR_FILENO, __VA_ARGS__)

#define HOUR AMBIT_SECONDS(3600)

#endif
