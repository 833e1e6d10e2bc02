/* Kernels, a table a family. Expected values follow from the ONNX specification's formulas and
 * examples. */
#include "tests/unit/value_rows.h"

#define X "x 5 = -2 -0.5 0 0.5 2"

static void unary(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, X, "y = Abs(x)", "5 = 2 0.5 0 0.5 2"},
        {13, "x:int8 3 = -128 -1 5", "y = Abs(x)", "int8 3 = -128 1 5"},
        {13, "x:uint16 2 = 0 65535", "y = Abs(x)", "uint16 2 = 0 65535"},
        {13, "x:int32 2 = -2147483648 7", "y = Neg(x)", "int32 2 = -2147483648 -7"},
        {13, X, "y = Neg(x)", "5 = 2 0.5 0 -0.5 -2"},
        {13, X, "y = Floor(x)", "5 = -2 -1 0 0 2"},
        {13, X, "y = Ceil(x)", "5 = -2 0 0 1 2"},
        {13, "x 5 = -2.5 -1.5 0.5 1.5 2.6", "y = Round(x)", "5 = -2 -2 0 2 3"},
        {13, "x 3 = 4 9 -1", "y = Sqrt(x)", "3 = 2 3 nan"},
        {13, "x 3 = 4 -0.5 0", "y = Reciprocal(x)", "3 = 0.25 -2 inf"},
        {13, X, "y = Sign(x)", "5 = -1 -1 0 1 1"},
        {13, "x:int64 3 = -9 0 9", "y = Sign(x)", "int64 3 = -1 0 1"},
        {13, "x:bool 2 = 0 1", "y = Not(x)", "bool 2 = 1 0"},
        {18, "x:int8 2 = 0 1", "y = BitwiseNot(x)", "int8 2 = -1 -2"},
        {13, "x:float64 = 0.5", "y = Sin(x)", "float64 scalar = 0.47942554"},
        {13, "x 2 = -2 0.5", "y = Cos(x)", "2 = -0.41614684 0.87758256"},
        {13, "x 2 = -2 0.5", "y = Tan(x)", "2 = 2.1850399 0.54630249"},
        {13, "x 2 = -2 0.5", "y = Sinh(x)", "2 = -3.6268604 0.52109531"},
        {13, "x 2 = -2 0.5", "y = Cosh(x)", "2 = 3.7621957 1.127626"},
        {13, "x 2 = -2 0.5", "y = Tanh(x)", "2 = -0.96402758 0.46211716"},
        {13, "x 2 = -0.5 0.5", "y = Asin(x)", "2 = -0.52359878 0.52359878"},
        {13, "x 2 = -0.5 0.5", "y = Acos(x)", "2 = 2.0943951 1.0471976"},
        {13, "x 2 = -2 0.5", "y = Atan(x)", "2 = -1.1071487 0.46364761"},
        {13, "x 2 = -2 0.5", "y = Asinh(x)", "2 = -1.4436355 0.48121183"},
        {13, "x 2 = 1 2", "y = Acosh(x)", "2 = 0 1.3169579"},
        {13, "x 2 = -0.5 0.5", "y = Atanh(x)", "2 = -0.54930614 0.54930614"},
        {13, "x 2 = -2 0.5", "y = Exp(x)", "2 = 0.13533528 1.6487213"},
        {13, "x 3 = 2 0.5 0", "y = Log(x)", "3 = 0.69314718 -0.69314718 -inf"},
        {13, X, "y = Erf(x)", "5 = -0.99532227 -0.52049988 0 0.52049988 0.99532227"},
        {13, "x 3 = nan 1 inf", "y = IsNaN(x)", "bool 3 = 1 0 0"},
        {13, "x 4 = nan 1 inf -inf", "y = IsInf(x)", "bool 4 = 0 0 1 1"},
        {13, "x 3 = 1 inf -inf", "y = IsInf(x) detect_negative=0", "bool 3 = 0 1 0"},
        {13, "x 3 = 1 inf -inf", "y = IsInf(x) detect_positive=0", "bool 3 = 0 0 1"},
        {13, "x 0 =", "y = Exp(x)", "0 ="},
        {13, "x:string 0 =", "y = Abs(x)", "?"},
    };
    CHECK_ROWS(rows);
}

