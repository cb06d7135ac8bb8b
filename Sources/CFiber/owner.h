/// The word on each stack that names its fiber.
#ifndef CFIBER_OWNER_H
#define CFIBER_OWNER_H

#include "cfiber_record.h"
#include "stagger.h"

/// The word at the top of a stack that names the fiber on it, for debuggers (see fibers.py) and signal handlers.
static inline cfiber **owner_of(void *stack_low, size_t stack_size) {
  return (cfiber **)((char *)stack_low + stack_size - stagger(stack_low)) - 1;
}

#endif
