/* A model that predicts, told to people and to machines. */
#ifndef HN_CLI_INSPECT_PREDICT_H
#define HN_CLI_INSPECT_PREDICT_H

#include <stdbool.h>

#include "base/status.h"

enum hn_status hn_inspect_predict(const char *path, bool json, struct hn_error *err);

#endif
