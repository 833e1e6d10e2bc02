/* The compiler builtins we use, in one place. gcc and clang have all of them. */
#ifndef EP_BUILTINS_H
#define EP_BUILTINS_H

#define EP_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define EP_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define EP_MUL_OVERFLOW(a, b, out) __builtin_mul_overflow((a), (b), (out))
#define EP_ADD_OVERFLOW(a, b, out) __builtin_add_overflow((a), (b), (out))
#define EP_SUB_OVERFLOW(a, b, out) __builtin_sub_overflow((a), (b), (out))

/* Before a function whose loops are worth compiling for several processors; the one to run is
 * chosen when the program starts. */
#if defined(__x86_64__) && defined(__gnu_linux__)
#define EP_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define EP_CLONES
#endif

#endif
