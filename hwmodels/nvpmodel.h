/* nvpmodel: what an nvpmodel.conf says, between reading and writing it. */
#ifndef EP_HWMODELS_NVPMODEL_H
#define EP_HWMODELS_NVPMODEL_H

#include "hwmodels/hwmodels.h"

enum {
    EP__CONF_MODES = 32, /* as many as a hardware model may have */
    EP__CONF_CORES = 1024,
    EP__CONF_DLAS = 2,
};

#define EP__NOT_SET (-1.0)

typedef struct ep__conf_mode {
    size_t line;
    int64_t id;
    const char *name; /* without MODE_; goes into YAML as it is */
    bool is_default;
    int64_t cores_off; /* of those that the machine has */
    uint64_t tpc_mask; /* a bit a TPC of the chip, set where it is gated */
    /* MHz; EP__NOT_SET: the file leaves it open */
    double cpu_mhz, gpu_mhz, dla_mhz[EP__CONF_DLAS], dram_mhz;
    char cpu_cluster[24]; /* whose clock cpu_mhz is: the first that the mode names */
    bool other_cluster;   /* has another clock */
    bool core_seen[EP__CONF_CORES];
} ep__conf_mode;

typedef struct ep__conf {
    const char *file;
    uint32_t n_modes;
    ep__conf_mode *modes[EP__CONF_MODES];
} ep__conf;

/* Fills a zero-initialised `conf` whose `file` is set. What it points to lives in `arena`. */
ep_status ep__conf_read(ep__conf *conf, const char *text, size_t size, const ep_machine *machine,
                        ep_arena *arena, ep_error *err);

#endif
