/// Walks the stack of a suspended fiber; in assembler.
#ifndef CFIBER_INSPECT_H
#define CFIBER_INSPECT_H

#include "cfiber.h"

#pragma GCC visibility push(hidden)

/// Calls `function(argument)` so that an unwinder in `function` comes to the suspended fiber's frames, as if the fiber
/// had made the call where it was suspended. The fiber is not resumed, and its stack is only read.
void cfiber_call_beneath(const cfiber *suspended, void (*function)(void *), void *argument);

#pragma GCC visibility pop

#endif
