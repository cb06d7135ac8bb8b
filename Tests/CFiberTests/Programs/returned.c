// A fiber whose entry function returns, which it must not.

#include "cfiber.h"

static void run(void *argument) { (void)argument; }

int main(void) {
  cfiber thread, fiber;
  cfiber_stack_pool pool;
  cfiber_stack_pool_init(&pool, 64 * 1024);
  cfiber_adopt_thread(&thread);
  cfiber_prepare(&fiber, cfiber_stack_acquire(&pool), pool.stack_size, run, 0);
  cfiber_switch(&thread, &fiber);
}
