/* Private to cli/: where the rows of a sweep go, and come from when it is resumed. */
#ifndef EP_CLI_SWEEP_FILE_H
#define EP_CLI_SWEEP_FILE_H

#include <stdio.h>

#include "study/study.h"

/* Zero-initialise. */
typedef struct ep__sweep_file {
    FILE *file;       /* NULL: rows go nowhere */
    const char *path; /* NULL: standard output */
    bool json;
    bool reading;  /* rows of an earlier run are ahead */
    bool replaces; /* what is in the file, with the first row */
    uint64_t line;
    ep_text row;
} ep__sweep_file;

/* Begins it anew, or, to resume, keeps what an earlier run wrote if there is any. `path` NULL:
 * standard output. */
ep_status ep__sweep_file_open(const char *path, bool json, bool resume, ep__sweep_file *out,
                              ep_error *err);
/* As ep_sweep_sink wants it. EP_BAD_FILE with the line: it is of another sweep. A last line without
 * an end was not written wholly: it is cut off. */
ep_status ep__sweep_file_known(ep__sweep_file *file, ep_sweep_point *point, bool *is_known,
                               ep_error *err);
/* Writes a row, which is on its way to the disk when this returns. */
ep_status ep__sweep_file_write(ep__sweep_file *file, const ep_sweep_point *point, ep_error *err);
/* After the last point: EP_BAD_FILE when an earlier run wrote more than there are. */
ep_status ep__sweep_file_close(ep__sweep_file *file, ep_error *err);
/* However it went. */
void ep__sweep_file_free(ep__sweep_file *file);

#endif
