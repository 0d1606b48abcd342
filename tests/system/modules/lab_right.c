// SPDX-License-Identifier: GPL-2.0
/*
 * As lab_left, with other branches at other places: where counts of the two were mixed, they would
 * fit neither.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#define N_STEPS 2000

static noinline size_t lab_third(size_t seed, size_t n)
{
	switch (seed % 5) {
	case 0:
		return seed * 31 + n;
	case 1:
		return seed ^ 7;
	case 2:
		return seed + n;
	default:
		return seed ^ (seed >> 3);
	}
}

static noinline size_t lab_right_walk(size_t seed)
{
	size_t n = N_STEPS;

	while (n > 0) {
		n--;
		seed = lab_third(seed, n);
		if (seed % 11 < 4)
			seed = lab_third(seed + 1, n) * 3;
	}
	return seed;
}

static ssize_t lab_right_read(struct file *file, char __user *to, size_t n, loff_t *pos)
{
	size_t sum = lab_right_walk(n + (size_t)*pos);

	if (n > sizeof(sum))
		n = sizeof(sum);
	*pos += n;
	return copy_to_user(to, &sum, n) ? -EFAULT : n;
}

static const struct file_operations lab_right_fops = {
	.owner = THIS_MODULE,
	.read = lab_right_read,
};

static struct miscdevice lab_right_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lab_right",
	.fops = &lab_right_fops,
};

module_misc_device(lab_right_device);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("something to run");
