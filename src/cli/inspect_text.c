#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "cli/inspect.h"
#include "cli/inspect_plan.h"
#include "cli/show.h"
#include "cli/terminal.h"

enum { SHOWN_TEXT = 35, SHOWN_ITEMS = 3 };

static void heading(const char *text)
{
    const struct hn_style style = hn_terminal_style(stdout);
    printf("\n%s%s%s\n", style.bold, text, style.plain);
}

static void print_element(const struct hn_meta_array *array, size_t i)
{
    if (array->type == HN_META_STR) hn_show_quoted(stdout, array->texts[i], SHOWN_TEXT);
    else if (array->type == HN_META_F32 || array->type == HN_META_F64)
        printf("%.6g", hn_meta_array_float(array, i));
    else printf("%lld", (long long)hn_meta_array_int(array, i));
}

static void print_array(const struct hn_meta_array *array, bool all)
{
    const size_t shown = all ? array->n : hn_min(array->n, SHOWN_ITEMS);
    putchar('[');
    for (size_t i = 0; i < shown; i++) {
        if (i) fputs(", ", stdout);
        print_element(array, i);
    }
    if (shown < array->n) printf(", ... %zu in all", array->n);
    putchar(']');
}

static void print_value(const struct hn_meta_kv *kv, bool all)
{
    switch (kv->type) {
    case HN_META_STR: hn_show_quoted(stdout, kv->text, all ? SIZE_MAX : SHOWN_TEXT); break;
    case HN_META_ARRAY: print_array(&kv->array, all); break;
    case HN_META_BOOL: fputs(kv->u ? "true" : "false", stdout); break;
    case HN_META_F32:
    case HN_META_F64: printf("%.6g", kv->f); break;
    case HN_META_I8:
    case HN_META_I16:
    case HN_META_I32:
    case HN_META_I64: printf("%lld", (long long)kv->i); break;
    default: printf("%llu", (unsigned long long)kv->u); break;
    }
}

static void print_metadata(const struct hn_inspect_options *o, const struct hn_meta *meta)
{
    heading("Metadata");
    for (size_t i = 0; i < meta->n; i++) {
        printf("  %-*.*s ", 38, HN_FMT(meta->items[i].key));
        print_value(&meta->items[i], o->all);
        putchar('\n');
    }
}

static void print_special(const struct hn_tokenizer *tokenizer, const char *what, int32_t id)
{
    if (id < 0) return;
    printf("  %-15s %d ", what, id);
    hn_show_quoted(stdout, hn_tokenizer_text(tokenizer, id), SHOWN_TEXT);
    putchar('\n');
}

static void print_vocabulary(const struct hn_inspection *in)
{
    const struct hn_tokenizer *t = in->tokenizer;
    const struct hn_style style = hn_terminal_style(stdout);
    heading("Vocabulary");
    if (!t) {
        const bool none = in->tokenizer_status == HN_E_NOTFOUND && !in->file->folder.n;
        printf("  %s%s%s\n", style.bad, none ? "the file has none" : in->tokenizer_error.text,
               style.plain);
        return;
    }
    printf("  %-15s %zu\n", "tokens", hn_tokenizer_size(t));
    print_special(t, "begin of text", hn_tokenizer_bos(t));
    print_special(t, "end of text", hn_tokenizer_eos(t));
    print_special(t, "end of turn", hn_tokenizer_eot(t));
    print_special(t, "unknown", hn_tokenizer_unk(t));
    printf("  %-15s %s\n", "before a text",
           hn_tokenizer_adds_bos(t) ? "the begin-of-text token" : "nothing");
}

