// SPDX-License-Identifier: GPL-2.0
/*
 * A module with something to run: each read of /dev/lab_left goes through some thousand branches.
 * lab_right, its like, is as large, so that it is loaded where this one was.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#define N_STEPS 2000

static noinline size_t lab_odd(size_t seed)
{
	return seed % 3 == 0 ? seed * 5 + 1 : seed * 3 + 1;
}

static noinline size_t lab_even(size_t seed)
{
	return seed % 7 == 0 ? seed + 11 : seed / 2;
}

static noinline size_t lab_left_walk(size_t seed)
{
	for (size_t i = 0; i < N_STEPS; i++)
		seed = seed & 1 ? lab_odd(seed) : lab_even(seed);
	return seed;
}

static ssize_t lab_left_read(struct file *file, char __user *to, size_t n, loff_t *pos)
{
	size_t sum = lab_left_walk(n + (size_t)*pos);

	if (n > sizeof(sum))
		n = sizeof(sum);
	*pos += n;
	return copy_to_user(to, &sum, n) ? -EFAULT : n;
}

static const struct file_operations lab_left_fops = {
	.owner = THIS_MODULE,
	.read = lab_left_read,
};

static struct miscdevice lab_left_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lab_left",
	.fops = &lab_left_fops,
};

module_misc_device(lab_left_device);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("something to run");
