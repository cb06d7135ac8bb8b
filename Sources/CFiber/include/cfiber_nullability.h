/// Marks a pointer that may be NULL, for compilers that have such a mark; Swift imports it as an optional.
#ifndef CFIBER_NULLABILITY_H
#define CFIBER_NULLABILITY_H

#ifdef __clang__
#define CFIBER_NULLABLE _Nullable
#else
#define CFIBER_NULLABLE
#endif

#endif
