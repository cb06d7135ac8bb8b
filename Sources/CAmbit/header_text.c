#include "ambit_text.h"

/* The toolchain's clang compiles this; it takes #embed in C17 too, as an extension, and records the header as a
 * dependency of the object file, so that the text is never out of date. */
#pragma clang diagnostic ignored "-Wc23-extensions"

static const char text[] = {
#embed "include/ambit.h"
    , '\0'};

const char *const cambit_header_text = text;
const size_t cambit_header_text_length = sizeof text - 1;
