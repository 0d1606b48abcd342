/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "process/worker_message.h"
#include "process/worker_result.h"

static void say(int fd, const void *bytes, size_t n_bytes)
{
	(void)send(fd, bytes, n_bytes, MSG_NOSIGNAL);
}

static void say_kind(int fd, uint32_t kind, uint32_t has_result, int32_t code)
{
	const struct worker_answer answer = {
		.magic = WORKER_ANSWER_MAGIC,
		.kind = kind,
		.has_result = has_result,
		.code = code,
		.cpu_ns = UINT64_MAX / 4, /* who believes it waits with the next one */
		.rss_bytes_max = UINT64_MAX / 4,
	};

	say(fd, &answer, sizeof(answer));
}

static void begin(int fd)
{
	say_kind(fd, WORKER_BEGUN, 0, 0);
}

static void end_with_result(int fd)
{
	begin(fd);
	say_kind(fd, WORKER_ENDED, 1, 0);
}

static void write_result(int fd, const char *bytes, size_t n_bytes)
{
	struct stat st;
	struct worker_out out = { .fd = fd };

	if (fstat(fd, &st) < 0)
		return;
	out.n_bytes_max = (uint64_t)st.st_size - WORKER_RESULT_HEADER_BYTES;
	if (worker_out_put(&out, 7, bytes, n_bytes) < 0 || worker_out_finish(&out, 0, 0, NULL) < 0)
		_exit(1);
}

/* the ways */

static void hang_up(int fd, const int *fds, size_t n_fds)
{
	(void)fd, (void)fds, (void)n_fds;
}

static void crash(int fd, const int *fds, size_t n_fds)
{
	(void)fds, (void)n_fds;
	begin(fd);
}

static void say_nonsense(int fd, const int *fds, size_t n_fds)
{
	static const char nonsense[] = "what am I to do with this?";

	(void)fds, (void)n_fds;
	say(fd, nonsense, sizeof(nonsense));
}

static void say_other_magic(int fd, const int *fds, size_t n_fds)
{
	struct worker_answer answer = { .magic = 1, .kind = WORKER_BEGUN };

	(void)fds, (void)n_fds;
	say(fd, &answer, sizeof(answer));
}

static void say_unknown_kind(int fd, const int *fds, size_t n_fds)
{
	(void)fds, (void)n_fds;
	say_kind(fd, 77, 0, 0);
}

static void say_too_much(int fd, const int *fds, size_t n_fds)
{
	static const char much[100000];

	(void)fds, (void)n_fds;
	say(fd, much, sizeof(much));
}

static void begin_twice(int fd, const int *fds, size_t n_fds)
{
	(void)fds, (void)n_fds;
	begin(fd);
	begin(fd);
}

static void leave_nothing(int fd, const int *fds, size_t n_fds)
{
	(void)fds, (void)n_fds;
	end_with_result(fd);
}

static void leave_nonsense(int fd, const int *fds, size_t n_fds)
{
	char bytes[8192];

	memset(bytes, 0x5a, sizeof(bytes));
	if (n_fds > 0 && pwrite(fds[0], bytes, sizeof(bytes), 0) < 0)
		return;
	end_with_result(fd);
}

/* A header that is right for what the file would be if its holes were not there. */
static void leave_holes(int fd, const int *fds, size_t n_fds)
{
	static const char hole[16384];

	if (n_fds == 0)
		return;
	write_result(fds[0], hole, sizeof(hole));
	if (fallocate(fds[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192) < 0)
		return;
	end_with_result(fd);
}

/* It could be changed while it is looked at. */
static void keep_mapped(int fd, const int *fds, size_t n_fds)
{
	char byte;

	if (n_fds == 0)
		return;
	write_result(fds[0], "x", 1);
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0) == MAP_FAILED)
		return;
	end_with_result(fd);
	(void)recv(fd, &byte, 1, 0); /* until the daemon hangs up */
}

static void seal_before(int fd, const int *fds, size_t n_fds)
{
	if (n_fds == 0)
		return;
	write_result(fds[0], "x", 1);
	if (fcntl(fds[0], F_ADD_SEALS, F_SEAL_SEAL) < 0)
		return;
	end_with_result(fd);
}

static void refuse(int fd, const int *fds, size_t n_fds)
{
	struct worker_answer answer = { .magic = WORKER_ANSWER_MAGIC,
					.kind = WORKER_ENDED,
					.code = -EBADMSG };

	(void)fds, (void)n_fds;
	memset(answer.text, '\a', sizeof(answer.text)); /* no end, and nothing to print */
	say(fd, &answer, sizeof(answer));
}

static void want_memory(int fd, const int *fds, size_t n_fds)
{
	(void)fds, (void)n_fds;
	say_kind(fd, WORKER_ENDED, 0, -ENOMEM);
}

/* Descriptors that nobody asked for; then one that has them would be out of them. */
static void send_descriptors(int fd, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(100 * sizeof(int))];
	} control = { 0 };
	struct worker_answer answer = { .magic = WORKER_ANSWER_MAGIC, .kind = WORKER_BEGUN };
	struct iovec part = { &answer, sizeof(answer) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	(void)fds, (void)n_fds;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(100 * sizeof(int)); /* a hundred times standard input */
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		return;
	say_kind(fd, WORKER_ENDED, 0, -EBADMSG);
}

const struct fake_worker fake_workers[] = {
	{ "hangs-up", "failed", "was not started", hang_up },
	{ "crashes", "crashed", "ended without an answer", crash },
	{ "says-nonsense", "malformed", "an answer of 27 bytes", say_nonsense },
	{ "says-other-magic", "malformed", "is no answer", say_other_magic },
	{ "says-unknown-kind", "malformed", "is no answer", say_unknown_kind },
	{ "says-too-much", "malformed", "an answer of", say_too_much },
	{ "begins-twice", "malformed", "says twice", begin_twice },
	{ "leaves-nothing", "malformed", "left no result", leave_nothing },
	{ "leaves-nonsense", "malformed", "is no result", leave_nonsense },
	{ "leaves-holes", "malformed", "bytes in a result with room for", leave_holes },
	{ "keeps-mapped", "malformed", "keeps its result from being sealed", keep_mapped },
	{ "seals-before", "malformed", "keeps its result from being sealed", seal_before },
	{ "refuses", "failed", "???", refuse },
	{ "wants-memory", "memory", "does not say why", want_memory },
	{ "sends-descriptors", "failed", "does not say why", send_descriptors },
	{ NULL, NULL, NULL, NULL },
};

const struct fake_worker *fake_worker_find(const char *name)
{
	for (const struct fake_worker *fake = fake_workers; fake->name; fake++)
		if (strcmp(fake->name, name) == 0)
			return fake;
	return NULL;
}

void fake_worker_run(const struct fake_worker *fake, int connection_fd)
{
	static char bytes[sizeof(struct worker_request) + WORKER_JOB_BYTES_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(WORKER_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int fds[WORKER_FDS_MAX];
	struct cmsghdr *header;
	size_t n_fds = 0;

	if (recvmsg(connection_fd, &message, MSG_CMSG_CLOEXEC) < 0)
		return;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS) {
		n_fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(header), n_fds * sizeof(int));
	}
	fake->answer(connection_fd, fds, n_fds);
}
