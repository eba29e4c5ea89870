/* The configuration file of `hence serve`: YAML with a key for each of its options. */
#ifndef HN_CLI_SERVE_CONFIG_H
#define HN_CLI_SERVE_CONFIG_H

#include "cli/serve_options.h"

/*   host: 127.0.0.1
 *   port: 8080
 *   models:
 *     - name: small
 *       path: /srv/small.gguf
 *       context: 4096
 *
 * Keys are the long options; `models` is a list of mappings. Errors read "FILE:LINE: KEY: what is wrong". */
enum hn_status hn_serve_config(const char *path, struct hn_serve_options *options,
                               struct hn_error *err);

#endif
