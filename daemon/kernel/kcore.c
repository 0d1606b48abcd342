/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel writes the headers of /proc/kcore itself (fs/proc/kcore.c), perf and record-text those
 * of their files. A segment's place in the file is not below the file's size there: /proc/kcore has
 * no size worth the name, so only reading tells what can be read.
 *
 * Segments of /proc/kcore may overlap: on arm64 the kernel's text lies in the range for vmalloc.
 */
#include "kcore.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct kcore {
	int fd; /* borrowed */
	struct kcore_segment *segments;
	size_t n_segments;
};

/* All n_bytes; -EBADMSG: the file ends before. */
static int read_whole(int fd, uint64_t off, void *buf, size_t n_bytes)
{
	uint8_t *to = buf;

	while (n_bytes) {
		ssize_t n = pread(fd, to, n_bytes, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		to += n;
		off += (uint64_t)n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

static int read_header(int fd, Elf64_Ehdr *ret_header, struct problem *problem)
{
	Elf64_Ehdr h;
	int r = read_whole(fd, 0, &h, sizeof(h));

	if (r == -EBADMSG)
		return problem_set(problem, -ENOEXEC, "kcore: too short to be an ELF file");
	if (r < 0)
		return problem_set(problem, r, "kcore: cannot read: %s", strerror(-r));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_ident[EI_DATA] != ELFDATA2LSB)
		return problem_set(problem, -ENOEXEC, "kcore: not a 64-bit little-endian ELF file");
	if (h.e_type != ET_CORE)
		return problem_set(problem, -ENOEXEC, "kcore: ELF file of type %u, not a core",
				   h.e_type);
	if (h.e_phnum == PN_XNUM)
		return problem_set(problem, -E2BIG, "kcore: more segments than any kernel has");
	if (h.e_phnum && h.e_phentsize != sizeof(Elf64_Phdr))
		return problem_set(problem, -EBADMSG, "kcore: program headers of %u bytes",
				   h.e_phentsize);
	if (h.e_phoff > INT64_MAX - (uint64_t)h.e_phnum * sizeof(Elf64_Phdr))
		return problem_set(problem, -EBADMSG, "kcore: program headers at %#llx",
				   (unsigned long long)h.e_phoff);
	*ret_header = h;
	return 0;
}

/* A segment with bytes in the file. */
static int add_segment(struct kcore *kcore, const Elf64_Phdr *p, struct problem *problem)
{
	if (p->p_type != PT_LOAD || p->p_filesz == 0)
		return 0;
	if (p->p_vaddr + (p->p_filesz - 1) < p->p_vaddr || p->p_offset > INT64_MAX ||
	    p->p_filesz > INT64_MAX - p->p_offset)
		return problem_set(problem, -EBADMSG,
				   "kcore: segment of %llu bytes at offset %llu wraps around",
				   (unsigned long long)p->p_filesz,
				   (unsigned long long)p->p_offset);
	kcore->segments[kcore->n_segments++] = (struct kcore_segment){
		.ip = p->p_vaddr,
		.n_bytes = p->p_filesz,
		.file_off = p->p_offset,
	};
	return 0;
}

static int read_segments(struct kcore *kcore, const Elf64_Ehdr *h, struct problem *problem)
{
	size_t n_bytes = h->e_phnum * sizeof(Elf64_Phdr);
	cleanup(free_cleanup) Elf64_Phdr *phdrs = malloc(n_bytes + 1);
	int r;

	kcore->segments = calloc((size_t)h->e_phnum + 1, sizeof(*kcore->segments));
	if (!phdrs || !kcore->segments)
		return -ENOMEM;
	r = read_whole(kcore->fd, h->e_phoff, phdrs, n_bytes);
	if (r < 0)
		return problem_set(problem, r, "kcore: %s",
				   r == -EBADMSG ? "cut off in its program headers" : strerror(-r));
	for (size_t i = 0; r == 0 && i < h->e_phnum; i++)
		r = add_segment(kcore, &phdrs[i], problem);
	return r;
}

/* By address; of those that begin together the longest first. */
static int compare_segments(const void *a, const void *b)
{
	const struct kcore_segment *x = a, *y = b;

	if (x->ip != y->ip)
		return x->ip < y->ip ? -1 : 1;
	return (x->n_bytes < y->n_bytes) - (x->n_bytes > y->n_bytes);
}

/* Leaves of each segment what those before it do not have. */
static void make_disjoint(struct kcore *kcore)
{
	struct kcore_segment *s = kcore->segments;
	uint64_t last_ip = 0; /* of the last byte of the segments that are kept */
	size_t n_kept = 0;

	if (kcore->n_segments)
		qsort(s, kcore->n_segments, sizeof(*s), compare_segments);
	for (size_t i = 0; i < kcore->n_segments; i++) {
		struct kcore_segment next = s[i];
		uint64_t skip = 0;

		/* the last one may have been cut to begin behind this one, too */
		if (n_kept && next.ip <= last_ip) {
			if (last_ip - next.ip >= next.n_bytes - 1)
				continue;
			skip = last_ip - next.ip + 1;
		}
		next.ip += skip;
		next.file_off += skip;
		next.n_bytes -= skip;
		last_ip = next.ip + (next.n_bytes - 1);
		s[n_kept++] = next;
	}
	kcore->n_segments = n_kept;
}

int kcore_open(int fd, struct kcore **ret_kcore, struct problem *problem)
{
	cleanup(kcore_cleanup) struct kcore *kcore = calloc(1, sizeof(*kcore));
	Elf64_Ehdr header = { 0 };
	int r;

	if (!kcore)
		return -ENOMEM;
	kcore->fd = fd;
	r = read_header(fd, &header, problem);
	if (r == 0)
		r = read_segments(kcore, &header, problem);
	if (r < 0)
		return r;
	make_disjoint(kcore);
	*ret_kcore = steal_ptr(kcore);
	return 0;
}

void kcore_free(struct kcore *kcore)
{
	if (!kcore)
		return;
	free(kcore->segments);
	free(kcore);
}

/* The segment that has ip, or NULL. */
static const struct kcore_segment *find_segment(const struct kcore *kcore, uint64_t ip)
{
	size_t lo = 0, hi = kcore->n_segments;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (kcore->segments[mid].ip <= ip)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || ip - kcore->segments[lo - 1].ip >= kcore->segments[lo - 1].n_bytes)
		return NULL;
	return &kcore->segments[lo - 1];
}

/* The kernel says -EFAULT or -EIO of memory that it cannot read; a file just ends. */
static int read_some(const struct kcore *kcore, const struct kcore_segment *s, uint64_t ip,
		     void *buf, size_t n_bytes, size_t *ret_n_bytes)
{
	uint64_t at = ip - s->ip;
	ssize_t n;

	if (n_bytes > s->n_bytes - at)
		n_bytes = s->n_bytes - at;
	do
		n = pread(kcore->fd, buf, n_bytes, (off_t)(s->file_off + at));
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EFAULT && errno != EIO)
		return -errno;
	if (n <= 0)
		return KCORE_E_ABSENT;
	*ret_n_bytes = (size_t)n;
	return 0;
}

int kcore_read(const struct kcore *kcore, uint64_t ip, void *buf, size_t n_bytes,
	       size_t *ret_n_bytes)
{
	size_t n_read = 0;
	int r = 0;

	while (n_read < n_bytes && ip + n_read >= ip) {
		const struct kcore_segment *s = find_segment(kcore, ip + n_read);
		size_t n = 0;

		r = s ? read_some(kcore, s, ip + n_read, (uint8_t *)buf + n_read, n_bytes - n_read,
				  &n)
		      : KCORE_E_ABSENT;
		if (r != 0)
			break;
		n_read += n;
	}
	if (r < 0)
		return r;
	if (n_read == 0)
		return KCORE_E_ABSENT;
	*ret_n_bytes = n_read;
	return 0;
}

const struct kcore_segment *kcore_segments(const struct kcore *kcore, size_t *ret_n)
{
	*ret_n = kcore->n_segments;
	return kcore->segments;
}
