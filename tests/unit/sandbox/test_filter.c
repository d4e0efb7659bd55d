/* SPDX-License-Identifier: Apache-2.0 */
/* The list of system calls where there is no memory left for it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sandbox/syscall_filter.h"
#include "walled.h"

static void use_up_all_memory(void)
{
        const struct rlimit none = {0, 0};
        void **last = NULL, **p;

        if (setrlimit(RLIMIT_AS, &none) < 0)
                _exit(WALLED_BROKEN);
        for (size_t bytes = 1U << 20; bytes >= sizeof(last); bytes /= 2)
                while ((p = malloc(bytes)) != NULL) {
                        *p = (void *) last; /* or the compiler leaves it out */
                        last = p;
                }
}

/* A library that compiled the list here loaded a part of it, crashed or turned for ever. */
static void enter_without_memory(void *ctx)
{
        const SyscallList *list = ctx;

        use_up_all_memory();
        if (syscall_filter_enter(*list) != 0)
                _exit(WALLED_BROKEN);
}

static int outcome(long r)
{
        return r < 0 ? errno : 0;
}

static int copy_a_descriptor(void *ctx)
{
        return outcome(dup(STDOUT_FILENO));
}

static int make_a_namespace(void *ctx)
{
        return outcome(unshare(CLONE_NEWUTS));
}

static int change_the_root(void *ctx)
{
        return outcome(chroot("/"));
}

static int try_without_memory(SyscallList list, int (*attempt)(void *ctx))
{
        return walled_try(&(Walled){.enter = enter_without_memory,
                                    .attempt = attempt,
                                    .ctx = &list,
                                    .uid = (uid_t) -1});
}

static void the_list_is_whole_where_memory_is_used_up(void **state)
{
        static const SyscallList LISTS[] = {SYSCALLS_OF_WORKER, SYSCALLS_OF_SERVER};

        for (size_t i = 0; i < sizeof(LISTS) / sizeof(LISTS[0]); i++) {
                assert_int_equal(try_without_memory(LISTS[i], copy_a_descriptor), 0);
                assert_int_equal(try_without_memory(LISTS[i], make_a_namespace), EPERM);
                assert_int_equal(try_without_memory(LISTS[i], change_the_root), WALLED_KILLED);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_list_is_whole_where_memory_is_used_up),
        };

#ifdef SANDBOX_LEFT_OUT
        (void) printf("1..0 # SKIP sanitized builds have no sandbox\n");
        return 0;
#endif
        return cmocka_run_group_tests(tests, NULL, NULL);
}
