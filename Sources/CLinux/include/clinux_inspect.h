/* Inspecting the process itself: loaded images, memory, system calls. */
#ifndef CLINUX_INSPECT_H
#define CLINUX_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The image and function of an address. The texts live as long as the image is loaded. */
struct clinux_place {
  const char *file;
  uintptr_t file_start;
  /* NULL if the image exports no symbol for the address. */
  const char *function;
  uintptr_t function_start;
};

/* Finds the loaded image in which an address lies, and its exported function: dladdr(3). False if it lies in no image.
 * */
bool clinux_find_place(uintptr_t address, struct clinux_place *place);

/* The handle of dlopen(3) for the image in which an address lies: dladdr1(3). Valid until the image is unmapped. NULL
 * if the address lies in no image. */
const void *clinux_image_around(const void *address);

/* Addresses from `start` up to `end`; empty if both are 0. */
struct clinux_range {
  uintptr_t start, end;
};

/* The code of the loaded image in which `address` lies; empty if it lies in no image: dl_iterate_phdr(3). */
struct clinux_range clinux_code_around(uintptr_t address);

/* The calling thread's copy of the thread-local variables of the loaded image in which `address` lies; empty if the
 * image has none, or none for this thread yet: dl_iterate_phdr(3). */
struct clinux_range clinux_thread_locals_around(uintptr_t address);

/* The bytes of static thread-local storage of all loaded images together, those of the start of the process included:
 * PT_TLS of images with DF_STATIC_TLS, dl_iterate_phdr(3). */
size_t clinux_static_tls_size(void);

/* Copies memory of the process that other threads may change or unmap: process_vm_readv(2), or a pipe if the system
 * refuses that. Returns the number of bytes copied, less than `size` if the memory ends before. */
size_t clinux_peek(uintptr_t address, void *copy, size_t size);

/* The name of a system call in which threads commonly block; NULL for other system calls. */
const char *clinux_system_call_name(int64_t number);

#endif
