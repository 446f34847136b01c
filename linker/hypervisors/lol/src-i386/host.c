/* Linux system calls of a 32-bit process. */
#include "../src-x86_64/lol.h"

#define SYS_pread64 180
#define SYS_mmap2 192
#define SYS_clock_gettime64 403
#define CLOCK_MONOTONIC 1
#define PAGE_SHIFT 12

u64 host_syscall_count;
long raw_host_call(long number, const long arguments[6]); /* entry.S: the one int $0x80 that Syscall User Dispatch lets pass */

long host_call(long number, long a, long b, long c, long d, long e, long f)
{
    const long arguments[6] = {a, b, c, d, e, f};

    host_syscall_count++;
    return raw_host_call(number, arguments);
}

long host_read_at(int fd, void *to, size_t length, u64 offset)
{
    return host_call(SYS_pread64, fd, (long)to, (long)length, (long)(u32)offset, (long)(offset >> 32), 0);
}

long host_map(u64 va, u64 length, int prot, int flags, int fd, u64 offset)
{
    return host_call(SYS_mmap2, (long)va, (long)length, prot, flags, fd, (long)(offset >> PAGE_SHIFT));
}

u64 host_now_ns(void)
{
    struct {
        s64 seconds, nanoseconds;
    } now;

    host_call(SYS_clock_gettime64, CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0);
    return (u64)now.seconds * 1000000000 + (u64)now.nanoseconds;
}
