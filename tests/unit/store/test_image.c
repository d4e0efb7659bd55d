/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample_job.h"
#include "store/image.h"

static void put(Image *image, uint64_t serial)
{
        size_t pos;

        assert_false(image_find(image, serial, &pos));
        assert_int_equal(image_reserve(image), 0);
        image_insert(image, pos, sample_job(serial));
}

static void jobs_stand_in_the_order_of_their_serials(void **state)
{
        static const uint64_t serials[] = {50, 10, 90, 30, 70, 20, 80, 40, 60, 100, 1};
        Image image = {0};
        size_t pos;

        assert_int_equal(image_next_serial(&image), 1);
        for (size_t i = 0; i < ARRAY_LEN(serials); i++)
                put(&image, serials[i]);
        for (size_t i = 0; i < image.len; i++) {
                assert_true(image_find(&image, image.jobs[i]->serial, &pos));
                assert_int_equal(pos, i);
                if (i > 0)
                        assert_true(image.jobs[i - 1]->serial < image.jobs[i]->serial);
        }
        assert_false(image_find(&image, 55, &pos));
        assert_int_equal(image_next_serial(&image), 101);

        assert_true(image_find(&image, 10, &pos));
        stored_job_free(image_remove(&image, pos));
        assert_false(image_find(&image, 10, &pos));
        assert_int_equal(image.len, ARRAY_LEN(serials) - 1);
        image_done(&image);
        image_done(&image);
}

static void twins_are_found_wherever_they_stand(void **state)
{
        Image image = {0};
        const Job *twin = NULL;

        assert_int_equal(image_find_twin(&image, &twin), 0);
        assert_null(twin);
        for (uint64_t serial = 1; serial <= 20; serial++)
                put(&image, serial);
        assert_int_equal(image_find_twin(&image, &twin), 0);
        assert_null(twin);
        image.jobs[17]->id = image.jobs[3]->id;
        assert_int_equal(image_find_twin(&image, &twin), 0);
        assert_non_null(twin);
        image_done(&image);
}

static void put_credential(Job *job, uint32_t target, uint32_t scheme)
{
        JobCredential c = sample_credential(target, scheme, (uint8_t) (10 * target + scheme));
        uint32_t pos;

        assert_false(image_find_credential(job, target, scheme, &pos));
        assert_int_equal(image_reserve_credential(job), 0);
        image_insert_credential(job, pos, &c);
}

static void copy_is_deep_and_whole(void **state)
{
        Image image = {0}, copy = {0};

        for (uint64_t serial = 1; serial <= 3; serial++)
                put(&image, serial);
        for (uint32_t i = 0; i < 9; i++) {
                assert_int_equal(image_reserve_file(image.jobs[1]), 0);
                image_append_file(image.jobs[1], sample_file_distinct(i));
        }
        image.jobs[2]->type = BG_JOB_TYPE_UPLOAD_REPLY;
        image.jobs[2]->reply = sample_reply();
        for (uint32_t scheme = 5; scheme > 0; scheme--)
                put_credential(image.jobs[2], BG_AUTH_TARGET_PROXY, scheme);
        put_credential(image.jobs[2], BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_NTLM);
        assert_int_equal(image_dup(&image, &copy), 0);
        assert_int_equal(copy.len, 3);
        assert_null(sample_job_difference(image.jobs[2], copy.jobs[2]));
        assert_ptr_not_equal(image.jobs[2]->credentials[0].sealed,
                             copy.jobs[2]->credentials[0].sealed);
        assert_int_equal(copy.jobs[2]->credentials_len, 6);
        assert_int_equal(copy.jobs[2]->credentials[0].target, BG_AUTH_TARGET_SERVER);
        for (uint32_t i = 1; i < 6; i++)
                assert_int_equal(copy.jobs[2]->credentials[i].scheme, i);
        assert_null(copy.jobs[1]->reply);
        assert_null(sample_file_difference(image.jobs[2]->reply, copy.jobs[2]->reply));
        assert_ptr_not_equal(image.jobs[2]->reply, copy.jobs[2]->reply);
        assert_int_equal(copy.jobs[1]->files_len, 9);
        for (uint32_t i = 0; i < 9; i++) {
                const JobFile *a = image.jobs[1]->files[i], *b = copy.jobs[1]->files[i];

                assert_null(sample_file_difference(a, b));
                assert_ptr_not_equal(a->remote, b->remote);
        }
        image_done(&image);
        assert_null(sample_job_difference(copy.jobs[0], copy.jobs[0]));
        image_done(&copy);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(jobs_stand_in_the_order_of_their_serials),
                cmocka_unit_test(twins_are_found_wherever_they_stand),
                cmocka_unit_test(copy_is_deep_and_whole),
        };

        return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
