/* Writes the ONNX files that are made for measuring, too large to keep. A program of its own,
 * because the peak memory of a process counts against those that it starts.
 *
 * usage: ep_bench_generate FOLDER
 *
 * ONNX is written by hand: a message is a run of (field number, value) pairs, and one inside
 * another is written with its length before it. Field numbers are those of the ONNX specification.
 */
#include "base/base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { VARINT = 0, BYTES = 2 }; /* wire types */
enum { FLOAT = 1, INTS = 7 };   /* TensorProto.DataType, AttributeProto.AttributeType */
enum { IR_VERSION = 8, OPSET = 17 };
enum { CHAIN_CHANNELS = 8, CHAIN_SIZE = 16, LARGE_CHANNELS = 4096, LARGE_SIZE = 8 };

static void put_varint(ep_text *out, uint64_t value)
{
    char bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    ep_text_append(out, bytes, n);
}

static void put_int(ep_text *out, unsigned field, uint64_t value)
{
    put_varint(out, field << 3 | VARINT);
    put_varint(out, value);
}

static void put_length(ep_text *out, unsigned field, uint64_t length)
{
    put_varint(out, field << 3 | BYTES);
    put_varint(out, length);
}

static void put_string(ep_text *out, unsigned field, const char *string)
{
    put_length(out, field, strlen(string));
    ep_text_append(out, string, strlen(string));
}

/* Moves the message into `out`, and leaves it empty. */
static void put_message(ep_text *out, unsigned field, ep_text *message)
{
    put_length(out, field, message->length);
    ep_text_append(out, ep_text_cstr(message), message->length);
    out->failed |= message->failed;
    ep_text_free(message);
}

/* ValueInfoProto of a float tensor 1 x channels x size x size. */
static void put_value(ep_text *graph, unsigned field, const char *name, unsigned channels,
                      unsigned size)
{
    const unsigned dims[] = {1, channels, size, size};
    ep_text shape = {0}, tensor = {0}, type = {0}, value = {0};
    for (size_t i = 0; i < 4; i++) {
        ep_text dim = {0};
        put_int(&dim, 1, dims[i]);
        put_message(&shape, 1, &dim);
    }
    put_int(&tensor, 1, FLOAT);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_string(&value, 1, name);
    put_message(&value, 2, &type);
    put_message(graph, field, &value);
}

/* Conv `index`: t<index> and w<index> to t<index + 1>. */
static void put_conv(ep_text *graph, uint32_t index)
{
    char name[32];
    ep_text node = {0}, kernel = {0};
    snprintf(name, sizeof name, "t%u", index);
    put_string(&node, 1, name);
    snprintf(name, sizeof name, "w%u", index);
    put_string(&node, 1, name);
    snprintf(name, sizeof name, "t%u", index + 1);
    put_string(&node, 2, name);
    snprintf(name, sizeof name, "conv%u", index);
    put_string(&node, 3, name);
    put_string(&node, 4, "Conv");
    put_string(&kernel, 1, "kernel_shape");
    put_int(&kernel, 8, 1);
    put_int(&kernel, 8, 1);
    put_int(&kernel, 20, INTS);
    put_message(&node, 5, &kernel);
    put_message(graph, 1, &node);
}

/* The initializer w<index>, channels x channels x 1 x 1, up to its raw bytes, which follow. */
static void put_weight_head(ep_text *graph, uint32_t index, unsigned channels)
{
    const uint64_t bytes = (uint64_t)channels * channels * sizeof(float);
    char name[32];
    ep_text tensor = {0};
    put_int(&tensor, 1, channels);
    put_int(&tensor, 1, channels);
    put_int(&tensor, 1, 1);
    put_int(&tensor, 1, 1);
    put_int(&tensor, 2, FLOAT);
    snprintf(name, sizeof name, "w%u", index);
    put_string(&tensor, 8, name);
    put_length(&tensor, 9, bytes);
    put_length(graph, 5, tensor.length + bytes);
    ep_text_append(graph, ep_text_cstr(&tensor), tensor.length);
    graph->failed |= tensor.failed;
    ep_text_free(&tensor);
}

/* Name, input and output of the graph, and its nodes. */
static void put_graph_head(ep_text *graph, uint32_t convs, unsigned channels, unsigned size)
{
    char output[32];
    snprintf(output, sizeof output, "t%u", convs);
    put_string(graph, 2, "generated");
    put_value(graph, 11, "t0", channels, size);
    put_value(graph, 12, output, channels, size);
    for (uint32_t i = 0; i < convs; i++) put_conv(graph, i);
}

