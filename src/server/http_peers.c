#include "server/http_peers.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/str.h"

enum { BUCKETS = 1024 };

struct hn_peer_count {
    struct hn_peer_count *next;
    unsigned char key[16];
    unsigned n;
};

enum hn_status hn_peers_init(struct hn_peers *peers, struct hn_error *err)
{
    *peers = (struct hn_peers){0};
    pthread_mutex_init(&peers->lock, NULL);
    HN_TRY(hn_random_bytes(&peers->seed, sizeof peers->seed, err));
    peers->buckets = calloc(BUCKETS, sizeof *peers->buckets);
    return peers->buckets ? HN_OK : hn_fail_nomem(err, "addresses", BUCKETS * sizeof(void *));
}

void hn_peers_free(struct hn_peers *peers)
{
    if (peers->buckets) pthread_mutex_destroy(&peers->lock);
    for (size_t i = 0; peers->buckets && i < BUCKETS; i++) {
        for (struct hn_peer_count *p = peers->buckets[i], *next; p; p = next) {
            next = p->next;
            free(p);
        }
    }
    free(peers->buckets);
    peers->buckets = NULL;
}

void hn_peer_set(struct hn_peer *peer, const struct sockaddr_storage *address)
{
    *peer = (struct hn_peer){.text = "unix"};
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, peer->text, sizeof peer->text);
        memcpy(peer->key, &in->sin_addr, 4);
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)address;
        const unsigned char *bytes = in->sin6_addr.s6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {
            inet_ntop(AF_INET, bytes + 12, peer->text, sizeof peer->text);
            memcpy(peer->key, bytes + 12, 4);
        } else {
            inet_ntop(AF_INET6, bytes, peer->text, sizeof peer->text);
            memcpy(peer->key, bytes, 8); /* a household has a /64 for itself */
            peer->key[15] = 6;
        }
    }
}

static struct hn_peer_count **find(struct hn_peers *peers, const struct hn_peer *peer)
{
    const struct hn_str key = {(const char *)peer->key, sizeof peer->key};
    struct hn_peer_count **at = &peers->buckets[hn_str_hash(key, peers->seed) % BUCKETS];
    while (*at && memcmp((*at)->key, peer->key, sizeof peer->key) != 0)
        at = &(*at)->next;
    return at;
}

unsigned hn_peers_enter(struct hn_peers *peers, struct hn_peer *peer)
{
    if (strcmp(peer->text, "unix") == 0) return 1;
    unsigned n = 0;
    pthread_mutex_lock(&peers->lock);
    struct hn_peer_count **at = find(peers, peer);
    if (!*at && (*at = calloc(1, sizeof **at))) memcpy((*at)->key, peer->key, sizeof peer->key);
    if (*at) n = ++(*at)->n;
    peer->counted = n > 0;
    pthread_mutex_unlock(&peers->lock);
    return n;
}

void hn_peers_leave(struct hn_peers *peers, struct hn_peer *peer)
{
    if (!peer->counted) return;
    peer->counted = false;
    pthread_mutex_lock(&peers->lock);
    struct hn_peer_count **at = find(peers, peer);
    struct hn_peer_count *count = *at;
    if (count && --count->n == 0) {
        *at = count->next;
        free(count);
    }
    pthread_mutex_unlock(&peers->lock);
}
