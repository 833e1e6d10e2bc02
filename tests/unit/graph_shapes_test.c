/* Shape inference, a table a family of operators. Expected shapes follow from the ONNX
 * specification's formulas and examples. */
#include "tests/unit/shape_rows.h"

static void elementwise(void **state)
{
    (void)state;
    static const row rows[] = {
        {7, "x=2x3", "y = Relu(x)", "float32 2x3"},
        {13, "x:int8=", "y = Abs(x)", "int8 scalar"},
        {13, "x=2x3", "y = IsNaN(x)", "bool 2x3"},
        {13, "a=2x3x4 b=3x1", "y = Add(a, b)", "float32 2x3x4"},
        {13, "a=1x4 b=3x1", "y = Mul(a, b)", "3x4"},
        {13, "a= b=2x0x3", "y = Sub(a, b)", "2x0x3"},
        {13, "a=2x3 b=4x3", "y = Div(a, b)", "!shapes 2x3 and 4x3 (input 'b') do not broadcast"},
        {13, "a=2x3", "y = Add(a)", "!needs 2 inputs, input 1 is missing"},
        {13, "a=2x1 b=3 c=4x1x1", "y = Max(a, b, c)", "float32 4x2x3"},
        {13, "a=2x1", "y = Sum(a)", "2x1"},
        {13, "a=2x3 b=3", "y = Less(a, b)", "bool 2x3"},
        {13, "a:bool=2 b:bool=2", "y = And(a, b)", "bool 2"},
        {13, "c:bool=2x1 x:int32=3 y:int32=", "z = Where(c, x, y)", "int32 2x3"},
        {13, "x=2x3 s=3", "y = PRelu(x, s)", "2x3"},
        {13, "x=3 s=2x3", "y = PRelu(x, s)",
         "!slope 's' (2x3) does not broadcast to its input's 3"},
        {13, "x=2x3", "y = Cast(x) to=10", "float16 2x3"},
        {13, "x=2x3", "y = Cast(x) to=99", "!attribute 'to' is 99, which is no element type"},
        {13, "x=2x3", "y = Cast(x)", "!attribute 'to' is missing"},
        {15, "x=2x3 t:int8=7", "y = CastLike(x, t)", "int8 2x3"},
        {7, "x=2x3", "y, m = Dropout(x)", "float32 2x3, float32 2x3"},
        {13, "x=2x3", "y, m = Dropout(x)", "float32 2x3, bool 2x3"},
        {13, "x=2x3", "y = Softmax(x) axis=2", "!axis 2 is outside -2..1"},
        {11, "x=2x3", "y = Clip(x)", "2x3"},
        {13, "x=2x3 s= z:int8=", "y = QuantizeLinear(x, s, z)", "int8 2x3"},
        {13, "x=2x3 s=", "y = QuantizeLinear(x, s)", "uint8 2x3"},
        {21, "x=2x3 s=", "y = QuantizeLinear(x, s) output_dtype=22", "int4 2x3"},
        {19, "x:int8=2x3 s:float16=", "y = DequantizeLinear(x, s)", "float16 2x3"},
        {11, "x=2x3", "y, s, z = DynamicQuantizeLinear(x)",
         "uint8 2x3, float32 scalar, uint8 scalar"},
    };
    CHECK_ROWS(rows);
}

