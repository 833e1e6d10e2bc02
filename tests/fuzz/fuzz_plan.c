/* Whatever the bytes are, with a digest of their own they are a plan file, or refused in one line;
 * one that is read is written again in one way only, differs from itself in nothing, and is applied
 * to a network or refused in one line. The file's hashes and settings are replaced by those of the
 * network and machine here, so that the fuzzer need not guess them. */
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "planner/planner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

/* A network, a machine and their plan; made once. */
typedef struct place {
    ep_network *imported, *network;
    ep_layers *layers;
    ep_machine *machine;
    ep_plan_file *file; /* layers in execution order */
} place;

static void make_file(place *p)
{
    ep_planned *planned;
    ep_run run;
    ep_arena *arena = ep_arena_new();
    const ep_plan_options options = {.precision = EP_CHOOSE_INT8};
    const ep_point point = ep_point_of(p->machine, &p->machine->modes[0]);
    const ep_run_options once = {.batch = 1, .dla_cores = 1};
    check(arena);
    check(ep_plan_make(p->layers, p->machine, "greedy", &options, &planned, NULL) == EP_OK);
    check(ep_sim_run(&planned->plan, planned->costs, &point, &once, arena, &run, NULL) == EP_OK);
    const ep_plan_file_source source = {.planned = planned,
                                        .machine = p->machine,
                                        .options = &options,
                                        .mode = &p->machine->modes[0],
                                        .run = &run,
                                        .model_sha256 = ""};
    ep_plan_file *file;
    ep_text text = {0};
    check(ep_plan_file_of(&source, &file, NULL) == EP_OK);
    check(ep_plan_file_write(file, &text, NULL) == EP_OK);
    check(ep_plan_file_parse(text.data, text.length, "fuzz.json", &p->file, NULL) == EP_OK);
    ep_text_free(&text);
    ep_plan_file_free(file);
    ep_planned_free(planned);
    ep_arena_free(arena);
}

static const place *the_place(void)
{
    static place p;
    if (p.file) return &p;
    const ep_specialize_options as_it_is = {0};
    check(ep_network_load(EP_SOURCE_DIR "/examples/models/cifar_groupnorm.onnx", &p.imported,
                          NULL) == EP_OK);
    check(ep_specialize(p.imported, &as_it_is, &p.network, NULL) == EP_OK);
    check(ep_layers_build(p.network, &p.layers, NULL) == EP_OK);
    check(ep_machine_load(EP_SOURCE_DIR "/hwmodels/orin-agx.yaml", &(ep_machine_options){0},
                          &p.machine, NULL) == EP_OK);
    make_file(&p);
    return &p;
}

static void check_error(ep_status status, const ep_error *err)
{
    check(status == err->status && err->text[0] && !strchr(err->text, '\n'));
    check(status == EP_BAD_FILE || status == EP_NO_MEMORY);
}

static void apply(const place *p, const ep_plan_file *file)
{
    ep_plan_file mine = *file;
    ep_plan_file_layer *layers = calloc(file->n_layers + 1, sizeof *layers);
    check(layers);
    memcpy(layers, file->layers, file->n_layers * sizeof *layers);
    for (uint32_t i = 0; i < file->n_layers; i++) {
        for (uint32_t j = 0; j < p->file->n_layers; j++) {
            if (p->file->layers[j].index == layers[i].index)
                layers[i].hash = p->file->layers[j].hash;
        }
    }
    mine.layers = layers;
    mine.network_sha256 = p->file->network_sha256;
    mine.settings = p->file->settings;
    mine.n_settings = p->file->n_settings;
    ep_planned *planned = NULL;
    ep_error err = {0};
    const ep_status status =
        ep_plan_file_apply(&mine, p->layers, p->machine, false, &planned, &err);
    if (status != EP_OK) check_error(status, &err);
    ep_planned_free(planned);
    free(layers);
}

static void compare_with_itself(const ep_plan_file *file)
{
    ep_plan_file_diff diff;
    ep_arena *arena = ep_arena_new();
    check(arena && ep_plan_file_compare(file, file, arena, &diff, NULL) == EP_OK);
    ep_arena_free(arena);
}

/* What was read is written; read again it is the same. */
static void write_again(const ep_plan_file *file)
{
    ep_text once = {0}, twice = {0};
    ep_plan_file *again;
    check(ep_plan_file_write(file, &once, NULL) == EP_OK);
    check(ep_plan_file_parse(once.data, once.length, "again.json", &again, NULL) == EP_OK);
    check(ep_plan_file_write(again, &twice, NULL) == EP_OK);
    check(once.length == twice.length && memcmp(once.data, twice.data, once.length) == 0);
    ep_plan_file_free(again);
    ep_text_free(&once);
    ep_text_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ep_text text = {0};
    ep_plan_file *file = NULL;
    ep_error err = {0};
    char digest[EP_SHA256_TEXT];
    ep_sha256(data, size, digest);
    ep_text_append(&text, (const char *)data, size);
    ep_text_printf(&text, "\"digest\": \"%s\"\n}\n", digest);
    const ep_status status = ep_plan_file_parse(text.data, text.length, "fuzz.json", &file, &err);
    if (status == EP_OK) {
        write_again(file);
        compare_with_itself(file);
        apply(the_place(), file);
    } else {
        check_error(status, &err);
    }
    ep_plan_file_free(file);
    ep_text_free(&text);
    return 0;
}
