// Runs its arguments as a program that is started with signals ignored and blocked, as from a careless parent.
#include <signal.h>
#include <unistd.h>

int main(int count, char **arguments) {
  const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGCHLD, SIGTSTP, SIGUSR2};
  for (unsigned index = 0; index < sizeof ignored / sizeof *ignored; index++)
    signal(ignored[index], SIG_IGN);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  if (count > 1)
    execvp(arguments[1], arguments + 1);
  return 127;
}