static void windows(void **state)
{
    (void)state;
    static const row rows[] = {
        {11, "x=1x3x224x224 w*64x3x7x7 b*64", "y = Conv(x, w, b) pads=[3,3,3,3] strides=[2,2]",
         "float32 1x64x112x112"},
        {11, "x=1x4x9 w*8x1x3", "y = Conv(x, w) group=4 dilations=[2]", "1x8x5"},
        {11, "x=1x3x5x6x7 w*2x3x1x1x1", "y = Conv(x, w)", "1x2x5x6x7"},
        {11, "x=1x1x7x7 w*1x1x4x4", "y = Conv(x, w) auto_pad='SAME_UPPER' strides=[2,2]",
         "1x1x4x4"},
        {11, "x=1x1x7x7 w*1x1x4x4", "y = Conv(x, w) auto_pad='VALID' strides=[2,2]", "1x1x2x2"},
        {11, "x=1x3x8x8 w*4x2x3x3", "y = Conv(x, w)", "!3 input channels in 1 groups do not fit"},
        {11, "x=1x3x8x8 w*4x3x3x3 b*3", "y = Conv(x, w, b)", "!bias 'b' does not have one element"},
        {11, "x=1x3x8x8 w*4x3x3x3", "y = Conv(x, w) kernel_shape=[5,5]",
         "!kernel_shape has 5 where weight 'w' has 3"},
        {11, "x=1x3x4x4 w*4x3x7x7", "y = Conv(x, w) pads=[1,1,1,1]",
         "!nothing is left of axis 2: 4 elements padded by 1 and 1, kernel 7, dilation 1, stride 1 "
         "give 0"},
        {11, "x=1x3x4x4 w*4x3x1x1", "y = Conv(x, w) strides=[0,1]", "!'strides' has the value 0"},
        {11, "x=1x3x4x4 w*4x3x1x1", "y = Conv(x, w) pads=[-1,0,0,0]", "!'pads' has the value -1"},
        {11, "x=1x3x4x4 w*4x3x1x1", "y = Conv(x, w) pads=[1]",
         "!'pads' has 1 values; it must have 4"},
        {11, "x=1x3x4x4 w*4x3x1x1", "y = Conv(x, w) auto_pad='BOTH'", "!auto_pad is 'BOTH'"},
        {11, "x=1x3 w*4x3", "y = Conv(x, w)",
         "!input 'x' (1x3) has 2 dimensions; it must have 3 to 5"},
        {11, "x=1x3x4x4", "y = Conv(x)", "!input 1 is missing"},
        {10, "x:uint8=1x3x4x4 w:uint8*2x3x3x3", "y = ConvInteger(x, w)", "int32 1x2x2x2"},
        {10, "x:uint8=1x3x4x4 w:uint8*2x3x3x3 s= z:uint8= o:int8=",
         "y = QLinearConv(x, s, z, w, s, z, s, o)", "int8 1x2x2x2"},
        {19, "x=1x2x3x3 w*1x2x2x2 o=1x8x2x2", "y = DeformConv(x, w, o)", "1x1x2x2"},
        /* the specification's own examples */
        {11, "x=1x1x3x3 w*1x2x3x3", "y = ConvTranspose(x, w)", "1x2x5x5"},
        {11, "x=1x1x3x3 w*1x2x3x3", "y = ConvTranspose(x, w) strides=[3,2] output_padding=[1,1]",
         "1x2x10x8"},
        {11, "x=1x1x3x3 w*1x2x3x3", "y = ConvTranspose(x, w) strides=[3,2] output_shape=[10,8]",
         "1x2x10x8"},
        {11, "x=1x1x3x3 w*1x2x3x3", "y = ConvTranspose(x, w) strides=[2,2] auto_pad='SAME_UPPER'",
         "1x2x6x6"},
        {11, "x=1x4x3x3 w*4x2x2x2", "y = ConvTranspose(x, w) group=2 pads=[0,0,1,1]", "1x4x3x3"},
        {8, "x=1x3x32x32", "y, i = MaxPool(x) kernel_shape=[2,2]",
         "float32 1x3x31x31, int64 1x3x31x31"},
        {10, "x=1x3x112x112", "y = MaxPool(x) kernel_shape=[3,3] strides=[2,2] ceil_mode=1",
         "1x3x56x56"},
        {10, "x=1x3x112x112", "y = MaxPool(x) kernel_shape=[3,3] strides=[2,2]", "1x3x55x55"},
        /* a last window that would lie in the padding behind does not count */
        {10, "x=1x1x2x2", "y = MaxPool(x) kernel_shape=[1,1] strides=[2,2] ceil_mode=1", "1x1x1x1"},
        {10, "x=1x1x2x2",
         "y = MaxPool(x) kernel_shape=[3,3] strides=[3,3] pads=[1,1,1,1] ceil_mode=1", "1x1x1x1"},
        {10, "x=1x1x4x4", "y = MaxPool(x) kernel_shape=[2,2] dilations=[2,2]", "1x1x2x2"},
        {10, "x=1x1x4x4", "y = MaxPool(x)", "!attribute 'kernel_shape' is missing"},
        {10, "x=1x1x28x28",
         "y = AveragePool(x) kernel_shape=[3,3] auto_pad='SAME_LOWER' strides=[3,3]", "1x1x10x10"},
        {10, "x=2x3x7x7", "y = GlobalAveragePool(x)", "2x3x1x1"},
        {11, "x=1x1x2x2 i:int64=1x1x2x2", "y = MaxUnpool(x, i) kernel_shape=[2,2] strides=[2,2]",
         "1x1x4x4"},
        {11, "x=1x1x2x2 i:int64=1x1x2x2 s[1,1,5,5]", "y = MaxUnpool(x, i, s) kernel_shape=[2,2]",
         "1x1x5x5"},
        {18, "x=1x5x5 i[5,5] b[1,5]", "y = Col2Im(x, i, b)", "1x1x5x5"},
        {16, "x=1x8x10x10 r=3x4 b:int64=3", "y = RoiAlign(x, r, b) output_height=5 output_width=7",
         "3x8x5x7"},
        {7, "x=1x8x10x10 r=3x5", "y = MaxRoiPool(x, r) pooled_shape=[2,2]", "3x8x2x2"},
    };
    CHECK_ROWS(rows);
}

