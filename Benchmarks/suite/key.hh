/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The key of the tables in C++: the directory and a std::string, as their users have it, which holds names
 * of up to 15 bytes in place. They are looked up by a view, without making a string.
 */
#ifndef DCACHE_SUITE_KEY_HH
#define DCACHE_SUITE_KEY_HH

#include <string>
#include <string_view>

#include "key.h"
#include "table.h"

struct key_view {
	uint64_t dir;
	std::string_view name;
};

struct key {
	uint64_t dir;
	std::string name;

	explicit key(const key_view &view) : dir(view.dir), name(view.name)
	{
	}
};

template <typename A, typename B> static inline bool key_same(const A &a, const B &b)
{
	return a.dir == b.dir &&
	       key_equal(a.name.data(), a.name.size(), b.name.data(), b.name.size());
}

template <typename K> static inline size_t key_hash_of(const K &k)
{
	return key_hash(k.dir, k.name.data(), k.name.size());
}

struct key_equal_to {
	using is_transparent = void;

	template <typename A, typename B> bool operator()(const A &a, const B &b) const
	{
		return key_same(a, b);
	}
};

/* table_ops of a struct table with these members. */
template <typename T> struct cxx_table {
	static struct table *create(size_t entries)
	{
		return reinterpret_cast<struct table *>(new T(entries));
	}

	static void destroy(struct table *t)
	{
		delete reinterpret_cast<T *>(t);
	}

	static int insert(struct table *t, uintptr_t dir, const char *name, size_t len,
			  uintptr_t value)
	{
		return reinterpret_cast<T *>(t)->insert({ dir, { name, len } }, value) ? 0
										       : -EEXIST;
	}

	static uintptr_t lookup(struct table *t, uintptr_t dir, const char *name, size_t len)
	{
		return reinterpret_cast<T *>(t)->lookup({ dir, { name, len } });
	}

	static int remove(struct table *t, uintptr_t dir, const char *name, size_t len)
	{
		return reinterpret_cast<T *>(t)->remove({ dir, { name, len } }) ? 0 : -ENOENT;
	}

	static uintptr_t walk(struct table *t, uintptr_t root, const char *path, size_t len)
	{
		return table_walk(t, lookup, root, path, len);
	}

	static int rename(struct table *t, const struct table_name *from,
			  const struct table_name *to)
	{
		static constexpr struct table_ops steps = ops("");

		return table_rename(t, &steps, from, to);
	}

	static uintptr_t make_dir(struct table *t, uintptr_t dir, const char *name, size_t len,
				  size_t, uintptr_t value)
	{
		TABLE_CHECK(!insert(t, dir, name, len, value));
		return value;
	}

	static constexpr struct table_ops ops(const char *name)
	{
		return { name,	      create,	     destroy,	    number_object,
			 number_drop, number_root,   make_dir,	    number_drop,
			 insert,      lookup,	     remove,	    walk,
			 rename,      table_nothing, table_nothing, table_settled };
	}
};

#endif /* DCACHE_SUITE_KEY_HH */
