// SPDX-License-Identifier: GPL-2.0
/*
 * As lab_left, with other branches at other places: where counts of the two were mixed, they would
 * fit neither. And with jumps that are rewritten while it is loaded, some of them often: where the
 * file has a jump, a written 1 has the code after it run.
 */
#include <linux/fs.h>
#include <linux/jump_label.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#define N_STEPS 2000

static DEFINE_STATIC_KEY_FALSE(lab_is_written);

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
		if (static_branch_likely(&lab_is_written))
			seed += n;
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

static ssize_t lab_right_write(struct file *file, const char __user *from, size_t n, loff_t *pos)
{
	char digit;

	if (n == 0 || get_user(digit, from))
		return -EFAULT;
	if (digit == '1')
		static_branch_enable(&lab_is_written);
	else
		static_branch_disable(&lab_is_written);
	return n;
}

static const struct file_operations lab_right_fops = {
	.owner = THIS_MODULE,
	.read = lab_right_read,
	.write = lab_right_write,
};

static struct miscdevice lab_right_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lab_right",
	.fops = &lab_right_fops,
};

module_misc_device(lab_right_device);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("something to run");
