/* Documents of `plan check --json`, written here as docs/json.md describes them, against each
 * other: what is better, what is worse, what does not compare. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "study/study.h"

#define SETTINGS "\"hardware\":\"orin-agx\",\"mode\":\"MAXN\",\"precision\":\"int8\",\"dla\":\"0\","
#define HEAD "{\"schema\":1," SETTINGS "\"model\":\"net\",\"batch\":1,"
#define PLACEMENT(subgraphs, transitions, macs, ms)                                                \
    "\"placement\":{\"subgraphs\":" subgraphs ",\"transitions\":" transitions                      \
    ",\"macs_dla_pct\":" macs "},\"verdict\":{\"latency_ms\":" ms "},"
#define USUAL PLACEMENT("2", "4", "99.2", "2.5")
#define ON(name) "{\"name\":\"" name "\",\"op\":\"Conv\",\"dla\":true,\"refused\":[]}"
#define OFF(name)                                                                                  \
    "{\"name\":\"" name "\",\"op\":\"Conv\",\"dla\":false,\"refused\":[{\"rule\":\"conv.kernel\"," \
    "\"value\":\"kernel 33x33\",\"bound\":\"1..32\"},{\"rule\":\"conv.stride\","                   \
    "\"value\":\"stride 9\",\"bound\":\"1..8\"}]}"
#define WHY ": conv.kernel: kernel 33x33, allowed 1..32; conv.stride: stride 9, allowed 1..8"
#define LAYERS(list) "\"layers\":[" list "]}\n"
#define BASE HEAD USUAL LAYERS(ON("a") "," ON("b") "," OFF("c"))

static ep_status compare(const char *was, const char *now, ep_text *diff, ep_error *err)
{
    *err = (ep_error){0};
    return ep_baseline_compare_text(was, strlen(was), "old.json", now, strlen(now), diff, err);
}

static void accepts(const char *was, const char *now, const char *lines)
{
    ep_text diff = {0};
    ep_error err;
    if (compare(was, now, &diff, &err) != EP_OK) fail_msg("%s", err.text);
    assert_string_equal(ep_text_cstr(&diff), lines);
    ep_text_free(&diff);
}

static void is_worse(const char *was, const char *now, const char *lines, const char *reasons)
{
    ep_text diff = {0};
    ep_error err;
    assert_int_equal(compare(was, now, &diff, &err), EP_GATE_FAILED);
    assert_string_equal(ep_text_cstr(&diff), lines);
    const char prefix[] = "--baseline old.json: worse: ";
    assert_memory_equal(err.text, prefix, sizeof prefix - 1);
    assert_string_equal(err.text + sizeof prefix - 1, reasons);
    ep_text_free(&diff);
}

static void refuses(const char *was, const char *now, ep_status status, const char *line)
{
    ep_text diff = {0};
    ep_error err;
    assert_int_equal(compare(was, now, &diff, &err), status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, line);
    assert_int_equal(diff.length, 0);
    ep_text_free(&diff);
}

static void test_same(void **state)
{
    (void)state;
    accepts(BASE, BASE, "no change\n");
    /* order is no change, nor are fields that are not known */
    accepts(BASE, HEAD "\"more\":[{}]," USUAL LAYERS(OFF("c") "," ON("b") "," ON("a")),
            "no change\n");
    /* within the slack */
    accepts(BASE,
            HEAD PLACEMENT("2", "4", "99.16", "2.51") LAYERS(ON("a") "," ON("b") "," OFF("c")),
            "no change\n");
    accepts(HEAD USUAL LAYERS(""), HEAD USUAL LAYERS(""), "no change\n");
}

