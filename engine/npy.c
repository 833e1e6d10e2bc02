/* NumPy's .npy, as numpy.lib.format describes it: a magic string, a version, the length of a
 * header, the header (a Python dict of three keys), the elements. */
#include "engine/npy.h"

#include <stdio.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
enum {
    MAGIC_LENGTH = 6,
    ALIGNMENT = 64, /* of the elements in the file */
    LONGEST_TYPE = 15,
};

/* What NumPy calls our types, without the byte order. */
static const struct type_row {
    const char *name;
    ep_dtype dtype;
} types[] = {
    {"f2", EP_DTYPE_FLOAT16},   {"f4", EP_DTYPE_FLOAT},       {"f8", EP_DTYPE_DOUBLE},
    {"i1", EP_DTYPE_INT8},      {"i2", EP_DTYPE_INT16},       {"i4", EP_DTYPE_INT32},
    {"i8", EP_DTYPE_INT64},     {"u1", EP_DTYPE_UINT8},       {"u2", EP_DTYPE_UINT16},
    {"u4", EP_DTYPE_UINT32},    {"u8", EP_DTYPE_UINT64},      {"b1", EP_DTYPE_BOOL},
    {"c8", EP_DTYPE_COMPLEX64}, {"c16", EP_DTYPE_COMPLEX128},
};
enum { N_TYPES = sizeof types / sizeof *types };

static const char *type_name(ep_dtype dtype)
{
    for (int i = 0; i < N_TYPES; i++) {
        if (types[i].dtype == dtype) return types[i].name;
    }
    return NULL;
}

