/* Transforms, windows, losses, determinants. Expected values are from onnxruntime 1.23, numpy or
 * the definition. */
#include "tests/unit/value_rows.h"

/* numpy.fft; lengths 5 and 7 are no powers of two */
static void transforms(void **state)
{
    (void)state;
    static const row rows[] = {
        {17, "a 1x5x2 = 1 0.5 2.5 -1 -3 2 4 0.25 7 3", "y = DFT(a)",
         "1x5x2 = 11.5 4.75 0.35104257 7.6919971 -10.392135 -4.4351077 -2.3611546 "
         "3.5896163 5.9022465 -9.0965052"},
        {17, "a 1x5x2 = 1 0.5 2.5 -1 -3 2 4 0.25 7 3", "y = DFT(a) inverse=1",
         "1x5x2 = 2.3 0.94999999 1.1804492 -1.819301 -0.47223091 0.71792322 -2.0784268 "
         "-0.88702154 0.070208512 1.5383993"},
        {17, "a 1x5x2 = 1 0.5 2.5 -1 -3 2 4 0.25 7 3; b:int64 = 7", "y = DFT(a, b)",
         "1x7x2 = 11.5 4.75 -6.7095261 -1.2248242 10.312333 -5.1375403 -10.24922 1.4193354 "
         "-0.89202338 2.4301755 9.6976509 7.0313907 -6.6592145 -5.7685366"},
        {17, "a 1x5x2 = 1 0.5 2.5 -1 -3 2 4 0.25 7 3; b:int64 = 3", "y = DFT(a, b)",
         "1x3x2 = 0.5 1.5 -1.3480762 -4.7631397 3.8480761 4.7631397"},
        {17, "a 1x8x1 = 0.375 1.375 2.125 0.625 0.625 1.375 0.875 2.125", "y = DFT(a) onesided=1",
         "1x5x2 = 9.5 0 0.81066018 -0.18933983 -2 0 -1.3106601 2.3106601 -1.5 0"},
        {20, "a 1x5x2 = 1 0.5 2.5 -1 -3 2 4 0.25 7 3; c:int64 = 1", "y = DFT(a, , c)",
         "1x5x2 = 11.5 4.75 0.35104257 7.6919971 -10.392135 -4.4351077 -2.3611546 "
         "3.5896163 5.9022465 -9.0965052"},
        {17, "a 1x5x2 = 1 0.5 2.5 -1 -3 2 4 0.25 7 3", "y = DFT(a) axis=2", "!real and imaginary"},
        {17, "a 1x8x1 = 1 2 4 -3 5 6 0.5 3; b:int64 = 3; c 4 = 0.5 1 0.75 0.25",
         "y = STFT(a, b, c)", "1x2x3x2 = 4.75 0 -2.5 -2.75 2.25 0 8.125 0 -6 -4.875 -2.125 0"},
        {17, "a 1x8x1 = 1 2 4 -3 5 6 0.5 3; b:int64 = 3; c 4 = 0.5 1 0.75 0.25; d:int64 = 4",
         "y = STFT(a, b, c, d) onesided=0",
         "1x2x4x2 = 4.75 0 -2.5 -2.75 2.25 0 -2.5 2.75 8.125 0 -6 -4.875 -2.125 0 -6 4.875"},
        {17, "a 1x8x1 = 1 2 4 -3 5 6 0.5 3; b:int64 = 3; d:int64 = 9", "y = STFT(a, b, , d)",
         "!do not fit"},
    };
    CHECK_ROWS(rows);
}

static void windows(void **state)
{
    (void)state;
    static const row rows[] = {
        {17, "a:int64 = 5", "y = HannWindow(a)", "5 = 0 0.3454915 0.90450847 0.90450847 0.3454915"},
        {17, "a:int64 = 5", "y = HannWindow(a) periodic=0", "5 = 0 0.5 1 0.5 0"},
        {17, "a:int64 = 4", "y = HammingWindow(a)", "4 = 0.086956501 0.54347825 1 0.54347825"},
        {17, "a:int64 = 3", "y = BlackmanWindow(a)", "3 = -1.3877788e-17 0.63 0.63"},
        {17, "a:int64 = 4", "y = HannWindow(a) output_datatype=11", "float64 4 = 0 0.5 1 0.5"},
        {17, "a:int64 = 3; b:int64 = 16; c:int64 = 8000; d = 0; e = 4000",
         "y = MelWeightMatrix(a, b, c, d, e)",
         "9x3 = 1 0 0 0 1 0 0 0.5 0.5 0 0 1 0 0 0.5 0 0 0 0 0 0 0 0 0 0 0 0"},
        {17, "a:int64 = 3; b:int64 = 16; c:int64 = 8000; d = 0; e = 9000",
         "y = MelWeightMatrix(a, b, c, d, e)", "!outside of the spectrum"},
    };
    CHECK_ROWS(rows);
}

static void losses(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "a 2x3 = 0.5 1 2 3 -1 0.5; b:int64 2 = 2 0", "y = NegativeLogLikelihoodLoss(a, b)",
         "scalar = -2.5"},
        {13, "a 2x3 = 0.5 1 2 3 -1 0.5; b:int64 2 = 2 0; c 3 = 1 2 0.5",
         "y = NegativeLogLikelihoodLoss(a, b, c) reduction='sum'", "scalar = -4"},
        {13, "a 2x3 = 0.5 1 2 3 -1 0.5; b:int64 2 = 2 -1",
         "y = NegativeLogLikelihoodLoss(a, b) reduction='none' ignore_index=-1", "2 = -2 -0"},
        {13, "a 2x3 = 0.5 1 2 3 -1 0.5; b:int64 2 = 3 0", "y = NegativeLogLikelihoodLoss(a, b)",
         "!target 3 is outside [0, 2]"},
        {13, "a 2x3 = 0.5 1 2 3 -1 0.5; b:int64 2 = 2 0; c 3 = 1 2 0.5",
         "y, z = SoftmaxCrossEntropyLoss(a, b, c)",
         "scalar = 0.21857251;2x3 = -1.9643688 -1.4643688 -0.46436879 -0.095674373 "
         "-4.0956745 -2.5956743"},
        {13, "a 2x3x2 = 1 2.5 1.25 0 0 -0.5 -1.5 0.75 0.75 -2 0 -0.75; b:int64 2x2 = 2 0 1 1",
         "y, z = SoftmaxCrossEntropyLoss(a, b) reduction='none'",
         "2x2 = 1.9752781 0.12387295 0.45600981 3.0023592;2x3x2 = -0.97527814 -0.12387295 "
         "-0.72527814 -2.623873 -1.9752781 -3.123873 -2.7060099 -0.25235909 -0.45600981 "
         "-3.0023592 -1.2060099 -1.7523592"},
    };
    CHECK_ROWS(rows);
}

static void determinants(void **state)
{
    (void)state;
    static const row rows[] = {
        {11, "a 2x2 = 0 2 3 4", "y = Det(a)", "scalar = -6"},
        {11, "a 2x3x3 = 2 1 0 1 3 1 0 1 4 1 2 3 2 4 6 1 1 1", "y = Det(a)", "2 = 18 0"},
        {11, "a 2x3 = 1 2 3 2 4 6", "y = Det(a)", "!"},
    };
    CHECK_ROWS(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms),
        cmocka_unit_test(windows),
        cmocka_unit_test(losses),
        cmocka_unit_test(determinants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
