/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/file_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Newer than the headers of the oldest system that we build on. */
#define FS_TRUNCATE (1ULL << 14)        /* ABI 3 */
#define NET_BIND_TCP (1ULL << 0)        /* ABI 4 */
#define FS_IOCTL_DEV (1ULL << 15)       /* ABI 5 */
#define SCOPE_ABSTRACT_UNIX (1ULL << 0) /* ABI 6 */
#define SCOPE_SIGNAL (1ULL << 1)

typedef struct RulesetAttr { /* struct landlock_ruleset_attr of ABI 6 */
        uint64_t fs;
        uint64_t net;
        uint64_t scoped;
} RulesetAttr;

#define RULESET_BYTES_ABI_1 sizeof(uint64_t)
#define RULESET_BYTES_ABI_4 (2 * sizeof(uint64_t))

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                     \
        (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                             \
         LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                            \
         LANDLOCK_ACCESS_FS_REMOVE_DIR | FS_TRUNCATE)
#define SPECIALS                                                                                   \
        (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                            \
         LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | FS_IOCTL_DEV)
/* What can be given to something that is not a directory. */
#define OF_FILES                                                                                   \
        (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
         LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

static uint64_t rights_of(unsigned rights)
{
        uint64_t bits = 0;

        if (rights & FILE_READS)
                bits |= READS;
        if (rights & FILE_WRITES)
                bits |= WRITES;
        if (rights & FILE_RUNS)
                bits |= LANDLOCK_ACCESS_FS_EXECUTE;
        if (rights & FILE_SOCKETS)
                bits |= LANDLOCK_ACCESS_FS_MAKE_SOCK;
        if (rights & FILE_SPECIALS)
                bits |= SPECIALS;
        return bits;
}

int file_rules_new(FileRules *ret, unsigned handled, bool allow_tcp_bind)
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        RulesetAttr attr = {.fs = rights_of(handled)};
        size_t bytes = RULESET_BYTES_ABI_1;
        int fd;

        *ret = (FileRules){.fd = -1};
        if (abi < 1)
                return 1;
        if (abi < 3)
                attr.fs &= ~FS_TRUNCATE;
        if (abi < 5)
                attr.fs &= ~FS_IOCTL_DEV;
        if (abi >= 2) /* refused wherever it is not given, whether one handles it or not */
                attr.fs |= LANDLOCK_ACCESS_FS_REFER;
        if (abi >= 4) {
                attr.net = allow_tcp_bind ? 0 : NET_BIND_TCP;
                bytes = RULESET_BYTES_ABI_4;
        }
        if (abi >= 6) {
                attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
                bytes = sizeof(attr);
        }
        fd = (int) syscall(SYS_landlock_create_ruleset, &attr, bytes, 0);
        if (fd < 0)
                return -errno;
        *ret = (FileRules){.fd = fd, .abi = (int) abi, .handled = attr.fs};
        return 0;
}

void file_rules_done(FileRules *r)
{
        close_fdp(&r->fd);
        r->fd = -1;
}

int file_rules_add(FileRules *r, const char *path, unsigned rights)
{
        _cleanup_close_ int fd = -1;
        struct landlock_path_beneath_attr rule;
        struct stat st;

        if (r->fd < 0)
                return 0;
        fd = open(path, O_PATH | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        rule.parent_fd = fd;
        rule.allowed_access = (rights_of(rights) | LANDLOCK_ACCESS_FS_REFER) & r->handled;
        if (!S_ISDIR(st.st_mode))
                rule.allowed_access &= OF_FILES;
        if (rule.allowed_access == 0)
                return 0;
        if (syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                return -errno;
        return 0;
}

int file_rules_enter(const FileRules *r)
{
        if (r->fd < 0)
                return 0;
        return syscall(SYS_landlock_restrict_self, r->fd, 0) < 0 ? -errno : 0;
}
