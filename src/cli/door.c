#include "cli/door.h"

#include <stdio.h>

#include "cli/starter.h"
#include "model/open.h"

enum hn_status hn_door_path(const char *path, struct hn_buf *starter, const char **out,
                            struct hn_error *err)
{
    *out = path;
    if (path) return HN_OK;
    HN_TRY(hn_starter_find(starter, err));
    fprintf(stderr, "no -m: this is the starter model, %s\n", starter->p);
    *out = starter->p;
    return HN_OK;
}

enum hn_status hn_door_open(const char *path, struct hn_gguf **out, struct hn_error *err)
{
    struct hn_buf starter = {0};
    enum hn_status status = hn_door_path(path, &starter, &path, err);
    if (status >= 0) status = hn_model_open(path, out, err);
    hn_buf_free(&starter);
    return status;
}

enum hn_status hn_door_tokenizer(const struct hn_gguf *file, const char *path,
                                 struct hn_tokenizer **out, struct hn_error *err)
{
    const enum hn_status status = hn_model_tokenizer(file, out, err);
    return status < 0 ? hn_fail_in(err, status, "%s", path ? path : "the starter model") : status;
}

enum hn_status hn_door_print(struct hn_json_writer *w, struct hn_error *err)
{
    enum hn_status status = hn_buf_char(&w->out, '\n');
    if (w->out.failed) status = hn_fail_nomem(err, "JSON", w->out.n);
    else fwrite(w->out.p, 1, w->out.n, stdout);
    hn_buf_free(&w->out);
    return status;
}