static void activations(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, X, "y = Relu(x)", "5 = 0 0 0 0.5 2"},
        {14, "x:int8 2 = -3 3", "y = Relu(x)", "int8 2 = 0 3"},
        {13, X, "y = LeakyRelu(x) alpha=0.5", "5 = -1 -0.25 0 0.5 2"},
        {13, X, "y = LeakyRelu(x)", "5 = -0.02 -0.005 0 0.5 2"},
        {13, X, "y = Sigmoid(x)", "5 = 0.11920292 0.37754067 0.5 0.62245933 0.88079708"},
        {13, "x 2 = -100 100", "y = Sigmoid(x)", "2 = 3.7835059e-44 1"},
        {13, X, "y = Softplus(x)", "5 = 0.12692801 0.47407698 0.69314718 0.97407698 2.126928"},
        {13, "x 2 = 1000 -1000", "y = Softplus(x)", "2 = 1000 0"},
        {13, X, "y = Softsign(x)", "5 = -0.66666667 -0.33333333 0 0.33333333 0.66666667"},
        {13, X, "y = Elu(x) alpha=2.0", "5 = -1.7293294 -0.78693868 0 0.5 2"},
        {13, X, "y = Selu(x)", "5 = -1.5201665 -0.69175819 0 0.52535049 2.101402"},
        {13, X, "y = Celu(x) alpha=2.0", "5 = -1.2642411 -0.44239843 0 0.5 2"},
        {18, X, "y = Mish(x)", "5 = -0.25250148 -0.22074377 0 0.37524521 1.943959"},
        {24, X, "y = Swish(x)", "5 = -0.23840584 -0.18877033 0 0.31122967 1.7615942"},
        {13, X, "y = HardSigmoid(x)", "5 = 0.1 0.4 0.5 0.6 0.9"},
        {14, X, "y = HardSwish(x)", "5 = -0.33333333 -0.20833333 0 0.29166667 1.6666667"},
        {20, X, "y = Gelu(x)", "5 = -0.045500264 -0.15426877 0 0.34573123 1.9544997"},
        {20, X, "y = Gelu(x) approximate='tanh'",
         "5 = -0.045402306 -0.15428599 0 0.34571401 1.9545977"},
        {13, X, "y = ThresholdedRelu(x) alpha=0.5", "5 = 0 0 0 0 2"},
        {13, X, "y = Shrink(x) lambd=1.5 bias=1.5", "5 = -0.5 0 0 0 0.5"},
        {13, "x 2 = -2 2; s 2 = 3 4", "y = PRelu(x, s)", "2 = -6 2"},
        {6 + 1, X, "y = Clip(x) min=-1.0 max=1.5", "5 = -1 -0.5 0 0.5 1.5"},
        {13, X "; h = 1", "y = Clip(x, , h)", "5 = -2 -0.5 0 0.5 1"},
        {13, "x:int64 2 = 0 9223372036854775807; l:int64 = 5", "y = Clip(x, l)",
         "int64 2 = 5 9223372036854775807"},
        {13, "x 1x3 = 1 2 3", "y = Softmax(x)", "1x3 = 0.090030573 0.24472847 0.66524096"},
        {13, "x 3 = 1001 1002 1003", "y = Softmax(x)", "3 = 0.090030573 0.24472847 0.66524096"},
        {13, "x 2x2 = 1 2 1 2", "y = Softmax(x) axis=0", "2x2 = 0.5 0.5 0.5 0.5"},
        {11, "x 1x2x2 = 1 2 3 4", "y = Softmax(x)",
         "1x2x2 = 0.032058603 0.087144319 0.23688282 0.64391426"},
        {13, "x 3 = 1 2 3", "y = LogSoftmax(x)", "3 = -2.407606 -1.407606 -0.40760596"},
    };
    CHECK_ROWS(rows);
}

