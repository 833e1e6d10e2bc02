/* ep_shapes_parse: trtexec's grammar for --shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/engine.h"

/* What is read, written out: "name=shape name=shape". */
static void accepts(const char *text, const char *expected)
{
    ep_arena *arena = ep_arena_new();
    ep_error err = {0};
    ep_text actual = {0};
    const ep_input_shape *shapes;
    uint32_t n;
    if (ep_shapes_parse(text, arena, &shapes, &n, &err) != EP_OK) fail_msg("%s", err.text);
    for (uint32_t i = 0; i < n; i++) {
        char shape[EP_SHAPE_TEXT];
        ep_text_printf(&actual, "%s%s=%s", i ? " " : "", shapes[i].name,
                       ep_shape_text(&shapes[i].shape, shape));
    }
    assert_string_equal(ep_text_cstr(&actual), expected);
    ep_text_free(&actual);
    ep_arena_free(arena);
}

static void refuses(const char *text, const char *message)
{
    ep_arena *arena = ep_arena_new();
    ep_error err = {0};
    const ep_input_shape *shapes;
    uint32_t n;
    assert_int_equal(ep_shapes_parse(text, arena, &shapes, &n, &err), EP_BAD_USAGE);
    assert_string_equal(err.text, message);
    ep_arena_free(arena);
}

static void good(void **state)
{
    (void)state;
    accepts("input:1x3x224x224", "input=1x3x224x224");
    accepts("a:1,b:2x3", "a=1 b=2x3");
    accepts("'other:name':8x128,x:scalar", "other:name=8x128 x=scalar");
    accepts("'a,b':1", "a,b=1");
    accepts("layer*:1x2,*:3", "layer*=1x2 *=3");
    accepts("x:2147483647", "x=2147483647");
    accepts("xx1:1x2x3x4x5x6x7x8", "xx1=1x2x3x4x5x6x7x8");
}

static void bad(void **state)
{
    (void)state;
    const char *dimension = "expected a dimension from 1 to 2147483647";
    char message[200];
    refuses("", "shapes, column 1: expected the name of an input, got the end");
    refuses("x", "shapes, column 2: expected ':' and a shape, got the end");
    refuses("x,y:1", "shapes, column 2: expected ':' and a shape, got ',y:1'");
    refuses("x:1,", "shapes, column 5: expected the name of an input, got the end");
    refuses(":1", "shapes, column 1: expected the name of an input, got ':1'");
    refuses("'':1", "shapes, column 2: expected the name of an input, got '':1'");
    refuses("'x:1", "shapes, column 5: expected a closing ', got the end");
    refuses("x:1y", "shapes, column 4: expected 'x', ',' or the end, got 'y'");
    refuses("x:scalar2", "shapes, column 9: expected 'x', ',' or the end, got '2'");
    refuses("a*b*:1", "shapes, column 4: expected at most one * in a name, got '*:1'");
    refuses("x:1x2x3x4x5x6x7x8x9", "shapes, column 19: expected at most 8 dimensions, got '9'");
    refuses("x:1,y:2,x:3", "shapes: 'x' is given twice");
    (void)snprintf(message, sizeof message, "shapes, column 5: %s, got the end", dimension);
    refuses("x:1x", message);
    (void)snprintf(message, sizeof message, "shapes, column 3: %s, got '0x2'", dimension);
    refuses("x:0x2", message);
    (void)snprintf(message, sizeof message, "shapes, column 3: %s, got '-1'", dimension);
    refuses("x:-1", message);
    (void)snprintf(message, sizeof message, "shapes, column 5: %s, got '2147483648'", dimension);
    refuses("x:3x2147483648", message);
    (void)snprintf(message, sizeof message, "shapes, column 3: %s, got '99999999999999999999'",
                   dimension);
    refuses("x:99999999999999999999", message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