bool ep__npy_has(ep_dtype dtype)
{
    return type_name(dtype) != NULL;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* A place in a file that is being read. */
typedef struct reader {
    const char *path;
    const uint8_t *bytes;
    size_t size, at;
    ep_error *err;
} reader;

typedef struct header {
    char type[LONGEST_TYPE + 1]; /* empty: not seen yet */
    bool has_order, fortran_order;
    bool has_shape;
    ep_shape shape;
} header;

static ep_status fail(const reader *r, const char *what)
{
    return ep_fail(r->err, EP_BAD_FILE, "%s: not a .npy file: byte %zu: %s", r->path, r->at, what);
}

static void skip_blanks(reader *r)
{
    while (r->at < r->size && (r->bytes[r->at] == ' ' || r->bytes[r->at] == '\n')) r->at++;
}

/* Takes `text` if it comes next. */
static bool take(reader *r, const char *text)
{
    skip_blanks(r);
    const size_t length = strlen(text);
    if (r->size - r->at < length || memcmp(r->bytes + r->at, text, length) != 0) return false;
    r->at += length;
    return true;
}

/* A Python string without escapes, of at most `capacity` - 1 bytes. */
static ep_status read_string(reader *r, char *out, size_t capacity)
{
    skip_blanks(r);
    const uint8_t quote = r->at < r->size ? r->bytes[r->at] : 0;
    if (quote != '\'' && quote != '"') return fail(r, "a string is expected");
    const uint8_t *begin = r->bytes + r->at + 1;
    const uint8_t *end = memchr(begin, quote, r->size - r->at - 1);
    if (!end || (size_t)(end - begin) >= capacity) return fail(r, "a string does not end");
    memcpy(out, begin, (size_t)(end - begin));
    out[end - begin] = '\0';
    r->at = (size_t)(end + 1 - r->bytes);
    return EP_OK;
}

static ep_status read_dimension(reader *r, int64_t *out)
{
    const size_t begin = r->at;
    int64_t value = 0;
    for (; r->at < r->size && r->bytes[r->at] >= '0' && r->bytes[r->at] <= '9'; r->at++) {
        const int64_t digit = r->bytes[r->at] - '0';
        if (EP_MUL_OVERFLOW(value, (int64_t)10, &value) || EP_ADD_OVERFLOW(value, digit, &value)) {
            r->at = begin;
            return fail(r, "a dimension is above 2^63");
        }
    }
    if (r->at == begin) return fail(r, "a dimension is expected");
    (void)take(r, "L"); /* Python 2 */
    *out = value;
    return EP_OK;
}

/* A tuple: "()", "(3,)", "(3, 4)". */
static ep_status read_shape(reader *r, ep_shape *shape)
{
    *shape = (ep_shape){0};
    if (!take(r, "(")) return fail(r, "the shape is no tuple");
    while (!take(r, ")")) {
        EP_FAIL_IF(shape->rank == EP_MAX_RANK, r->err, EP_UNSUPPORTED,
                   "%s: an array of more than %d dimensions", r->path, EP_MAX_RANK);
        EP_TRY(read_dimension(r, &shape->dims[shape->rank++]));
        if (take(r, ",")) continue;
        if (!take(r, ")")) return fail(r, "the shape does not end");
        break;
    }
    return EP_OK;
}

static ep_status read_entry(reader *r, header *out)
{
    char key[LONGEST_TYPE + 1];
    EP_TRY(read_string(r, key, sizeof key));
    if (!take(r, ":")) return fail(r, "':' is expected");
    if (strcmp(key, "descr") == 0) {
        EP_FAIL_IF(take(r, "["), r->err, EP_UNSUPPORTED, "%s: an array of records", r->path);
        return read_string(r, out->type, sizeof out->type);
    }
    if (strcmp(key, "fortran_order") == 0) {
        out->has_order = true;
        out->fortran_order = take(r, "True");
        return out->fortran_order || take(r, "False") ? EP_OK
                                                      : fail(r, "True or False is expected");
    }
    if (strcmp(key, "shape") == 0) {
        out->has_shape = true;
        return read_shape(r, &out->shape);
    }
    return fail(r, "a key that is not descr, fortran_order or shape");
}

static ep_status read_dict(reader *r, header *out)
{
    *out = (header){0};
    if (!take(r, "{")) return fail(r, "the header is no dict");
    while (!take(r, "}")) {
        EP_TRY(read_entry(r, out));
        if (take(r, ",")) continue;
        if (!take(r, "}")) return fail(r, "the header does not end");
        break;
    }
    skip_blanks(r);
    if (r->at != r->size) return fail(r, "something follows the dict");
    const bool complete = out->type[0] && out->has_order && out->has_shape;
    return complete ? EP_OK : fail(r, "descr, fortran_order or shape is missing");
}

/* Leaves the reader at the elements. */
static ep_status read_header(reader *r, header *out)
{
    if (r->size < MAGIC_LENGTH + 2 || memcmp(r->bytes, MAGIC, MAGIC_LENGTH) != 0) {
        return fail(r, "it does not begin with \\x93NUMPY");
    }
    const unsigned version = r->bytes[MAGIC_LENGTH];
    EP_FAIL_IF(version < 1 || version > 3, r->err, EP_UNSUPPORTED,
               "%s: version %u of .npy; 1 to 3 are known", r->path, version);
    r->at = MAGIC_LENGTH + 2;
    const size_t width = version == 1 ? 2 : 4;
    uint64_t length = 0;
    if (r->size - r->at < width) return fail(r, "cut short");
    for (size_t i = 0; i < width; i++) length |= (uint64_t)r->bytes[r->at + i] << (8 * i);
    r->at += width;
    if (r->size - r->at < length) return fail(r, "the header is cut short");
    const size_t size = r->size;
    r->size = r->at + (size_t)length; /* nothing of the dict lies past it */
    EP_TRY(read_dict(r, out));
    r->size = size;
    return EP_OK;
}

/* The type that `text` names. NumPy has no bfloat16 and no 8-bit floats: ml_dtypes writes them as
 * bytes of no type, which are what is `expected` when that is as large. */
static ep_status find_type(const reader *r, const char *text, ep_dtype expected, ep_dtype *out)
{
    const char order = text[0];
    const char *name = strchr("<>|=", order) ? text + 1 : text;
    const bool is_void = strcmp(name, "V1") == 0 || strcmp(name, "V2") == 0;
    const bool lacks = expected != EP_DTYPE_UNDEFINED && !ep__npy_has(expected);
    *out = EP_DTYPE_UNDEFINED;
    if (is_void && lacks && ep_dtype_bits(expected) == 8u * (unsigned)(name[1] - '0')) {
        *out = expected;
    }
    for (int i = 0; i < N_TYPES; i++) {
        if (strcmp(types[i].name, name) == 0) *out = types[i].dtype;
    }
    EP_FAIL_IF(*out == EP_DTYPE_UNDEFINED, r->err, EP_UNSUPPORTED,
               "%s: no element type for NumPy's '%s'", r->path, text);
    EP_FAIL_IF(order == '>' && ep_dtype_bits(*out) > 8, r->err, EP_UNSUPPORTED,
               "%s: big endian ('%s'); write it with astype('<%s')", r->path, text, name);
    return EP_OK;
}

/* From the first index fastest to the last index fastest. */
static void from_fortran(const ep_shape *shape, uint64_t n, size_t size, const uint8_t *in,
                         uint8_t *out)
{
    uint64_t stride[EP_MAX_RANK], at = 0, step = 1;
    int64_t position[EP_MAX_RANK] = {0};
    for (int i = 0; i < shape->rank; i++) {
        stride[i] = step;
        step *= (uint64_t)shape->dims[i];
    }
    for (uint64_t k = 0; k < n; k++) {
        memcpy(out + k * size, in + at * size, size);
        for (int i = shape->rank - 1; i >= 0; i--) {
            at += stride[i];
            if (++position[i] < shape->dims[i]) break;
            at -= stride[i] * (uint64_t)shape->dims[i];
            position[i] = 0;
        }
    }
}

ep_status ep_npy_parse(const void *bytes, size_t size, const char *path, ep_dtype expected,
                       ep_arena *arena, ep_array *out, ep_error *err)
{
    *out = (ep_array){0};
    reader r = {.path = path, .bytes = bytes, .size = size, .err = err};
    header h;
    ep_array array = {0};
    char text[EP_SHAPE_TEXT];
    EP_TRY(read_header(&r, &h));
    EP_TRY(find_type(&r, h.type, expected, &array.dtype));
    array.shape = h.shape;
    if (ep_shape_elements(&array.shape, &array.n, err) != EP_OK) {
        return ep_fail_context(err, "%s: ", path);
    }
    const uint64_t there = size - r.at, needed = ep_dtype_bytes(array.dtype, array.n);
    EP_FAIL_IF(there != needed, err, EP_BAD_FILE,
               "%s: %s of %s needs %llu bytes, the file has %llu after its header", path,
               ep_shape_text(&array.shape, text), ep_dtype_name(array.dtype),
               (unsigned long long)needed, (unsigned long long)there);
    uint8_t *data = ep_arena_take(arena, needed, 1);
    if (!data) return ep_fail_memory(err);
    const uint8_t *elements = r.bytes + r.at;
    if (h.fortran_order && array.shape.rank > 1) {
        from_fortran(&array.shape, array.n, ep_dtype_bits(array.dtype) / 8, elements, data);
    } else if (needed) {
        memcpy(data, elements, (size_t)needed);
    }
    for (uint64_t i = 0; array.dtype == EP_DTYPE_BOOL && i < array.n; i++) data[i] = data[i] != 0;
    array.data = data;
    *out = array;
    return EP_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

void ep__npy_header(const ep_array *array, ep_text *out)
{
    char shape[EP_MAX_RANK * 24] = "";
    size_t length = 0;
    for (int i = 0; i < array->shape.rank; i++) {
        length += (size_t)snprintf(shape + length, sizeof shape - length, "%s%lld", i ? ", " : "",
                                   (long long)array->shape.dims[i]);
    }
    const char *order = ep_dtype_bits(array->dtype) == 8 ? "|" : "<";
    ep_text dict = {0};
    ep_text_printf(&dict, "{'descr': '%s%s', 'fortran_order': False, 'shape': (%s%s), }", order,
                   type_name(array->dtype), shape, array->shape.rank == 1 ? "," : "");
    enum { BEFORE = MAGIC_LENGTH + 4 };
    const size_t total = (size_t)ep_round_up(BEFORE + dict.length + 1, ALIGNMENT);
    const size_t size = total - BEFORE;
    const char preamble[] = {'\x01', '\x00', (char)(size & 0xff), (char)(size >> 8)};
    ep_text_append(out, MAGIC, MAGIC_LENGTH);
    ep_text_append(out, preamble, sizeof preamble);
    ep_text_printf(out, "%-*s\n", (int)(size - 1), ep_text_cstr(&dict));
    out->failed |= dict.failed;
    ep_text_free(&dict);
}
