#include "cfiber_backtrace.h"
#include "inspect.h"
#include "saved_frame.h"
#include "walk.h"

static void walk_beneath(void *walk) { walk_stack(walk); }

int cfiber_backtrace(const struct cfiber *suspended, uintptr_t *frames, int capacity) {
  const struct saved_frame *saved = suspended->sp;
#if defined(__x86_64__)
  uintptr_t first = saved->return_address;
#else
  uintptr_t first = saved->x30;
#endif
  struct walk walk = {.frames = frames, .capacity = capacity, .first = first};
  cfiber_call_beneath(suspended, walk_beneath, &walk);
  return walk.count;
}
