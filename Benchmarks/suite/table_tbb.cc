/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * oneTBB's concurrent_hash_map: a spinning reader-writer lock in each bucket and in each node. It begins
 * with a bucket for each entry. The allocator is the library's of C++, so malloc(): tbb_allocator would
 * take TBB's own where that is installed.
 */
#include <oneapi/tbb/concurrent_hash_map.h>

#include "key.hh"

namespace
{

struct tbb_hash {
	using is_transparent = void;

	template <typename K> size_t hash(const K &k) const
	{
		return key_hash_of(k);
	}

	template <typename A, typename B> bool equal(const A &a, const B &b) const
	{
		return key_same(a, b);
	}
};

class tbb_table
{
	using map = tbb::concurrent_hash_map<key, uintptr_t, tbb_hash,
					     std::allocator<std::pair<const key, uintptr_t>>>;
	map names;

      public:
	explicit tbb_table(size_t entries) : names(entries)
	{
	}

	bool insert(const key_view &k, uintptr_t value)
	{
		return names.insert({ key(k), value });
	}

	uintptr_t lookup(const key_view &k)
	{
		map::const_accessor at;

		return names.find(at, k) ? at->second : 0;
	}

	bool remove(const key_view &k)
	{
		return names.erase(k);
	}
};

} // namespace

extern "C" const struct table_ops table_tbb = cxx_table<tbb_table>::ops("tbb");