/* The model up to its graph, which is the last field and follows. */
static void put_model_head(ep_text *model, uint64_t graph_bytes)
{
    ep_text opset = {0};
    put_int(model, 1, IR_VERSION);
    put_int(&opset, 2, OPSET);
    put_message(model, 8, &opset);
    put_length(model, 7, graph_bytes);
}

/* A chain of `convs` Conv nodes, each with a weight of its own: many nodes, a few hundred bytes
 * each. Errors: EP_BAD_FILE, EP_NO_MEMORY. */
static ep_status write_chain(const char *path, uint32_t convs, ep_error *err)
{
    static const char zeros[CHAIN_CHANNELS * CHAIN_CHANNELS * sizeof(float)];
    ep_text graph = {0}, model = {0};
    put_graph_head(&graph, convs, CHAIN_CHANNELS, CHAIN_SIZE);
    for (uint32_t i = 0; i < convs; i++) {
        put_weight_head(&graph, i, CHAIN_CHANNELS);
        ep_text_append(&graph, zeros, sizeof zeros);
    }
    put_model_head(&model, graph.length);
    ep_text_append(&model, ep_text_cstr(&graph), graph.length);

    const ep_status status = graph.failed || model.failed
                                 ? ep_fail_memory(err)
                                 : ep_file_write(path, model.data, model.length, err);
    ep_text_free(&graph);
    ep_text_free(&model);
    return status;
}

/* Writes `text`, skips `hole` bytes, and empties the text. */
static bool write_part(FILE *file, ep_text *text, off_t hole)
{
    const bool done = !text->failed &&
                      fwrite(ep_text_cstr(text), 1, text->length, file) == text->length &&
                      fseeko(file, hole, SEEK_CUR) == 0;
    ep_text_free(text);
    return done;
}

/* A few Conv nodes with `weights` x 64 MiB of raw weights, all zero: the file is mostly holes and
 * takes no room on the disk. Errors as above. */
static ep_status write_large(const char *path, uint32_t weights, ep_error *err)
{
    const uint64_t weight_bytes = (uint64_t)LARGE_CHANNELS * LARGE_CHANNELS * sizeof(float);
    ep_text head = {0}, part = {0};
    put_graph_head(&head, weights, LARGE_CHANNELS, LARGE_SIZE);
    uint64_t graph_bytes = head.length;
    for (uint32_t i = 0; i < weights; i++) {
        put_weight_head(&part, i, LARGE_CHANNELS);
        graph_bytes += part.length + weight_bytes;
        ep_text_free(&part);
    }
    put_model_head(&part, graph_bytes);

    FILE *file = fopen(path, "wb");
    bool done = file && write_part(file, &part, 0) && write_part(file, &head, 0);
    for (uint32_t i = 0; done && i < weights; i++) {
        put_weight_head(&part, i, LARGE_CHANNELS);
        done = write_part(file, &part, (off_t)weight_bytes);
    }
    done = done && fflush(file) == 0 && ftruncate(fileno(file), ftello(file)) == 0;
    const int reason = errno;
    if (file) done = fclose(file) == 0 && done;
    ep_text_free(&head);
    ep_text_free(&part);
    EP_FAIL_IF(!done, err, EP_BAD_FILE, "%s: cannot write: %s", path, strerror(reason));
    return EP_OK;
}

int main(int argc, char **argv)
{
    char path[4096];
    ep_error err = {0};
    if (argc != 2 || strlen(argv[1]) > sizeof path - 64) {
        fprintf(stderr, "usage: ep_bench_generate FOLDER\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/chain_20000.onnx", argv[1]);
    ep_status status = write_chain(path, 20000, &err);
    if (status == EP_OK) {
        snprintf(path, sizeof path, "%s/chain_40000.onnx", argv[1]);
        status = write_chain(path, 40000, &err);
    }
    if (status == EP_OK) {
        snprintf(path, sizeof path, "%s/weights_512mib.onnx", argv[1]);
        status = write_large(path, 8, &err);
    }
    if (status != EP_OK) fprintf(stderr, "ep_bench_generate: %s\n", err.text);
    return ep_status_exit_code(status);
}
