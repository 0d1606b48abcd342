# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# bash completion for autofdod: options as its --help has them.

_autofdod()
{
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} help

	COMPREPLY=()
	# "--mode=ip" comes as three words, since "=" is one of COMP_WORDBREAKS
	if [[ $cur == "=" ]]; then
		cur=
	elif [[ $before == "=" && $COMP_CWORD -ge 2 ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	help=$("${COMP_WORDS[0]}" --help 2>/dev/null)
	case $before in
	--mode)
		mapfile -t COMPREPLY < <(compgen -W "auto branch ip" -- "$cur")
		;;
	--log-level)
		mapfile -t COMPREPLY < <(compgen -W "error warning notice info debug" -- "$cur")
		;;
	--user)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		;;
	*)
		if [[ $before == --* && $help =~ "  $before="(FILE|DIR) ]]; then
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		elif [[ $before != --* || $help != *"  $before="* ]]; then
			help=$(sed -n 's/^  \(-[a-z], \)\{0,1\}\(--[a-z-]*=\{0,1\}\).*/\2/p' <<<"$help")
			mapfile -t COMPREPLY < <(compgen -W "$help" -- "$cur")
			[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] ||
				compopt -o nospace 2>/dev/null
		fi
		;;
	esac
}

complete -F _autofdod autofdod
