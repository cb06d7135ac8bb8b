// Holds all threads of the process that its argument names, as a debugger does, until that process or this one ends.
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

int main(int count, char **arguments) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/task", count > 1 ? arguments[1] : "");
  DIR *threads = opendir(path);
  if (threads == NULL)
    return 1;
  for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
    pid_t thread = atoi(entry->d_name);
    if (thread > 0 && (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0))
      return 2;
  }
  // Takes the ends of the threads, without which the process would not end either.
  while (waitpid(-1, NULL, __WALL) > 0)
    continue;
  return 0;
}
