// A fiber that is still suspended when the process ends, and holds the only pointer to a block. No leak: the
// fiber could go on and free it.

#include "cfiber.h"
#include <stdlib.h>

static cfiber_stack_pool pool;
static cfiber thread, fiber;

static void run(void *self) {
  volatile char *block = malloc(100);
  block[0] = 1;
  cfiber_switch(self, &thread);
  free((void *)block);
  cfiber_switch_last(self, &thread);
}

int main(void) {
  cfiber_stack_pool_init(&pool, 64 * 1024);
  cfiber_adopt_thread(&thread);
  cfiber_prepare(&fiber, cfiber_stack_acquire(&pool), pool.stack_size, run, &fiber);
  cfiber_switch(&thread, &fiber);
}