static void matrices(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "a=2x3x4 b=4x5", "y = MatMul(a, b)", "2x3x5"},
        {13, "a=2x1x3x4 b=5x4x6", "y = MatMul(a, b)", "2x5x3x6"},
        {13, "a=4 b=4", "y = MatMul(a, b)", "scalar"},
        {13, "a=4 b=2x4x3", "y = MatMul(a, b)", "2x3"},
        {13, "a=2x3x4 b=4", "y = MatMul(a, b)", "2x3"},
        {13, "a=2x3 b=4x5", "y = MatMul(a, b)",
         "!cannot multiply 2x3 by 4x5: the inner dimensions are 3 and 4"},
        {13, "a=2x3x4 b=3x4x5", "y = MatMul(a, b)", "!do not broadcast"},
        {13, "a= b=4x5", "y = MatMul(a, b)", "!input 'a' (scalar) has 0 dimensions"},
        {10, "a:uint8=4x3 b:uint8=3x2", "y = MatMulInteger(a, b)", "int32 4x2"},
        {10, "a:uint8=2x4 b:uint8=4x3 s= z:uint8=", "y = QLinearMatMul(a, s, z, b, s, z, s, z)",
         "uint8 2x3"},
        {13, "a=2x3 b=3x4 c=4", "y = Gemm(a, b, c)", "2x4"},
        {13, "a=3x2 b=4x3", "y = Gemm(a, b) transA=1 transB=1", "2x4"},
        {13, "a=2x3 b=3x4 c=3", "y = Gemm(a, b, c)", "!do not broadcast"},
        {13, "a=2x3 b=3x1 c=2x5", "y = Gemm(a, b, c)",
         "!input 'c' (2x5) does not broadcast to the product's 2x1"},
        {13, "a=1x2x3 b=3x4", "y = Gemm(a, b)",
         "!input 'a' (1x2x3) has 3 dimensions; it must have 2"},
        {12, "a=2x3 b=3x4", "y = Einsum(a, b) equation='ij,jk->ik'", "2x4"},
        {12, "a=5x2x3 b=1x3x4", "y = Einsum(a, b) equation='...ij, ...jk -> ...ik'", "5x2x4"},
        {12, "a=2x3", "y = Einsum(a) equation='ba'", "3x2"},
        {12, "a=3x3", "y = Einsum(a) equation='ii->i'", "3"},
        {12, "a=3x3", "y = Einsum(a) equation='ij->'", "scalar"},
        {12, "a=2x3 b=4x5", "y = Einsum(a, b) equation='ij,jk->ik'", "!axis 0 of input 'b' is 4"},
        {12, "a=2x3", "y = Einsum(a) equation='ij,jk->ik'",
         "!has not one term for each of its 1 inputs"},
        {12, "a=2x3", "y = Einsum(a) equation='ijk->i'",
         "!has 2 dimensions; its term in the equation names 3"},
        {12, "a=2x3", "y = Einsum(a) equation='ij->k'", "!output has a letter that no input has"},
        {12, "a=2x3", "y = Einsum(a) equation='i&->i'", "!bad equation"},
        {11, "a=5x3x3", "y = Det(a)", "5"},
    };
    CHECK_ROWS(rows);
}

