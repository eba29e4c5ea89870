#include "server/fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *type_name(const json_t *value)
{
    if (!value) return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a decimal";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    default: return "null";
    }
}

enum hn_status hn_refuse_type(struct hn_refusal *why, const char *param, const char *expected,
                              const json_t *got)
{
    return hn_refuse(why, 400, "invalid_type", param,
                     "Invalid type for '%s': expected %s, but got %s instead.", param, expected,
                     type_name(got));
}

/* --- one field --------------------------------------------------------------------------------- */

/* `codes` are those for a value that is below and one that is above; they begin with the kind of number. */
static enum hn_status out_of_range(const struct hn_field *f, const char *param,
                                   const char *const codes[2], double value, struct hn_refusal *why)
{
    const bool above = value >= f->max;
    return hn_refuse(why, 400, codes[above], param,
                     "Invalid '%s': %.*s %s value. Expected a value %s %.15g, but got %.15g "
                     "instead.",
                     param, (int)strcspn(codes[0], "_"), codes[0],
                     above ? "above maximum" : "below minimum",
                     above ? "<=" : ">=", above ? f->max : f->min, value);
}

static enum hn_status read_int(const struct hn_field *f, const json_t *value, const char *param,
                               int64_t *out, struct hn_refusal *why)
{
    static const char *const codes[] = {"integer_below_min_value", "integer_above_max_value"};
    const double x = json_number_value(value);
    /* 3.0 is an integer of JSON's, too. */
    if (!json_is_number(value) || (json_is_real(value) && x != floor(x)))
        return hn_refuse_type(why, param, "an integer", value);
    if (!(x >= f->min && x <= f->max)) return out_of_range(f, param, codes, x, why);
    if (json_is_real(value) && (x < -0x1p63 || x >= 0x1p63))
        return out_of_range(f, param, codes, x, why);
    *out = json_is_integer(value) ? json_integer_value(value) : (int64_t)x;
    return HN_OK;
}

static enum hn_status read_real(const struct hn_field *f, const json_t *value, const char *param,
                                double *out, struct hn_refusal *why)
{
    static const char *const codes[] = {"decimal_below_min_value", "decimal_above_max_value"};
    if (!json_is_number(value)) return hn_refuse_type(why, param, "a decimal", value);
    *out = json_number_value(value);
    if (*out >= f->min && *out <= f->max) return HN_OK;
    return out_of_range(f, param, codes, *out, why);
}

static enum hn_status read_text(const struct hn_field *f, const json_t *value, const char *param,
                                struct hn_str *out, struct hn_refusal *why)
{
    if (!json_is_string(value)) return hn_refuse_type(why, param, "a string", value);
    *out = hn_json_str(value);
    if (!(f->max > 0) || (double)out->n <= f->max) return HN_OK;
    return hn_refuse(why, 400, "string_above_max_length", param,
                     "Invalid '%s': string too long. Expected at most %.0f bytes, but got %zu "
                     "instead.",
                     param, f->max, out->n);
}

/* The next of "a|b|c"; false at the end. */
static bool next_word(const char **rest, struct hn_str *out)
{
    if (!*rest) return false;
    const char *end = strchr(*rest, '|');
    *out = (struct hn_str){*rest, end ? (size_t)(end - *rest) : strlen(*rest)};
    *rest = end ? end + 1 : NULL;
    return true;
}

static enum hn_status read_choice(const struct hn_field *f, const json_t *value, const char *param,
                                  int *out, struct hn_refusal *why)
{
    if (!json_is_string(value)) return hn_refuse_type(why, param, "a string", value);
    const struct hn_str text = hn_json_str(value);
    struct hn_str word;
    int place = 0;
    for (const char *rest = f->words; next_word(&rest, &word); place++) {
        if (!hn_str_eq(word, text)) continue;
        *out = place;
        return HN_OK;
    }
    return hn_refuse(why, 400, "invalid_value", param,
                     "Invalid value: '%.*s'. Supported values are: '%s'.", HN_FMT(text), f->words);
}