static void binary(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "a 2x3 = 1 2 3 4 5 6; b 3 = 10 20 30", "y = Add(a, b)", "2x3 = 11 22 33 14 25 36"},
        {13, "a 2x1 = 1 2; b 1x3 = 1 2 3", "y = Sub(a, b)", "2x3 = 0 -1 -2 1 0 -1"},
        {13, "a:uint8 2 = 200 3; b:uint8 = 100", "y = Add(a, b)", "uint8 2 = 44 103"},
        {14, "a:int16 2 = -32768 300; b:int16 2 = 1 300", "y = Mul(a, b)",
         "int16 2 = -32768 24464"},
        {13, "a:int64 = 9223372036854775807; b:int64 = 1", "y = Add(a, b)",
         "int64 scalar = -9223372036854775808"},
        {13, "a:int32 4 = 7 -7 7 -2147483648; b:int32 4 = 2 2 -2 -1", "y = Div(a, b)",
         "int32 4 = 3 -3 -3 -2147483648"},
        {13, "a 2 = 1 0; b 2 = 0 0", "y = Div(a, b)", "2 = inf nan"},
        {13, "a:int64 2 = 1 2; b:int64 2 = 3 0", "y = Div(a, b)",
         "!integer division by zero: element 1 of the divisor"},
        {13, "a:int64 6 = -4 7 5 4 -7 8; b:int64 6 = 2 -3 8 -2 3 5", "y = Mod(a, b)",
         "int64 6 = 0 -2 5 0 2 3"},
        {13, "a:int64 6 = -4 7 5 4 -7 8; b:int64 6 = 2 -3 8 -2 3 5", "y = Mod(a, b) fmod=1",
         "int64 6 = 0 1 5 0 -1 3"},
        {13, "a 2 = -4.3 7.2; b 2 = 2.1 -3.4", "y = Mod(a, b) fmod=1", "2 = -0.1 0.4"},
        {13, "a:int64 = 5; b:int64 = 0", "y = Mod(a, b)", "!integer division by zero"},
        {13, "a:int32 = -2147483648; b:int32 = -1", "y = Mod(a, b)", "int32 scalar = 0"},
        {13, "a 3 = 1 2 3; b 3 = 4 5 6", "y = Pow(a, b)", "3 = 1 32 729"},
        {13, "a:int64 4 = 3 -2 2 7; b:int64 4 = 39 3 -1 0", "y = Pow(a, b)",
         "int64 4 = 4052555153018976267 -8 0 1"},
        {13, "a:int32 2 = 4 9; b = 0.5", "y = Pow(a, b)", "int32 2 = 2 3"},
        {13, "a 2 = 4 9; b:int64 = 2", "y = Pow(a, b)", "2 = 16 81"},
        {13, "a 2 = 1 5; b 2 = 3 nan; c = 2", "y = Max(a, b, c)", "2 = 3 nan"},
        {13, "a:int8 2 = -1 5; b:int8 2 = 3 -5", "y = Min(a, b)", "int8 2 = -1 -5"},
        {13, "a 2 = 1 5; b 2 = 3 7; c = 2", "y = Sum(a, b, c)", "2 = 6 14"},
        {13, "a 2 = 1 5; b 2 = 3 7; c = 2", "y = Mean(a, b, c)", "2 = 2 4.6666667"},
        {13, "a 2 = 1 nan; b 2 = 1 nan", "y = Equal(a, b)", "bool 2 = 1 0"},
        {13, "a:bool 2 = 1 0; b:bool 2 = 1 1", "y = Equal(a, b)", "bool 2 = 1 0"},
        {13, "a:uint64 2 = 0xffffffffffffffff 1; b:uint64 = 2", "y = Greater(a, b)",
         "bool 2 = 1 0"},
        {16, "a:int8 3 = -1 0 1; b:int8 = 0", "y = GreaterOrEqual(a, b)", "bool 3 = 0 1 1"},
        {13, "a:int8 3 = -1 0 1; b:int8 = 0", "y = Less(a, b)", "bool 3 = 1 0 0"},
        {16, "a 3 = -1 0 1; b = 0", "y = LessOrEqual(a, b)", "bool 3 = 1 1 0"},
        {13, "a:bool 4 = 0 0 1 1; b:bool 4 = 0 1 0 1", "y = And(a, b)", "bool 4 = 0 0 0 1"},
        {13, "a:bool 4 = 0 0 1 1; b:bool 4 = 0 1 0 1", "y = Or(a, b)", "bool 4 = 0 1 1 1"},
        {13, "a:bool 4 = 0 0 1 1; b:bool 4 = 0 1 0 1", "y = Xor(a, b)", "bool 4 = 0 1 1 0"},
        {18, "a:int16 2 = 12 -1; b:int16 = 10", "y = BitwiseAnd(a, b)", "int16 2 = 8 10"},
        {18, "a:int16 2 = 12 -1; b:int16 = 10", "y = BitwiseOr(a, b)", "int16 2 = 14 -1"},
        {18, "a:int16 2 = 12 -1; b:int16 = 10", "y = BitwiseXor(a, b)", "int16 2 = 6 -11"},
        {13, "a:uint8 3 = 16 4 1; b:uint8 3 = 1 2 8", "y = BitShift(a, b) direction='LEFT'",
         "uint8 3 = 32 16 0"},
        {13, "a:uint32 2 = 16 4; b:uint32 2 = 1 32", "y = BitShift(a, b) direction='RIGHT'",
         "uint32 2 = 8 0"},
        {13, "c:bool 2x1 = 1 0; a 2 = 1 2; b = 9", "y = Where(c, a, b)", "2x2 = 1 2 9 9"},
        {13, "c:bool 2 = 1 0; a:int64 2 = 1 2; b:int64 2 = 3 4", "y = Where(c, a, b)",
         "int64 2 = 1 4"},
    };
    CHECK_ROWS(rows);
}

/* float16 1, 2, 0.5, 65504, inf are 0x3c00, 0x4000, 0x3800, 0x7bff, 0x7c00; bfloat16 1, 2 are
 * 0x3f80, 0x4000 */
