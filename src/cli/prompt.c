#include "cli/prompt.h"

#include "base/bits.h"
#include "base/file.h"
#include "cli/terminal.h"
#include "formats/npy.h"

enum hn_status hn_prompt_read(const struct hn_prompt_source *source, struct hn_buf *out,
                              struct hn_error *err)
{
    if (source->text) {
        if (hn_buf_text(out, source->text) < 0) return hn_fail_nomem(err, "prompt", out->n);
        return HN_OK;
    }
    if (!source->file && hn_terminal_is(stdin))
        return hn_fail(err, HN_E_ARG,
                       "there is no prompt: give it as a word, with -p, or on standard input");
    return hn_file_read(source->file ? source->file : "-", HN_TOKENIZE_MAX_BYTES, out, err);
}

/* Element i of an integer array; false when it is no token id of any vocabulary. */
static bool element(const struct hn_npy *array, size_t i, int32_t *out)
{
    const unsigned char *p = (const unsigned char *)array->data + i * array->item_bytes;
    uint64_t bits = 0;
    memcpy(&bits, p, array->item_bytes);
    const unsigned unused = 64 - 8 * (unsigned)array->item_bytes;
    const int64_t value = array->kind == 'i' ? (int64_t)(bits << unused) >> unused
                          : bits > INT32_MAX ? -1
                                             : (int64_t)bits;
    if (value < 0 || value > INT32_MAX) return false;
    *out = (int32_t)value;
    return true;
}

static enum hn_status copy_ids(const struct hn_npy *array, const char *path, struct hn_tokens *out,
                               struct hn_error *err)
{
    const bool flat = array->n_dims == 1 || (array->n_dims == 2 && array->shape[0] == 1);
    if ((array->kind != 'i' && array->kind != 'u') || !flat)
        return hn_fail(err, HN_E_ARG, "%s: token ids are integers in one dimension", path);
    for (size_t i = 0; i < array->n; i++) {
        int32_t id;
        if (!element(array, i, &id))
            return hn_fail(err, HN_E_ARG, "%s: element %zu is no token id", path, i);
        if (hn_tokens_add(out, id) < 0) return hn_fail_nomem(err, "ids", array->n * sizeof id);
    }
    return HN_OK;
}

enum hn_status hn_prompt_read_ids(const char *path, struct hn_tokens *out, struct hn_error *err)
{
    struct hn_map map;
    struct hn_npy array;
    HN_TRY(hn_map_open(path, &map, err));
    const struct hn_str bytes = hn_map_view(&map);
    enum hn_status status = hn_npy_parse(bytes, path, &array, err);
    if (status >= 0) status = copy_ids(&array, path, out, err);
    hn_map_close(&map);
    return status;
}
