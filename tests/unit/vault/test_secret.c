/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "vault/secret.h"

#include "faulty_calls.h"
#include "../../fakes/skip_test.h"

#define NOBODY 65534

static void it_knows_its_length_and_ends_with_a_nul(void **state)
{
        Secret *s = NULL;

        assert_int_equal(secret_copy("a\0b", 3, &s), 0);
        assert_int_equal(secret_len_bytes(s), 3);
        assert_memory_equal(secret_bytes_of(s), "a\0b\0", 4);
        assert_null(secret_free(s));
        assert_null(secret_free(NULL));
}

static void an_empty_one_is_an_empty_text(void **state)
{
        Secret *s = NULL;

        assert_int_equal(secret_copy(NULL, 0, &s), 0);
        assert_int_equal(secret_len_bytes(s), 0);
        assert_string_equal(secret_text(s), "");
        secret_free(s);
}

static void a_new_one_is_zeroed(void **state)
{
        static const uint8_t zeros[64];
        Secret *s = NULL;

        assert_int_equal(secret_new(sizeof(zeros), &s), 0);
        assert_memory_equal(secret_data(s), zeros, sizeof(zeros));
        secret_free(s);
}

static void equality_needs_every_byte_and_the_length(void **state)
{
        static const char *const others[] = {"secreT", "Secret", "secre", "secrets", ""};
        Secret *a = NULL, *b = NULL;

        assert_int_equal(secret_copy("secret", 6, &a), 0);
        assert_int_equal(secret_copy("secret", 6, &b), 0);
        assert_true(secret_equal(a, b));
        secret_free(b);
        for (size_t i = 0; i < ARRAY_LEN(others); i++) {
                assert_int_equal(secret_copy(others[i], strlen(others[i]), &b), 0);
                assert_false(secret_equal(a, b));
                secret_free(b);
        }
        secret_free(a);
}

static void what_is_cut_off_is_wiped(void **state)
{
        Secret *s = NULL;

        assert_int_equal(secret_copy("secret", 6, &s), 0);
        secret_cut(s, 2);
        assert_int_equal(secret_len_bytes(s), 2);
        assert_memory_equal(secret_bytes_of(s), "se\0\0\0\0\0", 7);
        secret_free(s);
}

static void memory_of_others_is_wiped(void **state)
{
        char text[] = "secret";

        secret_wipe(text, 6);
        assert_memory_equal(text, "\0\0\0\0\0\0", 7);
        secret_wipe(NULL, 0);
}

static void there_is_a_limit(void **state)
{
        Secret *s = NULL;

        assert_int_equal(secret_new((size_t) SECRET_BYTES_MAX + 1, &s), -EMSGSIZE);
        assert_int_equal(secret_new(SIZE_MAX, &s), -EMSGSIZE);
        assert_null(s);
        assert_int_equal(secret_new(SECRET_BYTES_MAX, &s), 0);
        secret_free(s);
}

static void memory_running_out_is_said(void **state)
{
        Secret *s = NULL;

        mem_fail_nth(1);
        assert_int_equal(secret_new(8, &s), -ENOMEM);
        assert_true(mem_fail_struck());
        mem_fail_nth(0);
        faults_arm_memory(1);
        assert_int_equal(secret_copy("x", 1, &s), -ENOMEM);
        assert_true(faults_memory_struck());
        assert_null(s);
}

/* The line of flags of the mapping that holds this address; "" when there is none. */
static void mapping_flags(const void *address, char flags[256])
{
        FILE *f = fopen("/proc/self/smaps", "re");
        unsigned long from, to, at = (unsigned long) address;
        bool inside = false;
        char line[512];

        flags[0] = '\0';
        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
                        inside = from <= at && at < to;
                else if (inside && strncmp(line, "VmFlags:", 8) == 0)
                        (void) str_copy(flags, 256, line + 8);
        }
        (void) fclose(f);
}

static void it_is_in_no_core_dump_and_locked(void **state)
{
        static const char on_the_heap[] = "no secret";
        char flags[256], *plain = mem_strdup(on_the_heap);
        Secret *s = NULL;

        assert_int_equal(secret_copy("secret", 6, &s), 0);
        mapping_flags(secret_bytes_of(s), flags);
        if (!*flags) {
                mem_free(plain);
                secret_free(s);
                SKIP_TEST("this kernel does not tell the flags of a mapping");
        }
        assert_non_null(strstr(flags, " dd "));
#ifndef __SANITIZE_ADDRESS__ /* which makes mlock do nothing */
        assert_non_null(strstr(flags, " lo "));
#endif
        mapping_flags(plain, flags);
        assert_null(strstr(flags, " dd "));
        mem_free(plain);
        secret_free(s);
}

/* What a child that runs `body` ended with. */
static int status_of_child(void (*body)(void))
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                const struct rlimit none = {0, 0};

                (void) setrlimit(RLIMIT_CORE, &none);
                body();
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void write_behind(void)
{
        Secret *s;

        (void) signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would end it otherwise */
        if (secret_copy("secret", 6, &s) == 0)
                *(volatile uint8_t *) (secret_data(s) + 7) = 1;
}

static void writing_behind_it_ends_the_process(void **state)
{
        int status = status_of_child(write_behind);

        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSEGV);
}

/* Exit 3: it does not work; 4: this child could lock memory after all. */
static void use_without_the_right_to_lock(void)
{
        const struct rlimit none = {0, 0};
        static char page[4096] _unused_;
        Secret *s;

        if (setrlimit(RLIMIT_MEMLOCK, &none) < 0 || (geteuid() == 0 && setuid(NOBODY) < 0))
                _exit(3);
#ifndef __SANITIZE_ADDRESS__
        if (mlock(page, sizeof(page)) == 0)
                _exit(4);
#endif
        if (secret_copy("secret", 6, &s) != 0 || memcmp(secret_bytes_of(s), "secret", 7) != 0)
                _exit(3);
        secret_free(s);
}

static void without_the_right_to_lock_it_still_works(void **state)
{
        int status = status_of_child(use_without_the_right_to_lock);

        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_knows_its_length_and_ends_with_a_nul),
                cmocka_unit_test(an_empty_one_is_an_empty_text),
                cmocka_unit_test(a_new_one_is_zeroed),
                cmocka_unit_test(equality_needs_every_byte_and_the_length),
                cmocka_unit_test(what_is_cut_off_is_wiped),
                cmocka_unit_test(memory_of_others_is_wiped),
                cmocka_unit_test(there_is_a_limit),
                cmocka_unit_test(memory_running_out_is_said),
                cmocka_unit_test(it_is_in_no_core_dump_and_locked),
                cmocka_unit_test(writing_behind_it_ends_the_process),
                cmocka_unit_test(without_the_right_to_lock_it_still_works),
        };

        return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