static void test_worse(void **state)
{
    (void)state;
    is_worse(BASE, HEAD USUAL LAYERS(ON("a") "," OFF("b") "," OFF("c")),
             "left the DLA: 1 layer\n  b (Conv)" WHY "\n", "1 layer left the DLA");
    is_worse(BASE,
             HEAD PLACEMENT("3", "6", "50", "3")
                 LAYERS(OFF("a") "," OFF("b") "," OFF("c") "," OFF("d")),
             "left the DLA: 2 layers\n  a (Conv)" WHY "\n  b (Conv)" WHY "\n"
             "new and not on the DLA: 1 layer\n  d (Conv)" WHY "\n"
             "subgraphs: 2 -> 3\ntransitions: 4 -> 6\nMACs on the DLA: 99.2 % -> 50 %\n"
             "latency: 2.5 ms -> 3 ms (+20.0 %)\n",
             "2 layers left the DLA, 1 new layer is not on the DLA, subgraphs 2 -> 3, "
             "transitions 4 -> 6, MACs on the DLA 99.2 % -> 50 %");
    /* each on its own */
    is_worse(HEAD USUAL LAYERS(""), HEAD PLACEMENT("3", "4", "99.2", "2.5") LAYERS(""),
             "subgraphs: 2 -> 3\n", "subgraphs 2 -> 3");
    is_worse(HEAD USUAL LAYERS(""), HEAD PLACEMENT("2", "5", "99.2", "2.5") LAYERS(""),
             "transitions: 4 -> 5\n", "transitions 4 -> 5");
    is_worse(HEAD USUAL LAYERS(""), HEAD PLACEMENT("2", "4", "99.14", "2.5") LAYERS(""),
             "MACs on the DLA: 99.2 % -> 99.14 %\n", "MACs on the DLA 99.2 % -> 99.14 %");
    is_worse(HEAD USUAL LAYERS(""), HEAD USUAL LAYERS(OFF("d")),
             "new and not on the DLA: 1 layer\n  d (Conv)" WHY "\n",
             "1 new layer is not on the DLA");
}

static void test_not_worse(void **state)
{
    (void)state;
    accepts(BASE, HEAD PLACEMENT("1", "2", "100", "2") LAYERS(ON("a") "," ON("c") "," ON("d")),
            "came to the DLA: 1 layer\n  c (Conv)\nnew and on the DLA: 1 layer\n  d (Conv)\n"
            "gone: 1 layer\n  b (Conv)\nsubgraphs: 2 -> 1\ntransitions: 4 -> 2\n"
            "MACs on the DLA: 99.2 % -> 100 %\nlatency: 2.5 ms -> 2 ms (-20.0 %)\n");
    accepts(HEAD USUAL LAYERS(""), HEAD PLACEMENT("2", "4", "99.2", "9.5") LAYERS(""),
            "latency: 2.5 ms -> 9.5 ms (+280.0 %)\n");
    accepts("{\"schema\":1," SETTINGS "\"model\":\"other\",\"batch\":8," USUAL LAYERS(""),
            HEAD USUAL LAYERS(""), "model: other -> net\nbatch: 8 -> 1\n");
    accepts(HEAD "\"dla_software\":\"trt-8.6\"," USUAL LAYERS(OFF("c")),
            HEAD "\"dla_software\":\"trt-10.3\"," USUAL LAYERS(""),
            "DLA software: trt-8.6 -> trt-10.3\ngone: 1 layer\n  c (Conv)\n");
}

static void test_repeated_names(void **state)
{
    (void)state;
    const char *const was = HEAD USUAL LAYERS(ON("a") "," OFF("a") "," ON("a"));
    accepts(was, was, "no change\n");
    accepts(was, HEAD USUAL LAYERS(ON("a") "," OFF("a")), "gone: 1 layer\n  a (Conv)\n");
    is_worse(was, HEAD USUAL LAYERS(ON("a") "," OFF("a") "," OFF("a")),
             "left the DLA: 1 layer\n  a (Conv)" WHY "\n", "1 layer left the DLA");
    accepts(was, HEAD USUAL LAYERS(ON("a") "," OFF("a") "," ON("a") "," ON("a")),
            "new and on the DLA: 1 layer\n  a (Conv)\n");
}

