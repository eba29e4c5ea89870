#include "meter/energy.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { MAX_ZONES = 64 };

static const uint64_t LONG_LAP_NS = 1000000000;

/* A counter of microjoules that begins again behind `range`. */
struct zone {
    int fd;
    uint64_t range, last;
};

struct hn_energy {
    enum hn_energy_source source;
    double idle_w, core_w;
    struct zone zones[MAX_ZONES];
    size_t n_zones;
    pthread_mutex_t lock; /* for what follows, and the counters */
    uint64_t read_ns;
    double busy_j, idle_j;
    double core_j;               /* joules of a core-second, as laps had it; 0: none had any */
    double claimed_j, claimed_s; /* beside the lap at hand */
};

static bool read_number(int fd, uint64_t *out)
{
    char text[32], *end;
    const ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0) return false;
    text[n] = '\0';
    *out = strtoull(text, &end, 10);
    return end != text && (*end == '\n' || !*end);
}

static int open_file(const char *powercap, const char *zone, const char *file)
{
    char path[512];
    const int n = snprintf(path, sizeof path, "%s/%s/%s", powercap, zone, file);
    return n < (int)sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* Whole packages, and memory beside them. Packages hold their cores; "psys" holds everything again,
 * and intel-rapl-mmio the same packages a second time. */
static bool is_wanted(const char *powercap, const char *zone)
{
    char name[32] = "";
    if (strncmp(zone, "intel-rapl:", 11) != 0) return false;
    const int fd = open_file(powercap, zone, "name");
    if (fd < 0) return false;
    const ssize_t n = read(fd, name, sizeof name - 1);
    close(fd);
    if (n <= 0) return false;
    const bool inner = strchr(zone + 11, ':');
    return inner ? strncmp(name, "dram", 4) == 0 : strncmp(name, "package", 7) == 0;
}

/* A counter that can be read and has counted: emulated machines show ones that never move. */
static void add_zone(struct hn_energy *energy, const char *powercap, const char *name)
{
    struct zone zone = {.fd = open_file(powercap, name, "energy_uj")};
    const int range = open_file(powercap, name, "max_energy_range_uj");
    const bool good = zone.fd >= 0 && range >= 0 && read_number(zone.fd, &zone.last) && zone.last &&
                      read_number(range, &zone.range);
    if (range >= 0) close(range);
    if (good && energy->n_zones < MAX_ZONES) energy->zones[energy->n_zones++] = zone;
    else if (zone.fd >= 0) close(zone.fd);
}

static void find_zones(struct hn_energy *energy, const char *powercap)
{
    DIR *folder = opendir(powercap);
    if (!folder) return;
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (is_wanted(powercap, entry->d_name)) add_zone(energy, powercap, entry->d_name);
    closedir(folder);
}

enum hn_status hn_energy_open(const struct hn_energy_options *options, struct hn_energy **out,
                              struct hn_error *err)
{
    *out = NULL;
    if (!(options->idle_w >= 0 && options->core_w >= 0))
        return hn_fail(err, HN_E_ARG, "a wattage below 0");
    struct hn_energy *energy = calloc(1, sizeof *energy);
    if (!energy) return hn_fail_nomem(err, "the energy meter", sizeof *energy);
    energy->idle_w = options->idle_w;
    energy->core_w = options->core_w;
    find_zones(energy, options->powercap ? options->powercap : "/sys/class/powercap");
    if (energy->n_zones) energy->source = HN_ENERGY_RAPL;
    else if (options->idle_w > 0 || options->core_w > 0) energy->source = HN_ENERGY_WATTS;
    energy->read_ns = hn_clock_ns();
    pthread_mutex_init(&energy->lock, NULL);
    *out = energy;
    return HN_OK;
}

void hn_energy_close(struct hn_energy *energy)
{
    if (!energy) return;
    for (size_t i = 0; i < energy->n_zones; i++)
        close(energy->zones[i].fd);
    pthread_mutex_destroy(&energy->lock);
    free(energy);
}

enum hn_energy_source hn_energy_source(const struct hn_energy *energy)
{
    return energy->source;
}

const char *hn_energy_source_name(enum hn_energy_source source)
{
    static const char *const names[] = {"unknown", "rapl", "watts"};
    return names[source];
}

/* Microjoules since the last reading; NAN when a counter cannot be read. All are read before any is
 * taken as the new beginning, so that the next lap has what this one missed. */
static double read_zones(struct hn_energy *energy)
{
    uint64_t now[MAX_ZONES], sum = 0;
    for (size_t i = 0; i < energy->n_zones; i++) {
        const struct zone *zone = &energy->zones[i];
        if (!read_number(zone->fd, &now[i])) return NAN;
        sum += now[i] >= zone->last ? now[i] - zone->last : zone->range - zone->last + now[i];
    }
    for (size_t i = 0; i < energy->n_zones; i++)
        energy->zones[i].last = now[i];
    return (double)sum;
}

/* What a core-second costs: what one took in laps of work, else its share of the machine. */
static void learn(struct hn_energy *energy, double joules, double core_s, double passed_s)
{
    const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    if (core_s > 0) energy->core_j = joules / (core_s + energy->claimed_s);
    else if (!(energy->core_j > 0) && passed_s > 0)
        energy->core_j = joules / (passed_s * fmax(cores, 1));
}

/* With the lock. */
static double lap(struct hn_energy *energy, uint64_t now_ns, double core_s)
{
    double joules = NAN;
    const uint64_t passed = now_ns > energy->read_ns ? now_ns - energy->read_ns : 0;
    const double passed_s = (double)passed * 1e-9;
    if (energy->source == HN_ENERGY_RAPL) joules = read_zones(energy) * 1e-6;
    if (energy->source == HN_ENERGY_WATTS)
        joules = energy->idle_w * passed_s + energy->core_w * (core_s + energy->claimed_s);
    energy->read_ns += passed;
    if (isnan(joules)) return joules;
    learn(energy, joules, core_s, passed_s);
    const double own = fmax(joules - energy->claimed_j, 0);
    energy->claimed_j = fmax(energy->claimed_j - joules, 0);
    energy->claimed_s = 0;
    *(core_s > 0 ? &energy->busy_j : &energy->idle_j) += own;
    return own;
}

double hn_energy_lap(struct hn_energy *energy, uint64_t now_ns, double core_s)
{
    pthread_mutex_lock(&energy->lock);
    const double joules = lap(energy, now_ns, core_s);
    pthread_mutex_unlock(&energy->lock);
    return joules;
}

double hn_energy_claim(struct hn_energy *energy, uint64_t now_ns, double core_s)
{
    if (energy->source == HN_ENERGY_UNKNOWN) return NAN;
    pthread_mutex_lock(&energy->lock);
    /* Nobody else ends laps while there is no other work. */
    if (now_ns > energy->read_ns && now_ns - energy->read_ns > LONG_LAP_NS)
        (void)lap(energy, now_ns, 0);
    const double joules = energy->core_j * core_s;
    energy->claimed_j += joules;
    energy->claimed_s += core_s;
    energy->busy_j += joules;
    pthread_mutex_unlock(&energy->lock);
    return joules;
}

static double read_sum(struct hn_energy *energy, const double *sum)
{
    if (energy->source == HN_ENERGY_UNKNOWN) return NAN;
    pthread_mutex_lock(&energy->lock);
    const double joules = *sum;
    pthread_mutex_unlock(&energy->lock);
    return joules;
}

double hn_energy_busy_joules(struct hn_energy *energy)
{
    return read_sum(energy, &energy->busy_j);
}

double hn_energy_idle_joules(struct hn_energy *energy)
{
    return read_sum(energy, &energy->idle_j);
}