static void normalizations(void **state)
{
    (void)state;
    static const row rows[] = {
        {15, "x=1x3x4x4 p*3", "y = BatchNormalization(x, p, p, p, p)", "1x3x4x4"},
        {15, "x=2x3 p*3", "y, m, v = BatchNormalization(x, p, p, p, p) training_mode=1",
         "2x3, 3, 3"},
        {7, "x=1x3x4 p*3x4", "y = BatchNormalization(x, p, p, p, p) spatial=0", "1x3x4"},
        {15, "x=1x3x4x4 p*4", "y = BatchNormalization(x, p, p, p, p)",
         "!input 'p' has 4 elements for 3 channels"},
        {7, "x=1x3x4x4 p*3", "y = InstanceNormalization(x, p, p)", "1x3x4x4"},
        {18, "x=1x6x4x4 p*2", "y = GroupNormalization(x, p, p) num_groups=2", "1x6x4x4"},
        {21, "x=1x6x4x4 p*6", "y = GroupNormalization(x, p, p) num_groups=2", "1x6x4x4"},
        {21, "x=1x6x4x4 p*6", "y = GroupNormalization(x, p, p) num_groups=4",
         "!num_groups 4 does not divide its 6"},
        {17, "x=2x3x4 p*4", "y, m, s = LayerNormalization(x, p)",
         "2x3x4, float32 2x3x1, float32 2x3x1"},
        {17, "x=2x3x4 p*3x4", "y, m = LayerNormalization(x, p) axis=1", "2x3x4, 2x1x1"},
        {17, "x=2x3x4 p*3", "y = LayerNormalization(x, p)", "!do not broadcast"},
        {23, "x=2x3x4 p:float16*4", "y = RMSNormalization(x, p)", "float16 2x3x4"},
    };
    CHECK_ROWS(rows);
}

static void reductions(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "x=2x3x4", "y = ReduceMean(x) axes=[1,-1]", "2x1x1"},
        {13, "x=2x3x4", "y = ReduceMax(x) axes=[1] keepdims=0", "2x4"},
        {13, "x=2x3x4", "y = ReduceL2(x)", "1x1x1"},
        {13, "x=2x3x4", "y = ReduceProd(x) keepdims=0", "scalar"},
        {13, "x=2x3x4 a[2]", "y = ReduceSum(x, a)", "2x3x1"},
        {18, "x=2x3x4 a[0]", "y = ReduceMean(x, a) keepdims=0", "3x4"},
        {18, "x=2x3x4 a[]", "y = ReduceMean(x, a) noop_with_empty_axes=1", "2x3x4"},
        {18, "x=2x3x4 a[3]", "y = ReduceMean(x, a)", "!axis 3 is outside -3..2"},
        {18, "x=2x3x4 a[1,-2]", "y = ReduceMean(x, a)", "!axis 1 is named twice"},
        {18, "x=2x3x4 a:int64=1", "y = ReduceMean(x, a)", "!depends on data (input 'a')"},
        {13, "x=2x3x4", "y = ArgMax(x) axis=1", "int64 2x1x4"},
        {13, "x=2x3x4", "y = ArgMin(x) axis=-1 keepdims=0", "int64 2x3"},
        {7, "x=3x9", "v, i = TopK(x) k=2", "float32 3x2, int64 3x2"},
        {11, "x=3x9 k[4]", "v, i = TopK(x, k) axis=1", "3x4, 3x4"},
        {11, "x=3x9 k[10]", "v, i = TopK(x, k)", "!k is 10; axis 1 has 9 elements"},
        {11, "x=3x9 k:int64=1", "v, i = TopK(x, k)", "!depends on data (input 'k')"},
        {11, "x=3x9 k:int64*1", "v, i = TopK(x, k)", "!depends on the value of constant 'k'"},
        {13, "x=3x5x2 t:int64=3x2", "y = NegativeLogLikelihoodLoss(x, t)", "scalar"},
        {13, "x=3x5x2 t:int64=3x2", "y, p = SoftmaxCrossEntropyLoss(x, t) reduction='none'",
         "3x2, 3x5x2"},
    };
    CHECK_ROWS(rows);
}

