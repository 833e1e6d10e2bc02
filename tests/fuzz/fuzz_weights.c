/* Whatever the bytes are, their weights are filled, stripped, and filled to the same bytes again,
 * or the model is refused in one line. Files are bounded: a shape is soon larger than a disk. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "graph/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FILE_BYTES = 1 << 20, PATH_BYTES = 64 };

static void check(bool holds)
{
    if (!holds) abort();
}

static bool succeeds(ep_status status, const ep_error *err)
{
    check(status == EP_OK || (status == err->status && err->text[0] && !strchr(err->text, '\n')));
    return status == EP_OK;
}

static bool fill(const char *from, const char *to)
{
    ep_weights_summary summary;
    ep_error err = {0};
    return succeeds(ep_weights_fill(from, 1, to, &summary, &err), &err);
}

static bool strip(const char *from, const char *to)
{
    ep_weights_summary summary;
    ep_error err = {0};
    return succeeds(ep_weights_strip(from, to, &summary, &err), &err);
}

static void check_same_size(const char *a, const char *b)
{
    ep_map left, right;
    check(ep_map_open(a, &left, NULL) == EP_OK && ep_map_open(b, &right, NULL) == EP_OK);
    check(left.size == right.size);
    ep_map_close(&left);
    ep_map_close(&right);
}

static void try(const char *folder, const uint8_t *data, size_t size)
{
    static const char *const names[] = {"model", "thin", "full", "thin_again", "full_again"};
    enum { MODEL, THIN, FULL, THIN_AGAIN, FULL_AGAIN, NAMES };
    char path[NAMES][PATH_BYTES];
    for (int i = 0; i < NAMES; i++) {
        check(snprintf(path[i], PATH_BYTES, "%s/%s", folder, names[i]) < PATH_BYTES);
    }
    check(ep_file_write(path[MODEL], data, size, NULL) == EP_OK);
    (void)fill(path[MODEL], path[FULL]);
    if (strip(path[MODEL], path[THIN]) && fill(path[THIN], path[FULL]) &&
        strip(path[FULL], path[THIN_AGAIN]) && fill(path[THIN_AGAIN], path[FULL_AGAIN])) {
        check_same_size(path[FULL], path[FULL_AGAIN]);
    }
    for (int i = 0; i < NAMES; i++) (void)unlink(path[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char folder[] = "/tmp/ep_fuzz_XXXXXX";
    const struct rlimit limit = {MAX_FILE_BYTES, MAX_FILE_BYTES};
    if (size > MAX_FILE_BYTES / 2) return 0;
    signal(SIGXFSZ, SIG_IGN); /* so that writing fails */
    check(setrlimit(RLIMIT_FSIZE, &limit) == 0 && mkdtemp(folder));
    try(folder, data, size);
    check(rmdir(folder) == 0);
    return 0;
}
