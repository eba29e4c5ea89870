/* Who is at the other end, and how many connections an address has. */
#ifndef HN_SERVER_HTTP_PEERS_H
#define HN_SERVER_HTTP_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/status.h"

struct hn_peer {
    char text[INET6_ADDRSTRLEN]; /* "unix" for a Unix socket */
    unsigned char key[16];       /* what is counted: an IPv4 address, or an IPv6 network of /64 */
    bool counted;
};

struct hn_peer_count;

/* Counts by address, for any thread. */
struct hn_peers {
    pthread_mutex_t lock;
    uint64_t seed;
    struct hn_peer_count **buckets;
};

enum hn_status hn_peers_init(struct hn_peers *peers, struct hn_error *err);
void hn_peers_free(struct hn_peers *peers);

void hn_peer_set(struct hn_peer *peer, const struct sockaddr_storage *address);
/* One connection more. Its number among those of the address, 0 when memory is out; Unix sockets are
 * not counted and are always the first. */
unsigned hn_peers_enter(struct hn_peers *peers, struct hn_peer *peer);
void hn_peers_leave(struct hn_peers *peers, struct hn_peer *peer);

#endif
