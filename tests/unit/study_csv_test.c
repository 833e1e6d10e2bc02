/* CSV as RFC 4180 has it, seen through the `notes` of measurements. */
#include "tests/unit/measurements_fixture.h"

/* The file, whose last column is `notes`, has one row and that says `notes`. */
static void expect(const char *text, const char *notes)
{
    ep_measurements read;
    ep_arena *arena = accept(text, &read);
    assert_int_equal(read.n, 1);
    assert_string_equal(read.rows[0].id, "a");
    assert_string_equal(read.rows[0].notes, notes);
    ep_arena_free(arena);
}

static void test_fields(void **state)
{
    (void)state;
    expect(HEADER ROW("a", ""), "");
    expect(HEADER ROW("a", "plain text; 'single' quotes "), "plain text; 'single' quotes ");
    expect(HEADER ROW("a", "\"\""), "");
    expect(HEADER ROW("a", "\"one, two\""), "one, two");
    expect(HEADER ROW("a", "\"\"\"\""), "\"");
    expect(HEADER ROW("a", "\"a \"\"quoted\"\" word\"\"\""), "a \"quoted\" word\"");
    expect(HEADER ROW("a", "\"one\ntwo\r\nthree\r\""), "one\ntwo\r\nthree\r");
    expect(HEADER ROW("\"a\"", "caf\xc3\xa9"), "caf\xc3\xa9");
    expect(HEADER ROW("a", "not UTF-8: \xff\xc3"), "not UTF-8: \xff\xc3");
}

static void test_line_ends(void **state)
{
    (void)state;
    char text[] = HEADER ROW("a", "n");
    text[sizeof text - 2] = '\0';
    expect(text, "n");
    expect("\xef\xbb\xbf" HEADER ROW("a", "n"), "n");
    expect("\n\r\n" HEADER "\n\n" ROW("a", "n") "\n\r\n", "n");

    ep_text crlf = {0};
    for (const char *c = HEADER ROW("a", "\"n\""); *c; c++) {
        ep_text_printf(&crlf, "%s%c", *c == '\n' ? "\r" : "", *c);
    }
    expect(ep_text_cstr(&crlf), "n");
    ep_text_free(&crlf);
}

static void test_line_numbers(void **state)
{
    (void)state;
    ep_measurements read;
    ep_arena *arena =
        accept("\r\n" HEADER "\n" ROW("a", "\"1\n2\r\n3\"") ROW("b", "") "\n" ROW("c", ""), &read);
    assert_int_equal(read.n, 3);
    assert_int_equal(read.rows[0].line, 4);
    assert_int_equal(read.rows[1].line, 7);
    assert_int_equal(read.rows[2].line, 9);
    ep_arena_free(arena);
}

static void test_quotes(void **state)
{
    (void)state;
    refuse(HEADER "a,the 12\" one",
           "m.csv:2: field 2: a quote inside a field that does not begin with one; quote the whole "
           "field and write \"\" for it");
    refuse(HEADER "a, \"b\"",
           "m.csv:2: field 2: a quote inside a field that does not begin with one; quote the whole "
           "field and write \"\" for it");
    refuse(HEADER "a,b,\"c\n\nd\"e,f\n",
           "m.csv:4: field 3: text after the quote that closes the one of line 2; within a field, "
           "write \"\" for a quote");
    refuse("\"id\" ,hw\n",
           "m.csv:1: field 1: text after the quote that closes the one of line 1; within a field, "
           "write \"\" for a quote");
    refuse(HEADER "\na,\"b\nc,d\n\n", "m.csv:3: field 2: its quote is never closed");
    refuse("\"", "m.csv:1: field 1: its quote is never closed");
    refuse("\"\"\"", "m.csv:1: field 1: its quote is never closed");
}

static void test_bytes(void **state)
{
    (void)state;
    static const char zero[] = "id,hw\na,\0";
    refuse_bytes(zero, sizeof zero - 1, "m.csv:2: a zero byte; the file must be UTF-8 text");
    refuse("id\rhw\r", "m.csv:1: field 1: a carriage return without a line feed");
    refuse(HEADER "a,\"b\"\r", "m.csv:2: field 2: text after the quote that closes the one of line "
                               "2; within a field, write \"\" for a quote");
}

static void test_counts(void **state)
{
    (void)state;
    refuse("", "m.csv:1: no header, which names the columns");
    refuse("\xef\xbb\xbf\n\r\n", "m.csv:3: no header, which names the columns");
    refuse(HEADER "a\n", "m.csv:2: 1 fields, the header has 14");
    refuse(HEADER ROW("a", "") ROW("b", ",") ROW("c", ""), "m.csv:3: 15 fields, the header has 14");

    ep_measurements read;
    ep_arena *arena = accept(HEADER, &read);
    assert_int_equal(read.n, 0);
    ep_arena_free(arena);
}

/* The text of `count` lines "x" under a header, which is refused with `message`. */
static void refuse_lines(size_t count, const char *message)
{
    ep_text text = {0};
    ep_text_printf(&text, "x\n");
    for (size_t i = 0; i < count; i++) ep_text_append(&text, "x\n", 2);
    assert_false(text.failed);
    refuse(text.data, message);
    ep_text_free(&text);
}

static void test_limits(void **state)
{
    (void)state;
    refuse_lines(1000001, "m.csv:1000002: more than 1000000 rows");
    refuse_lines(1000000,
                 "m.csv:1: unknown column 'x', allowed id, hw, mode, set, workload, batch, "
                 "precision, engine, io, includes, metric, value, group, source, notes");

    enum { LONGEST = 65536 };
    ep_text text = {0}, notes = {0};
    for (int i = 0; i < LONGEST; i++) ep_text_append(&notes, "n", 1);
    ep_text_printf(&text, HEADER ROW("a", "\"%s\""), ep_text_cstr(&notes));
    expect(text.data, notes.data);
    ep_text_free(&text);
    ep_text_printf(&text, HEADER ROW("a", "%sn"), ep_text_cstr(&notes));
    refuse(text.data, "m.csv:2: field 14: 65537 bytes, allowed up to 65536");
    ep_text_free(&text);
    ep_text_free(&notes);
}

/* A file that was cut short is read or refused in one line. */
static void test_truncated(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf" HEADER ROW("a", "\"1, \"\"\r\n3\"") ROW("b", "\"\"");
    for (size_t size = 0; size < sizeof text - 1; size++) {
        ep_arena *arena = ep_arena_new();
        ep_measurements read;
        ep_error err;
        const ep_status status = parse(text, size, arena, &read, &err);
        if (status != EP_OK) {
            assert_int_equal(status, EP_BAD_FILE);
            assert_ptr_equal(strstr(err.text, "m.csv:"), err.text);
        }
        ep_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),       cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_line_numbers), cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_bytes),        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
