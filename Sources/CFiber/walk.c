#define _GNU_SOURCE

#include "walk.h"
#include <stddef.h>
#include <unwind.h>

static _Unwind_Reason_Code collect(struct _Unwind_Context *context, void *argument) {
  struct walk *walk = argument;
  uintptr_t address = _Unwind_GetIP(context);
  if (walk->count == 0 && address != walk->first)
    return _URC_NO_REASON;
  if (address == 0 || walk->count == walk->capacity)
    return _URC_END_OF_STACK;
  walk->frames[walk->count++] = address;
  return _URC_NO_REASON;
}

void walk_stack(struct walk *walk) { _Unwind_Backtrace(collect, walk); }
