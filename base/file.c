#define _DEFAULT_SOURCE /* madvise: posix_madvise(POSIX_MADV_DONTNEED) does nothing in glibc */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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

struct ep_writer {
    int fd; /* -1: closed */
    ep_text path, temporary;
};

static ep_status cannot_write(const ep_writer *w, int why, ep_error *err)
{
    return ep_fail(err, EP_BAD_FILE, "%s: cannot write: %s", ep_text_cstr(&w->path), strerror(why));
}

static ep_status start_writing(ep_writer *w, const char *path, uint64_t size, ep_error *err)
{
    ep_text_printf(&w->path, "%s", path);
    ep_text_printf(&w->temporary, "%s.XXXXXX", path);
    if (w->path.failed || w->temporary.failed) return ep_fail_memory(err);
    w->fd = mkstemp(w->temporary.data);
    if (w->fd < 0) return cannot_write(w, errno, err);
    struct statvfs fs;
    uint64_t room;
    if (fstatvfs(w->fd, &fs) != 0 || ep_mul_overflows(fs.f_bavail, fs.f_frsize, &room)) {
        return EP_OK; /* writing will tell */
    }
    EP_FAIL_IF(size > room, err, EP_BAD_FILE,
               "%s: cannot write: it takes %llu bytes, the file system has %llu left", path,
               (unsigned long long)size, (unsigned long long)room);
    return EP_OK;
}

ep_status ep_writer_open(const char *path, uint64_t size, ep_writer **out, ep_error *err)
{
    *out = NULL;
    ep_writer *w = calloc(1, sizeof *w);
    if (!w) return ep_fail_memory(err);
    w->fd = -1;
    const ep_status status = start_writing(w, path, size, err);
    if (status == EP_OK) {
        *out = w;
    } else {
        ep_writer_free(w);
    }
    return status;
}

ep_status ep_writer_write(ep_writer *w, const void *data, size_t size, ep_error *err)
{
    return write_all(w->fd, data, size) ? EP_OK : cannot_write(w, errno, err);
}

ep_status ep_writer_commit(ep_writer *w, ep_error *err)
{
    if (fchmod(w->fd, 0644) != 0 || fsync(w->fd) != 0) return cannot_write(w, errno, err);
    const int fd = w->fd;
    w->fd = -1;
    if (close(fd) != 0 || rename(w->temporary.data, w->path.data) != 0) {
        const int why = errno;
        (void)unlink(w->temporary.data);
        return cannot_write(w, why, err);
    }
    return EP_OK;
}

void ep_writer_free(ep_writer *w)
{
    if (!w) return;
    if (w->fd >= 0) {
        (void)close(w->fd);
        (void)unlink(w->temporary.data);
    }
    ep_text_free(&w->path);
    ep_text_free(&w->temporary);
    free(w);
}

ep_status ep_file_write(const char *path, const void *data, size_t size, ep_error *err)
{
    ep_writer *w;
    EP_TRY(ep_writer_open(path, size, &w, err));
    ep_status status = ep_writer_write(w, data, size, err);
    if (status == EP_OK) status = ep_writer_commit(w, err);
    ep_writer_free(w);
    return status;
}
