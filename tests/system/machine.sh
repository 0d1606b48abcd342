# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# The machine of the live guests: an emulator with the virtual branch unit, one
# CPU after the other, in time that instructions make. Sourced after lib.sh by
# live and service, which set tools, kernel, timeout, n_cpus, cpu, manner, seed
# and period; and freeze=yes, if the unit is not to see its own deliveries.

# The processor that goes with a manner: one that the daemon knows as such.
set_manner() {
	manner=$1
	case $1 in
	lbr | old | brbe) cpu=Skylake-Client ;;
	archlbr) cpu=Skylake-Client,model=143 ;;		# Sapphire Rapids
	brs) cpu=EPYC-Milan ;;					# Zen 3
	lbrextv2 | lbrextv2-nofreeze) cpu=EPYC-Milan,model=17 ;; # Zen 4
	*) die "unknown manner '$1'; see --help" ;;
	esac
}

symbol() {
	awk -v name="$1" '$3 == name { print $1; exit }' "$kernel/System.map"
}

# The folder with the kernel's vmlinux as it goes into the guest.
reduced() {
	local key

	key=$(cache_key "$lab_dir/reduce-vmlinux" "$tools/reduce-vmlinux" < "$kernel/build-id")
	in_cache "vmlinux-$key" reduce
}

reduce() {
	"$lab_dir/reduce-vmlinux" "$kernel/vmlinux" "$1/vmlinux"
}

# run_machine DIR MEGABYTES APPEND OPTION...: until the guest stops it. Puts what
# the guest said into DIR/console.log, what it sent into DIR/out.tar, what the
# unit knows beside them.
#
# As record's machine, but for: one CPU a socket, which is what SeaBIOS lists
# without ACPI; a nanosecond for 1/8 instruction, so that the daemon's seconds
# pass (and none where nothing is to be done); the unit's memory, and a port to
# write files through. rdrand stays (QEMU makes it of the seed): without it the
# kernel looks for minutes for entropy in a clock that has none.
run_machine() {
	local dir=$1
	local n_mbytes=$2
	local append="console=ttyS0 reboot=t panic=-1 lab_branch_unit.manner=$manner $3"
	local plugin=$tools/branch-unit.so
	shift 3

	plugin+=",out=$dir,map=$kernel/System.map,memory=$dir/unit.memory,period=$period"
	plugin+=${freeze:+,freeze=$freeze}
	truncate -s 16M "$dir/unit.memory"
	timeout "$timeout" qemu-system-x86_64 -nodefaults -no-user-config -display none \
		-no-reboot -machine pc-i440fx-7.1 -m "$n_mbytes" \
		-smp "$n_cpus,sockets=$n_cpus" -cpu "$cpu" \
		-accel tcg,thread=single,tb-size=256 \
		-icount shift=3,sleep=off -rtc base=2025-01-01,clock=vm \
		-seed "$seed" -serial "file:$dir/console.log" \
		-object "memory-backend-file,id=unit,share=on,mem-path=$dir/unit.memory,size=16M" \
		-device ivshmem-plain,memdev=unit \
		-device virtio-serial-pci -chardev "file,id=out,path=$dir/out.tar" \
		-device virtserialport,chardev=out,name=out \
		-kernel "$kernel/bzImage" -append "$append" -plugin "$plugin" "$@" < /dev/null \
		2> "$dir/qemu.log" ||
		die "QEMU failed or took more than $timeout s: $(tail -n 3 "$dir/qemu.log" "$dir/console.log")"
}

# What would make everything else a lie.
check_machine() {
	local dir=$1

	grep -q '^lab: .* handed over' "$dir/console.log" ||
		die "the guest did not finish: $(tail -n 3 "$dir/console.log")"
	grep -q '"unexplained_transitions": 0$' "$dir/counts.json" ||
		die "the unit could not explain every transition, see $dir/counts.json"
	grep -q "\"text_ip\": \"0x$(sed -n 's/^lab: _text //p' "$dir/console.log" | tr -d '\r')\"" \
		"$dir/counts.json" || die "the unit's load base is not the guest's"
}

# With the options of the workload that ran.
write_recording() {
	"$tools/write-recording" "$1" "$1" \
		text="$(symbol _text)" edata="$(symbol _edata)" \
		build-id="$(< "$kernel/build-id")" \
		release="$(< "$kernel/release")" seed="$seed" mix="$mix" \
		amount="$amount" kaslr=on
}
