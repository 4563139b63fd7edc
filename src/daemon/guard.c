#include "daemon/guard.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "daemon/commands.h"

static const char *path;
static volatile uint64_t last;

static void say(const char *text, size_t len)
{
    ssize_t n = write(STDERR_FILENO, text, len);
    (void)n;
}

/* Only what is safe in a signal's handler: no stdio, no memory. */
static void on_fault(int number)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t n = last;
    (void)number;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    static const char before[] = "leat: store ", middle[] = " is damaged behind sequence ",
                      after[] = ": its file is cut short or overwritten\n      leat verify\n";
    say(before, sizeof before - 1);
    say(path, strlen(path));
    say(middle, sizeof middle - 1);
    say(digits + at, sizeof digits - at);
    say(after, sizeof after - 1);
    _exit(EXIT_FINDINGS);
}

void guard_begin(const char *store_path)
{
    struct sigaction action = {.sa_handler = on_fault};
    path = store_path;
    last = 0;
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
}

void guard_at(uint64_t sequence)
{
    last = sequence;
}
