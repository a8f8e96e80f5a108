/* registry.h - self-registration by linker section: a new operator, device, pass or algorithm is a
 * new file, and no list is edited. Works for objects linked into the shared library, never through
 * a static archive (the linker drops members nobody names). */
#ifndef ACN_BASE_REGISTRY_H
#define ACN_BASE_REGISTRY_H

#define ACN_REGISTER(kind, id)                                                                     \
    static const acn_##kind acn_##kind##_##id;                                                     \
    __attribute__((section("acn_" #kind "s"),                                                      \
                   used)) static const acn_##kind *const acn_##kind##_ref_##id =                   \
        &acn_##kind##_##id;                                                                        \
    static const acn_##kind acn_##kind##_##id

#define ACN_FOR_EACH(kind, item)                                                                   \
    for (const acn_##kind *const *item##_ = __start_acn_##kind##s, *item;                          \
         item##_ < __stop_acn_##kind##s && (item = *item##_); item##_++)

#define ACN_REGISTRY(kind)                                                                         \
    extern const acn_##kind *const __start_acn_##kind##s[] __attribute__((visibility("hidden")));  \
    extern const acn_##kind *const __stop_acn_##kind##s[] __attribute__((visibility("hidden")))

#endif
