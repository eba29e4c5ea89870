#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bits.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/options.h"
#include "server/key_file.h"

struct options {
    const char *file;
    enum hn_role role;
    size_t rpm, tpm, concurrent;
    float weight;
    bool json;
};

static enum hn_status take_role(void *field, const char *text, struct hn_error *err)
{
    return hn_role_parse(text, field, err);
}

static const struct hn_opt items[] = {
    {"file", 'f', "FILE", HN_OPT_TEXT, offsetof(struct options, file),
     .help = "the file of keys; ~/.config/hence/keys unless given"},
    {"json", 0, NULL, HN_OPT_FLAG, offsetof(struct options, json), .help = "print JSON"},
};
static const struct hn_opt add_items[] = {
    {"role", 0, "ROLE", HN_OPT_CALL, offsetof(struct options, role), .take = take_role,
     .help = "user, or admin: may load models and see what others do"},
    {"rpm", 0, "N", HN_OPT_SIZE, offsetof(struct options, rpm), 0, UINT32_MAX,
     .help = "requests a minute; 0, the default, for as many as come"},
    {"tpm", 0, "N", HN_OPT_SIZE, offsetof(struct options, tpm), 0, UINT32_MAX,
     .help = "tokens a minute, of prompts and answers; 0: no limit"},
    {"concurrent", 0, "N", HN_OPT_SIZE, offsetof(struct options, concurrent), 0, UINT32_MAX,
     .help = "requests at a time; 0: no limit"},
    {"weight", 0, "X", HN_OPT_REAL, offsetof(struct options, weight), 0.01, 100,
     .help = "its share of the machine beside other keys; 1 unless given"},
};
static const struct hn_opt_group groups[] = {{"Options", items, HN_COUNT(items), 0},
                                             {"A new key", add_items, HN_COUNT(add_items), 0}};
static const struct hn_cli_spec spec = {
    .name = "keys",
    .operands = "add NAME | list | revoke NAME-OR-ID",
    .min_operands = 1,
    .max_operands = 2,
    .about =
        "The API keys that a server takes (hence serve --api-keys FILE). A new key is printed "
        "once,\n"
        "by add: the file keeps a hash of it. A server that runs takes changes within a second.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more = "  hence keys add alice --rpm 60 --tpm 100000\n"
            "  hence keys add ops --role admin > ops.key\n"
            "  hence keys list\n"
            "  hence keys revoke alice",
};

/* The usual file: below $XDG_CONFIG_HOME or ~/.config, in a folder that is made when there is none. */
static enum hn_status usual_file(struct hn_buf *path, struct hn_error *err)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && *config) hn_buf_text(path, config);
    else if (home && *home) hn_buf_printf(path, "%s/.config", home);
    else return hn_fail(err, HN_E_ARG, "there is no home folder: name a file with --file");
    if (!path->failed) mkdir(path->p, 0700);
    if (hn_buf_text(path, "/hence") < 0) return hn_fail_nomem(err, "a path", path->n);
    if (mkdir(path->p, 0700) < 0 && errno != EEXIST) {
        char text[128];
        return hn_fail(err, HN_E_IO, "%s: %s", path->p, strerror_r(errno, text, sizeof text));
    }
    return hn_buf_text(path, "/keys") < 0 ? hn_fail_nomem(err, "a path", path->n) : HN_OK;
}

static void put_time(struct hn_json_writer *w, const char *name, int64_t ms)
{
    char time[HN_CLOCK_TEXT];
    hn_clock_text(ms, false, time);
    if (ms) hn_json_put_text(w, name, hn_str_from(time));
    else hn_json_put_null(w, name);
}

static void put_limit(struct hn_json_writer *w, const char *name, uint32_t limit)
{
    if (limit) hn_json_put_uint(w, name, limit);
    else hn_json_put_null(w, name);
}

/* `text` is the key itself, or NULL. */
static void put_key(struct hn_json_writer *w, const struct hn_key *key, const char *text)
{
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "id", hn_str_from(key->id));
    hn_json_put_text(w, "name", hn_str_from(key->name));
    hn_json_put_text(w, "role", hn_str_from(hn_role_name(key->role)));
    if (text) hn_json_put_text(w, "key", hn_str_from(text));
    put_limit(w, "rpm", key->limit.requests);
    put_limit(w, "tpm", key->limit.tokens);
    put_limit(w, "concurrent", key->limit.concurrent);
    hn_json_put_real(w, "weight", (double)key->weight);
    put_time(w, "created", key->created_ms);
    put_time(w, "revoked", key->revoked_ms);
    hn_json_close(w, '}');
}