static void narrow_floats(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "a:float16 3 = 0x3c00 0x7bff 0x3800; b:float16 = 0x4000", "y = Mul(a, b)",
         "float16 3 = 0x4000 0x7c00 0x3c00"},
        {13, "a:bfloat16 2 = 0x3f80 0x4000; b:bfloat16 2 = 0x3f80 0x3f80", "y = Sub(a, b)",
         "bfloat16 2 = 0 0x3f80"},
        {13, "a:float16 2x1 = 0x3c00 0x4000", "y = ReduceSum(a)", "float16 1x1 = 0x4200"},
        {13, "x:float16 2 = 0x3c00 0x4000; y:float16 = 0x3c00", "z = Greater(x, y)",
         "bool 2 = 0 1"},
        /* halfway cases go to even: 1 + 2^-11, 1 + 3 * 2^-11; below the least subnormal */
        {13, "x 4 = 1.00048828125 1.00146484375 65520 2.9802322387695312e-8", "y = Cast(x) to=10",
         "float16 4 = 0x3c00 0x3c02 0x7c00 0"},
        {13, "x 4 = -5.960464477539063e-8 6.097555160522461e-5 nan -inf", "y = Cast(x) to=10",
         "float16 4 = 0x8001 0x03ff 0x7e00 0xfc00"},
        {13, "x:float16 5 = 0x0001 0x03ff 0x7bff 0xfc00 0x7e01", "y = Cast(x) to=1",
         "5 = 5.9604645e-08 6.0975552e-05 65504 -inf nan"},
        {13, "x 3 = 3.140625 3.1562 1e39", "y = Cast(x) to=16",
         "bfloat16 3 = 0x4049 0x404a 0x7f80"},
        {19, "x 6 = 1 448 1000 -0.001953125 nan -inf", "y = Cast(x) to=17",
         "float8e4m3fn 6 = 0x38 0x7e 0x7e 0x81 0x7f 0xfe"},
        {19, "x 2 = 1000 -inf", "y = Cast(x) to=17 saturate=0", "float8e4m3fn 2 = 0x7f 0xff"},
        {19, "x 3 = 1 1000 -0.0", "y = Cast(x) to=18", "float8e4m3fnuz 3 = 0x40 0x7f 0"},
        {19, "x 3 = 1 1e6 nan", "y = Cast(x) to=19", "float8e5m2 3 = 0x3c 0x7b 0x7f"},
        {19, "x 2 = 1e6 -1e6", "y = Cast(x) to=19 saturate=0", "float8e5m2 2 = 0x7c 0xfc"},
        {19, "x:float8e4m3fn 3 = 0x38 0x7e 0xff", "y = Cast(x) to=1", "3 = 1 448 nan"},
        {23, "x 4 = 0.5 6 100 -1.5", "y = Cast(x) to=23", "float4e2m1 4 = 0x71 0xb7"},
    };
    CHECK_ROWS(rows);
}

static void cast(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "x 4 = 1.9 -1.9 0.5 nan", "y = Cast(x) to=6", "int32 4 = 1 -1 0 0"},
        {13, "x 3 = 1e10 -1e10 300", "y = Cast(x) to=6", "int32 3 = 2147483647 -2147483648 300"},
        {13, "x 3 = 1e30 -1e30 -1", "y = Cast(x) to=13", "uint64 3 = 0xffffffffffffffff 0 0"},
        {13, "x:int32 3 = 257 -1 127", "y = Cast(x) to=3", "int8 3 = 1 -1 127"},
        {13, "x:int64 2 = -1 4294967297", "y = Cast(x) to=12", "uint32 2 = 4294967295 1"},
        {13, "x 3 = 0 0.1 nan", "y = Cast(x) to=9", "bool 3 = 0 1 1"},
        {13, "x:bool 2 = 0 1", "y = Cast(x) to=7", "int64 2 = 0 1"},
        {13, "x:uint64 = 0xffffffffffffffff", "y = Cast(x) to=11",
         "float64 scalar = 18446744073709551615"},
        {13, "x:int64 = 9007199254740993", "y = Cast(x) to=7", "int64 scalar = 9007199254740993"},
        {21, "x:int32 3 = 1 -2 9", "y = Cast(x) to=22", "int4 3 = 0xe1 0x09"},
        {21, "x:int4 3 = 0xe1 0x09", "y = Cast(x) to=1", "3 = 1 -2 -7"},
        {21, "x:uint4 3 = 0xe1 0x09", "y = Cast(x) to=7", "int64 3 = 1 14 9"},
        {15, "x 2 = 1.5 2; t:int8 = 0", "y = CastLike(x, t)", "int8 2 = 1 2"},
        {13, "x:int64 2 = 1 2", "y = Cast(x) to=8", "?"},
        {13, "x 2 = 1 4; s = 2; z:int8 = 3", "y = QuantizeLinear(x, s, z)", "int8 2 = 3 5"},
        {13, "x 5 = 1 3 5 -9 1000; s = 2", "y = QuantizeLinear(x, s)", "uint8 5 = 0 2 2 0 255"},
        {13, "x 2x2 = 1 2 3 4; s 2 = 1 0.5; z:int8 2 = 0 1", "y = QuantizeLinear(x, s, z) axis=0",
         "int8 2x2 = 1 2 7 9"},
        {13, "x:int8 2x2 = 1 2 3 4; s 2 = 1 0.5; z:int8 2 = 0 1", "y = DequantizeLinear(x, s, z)",
         "2x2 = 1 0.5 3 1.5"},
        {21, "x:int8 1x4 = 1 2 3 4; s 1x2 = 1 0.5", "y = DequantizeLinear(x, s) block_size=2",
         "1x4 = 1 2 1.5 2"},
        {13, "x:int8 2x2 = 1 2 3 4; s 3 = 1 2 3", "y = DequantizeLinear(x, s)",
         "!3 scales do not fit an axis of 2 elements"},
    };
    CHECK_ROWS(rows);
}

