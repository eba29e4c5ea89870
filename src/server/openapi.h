/* The endpoints as an OpenAPI 3.1 document. */
#ifndef HN_SERVER_OPENAPI_H
#define HN_SERVER_OPENAPI_H

#include "text/json_write.h"

void hn_openapi_write(struct hn_json_writer *w);

#endif