static enum hn_status print_key(const struct hn_key *key, const char *text, struct hn_error *err)
{
    struct hn_json_writer w = {0};
    put_key(&w, key, text);
    return hn_door_print(&w, err);
}

static enum hn_status add_key(const struct options *o, const char *path, const char *name,
                              struct hn_error *err)
{
    struct hn_key key = {
        .role = o->role,
        .limit = {(uint32_t)o->rpm, (uint32_t)o->tpm, (uint32_t)o->concurrent},
        .weight = o->weight,
    };
    char text[HN_KEY_TEXT + 1];
    HN_TRY(hn_key_check_name(name, err));
    memcpy(key.name, name, strlen(name) + 1);
    HN_TRY(hn_keys_add(path, &key, text, err));
    if (o->json) return print_key(&key, text, err);
    puts(text);
    fprintf(stderr, "This is the key of %s, id %s; it is shown this once. Its hash is in %s.\n",
            key.name, key.id, path);
    return HN_OK;
}

static enum hn_status revoke_key(const struct options *o, const char *path, const char *who,
                                 struct hn_error *err)
{
    struct hn_key key;
    HN_TRY(hn_keys_revoke(path, who, &key, err));
    if (o->json) return print_key(&key, NULL, err);
    printf("revoked %s, id %s\n", key.name, key.id);
    return HN_OK;
}

static void print_limit(uint32_t limit)
{
    if (limit) printf("  %10u", limit);
    else printf("  %10s", "-");
}

static void print_table(const struct hn_key_list *list)
{
    char created[HN_CLOCK_TEXT], revoked[HN_CLOCK_TEXT];
    int width = 4;
    for (size_t i = 0; i < list->n; i++)
        width = (int)hn_max((size_t)width, strlen(list->keys[i].name));
    printf("%-*s  %-*s  %-5s  %10s  %10s  %10s  %6s  %-20s  %s\n", HN_KEY_ID, "id", width, "name",
           "role", "rpm", "tpm", "concurrent", "weight", "created", "revoked");
    for (size_t i = 0; i < list->n; i++) {
        const struct hn_key *key = &list->keys[i];
        printf("%s  %-*s  %-5s", key->id, width, key->name, hn_role_name(key->role));
        print_limit(key->limit.requests);
        print_limit(key->limit.tokens);
        print_limit(key->limit.concurrent);
        hn_clock_text(key->created_ms, false, created);
        hn_clock_text(key->revoked_ms, false, revoked);
        printf("  %6g  %s  %s\n", (double)key->weight, created, key->revoked_ms ? revoked : "-");
    }
}

static enum hn_status list_keys(const struct options *o, const char *path, struct hn_error *err)
{
    struct hn_key_list keys;
    struct hn_json_writer w = {0};
    enum hn_status status = HN_OK;
    HN_TRY(hn_key_list_read(path, &keys, err));
    if (o->json) {
        hn_json_open(&w, NULL, '[');
        for (size_t i = 0; i < keys.n; i++)
            put_key(&w, &keys.keys[i], NULL);
        hn_json_close(&w, ']');
        status = hn_door_print(&w, err);
    } else {
        print_table(&keys);
    }
    hn_key_list_free(&keys);
    return status;
}

static enum hn_status run(const struct options *o, const char *verb, const char *who,
                          struct hn_error *err)
{
    struct hn_buf usual = {0};
    enum hn_status status = o->file ? HN_OK : usual_file(&usual, err);
    const char *path = o->file ? o->file : usual.p;
    if (status < 0) hn_buf_free(&usual);
    else if (!who) status = list_keys(o, path, err);
    else status = (strcmp(verb, "add") == 0 ? add_key : revoke_key)(o, path, who, err);
    hn_buf_free(&usual);
    return status;
}

int hn_cmd_keys(int argc, char **argv)
{
    struct options o = {.weight = 1};
    struct hn_operands operands;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    const char *verb = operands.words[0];
    const bool is_list = strcmp(verb, "list") == 0;
    if (!is_list && strcmp(verb, "add") != 0 && strcmp(verb, "revoke") != 0)
        return hn_cli_wrong(&spec, "%s: say add, list or revoke", verb);
    if (is_list != (operands.n == 1))
        return hn_cli_wrong(&spec, is_list ? "list takes no name" : "%s wants a name", verb);
    struct hn_error err;
    return hn_cli_end(&spec, run(&o, verb, is_list ? NULL : operands.words[1], &err), &err);
}
