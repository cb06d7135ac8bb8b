/* Looking into the process itself: images, memory, system calls. */
#ifndef CLINUX_INSPECT_H
#define CLINUX_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where an address lies. The texts live as long as the image is loaded. */
struct clinux_place {
  const char *file;
  uintptr_t file_start;
  /* NULL if the image's dynamic symbols, those that it exports, do not tell. */
  const char *function;
  uintptr_t function_start;
};

/* Finds the loaded image, and its exported function, that an address lies in: dladdr(3). False if in none. */
bool clinux_find_place(uintptr_t address, struct clinux_place *place);

/* What the loader knows the image by that an address lies in, the same as the handle of dlopen(3) for it: dladdr1(3).
 * Good until that image is unmapped. NULL if it lies in none. */
const void *clinux_image_around(const void *address);

/* Addresses from `start` up to `end`; none if both are 0. */
struct clinux_range {
  uintptr_t start, end;
};

/* The code of the loaded image that `address` lies in; none if it lies in none: dl_iterate_phdr(3). */
struct clinux_range clinux_code_around(uintptr_t address);

/* Copies memory of the process that may change meanwhile, or not be there at all: process_vm_readv(2), or by way of a
 * pipe where the system refuses that. Returns how many bytes were copied; fewer than `size` where the memory ends. */
size_t clinux_peek(uintptr_t address, void *copy, size_t size);

/* The name of a system call in which threads are found to block; NULL if it is not one of those. */
const char *clinux_system_call_name(int64_t number);

#endif
