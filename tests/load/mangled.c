/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of C++ and Rust on the stacks of threads that sleep and that wake: `mangled COUNT'.
 * Thread cpp_reader waits in pool::Worker<int>::wait_for(int) for a byte of the pipe, which
 * rust_writer writes COUNT times, each 20 ms: mycrate::module::work, called by old_crate::run.
 * The names are those that g++ and rustc (legacy, and v0) give such functions.
 *
 * Functions that call are the ones to be looked for: the innermost may have no frame.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALLED __attribute__((noinline))

static int ends[2], rounds;

void cpp_wait_for(void *worker, int n) __asm__("_ZN4pool6WorkerIiE8wait_forEi");
void rust_run(int n) __asm__("_ZN9old_crate3run17h0123456789abcdefE");
void rust_work(void) __asm__("_RNvNtCskwGfYPst2Cb_7mycrate6module4work");

/* what is behind a call, so that it is no jump */
static void stay(long n)
{
	__asm__ volatile("" : : "r"(n) : "memory");
}

static CALLED long read_byte(void)
{
	char c;
	long n = syscall(SYS_read, ends[0], &c, 1);

	stay(n);
	return n;
}

static CALLED void write_byte(void)
{
	stay(syscall(SYS_write, ends[1], "x", 1));
}

CALLED void cpp_wait_for(void *worker, int n)
{
	while (n-- > 0)
		*(int *)worker += read_byte();
}

CALLED void rust_work(void)
{
	struct timespec t = { 0, 20000000 };

	nanosleep(&t, NULL);
	write_byte();
	stay(0);
}

CALLED void rust_run(int n)
{
	while (n-- > 0)
		rust_work();
	stay(0);
}

static void *wait_loop(void *arg)
{
	int bytes = 0;

	pthread_setname_np(pthread_self(), "cpp_reader");
	cpp_wait_for(&bytes, rounds);
	stay(bytes);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t reader;

	rounds = argc == 2 ? atoi(argv[1]) : 0;
	if (pipe(ends) || pthread_create(&reader, NULL, wait_loop, NULL))
		return 1;
	pthread_setname_np(pthread_self(), "rust_writer");
	rust_run(rounds);
	return pthread_join(reader, NULL);
}
