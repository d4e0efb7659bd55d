/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of remote and local names, checked when a file is added (docs/design/engine.md has
 * the rules and their reasons). Pure text: nothing here looks at the file system or the network. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wintypes.h"

/* http, https and file:// URLs, and bare absolute paths. S_OK or E_INVALIDARG. */
HRESULT remote_name_check(const char *remote);
/* Absolute paths to a file. S_OK or E_INVALIDARG. */
HRESULT local_name_check(const char *local);

bool remote_name_is_http(const char *remote);
/* False for files of this machine and for loopback hosts: such a transfer needs no network. */
bool remote_name_needs_network(const char *remote);
/* Host without user information, port and brackets; "" for local files. Truncated to fit. */
void remote_name_host(const char *remote, char *host, size_t host_bytes);

/* Length of the directory part including its last slash: "/a/b" → 3. */
size_t local_name_dir_len(const char *local);
/* Two spellings of one name ("/a//b", "/a/./b") are the same. */
bool local_name_equal(const char *a, const char *b);
/* Equal names have equal hashes. */
uint64_t local_name_hash(const char *local, uint64_t seed);
