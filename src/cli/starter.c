#include "cli/starter.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/bits.h"

#define STARTER "starter-chat.gguf"

/* The folder of the running program. */
static bool program_folder(char out[4096])
{
    const ssize_t n = readlink("/proc/self/exe", out, 4095);
    if (n <= 0) return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash) return false;
    *slash = '\0';
    return true;
}

/* Whether `out` names a file that can be read; its name is then without detours. */
static bool is_there(struct hn_buf *out)
{
    char *straight = access(out->p, R_OK) == 0 ? realpath(out->p, NULL) : NULL;
    if (!straight) return false;
    hn_buf_clear(out);
    const bool good = hn_buf_text(out, straight) >= 0;
    free(straight);
    return good;
}

enum hn_status hn_starter_find(struct hn_buf *out, struct hn_error *err)
{
    static const char *const near[] = {"/../models/", "/../share/hence/models/"};
    char folder[4096];
    if (program_folder(folder)) {
        for (size_t i = 0; i < HN_COUNT(near); i++) {
            hn_buf_clear(out);
            if (hn_buf_printf(out, "%s%s%s", folder, near[i], STARTER) < 0)
                return hn_fail_nomem(err, "path", sizeof folder);
            if (is_there(out)) return HN_OK;
        }
    }
    hn_buf_clear(out);
    if (hn_buf_printf(out, "%s/%s", HN_MODEL_DIR, STARTER) < 0)
        return hn_fail_nomem(err, "path", sizeof HN_MODEL_DIR);
    if (is_there(out)) return HN_OK;
    return hn_fail(err, HN_E_NOTFOUND,
                   "name a model with -m FILE; the starter model is not installed (%s)", out->p);
}
