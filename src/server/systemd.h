/* The two protocols of systemd that a service speaks (sd_listen_fds(3), sd_notify(3)): a few lines
 * each, so libsystemd is not linked. Without systemd they do nothing. */
#ifndef HN_SERVER_SYSTEMD_H
#define HN_SERVER_SYSTEMD_H

/* The listening sockets that were passed, at most `max`; they are taken from the environment, so
 * children and later calls see none. Before other threads run. */
unsigned hn_systemd_sockets(int *fds, unsigned max);

/* "READY=1", "STOPPING=1", "STATUS=...", also several lines. */
void hn_systemd_notify(const char *state);

#endif
