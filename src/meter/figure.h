/* A figure that goes out as a header: its name, and its value as text. */
#ifndef HN_METER_FIGURE_H
#define HN_METER_FIGURE_H

struct hn_figure {
    const char *name; /* static */
    char text[32];
};

#endif