#define X23 "x 2x3 = 1 2 3 4 5 6"

static void movement(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, X23, "y = Identity(x)", "2x3 = 1 2 3 4 5 6"},
        {13, X23 "; s:int64 2 = 3 -1", "y = Reshape(x, s)", "3x2 = 1 2 3 4 5 6"},
        {13, X23, "y = Flatten(x) axis=0", "1x6 = 1 2 3 4 5 6"},
        {13, "x 1x2 = 1 2; a:int64 1 = 0", "y = Squeeze(x, a)", "2 = 1 2"},
        {11, "x 1x2 = 1 2", "y = Unsqueeze(x) axes=[0,3]", "1x1x2x1 = 1 2"},
        {13, X23, "y = Transpose(x)", "3x2 = 1 4 2 5 3 6"},
        {13, "x:int8 2x1x3 = 1 2 3 4 5 6", "y = Transpose(x) perm=[1,2,0]",
         "int8 1x3x2 = 1 4 2 5 3 6"},
        {13, X23 "; s:int64 3 = 2 1 1", "y = Expand(x, s)", "2x2x3 = 1 2 3 4 5 6 1 2 3 4 5 6"},
        {13, "x 2x1 = 1 2; s:int64 2 = 1 2", "y = Expand(x, s)", "2x2 = 1 1 2 2"},
        {13, "x 2x2 = 1 2 3 4; r:int64 2 = 2 2", "y = Tile(x, r)",
         "4x4 = 1 2 1 2 3 4 3 4 1 2 1 2 3 4 3 4"},
        {13, X23 "; z 2x1 = 7 8", "y = Concat(x, z) axis=-1", "2x4 = 1 2 3 7 4 5 6 8"},
        {13, X23 "; e 0x3 =", "y = Concat(e, x) axis=0", "2x3 = 1 2 3 4 5 6"},
        {13, X23 "; s:int64 2 = 1 2", "a, b = Split(x, s) axis=1", "2x1 = 1 4; 2x2 = 2 3 5 6"},
        {11, "x 5 = 1 2 3 4 5", "a, b = Split(x) split=[2,3]", "2 = 1 2; 3 = 3 4 5"},
        {18, "x 5 = 1 2 3 4 5", "a, b = Split(x) num_outputs=2", "3 = 1 2 3; 2 = 4 5"},
        {13,
         "x 2x4 = 1 2 3 4 5 6 7 8; b:int64 2 = 1 0; e:int64 2 = 2 3; a:int64 2 = 0 1; "
         "s:int64 2 = 1 2",
         "y = Slice(x, b, e, a, s)", "1x2 = 5 7"},
        {13, "x 5 = 1 2 3 4 5; b:int64 1 = -1; e:int64 1 = -9; a:int64 1 = 0; s:int64 1 = -2",
         "y = Slice(x, b, e, a, s)", "3 = 5 3 1"},
        {9, "x 5 = 1 2 3 4 5", "y = Slice(x) starts=[-3] ends=[100]", "3 = 3 4 5"},
        {13, "x 1x4x1x2 = 0 1 2 3 4 5 6 7", "y = DepthToSpace(x) blocksize=2",
         "1x1x2x4 = 0 2 1 3 4 6 5 7"},
        {13, "x 1x4x1x1 = 0 1 2 3", "y = DepthToSpace(x) blocksize=2 mode='CRD'",
         "1x1x2x2 = 0 1 2 3"},
        {13, "x 1x8x1x1 = 0 1 2 3 4 5 6 7", "y = DepthToSpace(x) blocksize=2 mode='CRD'",
         "1x2x2x2 = 0 1 2 3 4 5 6 7"},
        {13, "x 1x1x2x4 = 0 6 1 7 12 18 13 19", "y = SpaceToDepth(x) blocksize=2",
         "1x4x1x2 = 0 1 6 7 12 13 18 19"},
        {13, "x 2 = 1 2; p:int64 2 = 1 2; v = 9", "y = Pad(x, p, v)", "5 = 9 1 2 9 9"},
        {13, "x 3 = 1 2 3; p:int64 2 = 2 2", "y = Pad(x, p) mode='reflect'", "7 = 3 2 1 2 3 2 1"},
        {13, "x 2 = 1 2; p:int64 2 = 1 1", "y = Pad(x, p) mode='edge'", "4 = 1 1 2 2"},
        {19, "x 3 = 1 2 3; p:int64 2 = 2 1", "y = Pad(x, p) mode='wrap'", "6 = 2 3 1 2 3 1"},
        {13, "x 4 = 1 2 3 4; p:int64 2 = -1 -1", "y = Pad(x, p)", "2 = 2 3"},
        {18, X23 "; p:int64 2 = 1 0; a:int64 1 = -1", "y = Pad(x, p, , a)",
         "2x4 = 0 1 2 3 0 4 5 6"},
        {7, "x 2 = 1 2", "y = Pad(x) pads=[0,1] value=5.0", "3 = 1 2 5"},
        {14, "x 2x3 = 1 2 3 4 5 6", "y = Trilu(x)", "2x3 = 1 2 3 0 5 6"},
        {14, "x 2x3 = 1 2 3 4 5 6; k:int64 = -1", "y = Trilu(x, k) upper=0", "2x3 = 0 0 0 4 0 0"},
        {13, "x 4x2 = 0 1 2 3 4 5 6 7; l:int64 2 = 3 1", "y = ReverseSequence(x, l)",
         "4x2 = 4 1 2 3 0 5 6 7"},
    };
    CHECK_ROWS(rows);
}

