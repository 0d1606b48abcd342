# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# bash completion for autofdod-profgen: commands and options as its --help has them.

# _autofdod_profgen_help [COMMAND]: what its --help has, a word each
_autofdod_profgen_help()
{
	"${COMP_WORDS[0]}" ${1:+"$1"} --help 2>/dev/null |
		sed -n 's/^  *\(-[a-z], \)\{0,1\}\(--[a-z0-9-]*=\{0,1\}\).*/\2/p
			s/^  \([a-z][a-z-]*\)  .*/\1/p'
}

_autofdod_profgen()
{
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	# "--format=text" comes as three words, since "=" is one of COMP_WORDBREAKS
	if [[ $cur == "=" ]]; then
		cur=
	elif [[ $before == "=" && $COMP_CWORD -ge 2 ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [[ $before == --format ]]; then
		mapfile -t COMPREPLY < <(compgen -W "extbinary text unsymbolized bolt" -- "$cur")
	elif [[ $before == --compat ]]; then
		mapfile -t COMPREPLY < <(compgen -W "llvm-profgen" -- "$cur")
	elif [[ $COMP_CWORD -eq 1 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_autofdod_profgen_help)" -- "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$(_autofdod_profgen_help "${COMP_WORDS[1]}")" -- "$cur")
		[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] ||
			compopt -o nospace 2>/dev/null
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

complete -F _autofdod_profgen autofdod-profgen
