/* SPDX-License-Identifier: Apache-2.0 */
/* power_cut FROM TO SEED: what a power cut may leave of the databases in FROM (lossy_vfs.h). */
#include <stdio.h>
#include <stdlib.h>

#include "lossy_vfs.h"

int main(int argc, char **argv)
{
        if (argc != 4) {
                (void) fprintf(stderr, "usage: power_cut FROM TO SEED\n");
                return 2;
        }
        lossy_cut(argv[1], argv[2], strtoull(argv[3], NULL, 10));
        return 0;
}