static void gathering(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "x 3x2 = 1 2 3 4 5 6; i:int64 2 = 0 -1", "y = Gather(x, i)", "2x2 = 1 2 5 6"},
        {13, "x:int64 3 = 7 8 9; i:int32 = 1", "y = Gather(x, i)", "int64 scalar = 8"},
        {13, "x 2x3 = 1 2 3 4 5 6; i:int64 1x2 = 2 0", "y = Gather(x, i) axis=1",
         "2x1x2 = 3 1 6 4"},
        {13, "x 3 = 1 2 3; i:int64 2 = 0 3", "y = Gather(x, i)", "!index 3 is outside [-3, 2]"},
        {13, "x 2x2 = 1 2 3 4; i:int64 2x2 = 0 0 1 0", "y = GatherElements(x, i) axis=1",
         "2x2 = 1 1 4 3"},
        {13, "x 2x2 = 1 2 3 4; i:int64 1x2 = 0 -3", "y = GatherElements(x, i)",
         "!index -3 is outside [-2, 1]"},
        {13, "x 2x2 = 0 1 2 3; i:int64 2x2 = 0 0 1 1", "y = GatherND(x, i)", "2 = 0 3"},
        {13, "x 2x2x2 = 0 1 2 3 4 5 6 7; i:int64 2x1 = 1 0", "y = GatherND(x, i) batch_dims=1",
         "2x2 = 2 3 4 5"},
        {13, "x 2x2 = 0 1 2 3; i:int64 1x2 = 0 2", "y = GatherND(x, i)",
         "!index 2 is outside [-2, 1]"},
        {13, "x 1x5 = 1 2 3 4 5; i:int64 1x2 = 1 3; u 1x2 = 1.1 2.1",
         "y = ScatterElements(x, i, u) axis=1", "1x5 = 1 1.1 3 2.1 5"},
        {16, "x 1x5 = 1 2 3 4 5; i:int64 1x2 = 1 1; u 1x2 = 1.1 2.1",
         "y = ScatterElements(x, i, u) axis=1 reduction='add'", "1x5 = 1 5.2 3 4 5"},
        {10, "x 3 = 1 2 3; i:int64 1 = -1; u 1 = 9", "y = Scatter(x, i, u)", "3 = 1 2 9"},
        {13, "x 4 = 1 2 3 4; i:int64 2x1 = 3 0; u 2 = 9 8", "y = ScatterND(x, i, u)",
         "4 = 8 2 3 9"},
        {18,
         "x:float16 2x2 = 0x3c00 0x3c00 0x4000 0x4000; i:int64 1x1 = 1; u:float16 1x2 = 0x3c00 "
         "0x4200",
         "y = ScatterND(x, i, u) reduction='max'", "float16 2x2 = 0x3c00 0x3c00 0x4000 0x4200"},
        {13, "x 4 = 1 2 3 4; i:int64 1x1 = 4; u 1 = 9", "y = ScatterND(x, i, u)",
         "!index 4 is outside [-4, 3]"},
        {13, "x 3x2 = 1 2 3 4 5 6; c:bool 3 = 0 1 1", "y = Compress(x, c) axis=0", "2x2 = 3 4 5 6"},
        {13, "x 3x2 = 1 2 3 4 5 6; c:bool 5 = 0 1 0 0 1", "y = Compress(x, c)", "2 = 2 5"},
        {13, "x:bool 2x2 = 1 0 1 1", "y = NonZero(x)", "int64 2x3 = 0 1 1 0 0 1"},
        {13, "x 3 = 0 0 0", "y = NonZero(x)", "int64 1x0 ="},
    };
    CHECK_ROWS(rows);
}