static void views(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "x=2x3x4 s[6,4]", "y = Reshape(x, s)", "6x4"},
        {13, "x=2x3x4 s[0,-1]", "y = Reshape(x, s)", "2x12"},
        {13, "x=2x3x4 s[]", "y = Reshape(x, s)", "!cannot reshape 2x3x4 (24 elements) to scalar"},
        {13, "x=1 s[]", "y = Reshape(x, s)", "scalar"},
        {14, "x=0x3x4 s[3,4,0]", "y = Reshape(x, s) allowzero=1", "3x4x0"},
        {14, "x=0x3 s[0,3]", "y = Reshape(x, s)", "0x3"},
        {13, "x=2x3x4 s[5,-1]", "y = Reshape(x, s)",
         "!cannot reshape 2x3x4 (24 elements) to 5x? (? is -1)"},
        {13, "x=2x3x4 s[-1,-1]", "y = Reshape(x, s)", "!-1 twice"},
        {13, "x=2x3x4 s[-2,3]", "y = Reshape(x, s)", "!dimension 0 of its target is -2"},
        {13, "x=6 s[6,0]", "y = Reshape(x, s)", "!is 0 (copy), but its input has only 1"},
        {13, "x=1 s[1,1,1,1,1,1,1,1,1]", "y = Reshape(x, s)", "!has 9 dimensions; at most 8"},
        {13, "x=2 s[3037000500,3037000500,-1]", "y = Reshape(x, s)", "!cannot reshape"},
        {13, "x=2x3 s:int64=2", "y = Reshape(x, s)", "!depends on data (input 's')"},
        {13, "x=2x3 s:int64*2", "y = Reshape(x, s)", "!depends on the value of constant 's'"},
        {13, "x=2x3 s:float32*2", "y = Reshape(x, s)", "!depends on the value of constant 's'"},
        {13, "x=2x3 s(3,2)", "y = Reshape(x, s)",
         "!input 's' is of type float32; it must be int64"},
        {13, "x=2x3x4", "y = Flatten(x)", "2x12"},
        {13, "x=2x3x4", "y = Flatten(x) axis=0", "1x24"},
        {13, "x=2x3x4", "y = Flatten(x) axis=-1", "6x4"},
        {13, "x=2x3x4", "y = Flatten(x) axis=4", "!axis 4 is outside -3..3"},
        {11, "x=1x3x1x5", "y = Squeeze(x)", "3x5"},
        {11, "x=1x3x1x5", "y = Squeeze(x) axes=[0]", "3x1x5"},
        {13, "x=1x3x1x5 a[-2]", "y = Squeeze(x, a)", "1x3x5"},
        {13, "x=1x3 a[1]", "y = Squeeze(x, a)", "!axis 1 is 3; only 1 can go"},
        {11, "x=3x4", "y = Unsqueeze(x) axes=[0,2]", "1x3x1x4"},
        {13, "x=3x4 a[-1,0]", "y = Unsqueeze(x, a)", "1x3x4x1"},
        {13, "x=1x1x1x1x1x1x1x1 a[0]", "y = Unsqueeze(x, a)", "!has 9 dimensions; at most 8"},
        {13, "x=2x3x4", "y = Transpose(x)", "4x3x2"},
        {13, "x=2x3x4", "y = Transpose(x) perm=[1,0,2]", "3x2x4"},
        {13, "x=2x3x4", "y = Transpose(x) perm=[1,1,2]", "!perm has axis 1 twice"},
        {13, "x=1x8x2x3", "y = DepthToSpace(x) blocksize=2", "1x2x4x6"},
        {13, "x=1x2x4x6", "y = SpaceToDepth(x) blocksize=2", "1x8x2x3"},
        {13, "x=1x6x2x3", "y = DepthToSpace(x) blocksize=2", "!does not divide its 6 channels"},
        {13, "x=1x6x2x3", "y = SpaceToDepth(x) blocksize=0", "!blocksize is 0"},
    };
    CHECK_ROWS(rows);
}

