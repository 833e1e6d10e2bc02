/* Runs a fuzz target over the files, and the files of the folders, on the command line: what the
 * fuzzer once found is checked again, with any compiler. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fail(const char *path)
{
    perror(path);
    return -1;
}

/* 1, or -1 after a message. The buffer is as large as the file, so that a sanitizer sees any read
 * past its end. */
static int run_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size ? size : 1);
    const size_t got = file && data ? fread(data, 1, size, file) : 0;
    if (file) (void)fclose(file);
    if (file && data && got == size) {
        (void)LLVMFuzzerTestOneInput(data, size);
        free(data);
        return 1;
    }
    free(data);
    return fail(path);
}

/* How many files were run, or -1 after a message. */
static int run(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) return fail(path);
    if (!S_ISDIR(st.st_mode)) return run_file(path, (size_t)st.st_size);
    DIR *folder = opendir(path);
    if (!folder) return fail(path);
    int count = 0;
    for (struct dirent *entry; count >= 0 && (entry = readdir(folder));) {
        char child[4096];
        if (entry->d_name[0] == '.') continue;
        if (snprintf(child, sizeof child, "%s/%s", path, entry->d_name) >= (int)sizeof child) {
            count = fail(path);
            break;
        }
        const int ran = run(child);
        count = ran < 0 ? -1 : count + ran;
    }
    (void)closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        const int count = run(argv[i]);
        if (count < 0) return 1;
        total += count;
    }
    printf("%d inputs\n", total);
    return total ? 0 : 1;
}
