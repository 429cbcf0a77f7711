//! The process's memory: what was freed goes back to the system (glibc; other allocators do so by themselves).

/// Fixes the sizes from which glibc maps a block of its own, and from which it gives back the free end of a heap. By itself
/// it raises both, up to 32 and 64 MiB, and then keeps what a checkpoint or a login has freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn fix_thresholds() {
    use std::ffi::c_int;
    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    const M_TRIM_THRESHOLD: c_int = -1;
    const M_MMAP_THRESHOLD: c_int = -3;
    for (parameter, value) in [(M_MMAP_THRESHOLD, 1 << 20), (M_TRIM_THRESHOLD, 2 << 20)] {
        // SAFETY: the type and the numbers are those of malloc.h; any thread may call it at any time.
        unsafe { mallopt(parameter, value) };
    }
}

/// Gives back the free pages between pieces that are in use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // SAFETY: as above.
    unsafe { malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn fix_thresholds() {}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}