static void slices(void **state)
{
    (void)state;
    static const row rows[] = {
        {9, "x=20x10x5", "y = Slice(x) starts=[0,0] ends=[3,10]", "3x10x5"},
        {9, "x=20x10x5", "y = Slice(x) starts=[-3] ends=[9223372036854775807] axes=[1]", "20x3x5"},
        {13, "x=20x10 s[1] e[1000] a[0] t[7]", "y = Slice(x, s, e, a, t)", "3x10"},
        {13, "x=20x10 s[-1] e[-9223372036854775807] a[1] t[-3]", "y = Slice(x, s, e, a, t)",
         "20x4"},
        {13, "x=20x10 s[5] e[2] a[1]", "y = Slice(x, s, e, a)", "20x0"},
        {13, "x=20x10 s[5] e[2] a[1] t[0]", "y = Slice(x, s, e, a, t)", "!the step of axis 1 is 0"},
        {13, "x=20x10 s[5] e[2,3] a[1]", "y = Slice(x, s, e, a)", "!have 1, 2, 1 and 1 values"},
        {13, "x=20x10 s[5] e[2] a[2]", "y = Slice(x, s, e, a)", "!axis 2 is outside -2..1"},
        {13, "x=20x10 s:int64=1 e[2]", "y = Slice(x, s, e)", "!depends on data (input 's')"},
        {11, "x=2x6", "a, b = Split(x) axis=1", "2x3, 2x3"},
        {11, "x=2x6", "a, b = Split(x) axis=-1 split=[2,4]", "2x2, 2x4"},
        {13, "x=2x6 s[1,0,5]", "a, b, c = Split(x, s) axis=1", "2x1, 2x0, 2x5"},
        {18, "x=7", "a, b, c, d = Split(x) num_outputs=4", "2, 2, 2, 1"},
        {13, "x=7", "a, b = Split(x)", "!cannot split 7 into 2 equal parts"},
        {18, "x=5", "a, b, c, d = Split(x) num_outputs=4", "!cannot split 5 into 4 equal parts"},
        {13, "x=2x6 s[2,3]", "a, b = Split(x, s) axis=1", "!have 5 elements of axis 1's 6"},
        {13, "x=2x6 s[2,5]", "a, b = Split(x, s) axis=1", "!part 1 is 5; 4 of axis 1's 6 are left"},
        {13, "x=2x6 s[6]", "a, b = Split(x, s) axis=1", "!does not list 2 integers"},
        {7, "x=1x3x4", "y = Pad(x) pads=[0,1,2,0,0,-1]", "1x4x5"},
        {13, "x=3x4 p[0,1,2,-1]", "y = Pad(x, p)", "5x4"},
        {18, "x=3x4 p[1,1] a[-1]", "y = Pad(x, p, , a)", "3x6"},
        {13, "x=3x4 p[0,-5,0,0]", "y = Pad(x, p)", "!axis 1, which is 4, is padded by -5 and 0"},
        {13, "x=3x4 p[0,1]", "y = Pad(x, p)", "!input 'p' has 2 values; it must have 4"},
        {13, "x=3x4 r[2,0]", "y = Tile(x, r)", "6x0"},
        {13, "x=3x4 r[4611686018427387904,1]", "y = Tile(x, r)", "!2^62"},
        {13, "x=3x1 s[2,1,6]", "y = Expand(x, s)", "2x3x6"},
        {13, "x=3x4 s[1]", "y = Expand(x, s)", "3x4"},
        {13, "x=3x4 s[2]", "y = Expand(x, s)", "!do not broadcast"},
        {13, "a=2x3 b=2x4 c=2x0", "y = Concat(a, b, c) axis=1", "2x7"},
        {13, "a=2x3 b=2x4", "y = Concat(a, b) axis=0",
         "!inputs 'a' (2x3) and 'b' (2x4) differ in dimension 1"},
        {13, "a=2x3 b=2", "y = Concat(a, b) axis=0", "!input 'b' (2) has 1 dimensions"},
        {13, "a=2x3", "y = Concat(a)", "!attribute 'axis' is missing"},
        {18, "x=20x8x3 s[10,9]", "y = CenterCropPad(x, s) axes=[-2,0]", "9x10x3"},
    };
    CHECK_ROWS(rows);
}

static void indices(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "x=5x4x3 i:int64=2x6", "y = Gather(x, i) axis=1", "float32 5x2x6x3"},
        {13, "x=5 i{0}", "y = Gather(x, i)", "scalar"},
        {13, "x=1x1x1x1x1 i:int64=1x1x1x1x1", "y = Gather(x, i)", "!has 9 dimensions; at most 8"},
        {13, "x=5x4 i:int64=2x4", "y = GatherElements(x, i)", "2x4"},
        {13, "x=2x3x4 i:int64=2x1", "y = GatherND(x, i) batch_dims=1", "2x4"},
        {13, "x=2x3x4 i:int64=5x3", "y = GatherND(x, i)", "5"},
        {13, "x=2x3 i:int64=5x3", "y = GatherND(x, i)",
         "!batch_dims 0 and index length 3 do not fit"},
        {16, "x=5x4 i:int64=2x1 u=2x4", "y = ScatterND(x, i, u)", "5x4"},
        {10, "x=5x4 i:int64=2x1 u=2x1", "y = Scatter(x, i, u)", "5x4"},
        {11, "i:int64=2x3 d{7} v:int32=2", "y = OneHot(i, d, v) axis=1", "int32 2x7x3"},
        {11, "i:int64=2x3 d(7) v=2", "y = OneHot(i, d, v)", "2x3x7"},
        {13, "x=2x3", "y = NonZero(x)", "!depends on data (input 'x'); state it in the file"},
        {13, "x=2x3 y:int64?2x4", "y = NonZero(x)", "int64 2x4"},
        {13, "x=2x3 y:int64?2xK", "y = NonZero(x)", "!depends on data (input 'x')"},
        {11, "x=2x3 c:bool=3", "y = Compress(x, c)", "!depends on data (input 'c')"},
        {11, "x=2x3 y?4 i:int64?4", "y, i = Unique(x)", "4, int64 4"},
        {11, "x=2x3 y?4", "y, i = Unique(x)", "!depends on data (input 'x')"},
    };
    CHECK_ROWS(rows);
}

