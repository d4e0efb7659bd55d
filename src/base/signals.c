/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signals.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Past the C library, which refuses the two that it keeps for its threads: whoever started us may
 * have left them ignored. All zeros is SIG_DFL with no flags and an empty mask in the kernel's own
 * structure, which is no longer than this one. */
void signals_reset(void)
{
        static const struct sigaction standard = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int s = 1; s < _NSIG; s++)
                (void) syscall(SYS_rt_sigaction, s, &standard, NULL, (_NSIG - 1) / 8);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}
