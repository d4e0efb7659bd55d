/* SPDX-License-Identifier: Apache-2.0 */
/* The table of methods that every connection serves, made from ipc/methods.def, and the way from a
 * message to its handler and back. */
#pragma once

#include <systemd/sd-bus.h>

/* For ClientsOptions.vtable; the userdata of a connection is its Client, whose table's ctx is the
 * Service. */
const sd_bus_vtable *bus_server_vtable(void);
