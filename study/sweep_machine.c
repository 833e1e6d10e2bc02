/* A machine of a sweep: what its axes change. Axes of the operating point change a copy of a mode,
 * all others the machine itself. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "study/sweep_internal.h"

static ep_status check_axis(const ep_sweep_options *options, uint32_t a, ep_error *err)
{
    const ep_axis *axis = &options->axes[a];
    const size_t length = strlen(axis->key);
    bool is_count = false;
    EP_FAIL_IF(ep_mode_has(axis->key, &is_count) && is_count &&
                   (axis->begin != floor(axis->begin) || axis->step != floor(axis->step)),
               err, EP_BAD_USAGE, "--set %s: wants whole numbers", axis->key);
    for (uint32_t b = 0; b < a; b++) {
        EP_FAIL_IF(strcmp(options->axes[b].key, axis->key) == 0, err, EP_BAD_USAGE,
                   "--set %s: set twice", axis->key);
    }
    for (uint32_t i = 0; i < options->hardware->n_sets; i++) {
        const char *set = options->hardware->sets[i];
        EP_FAIL_IF(strncmp(set, axis->key, length) == 0 && set[length] == '=', err, EP_BAD_USAGE,
                   "--set %s: set twice", axis->key);
    }
    return EP_OK;
}

ep_status ep__sweep_axes_of(const ep_sweep_options *options, ep__sweep_axes *out, ep_error *err)
{
    *out = (ep__sweep_axes){.part_points = 1, .clock_points = 1};
    EP_FAIL_IF(options->n_axes > EP__MAX_AXES, err, EP_BAD_USAGE,
               "--set: more than %d ranges at once", EP__MAX_AXES);
    for (uint32_t a = 0; a < options->n_axes; a++) {
        const ep_axis *axis = &options->axes[a];
        EP_TRY(check_axis(options, a, err));
        bool is_count;
        const bool is_clock = ep_mode_has(axis->key, &is_count);
        uint64_t *points = is_clock ? &out->clock_points : &out->part_points;
        EP_FAIL_IF(ep_mul_overflows(*points, axis->n, points) || *points > UINT32_MAX, err,
                   EP_BAD_USAGE, "--set: the ranges have more than %u points", UINT32_MAX);
        if (is_clock) out->clocks[out->n_clocks++] = axis;
        if (!is_clock) out->parts[out->n_parts++] = axis;
    }
    return EP_OK;
}

/* Combination `index`, the last axis varying fastest. */
static void values_of(const ep_axis *const *axes, uint32_t n, uint64_t index, double *values)
{
    for (uint32_t a = n; a-- > 0; index /= axes[a]->n) {
        values[a] = ep_axis_value(axes[a], (uint32_t)(index % axes[a]->n));
    }
}

static ep_status load(const ep_sweep_options *options, const char *name, const ep_axis *const *axes,
                      const double *values, uint32_t n, ep_arena *arena, ep_machine **out,
                      ep_error *err)
{
    ep_machine_options hardware = *options->hardware;
    const char **sets = EP_NEW(arena, const char *, (uint64_t)hardware.n_sets + n);
    if (!sets) return ep_fail_memory(err);
    for (uint32_t i = 0; i < hardware.n_sets; i++) sets[i] = hardware.sets[i];
    for (uint32_t a = 0; a < n; a++) {
        const char *set = ep_arena_printf(arena, "%s=%.12g", axes[a]->key, values[a]);
        if (!set) return ep_fail_memory(err);
        sets[hardware.n_sets++] = set;
    }
    hardware.sets = sets;
    return ep_machine_load(name, &hardware, out, err);
}

ep_status ep__sweep_machine(const ep_sweep_options *options, const ep__sweep_axes *axes,
                            const char *name, uint64_t part, ep_arena *arena, ep_machine **out,
                            ep_error *err)
{
    double values[EP__MAX_AXES];
    values_of(axes->parts, axes->n_parts, part, values);
    return load(options, name, axes->parts, values, axes->n_parts, arena, out, err);
}

ep_status ep__sweep_check(const ep_sweep_options *options, const ep__sweep_axes *axes,
                          const char *name, ep_arena *arena, ep_error *err)
{
    const ep_axis *all[2 * EP__MAX_AXES];
    double values[2 * EP__MAX_AXES];
    uint32_t n = 0;
    for (uint32_t a = 0; a < axes->n_parts; a++) all[n++] = axes->parts[a];
    for (uint32_t a = 0; a < axes->n_clocks; a++) all[n++] = axes->clocks[a];
    for (int last = 0; last < 2; last++) {
        for (uint32_t a = 0; a < n; a++) {
            values[a] = ep_axis_value(all[a], last ? all[a]->n - 1 : 0);
        }
        ep_machine *machine = NULL;
        const ep_status status = load(options, name, all, values, n, arena, &machine, err);
        ep_machine_free(machine);
        EP_TRY(status);
    }
    return EP_OK;
}

void ep__sweep_set_mode(const ep__sweep_axes *axes, uint64_t clock, ep_mode *mode, char *set,
                        size_t size)
{
    double values[EP__MAX_AXES];
    values_of(axes->clocks, axes->n_clocks, clock, values);
    for (uint32_t a = 0; a < axes->n_clocks; a++) {
        const char *key = axes->clocks[a]->key;
        ep_mode_set(mode, key, values[a]);
        const size_t length = strlen(set);
        (void)snprintf(set + length, size - length, "%s%s=%.12g", length ? ", " : "", key,
                       values[a]);
    }
}
