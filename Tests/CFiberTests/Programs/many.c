// As many suspended fibers at a time as asked for, or as the system gives; then each goes on to its end.

#include "cfiber.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cfiber thread;
static size_t finished;

static void wait_once(void *self) {
  cfiber_switch(self, &thread);
  finished++;
  cfiber_switch_last(self, &thread);
}

static long resident_bytes(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
    exit(2);
  fclose(file);
  return pages * 4096;
}

/// Starts up to `count` fibers and returns how many the pool had stacks for.
static size_t start(cfiber_stack_pool *pool, cfiber *fibers, size_t count) {
  for (size_t index = 0; index < count; index++) {
    void *stack = cfiber_stack_acquire(pool);
    if (stack == NULL)
      return index;
    cfiber_prepare(&fibers[index], stack, pool->stack_size, wait_once, &fibers[index]);
    cfiber_switch(&thread, &fibers[index]);
  }
  return count;
}

int main(int argument_count, char **arguments) {
  size_t count = argument_count > 1 ? strtoul(arguments[1], NULL, 10) : 0;
  cfiber_stack_pool pool;
  cfiber_stack_pool_init(&pool, 256 * 1024);
  pool.guards_by_protection = argument_count > 2 && strcmp(arguments[2], "protection") == 0;
  cfiber *fibers = calloc(count, sizeof *fibers);
  cfiber_adopt_thread(&thread);

  long before = resident_bytes();
  errno = 0;
  size_t started = start(&pool, fibers, count);
  const char *refusal = started == count ? "none" : strerror(errno);
  long each = (resident_bytes() - before) / (long)(started + 1);
  for (size_t index = 0; index < started; index++) {
    cfiber_switch(&thread, &fibers[index]);
    cfiber_stack_release(&pool, fibers[index].stack_low);
  }
  int destroyed = cfiber_stack_pool_destroy(&pool);
  printf("finished=%zu all=%d resident=%ld refusal=%s destroyed=%d\n", finished, finished == started, each, refusal,
         destroyed);
}
