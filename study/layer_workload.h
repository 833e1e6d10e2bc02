/* One layer as a workload. Private to study/: what layer_workload.c reads, layer_nodes.c makes. */
#ifndef EP_LAYER_WORKLOAD_H
#define EP_LAYER_WORKLOAD_H

#include "study/study_internal.h"

#define EP__LAYER_MAX_COUNT (1 << 20)
#define EP__LAYER_MAX_WINDOW 1024
#define EP__LAYER_MAX_BYTES ((int64_t)1 << 40)

typedef enum ep__layer_key_kind {
    EP__KEY_COUNT,
    EP__KEY_PAIR, /* "Y,X", or one number for both */
    EP__KEY_WORD, /* its value is the index of the word */
} ep__layer_key_kind;

/* id, name, kind, least, most, words */
#define EP__LAYER_KEY_MAP(X)                                                                       \
    X(C, "c", COUNT, 1, EP__LAYER_MAX_COUNT, NULL)                                                 \
    X(H, "h", COUNT, 1, EP__LAYER_MAX_COUNT, NULL)                                                 \
    X(W, "w", COUNT, 1, EP__LAYER_MAX_COUNT, NULL)                                                 \
    X(M, "m", COUNT, 1, EP__LAYER_MAX_COUNT, NULL)                                                 \
    X(N, "n", COUNT, 1, EP__LAYER_MAX_COUNT, NULL)                                                 \
    X(K, "k", COUNT, 1, EP__LAYER_MAX_COUNT, NULL)                                                 \
    X(R, "r", COUNT, 1, EP__LAYER_MAX_WINDOW, NULL)                                                \
    X(S, "s", COUNT, 1, EP__LAYER_MAX_WINDOW, NULL)                                                \
    X(STRIDE, "stride", PAIR, 1, EP__LAYER_MAX_WINDOW, NULL)                                       \
    X(PAD, "pad", PAIR, 0, EP__LAYER_MAX_WINDOW, NULL)                                             \
    X(DILATION, "dilation", PAIR, 1, EP__LAYER_MAX_WINDOW, NULL)                                   \
    X(GROUPS, "groups", COUNT, 1, EP__LAYER_MAX_COUNT, NULL)                                       \
    X(ACT, "act", WORD, 0, 0, "none|relu")                                                         \
    X(RESIDUAL, "residual", COUNT, 0, 1, NULL)                                                     \
    X(BIAS, "bias", COUNT, 0, 1, NULL)                                                             \
    X(SCALE, "scale", COUNT, 1, EP__LAYER_MAX_WINDOW, NULL)                                        \
    X(MODE, "mode", WORD, 0, 0, "nearest|linear")                                                  \
    X(FROM, "from", WORD, 0, 0, "nchw|nhwc")                                                       \
    X(TO, "to", WORD, 0, 0, "nchw|nhwc|dla")                                                       \
    X(BYTES, "bytes", COUNT, 1, EP__LAYER_MAX_BYTES, NULL)

enum { EP__TO_DLA = 2 }; /* the word of `to` */

typedef enum ep__layer_key {
#define X(id, name, kind, least, most, words) EP__KEY_##id,
    EP__LAYER_KEY_MAP(X)
#undef X
        EP__LAYER_KEYS
} ep__layer_key;

/* What the text says, and the network while it is made of that. */
typedef struct ep__layer_maker {
    const struct ep__layer_operator *op;
    int64_t values[EP__LAYER_KEYS][2]; /* of the operator's keys; both the same but for a pair */
    int64_t batch;
    ep_network *network;
    uint32_t *inputs; /* as network->inputs */
    ep_status status; /* after a failure, what is asked does nothing */
    ep_error *err;
} ep__layer_maker;

typedef struct ep__layer_operator {
    const char *name;
    ep_workload_kind kind;
    void (*make)(ep__layer_maker *m); /* NULL: nothing to make */
    const char *keys;                 /* in order; with a default "key=value" */
} ep__layer_operator;

/* Row `index`; NULL past the last. */
const ep__layer_operator *ep__layer_operator_row(uint32_t index);

/* Makes the network of an operator that has one, in `arena`, called `name`. */
ep_status ep__layer_make_network(ep__layer_maker *m, ep_arena *arena, const char *name);

#endif
