// Fibers that wait and end in the middle of deep frames with arrays in them, on stacks that are used over and over:
// what a memory checker takes for errors if it is not told of the switches. With the argument `overrun` one fiber reads
// past its array, for the checker to find.

#include "cfiber.h"
#include <stdio.h>
#include <string.h>

enum { FIBERS = 8, ROUNDS = 500 };

static cfiber thread, fibers[FIBERS];
static long total;
static int overrun;

__attribute__((noinline)) static void descend(cfiber *self, int depth) {
  char text[64];
  memset(text, depth, sizeof text);
  if (depth > 0)
    descend(self, depth - 1);
  else
    cfiber_switch(self, &thread);
  volatile int index = overrun ? (int)sizeof text : depth;
  total += text[index];
  if (depth == 3)
    cfiber_switch_last(self, &thread);
}

static void run(void *self) { descend(self, 6); }

int main(int count, char **arguments) {
  overrun = count > 1 && strcmp(arguments[1], "overrun") == 0;
  cfiber_stack_pool pool;
  cfiber_stack_pool_init(&pool, 64 * 1024);
  cfiber_adopt_thread(&thread);
  for (int round = 0; round < ROUNDS; round++) {
    for (int index = 0; index < FIBERS; index++) {
      cfiber_prepare(&fibers[index], cfiber_stack_acquire(&pool), pool.stack_size, run, &fibers[index]);
      cfiber_switch(&thread, &fibers[index]);
    }
    for (int index = 0; index < FIBERS; index++) {
      cfiber_switch(&thread, &fibers[index]);
      cfiber_stack_release(&pool, fibers[index].stack_low);
    }
  }
  printf("total=%ld destroyed=%d\n", total, cfiber_stack_pool_destroy(&pool));
}
