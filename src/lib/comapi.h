/* SPDX-License-Identifier: Apache-2.0 */
/* What the library itself needs of bits_com.h. */
#pragma once

/* This thread is ours and runs code of the program: it counts as initialised, in the one apartment
 * that there is, and takes no part in the program's counting. */
void comapi_enter_library_thread(void);
