/* NonMaxSuppression, Unique, TfIdfVectorizer, CenterCropPad. Expected values are from
 * onnxruntime 1.23 or the definition. */
#include "tests/unit/value_rows.h"

static void boxes(void **state)
{
    (void)state;
    static const row rows[] = {
        {11,
         "a 1x6x4 = 0 0 1 1 0 0.1 1 1.1 0 -0.1 1 0.89999998 0 10 1 11 0 10.1 1 11.1 1 101 "
         "0 100; b 1x1x6 = 0.89999998 0.75 0.60000002 0.94999999 0.5 0.30000001; c:int64 1 "
         "= 3; d 1 = 0.5; e 1 = 0",
         "y = NonMaxSuppression(a, b, c, d, e)", "int64 3x3 = 0 0 3 0 0 0 0 0 5"},
        {11,
         "a 1x6x4 = 0 0 1 1 0 0.1 1 1.1 0 -0.1 1 0.89999998 0 10 1 11 0 10.1 1 11.1 1 101 "
         "0 100; b 1x2x6 = 0.89999998 0.75 0.60000002 0.94999999 0.5 0.30000001 0.10000002 "
         "0.25 0.39999998 0.050000012 0.5 0.69999999; c:int64 1 = 2; d 1 = 0.5; e 1 = "
         "0.40000001",
         "y = NonMaxSuppression(a, b, c, d, e)", "int64 4x3 = 0 0 3 0 0 0 0 1 5 0 1 4"},
        {11,
         "a 1x6x4 = 0 0 1 1 0 0.1 1 1.1 0 -0.1 1 0.89999998 0 10 1 11 0 10.1 1 11.1 1 101 "
         "0 100; b 1x1x6 = 0.89999998 0.75 0.60000002 0.94999999 0.5 0.30000001; c:int64 1 "
         "= 1000; d 1 = 0.5",
         "y = NonMaxSuppression(a, b, c, d)", "int64 3x3 = 0 0 3 0 0 0 0 0 5"},
        {11,
         "a 1x3x4 = 0.5 0.5 1 1 0.5 0.60000002 1 1 0.5 10.5 1 1; b 1x1x3 = 0.89999998 "
         "0.94999999 0.30000001; c:int64 1 = 3; d 1 = 0.5",
         "y = NonMaxSuppression(a, b, c, d) center_point_box=1", "int64 2x3 = 0 0 1 0 0 2"},
        {11,
         "a 1x6x4 = 0 0 1 1 0 0.1 1 1.1 0 -0.1 1 0.89999998 0 10 1 11 0 10.1 1 11.1 1 101 "
         "0 100; b 1x1x6 = 0.89999998 0.75 0.60000002 0.94999999 0.5 0.30000001",
         "y = NonMaxSuppression(a, b)", "int64 0x3 = "},
        {11,
         "a 1x6x4 = 0 0 1 1 0 0.1 1 1.1 0 -0.1 1 0.89999998 0 10 1 11 0 10.1 1 11.1 1 101 "
         "0 100; b 1x1x2 = 1 2; c:int64 1 = 3",
         "y = NonMaxSuppression(a, b, c)", "!boxes must be"},
    };
    CHECK_ROWS(rows);
}

static void unique(void **state)
{
    (void)state;
    static const row rows[] = {
        {11, "a 6 = 2 1 1 3 4 3", "y, z, w, v = Unique(a)",
         "4 = 1 2 3 4;int64 4 = 1 0 3 4;int64 6 = 1 0 0 2 3 2;int64 4 = 2 1 2 1"},
        {11, "a 6 = 2 1 1 3 4 3", "y, z, w, v = Unique(a) sorted=0",
         "4 = 2 1 3 4;int64 4 = 0 1 3 4;int64 6 = 0 1 1 2 3 2;int64 4 = 1 2 2 1"},
        {11, "a 3x3 = 1 0 0 1 0 0 2 3 4", "y, z, w, v = Unique(a) axis=0",
         "2x3 = 1 0 0 2 3 4;int64 2 = 0 2;int64 3 = 0 0 1;int64 2 = 2 1"},
        {11, "a 2x2x2 = 1 1 0 1 2 1 0 1", "y, z, w, v = Unique(a) axis=1",
         "2x2x2 = 0 1 1 1 0 1 2 1;int64 2 = 1 0;int64 2 = 1 0;int64 2 = 1 1"},
        {11, "a:int64 4 = 3 -1 3 2", "y = Unique(a)", "int64 3 = -1 2 3"},
        {11, "a 3 = nan 1 nan", "y = Unique(a)", "2 = 1 nan"},
        {11, "a 0 = ", "y, z = Unique(a)", "0 = ;int64 0 = "},
    };
    CHECK_ROWS(rows);
}

static void ngrams(void **state)
{
    (void)state;
    static const row rows[] = {
        {9, "a:int32 12 = 1 1 3 3 3 7 8 6 7 5 6 8",
         "y = TfIdfVectorizer(a) mode='TF' min_gram_length=2 max_gram_length=2 "
         "max_skip_count=5 ngram_counts=[0,4] ngram_indexes=[0,1,2,3,4,5,6] "
         "pool_int64s=[2,3,5,4,5,6,7,8,6,7]",
         "7 = 0 0 0 0 1 3 1"},
        {9, "a:int64 2x4 = 1 1 3 3 5 6 7 5",
         "y = TfIdfVectorizer(a) mode='TFIDF' min_gram_length=1 max_gram_length=2 "
         "max_skip_count=0 ngram_counts=[0,4] ngram_indexes=[0,1,2,3,4,5,6] "
         "pool_int64s=[2,3,5,4,5,6,7,8,6,7] weights=[1.0,2.0,3.0,4.0,5.0,6.0,7.0]",
         "2x7 = 0 4 0 0 0 0 0 0 0 6 0 5 0 7"},
        {9, "a:int64 4 = 1 3 3 5",
         "y = TfIdfVectorizer(a) mode='IDF' min_gram_length=1 max_gram_length=1 "
         "max_skip_count=0 ngram_counts=[0] ngram_indexes=[1,0] pool_int64s=[3,5]",
         "2 = 1 1"},
        {9, "a:int64 2 = 1 3",
         "y = TfIdfVectorizer(a) mode='TF' min_gram_length=1 max_gram_length=1 "
         "max_skip_count=0 ngram_counts=[0,1] ngram_indexes=[0,1] pool_int64s=[3,5,3,3]",
         "!ngram_counts puts 2-grams at 1 to 4 of 4"},
    };
    CHECK_ROWS(rows);
}

static void crops_and_pads(void **state)
{
    (void)state;
    static const row rows[] = {
        {18, "a:int64 2x5 = 0 1 2 3 4 5 6 7 8 9; b:int64 2 = 4 2", "y = CenterCropPad(a, b)",
         "int64 4x2 = 0 0 1 2 6 7 0 0"},
        {18, "a:int64 5 = 0 1 2 3 4; b:int64 1 = 8", "y = CenterCropPad(a, b)",
         "int64 8 = 0 0 1 2 3 4 0 0"},
        {18, "a:int64 2x3 = 0 1 2 3 4 5; b:int64 1 = 1", "y = CenterCropPad(a, b) axes=[-1]",
         "int64 2x1 = 1 4"},
        {13, "a:int64 2x2 = 0 1 2 3; b:int64 4 = 1 -1 0 2", "y = Pad(a, b)",
         "int64 3x3 = 0 0 0 1 0 0 3 0 0"},
    };
    CHECK_ROWS(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes),
        cmocka_unit_test(unique),
        cmocka_unit_test(ngrams),
        cmocka_unit_test(crops_and_pads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