static void resizes(void **state)
{
    (void)state;
    static const row rows[] = {
        {7, "x=1x1x2x3", "y = Upsample(x) scales=[1.0,1.0,2.0,3.0]", "1x1x4x9"},
        {9, "x=1x1x2x3 s(1,1,2,3)", "y = Upsample(x, s)", "1x1x4x9"},
        {10, "x=1x1x5x4 s(1,1,0.5,0.6)", "y = Resize(x, s)", "1x1x2x2"},
        {13, "x=1x1x5x4 s(1,1,2,2)", "y = Resize(x, , s)", "1x1x10x8"},
        /* 1.4 as a float is a bit less, but times 10 it is 14 as a float */
        {13, "x=1x1x10x10 s(1,1,1.4,1)", "y = Resize(x, , s)", "1x1x14x10"},
        {11, "x=1x1x5x4 r() s() z[1,1,7,8]", "y = Resize(x, r, s, z)", "1x1x7x8"},
        {18, "x=1x1x5x4 z[7,8]", "y = Resize(x, , , z) axes=[3,2]", "1x1x8x7"},
        {18, "x=1x1x2x4 z[7,8]",
         "y = Resize(x, , , z) axes=[2,3] keep_aspect_ratio_policy='not_larger'", "1x1x4x8"},
        {18, "x=1x1x2x4 z[7,8]",
         "y = Resize(x, , , z) axes=[2,3] keep_aspect_ratio_policy='not_smaller'", "1x1x7x14"},
        {13, "x=1x1x4x4 r(0,0,0.25,0.5,1,1,0.75,0.75) s(1,1,5,5)",
         "y = Resize(x, r, s) coordinate_transformation_mode='tf_crop_and_resize'", "1x1x20x20"},
        {13, "x=1x1x4x4 s(1,1,-1,1)", "y = Resize(x, , s)", "!axis 2, which is 4, is scaled by -1"},
        {13, "x=1x1x4x4 s(1,1,1e30,1)", "y = Resize(x, , s)", "!is scaled by 1e+30"},
        {13, "x=1x1x4x4 s(1,1)", "y = Resize(x, , s)", "!has 2 scales for 4 axes"},
        {13, "x=1x1x4x4 s=4", "y = Resize(x, , s)", "!depends on data (input 's')"},
        {13, "x=1x1x4x4", "y = Resize(x)", "!input 3 is missing"},
        {18, "x=0x1 z[2,2]", "y = Resize(x, , , z) keep_aspect_ratio_policy='not_smaller'",
         "!cannot be resized (not_smaller)"},
        {20, "t=2x2x3 s[2,3,5,6]", "y = AffineGrid(t, s)", "2x5x6x2"},
        {20, "t=2x3x4 s[2,3,4,5,6]", "y = AffineGrid(t, s)", "2x4x5x6x3"},
        {16, "x=2x3x4x5 g=2x6x7x2", "y = GridSample(x, g)", "2x3x6x7"},
        {16, "x=2x3x4x5 g=1x6x7x2", "y = GridSample(x, g)",
         "!its grid is for 1 images, its input has 2"},
    };
    CHECK_ROWS(rows);
}

