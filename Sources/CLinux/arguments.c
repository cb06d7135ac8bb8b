#include "clinux_processes.h"

#include <sys/auxv.h>

static char **words;
static int32_t count;

/* The C library calls constructors of a program with the arguments of main. */
__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
  count = argc;
  words = argv;
}

int32_t clinux_argument_count(void) { return count; }

const char *clinux_argument(int32_t index) { return index >= 0 && index < count ? words[index] : NULL; }

const char *clinux_program(void) { return (const char *)getauxval(AT_EXECFN); }
