/* Which point of a sweep to choose, and why. */
#include "report/format.h"
#include "report/summary.h"
#include "report/sweep.h"

const ep_sweep_point *ep_report_sweep_choice(const ep_sweep_summary *s)
{
    const ep_sweep_limits *l = &s->limits;
    if (l->max_power_w > 0 || l->deadline_ms > 0 || l->min_fps > 0) {
        return s->n_within ? &s->best : NULL;
    }
    if (s->n_front == 0) return NULL;
    const uint32_t knee = ep_sweep_summary_knee(s);
    return knee == EP_NO_INDEX ? &s->fastest : &s->front[knee];
}

static void name(const ep_sweep_point *p, bool whole, ep_text *out)
{
    ep__sweep_name(p, out);
    if (!whole) return;
    ep_text_printf(out, ", %s, batch %lld", ep_precision_choice_name(p->precision),
                   (long long)p->batch);
}

void ep__sweep_advise(const ep_sweep_summary *s, bool whole, unsigned width, ep_text *out)
{
    const ep_sweep_point *p = ep_report_sweep_choice(s), *fast = &s->fastest, *frugal = &s->frugal;
    if (!p) return;
    ep_text line = {0};
    ep_text_printf(&line, "Choose ");
    name(p, whole, &line);
    ep_text_printf(&line, ": %s ms at %s W, %s mJ an image", ep__round3(p->latency_ms).text,
                   ep__round3(p->power_w).text, ep__round3(p->energy_mj).text);
    if (fast->latency_ms < p->latency_ms) {
        ep_text_printf(&line, "; ");
        name(fast, whole, &line);
        ep_text_printf(&line, " is %s times as fast for %s times the energy",
                       ep__round3(p->latency_ms / fast->latency_ms).text,
                       ep__round3(fast->energy_mj / p->energy_mj).text);
    } else {
        ep_text_printf(&line, "; nothing is faster");
    }
    if (frugal->energy_mj < p->energy_mj) {
        ep_text_printf(&line, "; ");
        name(frugal, whole, &line);
        ep_text_printf(&line, " saves %s %% of the energy and takes %s times as long",
                       ep__percent(p->energy_mj - frugal->energy_mj, p->energy_mj).text,
                       ep__round3(frugal->latency_ms / p->latency_ms).text);
    } else {
        ep_text_printf(&line, "; nothing takes less energy");
    }
    ep_text_append(&line, ".", 1);
    ep__append_line(out, width, 0, &line);
}
