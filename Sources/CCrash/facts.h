/// What is known of the end of the process, or of a fault, while the report on it is made.
#ifndef CCRASH_FACTS_H
#define CCRASH_FACTS_H

#include "images.h"
#include "text.h"
#include "walk.h"
#include "work.h"
#include <limits.h>
#include <signal.h>
#include <ucontext.h>

#define MOST_FRAMES 40
/// How long a report that its supervisor writes looks up the names of functions, in nanoseconds. One look-up may take
/// longer.
#define SYMBOL_TIME ((int64_t)20000000)

/// Static, since a stack may have little room; one report is made at a time: see `take_turn`.
struct facts {
  int number;
  /// NULL if the process ends without a signal.
  const siginfo_t *info;
  ucontext_t *context;
  const char *left_to;
  /// The process reports its end to its supervisor.
  bool is_recorded;
  /// Later than this, in monotonic nanoseconds, names of functions are not looked up any more.
  int64_t symbols_end;
  uintptr_t frames[MOST_FRAMES];
  struct walk walk;
  struct work work;
  struct symbol symbol;
  char message_room[600], stack_room[2600], line_room[PIPE_BUF];
  struct text message, stack, line;
};

#pragma GCC visibility push(hidden)

extern struct facts now;

/// Finds the work of the thread. A step for `attempt`, as all that reads what the crashed code may have overwritten.
void read_work(void *ignored);

// Blame.

/// The image in which the code of a frame lies; NULL if it lies in none.
const struct image *image_of_frame(int index);

/// The innermost frame of a plugin, or else of a library that a plugin has brought along; -1 if there is none.
int plugin_frame(void);

/// The plugin whose code is nearest on the stack; NULL if there is none.
const char *nearest_plugin(void);

/// The plugin to blame for a signal; NULL if there is none. A constructor runs before its library has a label.
const char *plugin_to_blame(void);

/// Whether another process has sent the signal, or this process has sent it to no particular thread. Then the code that
/// runs here is not to blame.
bool was_sent(void);

/// Which frame the message names: the frame that has faulted, or, if the process has sent the signal itself, as
/// abort(3) does, the innermost frame of a plugin.
int named_frame(void);

// Texts.

/// Adds the place of a frame, `boom+0x4 (crashy.1.3f9c.so)`. Without a symbol it adds the offset in the file, as
/// addr2line(1) takes it. The name of the image `known` is left out.
void add_place(struct text *text, int index, const struct image *known);

/// Makes the text of the stack.
void prepare_stack(void);

/// Makes the message about a signal.
void make_message(void);

/// Makes the line about a signal from its message.
void make_line(void);

#pragma GCC visibility pop

#endif
