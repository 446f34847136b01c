/* The first process of a host: runs each guest, says between which lines it stood and how it ended, powers off. */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(const char *path)
{
    char *argv[] = {(char *)path, NULL};
    int status;

    if (!fork()) {
        dup2(1, 2);
        execv(path, argv);
        perror(path);
        _exit(127);
    }
    wait(&status);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
    static const char *const guests[] = {GUESTS};
    unsigned i;

    mount("none", "/proc", "proc", 0, NULL);
    mount("none", "/dev", "devtmpfs", 0, NULL);
    for (i = 0; i < sizeof guests / sizeof guests[0]; i++) {
        printf("host: begin %s\n", guests[i]);
        fflush(stdout);
        printf("host: end %d\n", run(guests[i]));
        fflush(stdout);
    }
    reboot(RB_POWER_OFF);
}