/* What a document may lack, and bytes that would steer a terminal. */
static void test_little_said(void **state)
{
    (void)state;
#define BARE(settings, layers)                                                                     \
    "{\"schema\":1,\"hardware\":\"h\",\"mode\":\"m\",\"precision\":\"p\",\"placement\":{" settings \
    "},\"layers\":[" layers "]}"
    accepts(BARE("", ""), BARE("", ""), "no change\n");
    accepts(BARE("\"subgraphs\":null", ""), BARE("\"subgraphs\":7", ""), "no change\n");
    is_worse(BARE("", "{\"name\":\"\",\"dla\":true}"),
             BARE("", "{\"name\":\"\",\"dla\":false,\"op\":3,\"refused\":[7,{\"rule\":\"r\"}]}"),
             "left the DLA: 1 layer\n  : r\n", "1 layer left the DLA");
    accepts(BARE("", ""), BARE("", "{\"name\":\"\\u001b[2J\\n\xc3\xa9\x7f\",\"dla\":true}"),
            "new and on the DLA: 1 layer\n  ?[2J?\xc3\xa9?\n");
}

#define ONE_MODEL "; wants what `plan check --json` writes"

static void test_other_documents(void **state)
{
    (void)state;
    refuses("", BASE, EP_BAD_FILE, "old.json:1:1: not JSON: '[' or '{' expected near end of file");
    refuses("{\n  \"schema\": 1,\n  oops", BASE, EP_BAD_FILE,
            "old.json:3:6: not JSON: string or '}' expected near 'oops'");
    refuses("[]", BASE, EP_BAD_FILE, "old.json: no integer \"schema\"" ONE_MODEL);
    refuses("{\"schema\":\"1\"}", BASE, EP_BAD_FILE, "old.json: no integer \"schema\"" ONE_MODEL);
    refuses("{\"schema\":2}", BASE, EP_BAD_FILE,
            "old.json: schema 2, allowed 1; write the baseline anew");
    refuses("{\"schema\":1,\"modes\":[]}", BASE, EP_BAD_FILE,
            "old.json: no \"placement\" and \"layers\"" ONE_MODEL " for one model");
    refuses(HEAD "\"placement\":{\"subgraphs\":-1},\"layers\":[]}", BASE, EP_BAD_FILE,
            "old.json: \"subgraphs\" is not a number of 0 or more");
    refuses(HEAD "\"placement\":{\"subgraphs\":\"2\"},\"layers\":[]}", BASE, EP_BAD_FILE,
            "old.json: \"subgraphs\" is not a number of 0 or more");
    refuses(HEAD USUAL LAYERS(ON("a") ",{\"dla\":true}"), BASE, EP_BAD_FILE,
            "old.json: layer 2: no text \"name\"");
    refuses(HEAD USUAL LAYERS("7"), BASE, EP_BAD_FILE, "old.json: layer 1: no text \"name\"");
    refuses(HEAD USUAL LAYERS("{\"name\":\"a\",\"dla\":\"dla0\"}"), BASE, EP_BAD_FILE,
            "old.json: layer 1: no \"dla\", true or false");
    refuses(HEAD USUAL LAYERS("{\"name\":\"a\",\"dla\":true,\"refused\":{}}"), BASE, EP_BAD_FILE,
            "old.json: layer 1: \"refused\" is not an array");
    refuses("{\"schema\":1," USUAL LAYERS(""), BASE, EP_BAD_FILE, "old.json: no text \"hardware\"");
}

static void test_other_settings(void **state)
{
    (void)state;
#define OF(hardware, more, mode, precision, dla)                                                   \
    "{\"schema\":1,\"hardware\":\"" hardware "\"," more "\"mode\":\"" mode                         \
    "\",\"precision\":\"" precision "\",\"dla\":\"" dla                                            \
    "\",\"model\":\"net\",\"batch\":1," USUAL LAYERS("")
#define ANEW "; check with the same or write the baseline anew"
    accepts(OF("orin-agx", "", "MAXN", "int8", "0"), HEAD USUAL LAYERS(""), "no change\n");
    refuses(OF("xavier-nx", "", "MAXN", "int8", "0"), BASE, EP_BAD_USAGE,
            "--baseline old.json: its hardware is 'xavier-nx', this check's is 'orin-agx'" ANEW);
    refuses(OF("orin-agx", "\"set\":\"dla.cores=1\",", "MAXN", "int8", "0"), BASE, EP_BAD_USAGE,
            "--baseline old.json: its set is 'dla.cores=1', this check's is ''" ANEW);
    refuses(OF("orin-agx", "", "15W", "int8", "0"), BASE, EP_BAD_USAGE,
            "--baseline old.json: its mode is '15W', this check's is 'MAXN'" ANEW);
    refuses(OF("orin-agx", "", "MAXN", "fp16", "0"), BASE, EP_BAD_USAGE,
            "--baseline old.json: its precision is 'fp16', this check's is 'int8'" ANEW);
    refuses(OF("orin-agx", "", "MAXN", "int8", "both"), BASE, EP_BAD_USAGE,
            "--baseline old.json: its dla is 'both', this check's is '0'" ANEW);
}