static void generators(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "s:int64 2 = 2 3", "y = ConstantOfShape(s)", "2x3 = 0 0 0 0 0 0"},
        {13, "s:int64 0 =", "y = ConstantOfShape(s)", "scalar = 0"},
        {13, "a:int64 = 10; b:int64 = 4; d:int64 = -2", "y = Range(a, b, d)", "int64 3 = 10 8 6"},
        {13, "a = 1; b = 2; d = 0.25", "y = Range(a, b, d)", "4 = 1 1.25 1.5 1.75"},
        {13, "x 2x3 = 0 0 0 0 0 0", "y = EyeLike(x) k=1 dtype=6", "int32 2x3 = 0 1 0 0 0 1"},
        {13, "i:int64 3 = 0 -1 5; d:int64 = 3; v 2 = 2 7", "y = OneHot(i, d, v)",
         "3x3 = 7 2 2 2 2 7 2 2 2"},
        {13, "i:int64 2 = 1 0; d:int64 1 = 2; v:int8 2 = 0 1", "y = OneHot(i, d, v) axis=0",
         "int8 2x2 = 0 1 1 0"},
        {15, "x 2x3x1 = 0 0 0 0 0 0", "y = Shape(x) start=-2", "int64 2 = 3 1"},
        {15, "x 2x3x1 = 0 0 0 0 0 0", "y = Shape(x) start=1 end=-1", "int64 1 = 3"},
        {13, "x 2x3 = 0 0 0 0 0 0", "y = Size(x)", "int64 scalar = 6"},
    };
    CHECK_ROWS(rows);
}

static void reductions(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, X23 "; a:int64 1 = 1", "y = ReduceSum(x, a)", "2x1 = 6 15"},
        {11, X23, "y = ReduceSum(x) axes=[0] keepdims=0", "3 = 5 7 9"},
        {13, X23, "y = ReduceSum(x)", "1x1 = 21"},
        {13, X23, "y = ReduceSum(x) noop_with_empty_axes=1", "2x3 = 1 2 3 4 5 6"},
        {13, "x 2x2x2 = 1 2 3 4 5 6 7 8", "y = ReduceMean(x) axes=[0,2] keepdims=0", "2 = 3.5 5.5"},
        {13, "x:int32 3 = 1 2 4", "y = ReduceMean(x) keepdims=0", "int32 scalar = 2"},
        {13, X23, "y = ReduceProd(x) axes=[-1]", "2x1 = 6 120"},
        {13, "x:uint8 2 = 200 100; a:int64 1 = 0", "y = ReduceMax(x) keepdims=0",
         "uint8 scalar = 200"},
        {20, "x:bool 2 = 0 1; a:int64 1 = 0", "y = ReduceMin(x, a)", "bool 1 = 0"},
        {13, "x 2 = 1 nan", "y = ReduceMax(x) keepdims=0", "scalar = nan"},
        {13, "x 2x2 = 1 -2 3 -4", "y = ReduceL1(x) axes=[1] keepdims=0", "2 = 3 7"},
        {13, "x 2x2 = 1 2 3 4", "y = ReduceL2(x) axes=[1] keepdims=0", "2 = 2.236068 5"},
        {13, "x 2x2 = 1 2 3 4", "y = ReduceSumSquare(x) axes=[1] keepdims=0", "2 = 5 25"},
        {13, "x 2x2 = 1 2 3 4", "y = ReduceLogSum(x) axes=[1] keepdims=0",
         "2 = 1.0986123 1.9459101"},
        {13, "x 2x2 = 1 2 3 4", "y = ReduceLogSumExp(x) axes=[1] keepdims=0",
         "2 = 2.3132617 4.3132617"},
        {13, "x 2 = 1000 1000", "y = ReduceLogSumExp(x) keepdims=0", "scalar = 1000.6931"},
        {20, "x 2x0 =; a:int64 1 = 1", "y = ReduceMax(x, a) keepdims=0", "2 = -inf -inf"},
        {20, "x:int8 0 =; a:int64 1 = 0", "y = ReduceMin(x, a) keepdims=0", "int8 scalar = 127"},
        {18, "x 0 =; a:int64 1 = 0", "y = ReduceProd(x, a) keepdims=0", "scalar = 1"},
        {13, "x 2x3 = 3 1 3 2 5 5", "y = ArgMax(x) axis=1", "int64 2x1 = 0 1"},
        {13, "x 2x3 = 3 1 3 2 5 5", "y = ArgMax(x) axis=1 select_last_index=1 keepdims=0",
         "int64 2 = 2 2"},
        {13, "x:int32 2x3 = 3 1 3 2 5 0", "y = ArgMin(x) keepdims=0", "int64 3 = 1 0 1"},
        {14, "x 4 = 1 2 3 4; a:int64 = 0", "y = CumSum(x, a)", "4 = 1 3 6 10"},
        {14, "x 4 = 1 2 3 4; a:int64 = 0", "y = CumSum(x, a) exclusive=1", "4 = 0 1 3 6"},
        {14, "x 4 = 1 2 3 4; a:int64 = 0", "y = CumSum(x, a) reverse=1", "4 = 10 9 7 4"},
        {14, "x:int32 2x2 = 1 2 3 4; a:int32 = 0", "y = CumSum(x, a)", "int32 2x2 = 1 2 4 6"},
        {11, "x 2x4 = 0 1 2 3 7 6 5 4; k:int64 1 = 2", "v, i = TopK(x, k)",
         "2x2 = 3 2 7 6; int64 2x2 = 3 2 0 1"},
        {11, "x:int64 4 = 3 1 3 1; k:int64 1 = 3", "v, i = TopK(x, k) largest=0",
         "int64 3 = 1 1 3; int64 3 = 1 3 0"},
        {13, "a 2x3 = 1 2 3 4 5 6; b 3x2 = 7 8 9 10 11 12", "y = MatMul(a, b)",
         "2x2 = 58 64 139 154"},
        {13, "a:int32 2x1x2 = 1 2 3 4; b:int32 2 = 5 6", "y = MatMul(a, b)", "int32 2x1 = 17 39"},
        {13, "a 2x1x1 = 2 3; b 1x1x2 = 5 6", "y = MatMul(a, b)", "2x1x2 = 10 12 15 18"},
        {13, "a 3x2 = 1 4 2 5 3 6; b 2x3 = 7 9 11 8 10 12; c 2 = 1 2",
         "y = Gemm(a, b, c) transA=1 transB=1 alpha=0.5 beta=2.0", "2x2 = 31 36 71.5 81"},
    };
    CHECK_ROWS(rows);
}

