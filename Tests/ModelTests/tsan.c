/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The entry points that -fsanitize=thread makes the compiler call, and string_calls.h's. */
#include "runtime.h"
#include "string_calls.h"

#undef memcpy
#undef memmove
#undef memchr
#undef memcmp

#define PC __builtin_return_address(0)

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc);
void __tsan_func_entry(void *pc)
{
	(void)pc;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

#define PLAIN(name_, size_, write_)               \
	void __tsan_##name_(void *at);            \
	void __tsan_##name_(void *at)             \
	{                                         \
		model_plain(at, size_, write_, PC); \
	}

PLAIN(read1, 1, false)
PLAIN(read2, 2, false)
PLAIN(read4, 4, false)
PLAIN(read8, 8, false)
PLAIN(read16, 16, false)
PLAIN(write1, 1, true)
PLAIN(write2, 2, true)
PLAIN(write4, 4, true)
PLAIN(write8, 8, true)
PLAIN(write16, 16, true)
PLAIN(unaligned_read2, 2, false)
PLAIN(unaligned_read4, 4, false)
PLAIN(unaligned_read8, 8, false)
PLAIN(unaligned_read16, 16, false)
PLAIN(unaligned_write2, 2, true)
PLAIN(unaligned_write4, 4, true)
PLAIN(unaligned_write8, 8, true)
PLAIN(unaligned_write16, 16, true)

void __tsan_read_range(void *at, size_t size);
void __tsan_read_range(void *at, size_t size)
{
	model_plain(at, size, false, PC);
}

void __tsan_write_range(void *at, size_t size);
void __tsan_write_range(void *at, size_t size)
{
	model_plain(at, size, true, PC);
}

#define RMW(bits_, name_, op_)                                                              \
	uint##bits_##_t __tsan_atomic##bits_##_##name_(volatile uint##bits_##_t *at,        \
						       uint##bits_##_t value, int order);   \
	uint##bits_##_t __tsan_atomic##bits_##_##name_(volatile uint##bits_##_t *at,        \
						       uint##bits_##_t value, int order)    \
	{                                                                                   \
		return (uint##bits_##_t)model_rmw(at, bits_ / 8, op_, value, order, PC);    \
	}

#define ATOMICS(bits_)                                                                          \
	uint##bits_##_t __tsan_atomic##bits_##_load(const volatile uint##bits_##_t *at,         \
						    int order);                                 \
	uint##bits_##_t __tsan_atomic##bits_##_load(const volatile uint##bits_##_t *at,         \
						    int order)                                  \
	{                                                                                       \
		return (uint##bits_##_t)model_load(at, bits_ / 8, order, PC);                   \
	}                                                                                       \
	void __tsan_atomic##bits_##_store(volatile uint##bits_##_t *at, uint##bits_##_t value,  \
					  int order);                                           \
	void __tsan_atomic##bits_##_store(volatile uint##bits_##_t *at, uint##bits_##_t value,  \
					  int order)                                            \
	{                                                                                       \
		model_store(at, bits_ / 8, value, order, PC);                                   \
	}                                                                                       \
	int __tsan_atomic##bits_##_compare_exchange_strong(                                     \
		volatile uint##bits_##_t *at, uint##bits_##_t *expected,                        \
		uint##bits_##_t value, int order, int failure);                                 \
	int __tsan_atomic##bits_##_compare_exchange_strong(                                     \
		volatile uint##bits_##_t *at, uint##bits_##_t *expected,                        \
		uint##bits_##_t value, int order, int failure)                                  \
	{                                                                                       \
		uint64_t wide = *expected;                                                      \
		bool same = model_compare_exchange(at, bits_ / 8, &wide, value, order, failure, \
						   PC);                                         \
                                                                                                \
		if (!same)                                                                      \
			*expected = (uint##bits_##_t)wide;                                      \
		return same;                                                                    \
	}                                                                                       \
	uint##bits_##_t __tsan_atomic##bits_##_compare_exchange_val(                            \
		volatile uint##bits_##_t *at, uint##bits_##_t expected, uint##bits_##_t value,  \
		int order, int failure);                                                        \
	uint##bits_##_t __tsan_atomic##bits_##_compare_exchange_val(                            \
		volatile uint##bits_##_t *at, uint##bits_##_t expected, uint##bits_##_t value,  \
		int order, int failure)                                                         \
	{                                                                                       \
		uint64_t wide = expected;                                                       \
                                                                                                \
		model_compare_exchange(at, bits_ / 8, &wide, value, order, failure, PC);        \
		return (uint##bits_##_t)wide;                                                   \
	}                                                                                       \
	RMW(bits_, exchange, MODEL_EXCHANGE)                                                    \
	RMW(bits_, fetch_add, MODEL_ADD)                                                        \
	RMW(bits_, fetch_sub, MODEL_SUB)                                                        \
	RMW(bits_, fetch_and, MODEL_AND)                                                        \
	RMW(bits_, fetch_or, MODEL_OR)                                                          \
	RMW(bits_, fetch_xor, MODEL_XOR)                                                        \
	RMW(bits_, fetch_nand, MODEL_NAND)

ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)

void *model_memcpy(void *to, const void *from, size_t size)
{
	return model_memmove(to, from, size);
}

void *model_memmove(void *to, const void *from, size_t size)
{
	if (size) {
		model_plain(from, size, false, PC);
		model_plain(to, size, true, PC);
	}
	return memmove(to, from, size);
}

void *model_memchr(const void *at, int c, size_t size)
{
	if (size)
		model_plain(at, size, false, PC);
	return memchr(at, c, size);
}

int model_memcmp(const void *a, const void *b, size_t size)
{
	if (size) {
		model_plain(a, size, false, PC);
		model_plain(b, size, false, PC);
	}
	return memcmp(a, b, size);
}