static void print_shape(const struct hn_tensor *t)
{
    char text[100];
    size_t n = 0;
    for (int d = 0; d < t->n_dims; d++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%zu", d ? " x " : "", t->ne[d]);
    printf("%-20s", text);
}

static void print_tensors(const struct hn_weights *weights)
{
    char size[HN_SHOW_BYTES];
    for (size_t i = 0; i < weights->n; i++) {
        const struct hn_tensor *t = &weights->items[i];
        printf("  %-34.*s %-7s", HN_FMT(t->name), hn_dtype_info(t->type)->name);
        print_shape(t);
        printf(" %9s\n", hn_show_size(size, (double)t->bytes));
    }
}

static void print_groups(const struct hn_weights *weights)
{
    struct hn_tensor_group *groups;
    size_t n;
    if (hn_tensor_groups(weights, &groups, &n, NULL) < 0) {
        print_tensors(weights);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct hn_tensor_group *g = &groups[i];
        char name[80], count[32] = "", size[HN_SHOW_BYTES];
        if (g->n > 1)
            snprintf(name, sizeof name, "%.*s*%.*s", (int)hn_min(g->before.n, 30), g->before.p,
                     (int)hn_min(g->after.n, 45), g->after.p);
        else
            snprintf(name, sizeof name, "%.*s", (int)hn_min(g->first->name.n, 78),
                     g->first->name.p);
        if (g->n > 1) snprintf(count, sizeof count, "  %zu times", g->n);
        printf("  %-34s %-7s", name, hn_dtype_info(g->first->type)->name);
        print_shape(g->first);
        printf(" %9s%s\n", hn_show_size(size, (double)g->bytes), count);
    }
    free(groups);
}

static void print_types(const struct hn_weights *weights)
{
    size_t bytes[HN_DTYPES] = {0};
    for (size_t i = 0; i < weights->n; i++)
        bytes[weights->items[i].type] += weights->items[i].bytes;
    const char *comma = "";
    for (int type = 0; type < HN_DTYPES; type++) {
        char size[HN_SHOW_BYTES];
        if (!bytes[type]) continue;
        printf("%s%s %s", comma, hn_show_size(size, (double)bytes[type]),
               hn_dtype_info((enum hn_dtype)type)->name);
        comma = ", ";
    }
}

static void print_weights(const struct hn_inspect_options *o, const struct hn_weights *weights)
{
    const struct hn_tensor_sum sum = hn_tensor_total(weights);
    char size[HN_SHOW_BYTES], count[HN_SHOW_BYTES];
    heading("Tensors");
    if (!weights->n) {
        puts("  none: this file holds metadata alone");
        return;
    }
    if (o->all) print_tensors(weights);
    else print_groups(weights);
    printf("  %zu tensors, %s parameters, %s", weights->n,
           hn_show_count(count, (double)sum.elements), hn_show_size(size, (double)sum.bytes));
    if (sum.elements) printf(", %.2f bits each", (double)sum.bytes * 8 / (double)sum.elements);
    fputs("\n  ", stdout);
    print_types(weights);
    putchar('\n');
}

static void print_title(const struct hn_inspection *in)
{
    const struct hn_style style = hn_terminal_style(stdout);
    struct hn_str arch = HN_STR("no architecture named"), name = {0};
    size_t bytes = 0;
    char size[HN_SHOW_BYTES];
    for (size_t i = 0; i < in->file->n_maps; i++)
        bytes += in->file->maps[i].size;
    (void)hn_meta_text(&in->file->meta, HN_STR("general.architecture"), &arch, NULL);
    (void)hn_meta_text(&in->file->meta, HN_STR("general.name"), &name, NULL);
    printf("%s%s%s\n", style.bold, in->path ? in->path : "starter model", style.plain);
    if (name.n) {
        fputs("  ", stdout);
        hn_show_quoted(stdout, name, SHOWN_TEXT);
        fputs(", ", stdout);
    } else fputs("  ", stdout);
    printf("%.*s, ", HN_FMT(arch));
    if (in->file->folder.n) fputs("Hugging Face directory", stdout);
    else printf("GGUF %u", in->file->version);
    printf(", %s", hn_show_size(size, (double)bytes));
    if (in->file->n_maps > 1) printf(" in %zu files", in->file->n_maps);
    putchar('\n');
}

void hn_inspect_text(const struct hn_inspect_options *o, const struct hn_inspection *in)
{
    print_title(in);
    print_metadata(o, &in->file->meta);
    print_vocabulary(in);
    print_weights(o, &in->file->weights);
    hn_inspect_plan_text(in);
}
