/* Descriptors that are passed to another process over a local stream socket: SCM_RIGHTS, unix(7). */
#ifndef CLINUX_MESSAGES_H
#define CLINUX_MESSAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The most descriptors that one call can pass: SCM_MAX_FD of the kernel. */
enum { CLINUX_MOST_PASSED = 253 };

/* Sends bytes, and duplicates of descriptors with the first of them: sendmsg(2), without SIGPIPE. Does not wait: EAGAIN
 * if there is no room.
 *
 * descriptors, count  At most CLINUX_MOST_PASSED; they stay the caller's.
 * Returns             How many bytes were sent; -1 with errno if none was, and then no descriptor was. */
ssize_t clinux_send_passing(int fd, const void *bytes, size_t length, const int32_t *descriptors, size_t count);

/* Receives up to `length` bytes, and the descriptors that were sent with them: recvmsg(2). The descriptors are
 * close-on-exec, moved as `clinux_lift` does, and the caller's. Descriptors for which the process has no room are lost;
 * one that could not be moved is -1.
 *
 * descriptors  Has room for CLINUX_MOST_PASSED; `*count` says how many were received. NULL to accept none: the kernel
 *              closes those that come, so that this process never has them, and the call fails with EBADMSG.
 * Returns      How many bytes were received; 0 at the end of the connection; -1 with errno. */
ssize_t clinux_receive_passing(int fd, void *bytes, size_t length, int32_t *descriptors, size_t *count);

#endif
