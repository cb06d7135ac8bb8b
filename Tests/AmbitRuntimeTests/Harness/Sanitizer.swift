import Glibc

/// Whether AddressSanitizer watches: it takes terabytes of address space for itself, and calls an allocation that
/// cannot succeed a fault.
let isSanitized = dlsym(nil, "__asan_init") != nil
