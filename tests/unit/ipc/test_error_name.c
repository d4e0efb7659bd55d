/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <systemd/sd-bus.h>

#include "base/hresult.h"
#include "ipc/error_name.h"

/* Every failure code of these facilities that has a name, and every HTTP status. */
#define FACILITY_CODES 0x10000u

static const uint32_t bases[] = {0x80000000u, 0x80010000u, 0x80040000u, 0x80070000u,
                                 0x80190000u, 0x80200000u, 0x80240000u};

static void every_code_with_a_name_survives_the_way(void **state)
{
        unsigned codes = 0;

        for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
                for (uint32_t n = 0; n < FACILITY_CODES; n++) {
                        HRESULT hr = (HRESULT) (bases[i] + n);
                        char name[ERROR_NAME_BYTES];

                        if (!hresult_name(hr))
                                continue;
                        codes++;
                        assert_ptr_equal(error_name_format(hr, name), name);
                        assert_int_equal(sd_bus_interface_name_is_valid(name), 1);
                        assert_int_equal(error_name_to_hresult(name), hr);
                }
        }
        assert_in_range(codes, 150, 10000);
}

/* An error whose name the bus library refuses would never be answered. */
static void the_bus_library_takes_the_names(void **state)
{
        char name[ERROR_NAME_BYTES];
        sd_bus_error e = SD_BUS_ERROR_NULL;

        assert_string_equal(error_name_format(BG_E_NOT_FOUND, name),
                            "org.bitsd.Error.HRESULT_80200001");
        assert_true(sd_bus_error_set(&e, name, "text") < 0); /* it says -EIO for unknown names … */
        assert_true(sd_bus_error_has_name(&e, name));        /* … but has taken it */
        sd_bus_error_free(&e);
}

static void success_is_no_error(void **state)
{
        char name[ERROR_NAME_BYTES];

        assert_int_equal(error_name_to_hresult(error_name_format(S_OK, name)), E_UNEXPECTED);
        assert_int_equal(error_name_to_hresult(error_name_format(BG_S_PARTIAL_COMPLETE, name)),
                         E_UNEXPECTED);
}

static void errors_of_the_bus_itself_have_a_meaning(void **state)
{
        static const struct {
                const char *name;
                HRESULT want;
        } rows[] = {
                {SD_BUS_ERROR_UNKNOWN_METHOD, E_NOTIMPL},
                {SD_BUS_ERROR_UNKNOWN_OBJECT, E_NOTIMPL},
                {SD_BUS_ERROR_UNKNOWN_INTERFACE, E_NOTIMPL},
                {SD_BUS_ERROR_INVALID_ARGS, E_INVALIDARG},
                {SD_BUS_ERROR_INVALID_SIGNATURE, E_INVALIDARG},
                {SD_BUS_ERROR_ACCESS_DENIED, E_ACCESSDENIED},
                {SD_BUS_ERROR_NO_MEMORY, E_OUTOFMEMORY},
                {SD_BUS_ERROR_NO_REPLY, HRESULT_FROM_WIN32(RPC_S_CALL_FAILED)},
                {SD_BUS_ERROR_DISCONNECTED, HRESULT_FROM_WIN32(RPC_S_CALL_FAILED)},
                {SD_BUS_ERROR_TIMEOUT, HRESULT_FROM_WIN32(ERROR_TIMEOUT)},
                {SD_BUS_ERROR_NO_SERVER, HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE)},
                {SD_BUS_ERROR_LIMITS_EXCEEDED, HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA)},
                {SD_BUS_ERROR_FAILED, E_UNEXPECTED},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_int_equal(error_name_to_hresult(rows[i].name), rows[i].want);
}

static void foreign_names_are_unexpected(void **state)
{
        static const char *const names[] = {
                NULL,
                "",
                "org.bitsd.Error.HRESULT_",
                "org.bitsd.Error.HRESULT_8020000",
                "org.bitsd.Error.HRESULT_802000011",
                "org.bitsd.Error.HRESULT_8020000g",
                "org.bitsd.Error.HRESULT_8020000a",
                "org.bitsd.Error.HRESULT_00200017", /* success */
                "org.bitsd.Error.HRESULT_ 8020000",
                "org.bitsd.Error.HRESULT_0x802000",
                "org.freedesktop.DBus.Error.",
                "org.example.Error.Timeout",
        };

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                assert_int_equal(error_name_to_hresult(names[i]), E_UNEXPECTED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_code_with_a_name_survives_the_way),
                cmocka_unit_test(the_bus_library_takes_the_names),
                cmocka_unit_test(success_is_no_error),
                cmocka_unit_test(errors_of_the_bus_itself_have_a_meaning),
                cmocka_unit_test(foreign_names_are_unexpected),
        };

        return cmocka_run_group_tests_name("error name", tests, NULL, NULL);
}
