/* Spoils what its worker shares with the supervisor and the other workers: the listening sockets, and the connection to
 * the supervisor. */
#include "probe.h"

#include <string.h>
#include <sys/socket.h>

enum { MOST = 200, HIGHEST = 1024 };

static int32_t pid(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "%d", (int)getpid()); }

/* Finds the next TCP socket or unix socket that listens, after `fd`; -1 if there is none. */
static int next_listener(int fd) {
  while (++fd < HIGHEST) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
      return fd;
  }
  return -1;
}

/* Closes each listening socket, and answers with the process. */
static int32_t close_listeners(ambit_scope *scope) {
  for (int fd = next_listener(STDERR_FILENO); fd >= 0; fd = next_listener(fd))
    close(fd);
  return pid(scope);
}

/* Passes the supervisor many descriptors, with bytes that are the beginning of a message. */
static int32_t pass_descriptors(ambit_scope *scope) {
  char head[8] = {0, 0, 8}, control[CMSG_SPACE(sizeof(int) * MOST)] = {0};
  struct iovec part = {.iov_base = head, .iov_len = sizeof head};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int) * MOST);
  for (int index = 0; index < MOST; index++)
    memcpy(CMSG_DATA(header) + (size_t)index * sizeof(int), &(int){STDERR_FILENO}, sizeof(int));
  ssize_t sent = sendmsg(3, &message, MSG_NOSIGNAL);
  return ambit_respondf(scope, 200, "text/plain", "%d", (int)sent);
}

static const ambit_route routes[] = {
    {.pattern = "GET /pid", .handler = pid},
    {.pattern = "GET /close", .handler = close_listeners},
    {.pattern = "GET /pass", .handler = pass_descriptors},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "sharing", .routes = routes, .route_count = sizeof routes / sizeof *routes};
