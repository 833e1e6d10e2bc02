#include "cli/sweep_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "report/report.h"

static ep_status fail_write(const ep__sweep_file *f, ep_error *err)
{
    return ep_fail(err, EP_BAD_FILE, "%s: %s", f->path ? f->path : "standard output",
                   strerror(errno));
}

/* What an older sweep left in the file goes when there is something to write instead. */
static ep_status write_row(ep__sweep_file *f, ep_error *err)
{
    if (f->row.failed) return ep_fail_memory(err);
    if (f->replaces && ftruncate(fileno(f->file), 0) != 0) return fail_write(f, err);
    f->replaces = false;
    const bool good =
        fwrite(f->row.data, 1, f->row.length, f->file) == f->row.length && fflush(f->file) == 0;
    f->row.length = 0;
    return good ? EP_OK : fail_write(f, err);
}

/* They go out with the first row. */
static void write_titles(ep__sweep_file *f)
{
    if (!f->json) ep_report_sweep_titles(&f->row);
}

/* The next whole line, in f->row; false at the end, which then is where the last line ended. */
static ep_status read_line(ep__sweep_file *f, bool *is_there, ep_error *err)
{
    const long start = ftell(f->file);
    int c;
    f->row.length = 0;
    while ((c = getc(f->file)) != EOF) {
        const char byte = (char)c;
        ep_text_append(&f->row, &byte, 1);
        if (c == '\n') break;
    }
    if (f->row.failed) return ep_fail_memory(err);
    *is_there = c == '\n';
    f->line += *is_there;
    if (*is_there) return EP_OK;
    f->row.length = 0;
    const bool good = !ferror(f->file) && start >= 0 && fseek(f->file, start, SEEK_SET) == 0 &&
                      ftruncate(fileno(f->file), start) == 0;
    return good ? EP_OK : fail_write(f, err);
}

/* Reads the titles of an earlier run. */
static ep_status read_titles(ep__sweep_file *f, ep_error *err)
{
    if (f->json || !f->reading) return EP_OK;
    ep_text titles = {0};
    ep_report_sweep_titles(&titles);
    ep_status status = read_line(f, &f->reading, err);
    if (status == EP_OK && f->reading && strcmp(f->row.data, ep_text_cstr(&titles)) != 0) {
        status = ep_fail(err, EP_BAD_FILE, "%s:1: not the CSV of a sweep", f->path);
    }
    ep_text_free(&titles);
    f->row.length = 0;
    return status;
}

ep_status ep__sweep_file_open(const char *path, bool json, bool resume, ep__sweep_file *out,
                              ep_error *err)
{
    *out = (ep__sweep_file){.file = stdout, .path = path, .json = json};
    if (path) {
        out->file = resume ? fopen(path, "r+") : NULL;
        out->reading = out->file;
        out->replaces = !out->file;
        if (!out->file) out->file = fopen(path, "a");
        if (!out->file) return fail_write(out, err);
    }
    EP_TRY(read_titles(out, err));
    if (!out->reading) write_titles(out);
    return EP_OK;
}

ep_status ep__sweep_file_known(ep__sweep_file *f, ep_sweep_point *point, bool *is_known,
                               ep_error *err)
{
    *is_known = false;
    if (!f->reading) return EP_OK;
    EP_TRY(read_line(f, &f->reading, err));
    if (!f->reading) return EP_OK;
    *is_known = ep_report_sweep_read(f->row.data, f->json, point);
    f->row.length = 0;
    EP_FAIL_IF(!*is_known, err, EP_BAD_FILE, "%s:%llu: not a row of this sweep", f->path,
               (unsigned long long)f->line);
    return EP_OK;
}

ep_status ep__sweep_file_write(ep__sweep_file *f, const ep_sweep_point *point, ep_error *err)
{
    if (!f->file) return EP_OK;
    if (f->json) ep_report_sweep_json(point, &f->row);
    if (!f->json) ep_report_sweep_csv(point, &f->row);
    return write_row(f, err);
}

ep_status ep__sweep_file_close(ep__sweep_file *f, ep_error *err)
{
    if (f->reading) EP_TRY(read_line(f, &f->reading, err));
    EP_FAIL_IF(f->reading, err, EP_BAD_FILE, "%s:%llu: more rows than this sweep has", f->path,
               (unsigned long long)f->line);
    if (f->row.length > 0) EP_TRY(write_row(f, err)); /* a sweep without points */
    if (!f->path) return EP_OK;
    FILE *file = f->file;
    f->file = NULL;
    return fclose(file) == 0 ? EP_OK : fail_write(f, err);
}

void ep__sweep_file_free(ep__sweep_file *f)
{
    if (f->path && f->file) (void)fclose(f->file);
    ep_text_free(&f->row);
    *f = (ep__sweep_file){0};
}
