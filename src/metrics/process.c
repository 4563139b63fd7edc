/*
 * Figures of our own process, from /proc/self/status (proc(5)) and getrusage(2). The start is taken
 * at the first call, which the daemon makes when it starts.
 */
#include "metrics/tables.h"

#include <leat/clock.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number behind `key` at the beginning of a line; -1 if it is not there. */
static int64_t status_number(const char *status, const char *key)
{
    const char *at = strstr(status, key);
    if (!at)
        return -1;
    at += strlen(key);
    while (*at == ' ' || *at == '\t')
        at++;
    int64_t number = 0;
    for (; *at >= '0' && *at <= '9' && number < INT64_MAX / 10240; at++)
        number = number * 10 + (*at - '0');
    return number;
}

static void collect_status(struct leat_metrics_process *p)
{
    char status[8192] = "";
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, status, sizeof status - 1);
    if (fd >= 0)
        close(fd);
    status[len > 0 ? len : 0] = '\0';
    int64_t anonymous_kib = status_number(status, "\nRssAnon:"),
            file_kib = status_number(status, "\nRssFile:");
    p->anonymous_bytes = anonymous_kib < 0 ? -1 : anonymous_kib * 1024;
    p->file_bytes = file_kib < 0 ? -1 : file_kib * 1024;
    p->threads = status_number(status, "\nThreads:");
}

static int64_t count_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        return -1;
    int64_t count = -1; /* the directory's own */
    for (struct dirent *e = readdir(directory); e; e = readdir(directory))
        count += e->d_name[0] != '.';
    closedir(directory);
    return count;
}

static int64_t cpu_us(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage))
        return -1;
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

void leat_metrics_process_collect(void *process)
{
    struct leat_metrics_process *p = process;
    collect_status(p);
    p->open_files = count_files();
    p->cpu_us = cpu_us();
    p->one = 1;
    if (!p->start_us)
        p->start_us = leat_clock_wall_us();
}
