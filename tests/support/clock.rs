//! A clock of a process that a test sets forward: what takes a minute, an hour or a day is over at once.
//!
//! A library that the process loads before all others adds to each time that it is told, and takes as much from the times until
//! which it sleeps; a file says how much. It is compiled here: the build of the program needs a C compiler as well.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
static volatile int64_t *ahead;
__attribute__((constructor)) static void map(void) {
    int file = open(getenv("TEST_CLOCK"), O_RDONLY);
    void *found = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) ahead = found;
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int told = real(clock, time);
    if (ahead && (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME)) time->tv_sec += *ahead;
    return told;
}
long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real) real = dlsym(RTLD_NEXT, "syscall");
    long word[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) word[i] = va_arg(list, long);
    va_end(list);
    struct timespec until;
    if (ahead && number == SYS_futex && (word[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && word[3]) {
        until = *(struct timespec *)word[3];
        until.tv_sec -= *ahead;
        word[3] = (long)&until;
    }
    return real(number, word[0], word[1], word[2], word[3], word[4], word[5]);
}
"#;

pub struct Clock {
    directory: TempDir,
}

impl Clock {
    /// Returns a clock that goes right; `None`: there is no C compiler here, or another system than Linux.
    pub fn new() -> Option<Self> {
        let clock = Self { directory: TempDir::new().expect("a directory") };
        std::fs::write(clock.path("clock.c"), LIBRARY).expect("a file");
        clock.set(Duration::ZERO);
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(clock.path("clock.so")).arg(clock.path("clock.c")).arg("-ldl");
        let is_made = cfg!(target_os = "linux") && compiler.output().is_ok_and(|output| output.status.success());
        if !is_made {
            eprintln!("skipped: there is no C compiler here");
        }
        is_made.then_some(clock)
    }

    /// Lets a process have this clock.
    pub fn give_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.path("clock.so")).env("TEST_CLOCK", self.path("ahead"));
    }

    /// Sets the clock so far ahead of the real one.
    pub fn set(&self, ahead: Duration) {
        use std::os::unix::fs::FileExt as _;
        let file = std::fs::File::options().create(true).truncate(false).write(true).open(self.path("ahead"));
        file.and_then(|file| file.write_all_at(&ahead.as_secs().to_ne_bytes(), 0)).expect("to write");
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::join(self.directory.path(), name)
    }
}
