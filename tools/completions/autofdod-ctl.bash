# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# bash completion for autofdod-ctl. Needs nothing of the bash-completion package; held against
# autofdod-ctl --help by tests/man/ctl.

# _autofdod_ctl_value OPTION: fills COMPREPLY with values of OPTION that begin with $cur
_autofdod_ctl_value()
{
	case $1 in
	--format)
		mapfile -t COMPREPLY < <(compgen -W "extbinary unsymbolized" -- "$cur")
		;;
	--build-id)
		mapfile -t COMPREPLY < <(cd /var/lib/autofdod 2>/dev/null && compgen -d -- "$cur")
		;;
	-o | --output | --socket)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	esac
}

# _autofdod_ctl_command: the first word that is no option and no value of one
_autofdod_ctl_command()
{
	local i word value=no

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $value == yes && $word != "=" ]]; then
			value=no
			continue
		fi
		case $word in
		-o | -n | --output | --number | --format | --socket | --timeout | --interval | \
			--build-id)
			value=yes
			;;
		-* | =) ;;
		*)
			echo "$word"
			return
			;;
		esac
	done
}

_autofdod_ctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command words options

	COMPREPLY=()
	# "--format=te" comes as three words, since "=" is one of COMP_WORDBREAKS
	if [[ $cur == "=" ]]; then
		cur=
	elif [[ $before == "=" && $COMP_CWORD -ge 2 ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $before in
	-o | -n | --output | --number | --format | --socket | --timeout | --interval | --build-id)
		_autofdod_ctl_value "$before"
		return
		;;
	esac
	command=$(_autofdod_ctl_command)
	words=
	options="--json --socket= --timeout= --help --version"
	case $command in
	"") words="status dump top list metrics pause resume reset reload log-level" ;;
	dump) options+=" --format= --output=" ;;
	top) options+=" --interval= --number=" ;;
	list) options+=" --number= --build-id=" ;;
	log-level) words="error warning notice info debug" ;;
	esac
	[[ $cur != -* && -n $words ]] || words=$options
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}

complete -F _autofdod_ctl autofdod-ctl
