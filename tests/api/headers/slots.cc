// SPDX-License-Identifier: Apache-2.0
// Reads from pointers to member functions which slot the compiler gave each virtual method.
#include "abi.h"

namespace
{

template <typename Method> size_t slot_of(Method method)
{
        uintptr_t raw[2]; // Itanium C++ ABI: offset or tagged offset, then adjustment and tag

        static_assert(sizeof(method) == sizeof(raw), "pointer to member of another ABI");
        memcpy(raw, &method, sizeof(raw));
#if defined(__aarch64__) || defined(__arm__)
        return raw[0] / sizeof(void *);
#else
        return (raw[0] - 1) / sizeof(void *);
#endif
}

const Slot *table(size_t *count)
{
        static const Slot slots[] = {
#define M(interface, method, slot) {#interface "::" #method, slot_of(&interface::method)},
#include "methods.def"
#undef M
        };

        *count = sizeof(slots) / sizeof(slots[0]);
        return slots;
}

} // namespace

const Slot *cxx_slot(size_t i)
{
        size_t count;
        const Slot *slots = table(&count);

        return i < count ? &slots[i] : NULL;
}
