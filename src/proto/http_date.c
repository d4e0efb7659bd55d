/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http_date.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SEC_PER_DAY 86400
#define YEAR_MIN 1601
#define YEAR_MAX 9999
#define CENTURY_WINDOW_YEARS 50

static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char DAYS[] = "SunMonTueWedThuFriSat";
static const char *const LONG_DAYS[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

typedef struct CivilTime {
        int64_t year;
        int month; /* from 1 */
        int day;   /* from 1 */
        int hour, minute, second;
} CivilTime;

/* Days since 1970-01-01 of a day of the Gregorian calendar: years begin in March, so that the
 * leap day is the last one, and 400 years are always 146,097 days. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
        int64_t era, year_of_era, day_of_year;

        year -= month <= 2;
        era = (year >= 0 ? year : year - 399) / 400;
        year_of_era = year - era * 400;
        day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
               day_of_year - 719468;
}

static void civil_from_days(int64_t days, CivilTime *t)
{
        int64_t era, day_of_era, year_of_era, day_of_year, month;

        days += 719468;
        era = (days >= 0 ? days : days - 146096) / 146097;
        day_of_era = days - era * 146097;
        year_of_era =
                (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        month = (5 * day_of_year + 2) / 153;
        t->day = (int) (day_of_year - (153 * month + 2) / 5 + 1);
        t->month = (int) (month < 10 ? month + 3 : month - 9);
        t->year = year_of_era + era * 400 + (t->month <= 2);
}

static int days_in_month(int64_t year, int month)
{
        static const int8_t LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return LENGTHS[month - 1] + (month == 2 && leap);
}

/* Takes exactly `digits` digits off the text. */
static bool take_number(const char **s, int digits, int *ret)
{
        int value = 0;

        for (int i = 0; i < digits; i++) {
                if ((*s)[i] < '0' || (*s)[i] > '9')
                        return false;
                value = value * 10 + ((*s)[i] - '0');
        }
        *s += digits;
        *ret = value;
        return true;
}

static bool take_text(const char **s, const char *text)
{
        size_t len = strlen(text);

        if (strncmp(*s, text, len) != 0)
                return false;
        *s += len;
        return true;
}

/* One of the three-letter names; *ret counts from 0. */
static bool take_name(const char **s, const char *names, int *ret)
{
        for (int i = 0; names[i * 3] != '\0'; i++)
                if (strncmp(*s, names + (size_t) i * 3, 3) == 0) {
                        *s += 3;
                        *ret = i;
                        return true;
                }
        return false;
}

static bool take_month(const char **s, CivilTime *t)
{
        if (!take_name(s, MONTHS, &t->month))
                return false;
        t->month++;
        return true;
}

static bool take_clock(const char **s, CivilTime *t)
{
        return take_number(s, 2, &t->hour) && take_text(s, ":") && take_number(s, 2, &t->minute) &&
               take_text(s, ":") && take_number(s, 2, &t->second);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool parse_fixdate(const char *s, CivilTime *t)
{
        int day_name, year;

        if (!take_name(&s, DAYS, &day_name) || !take_text(&s, ", ") ||
            !take_number(&s, 2, &t->day) || !take_text(&s, " ") || !take_month(&s, t) ||
            !take_text(&s, " ") || !take_number(&s, 4, &year) || !take_text(&s, " ") ||
            !take_clock(&s, t) || !take_text(&s, " GMT"))
                return false;
        t->year = year;
        return *s == '\0';
}

static bool take_long_day(const char **s)
{
        for (size_t i = 0; i < ARRAY_LEN(LONG_DAYS); i++)
                if (take_text(s, LONG_DAYS[i]))
                        return true;
        return false;
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool parse_rfc850(const char *s, int64_t now_sec, CivilTime *t)
{
        CivilTime now;
        int year;

        if (!take_long_day(&s) || !take_text(&s, ", ") || !take_number(&s, 2, &t->day) ||
            !take_text(&s, "-") || !take_month(&s, t) || !take_text(&s, "-") ||
            !take_number(&s, 2, &year) || !take_text(&s, " ") || !take_clock(&s, t) ||
            !take_text(&s, " GMT"))
                return false;
        civil_from_days(now_sec / SEC_PER_DAY, &now);
        t->year = now.year - now.year % 100 + year;
        if (t->year > now.year + CENTURY_WINDOW_YEARS)
                t->year -= 100;
        return *s == '\0';
}

/* Sun Nov  6 08:49:37 1994 */
static bool parse_asctime(const char *s, CivilTime *t)
{
        int day_name, year;

        if (!take_name(&s, DAYS, &day_name) || !take_text(&s, " ") || !take_month(&s, t) ||
            !take_text(&s, " "))
                return false;
        if (!(take_text(&s, " ") ? take_number(&s, 1, &t->day) : take_number(&s, 2, &t->day)))
                return false;
        if (!take_text(&s, " ") || !take_clock(&s, t) || !take_text(&s, " ") ||
            !take_number(&s, 4, &year))
                return false;
        t->year = year;
        return *s == '\0';
}

/* The name of the day is not compared: the date says it already. 60 is a leap second. */
static bool civil_is_valid(const CivilTime *t)
{
        return t->year >= YEAR_MIN && t->year <= YEAR_MAX && t->day >= 1 &&
               t->day <= days_in_month(t->year, t->month) && t->hour <= 23 && t->minute <= 59 &&
               t->second <= 60;
}

int http_date_parse(const char *value, int64_t now_sec, int64_t *ret_sec)
{
        CivilTime t = {.month = 1};

        if (!parse_fixdate(value, &t) && !parse_rfc850(value, now_sec, &t) &&
            !parse_asctime(value, &t))
                return -EINVAL;
        if (!civil_is_valid(&t))
                return -EINVAL;
        *ret_sec = days_from_civil(t.year, t.month, t.day) * SEC_PER_DAY + t.hour * 3600 +
                   t.minute * 60 + t.second;
        return 0;
}

int http_date_format(int64_t sec, char text[HTTP_DATE_BYTES])
{
        int64_t days = sec / SEC_PER_DAY, rest = sec % SEC_PER_DAY;
        CivilTime t;
        int week_day;

        if (rest < 0) {
                rest += SEC_PER_DAY;
                days--;
        }
        if (days < days_from_civil(YEAR_MIN, 1, 1) || days > days_from_civil(YEAR_MAX, 12, 31))
                return -ERANGE;
        civil_from_days(days, &t);
        week_day = (int) (((days % 7) + 7 + 4) % 7); /* 1970-01-01 was a Thursday */
        (void) snprintf(text, HTTP_DATE_BYTES, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                        DAYS + (size_t) week_day * 3, t.day, MONTHS + (size_t) (t.month - 1) * 3,
                        (int) t.year, (int) (rest / 3600), (int) (rest / 60 % 60),
                        (int) (rest % 60)); /* fits: every number is in range */
        return 0;
}

int http_retry_after_parse(const char *value, int64_t now_sec, uint32_t *ret_sec)
{
        uint64_t number = 0;
        const char *s = value;
        int64_t date;

        while (*s >= '0' && *s <= '9') {
                number = MIN(number * 10 + (uint64_t) (*s - '0'), (uint64_t) UINT32_MAX);
                s++;
        }
        if (s > value && *s == '\0') {
                *ret_sec = (uint32_t) number;
                return 0;
        }
        if (http_date_parse(value, now_sec, &date) < 0)
                return -EINVAL;
        date = MAX(date - now_sec, (int64_t) 0);
        *ret_sec = (uint32_t) MIN(date, (int64_t) UINT32_MAX);
        return 0;
}
