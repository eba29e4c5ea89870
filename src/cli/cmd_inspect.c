#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/inspect.h"
#include "cli/inspect_plan.h"
#include "cli/inspect_predict.h"
#include "cli/options.h"
#include "engine/predict.h"
#include "model/vocab_load.h"

static const struct hn_opt items[] = {
    {"all", 'a', NULL, HN_OPT_FLAG, offsetof(struct hn_inspect_options, all),
     .help = "every tensor by itself and every array whole"},
    {"json", 0, NULL, HN_OPT_FLAG, offsetof(struct hn_inspect_options, json),
     .help = "the same as JSON"},
    {"quick", 0, NULL, HN_OPT_FLAG, offsetof(struct hn_inspect_options, quick),
     .help = "measure nothing: no estimate of speed"},
};
static const struct hn_opt_group groups[] = {
    {"Options", items, HN_COUNT(items), 0},
    {"Plan for", hn_session_items, HN_SESSION_ITEMS, offsetof(struct hn_inspect_options, session)},
};
static const struct hn_cli_spec spec = {
    .name = "inspect",
    .operands = "[PATH]",
    .max_operands = 1,
    .about =
        "Says what a model file holds and whether hence can run it here: metadata, vocabulary,\n"
        "tensors, the memory it takes, and the most that this machine's memory and arithmetic,\n"
        "measured for half a second, can make of it. Nothing of the weights is read.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more =
        "  hence inspect model.gguf\n"
        "  hence inspect --json model.gguf | jq .metadata\n"
        "  hence inspect -c 32768 --kv-type q8_0 model.gguf      # would that fit?\n"
        "\n"
        "Of a model that predicts (ONNX, XGBoost, LightGBM) it shows inputs, outputs and columns.\n"
        "Files that hold a vocabulary alone will do, and so will architectures that hence\n"
        "cannot run.",
};

static enum hn_status inspect(const struct hn_inspect_options *o, struct hn_error *err)
{
    struct hn_gguf *file;
    HN_TRY(hn_door_open(o->session.model, &file, err));
    struct hn_inspection in = {.path = o->session.model, .file = file};
    /* A file without a vocabulary, or with one that cannot be used, is shown all the same. */
    in.tokenizer_status =
        hn_tokenizer_load(&file->meta, file->folder, &in.tokenizer, &in.tokenizer_error);
    hn_inspect_plan(o, &in);
    enum hn_status status = HN_OK;
    if (o->json) status = hn_inspect_json(o, &in, err);
    else hn_inspect_text(o, &in);
    hn_tokenizer_destroy(in.tokenizer);
    hn_gguf_close(file);
    return status;
}

int hn_cmd_inspect(int argc, char **argv)
{
    struct hn_inspect_options o = {.session = hn_session_defaults()};
    struct hn_operands operands;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    if (operands.n && o.session.model)
        return hn_cli_wrong(&spec, "-m %s and %s: name one model", o.session.model,
                            operands.words[0]);
    if (operands.n) o.session.model = operands.words[0];
    struct hn_error err;
    if (o.session.model && hn_predict_is(o.session.model))
        return hn_cli_end(&spec, hn_inspect_predict(o.session.model, o.json, &err), &err);
    return hn_cli_end(&spec, inspect(&o, &err), &err);
}
