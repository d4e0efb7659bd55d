/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/peer.h"

#include <errno.h>
#include <sys/socket.h>

int peer_of_socket(int fd, Peer *ret)
{
        struct ucred cred;
        socklen_t len = sizeof(cred);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
                return -errno;
        /* What the kernel gives for a socket that was never connected. */
        if (len != sizeof(cred) || cred.uid == (uid_t) -1 || cred.gid == (gid_t) -1)
                return -ENODATA;
        *ret = (Peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
        return 0;
}
