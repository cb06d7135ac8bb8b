/* The text of ambit.h. The host contains it so that it can write out the header that it was built with. */
#ifndef AMBIT_TEXT_H
#define AMBIT_TEXT_H

#include <stddef.h>

/* The bytes of ambit.h at build time, and a NUL that the length does not include. */
extern const char *const cambit_header_text;
extern const size_t cambit_header_text_length;

#endif /* AMBIT_TEXT_H */
