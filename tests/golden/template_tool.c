/* Renders templates for template_oracle.py: reads a JSON object a line, {"template": text, "variables":
 * {...}, "now": seconds}, and writes {"text": ...} or {"error": ..., "status": number}. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "text/json_write.h"
#include "text/template.h"

static enum hn_status render(const json_t *job, struct hn_buf *text, struct hn_error *err)
{
    struct hn_template *tpl;
    const struct hn_template_env env = {
        .now = (time_t)json_integer_value(json_object_get(job, "now"))};
    HN_TRY(
        hn_template_compile(hn_json_str(json_object_get(job, "template")), "template", &tpl, err));
    const enum hn_status status =
        hn_template_render(tpl, json_object_get(job, "variables"), &env, text, err);
    hn_template_destroy(tpl);
    return status;
}

static void answer(struct hn_str line)
{
    json_t *job = NULL;
    struct hn_buf text = {0};
    struct hn_error err = {0};
    struct hn_json_writer w = {0};
    enum hn_status status = hn_json_parse(line, "job", &job, &err);
    if (status >= 0) status = render(job, &text, &err);
    hn_json_open(&w, NULL, '{');
    if (status >= 0) {
        hn_json_put_text(&w, "text", hn_buf_view(&text));
    } else {
        hn_json_put_text(&w, "error", hn_str_from(err.text));
        hn_json_put_int(&w, "status", status);
    }
    hn_json_close(&w, '}');
    /* A line per answer: the document's own line breaks are outside its texts. */
    for (size_t i = 0; i < w.out.n; i++)
        if (w.out.p[i] == '\n') w.out.p[i] = ' ';
    printf("%s\n", w.out.p);
    fflush(stdout);
    json_decref(job);
    hn_buf_free(&text);
    hn_buf_free(&w.out);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;)
        answer((struct hn_str){line, (size_t)n});
    free(line);
    return EXIT_SUCCESS;
}
