#define _DEFAULT_SOURCE /* madvise: posix_madvise(POSIX_MADV_DONTNEED) does nothing in glibc */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

static ep_status map_descriptor(int fd, const char *path, ep_map *out, ep_error *err)
{
    struct stat st;
    EP_FAIL_IF(fstat(fd, &st) != 0, err, EP_BAD_FILE, "%s: %s", path, strerror(errno));
    EP_FAIL_IF(!S_ISREG(st.st_mode), err, EP_BAD_FILE, "%s: not a regular file", path);
    *out = (ep_map){0};
    if (st.st_size == 0) return EP_OK;
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    EP_FAIL_IF(data == MAP_FAILED, err, EP_BAD_FILE, "%s: cannot map: %s", path, strerror(errno));
    *out = (ep_map){.data = data, .size = (size_t)st.st_size};
    return EP_OK;
}

ep_status ep_map_open(const char *path, ep_map *out, ep_error *err)
{
    /* O_NONBLOCK: a FIFO in place of the file must not hang us */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    EP_FAIL_IF(fd < 0, err, EP_BAD_FILE, "%s: %s", path, strerror(errno));
    const ep_status status = map_descriptor(fd, path, out, err);
    close(fd);
    return status;
}

void ep_map_close(ep_map *map)
{
    if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (ep_map){0};
}

void ep_map_forget(const ep_map *map)
{
    if (map->data) (void)madvise((void *)(uintptr_t)map->data, map->size, MADV_DONTNEED);
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

ep_status ep_file_write(const char *path, const void *data, size_t size, ep_error *err)
{
    ep_text temporary = {0};
    ep_text_printf(&temporary, "%s.XXXXXX", path);
    if (temporary.failed) return ep_fail_memory(err);
    ep_status status = EP_OK;
    const int fd = mkstemp(temporary.data);
    if (fd < 0) {
        status = ep_fail(err, EP_BAD_FILE, "%s: cannot write: %s", path, strerror(errno));
        ep_text_free(&temporary);
        return status;
    }
    const bool written = write_all(fd, data, size) && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
    const int write_errno = errno;
    if (close(fd) != 0 || !written || rename(temporary.data, path) != 0) {
        const char *why = strerror(written ? errno : write_errno);
        status = ep_fail(err, EP_BAD_FILE, "%s: cannot write: %s", path, why);
        (void)unlink(temporary.data);
    }
    ep_text_free(&temporary);
    return status;
}