static void test_file(void **state)
{
    (void)state;
    char path[] = "/tmp/ep_baseline_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, BASE, sizeof BASE - 1), sizeof BASE - 1);
    assert_int_equal(close(fd), 0);
    ep_text diff = {0};
    ep_error err = {0};
    assert_int_equal(ep_baseline_compare(path, BASE, sizeof BASE - 1, &diff, &err), EP_OK);
    assert_string_equal(ep_text_cstr(&diff), "no change\n");
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(ep_baseline_compare(path, BASE, sizeof BASE - 1, &diff, &err), EP_BAD_FILE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ep_baseline_compare(path, BASE, sizeof BASE - 1, &diff, &err), EP_BAD_FILE);
    assert_non_null(strstr(err.text, path));
    ep_text_free(&diff);
}

/* Nesting is bounded, whatever a file says. */
static void test_nesting(void **state)
{
    (void)state;
    const size_t depth = 200000;
    ep_text bomb = {0}, diff = {0};
    for (size_t i = 0; i < depth; i++) ep_text_append(&bomb, "[", 1);
    ep_error err;
    assert_int_equal(compare(ep_text_cstr(&bomb), BASE, &diff, &err), EP_BAD_FILE);
    assert_memory_equal(err.text, "old.json:1:", 11);
    ep_text_free(&bomb);
    ep_text_free(&diff);
}

/* Half of 20,000 layers are renamed and all share few names or none. */
static void write_many(ep_text *out, unsigned first, unsigned names)
{
    ep_text_printf(out, "%s", HEAD USUAL "\"layers\":[");
    for (unsigned i = 0; i < 20000; i++) {
        ep_text_printf(out, "%s{\"name\":\"node %u\",\"op\":\"Conv\",\"dla\":true,\"refused\":[]}",
                       i ? "," : "", (i + first) % names);
    }
    ep_text_printf(out, "]}");
}

static void test_many_layers(void **state)
{
    (void)state;
    const unsigned names[] = {30000, 2};
    for (unsigned i = 0; i < 2; i++) {
        ep_text was = {0}, now = {0}, diff = {0};
        write_many(&was, 0, names[i]);
        write_many(&now, 10000, names[i]);
        ep_error err;
        const clock_t start = clock();
        assert_int_equal(compare(ep_text_cstr(&was), ep_text_cstr(&now), &diff, &err), EP_OK);
        assert_true(clock() - start < 2 * CLOCKS_PER_SEC); /* sanitizers included */
        const char *const wanted =
            i == 0 ? "new and on the DLA: 10000 layers\n  node 20000 (Conv)" : "no change\n";
        assert_memory_equal(ep_text_cstr(&diff), wanted, strlen(wanted));
        assert_true((strstr(ep_text_cstr(&diff), "  and 9980 more\ngone: 10000") != NULL) == !i);
        ep_text_free(&was);
        ep_text_free(&now);
        ep_text_free(&diff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),           cmocka_unit_test(test_worse),
        cmocka_unit_test(test_not_worse),      cmocka_unit_test(test_repeated_names),
        cmocka_unit_test(test_little_said),    cmocka_unit_test(test_other_documents),
        cmocka_unit_test(test_other_settings), cmocka_unit_test(test_file),
        cmocka_unit_test(test_nesting),        cmocka_unit_test(test_many_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
