/* The JSON Schema of hardware models: that it is JSON, that it has every key of the loader's
 * tables, and that it asks of a whole machine what the loader asks. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hwmodels/hwmodels.h"

static json_t *schema(void)
{
    ep_text text = {0};
    ep_machine_json_schema(&text);
    assert_false(text.failed);
    json_error_t error;
    json_t *root = json_loads(text.data, JSON_REJECT_DUPLICATES, &error);
    if (!root) fail_msg("line %d: %s", error.line, error.text);
    ep_text_free(&text);
    return root;
}

/* What describes the value of a key: "modes[].gpu_mhz", "dla.limits.div". */
static const json_t *find(const json_t *root, const char *key)
{
    const json_t *at = root;
    while (at && *key) {
        const size_t length = strcspn(key, ".[");
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)length, key);
        at = json_object_get(json_object_get(at, "properties"), name);
        key += length;
        if (strncmp(key, "[]", 2) == 0) {
            at = json_object_get(at, "items");
            key += 2;
        } else if (strcmp(name, "limits") == 0 && *key) { /* sets by name of software */
            at = json_object_get(at, "additionalProperties");
        }
        key += *key == '.';
    }
    return at;
}

/* Every line of the plain schema, "KEY  KIND...  DOC", is there with its text. */
static void test_all_keys(void **state)
{
    (void)state;
    json_t *root = schema();
    ep_text text = {0};
    ep_machine_schema(&text);
    int n = 0;
    for (char *line = text.data, *end; (end = strchr(line, '\n')); line = end + 1, n++) {
        *end = '\0';
        char *space = strstr(line, "  ");
        assert_non_null(space);
        *space = '\0';
        const json_t *value = find(root, line);
        const char *description = json_string_value(json_object_get(value, "description"));
        if (!description) fail_msg("%s is missing", line);
        const size_t length = strlen(description);
        assert_true((size_t)(end - space) > length);
        assert_string_equal(end - length, description);
    }
    assert_true(n > 100);
    ep_text_free(&text);
    json_decref(root);
}

static bool names(const json_t *array, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        if (strcmp(json_string_value(item), name) == 0) return true;
    }
    return false;
}

static void assert_required(const json_t *object, const char *name, bool expected)
{
    if (names(json_object_get(object, "required"), name) != expected) fail_msg("%s", name);
}

static void test_values(void **state)
{
    (void)state;
    json_t *root = schema();
    assert_string_equal(json_string_value(json_object_get(root, "$schema")),
                        "https://json-schema.org/draft/2020-12/schema");
    const json_t *sms = find(root, "gpu.sms");
    assert_string_equal(json_string_value(json_object_get(sms, "type")), "integer");
    assert_int_equal(json_integer_value(json_object_get(sms, "minimum")), 1);
    assert_int_equal(json_integer_value(json_object_get(sms, "maximum")), 256);
    const json_t *bytes = json_object_get(find(root, "dram.bytes"), "anyOf");
    assert_int_equal(json_array_size(bytes), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(bytes, 0), "minimum")),
                     1 << 20);
    const json_t *range = find(root, "dla.limits.conv_kernel");
    assert_int_equal(json_integer_value(json_object_get(range, "minItems")), 2);
    assert_int_equal(json_integer_value(json_object_get(range, "maxItems")), 2);
    assert_non_null(find(root, "dla.limits.like"));
    static const char *const mappings[] = {"", "gpu", "dla", "dram", "modes[]", "advertised[]"};
    for (size_t i = 0; i < sizeof mappings / sizeof *mappings; i++) {
        assert_true(
            json_is_false(json_object_get(find(root, mappings[i]), "additionalProperties")));
    }
    json_decref(root);
}

/* What may come from a parent is required of whole machines only, items of lists always. */
static void test_required(void **state)
{
    (void)state;
    json_t *root = schema();
    assert_required(root, "gpu", false);
    assert_required(find(root, "gpu"), "sms", false);
    assert_required(find(root, "modes[]"), "gpu_mhz", true);
    assert_required(find(root, "modes[]"), "dla_mhz", false);
    assert_required(find(root, "modes[]"), "default", false);
    const json_t *condition = json_object_get(root, "if");
    assert_required(condition, "title", true);
    assert_required(json_object_get(condition, "not"), "inherit", true);
    const json_t *whole = json_object_get(root, "then");
    assert_required(whole, "gpu", true);
    assert_required(whole, "dla", false);
    assert_required(find(whole, "gpu"), "sms", true);
    assert_required(find(whole, "gpu"), "note", false);
    assert_required(find(whole, "dla"), "cores", true);
    assert_required(find(whole, "dla"), "int8_macs", false);
    const json_t *with_dla = json_object_get(whole, "then");
    assert_required(with_dla, "dla_software", true);
    assert_required(find(with_dla, "dla"), "int8_macs", true);
    assert_required(find(with_dla, "energy"), "dla_rail", true);
    assert_required(find(with_dla, "modes[]"), "dla_mhz", true);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_keys),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
