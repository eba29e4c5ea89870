#include <math.h>

#include "load/report.h"

/* Of the picture, in pixels. */
enum { WIDTH = 720, HEIGHT = 400, LEFT = 60, RIGHT = 20, TOP = 40, BOTTOM = 60 };

static const struct {
    enum hn_load_measure what;
    const char *color;
} curves[] = {{HN_LOAD_ITL, "#2a7f9e"}, {HN_LOAD_TTFT, "#c2571a"}, {HN_LOAD_E2E, "#5b4a9e"}};
enum { CURVES = sizeof curves / sizeof *curves };

/* The axis of time: whole powers of ten, in microseconds. */
struct axis {
    int from, to;
};

static struct axis axis_of(const struct hn_load_group *group)
{
    struct axis axis = {12, 0};
    for (size_t i = 0; i < CURVES; i++) {
        const struct hn_spread *s = &group->of[curves[i].what];
        if (!s->n) continue;
        const int low = (int)floor(log10(fmax(1, (double)s->min)));
        const int high = (int)ceil(log10(fmax(1, (double)s->max)));
        if (low < axis.from) axis.from = low;
        if (high > axis.to) axis.to = high;
    }
    if (axis.to <= axis.from) axis.to = axis.from + 1;
    return axis;
}

static double x_of(struct axis axis, double us)
{
    const double share = (log10(fmax(1, us)) - axis.from) / (axis.to - axis.from);
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(double share)
{
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
}

static void put_escaped(struct hn_buf *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&': hn_buf_text(out, "&amp;"); break;
        case '<': hn_buf_text(out, "&lt;"); break;
        default: hn_buf_char(out, (unsigned char)*text < ' ' ? '?' : *text);
        }
}

static void put_grid(struct hn_buf *out, struct axis axis)
{
    static const double shares[] = {0, 0.25, 0.5, 0.75, 0.95, 1};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        const double y = y_of(shares[i]);
        hn_buf_printf(out,
                      "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>"
                      "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f%%</text>\n",
                      LEFT, y, WIDTH - RIGHT, y, LEFT - 6, y + 4, shares[i] * 100);
    }
    for (int power = axis.from; power <= axis.to; power++) {
        const double x = x_of(axis, pow(10, power));
        hn_buf_printf(out,
                      "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#ddd\"/>"
                      "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g %s</text>\n",
                      x, TOP, x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 18,
                      pow(10, power < 6 ? power - 3 : power - 6), power < 6 ? "ms" : "s");
    }
}

/* A step for each bucket that has values. */
static void put_curve(struct hn_buf *out, struct axis axis, const struct hn_spread *s,
                      const char *color)
{
    uint64_t before = 0;
    hn_buf_printf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\" d=\"M%.1f,%.1f", color,
                  x_of(axis, (double)s->min), y_of(0));
    for (size_t i = 0; i < HN_SPREAD_BUCKETS && before < s->n; i++) {
        if (!s->buckets[i]) continue;
        const double value = fmin(fmax(hn_spread_value(i), (double)s->min), (double)s->max);
        before += s->buckets[i];
        hn_buf_printf(out, "H%.1fV%.1f", x_of(axis, value), y_of((double)before / (double)s->n));
    }
    hn_buf_text(out, "\"/>\n");
}

enum hn_status hn_load_svg(const struct hn_load_report *report, const char *title,
                           struct hn_buf *out)
{
    const struct hn_load_group *group = &report->groups[0];
    const struct axis axis = axis_of(group);
    hn_buf_printf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                  "font-family=\"sans-serif\" font-size=\"12\">\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
                  "<text x=\"%d\" y=\"22\" font-size=\"14\">",
                  WIDTH, HEIGHT, LEFT);
    put_escaped(out, title);
    hn_buf_text(out, "</text>\n");
    put_grid(out, axis);
    for (size_t i = 0; i < CURVES; i++) {
        const struct hn_spread *s = &group->of[curves[i].what];
        if (!s->n) continue;
        put_curve(out, axis, s, curves[i].color);
        hn_buf_printf(out, "<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>\n", LEFT + 150 * (int)i,
                      HEIGHT - 14, curves[i].color, hn_load_titles[curves[i].what]);
    }
    hn_buf_text(out, "</svg>\n");
    return out->failed;
}
