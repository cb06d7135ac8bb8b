/* The text of ambit.h, carried by the host so that it can print the header it was built with. */
#ifndef AMBIT_TEXT_H
#define AMBIT_TEXT_H

#include <stddef.h>

/* The bytes of ambit.h as they were at build time, and a NUL that the length does not count. */
extern const char *const cambit_header_text;
extern const size_t cambit_header_text_length;

#endif /* AMBIT_TEXT_H */
