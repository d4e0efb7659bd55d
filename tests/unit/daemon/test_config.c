/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "daemon/config.h"

enum { PATH_BYTES = 128, WARNINGS_MAX = 64, DAY_SEC = 86400 };

typedef struct Fixture {
        char dir[64];
        char user_file[PATH_BYTES];
        char warnings[WARNINGS_MAX][512];
        size_t warnings_len;
        ConfigSource source;
        Config config;
        bool loaded;
} Fixture;

static void keep_warning(void *ctx, const char *text)
{
        Fixture *f = ctx;

        assert_true(f->warnings_len < WARNINGS_MAX);
        str_copy(f->warnings[f->warnings_len++], sizeof(f->warnings[0]), text);
}

static int make_fixture(void **state)
{
        Fixture *f = mem_new(Fixture);
        char path[PATH_BYTES];

        if (!f)
                return -1;
        (void) snprintf(f->dir, sizeof(f->dir), "/tmp/bitsd-config-XXXXXX");
        if (!mkdtemp(f->dir))
                return -1;
        (void) snprintf(path, sizeof(path), "%s/bitsd.conf.d", f->dir);
        (void) snprintf(f->user_file, sizeof(f->user_file), "%s/user.conf", f->dir);
        f->source = (ConfigSource){
                .etc_dir = f->dir, .user_file = f->user_file, .warn = keep_warning, .ctx = f};
        *state = f;
        return mkdir(path, 0700);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

static int remove_fixture(void **state)
{
        Fixture *f = *state;

        if (f->loaded)
                config_done(&f->config);
        (void) nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        mem_free(f);
        return 0;
}

static void write_text(const Fixture *f, const char *name, const char *text)
{
        char path[PATH_BYTES];
        _cleanup_close_ int fd = -1;

        (void) snprintf(path, sizeof(path), "%s/%s", f->dir, name);
        (void) unlink(path); /* cutting it to nothing would cost a sync on some file systems */
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

/* Reads what is there; the warnings are those of this reading. */
static void read_config(Fixture *f)
{
        if (f->loaded)
                config_done(&f->config);
        f->loaded = false;
        f->warnings_len = 0;
        assert_int_equal(config_read(&f->source, &f->config), 0);
        f->loaded = true;
}

static void read_text(Fixture *f, const char *text)
{
        write_text(f, "bitsd.conf", text);
        read_config(f);
}

static void assert_warned(const Fixture *f, size_t n, const char *part)
{
        assert_true(n < f->warnings_len);
        if (!strstr(f->warnings[n], part))
                fail_msg("\"%s\" does not say \"%s\"", f->warnings[n], part);
}

static void assert_policies_alike(const Policy *a, const Policy *b)
{
        assert_int_equal(a->max_jobs_per_machine, b->max_jobs_per_machine);
        assert_int_equal(a->max_jobs_per_user, b->max_jobs_per_user);
        assert_int_equal(a->max_files_per_job, b->max_files_per_job);
        assert_int_equal(a->job_inactivity_sec, b->job_inactivity_sec);
        assert_int_equal(a->max_download_time_sec, b->max_download_time_sec);
        assert_int_equal(a->time_slice_sec, b->time_slice_sec);
        assert_int_equal(a->background_jobs, b->background_jobs);
        assert_int_equal(a->foreground_jobs, b->foreground_jobs);
        assert_int_equal(a->files_in_flight_foreground, b->files_in_flight_foreground);
        assert_int_equal(a->files_in_flight_background, b->files_in_flight_background);
        assert_int_equal(a->checkpoint_usec, b->checkpoint_usec);
        assert_int_equal(a->tombstone_sec, b->tombstone_sec);
        assert_int_equal(a->tombstones_max, b->tombstones_max);
        assert_int_equal(a->sealed_bytes_per_user, b->sealed_bytes_per_user);
        assert_int_equal(a->allow_programs, b->allow_programs);
        assert_int_equal(a->allow_root_programs, b->allow_root_programs);
}

static void assert_configs_alike(const Config *a, const Config *b)
{
        assert_policies_alike(&a->policy, &b->policy);
        assert_int_equal(a->transfer.connect_timeout_sec, b->transfer.connect_timeout_sec);
        assert_int_equal(a->transfer.stall_timeout_sec, b->transfer.stall_timeout_sec);
        assert_int_equal(a->transfer.redirects_max, b->transfer.redirects_max);
        assert_int_equal(a->transfer.connections_per_host, b->transfer.connections_per_host);
        assert_true(str_equal(a->transfer.user_agent, b->transfer.user_agent));
        assert_true(str_equal(a->transfer.ca_bundle, b->transfer.ca_bundle));
        assert_true(str_equal(a->transfer.http_proxy, b->transfer.http_proxy));
        assert_true(str_equal(a->transfer.https_proxy, b->transfer.https_proxy));
        assert_true(str_equal(a->transfer.no_proxy, b->transfer.no_proxy));
}

static void without_files_the_defaults_hold(void **state)
{
        Config defaults = {.policy = policy_default(false)};
        Fixture *f = *state;

        transfer_config_init(&defaults.transfer);
        f->source.etc_dir = "/nonexistent/etc";
        f->source.user_file = NULL;
        read_config(f);
        assert_int_equal(f->warnings_len, 0);
        assert_configs_alike(&f->config, &defaults);
        assert_true(f->config.service.idle_exit_sec == CONFIG_IDLE_EXIT_UNSET);
        assert_int_equal(f->config.service.log_level, CONFIG_LOG_LEVEL_UNSET);
}

static void every_setting_is_taken(void **state)
{
        Fixture *f = *state;
        const Policy *p = &f->config.policy;
        const TransferConfig *t = &f->config.transfer;

        read_text(f, "[Policy]\n"
                     "MaxJobsPerMachine=301\n"
                     "MaxJobsPerUser=61\n"
                     "MaxFilesPerJob=201\n"
                     "JobInactivityTimeout=2\n"
                     "MaxDownloadTime=54000\n"
                     "TimeSlice=30\n"
                     "BackgroundJobs=7\n"
                     "ForegroundJobs=8\n"
                     "ForegroundFilesInFlight=9\n"
                     "BackgroundFilesInFlight=10\n"
                     "CheckpointInterval=11\n"
                     "EndedJobsKeptFor=2h\n"
                     "EndedJobsKept=13\n"
                     "MaxCredentialMiBPerUser=5\n"
                     "AllowPrograms=no\n"
                     "AllowRootPrograms=off\n"
                     "[Transfer]\n"
                     "ConnectTimeout=14\n"
                     "NoProgressStall=15m\n"
                     "MaxRedirects=16\n"
                     "ConnectionsPerHost=17\n"
                     "UserAgent=mirror/1.0 (nightly)\n"
                     "CABundle=/etc/ssl/private ca.pem\n"
                     "HttpProxy=http://proxy.example:3128\n"
                     "HttpsProxy=proxy2.example\n"
                     "NoProxy=localhost, .example\n"
                     "[Service]\n"
                     "IdleExitSec=0\n"
                     "ProgramTimeout=15m\n"
                     "LogLevel=debug\n");
        assert_int_equal(f->warnings_len, 0);
        assert_int_equal(p->max_jobs_per_machine, 301);
        assert_int_equal(p->max_jobs_per_user, 61);
        assert_int_equal(p->max_files_per_job, 201);
        assert_int_equal(p->job_inactivity_sec, 2 * DAY_SEC);
        assert_int_equal(p->max_download_time_sec, 54000);
        assert_int_equal(p->time_slice_sec, 30);
        assert_int_equal(p->background_jobs, 7);
        assert_int_equal(p->foreground_jobs, 8);
        assert_int_equal(p->files_in_flight_foreground, 9);
        assert_int_equal(p->files_in_flight_background, 10);
        assert_int_equal(p->checkpoint_usec, 11 * USEC_PER_SEC);
        assert_int_equal(p->tombstone_sec, 7200);
        assert_int_equal(p->tombstones_max, 13);
        assert_int_equal(p->sealed_bytes_per_user, 5 << 20);
        assert_false(p->allow_programs);
        assert_false(p->allow_root_programs);
        assert_int_equal(f->config.service.program_timeout_sec, 900);
        assert_int_equal(t->connect_timeout_sec, 14);
        assert_int_equal(t->stall_timeout_sec, 900);
        assert_int_equal(t->redirects_max, 16);
        assert_int_equal(t->connections_per_host, 17);
        assert_string_equal(t->user_agent, "mirror/1.0 (nightly)");
        assert_string_equal(t->ca_bundle, "/etc/ssl/private ca.pem");
        assert_string_equal(t->http_proxy, "http://proxy.example:3128");
        assert_string_equal(t->https_proxy, "proxy2.example");
        assert_string_equal(t->no_proxy, "localhost, .example");
        assert_int_equal(f->config.service.idle_exit_sec, 0);
        assert_int_equal(f->config.service.log_level, LOG_DEBUG);
}

/* Each setting of the table refuses nonsense, says where, and keeps what it had. */
static void every_setting_refuses_nonsense(void **state)
{
        const char *section, *key;
        Fixture *f = *state;
        Config before;

        read_text(f, "");
        before = f->config;
        f->loaded = false; /* `before` owns it now */
        for (size_t n = 0; config_describe(n, &section, &key); n++) {
                char text[256], at[PATH_BYTES];

                (void) snprintf(text, sizeof(text), "\n# two\n[%s]\n%s=\x01nonsense\n", section,
                                key);
                read_text(f, text);
                (void) snprintf(at, sizeof(at), "%s/bitsd.conf:4: %s=\\x01nonsense is ", f->dir,
                                key);
                assert_int_equal(f->warnings_len, 1);
                assert_warned(f, 0, at);
                assert_configs_alike(&before, &f->config);
                assert_true(f->config.service.idle_exit_sec == CONFIG_IDLE_EXIT_UNSET);
                assert_int_equal(f->config.service.log_level, CONFIG_LOG_LEVEL_UNSET);
        }
        config_done(&before);
}

static void ranges_are_kept(void **state)
{
        static const struct {
                const char *line;
                bool good;
        } cases[] = {
                {"MaxJobsPerMachine=4294967200", true},
                {"MaxJobsPerMachine=4294967201", false},
                {"MaxJobsPerMachine=0", false},
                {"MaxJobsPerMachine=-1", false},
                {"MaxJobsPerMachine= 5", true},
                {"MaxJobsPerMachine=5 ; a comment", true},
                {"MaxJobsPerMachine=5x", false},
                {"MaxJobsPerMachine=", false},
                {"MaxJobsPerMachine=99999999999999999999999", false},
                {"JobInactivityTimeout=1", true},
                {"JobInactivityTimeout=0", false},
                {"JobInactivityTimeout=999", true},
                {"JobInactivityTimeout=1000", false},
                {"MaxDownloadTime=2147483648", true},
                {"MaxDownloadTime=2147483649", false},
                {"MaxDownloadTime=0", false},
                {"MaxDownloadTime=99999999999d", false},
                {"TimeSlice=1d", true},
                {"TimeSlice=86401", false},
                {"BackgroundFilesInFlight=64", true},
                {"BackgroundFilesInFlight=65", false},
                {"CheckpointInterval=0", true},
                {"CheckpointInterval=3601", false},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char text[256];

                (void) snprintf(text, sizeof(text), "[Policy]\n%s\n", cases[i].line);
                read_text(f, text);
                if ((f->warnings_len == 0) != cases[i].good)
                        fail_msg("%s: %s", cases[i].line, f->warnings_len ? f->warnings[0] : "");
        }
}

static void count_may_be_unlimited_and_others_not(void **state)
{
        Fixture *f = *state;

        read_text(f, "[Policy]\nMaxJobsPerUser=unlimited\nBackgroundJobs=unlimited\n");
        assert_int_equal(f->config.policy.max_jobs_per_user, UINT32_MAX);
        assert_int_equal(f->config.policy.background_jobs, 1);
        assert_int_equal(f->warnings_len, 1);
        assert_warned(f, 0, ":3: BackgroundJobs=unlimited");
}

static void later_files_win_in_the_order_of_their_names(void **state)
{
        Fixture *f = *state;

        write_text(f, "bitsd.conf", "[Policy]\nTimeSlice=1\nBackgroundJobs=2\nForegroundJobs=3\n");
        write_text(f, "bitsd.conf.d/50-b.conf", "[Policy]\nTimeSlice=50\nBackgroundJobs=50\n");
        write_text(f, "bitsd.conf.d/10-a.conf", "[Policy]\nTimeSlice=10\nForegroundJobs=10\n");
        write_text(f, "bitsd.conf.d/90-c.disabled", "[Policy]\nTimeSlice=90\n");
        write_text(f, "bitsd.conf.d/.hidden.conf", "[Policy]\nTimeSlice=91\n");
        write_text(f, "user.conf", "[Policy]\nBackgroundJobs=99\n");
        read_config(f);
        assert_int_equal(f->warnings_len, 0);
        assert_int_equal(f->config.policy.time_slice_sec, 50);
        assert_int_equal(f->config.policy.background_jobs, 99);
        assert_int_equal(f->config.policy.foreground_jobs, 10);
}

static void file_given_by_hand_is_the_only_one(void **state)
{
        char path[PATH_BYTES];
        Fixture *f = *state;

        write_text(f, "bitsd.conf", "[Policy]\nTimeSlice=1\n");
        write_text(f, "user.conf", "[Policy]\nBackgroundJobs=99\n");
        write_text(f, "mine.ini", "[Policy]\nForegroundJobs=5\n");
        (void) snprintf(path, sizeof(path), "%s/mine.ini", f->dir);
        f->source.only_file = path;
        read_config(f);
        assert_int_equal(f->config.policy.time_slice_sec, 300);
        assert_int_equal(f->config.policy.background_jobs, 1);
        assert_int_equal(f->config.policy.foreground_jobs, 5);
}

static void file_given_by_hand_must_be_there(void **state)
{
        char path[PATH_BYTES];
        Fixture *f = *state;

        (void) snprintf(path, sizeof(path), "%s/absent.ini", f->dir);
        f->source.only_file = path;
        assert_int_equal(config_read(&f->source, &f->config), -ENOENT);
        assert_int_equal(f->warnings_len, 1);
        assert_warned(f, 0, "absent.ini");
        f->source.only_file = f->dir;
        assert_int_equal(config_read(&f->source, &f->config), -EISDIR);
}

static void other_files_that_cannot_be_read_are_only_warned_of(void **state)
{
        char path[PATH_BYTES];
        Fixture *f = *state;

        (void) snprintf(path, sizeof(path), "%s/bitsd.conf", f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        write_text(f, "user.conf", "[Policy]\nBackgroundJobs=9\n");
        read_config(f);
        assert_int_equal(f->warnings_len, 1);
        assert_warned(f, 0, "/bitsd.conf: ");
        assert_int_equal(f->config.policy.background_jobs, 9);
}

static void names_may_be_written_in_any_case_and_indented(void **state)
{
        Fixture *f = *state;

        read_text(f, "\xef\xbb\xbf  [POLICY]\r\n\ttimeslice = 7\r\n    backgroundjobs : 8\r\n");
        assert_int_equal(f->warnings_len, 0);
        assert_int_equal(f->config.policy.time_slice_sec, 7);
        assert_int_equal(f->config.policy.background_jobs, 8);
}

static void strange_lines_are_named_and_the_rest_is_read(void **state)
{
        Fixture *f = *state;
        char text[2000], long_value[400];

        memset(long_value, 'x', sizeof(long_value) - 1);
        long_value[sizeof(long_value) - 1] = '\0';
        (void) snprintf(text, sizeof(text),
                        "TimeSlice=5\n"       /* 1: in no section */
                        "[Policy\n"           /* 2 */
                        "[Policy]\n"          /* 3 */
                        "gibberish\n"         /* 4 */
                        "MaxJobsPerUsr=5\n"   /* 5 */
                        "UserAgent=x\n"       /* 6: of another section */
                        "=5\n"                /* 7 */
                        "# %s\n"              /* 8: a long comment is none of our business */
                        "BackgroundJobs=%s\n" /* 9 */
                        "[Polici\x1b]\n"      /* 10 */
                        "TimeSlice=6\n"       /* 11 */
                        "[Policy]\n"
                        "TimeSlice=7", /* no newline at the end */
                        long_value, long_value);
        read_text(f, text);
        assert_int_equal(f->warnings_len, 8);
        assert_warned(f, 0, ":1: unknown setting TimeSlice in section []");
        assert_warned(f, 1, ":2: not understood");
        assert_warned(f, 2, ":4: not understood");
        assert_warned(f, 3, ":5: unknown setting MaxJobsPerUsr in section [Policy]");
        assert_warned(f, 4, ":6: unknown setting UserAgent in section [Policy]");
        assert_warned(f, 5, ":7: unknown setting  in section [Policy]");
        assert_warned(f, 6, ":9: longer than 198 bytes");
        assert_warned(f, 7, ":11: unknown setting TimeSlice in section [Polici\\x1b]");
        assert_int_equal(f->config.policy.time_slice_sec, 7);
        assert_int_equal(f->config.policy.background_jobs, 1);
}

static void lists_grow_and_begin_anew(void **state)
{
        Fixture *f = *state;

        write_text(f, "bitsd.conf", "[Transfer]\nNoProxy=a.example\nNoProxy=b.example,c.example\n");
        read_config(f);
        assert_string_equal(f->config.transfer.no_proxy, "a.example,b.example,c.example");
        write_text(f, "user.conf", "[Transfer]\nNoProxy=\nNoProxy=d.example\n");
        read_config(f);
        assert_string_equal(f->config.transfer.no_proxy, "d.example");
        assert_int_equal(f->warnings_len, 0);
}

static void list_has_an_end(void **state)
{
        Fixture *f = *state;
        char text[30000] = "[Transfer]\n";
        size_t len = strlen(text);

        while (len < 20000)
                len += (size_t) snprintf(text + len, sizeof(text) - len, "NoProxy=%0150u.example\n",
                                         1u);
        read_text(f, text);
        assert_true(f->warnings_len > 0);
        assert_warned(f, 0, "out of range");
        assert_true(strlen(f->config.transfer.no_proxy) <= 16000);
}

static void empty_text_means_not_set(void **state)
{
        Fixture *f = *state;

        read_text(f, "[Transfer]\nUserAgent=x\nUserAgent=\nCABundle=/a\nCABundle=\n");
        assert_null(f->config.transfer.user_agent);
        assert_null(f->config.transfer.ca_bundle);
        read_text(f, "[Transfer]\nCABundle=relative.pem\n");
        assert_int_equal(f->warnings_len, 1);
        assert_null(f->config.transfer.ca_bundle);
}

static void huge_and_binary_files_are_refused(void **state)
{
        enum { HUGE = 2 * 1024 * 1024 };
        _cleanup_free_ char *huge = mem_alloc(HUGE + 1);
        _cleanup_close_ int fd = -1;
        char path[PATH_BYTES];
        Fixture *f = *state;

        memset(huge, '#', HUGE);
        huge[HUGE] = '\0';
        read_text(f, huge);
        assert_int_equal(f->warnings_len, 1);

        (void) snprintf(path, sizeof(path), "%s/bitsd.conf", f->dir);
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, "[Policy]\nTimeSlice=\0007\n", 22), 0);
        read_config(f);
        assert_int_equal(f->warnings_len, 1);
        assert_int_equal(f->config.policy.time_slice_sec, 300);
}

/* The sample shows each setting with its default: enabled, it changes nothing. */
static void sample_shows_every_setting_with_its_default(void **state)
{
        _cleanup_free_ char *sample = NULL;
        const char *section, *key;
        Fixture *f = *state;
        Config defaults;
        size_t settings = 0, shown = 0;

        read_text(f, "");
        defaults = f->config;
        f->loaded = false; /* `defaults` owns it now */

        assert_int_equal(fd_read_file(SAMPLE_PATH, 65536, &sample), 0);
        read_text(f, sample);
        assert_int_equal(f->warnings_len, 0);
        for (char *p = sample; (p = strchr(p, '#')); p++)
                if ((p == sample || p[-1] == '\n') && p[1] >= 'A' && p[1] <= 'Z') {
                        *p = ' ';
                        shown++;
                }
        read_text(f, sample);
        if (f->warnings_len > 0)
                fail_msg("%s", f->warnings[0]);
        assert_configs_alike(&defaults, &f->config);
        assert_int_equal(f->config.service.log_level, LOG_INFO);
        assert_int_equal(f->config.service.idle_exit_sec, 60);

        for (; config_describe(settings, &section, &key); settings++) {
                char line[80];

                (void) snprintf(line, sizeof(line), "\n %s=", key);
                if (!strstr(sample, line))
                        fail_msg("%s is not in the sample", key);
        }
        assert_int_equal(shown, settings);
        config_done(&defaults);
}

static void switches_are_yes_or_no_in_many_words(void **state)
{
        static const struct {
                const char *word;
                int value; /* -1: none */
        } cases[] = {
                {"yes", 1}, {"TRUE", 1}, {"On", 1}, {"1", 1}, {"no", 0}, {"false", 0},
                {"OFF", 0}, {"0", 0},    {"2", -1}, {"", -1}, {"y", -1}, {"yes no", -1},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char text[128];

                /* The other way round first, so that the word has something to change. */
                (void) snprintf(text, sizeof(text),
                                "[Policy]\nAllowPrograms=%s\nAllowPrograms=%s\n",
                                cases[i].value == 1 ? "no" : "yes", cases[i].word);
                read_text(f, text);
                assert_int_equal(f->config.policy.allow_programs, cases[i].value != 0);
                assert_int_equal(f->warnings_len, cases[i].value < 0);
        }
}

static void programs_have_a_time(void **state)
{
        Fixture *f = *state;

        read_text(f, "");
        assert_int_equal(f->config.service.program_timeout_sec, 3600);
        read_text(f, "[Service]\nProgramTimeout=30d\n");
        assert_int_equal(f->config.service.program_timeout_sec, 30 * DAY_SEC);
        read_text(f, "[Service]\nProgramTimeout=0\n"); /* there is no "for ever" */
        assert_int_equal(f->warnings_len, 1);
        assert_int_equal(f->config.service.program_timeout_sec, 3600);
        read_text(f, "[Service]\nProgramTimeout=31d\n");
        assert_int_equal(f->warnings_len, 1);
}

static void ignore_warning(void *ctx, const char *text)
{
        (void) ctx;
        (void) text;
}

/* The sample, its settings switched on, with bytes changed at random: whatever comes out is within
 * the ranges. */
static void mutilated_files_do_no_harm(void **state)
{
        _cleanup_free_ char *sample = NULL;
        Fixture *f = *state;
        uint64_t random = 7;
        size_t len;

        assert_int_equal(fd_read_file(SAMPLE_PATH, 65536, &sample), 0);
        for (char *p = sample; (p = strchr(p, '#')); p++)
                if (p[1] >= 'A' && p[1] <= 'Z')
                        *p = ' ';
        len = strlen(sample);
        f->source.warn = ignore_warning;
        for (unsigned round = 0; round < 1000; round++) {
                _cleanup_free_ char *bad = mem_strdup(sample);

                for (unsigned i = 0; i < 40; i++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        bad[(random >> 33) % len] = (char) MAX((random >> 20) & 0xff, 1u);
                }
                read_text(f, bad);
                assert_in_range(f->config.policy.files_in_flight_foreground, 1, 64);
                assert_in_range(f->config.policy.job_inactivity_sec, DAY_SEC, 999 * DAY_SEC);
                assert_in_range(f->config.transfer.connect_timeout_sec, 1, 3600);
                assert_true(!f->config.transfer.ca_bundle ||
                            f->config.transfer.ca_bundle[0] == '/');
        }
}

static void limits_go_where_they_belong(void **state)
{
        const LimitPolicy *p;
        Fixture *f = *state;

        read_text(f, "[Bandwidth]\nEnableBITSMaxBandwidth=1\nMaxTransferRateOnSchedule=0\n"
                     "MaxBandwidthValidFrom=22\nMaxBandwidthValidTo=6\nUseSystemMaximum=no\n"
                     "MaxTransferRateOffSchedule=4294967200\nEnableBandwidthLimits=yes\n"
                     "EnableMaintenanceLimits=yes\nIgnoreBandwidthLimitsOnLan=yes\n"
                     "Metered=yes\nRunOnMeteredLow=no\nRunOnBatteryHigh=no\n"
                     "Background=off\nControlLoopback=yes\nLineDown=20000\nLineUp=8\n"
                     "[WorkSchedule]\nStartDay=0\nEndDay=6\nStartHour=1\nEndHour=23\n"
                     "HighBandwidthLimit=5\nHighBandwidthType=2\n"
                     "[NonWorkSchedule]\nNormalBandwidthLimit=6\nNormalBandwidthType=1\n"
                     "[MaintenanceSchedule]\nStartDay=3\nLowBandwidthLimit=7\n"
                     "LowBandwidthType=2\n");
        assert_int_equal(f->warnings_len, 0);
        p = &f->config.policy.limits;
        assert_true(p->daily && p->week && p->maintenance && p->lan_exempt);
        assert_false(p->daily_off_unlimited);
        assert_int_equal(p->daily_kbps, 0);
        assert_int_equal(p->daily_from, 22);
        assert_int_equal(p->daily_to, 6);
        assert_int_equal(p->daily_off_kbps, 4294967200u);
        assert_int_equal(p->work.end_day, 6);
        assert_int_equal(p->work.end_hour, 23);
        assert_int_equal(p->work_rate[BG_JOB_PRIORITY_HIGH].amount, 5);
        assert_int_equal(p->work_rate[BG_JOB_PRIORITY_HIGH].unit, LIMIT_MBPS);
        assert_int_equal(p->off_rate[BG_JOB_PRIORITY_NORMAL].unit, LIMIT_KBPS);
        assert_int_equal(p->maintenance_window.start_day, 3);
        assert_int_equal(p->maintenance_rate[BG_JOB_PRIORITY_LOW].amount, 7);
        assert_int_equal(f->config.metered, METERED_YES);
        assert_false(f->config.policy.run_on_metered[BG_JOB_PRIORITY_LOW]);
        assert_true(f->config.policy.run_on_metered[BG_JOB_PRIORITY_HIGH]);
        assert_false(f->config.policy.run_on_battery[BG_JOB_PRIORITY_HIGH]);
        assert_false(f->config.transfer.adapt);
        assert_true(f->config.transfer.control_loopback);
        assert_int_equal(f->config.transfer.line_bps_down, 2500000);
        assert_int_equal(f->config.transfer.line_bps_up, 1000);
}

static void senseless_limits_change_nothing(void **state)
{
        Fixture *f = *state;

        read_text(f, "[Bandwidth]\nMaxBandwidthValidFrom=24\nMaxTransferRateOnSchedule=-1\n"
                     "Metered=perhaps\nBackground=on\n[WorkSchedule]\nEndDay=7\n"
                     "HighBandwidthType=0\nHighBandwidthType=4\n");
        assert_int_equal(f->warnings_len, 7);
        assert_int_equal(f->config.policy.limits.daily_from, 8);
        assert_int_equal(f->config.policy.limits.work.end_day, 5);
        assert_int_equal(f->config.policy.limits.work_rate[BG_JOB_PRIORITY_HIGH].unit, LIMIT_NONE);
        assert_int_equal(f->config.metered, METERED_AUTO);
        assert_true(f->config.transfer.adapt);
}

static void usual_places_are_found(void **state)
{
        char path[PATH_BYTES];
        Fixture *f = *state;

        (void) snprintf(path, sizeof(path), "%s/bitsd", f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        write_text(f, "bitsd/bitsd.conf", "[Policy]\nTimeSlice=77\n");
        assert_int_equal(setenv("XDG_CONFIG_HOME", f->dir, 1), 0);
        assert_int_equal(config_load(NULL, &f->config), 0);
        f->loaded = true;
        assert_int_equal(f->config.policy.time_slice_sec, 77);

        (void) snprintf(path, sizeof(path), "%s/.config", f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        (void) snprintf(path, sizeof(path), "%s/.config/bitsd", f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        write_text(f, ".config/bitsd/bitsd.conf", "[Policy]\nTimeSlice=78\n");
        assert_int_equal(setenv("XDG_CONFIG_HOME", "relative", 1), 0);
        assert_int_equal(setenv("HOME", f->dir, 1), 0);
        config_done(&f->config);
        assert_int_equal(config_load(NULL, &f->config), 0);
        assert_int_equal(f->config.policy.time_slice_sec, 78);

        config_done(&f->config);
        f->loaded = false;
        (void) snprintf(path, sizeof(path), "%s/bitsd/bitsd.conf", f->dir);
        assert_int_equal(config_load(path, &f->config), 0);
        f->loaded = true;
        assert_int_equal(f->config.policy.time_slice_sec, 77);
}

static void memory_shortage_is_reported(void **state)
{
        Fixture *f = *state;
        bool struck = true;

        write_text(f, "bitsd.conf", "[Transfer]\nUserAgent=x\nNoProxy=a\nNoProxy=b\nCABundle=/c\n");
        write_text(f, "bitsd.conf.d/a.conf", "[Transfer]\nHttpProxy=x\n");
        write_text(f, "user.conf", "[Transfer]\nUserAgent=\n");
        for (uint64_t n = 1; struck; n++) {
                Config config;
                int r;

                mem_fail_nth(n);
                r = config_read(&f->source, &config);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
                if (r == 0)
                        config_done(&config);
        }
        assert_int_equal(f->warnings_len, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make_fixture, remove_fixture)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(without_files_the_defaults_hold),
                CASE(every_setting_is_taken),
                CASE(every_setting_refuses_nonsense),
                CASE(ranges_are_kept),
                CASE(count_may_be_unlimited_and_others_not),
                CASE(later_files_win_in_the_order_of_their_names),
                CASE(file_given_by_hand_is_the_only_one),
                CASE(file_given_by_hand_must_be_there),
                CASE(other_files_that_cannot_be_read_are_only_warned_of),
                CASE(names_may_be_written_in_any_case_and_indented),
                CASE(strange_lines_are_named_and_the_rest_is_read),
                CASE(lists_grow_and_begin_anew),
                CASE(list_has_an_end),
                CASE(empty_text_means_not_set),
                CASE(huge_and_binary_files_are_refused),
                CASE(sample_shows_every_setting_with_its_default),
                CASE(switches_are_yes_or_no_in_many_words),
                CASE(programs_have_a_time),
                CASE(mutilated_files_do_no_harm),
                CASE(limits_go_where_they_belong),
                CASE(senseless_limits_change_nothing),
                CASE(usual_places_are_found),
                CASE(memory_shortage_is_reported),
        };

        return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
