#include "facts.h"
#include "output.h"
#include "report.h"

// The functions and files of a stack.

void add_place(struct text *text, int index, const struct image *known) {
  uintptr_t address = now.frames[index];
  const struct image *image = image_of_frame(index);
  if (image == NULL)
    return text_add_hexadecimal(text, address);
  if (monotonic_time() < now.symbols_end && find_symbol(image, code_of_frame(&now.walk, index), &now.symbol)) {
    text_say(text, now.symbol.name);
    text_say(text, "+");
    text_add_hexadecimal(text, address - now.symbol.start);
  } else {
    text_add_hexadecimal(text, address - image->bias);
  }
  if (image == known)
    return;
  text_say(text, " (");
  text_say(text, image->name);
  text_say(text, ")");
}

/// How many frames from `first` on are at the same address, as in recursion.
static int count_same(int first) {
  int next = first + 1;
  while (next < now.walk.count && now.frames[next] == now.frames[first])
    next++;
  return next - first;
}

/// Adds as many frames as fit. Frames of the image that the message names come without its name.
static void make_stack(void *ignored) {
  (void)ignored;
  const struct image *known = now.walk.count > 0 ? image_of_frame(named_frame()) : NULL;
  for (int index = 0, count; index < now.walk.count; index += count) {
    if (now.stack.capacity - now.stack.count < 500) {
      text_say(&now.stack, " ...");
      return;
    }
    count = count_same(index);
    text_say(&now.stack, index > 0 ? " #" : "#");
    text_add_decimal(&now.stack, (uint64_t)index, 1);
    if (count > 1) {
      text_say(&now.stack, "-#");
      text_add_decimal(&now.stack, (uint64_t)(index + count - 1), 1);
    }
    text_say(&now.stack, " ");
    add_place(&now.stack, index, known);
  }
}

void prepare_stack(void) {
  now.stack = (struct text){now.stack_room, 0, sizeof now.stack_room};
  attempt(make_stack, NULL);
}
