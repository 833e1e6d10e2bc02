/* Matrix products on random shapes, against sums in double; integer ones exactly. */
#include "tests/unit/kernel_fixture.h"

/* ---- MatMul, Gemm -------------------------------------------------------------------------- */

/* c = a b, for stacks that have `stack` products; a, b of 1 or `stack` matrices. */
static void multiply(const ep_array *a, const ep_array *b, ep_array *c, int64_t m, int64_t k,
                     int64_t n, double a_zero, double b_zero)
{
    const int64_t a_stack = (int64_t)a->n / (m * k), b_stack = (int64_t)b->n / (k * n);
    for (int64_t i = 0; i < (int64_t)c->n; i++) {
        const int64_t column = i % n, row = i / n % m, s = i / n / m;
        double sum = 0;
        for (int64_t j = 0; j < k; j++) {
            sum += (element(a, (s % a_stack * m + row) * k + j) - a_zero) *
                   (element(b, (s % b_stack * k + j) * n + column) - b_zero);
        }
        set_element(c, i, sum);
    }
}

static void matrices(void **state)
{
    (void)state;
    static const ep_dtype dtypes[] = {EP_DTYPE_FLOAT, EP_DTYPE_FLOAT, EP_DTYPE_DOUBLE,
                                      EP_DTYPE_INT32, EP_DTYPE_INT64};
    dice d = {1};
    for (int i = 0; i < 60; i++) {
        const ep_dtype dtype = dtypes[i % 5];
        const int64_t m = pick(&d, 1, i < 10 ? 300 : 40), k = pick(&d, 1, 70);
        const int64_t n = pick(&d, 1, i < 10 ? 600 : 40), stack = pick(&d, 1, 5);
        const int form = i / 5 % 4;
        one_node node = {.text = "y = MatMul(a, b)", .n_inputs = 2};
        node.inputs[0] =
            form == 1 ? RANDOM_ARRAY(&d, dtype, m, k) : RANDOM_ARRAY(&d, dtype, stack, m, k);
        node.inputs[1] = form == 2   ? RANDOM_ARRAY(&d, dtype, k, n)
                         : form == 3 ? RANDOM_ARRAY(&d, dtype, 1, 1, k, n)
                                     : RANDOM_ARRAY(&d, dtype, stack, k, n);
        ep_array y = form == 3 ? NEW_ARRAY(dtype, 1, stack, m, n) : NEW_ARRAY(dtype, stack, m, n);
        multiply(&node.inputs[0], &node.inputs[1], &y, m, k, n, 0, 0);
        check_node(&node, y, 1e-5);
    }
}

static void vectors(void **state)
{
    (void)state;
    dice d = {2};
    one_node row = {.text = "y = MatMul(a, b)", .n_inputs = 2};
    row.inputs[0] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 9);
    row.inputs[1] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 3, 9, 5);
    ep_array y = NEW_ARRAY(EP_DTYPE_FLOAT, 3, 5);
    multiply(&row.inputs[0], &row.inputs[1], &y, 1, 9, 5, 0, 0);
    check_node(&row, y, 1e-5);
    one_node column = {.text = "y = MatMul(a, b)", .n_inputs = 2};
    column.inputs[0] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 3, 5, 9);
    column.inputs[1] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 9);
    y = NEW_ARRAY(EP_DTYPE_FLOAT, 3, 5);
    multiply(&column.inputs[0], &column.inputs[1], &y, 5, 9, 1, 0, 0);
    check_node(&column, y, 1e-5);
    one_node scalar = {.text = "y = MatMul(a, b)", .n_inputs = 2};
    scalar.inputs[0] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 9);
    scalar.inputs[1] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 9);
    y = new_array(EP_DTYPE_FLOAT, 0, NULL);
    multiply(&scalar.inputs[0], &scalar.inputs[1], &y, 1, 9, 1, 0, 0);
    check_node(&scalar, y, 1e-5);
}

/* Sums of nothing are 0. */
static void empty(void **state)
{
    (void)state;
    one_node node = {.text = "y = MatMul(a, b)", .n_inputs = 2};
    node.inputs[0] = NEW_ARRAY(EP_DTYPE_FLOAT, 2, 3, 0);
    node.inputs[1] = NEW_ARRAY(EP_DTYPE_FLOAT, 2, 0, 4);
    check_node(&node, NEW_ARRAY(EP_DTYPE_FLOAT, 2, 3, 4), 0);
    one_node none = {.text = "y = MatMul(a, b)", .n_inputs = 2};
    none.inputs[0] = NEW_ARRAY(EP_DTYPE_FLOAT, 0, 3, 5);
    none.inputs[1] = NEW_ARRAY(EP_DTYPE_FLOAT, 5, 4);
    check_node(&none, NEW_ARRAY(EP_DTYPE_FLOAT, 0, 3, 4), 0);
}

