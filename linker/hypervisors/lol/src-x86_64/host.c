/* Linux system calls. */
#include "lol.h"

u64 host_syscall_count;

/* Every system call of the module goes through this one instruction, which Syscall User Dispatch lets pass. */
long host_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    host_syscall_count++;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

long host_read_at(int fd, void *to, size_t length, u64 offset)
{
    return host_call(17 /* pread64 */, fd, (long)to, (long)length, (long)offset, 0, 0);
}

long host_map(u64 va, u64 length, int prot, int flags, int fd, u64 offset)
{
    return host_call(9 /* mmap */, (long)va, (long)length, prot, flags, fd, (long)offset);
}

u64 host_now_ns(void)
{
    struct {
        s64 seconds, nanoseconds;
    } now;

    host_call(228 /* clock_gettime */, 1 /* CLOCK_MONOTONIC */, (long)&now, 0, 0, 0, 0);
    return (u64)now.seconds * 1000000000 + (u64)now.nanoseconds;
}
