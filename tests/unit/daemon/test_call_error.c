/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include <string.h>

#include "base/str.h"
#include "base/utf.h"
#include "daemon/call.h"

static void lines_say_what_which_job_why_and_what_to_do(void **state)
{
        char text[CALL_TEXT_BYTES];

        assert_string_equal(
                call_error_text("Resume", "3f2a91c4 \"maps.tar\"", BG_E_EMPTY, "", text),
                "cannot resume 3f2a91c4 \"maps.tar\": the job has nothing to transfer; add a file "
                "to the job first");
        assert_string_equal(
                call_error_text("CreateJob", "", E_INVALIDARG, "there is no such type", text),
                "cannot create the job: there is no such type");
        assert_ptr_equal(call_error_text("Status", "", E_OUTOFMEMORY, "", text), text);
}

static void proper_names_keep_their_capitals(void **state)
{
        char text[CALL_TEXT_BYTES];

        assert_string_equal(call_error_text("Hello", "", E_FAIL, "HTTP says no.", text),
                            "cannot greet the service: HTTP says no");
        assert_string_equal(call_error_text("Hello", "", E_FAIL, "A word.", text),
                            "cannot greet the service: a word");
}

/* A method without words of its own would speak in its name on the wire. */
static void every_method_has_words(void **state)
{
        static const char *const methods[] = {
#define METHOD(name, in, out, handler) #name,
#include "ipc/methods.def"
#undef METHOD
        };
        char text[CALL_TEXT_BYTES], raw[CALL_TEXT_BYTES];

        for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
                (void) snprintf(raw, sizeof(raw), "cannot %s:", methods[i]);
                (void) call_error_text(methods[i], "", E_FAIL, "x", text);
                if (str_starts_with(text, raw))
                        fail_msg("%s has no words in call_error.c", methods[i]);
        }
}

static void long_texts_are_cut_on_a_character(void **state)
{
        char text[CALL_TEXT_BYTES], detail[2 * CALL_TEXT_BYTES], subject[CALL_TEXT_BYTES];

        for (size_t i = 0; i + 2 < sizeof(detail); i += 2)
                memcpy(detail + i, "\303\244", 3);
        memset(subject, 's', sizeof(subject) - 1);
        subject[sizeof(subject) - 1] = '\0';
        (void) call_error_text("Resume", "", E_FAIL, detail, text);
        assert_true(utf8_is_valid(text, strlen(text)));
        (void) call_error_text("Resume", subject, E_FAIL, detail, text);
        assert_true(strlen(text) < CALL_TEXT_BYTES);
        assert_true(utf8_is_valid(text, strlen(text)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_say_what_which_job_why_and_what_to_do),
                cmocka_unit_test(proper_names_keep_their_capitals),
                cmocka_unit_test(every_method_has_words),
                cmocka_unit_test(long_texts_are_cut_on_a_character),
        };

        return cmocka_run_group_tests_name("call error", tests, NULL, NULL);
}
