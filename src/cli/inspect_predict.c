#include "cli/inspect_predict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/door.h"
#include "cli/show.h"
#include "model/predictor.h"

enum { SHOWN_LABELS = 12 };

static void put_dims(struct hn_json_writer *w, const struct hn_port *port)
{
    hn_json_open(w, "shape", '[');
    for (size_t i = 0; i < port->n_dims; i++) {
        if (port->shape[i] >= 0) hn_json_put_int(w, NULL, port->shape[i]);
        else if (port->dim_names[i]) hn_json_put_text(w, NULL, hn_str_from(port->dim_names[i]));
        else hn_json_put_null(w, NULL);
    }
    hn_json_close(w, ']');
}

static void put_labels(struct hn_json_writer *w, const char *key, const struct hn_port *port)
{
    hn_json_open(w, key, '[');
    for (size_t i = 0; i < port->n_labels; i++)
        hn_json_put_text(w, NULL, hn_str_from(port->labels[i]));
    hn_json_close(w, ']');
}

static void put_ports(struct hn_json_writer *w, const char *key, const struct hn_port *ports,
                      size_t n)
{
    hn_json_open(w, key, '[');
    for (size_t i = 0; i < n; i++) {
        hn_json_open(w, NULL, '{');
        hn_json_put_text(w, "name", hn_str_from(ports[i].name));
        hn_json_put_text(w, "type", hn_str_from(hn_element_info(ports[i].type)->name));
        if (ports[i].known_rank) put_dims(w, &ports[i]);
        else hn_json_put_null(w, "shape");
        if (ports[i].any_number) hn_json_put_bool(w, "any_number", true);
        if (ports[i].labels) put_labels(w, "labels", &ports[i]);
        if (ports[i].keyed) hn_json_put_bool(w, "keyed", true);
        if (ports[i].optional) hn_json_put_bool(w, "optional", true);
        if (ports[i].on_request) hn_json_put_bool(w, "on_request", true);
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
}

/* {"city": ["Bern", ...]}, of the columns whose categories have names. */
static void put_categories(struct hn_json_writer *w, const struct hn_port *port)
{
    if (!port->categories) return;
    hn_json_open(w, "categories", '{');
    for (size_t i = 0; i < port->n_labels; i++) {
        const struct hn_forest_names *names = &port->categories[i].names;
        if (!names->n) continue;
        hn_json_open(w, port->labels[i], '[');
        for (size_t code = 0; code < names->n; code++)
            if (names->texts) hn_json_put_text(w, NULL, names->texts[code]);
            else hn_json_put_real(w, NULL, names->numbers[code]);
        hn_json_close(w, ']');
    }
    hn_json_close(w, '}');
}

/* The port whose labels are the columns of a table for the model: its only input. */
static const struct hn_port *columns_of(const struct hn_predictor_about *about)
{
    static const struct hn_port none;
    return about->n_inputs == 1 ? &about->inputs[0] : &none;
}

static enum hn_status print_json(const char *path, const struct hn_predictor_about *about,
                                 double load_s, struct hn_error *err)
{
    struct hn_json_writer w = {0};
    hn_json_open(&w, NULL, '{');
    hn_json_put_text(&w, "path", hn_str_from(path));
    hn_json_put_text(&w, "kind", hn_str_from(about->kind));
    hn_json_put_uint(&w, "memory_bytes", about->bytes);
    hn_json_put_real(&w, "load_s", load_s);
    hn_json_put_bool(&w, "rows_are_independent", about->stacks);
    put_ports(&w, "inputs", about->inputs, about->n_inputs);
    put_ports(&w, "outputs", about->outputs, about->n_outputs);
    put_labels(&w, "columns", columns_of(about));
    put_categories(&w, columns_of(about));
    hn_json_close(&w, '}');
    return hn_door_print(&w, err);
}

static void show_name(const char *name)
{
    hn_show_quoted(stdout, hn_str_from(name), 200);
}

static void show_ports(const char *title, const struct hn_port *ports, size_t n)
{
    printf("\n%s\n", title);
    for (size_t i = 0; i < n; i++) {
        const struct hn_port *port = &ports[i];
        printf("  ");
        show_name(port->name);
        printf(": %s ", hn_element_info(port->type)->name);
        if (!port->known_rank) printf("of any shape");
        for (size_t d = 0; port->known_rank && d < port->n_dims; d++) {
            printf(d ? ", " : "[");
            if (port->shape[d] >= 0) printf("%" PRId64, port->shape[d]);
            else printf("%s", port->dim_names[d] ? port->dim_names[d] : "?");
        }
        if (port->known_rank) printf(port->n_dims ? "]" : "[]");
        printf("%s%s%s%s\n", port->any_number ? ", or other numbers" : "",
               port->keyed ? ", a map in each row" : "", port->optional ? ", optional" : "",
               port->on_request ? ", on request" : "");
    }
}

static void show_labels(const char *title, const struct hn_port *port)
{
    if (!port->labels) return;
    printf("\n%s\n ", title);
    for (size_t i = 0; i < port->n_labels && i < SHOWN_LABELS; i++) {
        putchar(' ');
        show_name(port->labels[i]);
        if (port->categories && port->categories[i].names.n)
            printf(" (%zu categories)", port->categories[i].names.n);
    }
    if (port->n_labels > SHOWN_LABELS) printf(" ... %zu in all", port->n_labels);
    putchar('\n');
}

static void show(const char *path, const struct hn_predictor_about *about, double load_s)
{
    char bytes[HN_SHOW_BYTES], seconds[HN_SHOW_BYTES];
    printf("%s\n  %s, %s in memory, loaded in %s\n", path, about->kind,
           hn_show_size(bytes, (double)about->bytes), hn_show_seconds(seconds, load_s));
    if (about->stacks) printf("  rows are independent: requests share a run\n");
    show_ports("Inputs", about->inputs, about->n_inputs);
    show_ports("Outputs", about->outputs, about->n_outputs);
    show_labels("Columns", columns_of(about));
    for (size_t i = 0; i < about->n_outputs; i++)
        if (!about->outputs[i].on_request) show_labels("Classes", &about->outputs[i]);
}

enum hn_status hn_inspect_predict(const char *path, bool json, struct hn_error *err)
{
    const struct hn_predictor_options options = {.cpu = getenv("HENCE_CPU")};
    struct hn_predictor *predictor;
    const uint64_t start = hn_clock_ns();
    HN_TRY(hn_predictor_open(path, &options, &predictor, err));
    const double load_s = hn_clock_seconds(start, hn_clock_ns());
    const struct hn_predictor_about *about = hn_predictor_about(predictor);
    enum hn_status status = HN_OK;
    if (json) status = print_json(path, about, load_s, err);
    else show(path, about, load_s);
    hn_predictor_close(predictor);
    return status;
}
