/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Init of a machine that has nothing else: runs each line of /commands, whose
 * words are separated by tabs, and says "-- N" for a command's exit status.
 * "mount" alone mounts the kernel's file systems, "tmp" makes /tmp.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { MAX_WORDS = 32 };

static void open_console(void)
{
	int fd;

	mknod("/console", S_IFCHR | 0600, makedev(5, 1));
	fd = open("/console", O_RDWR);
	unlink("/console");
	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* a kernel may lack some of them */
static void mount_all(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
}

static void run(char *line)
{
	char *words[MAX_WORDS + 1] = { NULL };
	int status = 0;
	pid_t pid;

	for (int i = 0; i < MAX_WORDS && line; i++)
		words[i] = strsep(&line, "\t");
	pid = fork();
	if (pid == 0) {
		execv(words[0], words);
		perror(words[0]);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	printf("-- %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(void)
{
	char line[4096];
	FILE *in;

	umask(0);
	open_console();
	setvbuf(stdout, NULL, _IOLBF, 0);
	setenv("PATH", "/", 1);
	in = fopen("/commands", "re");
	while (in && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "mount") == 0)
			mount_all();
		else if (strcmp(line, "tmp") == 0)
			mkdir("/tmp", 0777);
		else
			run(line);
	}
	printf("-- end\n");
	tcdrain(STDOUT_FILENO);
	reboot(RB_AUTOBOOT);
	return 1;
}