static void gemms(void **state)
{
    (void)state;
    static const ep_dtype dtypes[] = {EP_DTYPE_FLOAT, EP_DTYPE_DOUBLE, EP_DTYPE_INT32};
    dice d = {3};
    for (int i = 0; i < 48; i++) {
        const ep_dtype dtype = dtypes[i % 3];
        const bool ta = i & 1, tb = i & 2;
        const double alpha = (double)pick(&d, 1, 3), beta = (double)pick(&d, 0, 2);
        const int64_t m = pick(&d, 1, 200), k = pick(&d, 1, 50), n = pick(&d, 1, 300);
        char text[128];
        (void)snprintf(text, sizeof text,
                       "y = Gemm(a, b, c) transA=%d transB=%d alpha=%.1f beta=%.1f", ta, tb, alpha,
                       beta);
        one_node node = {.text = text, .n_inputs = 3};
        ep_array *in = node.inputs;
        in[0] = ta ? RANDOM_ARRAY(&d, dtype, k, m) : RANDOM_ARRAY(&d, dtype, m, k);
        in[1] = tb ? RANDOM_ARRAY(&d, dtype, n, k) : RANDOM_ARRAY(&d, dtype, k, n);
        in[2] = i % 4 == 0   ? RANDOM_ARRAY(&d, dtype, n)
                : i % 4 == 1 ? RANDOM_ARRAY(&d, dtype, m, 1)
                             : RANDOM_ARRAY(&d, dtype, m, n);
        ep_array y = NEW_ARRAY(dtype, m, n);
        for (int64_t r = 0; r < m; r++) {
            for (int64_t c = 0; c < n; c++) {
                double sum = 0;
                for (int64_t j = 0; j < k; j++) {
                    sum += element(&in[0], ta ? j * m + r : r * k + j) *
                           element(&in[1], tb ? c * k + j : j * n + c);
                }
                const int64_t at = i % 4 == 0 ? c : i % 4 == 1 ? r : r * n + c;
                set_element(&y, r * n + c, alpha * sum + beta * element(&in[2], at));
            }
        }
        check_node(&node, y, 1e-5);
    }
}

/* ---- integers ------------------------------------------------------------------------------ */

static void integers(void **state)
{
    (void)state;
    dice d = {4};
    for (int i = 0; i < 20; i++) {
        const int64_t m = pick(&d, 1, 20), k = pick(&d, 1, 90), n = pick(&d, 1, 20);
        const ep_dtype a = i % 2 ? EP_DTYPE_UINT8 : EP_DTYPE_INT8;
        one_node node = {.text = "y = MatMulInteger(a, b, c, d)", .n_inputs = 4};
        node.inputs[0] = RANDOM_ARRAY(&d, a, 2, m, k);
        node.inputs[1] = RANDOM_ARRAY(&d, EP_DTYPE_UINT8, k, n);
        node.inputs[2] = random_array(&d, a, 0, NULL);
        node.inputs[3] = random_array(&d, EP_DTYPE_UINT8, 0, NULL);
        ep_array y = NEW_ARRAY(EP_DTYPE_INT32, 2, m, n);
        multiply(&node.inputs[0], &node.inputs[1], &y, m, k, n, element(&node.inputs[2], 0),
                 element(&node.inputs[3], 0));
        check_node(&node, y, 0);
    }
}

/* A zero point a row of a, and a column of b. */
static void zero_points_of_lines(void **state)
{
    (void)state;
    dice d = {5};
    one_node node = {.text = "y = MatMulInteger(a, b, c, d)", .n_inputs = 4};
    ep_array *in = node.inputs;
    in[0] = RANDOM_ARRAY(&d, EP_DTYPE_INT8, 3, 4);
    in[1] = RANDOM_ARRAY(&d, EP_DTYPE_INT8, 4, 5);
    in[2] = RANDOM_ARRAY(&d, EP_DTYPE_INT8, 3);
    in[3] = RANDOM_ARRAY(&d, EP_DTYPE_INT8, 5);
    ep_array y = NEW_ARRAY(EP_DTYPE_INT32, 3, 5);
    for (int64_t i = 0; i < 15; i++) {
        double sum = 0;
        for (int64_t k = 0; k < 4; k++) {
            sum += (element(&in[0], i / 5 * 4 + k) - element(&in[2], i / 5)) *
                   (element(&in[1], k * 5 + i % 5) - element(&in[3], i % 5));
        }
        set_element(&y, i, sum);
    }
    check_node(&node, y, 0);
}

/* ---- Einsum -------------------------------------------------------------------------------- */

