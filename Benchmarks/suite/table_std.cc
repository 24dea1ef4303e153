/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * std::unordered_map and a std::shared_mutex: what a program has before it looks for something better. Room
 * for all entries is reserved.
 */
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "key.hh"

namespace
{

struct std_hash {
	using is_transparent = void;

	/* Not noexcept: GNU's library then keeps the hash in the node, as is best for hashes that cost. */
	template <typename K> size_t operator()(const K &k) const
	{
		return key_hash_of(k);
	}
};

class std_table
{
	std::shared_mutex lock;
	std::unordered_map<key, uintptr_t, std_hash, key_equal_to> names;

      public:
	explicit std_table(size_t entries)
	{
		names.reserve(entries);
	}

	bool insert(const key_view &k, uintptr_t value)
	{
		std::unique_lock hold(lock);

		return names.emplace(k, value).second;
	}

	uintptr_t lookup(const key_view &k)
	{
		std::shared_lock hold(lock);
		auto at = names.find(k);

		return at == names.end() ? 0 : at->second;
	}

	bool remove(const key_view &k)
	{
		std::unique_lock hold(lock);
		auto at = names.find(k);

		if (at == names.end())
			return false;
		names.erase(at);
		return true;
	}
};

} // namespace

extern "C" const struct table_ops table_std = cxx_table<std_table>::ops("std");
