#include "ambit_text.h"

/* The toolchain's clang supports #embed in C17 as an extension. It records the header as a dependency of the object
 * file, so the text is always up to date. */
#pragma clang diagnostic ignored "-Wc23-extensions"

static const char text[] = {
#embed "include/ambit.h"
    , '\0'};

const char *const cambit_header_text = text;
const size_t cambit_header_text_length = sizeof text - 1;