/* Every letter of an equation without "..." runs through its values; the products are added up
 * where the letters after "->" say. */
static void add_products(const char *equation, const int64_t sizes[26], const ep_array *in,
                         uint32_t n_inputs, ep_array *out)
{
    char letters[27] = "";
    int64_t value[26] = {0};
    for (const char *p = equation; *p && *p != '-'; p++) {
        if (*p != ',' && !strchr(letters, *p)) strncat(letters, p, 1);
    }
    for (bool more = true; more;) {
        const char *p = equation;
        double factor = 1;
        int64_t at = 0;
        for (uint32_t i = 0; i <= n_inputs; i++) {
            for (at = 0; *p && *p != ',' && *p != '-'; p++) {
                at = at * sizes[*p - 'a'] + value[*p - 'a'];
            }
            if (i < n_inputs) factor *= element(&in[i], at);
            p += *p == ',' ? 1 : *p == '-' ? 2 : 0;
        }
        set_element(out, at, element(out, at) + factor);
        more = false;
        for (const char *l = letters; *l && !more; l++) {
            more = ++value[*l - 'a'] < sizes[*l - 'a'];
            if (!more) value[*l - 'a'] = 0;
        }
    }
}

static ep_array einsum_array(dice *d, ep_dtype dtype, const char *term, const int64_t sizes[26])
{
    int64_t dims[EP_MAX_RANK];
    int rank = 0;
    for (; *term && *term != ',' && *term != '-'; term++) dims[rank++] = sizes[*term - 'a'];
    return d ? random_array(d, dtype, rank, dims) : new_array(dtype, rank, dims);
}

static void einsums(void **state)
{
    (void)state;
    static const char *const equations[] = {
        "ij->ji",          "ij->",
        "ii->i",           "ii->",
        "iij->ji",         "ij,jk->ik",
        "ij,kj->ik",       "ji,jk->ki",
        "bij,bjk->bik",    "bhid,bhjd->bhij",
        "bhij,bhjd->bihd", "bthd,bshd->bhts",
        "i,j->ij",         "i,i->",
        "ij,ij->",         "ij,ij->ij",
        "ij,k->k",         "ij,j->i",
        "abc,cd,de->abe",  "ab,bc,cd,da->",
        "bchw,bkc->bkhw",  "ijk,jil->kl",
        "ab,ab,ab->ba",    "i,ij,j->",
        "iij,jk->ik",      "abcd,dbe->aec",
    };
    static const ep_dtype dtypes[] = {EP_DTYPE_FLOAT, EP_DTYPE_DOUBLE, EP_DTYPE_INT32};
    dice d = {6};
    for (size_t i = 0; i < sizeof equations / sizeof *equations; i++) {
        for (int t = 0; t < 3; t++) {
            int64_t sizes[26];
            char text[128];
            for (int l = 0; l < 26; l++) sizes[l] = pick(&d, 1, 6);
            one_node node = {.text = text};
            const char *term = equations[i];
            for (; term; term = strchr(term, ',') ? strchr(term, ',') + 1 : NULL) {
                node.inputs[node.n_inputs++] = einsum_array(&d, dtypes[t], term, sizes);
            }
            (void)snprintf(text, sizeof text, "y = Einsum(%.*s) equation='%s'",
                           (int)(3 * node.n_inputs - 2), "a, b, c, d", equations[i]);
            ep_array y = einsum_array(NULL, dtypes[t], strstr(equations[i], "->") + 2, sizes);
            add_products(equations[i], sizes, node.inputs, node.n_inputs, &y);
            check_node(&node, y, 1e-5);
        }
    }
}

/* "..." broadcasts; without "->" the output has the letters that occur once. */
static void einsums_with_dots(void **state)
{
    (void)state;
    dice d = {7};
    one_node node = {.text = "y = Einsum(a, b) equation='...ij,...jk'", .n_inputs = 2};
    node.inputs[0] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 5, 3, 4);
    node.inputs[1] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 2, 1, 4, 6);
    ep_array y = NEW_ARRAY(EP_DTYPE_FLOAT, 2, 5, 3, 6);
    for (int64_t i = 0; i < (int64_t)y.n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < 4; j++) {
            sum += element(&node.inputs[0], (i / 6 % 15) * 4 + j) *
                   element(&node.inputs[1], (i / 90 * 4 + j) * 6 + i % 6);
        }
        set_element(&y, i, sum);
    }
    check_node(&node, y, 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices), cmocka_unit_test(vectors),
        cmocka_unit_test(empty),    cmocka_unit_test(gemms),
        cmocka_unit_test(integers), cmocka_unit_test(zero_points_of_lines),
        cmocka_unit_test(einsums),  cmocka_unit_test(einsums_with_dots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