static enum hn_status read_refused(const struct hn_field *f, const json_t *value, const char *param,
                                   struct hn_refusal *why)
{
    char text[100] = "";
    const size_t n = json_dumpb(value, text, sizeof text, JSON_ENCODE_ANY | JSON_COMPACT);
    struct hn_str word;
    for (const char *rest = f->words; n <= sizeof text && next_word(&rest, &word);)
        if (hn_str_eq(word, (struct hn_str){text, n})) return HN_OK;
    return hn_refuse(why, 400, "unsupported_parameter", param, "Unsupported parameter: '%s'. %s",
                     param, f->about);
}

static enum hn_status read_array(const struct hn_field *f, const json_t *value, const char *param,
                                 const json_t **out, struct hn_refusal *why)
{
    if (!json_is_array(value)) return hn_refuse_type(why, param, "an array", value);
    *out = value;
    const size_t n = json_array_size(value);
    if ((double)n < f->min)
        return hn_refuse(why, 400, "empty_array", param,
                         "Invalid '%s': array too short. Expected an array with minimum length "
                         "%.0f, but got one with length %zu instead.",
                         param, f->min, n);
    if (!(f->max > 0) || (double)n <= f->max) return HN_OK;
    return hn_refuse(why, 400, "array_above_max_length", param,
                     "Invalid '%s': array too long. Expected an array with maximum length %.0f, "
                     "but got one with length %zu instead.",
                     param, f->max, n);
}

static enum hn_status read_field(const struct hn_field *f, const json_t *value, const char *param,
                                 void *out, struct hn_refusal *why)
{
    void *member = (char *)out + f->at;
    switch (f->kind) {
    case HN_FIELD_BOOL:
        if (!json_is_boolean(value)) return hn_refuse_type(why, param, "a boolean", value);
        *(bool *)member = json_is_true(value);
        return HN_OK;
    case HN_FIELD_INT: return read_int(f, value, param, member, why);
    case HN_FIELD_REAL: return read_real(f, value, param, member, why);
    case HN_FIELD_TEXT: return read_text(f, value, param, member, why);
    case HN_FIELD_CHOICE: return read_choice(f, value, param, member, why);
    case HN_FIELD_ARRAY: return read_array(f, value, param, member, why);
    case HN_FIELD_OBJECT:
        if (!json_is_object(value)) return hn_refuse_type(why, param, "an object", value);
        *(const json_t **)member = value;
        return HN_OK;
    case HN_FIELD_ANY: *(const json_t **)member = value; return HN_OK;
    case HN_FIELD_REFUSED: return read_refused(f, value, param, why);
    case HN_FIELD_IGNORED: break;
    }
    return HN_OK;
}

/* --- all of them ------------------------------------------------------------------------------- */

static enum hn_status check_unknown(const struct hn_fields *fields, const json_t *body,
                                    const char *prefix, struct hn_refusal *why)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)body, key, value)
    {
        size_t i = 0;
        while (i < fields->n && strcmp(fields->items[i].name, key) != 0)
            i++;
        if (i < fields->n) continue;
        char param[sizeof why->param];
        snprintf(param, sizeof param, "%s%s", prefix, key);
        return hn_refuse(why, 400, "unrecognized_argument", param,
                         "Unrecognized request argument supplied: %s", param);
    }
    return HN_OK;
}

enum hn_status hn_fields_read(const struct hn_fields *fields, const json_t *body,
                              const char *prefix, void *out, struct hn_refusal *why)
{
    HN_TRY(check_unknown(fields, body, prefix, why));
    for (size_t i = 0; i < fields->n; i++) {
        const struct hn_field *f = &fields->items[i];
        const json_t *value = json_object_get(body, f->name);
        char param[sizeof why->param];
        snprintf(param, sizeof param, "%s%s", prefix, f->name);
        if (value && !json_is_null(value)) HN_TRY(read_field(f, value, param, out, why));
        else if (f->required)
            return hn_refuse(why, 400, "missing_required_parameter", param,
                             "Missing required parameter: '%s'.", param);
    }
    return HN_OK;
}
