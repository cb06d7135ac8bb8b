#include "cfiber_backtrace.h"
#include "inspect.h"
#include "walk.h"

static void walk_beneath(void *walk) { walk_stack(walk); }

int cfiber_backtrace(const struct cfiber *suspended, uintptr_t *frames, int capacity) {
  struct walk walk = {.frames = frames, .capacity = capacity, .first = (uintptr_t)suspended->pc};
  cfiber_call_beneath(suspended, walk_beneath, &walk);
  return walk.count;
}
