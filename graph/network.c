/* A network from a file or from memory, and its end. */
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_internal.h"

static ep_status start(ep__importer *im)
{
    im->scratch = ep_arena_new();
    im->map_index = ep_names_new();
    if (!im->scratch || !im->map_index) return ep_fail_memory(im->err);
    return ep__graph_init(&im->graph, 0, im->err);
}

/* Frees all but what the network keeps. */
static void finish(ep__importer *im)
{
    for (uint32_t i = 0; i < im->n_functions; i++) ep_names_free(im->functions[i].opsets);
    ep_names_free(im->function_index);
    ep_names_free(im->opsets);
    ep_names_free(im->map_index);
    ep_arena_free(im->scratch);
    free(im->maps);
    ep__graph_free(&im->graph);
}

/* "resnet50" of "models/resnet50.onnx" */
static const char *name_of(ep_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    if (length > 5 && strcmp(name + length - 5, ".onnx") == 0) length -= 5;
    return ep_arena_string(arena, name, length);
}

/* The network lives in its own arena. */
static ep_network *new_network(ep_arena *arena, const char *path)
{
    ep_network *network = EP_NEW(arena, ep_network, 1);
    if (!network) return NULL;
    network->arena = arena;
    network->path = ep_arena_string(arena, path, strlen(path));
    network->name = name_of(arena, path);
    return network->path && network->name ? network : NULL;
}

static ep_status import(ep__importer *im, ep_network **out)
{
    const EpOnnx__ModelProto *proto;
    EP_FAIL_IF(im->model.size == 0, im->err, EP_BAD_MODEL, "%s: not an ONNX model: empty",
               im->path);
    EP_TRY(start(im));
    ep_network *network = new_network(im->arena, im->path);
    if (!network) return ep_fail_memory(im->err);
    EP_TRY(ep__onnx_unpack(im, &proto));
    EP_TRY(ep__onnx_import(im, proto, network));
    network->n_maps = im->n_maps;
    network->maps = EP_NEW(im->arena, ep_map, (uint64_t)im->n_maps + 1); /* and the model's own */
    if (!network->maps) return ep_fail_memory(im->err);
    for (uint32_t i = 0; i < im->n_maps; i++) network->maps[i] = im->maps[i];
    *out = network;
    return EP_OK;
}

static ep_status parse(ep_map model, bool mapped, const char *path, const char *folder,
                       ep_network **out, ep_error *err)
{
    *out = NULL;
    ep__importer im = {.arena = ep_arena_new(),
                       .path = path,
                       .folder = folder,
                       .model = model,
                       .mapped = mapped,
                       .err = err};
    const ep_status status = im.arena ? import(&im, out) : ep_fail_memory(err);
    if (status != EP_OK) {
        for (uint32_t i = 0; i < im.n_maps; i++) ep_map_close(&im.maps[i]);
        ep_arena_free(im.arena);
    }
    finish(&im);
    return status;
}

ep_status ep_network_parse(const void *bytes, size_t size, const char *path, const char *folder,
                           ep_network **out, ep_error *err)
{
    return parse((ep_map){.data = bytes, .size = size}, false, path, folder, out, err);
}

char *ep__folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

ep_status ep_network_load(const char *path, ep_network **out, ep_error *err)
{
    *out = NULL;
    ep_map model;
    EP_TRY(ep_map_open(path, &model, err));
    char *folder = ep__folder_of(path);
    const ep_status status =
        folder ? parse(model, true, path, folder, out, err) : ep_fail_memory(err);
    free(folder);
    if (status == EP_OK) {
        (*out)->maps[(*out)->n_maps++] = model;
    } else {
        ep_map_close(&model);
    }
    return status;
}

void ep_network_forget(const ep_network *network)
{
    const ep_network *from = network->source ? network->source : network;
    for (uint32_t i = 0; i < from->n_maps; i++) ep_map_forget(&from->maps[i]);
}

void ep_network_free(ep_network *network)
{
    if (!network) return;
    for (uint32_t i = 0; i < network->n_maps; i++) ep_map_close(&network->maps[i]);
    ep_arena_free(network->arena);
}
