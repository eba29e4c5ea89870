/* Joules: from the machine's own counters where they can be read (RAPL, through powercap), else from
 * a configured wattage, else unknown, which is NAN and never 0.
 *
 * Energy is measured for the machine, not for a process. Time is cut into laps; what a lap took belongs
 * to the requests that were computed in it, in proportion to their core-seconds, or to nobody when there
 * were none. So the laps of all requests and the idle ones add up to what the machine used. */
#ifndef HN_METER_ENERGY_H
#define HN_METER_ENERGY_H

#include <stdint.h>

#include "base/status.h"

enum hn_energy_source { HN_ENERGY_UNKNOWN, HN_ENERGY_RAPL, HN_ENERGY_WATTS };

struct hn_energy_options {
    const char *powercap; /* where the counters are; NULL: /sys/class/powercap */
    double idle_w; /* of the machine while it does nothing; 0 with core_w 0: not configured */
    double core_w; /* more for each busy core */
};

struct hn_energy; /* any thread may use it */

/* Finds what can be known of this machine; to find nothing is no error. HN_E_ARG: a wattage below 0. */
enum hn_status hn_energy_open(const struct hn_energy_options *options, struct hn_energy **out,
                              struct hn_error *err);
void hn_energy_close(struct hn_energy *energy); /* NULL is fine */

/* Where joules come from. */
enum hn_energy_source hn_energy_source(const struct hn_energy *energy);
/* "rapl", "watts", "unknown". */
const char *hn_energy_source_name(enum hn_energy_source source);

/* Ends a lap that began with the last call (or hn_energy_open) and in which the requests took `core_s`
 * core-seconds, 0 for an idle one; returns its joules. Counters move about once a millisecond: single
 * short laps are coarse, their sum is not. Counters wrap: a lap may last minutes, not hours. */
double hn_energy_lap(struct hn_energy *energy, uint64_t now_ns, double core_s);

/* For work beside the one whose laps are measured: the joules of so many core-seconds, at what the last
 * laps took for one. They are taken from the lap at hand, or from later ones where it had not as many, so
 * that the sum stays what the machine used. */
double hn_energy_claim(struct hn_energy *energy, uint64_t now_ns, double core_s);

/* Of all laps so far. NAN when unknown. */
double hn_energy_busy_joules(struct hn_energy *energy);
double hn_energy_idle_joules(struct hn_energy *energy);

#endif
