/* The peer of a connection for messages, which is descriptor 3: it serves one client on the listening socket that comes
 * with a message, and then sends a listening socket of its own with the message that it got. That
 * one has the path that is its argument. */
#define _GNU_SOURCE
#include <clinux_messages.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void check(int status, int holds) {
  if (!holds)
    exit(status);
}

static void receive_all(unsigned char *bytes, size_t length, int32_t *descriptors, size_t *count) {
  while (length > 0) {
    size_t more = 0;
    ssize_t received = clinux_receive_passing(3, bytes, length, descriptors + *count, &more);
    check(10, received > 0);
    *count += more;
    bytes += received;
    length -= (size_t)received;
  }
}

static int listening_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  check(11, fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0);
  return fd;
}

int main(int count_of_words, char **words) {
  check(9, count_of_words == 2);
  unsigned char head[8], message[4096];
  int32_t descriptors[CLINUX_MOST_PASSED * 2];
  size_t count = 0;
  receive_all(head, sizeof head, descriptors, &count);
  size_t length = head[0] | (size_t)head[1] << 8;
  check(12, length <= sizeof message && head[7] == 1);
  receive_all(message, length, descriptors, &count);
  check(13, count == 1 && fcntl(descriptors[0], F_GETFD) == FD_CLOEXEC);

  int client = accept(descriptors[0], NULL, NULL);
  check(14, client >= 0 && write(client, message, length) == (ssize_t)length);
  close(client);
  close(descriptors[0]);

  int32_t own = listening_socket(words[1]);
  check(15, clinux_send_passing(3, head, sizeof head, &own, 1) == sizeof head);
  check(16, clinux_send_passing(3, message, length, NULL, 0) == (ssize_t)length);
  return 0;
}
