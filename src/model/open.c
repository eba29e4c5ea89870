#include "model/open.h"

#include <stdio.h>
#include <sys/stat.h>

#include "model/encoder_config.h"
#include "model/hf_import.h"
#include "model/predictor.h"
#include "model/recommend/recommender.h"
#include "model/vocab_load.h"

enum hn_status hn_model_open(const char *path, struct hn_gguf **out, struct hn_error *err)
{
    struct stat st;
    *out = NULL;
    if (hn_recommender_is(path))
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "%s: a recommender, which hence recommend and hence serve take", path);
    if (hn_predictor_is(path))
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "%s: a model that predicts, which hence predict and hence serve take", path);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return hn_hf_open(path, out, err);
    return hn_gguf_open(path, out, err);
}

bool hn_model_is_encoder(const char *path)
{
    struct stat st;
    struct hn_gguf *file;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return hn_hf_is_encoder(path);
    if (hn_gguf_open(path, &file, NULL) < 0) return false;
    const bool is = hn_encoder_is(file);
    hn_gguf_close(file);
    return is;
}

enum hn_status hn_model_tokenizer(const struct hn_gguf *file, struct hn_tokenizer **out,
                                  struct hn_error *err)
{
    const enum hn_status status = hn_tokenizer_load(&file->meta, file->folder, out, err);
    if (status == HN_E_NOTFOUND && !file->folder.n)
        return hn_fail(err, status, "has no vocabulary");
    return status;
}

enum hn_status hn_model_template(const struct hn_gguf *file, const char *name, struct hn_str *out,
                                 struct hn_error *err)
{
    char key[256] = "tokenizer.chat_template";
    if (name && *name) snprintf(key, sizeof key, "tokenizer.chat_template.%s", name);
    const enum hn_status status = hn_meta_text(&file->meta, hn_str_from(key), out, err);
    if (status == HN_E_NOTFOUND)
        return hn_fail(err, HN_E_NOTFOUND, "the model has no chat template (key %s)", key);
    return status;
}
