#include <assert.h>

#include "sim/sim.h"

/* The convolution buffer as TensorRT's check before the DLA compiler counts it (developer guide
 * 8.4, "Working with DLA"; the same geometry as nv_full in NVDLA's documentation): a bank is a
 * stack of entries, an entry holds four atoms, and each pixel of the input takes whole atoms. */
enum { ATOM_BYTES = 32, ATOMS_PER_ENTRY = 4, ENTRY_BYTES = ATOM_BYTES * ATOMS_PER_ENTRY };

/* Kernels that the hardware loads at once (NVDLA unit description, kernel group). */
enum { GROUP_KERNELS_INT8 = 32, GROUP_KERNELS_FP16 = 16 };

/* Sizes come from a file: one that does not fit stays this large, far above any buffer, and still
 * leaves room for rounding up and for adding two of them. */
#define HUGE_SIZE (UINT64_C(1) << 62)

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return ep_mul_overflows(a, b, &product) ? HUGE_SIZE : ep_min_u64(product, HUGE_SIZE);
}

static uint64_t size_of(int64_t value)
{
    assert(value >= 0);
    return (uint64_t)value;
}

ep_cbuf_need ep_sim_cbuf(const ep_dla *dla, const int64_t input_nchw[4], const ep_window *window,
                         int64_t groups, ep_precision precision)
{
    assert(window->rank == 2 && groups >= 1);
    assert(precision == EP_INT8 || precision == EP_FP16);
    assert(dla->cbuf_bank_bytes >= ENTRY_BYTES);
    const uint64_t element_bytes = ep_precision_bytes(precision);
    const uint64_t group_kernels = precision == EP_INT8 ? GROUP_KERNELS_INT8 : GROUP_KERNELS_FP16;
    /* The groups of a convolution take turns: one sees its own channels only. */
    const uint64_t channels = ep_div_up(size_of(input_nchw[1]), (uint64_t)groups);
    const uint64_t taps = times(size_of(window->kernel[0]), size_of(window->kernel[1]));
    const uint64_t kernel_bytes = times(times(channels, taps), element_bytes);
    const uint64_t group_bytes = times(kernel_bytes, group_kernels);

    const uint64_t atoms = ep_div_up(times(channels, element_bytes), ATOM_BYTES);
    const uint64_t row_entries = ep_div_up(times(atoms, size_of(input_nchw[3])), ATOMS_PER_ENTRY);
    const uint64_t rows = times(size_of(window->kernel[0] - 1), size_of(window->dilation[0])) + 1;

    return (ep_cbuf_need){
        .weight_banks_kernel =
            ep_div_up(ep_round_up(kernel_bytes, ENTRY_BYTES), dla->cbuf_bank_bytes),
        .weight_banks_group =
            ep_div_up(ep_round_up(group_bytes, ENTRY_BYTES), dla->cbuf_bank_bytes),
        .data_banks = ep_div_up(times(row_entries, rows), dla->cbuf_bank_bytes / ENTRY_BYTES),
    };
}
