#include "planner/planner.h"

const char *ep_precision_choice_name(uint32_t choice)
{
    static const char *const names[] = {
        [EP_CHOOSE_INT8] = "int8",
        [EP_CHOOSE_FP16] = "fp16",
        [EP_CHOOSE_FP32] = "fp32",
        [EP_CHOOSE_BEST] = "best",
    };
    return choice < sizeof names / sizeof *names ? names[choice] : NULL;
}

const char *ep_dla_choice_name(uint32_t choice)
{
    static const char *const names[] = {
        [EP_DLA_FIRST] = "0",
        [EP_DLA_SECOND] = "1",
        [EP_DLA_BOTH] = "both",
        [EP_DLA_NONE] = "none",
    };
    return choice < sizeof names / sizeof *names ? names[choice] : NULL;
}

const char *ep_io_name(uint32_t io)
{
    static const char *const names[] = {[EP_IO_LINEAR] = "linear",
                                        [EP_IO_NATIVE] = "native",
                                        [EP_IO_NATIVE_FP16_OUT] = "native-fp16-out"};
    return io < sizeof names / sizeof *names ? names[io] : NULL;
}

const char *ep_search_level_name(uint32_t level)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5"};
    _Static_assert(sizeof names / sizeof *names == EP_SEARCH_LEVEL_MAX + 1, "a name a level");
    return level <= EP_SEARCH_LEVEL_MAX ? names[level] : NULL;
}
