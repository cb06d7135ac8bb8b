#define _GNU_SOURCE

#include "clinux_messages.h"

#include "clinux_descriptors.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Room for one control message, aligned as its header. */
union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int) * CLINUX_MOST_PASSED)];
};

ssize_t clinux_send_passing(int fd, const void *bytes, size_t length, const int32_t *descriptors, size_t count) {
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  union control control = {0};
  if (count > CLINUX_MOST_PASSED) {
    errno = EINVAL;
    return -1;
  }
  if (count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
  }
  return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t clinux_receive_passing(int fd, void *bytes, size_t length, int32_t *descriptors, size_t *count) {
  struct iovec part = {.iov_base = bytes, .iov_len = length};
  union control control;
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  *count = 0;
  if (descriptors == NULL)
    message.msg_control = NULL, message.msg_controllen = 0;
  ssize_t received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  if (received < 0)
    return received;
  if (descriptors == NULL && (message.msg_flags & MSG_CTRUNC) != 0) {
    errno = EBADMSG;
    return -1;
  }
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
      continue;
    size_t found = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < found && *count < CLINUX_MOST_PASSED; index++) {
      int passed;
      memcpy(&passed, CMSG_DATA(header) + index * sizeof(int), sizeof passed);
      descriptors[(*count)++] = clinux_lift(passed);
    }
  }
  return received;
}