/* Values from a file that point outside, or do not fit each other. */
static void unusable_windows_and_scales(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "x 1x1x1x1 = 5; i:int64 1x1x1x1 = 4",
         "y = MaxUnpool(x, i) kernel_shape=[2,2] strides=[2,2]", "!index 4 is outside [0, 3]"},
        {13, "x 1x1x1x1 = 5; i:int64 1x1x1x1 = -1",
         "y = MaxUnpool(x, i) kernel_shape=[2,2] strides=[2,2]", "!index -1 is outside [0, 3]"},
        {13, "x 1x1x1x1 = 5; r 1x4 = 0 0 1 1; b:int64 1 = 1", "y = RoiAlign(x, r, b)",
         "!a region is of item 1 of a batch of 1"},
        {13, "x 1x1x1x1 = 5; r 1x5 = nan 0 0 1 1", "y = MaxRoiPool(x, r) pooled_shape=[1,1]",
         "!a region is of item nan of a batch of 1"},
        {13, "x 1x1x1x1 = 5; r 1x5 = 0 -inf nan inf 1", "y = MaxRoiPool(x, r) pooled_shape=[1,1]",
         "1x1x1x1 = 0"},
        {13, "x 1x1x1x1 = 5; r 1x4 = 0 0 1 1; b:int64 1 = 0",
         "y = RoiAlign(x, r, b) sampling_ratio=-1", "!'sampling_ratio' -1 is outside [0, 4096]"},
        {16, "x 1x1x1x1 = 5; r 1x4 = nan -inf inf 1e30; b:int64 1 = 0", "y = RoiAlign(x, r, b)",
         "1x1x1x1 = 0"},
        {13, "x 1x1x1x1 = 5",
         "y = AveragePool(x) kernel_shape=[65536,65536] pads=[65535,65535,0,0]",
         "!a window of 4294967296 elements; 2^31-1 are allowed"},
        {13, "x:uint8 1x1x1 = 5; w:int8 1x1x1 = 2; z:int8 = 1", "y = ConvInteger(x, w, z)",
         "!a zero point is int8 where the numbers are uint8"},
        {13, "x:uint8 1x1x1 = 5; w:int8 2x1x1 = 2 3; z:uint8 = 1; v:int8 3 = 1 2 3",
         "y = ConvInteger(x, w, z, v)", "!3 zero points; 1 or 2 are allowed"},
        {13,
         "x:uint8 1x1x1 = 5; s 2 = 1 1; z:uint8 = 0; w:int8 1x1x1 = 2; t = 1; v:int8 = 0; u = 1; "
         "q:uint8 = 0",
         "y = QLinearConv(x, s, z, w, t, v, u, q)", "!2 scales; 1 or 1 are allowed"},
        {18, "x 1x4x4 = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; s:int64 2 = 3 3; b:int64 2 = 2 2",
         "y = Col2Im(x, s, b)", "1x1x3x3 = 1 7 6 12 34 22 11 27 16"},
    };
    CHECK_ROWS(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary),      cmocka_unit_test(activations),
        cmocka_unit_test(binary),     cmocka_unit_test(narrow_floats),
        cmocka_unit_test(cast),       cmocka_unit_test(movement),
        cmocka_unit_test(gathering),  cmocka_unit_test(generators),
        cmocka_unit_test(reductions), cmocka_unit_test(unusable_windows_and_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