static void makers(void **state)
{
    (void)state;
    static const row rows[] = {
        {9, "s[2,3]", "y = ConstantOfShape(s)", "float32 2x3"},
        {9, "s[2,-3]", "y = ConstantOfShape(s)", "!dimension 1 of its output is -3"},
        {9, "s[4294967296,4294967296]", "y = ConstantOfShape(s)", "!2^62"},
        {13, "x=2x3x4", "y = Shape(x)", "int64 3"},
        {15, "x=2x3x4", "y = Shape(x) start=-2 end=9", "2"},
        {15, "x=2x3x4", "y = Shape(x) start=2 end=1", "0"},
        {13, "x=2x3x4", "y = Size(x)", "int64 scalar"},
        {11, "a{10} b{4} c{-2}", "y = Range(a, b, c)", "int64 3"},
        {11, "a(1) b(2) c(0.3)", "y = Range(a, b, c)", "float32 4"},
        {11, "a{1} b{0} c{1}", "y = Range(a, b, c)", "0"},
        {11, "a{1} b{2} c{0}", "y = Range(a, b, c)", "!no range of less than 2^52 elements"},
        {11, "a{1} b:int64= c{1}", "y = Range(a, b, c)", "!depends on data (input 'b')"},
        {9, "x=2x3", "y = EyeLike(x) dtype=6", "int32 2x3"},
        {7, "", "y = RandomNormal() shape=[2,3]", "float32 2x3"},
        {7, "", "y = RandomUniform()", "!attribute 'shape' is missing"},
        {7, "x:int32=2x3", "y = RandomUniformLike(x) dtype=1", "float32 2x3"},
        {7, "x=2x9", "y = Multinomial(x) sample_size=4", "int32 2x4"},
        {17, "n{10}", "y = HannWindow(n)", "float32 10"},
        {17, "a{8} b{16} c{8192} d= e=", "y = MelWeightMatrix(a, b, c, d, e)", "9x8"},
        {17, "x=1x10x9x1", "y = DFT(x) axis=1", "1x10x9x2"},
        {17, "x=1x10x9x1", "y = DFT(x) axis=1 onesided=1", "1x6x9x2"},
        {20, "x=1x10x9x1 n{16} a{1}", "y = DFT(x, n, a)", "1x16x9x2"},
        {17, "x=1x128x1 s{8} w=16", "y = STFT(x, s, w)", "1x15x9x2"},
        {17, "x=1x128x1 s{8} n{16}", "y = STFT(x, s, , n) onesided=0", "1x15x16x2"},
    };
    CHECK_ROWS(rows);
}

static void sequences(void **state)
{
    (void)state;
    static const row rows[] = {
        {14, "x=7x2x4 w*1x12x4 r*1x12x3", "y, h, c = LSTM(x, w, r) hidden_size=3",
         "7x1x2x3, 1x2x3, 1x2x3"},
        {14, "x=7x2x4 w*2x9x4 r*2x9x3", "y, h = GRU(x, w, r) direction='bidirectional'",
         "7x2x2x3, 2x2x3"},
        {14, "x=2x7x4 w*1x3x4 r*1x3x3", "y, h = RNN(x, w, r) layout=1", "2x7x1x3, 2x1x3"},
        {14, "x=7x2x4 w*1x12x5 r*1x12x3", "y = LSTM(x, w, r)", "!4 features, weight 'w' is for 5"},
        {14, "x=7x2x4 w*1x12x4 r*1x12x3", "y = LSTM(x, w, r) hidden_size=8",
         "!hidden_size is 8, but weight 'r' is for 3"},
        {23, "q=2x3x4x8 k=2x3x6x8 v=2x3x6x10", "y = Attention(q, k, v)", "2x3x4x10"},
        {23, "q=2x4x24 k=2x6x24 v=2x6x30 p=2x3x12x8 u=2x3x12x10",
         "y, a, b, s = Attention(q, k, v, , p, u) q_num_heads=3 kv_num_heads=3",
         "2x4x30, 2x3x18x8, 2x3x18x10, 2x3x4x18"},
        {23, "q=2x4x24 k=2x6x24 v=2x6x30", "y = Attention(q, k, v)",
         "!q_num_heads 0 does not divide"},
    };
    CHECK_ROWS(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elementwise),    cmocka_unit_test(windows),    cmocka_unit_test(matrices),
        cmocka_unit_test(normalizations), cmocka_unit_test(reductions), cmocka_unit_test(views),
        cmocka_unit_test(slices),         cmocka_unit_test(indices),    cmocka_unit_test(resizes),
        cmocka_unit_test(makers),         cmocka_unit_test(sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
